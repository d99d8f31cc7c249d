"""`bt-gex cache`: what the day cache holds, and emptying it."""

from __future__ import annotations

from pathlib import Path

import click

from bt_gex.cli.common import FILLED
from bt_gex.errors import UsageError


@click.command(epilog="Example: bt-gex cache info")
@click.argument("action", type=click.Choice(["info", "clear"]))
@click.option(
    "--cache-dir", type=FILLED, help="Folder of the day cache; the user's cache folder by default."
)
@click.option("--db", "database", type=FILLED, help="Clear only what was read from this database.")
def cache(action: str, cache_dir: str | None, database: str | None) -> None:
    """Show what the day cache holds (info), or empty it (clear).

    Sessions once read from a SQLite blackbox are kept as files, so that the next run starts at
    once. A file counts only while its database has not changed; deleting it costs time, no data.
    """
    from bt_gex.blackbox.cache import DayCache, default_folder

    kept = DayCache(Path(cache_dir) if cache_dir else default_folder())
    if action == "clear":
        sessions, size = kept.clear(str(Path(database).resolve()) if database else None)
        click.echo(f"{kept.root}: {_amount(sessions, size)} deleted")
        return
    if database:
        raise UsageError("--db belongs to `cache clear`; `cache info` lists every database")
    databases = list(kept.databases())
    sessions = sum(one.sessions for one in databases)
    click.echo(f"{kept.root}: {_amount(sessions, sum(one.size_bytes for one in databases))}")
    for one in databases:
        gone = "" if one.exists else "; the database is gone"
        click.echo(f"  {one.name}: {_amount(one.sessions, one.size_bytes)}{gone}")


def _amount(sessions: int, size_bytes: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'}, {size_bytes / 1e6:,.1f} MB"
