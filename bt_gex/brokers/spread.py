"""A broker for credit spreads: all legs fill on the bar of the order, or none does."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import backtrader as bt
from backtrader.order import BuyOrder, OrderData, SellOrder
from backtrader.position import Position
from backtrader.utils.autodict import AutoOrderedDict

from bt_gex.brokers.commission import OptionCommission
from bt_gex.brokers.fills import HalfSpreadFill, spread_price
from bt_gex.errors import EngineError
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.contracts import Leg
from bt_gex.market.money import to_cents
from bt_gex.market.quotes import CLAMP_TOLERANCE, clamp
from bt_gex.market.settlement import settled_value


@dataclass(slots=True)
class Holding:
    """An open spread. Money in dollars; `booked` is what its entry did to the cash."""

    owner: Any
    feed: SpreadFeed
    quantity: int
    credit: float
    booked: float
    commission: float

    def dollars(self, points: float) -> float:
        """What so many points of this spread are in dollars, for the whole position."""
        return points * self.feed.day.index.multiplier * self.quantity


class SpreadBroker(bt.BrokerBase):
    """Sells spreads to open and buys them back, at once, at the quotes of the bar.

    cash         starting balance, dollars
    fills        a FillModel; the price of each leg
    commission   dollars a contract, leg and side; a cash settlement pays none

    A spread reserves width minus credit; an order beyond the account ends as Margin, an order that
    cannot fill as Rejected, with the reason in `order.info.why`. What is still open at the closing
    tick is settled in cash. The value of the account marks each open spread at its mid, carried
    over bars without one.

    `order.info.reason`, when given with a buy, says why a spread was closed.
    """

    params = (("cash", 25_000.0), ("fills", HalfSpreadFill()), ("commission", 0.0))

    def start(self) -> None:
        super().start()
        # Orders fill on the bar they are sent on, so they must be notified on it, too.
        self.cerebro.p.quicknotify = True
        self.startingcash = self._cash = float(self.p.cash)
        self._holdings: dict[SpreadFeed, Holding] = {}
        self._notifications: deque[Any] = deque()
        self._schemes: dict[tuple[int, int], OptionCommission] = {}
        self._first_orders: dict[tuple[type[Any], int], Any] = {}

    def getcash(self) -> float:
        return self._cash

    def getvalue(self, datas: Iterable[SpreadFeed] | None = None) -> float:
        wanted = None if datas is None else set(datas)
        value = 0.0 if wanted is not None else self._cash
        for feed, holding in self._holdings.items():
            if wanted is None or feed in wanted:
                value -= holding.dollars(_mark(feed))
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
                commission=self.p.commission, legs=key[0], mult=float(key[1])
            )
        return self._schemes[key]

    def closed_balance(self) -> float:
        """Starting balance plus the realised profit of closed spreads, dollars."""
        return to_cents(self._cash - sum(h.booked for h in self._holdings.values()))

    def margin_used(self) -> float:
        """Dollars the open spreads can still lose at most: width minus credit of each."""
        return sum(h.dollars(h.feed.spread.width - h.credit) for h in self._holdings.values())

    def margin_free(self) -> float:
        """Dollars that a further spread may reserve."""
        return self._cash - sum(h.dollars(h.feed.spread.width) for h in self._holdings.values())

    def open_spreads(self) -> int:
        """Number of open spreads."""
        return len(self._holdings)

    def credit_of(self, feed: SpreadFeed) -> float | Leg:
        """Points that selling the spread now would bring, or the leg that does not fill."""
        return spread_price(self.p.fills, feed.quotes(), opening=True)

    def sell(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(SellOrder, owner, data, size, *args, **kwargs)

    def buy(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(BuyOrder, owner, data, size, *args, **kwargs)

    def cancel(self, order: Any) -> bool:
        """Never possible: an order is filled or refused when it is sent."""
        return False

    def get_notification(self) -> Any:
        return self._notifications.popleft() if self._notifications else None

    def next(self) -> None:
        """Settle in cash what is open when its session has come to the close."""
        if not self._holdings:
            return
        for holding in list(self._holdings.values()):
            tick = holding.feed.clock.now()
            if tick.is_close or tick.day is not holding.feed.day:
                order = self._settle(holding)
                order.executed.markpending()
                self._notifications.append(order)

    def _order(
        self,
        kind: type[Any],
        owner: Any,
        data: Any,
        size: float,
        price: float | None = None,
        plimit: float | None = None,
        exectype: int | None = None,
        valid: Any = None,
        tradeid: int = 0,
        oco: Any = None,
        trailamount: float | None = None,
        trailpercent: float | None = None,
        parent: Any = None,
        transmit: bool = True,
        **info: Any,
    ) -> Any:
        if not isinstance(data, SpreadFeed):
            raise EngineError(
                f"SpreadBroker trades SpreadFeed instruments, got {type(data).__name__}"
            )
        if exectype not in (None, bt.Order.Market) or price is not None or oco or parent:
            raise EngineError("SpreadBroker takes market orders without price, oco or parent")
        order = self._new_order(kind, owner, data, size, bt.Order.Market, tradeid)
        order.addinfo(**info)
        order.addcomminfo(self.getcommissioninfo(data))
        order.submit(self)
        order.accept(self)
        self._execute(order, data, abs(int(size)))
        # It is done with: it can be told of as it is, once its fill is marked as news.
        order.executed.markpending()
        owner._addnotification(order, quicknotify=True)
        return order

    def _new_order(
        self,
        kind: type[Any],
        owner: Any,
        data: SpreadFeed,
        size: float,
        exectype: int,
        tradeid: int = 0,
    ) -> Any:
        """An order of backtrader's. The first of a kind is made, the others are copies of it:
        making one takes longer than all that is done with it."""
        first = self._first_orders.get((kind, exectype))
        if first is None:
            order = kind(owner=owner, data=data, size=size, exectype=exectype, tradeid=tradeid)
            first = self._first_orders[kind, exectype] = copied(order)
            first.params = first.p = copied(order.params)
            return order
        now, price = data.datetime[0], data.close[0]
        signed = abs(size) if kind is BuyOrder else -abs(size)
        order = copied(first)
        order.ref, order.info = next(order.refbasis), AutoOrderedDict()
        order.params = order.p = copied(first.params)
        order.p.owner, order.p.data, order.p.size, order.p.tradeid = owner, data, size, tradeid
        if kind is SellOrder:
            order.size = signed
        order.created = OrderData(dt=now, size=signed, price=price, pclose=price)
        order.executed = OrderData(remsize=signed)
        order.dteos = first.dteos + int(now) - int(first.created.dt)
        return order

    def _execute(self, order: Any, feed: SpreadFeed, quantity: int) -> None:
        tick = feed.clock.now()
        holding = self._holdings.get(feed)
        if tick.is_close or tick.day is not feed.day:
            self._refuse(order, "the session is over")
        elif order.issell():
            self._open(order, feed, quantity, holding)
        elif holding is None or holding.quantity != quantity:
            have = holding.quantity if holding else 0
            self._refuse(order, f"{quantity} to close but {have} open; a spread closes whole")
        else:
            self._close(order, holding)

    def _open(self, order: Any, feed: SpreadFeed, quantity: int, holding: Holding | None) -> None:
        credit = self.credit_of(feed)
        if holding is not None:
            self._refuse(order, "this spread is open already; trade it as a feed of its own")
            return
        if isinstance(credit, Leg):
            self._refuse(order, f"no quote: {credit.label}")
            return
        commission = order.comminfo.getcommission(quantity, credit)
        new = Holding(order.owner, feed, quantity, credit, 0.0, commission)
        new.booked = to_cents(new.dollars(credit)) - to_cents(commission)
        free = self.margin_free()
        if beyond_margin(free, new.booked, new.dollars(feed.spread.width)):
            needs = new.dollars(feed.spread.width) - new.booked
            order.margin()
            order.addinfo(why=f"margin: needs ${needs:,.2f}, ${free:,.2f} free")
            return
        order.addinfo(booked_dollars=new.booked)
        self._cash += new.booked
        self._holdings[feed] = new
        value = order.comminfo.getvaluesize(-quantity, credit)
        order.execute(
            feed.datetime[0], -quantity, credit,
            0, 0.0, 0.0,
            -quantity, value, commission,
            new.dollars(feed.spread.width - credit), 0.0, -quantity, credit,
        )  # fmt: skip

    def _close(self, order: Any, holding: Holding) -> None:
        price = spread_price(self.p.fills, holding.feed.quotes(), opening=False)
        if isinstance(price, Leg):
            self._refuse(order, f"no quote: {price.label}")
            return
        paid = clamp(price, holding.feed.spread.width)
        if abs(paid - price) > CLAMP_TOLERANCE:
            order.addinfo(clamped=True)
        self._book_exit(order, holding, paid, order.comminfo.getcommission(holding.quantity, paid))

    def _settle(self, holding: Holding) -> Any:
        feed = holding.feed
        settlement = feed.day.settlement()
        kind, size = BuyOrder, holding.quantity
        order = self._new_order(kind, holding.owner, feed, size, bt.Order.Close)
        order.addcomminfo(self.getcommissioninfo(feed))
        order.submit(self)
        order.accept(self)
        order.addinfo(settled=settlement.source, settlement_price=settlement.price)
        if math.isnan(settlement.price):
            # No price to settle on: the entry is taken back, the trade is nobody's profit.
            self._cash -= holding.booked
            del self._holdings[feed]
            self._fill_exit(order, holding, holding.credit, -holding.commission)
            return order
        value, clamped = settled_value(feed.spread, settlement.price)
        if clamped:
            order.addinfo(clamped=True)
        self._book_exit(order, holding, value, 0.0)
        return order

    def _book_exit(self, order: Any, holding: Holding, value: float, commission: float) -> None:
        holding.commission += commission
        pnl = to_cents(holding.dollars(holding.credit - value) - holding.commission)
        order.addinfo(pnl_dollars=pnl)
        self._cash = to_cents(self._cash + pnl - holding.booked)
        del self._holdings[holding.feed]
        self._fill_exit(order, holding, value, commission)

    def _fill_exit(self, order: Any, holding: Holding, value: float, commission: float) -> None:
        quantity = holding.quantity
        order.execute(
            holding.feed.datetime[0], quantity, value,
            quantity, order.comminfo.getvaluesize(-quantity, holding.credit), commission,
            0, 0.0, 0.0,
            0.0, holding.dollars(holding.credit - value), 0, 0.0,
        )  # fmt: skip
        order.addinfo(commission_dollars=to_cents(holding.commission))

    def _refuse(self, order: Any, why: str) -> None:
        order.reject(self)
        order.addinfo(why=why)


def copied(thing: Any) -> Any:
    """A shallow copy, without asking how the thing wants to be copied."""
    kind = type(thing)
    other = object.__new__(kind)
    other.__dict__.update(thing.__dict__)
    return other


def beyond_margin(free: float, booked: float, width_dollars: float) -> bool:
    """Whether a spread would reserve more than is free and it brings in; dollars, numbers only."""
    return free + booked - width_dollars < -0.005


def _mark(feed: SpreadFeed) -> float:
    """Points the spread is marked at now."""
    tick = feed.clock.now()
    return float(feed.mark[tick.row if tick.day is feed.day else -1])
