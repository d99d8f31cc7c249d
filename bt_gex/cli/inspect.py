"""`bt-gex inspect`: what is in a blackbox, before anyone replays it."""

from __future__ import annotations

import json
from datetime import date

import click

from bt_gex.cli.common import DATE, INDEX


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
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object instead of tables: --json > coverage.json.",
)
def inspect(
    database: str, indexes: tuple[str, ...], start: date | None, end: date | None, as_json: bool
) -> None:
    """Show what DB holds, session by session, and what is missing or odd in it.

    DB is a SQLite file or a database URL. It is only read. Times are New York's.

    Example: bt-gex inspect blackbox.db --index SPX --start 2026-01-12 --end 2026-01-16
    """
    from rich.console import Console

    from bt_gex.blackbox.coverage import read_coverage
    from bt_gex.blackbox.reader import Blackbox
    from bt_gex.reports.console.coverage import print_coverage, record
    from bt_gex.reports.console.run import make_console

    busy = Console(stderr=True).status(f"reading {database}")
    with Blackbox(database) as box, busy:
        found = read_coverage(
            box,
            indexes,
            start,
            end,
            progress=lambda symbol, day: busy.update(f"reading {symbol} {day}"),
        )
        name = box.name
    if as_json:
        click.echo(json.dumps(record(found, name), indent=1, allow_nan=False))
    else:
        print_coverage(found, name, make_console())
