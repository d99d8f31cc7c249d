"""Entries that were sent and wait for the bar on which they are priced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bt_gex.errors import EngineError
from bt_gex.feeds.legs import SpreadFeed


class Pending(NamedTuple):
    """An entry that fills, or is refused, on a later bar of its session."""

    order: Any
    feed: SpreadFeed
    quantity: int
    due_row: int

    @property
    def rows_overdue(self) -> int:
        """Bars since the one it is due on; negative before it."""
        return self.feed.clock.now().row - self.due_row


class PendingEntries:
    """Entries in the order in which they were sent."""

    def __init__(self) -> None:
        self._entries: list[Pending] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, pending: Pending) -> None:
        self._entries.append(pending)

    def take_due(self, wanted: Callable[[Any], bool]) -> list[Pending]:
        """Take out those that are due and whose order is wanted."""
        due: list[Pending] = []
        left: list[Pending] = []
        for pending in self._entries:
            is_due = pending.rows_overdue >= 0 and wanted(pending.order)
            (due if is_due else left).append(pending)
        self._entries = left
        return due

    def refuse_overdue(self) -> None:
        """Raise EngineError for an entry whose bar passed without being priced."""
        for pending in self._entries:
            if pending.rows_overdue > 0:
                raise EngineError(
                    f"the entry {pending.feed.name} was sent with after_exits=True and its bar is "
                    "over; call the broker's enter_due() on every bar, or send it without"
                )
