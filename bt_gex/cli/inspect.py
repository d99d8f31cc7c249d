"""`bt-gex inspect`: what is in a blackbox, before anyone replays it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.common import DATE, FILLED, INDEX
from bt_gex.errors import BadValue

if TYPE_CHECKING:
    from bt_gex.blackbox.coverage_records import CoverageParams


@click.command()
@click.argument("database", metavar="DB")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    type=INDEX,
    help="Only this index, repeatable: --index SPX --index NDX. Without it all of them.",
)
@click.option("--start", type=DATE, help="First session date: --start 2026-01-12.")
@click.option("--end", type=DATE, help="Last session date, inclusive: --end 2026-01-16.")
@click.option("--profile", type=FILLED, help="Named defaults: standard (default) or parity.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, as of a run: --set data.quote_max_age_s=60.",
)
@click.option(
    "--config",
    "config_file",
    type=FILLED,
    help="YAML file with settings, as of a run; options win over it.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object instead of tables: --json > coverage.json.",
)
def inspect(
    database: str,
    indexes: tuple[str, ...],
    start: date | None,
    end: date | None,
    profile: str | None,
    changes: tuple[str, ...],
    config_file: str | None,
    as_json: bool,
) -> None:
    """Show what a database holds, and what is missing or odd in it.

    DB is a SQLite file or a database URL. It is only read. Times are New York's. What is known at a
    bar, and at which check times, follows the settings of a run. A folder of bars is inspected by
    its symbols, for which --index stands then; settings don't concern it.

    Example: bt-gex inspect blackbox.db --index SPX --start 2026-01-12 --end 2026-01-16
    """
    from rich.console import Console

    if Path(database).is_dir():
        if profile or changes or config_file:
            raise BadValue(f"{database} is a folder of bars: leave --profile, --set, --config out")
        _inspect_bars(database, indexes, start, end, as_json)
        return
    from bt_gex.blackbox.coverage import read_coverage
    from bt_gex.blackbox.gap_causes import gap_causes
    from bt_gex.blackbox.reader import Blackbox
    from bt_gex.reports.console.coverage import cause_lines, print_coverage, record
    from bt_gex.reports.console.run import make_console
    from bt_gex.trades.codec import to_json

    typed = {"start": start, "end": end, "profile": profile}
    given, params = _asked(
        {name: value for name, value in typed.items() if value}, changes, config_file
    )
    symbols = indexes or ((given["index"],) if "index" in given else ())
    busy = Console(stderr=True).status(f"reading {database}")
    with Blackbox(database, params.zone) as box, busy:
        found = read_coverage(
            box,
            symbols,
            given.get("start"),
            given.get("end"),
            progress=lambda symbol, day: busy.update(f"reading {symbol} {day}"),
            params=params,
        )
        name = box.name
        causes = gap_causes(database, found)
    if as_json:
        content = record(found, name)
        if causes:  # where the recorder kept what failed
            content["gap_causes"] = [to_json(one) for one in causes]
        click.echo(json.dumps(content, indent=1, allow_nan=False))
    else:
        print_coverage(found, name, make_console())
        for line in cause_lines(causes):
            click.echo(line)


def _inspect_bars(
    folder: str, symbols: tuple[str, ...], start: date | None, end: date | None, as_json: bool
) -> None:
    from bt_gex.bars.coverage import read_bar_coverage
    from bt_gex.bars.files import FolderBars
    from bt_gex.bars.source import FIRST_DAY, LAST_DAY
    from bt_gex.reports.console.bars import bar_record, print_bar_coverage
    from bt_gex.reports.console.run import make_console

    source = FolderBars(folder)
    found = read_bar_coverage(source, symbols, start or FIRST_DAY, end or LAST_DAY)
    if as_json:
        click.echo(json.dumps(bar_record(found, folder), indent=1, allow_nan=False))
    else:
        print_bar_coverage(found, folder, make_console())


def _asked(
    typed: dict[str, Any], changes: tuple[str, ...], config_file: str | None
) -> tuple[dict[str, Any], CoverageParams]:
    """Index and dates where they are given, and what is known when by the settings."""
    from bt_gex.blackbox.coverage_records import CoverageParams
    from bt_gex.cli.settings import settings_of
    from bt_gex.config.files import ConfigFile, read_config
    from bt_gex.config.run_config import RunConfig, as_date

    file = read_config(config_file) if config_file else ConfigFile()
    given = {**file.plain, **typed}
    for name in ("start", "end"):
        if name in given:
            given[name] = as_date(given[name], name)
    any_day = date(2000, 1, 3)  # a configuration needs one; no setting depends on it

    def config_for(symbol: str) -> RunConfig:
        return RunConfig(
            index=symbol, start=any_day, end=any_day, profile=given.get("profile", "standard"),
            settings={**file.settings, **settings_of(None, None, changes)}, indexes=file.indexes,
        )  # fmt: skip

    config = config_for("SPX")
    own = {symbol: config_for(symbol).index_spec for symbol in file.indexes}
    params = CoverageParams(
        load=config.load_params,
        entry=config.entry,
        exit=config.exit,
        indexes=own,
        zone=config.naive_zone,
    )
    return given, params
