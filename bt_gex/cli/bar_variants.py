"""`bt-gex sweep --strategy` and `bt-gex walkforward --strategy`: many settings over bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.backtest import SymbolsCommand, bar_options, bar_target, own_errors
from bt_gex.cli.common import FILLED, Verb, list_files, progress_bar

if TYPE_CHECKING:
    from bt_gex.sweeps.bar_engine import BarEngine
    from bt_gex.sweeps.bar_plan import BarPlan


def _plan_options(command: Verb) -> Verb:
    for option in reversed(
        (
            click.option("--strategy", required=True, type=FILLED,
                         help="orb, mean-reversion, breakout-52w-high, or file.py:Name."),
            click.option("--grid", "grids", multiple=True, metavar="NAME=VALUES",
                         help="Sweep a setting: 5,15,30 or 5:60:5; may be repeated."),
            click.option("--ablation", is_flag=True,
                         help="Also the first grid point with each setting put back in turn."),
            click.option("--max-variants", type=click.IntRange(min=1), metavar="N",
                         help="Run only the first N variants."),
            click.option("--objective", type=FILLED,
                         help="What is maximised, also total_r; summed over symbols."),
            click.option("--workers", type=click.IntRange(min=1), default=1, metavar="N",
                         show_default=True, help="Processes; the same result."),
            click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(cls=SymbolsCommand)
@click.argument("action", required=False, default="run", type=click.Choice(["run", "plan"]))
@bar_options
@_plan_options
@click.option("--resume", is_flag=True, help="Go on where the same sweep has ended before.")
@click.option("--out", default="sweeps", type=FILLED, show_default=True, help="Folder for its own.")
def bar_sweep(
    action: str, strategy: str, workers: int, as_json: bool, resume: bool, out: str, **words: object
) -> None:
    """Run every combination of the settings given over the bars of symbols.

    Example: bt-gex sweep --strategy orb --symbols SPY QQQ --start 2026-01-12 --end 2026-01-16
    --synthetic --grid orb.base_minutes=5,15,30
    """
    from bt_gex.reports.console.bar_sweep import print_bar_plan, print_bar_sweep
    from bt_gex.reports.console.run import make_console
    from bt_gex.sweeps.bar_sweep import run_bar_sweep
    from bt_gex.trades.codec import to_json

    with own_errors(strategy):
        engine, plan = _engine_and_plan(strategy, words)
        if action == "plan":
            print_bar_plan(plan, make_console())
            return
        with _progress("sweeping") as progress:
            result = run_bar_sweep(
                engine, plan, out, workers=workers, resume=resume, progress=progress
            )
    if as_json:
        content = {"name": result.name, "summary": to_json(result.summary), "config": result.best,
                   "variants": result.rows}  # fmt: skip
        click.echo(json.dumps(content, indent=1, allow_nan=False))
        return
    print_bar_sweep(result, make_console())
    list_files(result.folder)


@click.command(cls=SymbolsCommand)
@bar_options
@_plan_options
@click.option("--train", type=click.IntRange(min=1), required=True, help="Sessions to pick on.")
@click.option("--test", type=click.IntRange(min=1), required=True, help="Sessions to trade.")
@click.option("--anchored", is_flag=True, help="Every train window begins with the first session.")
@click.option("--embargo", type=click.IntRange(min=0), default=0, show_default=True,
              help="Sessions left out between train and test.")  # fmt: skip
@click.option(
    "--out", default="walkforwards", type=FILLED, show_default=True, help="Folder for its own."
)
def bar_walkforward(
    strategy: str,
    workers: int,
    as_json: bool,
    train: int,
    test: int,
    anchored: bool,
    embargo: int,
    out: str,
    **words: object,
) -> None:
    """Pick the best settings on past sessions, trade them on the next ones, over bars.

    Example: bt-gex walkforward --strategy orb --symbols SPY --start 2026-01-02 --end 2026-01-30
    --synthetic --grid orb.base_minutes=5,15,30 --train 10 --test 5
    """
    from bt_gex.reports.console.bar_sweep import print_bar_walkforward
    from bt_gex.reports.console.run import make_console
    from bt_gex.storage.atomic import check_writable
    from bt_gex.sweeps.bar_walkforward import run_bar_walkforward

    check_writable(Path(out))
    with own_errors(strategy):
        engine, plan = _engine_and_plan(strategy, words, train)
        with _progress("walking forward") as progress:
            result = run_bar_walkforward(
                engine, plan, train=train, test=test, anchored=anchored, embargo=embargo,
                workers=workers, progress=progress,
            )  # fmt: skip
    result = result.save(Path(out))
    if as_json:
        assert result.folder
        click.echo((result.folder / "summary.json").read_text("utf-8"), nl=False)
        return
    print_bar_walkforward(result, make_console())
    list_files(result.folder)


def _engine_and_plan(
    strategy: str, words: dict[str, Any], ranked_on: int | None = None
) -> tuple[BarEngine, BarPlan]:
    """ranked_on: sessions variants are ranked on; None: all there are."""
    from bt_gex.sweeps.bar_engine import BarEngine
    from bt_gex.sweeps.bar_plan import make_bar_plan, parse_bar_grid

    config, own, source = bar_target(strategy, words)
    engine = BarEngine(source, config, own)
    grid = parse_bar_grid(words["grids"], config)
    sessions = ranked_on if ranked_on is not None else len(engine.sessions(config))
    plan = make_bar_plan(
        config, grid, ablation=words["ablation"], max_variants=words["max_variants"],
        objective=words["objective"], sessions=sessions,
    )  # fmt: skip
    return engine, plan


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int, int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    with progress_bar(name) as bar:
        yield (lambda what, done, total: bar(done, total)) if bar else None


def is_bar_variants(folder: Path) -> bool:
    """Whether a folder of a sweep or a walk-forward is one over bars."""
    from bt_gex.storage.reading import read_mapping

    return "strategy" in read_mapping(folder / "plan.yaml")


def show_bar_variants(folder: Path, as_json: bool) -> None:
    """Print a sweep or a walk-forward over bars again."""
    from bt_gex.reports.console.bar_sweep import print_bar_sweep, print_bar_walkforward
    from bt_gex.reports.console.run import make_console
    from bt_gex.sweeps.bar_sweep import BarSweep
    from bt_gex.sweeps.bar_walkforward import BarWalkForward

    if as_json:
        click.echo((folder / "summary.json").read_text("utf-8"), nl=False)
    elif (folder / "variants.parquet").exists():
        print_bar_sweep(BarSweep.load(folder), make_console())
    else:
        print_bar_walkforward(BarWalkForward.load(folder), make_console())
