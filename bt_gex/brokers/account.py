"""The account of a replay: the ledger's book, and what backtrader asks of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import backtrader as bt
from backtrader.position import Position

from bt_gex.brokers.booking import Bookkeeper, MemoryBooks, Refusal, SpreadOrder
from bt_gex.brokers.commission import OptionCommission
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.ledger.book import SpreadPosition
from bt_gex.ledger.events import FillKind
from bt_gex.market.contracts import Spread
from bt_gex.market.money import to_cents


@dataclass(slots=True)
class Holding:
    """An open spread: its owner, and its position in the book."""

    owner: Any
    feed: SpreadFeed
    position: SpreadPosition

    @property
    def quantity(self) -> int:
        return self.position.quantity

    @property
    def credit(self) -> float:
        return self.position.credit

    def dollars(self, points: float) -> float:
        """What so many points of this spread are in dollars, for the whole position."""
        return points * self.position.contract.multiplier * self.position.quantity


class SpreadAccount(bt.BrokerBase):
    """The part of a SpreadBroker that holds cash and positions; it decides nothing.

    `book` is what the ledger makes of the fills, kept by a Bookkeeper; money in dollars.
    """

    def _begin(self, cash: float, commission: float) -> None:
        """Begin anew; commission in USD per contract, per leg, per side."""
        self.startingcash = float(cash)
        self._commission = commission
        self._books: Bookkeeper = self.p.bookkeeper or MemoryBooks()
        self._books.begin(cash)
        self._read_book()
        self._holdings: dict[SpreadFeed, Holding] = {}
        self._schemes: dict[tuple[int, int], OptionCommission] = {}

    def _read_book(self) -> None:
        self.book = self._books.book
        self._cash = float(self.book.cash)  # asked for on every bar

    def getcash(self) -> float:
        return self._cash

    def getvalue(self, datas: Iterable[SpreadFeed] | None = None) -> float:
        wanted = None if datas is None else set(datas)
        value = 0.0 if wanted is not None else self._cash
        for feed, holding in self._holdings.items():
            if wanted is None or feed in wanted:
                value -= holding.dollars(feed.marked_at())
        return value

    get_cash, get_value = getcash, getvalue

    def getposition(self, data: Any, clone: bool = True) -> Position:
        holding = self._holdings.get(data)
        return Position(-holding.quantity, holding.credit) if holding else Position()

    def getcommissioninfo(self, data: Any) -> Any:
        if not isinstance(data, SpreadFeed):
            return super().getcommissioninfo(data)
        key = (len(data.legs), data.day.index.multiplier)
        if key not in self._schemes:
            self._schemes[key] = OptionCommission(
                commission=self._commission, legs=key[0], mult=float(key[1])
            )
        return self._schemes[key]

    def closed_balance(self) -> float:
        """Starting balance plus the realised profit of closed spreads, dollars."""
        return to_cents(float(self.book.equity))

    def margin_used(self) -> float:
        """Dollars the open spreads can still lose at most: width minus credit of each."""
        return sum(h.dollars(h.feed.spread.width - h.credit) for h in self._holdings.values())

    def margin_free(self) -> float:
        """Dollars that a further spread may reserve."""
        return float(self.book.buying_power)

    def open_spreads(self) -> int:
        """Number of open spreads."""
        return len(self._holdings)

    def _fill(
        self, order: Any, kind: FillKind, quantity: int, net: float, commission: float
    ) -> Refusal | None:
        """Have a fill booked, unless it is refused; net: points received."""
        refusal = self._books.fill(self._asked(order, kind, quantity, net, commission))
        if refusal is None:
            self._read_book()
        return refusal

    def _asked(
        self, order: Any, kind: FillKind, quantity: int, net: float, commission: float
    ) -> SpreadOrder:
        return SpreadOrder(
            feed=order.data,
            side="buy" if order.isbuy() else "sell",
            kind=kind,
            quantity=quantity,
            net=net,
            commission=commission,
            rate=self._commission,
            reason=str(order.info.get("reason", "")),
        )


def name_of(data: Any) -> str:
    """The name of what somebody wants traded."""
    return str(getattr(data, "_name", data))


def spread_of(data: Any) -> Spread | None:
    """Its spread; None for anything else."""
    return data.spread if isinstance(data, SpreadFeed) else None
