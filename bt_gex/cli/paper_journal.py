"""What verbs of paper accounts share: the journal they work on, and which account is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from bt_gex.cli.common import FILLED, Verb, home_option
from bt_gex.errors import DataError

if TYPE_CHECKING:
    from bt_gex.journal.base import Journal

AMOUNT = click.FloatRange(min=0, min_open=True)


def journal_options(command: Verb) -> Verb:
    """The options that name a journal: `journal_url` and `home`."""
    for option in (
        home_option,
        click.option(
            "--journal",
            "journal_url",
            type=FILLED,
            metavar="URL",
            help="SQLite file or database URL of the journal; the home's by default.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def opened_journal(
    journal_url: str | None, home: Path, *, writes: bool, starting_equity: float = 10_000.0
) -> Iterator[Journal]:
    """The journal that is meant; made where it is written to and does not exist yet.

    Raises DataError for one that is only read and does not exist.
    """
    from bt_gex.config.home import journal_path
    from bt_gex.journal.sql import SqlJournal

    target = journal_url
    if target is None and writes:
        path = journal_path(home)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = str(path)
    elif target is None:
        target = existing_journal(home)
    journal = SqlJournal(
        target, starting_equity=Decimal(repr(starting_equity)), read_only=not writes
    )
    try:
        yield journal
    finally:
        journal.close()


def existing_journal(home: Path) -> str:
    """The home's journal. Raises DataError where there is none."""
    from bt_gex.config.home import journal_path

    path = journal_path(home)
    if not path.exists():
        raise DataError(f"{path}: no journal yet; nothing was traded on paper here")
    return str(path)


def chosen_workspace(journal: Journal, given: UUID | None, home: Path) -> UUID:
    """The workspace that was given, else the newest session's, else the one that was opened last.

    Raises DataError where there is none.
    """
    from bt_gex.journal.base import ALL_WORKSPACES, Query
    from bt_gex.live.store import newest_workspace

    if given is not None:
        return given
    of_session = newest_workspace(home)
    if of_session is not None and of_session in journal.workspaces():
        return of_session
    opened = journal.records(Query(types=("workspace_opened",), newest=True))
    for record in opened:
        if record.workspace_id != str(ALL_WORKSPACES):
            return UUID(record.workspace_id)
    raise DataError("the journal has no workspace yet; name one")
