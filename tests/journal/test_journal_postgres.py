"""The journal in PostgreSQL, where one is running."""

from __future__ import annotations

import pytest
from journal.contract import JournalContract, Make
from journal.places import Place


class TestPostgresJournal(JournalContract):
    @pytest.fixture
    def make(self, postgres_place: Place) -> Make:
        return postgres_place.open
