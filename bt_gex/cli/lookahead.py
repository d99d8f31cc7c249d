"""`bt-gex lookahead`: the look-ahead check of a strategy."""

from __future__ import annotations

from datetime import date

import click

from bt_gex.cli.common import DATE, FILLED, INDEX, cache_options, progress_bar
from bt_gex.cli.over_bars import OverBarsCommand
from bt_gex.cli.settings import settings_of
from bt_gex.errors import UsageError


@click.command(
    cls=OverBarsCommand,
    switch="--symbols",
    other="bt_gex.cli.bar_lookahead:bar_lookahead",
    epilog="Example: bt-gex lookahead my_strategy.py:PutsAtNoon --db blackbox.db "
    "--start 2026-01-12 --end 2026-01-16",
)
@click.argument("target", required=False, type=FILLED)
@click.option(
    "--db", "database", required=True, type=FILLED, help="SQLite blackbox, or a SQLAlchemy URL."
)
@click.option("--index", default="SPX", show_default=True, type=INDEX, help="SPX or NDX.")
@click.option(
    "--symbols", type=FILLED, metavar="SYM...", help="Over bars instead, of these symbols."
)
@click.option("--start", required=True, type=DATE, help="First session, YYYY-MM-DD.")
@click.option("--end", required=True, type=DATE, help="Last session, inclusive.")
@click.option(
    "--points",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Instants after which rows are perturbed; three runs each.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Seed of the instants and of the perturbed rows.",
)
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a setting.")
@click.option("--self-test", is_flag=True, help="Check the built-in controls instead of a TARGET.")
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def lookahead(
    target: str | None,
    database: str,
    index: str,
    symbols: str | None,
    start: date,
    end: date,
    points: int,
    seed: int,
    changes: tuple[str, ...],
    self_test: bool,
    cache_dir: str | None,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Check whether decisions of a strategy depend on later rows.

    TARGET is module:Name or path/to/file.py:Name: a bt.Strategy that runs on bt_gex's feeds, or a
    function called with the clock on every tick; GexStrategy when left out. The status is 0 when
    no decision changes as later rows are perturbed, else 1.
    """
    from bt_gex.blackbox.recording import Recording
    from bt_gex.config.run_config import RunConfig
    from bt_gex.lookahead.check import RecordedSessions, check_target
    from bt_gex.lookahead.check import self_test as check_controls
    from bt_gex.lookahead.target import OWN, find_target
    from bt_gex.reports.as_json import json_text, lookahead_content, self_test_content
    from bt_gex.reports.console.lookahead import headline, print_result, print_self_test
    from bt_gex.reports.console.run import make_console

    if self_test and target:
        raise UsageError(f"--self-test checks built-in controls; leave out {target} or --self-test")
    config = RunConfig(index=index, start=start, end=end, settings=settings_of(None, None, changes))
    chosen = find_target(target) if target else OWN
    with Recording(database, cache_dir, not no_cache, config.naive_zone) as recording:
        recording.require_index(index)
        wanted = recording.calendar(start, end)
        sessions = RecordedSessions(recording.sessions(index, wanted), config)
        with progress_bar(f"checking {'controls' if self_test else chosen.name}") as progress:
            how = {"points": points, "seed": seed}
            if self_test:
                found = check_controls(sessions, **how, progress=progress)
            else:
                result = check_target(sessions, chosen, **how, progress=progress)
    if self_test:
        if as_json:
            click.echo(json_text(self_test_content(found)))
        else:
            print_self_test(found, make_console())
        return 0 if all(one.is_as_expected for one in found) else 1
    if as_json:
        click.echo(json_text(lookahead_content(result, headline(result))))
    else:
        print_result(result, make_console())
    return 0 if result.outcome == "clean" else 1
