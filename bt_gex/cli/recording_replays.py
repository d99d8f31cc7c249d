"""`bt-gex session replay|sweep|compare|demo`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from bt_gex.cli.common import FILLED, list_files, progress_bar
from bt_gex.cli.recordings import (
    opened_store,
    own_strategy,
    parsed_changes,
    parsed_value,
    recordings_options,
)
from bt_gex.errors import UsageError

ID = click.argument("recording_id", metavar="ID", type=FILLED)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
CHANGES = click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a parameter."
)
STRATEGY = click.option(
    "--strategy", type=FILLED, help="Another strategy: a name, or my.py:MyStrategy."
)
INCOMPLETE = click.option(
    "--allow-incomplete", is_flag=True, help="Replay a failed or interrupted recording, too."
)


@click.command(epilog="Example: bt-gex session replay ID --set bb_std=2 --set position_size=15")
@ID
@CHANGES
@STRATEGY
@click.option("--description", type=FILLED, help="Kept with the replay.")
@INCOMPLETE
@recordings_options
@JSON
def replay(
    recording_id: str,
    changes: tuple[str, ...],
    strategy: str | None,
    description: str | None,
    allow_incomplete: bool,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Run a recorded session again, and show what is different.

    Without --set it is the session again, trade by trade. The replay is kept with the recording.
    """
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_replay
    from bt_gex.reports.console.run import make_console
    from bt_gex.runs.session_replayer import SessionReplayer

    with opened_store(recordings_url, home) as store:
        made = SessionReplayer(store, recording_id, allow_incomplete=allow_incomplete)
        made.set_parameters(parsed_changes(changes))
        result = made.replay(own_strategy(strategy), description=description)
    if as_json:
        click.echo(json_text(result))
    else:
        print_replay(result, make_console())


@click.command(epilog="Example: bt-gex session sweep ID --grid bb_std=2,2.5 --workers 2")
@ID
@click.option("--grid", multiple=True, required=True, metavar="NAME=VALUES", help="a,b,c.")
@STRATEGY
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@INCOMPLETE
@recordings_options
@JSON
def sweep(
    recording_id: str,
    grid: tuple[str, ...],
    strategy: str | None,
    workers: int,
    allow_incomplete: bool,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Replay a recording with every combination of parameters.

    What is stored is not run again.
    """
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_sweep
    from bt_gex.reports.console.run import make_console
    from bt_gex.runs.replay_many import replay_many

    values = _grid(grid)
    with (
        opened_store(recordings_url, home) as store,
        progress_bar("replaying") as progress,
    ):
        found = replay_many(
            store, recording_id, values, strategy=own_strategy(strategy), workers=workers,
            allow_incomplete=allow_incomplete, progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(json_text({"replays": found}))
    else:
        print_sweep(found, make_console())


def _grid(words: Sequence[str]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not name.strip() or name.strip() in found or not values.strip():
            raise UsageError(f"--grid takes NAME=VALUES such as bb_std=2,2.5; got {word!r}")
        found[name.strip()] = [parsed_value(value) for value in values.split(",")]
    return found


@click.command(
    epilog="Example: bt-gex session compare ID --run bb_std=2 --run bb_std=2,position_size=15"
)
@ID
@click.option(
    "--run",
    "runs",
    multiple=True,
    required=True,
    metavar="[STRATEGY@]NAME=VALUE,…",
    help="One run: parameters, a strategy, or both as STRATEGY@NAME=VALUE; may be repeated.",
)
@INCOMPLETE
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the comparison.")
@recordings_options
@JSON
def compare(
    recording_id: str,
    runs: tuple[str, ...],
    allow_incomplete: bool,
    output: Path | None,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Compare strategies or parameters on one recorded market.

    The folder holds every run's trades and a picture of price, entries, exits and summed P&L.
    """
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_comparison
    from bt_gex.reports.console.run import make_console
    from bt_gex.runs.session_comparison import compare_strategies

    wanted = [_run(text) for text in runs]
    with opened_store(recordings_url, home) as store:
        found = compare_strategies(store, recording_id, wanted, allow_incomplete=allow_incomplete)
    if output:
        found.save(output, {"comparison.png": partial(_draw, found)})
    if as_json:
        click.echo(json_text(found.to_json()))
        return
    print_comparison(found, make_console())
    list_files(output)


def _run(text: str) -> tuple[object, dict[str, object]]:
    strategy, at, parameters = text.rpartition("@")
    if not at and "=" not in parameters:
        strategy, parameters = parameters, ""
    changes = [part for part in parameters.split(",") if part]
    return own_strategy(strategy or None), parsed_changes(changes)


def _draw(found: Any, path: Path) -> None:
    from bt_gex.reports.charts.pictures import save_png
    from bt_gex.reports.charts.recordings import comparison_figure

    save_png(comparison_figure(found), path)


@click.command(epilog="Example: bt-gex session demo -o demo")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the comparison.")
@recordings_options
def demo(output: Path | None, recordings_url: str | None, home: Path) -> None:
    """Record a synthetic session, replay it, compare strategies.

    The strategy is mean reversion; the replay has other parameters.
    """
    from bt_gex.reports.console.recordings import print_comparison, print_replay
    from bt_gex.reports.console.run import make_console
    from bt_gex.runs.session_comparison import compare_strategies
    from bt_gex.runs.session_demo import record_demo
    from bt_gex.runs.session_replayer import SessionReplayer

    console = make_console()
    with opened_store(recordings_url, home) as store:
        name = record_demo(store)
        click.echo(f"recorded: {name}, two synthetic symbols, in {store.name}\n")
        made = SessionReplayer(store, name)
        made.set_parameters({"bb_std": 1.5, "position_size": 15})
        print_replay(made.replay(description="narrower bands, larger positions"), console)
        sets: list[dict[str, object]] = [
            {},
            {"bb_std": 1.5, "position_size": 15},
            {"direction": "both"},
        ]
        found = compare_strategies(store, name, [(None, changes) for changes in sets], save=False)
    print_comparison(found, console)
    if output:
        found.save(output, {"comparison.png": partial(_draw, found)})
        list_files(output)
    click.echo(f"\nnext: bt-gex session replay {name} --set stop_loss_pct=0.5")
