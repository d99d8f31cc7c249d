"""A broker for credit spreads: all legs fill on one bar, or none does."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import backtrader as bt

from bt_gex.brokers.account import Holding, SpreadAccount, name_of, spread_of
from bt_gex.brokers.booking import Refusal
from bt_gex.brokers.fills import FillModel, HalfSpreadFill, spread_price
from bt_gex.brokers.pending import Pending, PendingEntries
from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import LeanBuyOrder, LeanSellOrder
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.feeds.view import MarketFeed
from bt_gex.ledger.amounts import cents
from bt_gex.ledger.book import entry_cash
from bt_gex.ledger.events import FillKind
from bt_gex.market.contracts import Leg
from bt_gex.market.money import to_cents
from bt_gex.market.quotes import CLAMP_TOLERANCE, clamp
from bt_gex.market.settlement import settled_value
from bt_gex.rules.gex.entry import KINDS, Unpriced, refused_credit, why_unpriced
from bt_gex.trades.events import (
    CancelSent,
    ExecutionStream,
    OrderPending,
    OrderRefused,
    OrderSent,
    SpreadClosed,
    SpreadOpened,
    SpreadSettled,
)
from bt_gex.trades.reasons import SkipKind


class SpreadBroker(SpreadAccount):
    """Sells spreads to open and buys them back at the quotes of the bar; the ledger books them.

    cash          starting balance, dollars
    fills         a FillModel; the price of each leg
    commission    USD per contract, per leg, per side; a cash settlement pays none
    latency_bars  an entry is priced so many bars after it was sent, an exit at once
    bookkeeper    who books the fills, and may refuse them; None: books in memory

    A spread reserves width minus credit; an order beyond the account ends as Margin, an order that
    cannot fill as Rejected, with the reason in `order.info.why` and, where the rules for entries
    have a name for it, its SkipKind in `order.info.kind`. What is still open at the closing tick is
    settled in cash. The value of the account marks each open spread at its mid, carried over bars
    without one.

    A delayed entry is priced before the strategy's `next()` of its bar. Sent with
    `after_exits=True` it waits there until the strategy, its exits sent, calls `enter_due`: what
    they free counts for the entry. Margin, quotes and credit are checked then, the credit against
    `order.info.min_credit`, points.

    `order.info.reason`, when given with a buy, says why a spread was closed; `order.info.facts`,
    when given with a sell, is the EntryFacts of the trade. `stream` tells what happens.
    """

    params = (
        ("cash", 25_000.0),
        ("fills", HalfSpreadFill()),
        ("commission", 0.0),
        ("latency_bars", 0),
        ("bookkeeper", None),
    )

    def start(self) -> None:
        super().start()
        # Orders fill on the bar they are sent on, so they must be notified on it, too.
        self.cerebro.p.quicknotify = True
        self.stream = ExecutionStream()
        first = self.cerebro.datas[0]
        self._clock = first if isinstance(first, MarketFeed) else None
        self.open_account(self.p.cash, self.p.fills, self.p.commission, self.p.latency_bars)

    def open_account(
        self, cash: float, fills: FillModel, commission: float, latency_bars: int
    ) -> None:
        """Begin anew with these terms; those who listen to the stream stay."""
        self._begin(cash, commission)
        self._fills, self._latency_bars = fills, latency_bars
        self._pending = PendingEntries()
        self._notifications: deque[Any] = deque()

    # -------------------------------------------------------------------------------- backtrader

    def credit_of(self, feed: SpreadFeed) -> float | Unpriced:
        """Points that selling the spread now would bring, or why it does not fill."""
        return feed.fault() or spread_price(self._fills, feed.quotes(), opening=True)

    def sell(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(LeanSellOrder, owner, data, size, *args, **kwargs)

    def buy(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
        return self._order(LeanBuyOrder, owner, data, size, *args, **kwargs)

    def cancel(self, order: Any) -> bool:
        """Never possible: an order that was sent is filled or refused."""
        data = getattr(order, "data", None)
        if self.stream.listened_to(CancelSent):
            self.stream.publish(
                CancelSent(at_ns=self._now_ns(), instrument=name_of(data), spread=spread_of(data))
            )
        return False

    def get_notification(self) -> Any:
        return self._notifications.popleft() if self._notifications else None

    def next(self) -> None:
        """Settle in cash what is open at its close; fill or refuse the entries that are due."""
        for holding in list(self._holdings.values()) if self._holdings else ():
            if holding.feed.is_over():
                self._notifications.append(self._settle(holding))
        if self._pending:
            self._notifications.extend(self._priced(lambda order: not order.info.after_exits))
            self._pending.refuse_overdue()

    def enter_due(self, owner: Any) -> None:
        """Price the delayed entries of a strategy that are due on this bar, and notify it."""
        for order in self._priced(lambda order: order.owner is owner):
            owner._addnotification(order, quicknotify=True)

    def _priced(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Fill or refuse the entries due now that are wanted; their orders."""
        due = self._pending.take_due(wanted)
        for order, feed, quantity, _ in due:
            self._open(order, feed, quantity)
        return [_told(pending.order) for pending in due]

    def _now_ns(self) -> int:
        view = self._clock.tick_now() if self._clock else None
        return view.ns if view else 0

    # ------------------------------------------------------------------------------------ orders

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
        market = exectype is None or exectype == bt.Order.Market
        if self.stream.listened_to(OrderSent):
            self.stream.publish(
                OrderSent(
                    at_ns=self._now_ns(),
                    side="buy" if kind is LeanBuyOrder else "sell",
                    size=size,
                    instrument=name_of(data),
                    spread=spread_of(data),
                    price=price,
                    exectype="Market" if market else str(bt.Order.ExecTypes[exectype]),
                )
            )
        if not isinstance(data, SpreadFeed):
            raise EngineError(
                f"SpreadBroker trades SpreadFeed instruments, got {type(data).__name__}"
            )
        if not market or price is not None or oco or parent:
            raise EngineError("SpreadBroker takes market orders without price, oco or parent")
        order = self._accepted(kind, owner, data, size, bt.Order.Market, tradeid, info)
        if self._execute(order, data, abs(int(size))):
            owner._addnotification(_told(order), quicknotify=True)
        return order

    def _accepted(
        self,
        kind: type[Any],
        owner: Any,
        feed: SpreadFeed,
        size: float,
        exectype: int,
        tradeid: int,
        info: dict[str, Any],
    ) -> Any:
        order = kind.made(owner, feed, size, exectype, tradeid)
        order.addinfo(**info)
        order.addcomminfo(self.getcommissioninfo(feed))
        order.submit(self)
        order.accept(self)
        return order

    def _execute(self, order: Any, feed: SpreadFeed, quantity: int) -> bool:
        """Whether the order is done with: filled or refused. Else it is pending."""
        if feed.is_over():
            self._refuse(order, quantity, SkipKind.SESSION_OVER)
        elif not order.issell():
            self._close(order, feed, quantity)
        elif self._latency_bars:
            return self._delay(order, feed, quantity)
        else:
            self._open(order, feed, quantity)
        return True

    def _delay(self, order: Any, feed: SpreadFeed, quantity: int) -> bool:
        """Keep an entry for its bar; refuse it when the session has no such bar."""
        now = feed.clock.now()
        due_row = now.row + self._latency_bars
        if due_row >= feed.day.session.bars:
            late = f"{self._latency_bars} bars later is past the end"
            self._refuse(order, quantity, SkipKind.SESSION_OVER, late)
            return True
        self._pending.add(Pending(order, feed, quantity, due_row))
        self.stream.publish(
            OrderPending(at_ns=now.ns, instrument=feed, quantity=quantity, due_row=due_row)
        )
        return False

    def _open(self, order: Any, feed: SpreadFeed, quantity: int) -> None:
        credit = self.credit_of(feed)
        if feed.name in self.book.spreads:
            why = "this spread is open already; trade it as a feed of its own"
            self._refuse(order, quantity, None, why)
            return
        if isinstance(credit, Leg | SkipKind):
            self._refuse(order, quantity, *why_unpriced(credit))
            return
        order.addinfo(credit=credit)
        width = feed.spread.width
        if self._latency_bars:  # at once, it is the credit that the strategy has just checked
            least = order.info.get("min_credit", 0.0)
            refused = refused_credit(credit, width, least)
            if refused:
                self._refuse(order, quantity, KINDS[refused - 1])
                return
        contract = feed.contract
        commission = float(order.comminfo.getcommission(quantity, credit))
        booked_dollars = float(cents(entry_cash(contract, quantity, credit, commission)))
        reserves = width * contract.multiplier * quantity
        free = self.margin_free()
        if beyond_margin(free, booked_dollars, reserves):
            needs = reserves - booked_dollars
            lacks = f"needs ${needs:,.2f}, ${free:,.2f} free"
            self._refuse(order, quantity, SkipKind.MARGIN, lacks)
            return
        refusal = self._fill(order, "trade", quantity, credit, commission)
        if refusal:
            self._end(order, quantity, refusal)
            return
        position = self.book.spreads[feed.name]
        self._holdings[feed] = Holding(order.owner, feed, position)
        order.execute(
            feed.datetime[0], -quantity, credit,
            0, 0.0, 0.0,
            -quantity, order.comminfo.getvaluesize(-quantity, credit), commission,
            (width - credit) * contract.multiplier * quantity, 0.0, -quantity, credit,
        )  # fmt: skip
        self.stream.publish(
            SpreadOpened(
                at_ns=feed.clock.now().ns,
                instrument=feed,
                quantity=quantity,
                credit=credit,
                commission_dollars=commission,
                booked_dollars=booked_dollars,
                facts=order.info.get("facts"),
            )
        )

    def _close(self, order: Any, feed: SpreadFeed, quantity: int) -> None:
        holding = self._holdings.get(feed)
        if holding is None or holding.quantity != quantity:
            have = holding.quantity if holding else 0
            why = f"{quantity} to close but {have} open; a spread closes whole"
            self._refuse(order, quantity, None, why)
            return
        price = feed.fault() or spread_price(self._fills, feed.quotes(), opening=False)
        if isinstance(price, Leg | SkipKind):
            self._refuse(order, quantity, *why_unpriced(price))
            return
        value = clamp(price, feed.spread.width)
        commission = float(order.comminfo.getcommission(quantity, value))
        pnl = self._leave(order, holding, "trade", value, commission)
        if isinstance(pnl, Refusal):
            self._end(order, quantity, pnl)
            return
        assert pnl is not None
        self.stream.publish(
            SpreadClosed(
                at_ns=feed.clock.now().ns,
                instrument=feed,
                quantity=quantity,
                value=value,
                pnl_dollars=pnl,
                commission_dollars=order.info.commission_dollars,
                reason=str(order.info.get("reason", "")),
                clamped=abs(value - price) > CLAMP_TOLERANCE,
            )
        )

    def _settle(self, holding: Holding) -> Any:
        feed, quantity = holding.feed, holding.quantity
        settlement = feed.day.settlement()
        info = {"settled": settlement.source, "settlement_price": settlement.price}
        order = self._accepted(
            LeanBuyOrder, holding.owner, feed, quantity, bt.Order.Close, tradeid=0, info=info
        )
        value = None
        if math.isnan(settlement.price):
            # No price to settle on: the entry is reversed, its P&L is undefined.
            pnl = self._leave(order, holding, "void", holding.credit, 0.0)
        else:
            value, _ = settled_value(feed.spread, settlement.price)
            pnl = self._leave(order, holding, "settlement", value, 0.0)
        assert not isinstance(pnl, Refusal), f"{feed.name}: a settlement was refused: {pnl}"
        self.stream.publish(
            SpreadSettled(
                at_ns=feed.clock.now().ns,
                instrument=feed,
                quantity=quantity,
                value=value,
                pnl_dollars=pnl,
                commission_dollars=order.info.commission_dollars,
                source=settlement.source,
            )
        )
        return _told(order)

    def _leave(
        self, order: Any, holding: Holding, kind: FillKind, value: float, commission: float
    ) -> float | Refusal | None:
        """Book the end of a spread at a value, points; its P&L in dollars, None when void."""
        feed, quantity, entry = holding.feed, holding.quantity, holding.position.entry
        before = self.book.realized_pnl
        refusal = self._fill(order, kind, quantity, -value, commission)
        if refusal:
            return refusal
        del self._holdings[feed]
        void = kind == "void"
        order.execute(
            feed.datetime[0], quantity, value,
            quantity, order.comminfo.getvaluesize(-quantity, holding.credit),
            -entry.fees if void else commission,
            0, 0.0, 0.0,
            0.0, holding.dollars(holding.credit - value), 0, 0.0,
        )  # fmt: skip
        order.addinfo(commission_dollars=to_cents(entry.fees + commission))
        if void:
            return None
        pnl = float(self.book.realized_pnl - before)
        order.addinfo(pnl_dollars=pnl)
        return pnl

    def _refuse(self, order: Any, quantity: int, kind: SkipKind | None, detail: str = "") -> None:
        """The broker cannot fill an order; the bookkeeper may give another reason."""
        why = detail if kind is None else kind.reason(detail)
        asked = self._asked(order, "trade", quantity, math.nan, 0.0)
        self._end(order, quantity, self._books.refuse(asked, Refusal(kind, why)))

    def _end(self, order: Any, quantity: int, refusal: Refusal) -> None:
        """Mark an order as refused, and publish it."""
        kind, why = refusal
        if kind is SkipKind.MARGIN:
            order.margin()
        else:
            order.reject(self)
        order.addinfo(why=why, kind=kind)
        side: Literal["buy", "sell"] = "buy" if order.isbuy() else "sell"
        self.stream.publish(
            OrderRefused(
                at_ns=order.data.clock.now().ns,
                instrument=order.data,
                side=side,
                quantity=quantity,
                kind=kind,
                reason=why,
            )
        )


def _told(order: Any) -> Any:
    """An order that is done with, its fill marked as new: it needs no copy to notify."""
    order.executed.markpending()
    return order


def beyond_margin(free: float, booked: float, width_dollars: float) -> bool:
    """Whether a spread would reserve more than is free and it brings in; dollars, numbers only."""
    return free + booked - width_dollars < -0.005
