"""`bt-gex compare`: two runs, or a run and a user's list of trades."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bt_gex.cli.bar_views import compare_bars, is_of_bars
from bt_gex.cli.common import DATE, FILLED
from bt_gex.errors import BadValue, OutputError, UsageError

if TYPE_CHECKING:
    from bt_gex.compare.records import Side
    from bt_gex.compare.trade_list import Reading, TradeList

PLACE = click.Path(path_type=Path)
OF_LISTS = ("columns", "zone", "day", "within")  # options that two runs have no use for


@click.command()
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@click.option(
    "--columns",
    type=FILLED,
    metavar="FIELD=COLUMN,...",
    help="Columns of the list that are not known by their names.",
)
@click.option("--zone", type=FILLED, help="Zone of the list's times without an offset: UTC.")
@click.option("--date", "day", type=DATE, help="Date of the list's times without one.")
@click.option(
    "--within",
    type=click.IntRange(0, 43_200),
    default=60,
    show_default=True,
    help="Seconds the times of run and list may lie apart.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.pass_context
def compare(
    ctx: click.Context,
    a: Path,
    b: Path,
    columns: str | None,
    zone: str | None,
    day: date | None,
    within: int,
    as_json: bool,
) -> None:
    """Compare a run with another, or with a list of trades (CSV).

    Shows which trades differ, what changed each, and what that makes of the P&L.

    The status is 0 when nothing differs, 1 when anything does, 2 when they cannot be compared.

    Example: bt-gex compare runs/SPX-20260112-20260112-0123456789 trades.csv --zone UTC
    """
    from bt_gex.compare.comparison import compare as compare_sides
    from bt_gex.compare.trade_list import Reading
    from bt_gex.reports.console.comparison import comparison_json, print_comparison
    from bt_gex.reports.console.run import make_console

    _check_options(ctx, a, b)
    if of_bars := [place for place in (a, b) if is_of_bars(place)]:
        if len(of_bars) < 2:
            raise UsageError(f"{of_bars[0]} is a backtest over bars; compare it with another one")
        ctx.exit(0 if compare_bars(a, b, as_json) else 1)
    reading = Reading(columns=_columns(columns), zone=zone, day=day)
    one, two, listed = _sides(a, b, reading)
    found = compare_sides(one, two, within_s=0 if listed is None else within)
    if as_json:
        click.echo(json.dumps(comparison_json(found, listed), indent=1, allow_nan=False))
    else:
        print_comparison(found, make_console(), listed)
    ctx.exit(0 if found.identical else 1)


def _check_options(ctx: click.Context, a: Path, b: Path) -> None:
    """Raise UsageError for what cannot be compared, or not in that way."""
    for place in (a, b):
        if not place.exists():
            raise UsageError(f"{place} does not exist; give the folder of a run, or a CSV file")
    if not (a.is_dir() or b.is_dir()):
        raise UsageError(f"{a} and {b} are files; give the folder of a run as one of the two")
    for name in OF_LISTS if a.is_dir() and b.is_dir() else ():
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = "date" if name == "day" else name
            raise UsageError(f"--{option} is for lists of trades; {a} and {b} are folders of runs")


def _columns(text: str | None) -> dict[str, str]:
    """Columns by field, as typed; quotes hold a name with a comma together."""
    found: dict[str, str] = {}
    for part in next(csv.reader([text])) if text else ():
        name, equals, column = part.partition("=")
        if not equals or not name.strip():
            raise BadValue(f"--columns must be FIELD=COLUMN,..., got {part!r}")
        found[name.strip()] = column.strip()
    return found


def _sides(a: Path, b: Path, reading: Reading) -> tuple[Side, Side, TradeList | None]:
    """Both sides, and the one that is a list."""
    from dataclasses import replace

    from bt_gex.compare.sides import list_side
    from bt_gex.compare.trade_list import read_trade_list

    runs = {place: _load(place) for place in (a, b) if place.is_dir()}
    if a.is_dir() and b.is_dir():
        return runs[a], runs[b], None
    (run,) = runs.values()
    path = b if a.is_dir() else a
    listed = read_trade_list(path, replace(reading, index=run.index, multiplier=run.multiplier))
    other = list_side(listed, run)
    return (run, other, listed) if a.is_dir() else (other, run, listed)


def _load(place: Path) -> Side:
    """A saved run; what cannot be read is status 2 here, as 1 says that something differs."""
    from bt_gex.compare.sides import run_side
    from bt_gex.results.result import RunResult

    try:
        return run_side(RunResult.load(place))
    except OutputError as error:
        raise UsageError(str(error)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{place} is not a readable run: {error} is missing in it") from error
    except ValueError as error:
        raise UsageError(f"{place} is not a readable run: {error}") from error
