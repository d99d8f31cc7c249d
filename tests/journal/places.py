"""A database to keep a journal in, and the journals a test has opened on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from journal.desk import WORKSPACE, Desk

from bt_gex.journal.sql import SqlJournal


class Place:
    """Opens journals on one database, and closes them all in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened: list[SqlJournal] = []

    def open(self, **options: Any) -> SqlJournal:
        self.opened.append(SqlJournal(self.url, **options))
        return self.opened[-1]

    def desk(self, workspace: UUID = WORKSPACE, **options: Any) -> Desk:
        return Desk(self.open(**options), workspace)

    def close(self) -> None:
        for journal in self.opened:
            journal.close()

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.url.removeprefix("sqlite:///"))
