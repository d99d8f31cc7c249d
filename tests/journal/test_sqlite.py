"""The journal in a SQLite file."""

from __future__ import annotations

import pytest
from journal.contract import JournalContract, Make
from journal.places import Place


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def make(self, sqlite_place: Place) -> Make:
        return sqlite_place.open
