"""A broker for bar strategies: it fills at the prices the rules give, and the ledger books them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import backtrader as bt
from backtrader.position import Position

from bt_gex.brokers.commission import OptionCommission
from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import LeanBuyOrder, LeanSellOrder
from bt_gex.ledger.amounts import amount
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.units import UnitsFilled
from bt_gex.market.calendar import utc
from bt_gex.market.money import to_cents
from bt_gex.trades.events import BarFilled, ExecutionStream, OrderSent


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFill:
    """A fill that the rules have decided, price included.

    symbol, trade_id  name the position
    at_ns         start of the bar it falls on
    opening       whether it begins the position
    all_that_is_left  a closing fill of everything that is still held, whatever rounding made of it
    stop, target  first ones of a position that is opened, where it has them
    """

    symbol: str
    trade_id: str
    at_ns: int
    opening: bool
    price: float
    reason: str
    point_value: float = 1.0
    all_that_is_left: bool = False
    stop: float | None = None
    target: float | None = None


class BarBroker(bt.BrokerBase):
    """Takes `buy(data=…, size=…, rule_fill=RuleFill(…))` from a strategy that asks the rules.

    What a stop, a target and a gap fill at, and what comes first in a bar, the rules decide; so an
    order is filled at once, on its bar, at the price it names. Backtrader's own broker cannot check
    a stop on the entry bar and knows no stop before target. An order without a rule's fill is
    refused: strategies that send orders of their own run on backtrader's broker.

    cash  dollars at the start. Nothing is refused for lack of cash; positions may be short. The
          value of the account is cash plus what is held at the last close.

    `stream` tells what happens, `book` is what the ledger makes of it.
    """

    params = (("cash", 100_000.0),)

    def start(self) -> None:
        super().start()
        # Orders fill on the bar they are sent on, so they must be notified on it, too.
        self.cerebro.p.quicknotify = True
        self.stream = ExecutionStream()
        self.startingcash = float(self.p.cash)
        self._set(fresh_book(self.p.cash))
        self._feeds: dict[str, Any] = {}  # of what is held, by symbol
        self._symbols: dict[Any, str] = {}
        self._schemes: dict[float, OptionCommission] = {}
        self._notifications: deque[Any] = deque()

    def _set(self, book: Book) -> None:
        self.book = book
        self._cash = float(book.cash)

    def getcash(self) -> float:
        return self._cash

    def getvalue(self, datas: Iterable[Any] | None = None) -> float:
        wanted = None if datas is None else set(datas)
        value = 0.0 if wanted is not None else self._cash
        for symbol, held in self.book.units.items():
            feed = self._feeds[symbol]
            if wanted is None or feed in wanted:
                value += float(held.quantity) * feed.close[0] * float(held.point_value)
        return value

    get_cash, get_value = getcash, getvalue

    def getposition(self, data: Any, clone: bool = True) -> Position:
        held = self.book.units.get(self._symbols.get(data, ""))
        return Position(float(held.quantity), float(held.entry_price)) if held else Position()

    def closed_balance(self) -> float:
        """Starting balance plus realised profit, dollars."""
        return to_cents(float(self.book.equity))

    def get_notification(self) -> Any:
        return self._notifications.popleft() if self._notifications else None

    def next(self) -> None:
        """Nothing waits for a bar: every order was filled when it was sent."""

    def cancel(self, order: Any) -> bool:
        """Never possible: an order that was sent is filled."""
        return False

    def buy(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(LeanBuyOrder, owner, data, size, **kwargs)

    def sell(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(LeanSellOrder, owner, data, size, **kwargs)

    def _order(
        self,
        kind: type[Any],
        owner: Any,
        data: Any,
        size: float,
        rule_fill: RuleFill | None = None,
        tradeid: int = 0,
        **_: Any,
    ) -> Any:
        if not isinstance(rule_fill, RuleFill):
            raise EngineError(
                "BarBroker fills what the rules decide, an order without rule_fill is none of "
                "theirs; run a strategy of your own on backtrader's broker"
            )
        is_buy = kind is LeanBuyOrder
        quantity = self._quantity(rule_fill, size)
        if self.stream.listened_to(OrderSent):
            self.stream.publish(
                OrderSent(
                    at_ns=rule_fill.at_ns,
                    side="buy" if is_buy else "sell",
                    size=float(quantity),
                    instrument=rule_fill.symbol,
                    spread=None,
                    price=rule_fill.price,
                    exectype="Market",
                )
            )
        order = kind.made(owner, data, float(quantity), bt.Order.Market, tradeid)
        order.addinfo(rule_fill=rule_fill, reason=rule_fill.reason)
        order.addcomminfo(self._scheme(rule_fill.point_value))
        order.submit(self)
        order.accept(self)
        self._fill(order, data, rule_fill, quantity, is_buy)
        order.executed.markpending()
        owner._addnotification(order, quicknotify=True)
        return order

    def _quantity(self, fill: RuleFill, size: float) -> Decimal:
        held = self.book.units.get(fill.symbol)
        if fill.all_that_is_left and held is not None:
            return abs(held.quantity)
        return amount(abs(float(size)), "size")

    def _scheme(self, point_value: float) -> OptionCommission:
        if point_value not in self._schemes:
            self._schemes[point_value] = OptionCommission(mult=point_value)
        return self._schemes[point_value]

    def _fill(self, order: Any, data: Any, fill: RuleFill, quantity: Decimal, is_buy: bool) -> None:
        """Book a fill; notify its order and the listeners of the stream."""
        before, symbol, price = self.book, fill.symbol, fill.price
        self._set(
            booked(
                before,
                UnitsFilled(
                    order_id=f"{symbol}-{fill.trade_id}:{before.orders_count}",
                    symbol=symbol,
                    side="buy" if is_buy else "sell",
                    opening=fill.opening,
                    qty=quantity,
                    fill_price=amount(price, "fill price"),
                    point_value=amount(fill.point_value, "point value"),
                    ts=utc(fill.at_ns),
                ),
            )
        )
        self._feeds[symbol], self._symbols[data] = data, symbol
        held = self.book.units.get(symbol)
        left, entry = (float(held.quantity), float(held.entry_price)) if held else (0.0, 0.0)
        pnl = float(self.book.realized_pnl - before.realized_pnl)
        size = float(quantity if is_buy else -quantity)
        opened, closed = (size, 0.0) if fill.opening else (0.0, size)
        worth = order.comminfo.getvaluesize
        order.execute(
            data.datetime[0], size, price,
            closed, worth(-closed, price), 0.0,
            opened, worth(opened, price), 0.0,
            0.0, pnl, left, entry,
        )  # fmt: skip
        self.stream.publish(
            BarFilled(
                at_ns=fill.at_ns,
                symbol=symbol,
                trade_id=fill.trade_id,
                side="buy" if is_buy else "sell",
                opening=fill.opening,
                quantity=float(quantity),
                price=price,
                reason=fill.reason,
                stop=fill.stop,
                target=fill.target,
            )
        )
