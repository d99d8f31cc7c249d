"""The GEX strategy on backtrader: what is known now → the rules → orders."""

from __future__ import annotations

from dataclasses import fields
from datetime import time
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.brokers.spread import SpreadBroker
from bt_gex.errors import EngineError, UnknownName
from bt_gex.feeds.clock import Tick, clock_of
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import new_york
from bt_gex.market.contracts import Leg, Spread
from bt_gex.rules.gex.entry import EntryDecision, Seen, decide_entry
from bt_gex.rules.gex.exits import decide_exit, end_of_day_ns, exit_possible, profit_target
from bt_gex.rules.gex.params import EntryParams, ExitParams, SetupParams, find_profile
from bt_gex.rules.gex.sizing import Size
from bt_gex.rules.settings import validated
from bt_gex.sessions.day import Day
from bt_gex.trades.reasons import SkipKind

SECTIONS: tuple[tuple[str, type], ...] = (
    ("setup", SetupParams),
    ("entry", EntryParams),
    ("exit", ExitParams),
)


class GexStrategy(bt.Strategy):
    """Sells a credit spread around the pin at the check times, and buys it back by the exit rules.

    The first feed is a ClockFeed, the broker a SpreadBroker. Parameters: a profile's name, or
    whole `setup`, `entry` and `exit` parameter sets, and any single parameter of those by its own
    name, which wins (`stop_loss=0.15`), so that `optstrategy` can vary it.

    On a bar the open spreads are looked at first, then a check is made: a spread closed on a bar
    frees its margin and its place on that bar.
    """

    params = (
        ("profile", "standard"),
        ("setup", None),
        ("entry", None),
        ("exit", None),
        *((field.name, None) for _, kind in SECTIONS for field in fields(kind)),
    )

    def __init__(self, **unknown: Any) -> None:
        given = self._given(unknown)
        profile = find_profile(self.p.profile)
        self.setup_params: SetupParams = validated(
            SetupParams, given["setup"], "setup", self.p.setup or profile.setup
        )
        self.entry_params: EntryParams = validated(
            EntryParams, given["entry"], "entry", self.p.entry or profile.entry
        )
        self.exit_params: ExitParams = validated(
            ExitParams, given["exit"], "exit", self.p.exit or profile.exit
        )
        self.clock = clock_of(self)
        self._tick: Tick | None = None
        self._session: Any = None
        self._listened_to: bool | None = None
        self._checks: frozenset[int] = frozenset()
        self._end_of_day_ns = 0
        self._open: dict[SpreadFeed, tuple[str, float]] = {}  # feed -> confidence, credit

    def _given(self, unknown: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Single parameters by section; a name that is none is an error, not a shrug."""
        given: dict[str, dict[str, Any]] = {}
        for section, kind in SECTIONS:
            names = (field.name for field in fields(kind))
            values = ((name, getattr(self.p, name)) for name in names)
            given[section] = {name: value for name, value in values if value is not None}
        for name in unknown:
            known = [name for name, _ in self.params._getitems()]
            raise UnknownName("strategy parameter", name, known)
        return given

    def start(self) -> None:
        if not isinstance(self.broker, SpreadBroker):
            raise EngineError(
                "GexStrategy trades through a SpreadBroker; call cerebro.setbroker(SpreadBroker())"
            )
        if self.clock.p.events:
            self.clock.visit(self._check_rows)

    def _notify(self, qorders: Any = (), qtrades: Any = ()) -> None:
        # Backtrader values the account on every bar to tell it to everybody, listened to or not.
        if qorders or qtrades or self._account_is_told():
            super()._notify(qorders, qtrades)

    def _account_is_told(self) -> bool:
        """Whether anybody listens to what the account holds: an analyzer, or a class over this."""
        if self._listened_to is None:
            plain = (bt.Strategy, bt.Analyzer)
            hooks = ("notify_cashvalue", "notify_fund")
            own = {getattr(kind, hook) for kind in plain for hook in hooks}
            everybody = (self, *self.analyzers, *self._slave_analyzers)
            self._listened_to = any(
                getattr(type(one), hook) not in own for one in everybody for hook in hooks
            )
        return self._listened_to

    def prenext(self) -> None:
        # Backtrader holds next() back until every feed and indicator has a value; a check does not
        # wait for a feed it does not read.
        self.next()

    def next(self) -> None:
        tick = self.clock.tick_now()
        if tick is self._tick or tick is None:
            return  # another feed has moved, the clock has not
        self._tick = tick
        if tick.is_close:
            return
        if tick.day.session is not self._session:
            self._new_session(tick)
        if self._open:
            self._manage(tick)
        self._fill_orders(tick)
        if tick.row in self._checks:
            self._check(tick)

    def _check_rows(self, day: Day) -> list[int]:
        return check_rows(day, self.entry_params.times, self.exit_params)

    def _new_session(self, tick: Tick) -> None:
        self._session = tick.day.session
        self._end_of_day_ns = end_of_day_ns(self._session, self.exit_params)
        self._checks = frozenset(self._check_rows(tick.day))

    def _manage(self, tick: Tick) -> None:
        """Ask the exit rules about every open spread that can be priced on this bar."""
        now_ns = tick.ns
        for feed, (confidence, credit) in list(self._open.items()):
            value = feed.close[0]
            if value != value:
                continue
            reason = decide_exit(
                credit=credit,
                value=value,
                now_ns=now_ns,
                end_of_day_ns=self._end_of_day_ns,
                confidence=confidence,
                params=self.exit_params,
            )
            if reason:
                size = -self.broker.getposition(feed).size
                self.buy(data=feed, size=size, reason=reason)
            if feed in self._open:
                self._plan_visit(feed, tick)

    def _plan_visit(self, feed: SpreadFeed, tick: Tick) -> None:
        """With an event clock: come back on the next bar on which this spread could be closed."""
        if self.clock.schedule is None:
            return
        confidence, credit = self._open[feed]
        possible = exit_possible(
            credit,
            feed.value,
            int(np.searchsorted(tick.day.grid, self._end_of_day_ns)),
            profit_target(confidence, self.exit_params),
            self.exit_params,
        )
        rows = np.flatnonzero(possible[tick.row + 1 : -1])
        if len(rows):
            self.clock.wake(tick.row + 1 + int(rows[0]))

    def _check(self, tick: Tick) -> None:
        """Run the entry checks, send the order, and tell the analyzers what came of it."""
        if not tick.day.has_data:
            return
        seen = Seen(self.clock.close[0], self.clock.vix[0], self.clock.pin[0])
        feeds: dict[Spread, SpreadFeed] = {}

        def price(spread: Spread) -> float | Leg:
            feeds[spread] = SpreadFeed(self.clock, tick.day, spread, order_id(tick, spread))
            return self.broker.credit_of(feeds[spread])

        def size(spread: Spread, credit: float) -> Size:
            return self._size(feeds[spread], credit)

        decision = decide_entry(
            seen,
            index=tick.day.index,
            setup_params=self.setup_params,
            entry_params=self.entry_params,
            open_positions=self._taken(),
            price=price,
            size=size,
        )
        if decision.action == "enter" and decision.spread and decision.setup:
            decision = self._enter(feeds[decision.spread], decision)
        name = feeds[decision.spread].name if decision.action == "enter" and decision.spread else ""
        for analyzer in self.analyzers:
            if hasattr(analyzer, "notify_check"):
                analyzer.notify_check(tick, decision, name)

    def _taken(self) -> int:
        """Places of `max_open` that are taken."""
        return len(self._open)

    def _fill_orders(self, tick: Tick) -> None:
        """Send what was decided on an earlier bar; here orders are sent at once."""

    def _enter(self, feed: SpreadFeed, decision: EntryDecision) -> EntryDecision:
        """Sell the spread; a refusal by the broker becomes the reason of a skip."""
        assert decision.setup
        self._open[feed] = decision.setup.confidence, decision.credit
        order = self.sell(data=feed, size=decision.quantity, decision=decision)
        if order.status == order.Completed:
            self._plan_visit(feed, self.clock.now())
            return decision
        del self._open[feed]
        why = str(order.info.why)
        kind = SkipKind.MARGIN if order.status == order.Margin else SkipKind.NO_QUOTE
        return EntryDecision(
            "skip", decision.seen, kind, why, decision.setup, decision.spread, decision.credit
        )

    def _size(self, feed: SpreadFeed, credit: float) -> Size:
        """Ask the strategy's sizer; one of ours also says why."""
        sizer: Any = self._sizer
        if hasattr(sizer, "size"):
            return sizer.size(feed, credit)
        quantity = int(self.getsizing(feed, isbuy=False))
        return Size(quantity, f"{type(sizer).__name__} gives {quantity}")

    def notify_order(self, order: Any) -> None:
        if order.status != order.Completed or not order.isbuy():
            return
        self._open.pop(order.data, None)
        if hasattr(self._sizer, "notify_closed") and "pnl_dollars" in order.info:
            self._sizer.notify_closed(order.info.pnl_dollars / order.executed.size)


def check_rows(day: Day, times: tuple[time, ...], params: ExitParams) -> list[int]:
    """Rows of a session's check times that lie before the end-of-day exit."""
    rows = (day.session.bar_at(when) for when in times)
    before_ns = end_of_day_ns(day.session, params)
    return [row for row in rows if row is not None and day.grid[row] < before_ns]


def order_id(tick: Tick, spread: Spread) -> str:
    """Unique and the same in every run: SPX-20260112-093600-PUT-6950-6940 (New York time)."""
    strikes = "-".join(f"{strike:.10g}" for strike in spread.strikes)
    moment = new_york(tick.ns)
    return f"{tick.day.index.symbol}-{moment:%Y%m%d-%H%M%S}-{spread.strategy}-{strikes}"
