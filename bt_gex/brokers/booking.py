"""Bookkeepers of a SpreadBroker: they book the fills it has decided, or refuse them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bt_gex.feeds.legs import SpreadFeed
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.events import FillKind, Side, SpreadFilled
from bt_gex.market.calendar import utc
from bt_gex.trades.reasons import SkipKind


class Refusal(NamedTuple):
    """Why an order is not filled. kind: None where no rule for entries has a name for it."""

    kind: SkipKind | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadOrder:
    """An order on the bar on which it fills, or is refused.

    side        sell opens the spread, buy closes it
    net         points received, negative when paid; NaN where it has no price
    commission  dollars of this side; rate: dollars per contract, per leg, per side
    reason      why it is closed, as the strategy says it
    """

    feed: SpreadFeed
    side: Side
    kind: FillKind
    quantity: int
    net: float
    commission: float = 0.0
    rate: float = 0.0
    reason: str = ""


class Bookkeeper(Protocol):
    """Keeps one account. `book` is what the fills so far make of it."""

    @property
    def book(self) -> Book: ...

    def begin(self, cash: float) -> None:
        """Begin anew with so many dollars."""
        ...

    def fill(self, order: SpreadOrder) -> Refusal | None:
        """Book a fill, or say why it may not be; settlements and voids are never refused."""
        ...

    def refuse(self, order: SpreadOrder, refusal: Refusal) -> Refusal:
        """Take note that the broker cannot fill an order; the reason that counts."""
        ...


class MemoryBooks:
    """Books in memory: every fill is booked, nothing is refused."""

    def __init__(self) -> None:
        self.book = fresh_book(0)

    def begin(self, cash: float) -> None:
        self.book = fresh_book(cash)

    def fill(self, order: SpreadOrder) -> Refusal | None:
        feed = order.feed
        fill = SpreadFilled(
            kind=order.kind, order_id=f"{feed.name}:{order.side}", position_id=feed.name,
            contract=feed.contract, side=order.side, qty=order.quantity, net=order.net,
            fees=order.commission, ts=utc(feed.clock.now().ns), mode="replay",
        )  # fmt: skip
        self.book = booked(self.book, fill)
        return None

    def refuse(self, order: SpreadOrder, refusal: Refusal) -> Refusal:
        return refusal
