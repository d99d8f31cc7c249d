"""Rebuilding an account from its fills alone, and comparing it with the one that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from bt_gex.errors import LedgerError
from bt_gex.ledger.amounts import ZERO
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.commands import PAPER
from bt_gex.ledger.events import (
    EpochStarted,
    Event,
    LongFilled,
    PositionAfter,
    SpreadFilled,
    StateReconciled,
    WorkspaceOpened,
)
from bt_gex.ledger.positions import differs, position_after


@dataclass(slots=True)
class Rebuild:
    """The newest book of a workspace, rebuilt from its ORDER_FILLED events one by one.

    Fills of another mode, and further fills of the same order, are left out; a fill that does not
    fit is an error and is not booked. Positions written beside the fills are compared.
    """

    mode: str = PAPER
    book: Book = field(default_factory=lambda: fresh_book(ZERO))
    fills: int = 0
    orders: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    expected: PositionAfter | None = None
    last: Event | None = None

    def take(self, event: Event) -> None:
        """The next event of the workspace, of whatever type."""
        body, self.last = event.body, event
        if isinstance(body, (WorkspaceOpened, EpochStarted)):
            self.book = fresh_book(body.starting_equity)
            self.fills, self.orders, self.errors, self.differences = 0, set(), [], []
        elif isinstance(body, PositionAfter) and self.expected is not None:
            if differs(body, self.expected):
                self.differences.append(
                    f"event {event.seq}: {event.type} is not what the fill left"
                )
            self.expected = None
        elif isinstance(body, (LongFilled, SpreadFilled)):
            self.fills += 1
            if body.mode == self.mode and body.order_id not in self.orders:
                self._book(event, body)

    def _book(self, event: Event, fill: LongFilled | SpreadFilled) -> None:
        try:
            after = booked(self.book, fill)
        except LedgerError as error:
            self.errors.append(f"event {event.seq}: {error}")
            return
        self.expected = position_after(self.book, after, fill)
        self.orders.add(fill.order_id)
        self.book = after

    def outcome(self, live: Book) -> StateReconciled:
        """What was rebuilt, compared with the book it should be."""
        book, errors = self.book, tuple(self.errors)
        differences = (*self.differences, *_differences(book, live))
        return StateReconciled(
            events_replayed=self.fills,
            orders_rebuilt=len(self.orders),
            positions_rebuilt=sum(p.quantity > 0 for p in book.longs.values()) + len(book.spreads),
            cash_after=book.cash,
            realized_pnl_after=book.realized_pnl,
            verified=not errors and not differences,
            last_seq=self.last.seq if self.last else 0,
            last_event_at=self.last.at if self.last else None,
            errors=errors,
            differences=differences,
        )


def _differences(rebuilt: Book, live: Book) -> Iterator[str]:
    for column in fields(Book):
        here, there = getattr(rebuilt, column.name), getattr(live, column.name)
        if here != there:
            yield f"{column.name}: {there} shown, {here} rebuilt from the fills"
