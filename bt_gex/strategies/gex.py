"""The GEX strategy on backtrader: what is known now → the rules → orders."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import time
from typing import Any, NamedTuple, Protocol, runtime_checkable

import backtrader as bt

from bt_gex.brokers.spread import SpreadBroker
from bt_gex.errors import EngineError, UnknownName
from bt_gex.feeds.backtrader_internals import QuietStrategy
from bt_gex.feeds.view import SpreadInstrument, View, clock_of
from bt_gex.market.calendar import BAR_NS, Session, new_york, utc
from bt_gex.market.contracts import Spread
from bt_gex.rules.gex.entry import EntryDecision, Seen, Unpriced, decide_entry
from bt_gex.rules.gex.exits import decide_exit, end_of_day_ns
from bt_gex.rules.gex.params import EntryParams, ExitParams, SetupParams, find_profile
from bt_gex.rules.gex.sizing import Size
from bt_gex.rules.settings import validated
from bt_gex.trades.events import EntryFacts
from bt_gex.trades.reasons import SkipKind
from bt_gex.trades.records import Decision
from bt_gex.trades.values import known

SECTIONS: tuple[tuple[str, type], ...] = (
    ("setup", SetupParams),
    ("entry", EntryParams),
    ("exit", ExitParams),
)


class Check(NamedTuple):
    """A check that became an order."""

    view: View
    decision: EntryDecision


@dataclass(slots=True)
class Held:
    """An open spread. closing: an order to close it is under way."""

    confidence: str
    credit: float
    quantity: int
    closing: bool = False


@runtime_checkable
class ExplainedSizer(Protocol):
    """A sizer that also says why."""

    def size(self, feed: SpreadInstrument, credit: float) -> Size:
        """Contracts for selling the spread at a credit, points."""
        ...


class GexStrategy(QuietStrategy):
    """Sells a credit spread around the pin at the check times, and buys it back by the exit rules.

    The first feed offers a view of the market (`feeds.view`; ClockFeed does), the broker is a
    SpreadBroker. Nothing is read but that view, and what became of an order is taken from
    `notify_order`, whenever it comes. Parameters: a profile's name, or whole `setup`, `entry` and
    `exit` parameter sets, and any single parameter of those by its own name, which wins
    (`stop_loss=0.15`), so that `optstrategy` can vary it.

    On a bar the exit rules of open spreads come first, then the delayed entries that are due, then
    the check: a spread closed on a bar frees its margin and its place on that bar.
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
        self._view: View | None = None
        self._session: Session | None = None
        self._checks: frozenset[int] = frozenset()
        self._end_of_day_ns = 0
        self._sent: dict[
            SpreadInstrument, Check
        ] = {}  # entries that are neither filled nor refused
        self._open: dict[SpreadInstrument, Held] = {}

    def _given(self, unknown: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Single parameters by section. Raises UnknownName for a name that is none."""
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
        sizer = self._sizer
        self._explained_sizer = sizer if isinstance(sizer, ExplainedSizer) else None

    def prenext(self) -> None:
        # Backtrader holds next() back until every feed and indicator has a value; a check does not
        # wait for a feed it does not read.
        self.next()

    def next(self) -> None:
        view = self.clock.tick_now()
        if view is self._view or view is None:
            return  # another feed has moved, the clock has not
        self._view = view
        if view.is_close:
            return
        if view.session is not self._session:
            self._new_session(view.session)
        if self._open:
            self._manage(view)
        if self._sent:
            self.broker.enter_due(self)
        if view.row in self._checks:
            self._check(view)

    def _new_session(self, session: Session) -> None:
        self._session = session
        self._end_of_day_ns = end_of_day_ns(session, self.exit_params)
        self._checks = frozenset(check_rows(session, self.entry_params.times, self.exit_params))

    def _manage(self, view: View) -> None:
        """Ask the exit rules about every open spread that can be priced on this bar."""
        now_ns = view.ns
        for feed, held in list(self._open.items()):
            value = feed.close[0]
            if value != value or held.closing:
                continue
            reason = decide_exit(
                credit=held.credit,
                value=value,
                now_ns=now_ns,
                end_of_day_ns=self._end_of_day_ns,
                confidence=held.confidence,
                params=self.exit_params,
            )
            if reason:
                held.closing = True
                self.buy(data=feed, size=held.quantity, reason=reason)

    def _check(self, view: View) -> None:
        """Run the entry checks, and send the order or report the skip."""
        feeds: dict[Spread, SpreadInstrument] = {}

        def price(spread: Spread) -> float | Unpriced:
            feeds[spread] = self.clock.instrument(spread, order_id(view, spread))
            credit: float | Unpriced = self.broker.credit_of(feeds[spread])
            return credit

        def size(spread: Spread, credit: float) -> Size:
            return self._size(feeds[spread], credit)

        decision = decide_entry(
            Seen(view.spot, view.vix, view.pin),
            index=view.index_spec,
            setup_params=self.setup_params,
            entry_params=self.entry_params,
            open_positions=len(self._open) + len(self._sent),
            price=price,
            size=size,
        )
        if decision.action == "enter" and decision.spread:
            self._enter(feeds[decision.spread], Check(view, decision))
        else:
            self._report(view, decision, "")

    def _enter(self, feed: SpreadInstrument, check: Check) -> None:
        """Sell the spread; what becomes of the order comes to notify_order."""
        self._sent[feed] = check
        self.sell(
            data=feed,
            size=check.decision.quantity,
            facts=facts_of(check.decision),
            min_credit=self.entry_params.min_credit or 0.0,
            after_exits=True,
        )

    def _report(self, view: View, decision: EntryDecision, name: str) -> None:
        self.broker.stream.publish(decision_record(view, decision, name))

    def _size(self, feed: SpreadInstrument, credit: float) -> Size:
        """Ask the strategy's sizer; one of ours also says why."""
        if self._explained_sizer:
            return self._explained_sizer.size(feed, credit)
        quantity = int(self.getsizing(feed, isbuy=False))
        return Size(quantity, f"{type(self._sizer).__name__} gives {quantity}")

    def notify_order(self, order: bt.Order) -> None:
        if order.alive():
            return
        if order.issell():
            check = self._sent.pop(order.data, None)
            if check is not None:
                self._entry_ended(order, check)
        elif order.status == order.Completed:
            self._open.pop(order.data, None)
        elif order.data in self._open:
            self._open[order.data].closing = False

    def _entry_ended(self, order: bt.Order, check: Check) -> None:
        """An entry was filled, or refused: then the refusal is the reason of a skip."""
        view, decision = check
        assert decision.setup
        if order.status == order.Completed:
            credit = float(order.info.credit)
            self._open[order.data] = Held(decision.setup.confidence, credit, decision.quantity)
            filled = decision if credit == decision.credit else replace(decision, credit=credit)
            self._report(view, filled, order.data.name)
            return
        refused = EntryDecision(
            "skip",
            decision.seen,
            order.info.kind or SkipKind.NO_QUOTE,
            order.info.why,
            decision.setup,
            decision.spread,
            order.info.get("credit", math.nan),
        )
        self._report(view, refused, "")


def check_rows(session: Session, times: tuple[time, ...], params: ExitParams) -> list[int]:
    """Rows of a session's check times that lie before the end-of-day exit."""
    rows = (session.bar_at(when) for when in times)
    before_ns = end_of_day_ns(session, params) - session.open_ns
    return [row for row in rows if row is not None and row * BAR_NS < before_ns]


def facts_of(decision: EntryDecision) -> EntryFacts:
    """What a decision was made on, as it stands in the record of its trade."""
    setup, seen = decision.setup, decision.seen
    return EntryFacts(
        direction=setup.direction if setup else None,
        confidence=setup.confidence if setup else None,
        distance=setup.distance if setup else None,
        pin=seen.pin,
        spot=seen.spot,
        vix=seen.vix,
    )


def decision_record(view: View, decision: EntryDecision, name: str) -> Decision:
    """The record of a check. Prices in points; name: the order id, empty on a skip."""
    setup = decision.setup
    return Decision(
        index_symbol=view.index_spec.symbol,
        session=view.session.day,
        timestamp=utc(view.ns),
        time_et=f"{new_york(view.ns):%H:%M}",
        outcome="entry" if decision.action == "enter" else "skip",
        kind=decision.kind.value if decision.kind else "",
        reason=decision.reason,
        pin=known(decision.seen.pin),
        spot=known(decision.seen.spot),
        vix=known(decision.seen.vix),
        strategy=setup.strategy if setup else None,
        strikes=setup.strikes if setup else (),
        distance=setup.distance if setup else None,
        width=decision.spread.width if decision.spread else None,
        credit=None if math.isnan(decision.credit) else round(decision.credit, 10),
        quantity=decision.quantity,
        order_id=name,
    )


def order_id(view: View, spread: Spread) -> str:
    """Unique and the same in every run: SPX-20260112-093600-PUT-6950-6940 (New York time)."""
    strikes = "-".join(f"{strike:.10g}" for strike in spread.strikes)
    moment = new_york(view.ns)
    return f"{view.index_spec.symbol}-{moment:%Y%m%d-%H%M%S}-{spread.strategy}-{strikes}"
