"""The journal in memory."""

from __future__ import annotations

from typing import Any

import pytest
from journal.contract import JournalContract, Make

from bt_gex.journal.base import Journal
from bt_gex.journal.memory import MemoryJournal


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def make(self) -> Make:
        """Opened again it has the same records: its storage is the first one's tables."""
        first: list[MemoryJournal] = []

        def opened(**options: Any) -> Journal:
            journal = MemoryJournal(**options)
            if first:
                journal._tables = first[0]._tables
            first.append(journal)
            return journal

        return opened
