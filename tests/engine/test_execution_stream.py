"""What the broker tells, in which order, and what a strategy needs of a feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, ClassVar

import backtrader as bt
import numpy as np
import pytest
from oracle import nasty

from bt_gex import RunConfig
from bt_gex.analyzers.funnel import Funnel
from bt_gex.blackbox.recording import Recording
from bt_gex.brokers.fills import HalfSpreadFill
from bt_gex.brokers.spread import SpreadBroker
from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import (
    BulkFeed,
    LeanBuyOrder,
    LeanSellOrder,
    bt_stamps,
)
from bt_gex.feeds.clock import ClockFeed
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import Session, sessions
from bt_gex.market.contracts import Leg, Spread, make_spread
from bt_gex.market.indexes import SPX, Index
from bt_gex.market.settlement import Settlement
from bt_gex.runs.replay import build, load_days
from bt_gex.sessions.day import Day
from bt_gex.strategies.gex import GexStrategy
from bt_gex.trades.events import (
    Event,
    OrderPending,
    OrderRefused,
    OrderSent,
    SpreadClosed,
    SpreadOpened,
    SpreadSettled,
)
from bt_gex.trades.reasons import SkipKind
from bt_gex.trades.records import Decision

MONDAY = date(2026, 1, 12)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    path = tmp_path_factory.mktemp("stream") / "market.db"
    nasty.make(path, 5, start=str(MONDAY), end=str(MONDAY), nasty=nasty.only("quiet"))
    with Recording(path) as recording:
        yield load_days(recording, RunConfig(start=MONDAY, end=MONDAY))[0]


def calls(day: Day) -> Spread:
    """A call spread 10 points wide with quotes on bars 99 to 201."""
    for strike in sorted({strike for strike, _ in day.options()}):
        mids = [day.leg(k, "C").mid[99:202] for k in (strike, strike + 10)]
        if not np.isnan(mids).any() and mids[0][1] - mids[1][1] > 0.5:
            return make_spread("CALL", (strike, strike + 10))
    raise AssertionError("the market has no such pair")


class Scripted(bt.Strategy):
    """Acts on rows of the session; keeps every event of the stream with its row."""

    params = (("script", {}), ("spread", None))

    def __init__(self) -> None:
        self.clock = self.datas[0]
        self.feeds: dict[str, SpreadFeed] = {}
        self.events: list[tuple[int, Event]] = []

    def start(self) -> None:
        self.broker.stream.subscribe_all(self.heard)

    def heard(self, event: Event) -> None:
        self.events.append((self.clock.now().row, event))

    def instrument(self, name: str) -> SpreadFeed:
        if name not in self.feeds:
            self.feeds[name] = self.clock.instrument(self.p.spread, name)
        return self.feeds[name]

    def next(self) -> None:
        action = self.p.script.get(self.clock.now().row)
        if action:
            action(self)


def run(day: Day, script: dict[int, Any], **broker: Any) -> list[tuple[int, Event]]:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ClockFeed(days=(day,)))
    cerebro.setbroker(SpreadBroker(**broker))
    cerebro.addstrategy(Scripted, script=script, spread=calls(day))
    events: list[tuple[int, Event]] = cerebro.run()[0].events
    return events


def sell(name: str = "one", size: int = 1) -> Any:
    return lambda s: s.sell(data=s.instrument(name), size=size)


def buy(name: str = "one", size: int = 1) -> Any:
    return lambda s: s.buy(data=s.instrument(name), size=size, reason="by hand")


def test_an_entry_and_an_exit(day: Day) -> None:
    told = run(day, {100: sell(size=3), 200: buy(size=3)}, commission=0.5)
    assert [(row, type(event)) for row, event in told] == [
        (100, OrderSent), (100, SpreadOpened), (200, OrderSent), (200, SpreadClosed),
    ]  # fmt: skip
    opened, closed = told[1][1], told[3][1]
    assert isinstance(opened, SpreadOpened)
    assert isinstance(closed, SpreadClosed)
    short, long = (day.leg(strike, "C") for strike in calls(day).strikes)
    credit = short.bid[100] - long.ask[100]
    assert opened.credit == pytest.approx(credit)
    assert opened.booked_dollars == pytest.approx(credit * 300 - 3.0, abs=0.005)  # 0.5 · 2 legs · 3
    assert (opened.at_ns, closed.at_ns) == (int(day.grid[100]), int(day.grid[200]))
    value = min(max(short.ask[200] - long.bid[200], 0.0), 10.0)
    assert closed.value == pytest.approx(value)
    assert closed.commission_dollars == 6.0
    assert closed.pnl_dollars == pytest.approx((credit - value) * 300 - 6.0, abs=0.005)
    assert closed.reason == "by hand"


def test_what_is_open_at_the_close_is_settled_there(day: Day) -> None:
    told = run(day, {100: sell()}, commission=1.0)
    row, settled = told[-1]
    assert row == len(day.grid) - 1
    assert isinstance(settled, SpreadSettled)
    assert settled.commission_dollars == 2.0  # none on the settlement
    assert settled.source == day.settlement().source != "none"


def test_a_refused_order_moves_nothing(day: Day) -> None:
    told = run(day, {100: sell(size=1000), 101: buy()})
    assert [type(event) for _, event in told] == [OrderSent, OrderRefused, OrderSent, OrderRefused]
    margin, nothing_open = told[1][1], told[3][1]
    assert isinstance(margin, OrderRefused)
    assert isinstance(nothing_open, OrderRefused)
    assert (margin.side, margin.kind) == ("sell", SkipKind.MARGIN)
    assert (nothing_open.side, nothing_open.kind) == ("buy", None)


class NoExit(HalfSpreadFill):
    """Fills entries only."""

    def price(self, bid: float, ask: float, *, bought: bool, opening: bool) -> float | None:
        return super().price(bid, ask, bought=bought, opening=True) if opening else None


def test_a_refused_order_has_its_kind(day: Day) -> None:
    script = {100: sell(), 150: buy(), len(day.grid) - 1: sell("two")}
    told = run(day, script, fills=NoExit())
    refused = [event for _, event in told if isinstance(event, OrderRefused)]
    assert [event.kind for event in refused] == [SkipKind.NO_QUOTE, SkipKind.SESSION_OVER]
    assert refused[0].reason == f"no quote: {calls(day).legs[0].label}"


def test_the_margin_is_width_less_credit_to_the_cent(day: Day) -> None:
    short, long = (day.leg(strike, "C") for strike in calls(day).strikes)
    needs = (10 - (short.bid[100] - long.ask[100])) * 100 + 2.0  # and the commission of two legs
    for cash, kind in ((needs, SpreadOpened), (needs - 0.01, OrderRefused)):
        told = run(day, {100: sell()}, cash=round(cash, 2), commission=1.0)
        assert isinstance(told[1][1], kind), cash


def test_what_the_broker_says_of_open_spreads(day: Day) -> None:
    seen: list[Any] = []

    def look(strategy: Any) -> None:
        broker = strategy.broker
        one, two = (strategy.instrument(name) for name in ("one", "two"))
        seen.append(one)
        assert broker.getposition(one).size == -3
        assert broker.getposition(two).size == -1
        assert broker.getvalue([one]) == pytest.approx(-300 * one.close[0])
        assert broker.getvalue() == pytest.approx(broker.getcash() - 400 * one.close[0])
        assert broker.closed_balance() == 25_000.0

    run(day, {100: sell(size=3), 101: sell("two"), 102: look})
    assert seen


def test_an_unresolved_spread_gives_its_commission_back(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a settlement price the entry is reversed: the account is as before it."""
    monkeypatch.setattr(Day, "settlement", lambda self: Settlement(float("nan"), "none"))
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ClockFeed(days=(day,)))
    cerebro.setbroker(SpreadBroker(commission=1.0))
    cerebro.addstrategy(Scripted, script={100: sell()}, spread=calls(day))
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer)
    (strategy,) = cerebro.run()
    assert strategy.broker.getvalue() == 25_000.0
    assert strategy.analyzers.tradeanalyzer.get_analysis().pnl.net.total == pytest.approx(0.0)


def test_one_name_is_one_open_spread(day: Day) -> None:
    told = run(day, {100: sell(), 101: sell(), 102: sell("two")})
    assert [type(event) for _, event in told[:6]] == [
        OrderSent, SpreadOpened, OrderSent, OrderRefused, OrderSent, SpreadOpened,
    ]  # fmt: skip


def test_a_late_entry_is_pending_and_filled_at_the_later_quotes(day: Day) -> None:
    told = run(day, {100: sell()}, latency_bars=5)
    assert [(row, type(event)) for row, event in told[:3]] == [
        (100, OrderSent), (100, OrderPending), (105, SpreadOpened),
    ]  # fmt: skip
    pending, opened = told[1][1], told[2][1]
    assert isinstance(pending, OrderPending)
    assert isinstance(opened, SpreadOpened)
    assert pending.due_row == 105
    short, long = (day.leg(strike, "C") for strike in calls(day).strikes)
    assert opened.credit == pytest.approx(short.bid[105] - long.ask[105])


def sell_after_exits(strategy: Any) -> None:
    strategy.sell(data=strategy.instrument("one"), size=1, after_exits=True)


def test_an_entry_sent_after_exits_waits_for_its_strategy(day: Day) -> None:
    def somebody_elses(strategy: Any) -> None:
        strategy.broker.enter_due(object())
        assert not strategy.broker.open_spreads()

    def mine(strategy: Any) -> None:
        somebody_elses(strategy)
        strategy.broker.enter_due(strategy)
        assert strategy.broker.open_spreads() == 1

    told = run(day, {100: sell_after_exits, 104: somebody_elses, 105: mine}, latency_bars=5)
    assert [row for row, event in told if isinstance(event, SpreadOpened)] == [105]


def test_an_entry_sent_after_exits_and_never_priced_is_named(day: Day) -> None:
    with pytest.raises(EngineError, match=r"one .*enter_due"):
        run(day, {100: sell_after_exits}, latency_bars=5)


def test_a_late_entry_beyond_the_last_bar_is_refused(day: Day) -> None:
    bars = len(day.grid) - 1
    told = run(day, {bars - 2: sell()}, latency_bars=5)
    refused = told[-1][1]
    assert isinstance(refused, OrderRefused)
    assert refused.kind == SkipKind.SESSION_OVER


@pytest.mark.parametrize(
    ("lean", "plain"), [(LeanBuyOrder, bt.BuyOrder), (LeanSellOrder, bt.SellOrder)]
)
def test_a_lean_order_is_as_backtraders_own(day: Day, lean: Any, plain: Any) -> None:
    seen = []

    def compare(strategy: Any) -> None:
        feed = strategy.instrument("one")
        market = bt.Order.Market
        ours = lean.made(owner=strategy, data=feed, size=2, exectype=market, tradeid=0)
        theirs = plain(owner=strategy, data=feed, size=2, exectype=market, tradeid=0)
        for name in ("size", "exectype", "status", "dteos", "triggered", "plimit", "position"):
            assert getattr(ours, name) == getattr(theirs, name), name
        for part in ("created", "executed"):
            for name in ("dt", "size", "price", "pclose", "remsize", "value", "comm", "pnl"):
                found = [getattr(getattr(order, part), name) for order in (ours, theirs)]
                assert found[0] == found[1], (part, name)
        assert (ours.isbuy(), ours.alive()) == (theirs.isbuy(), theirs.alive())
        assert theirs.ref == ours.ref + 1
        now = feed.num2date(ours.created.dt)
        for shift_s in (-1, 0, 1):  # the order's session ends at its own instant, or beside it
            feed.p.sessionend = (now + timedelta(seconds=shift_s)).time()
            again = plain(owner=strategy, data=feed, size=2, exectype=market, tradeid=0)
            assert ours.dteos == again.dteos, shift_s
        seen.append(ours)

    run(day, {100: compare})
    assert seen


# ---------------------------------------------------------------------------------- any feed


@dataclass(frozen=True)
class Glance:
    """A bar as a feed of somebody else's knows it."""

    session: Session
    row: int
    vix: float
    spot: float = 6000.0
    pin: float = 6000.0
    index_spec: Index = SPX

    @property
    def ns(self) -> int:
        return int(self.session.grid()[self.row])

    @property
    def is_close(self) -> bool:
        return self.row == self.session.bars

    def quote(self, leg: Leg) -> tuple[float, float]:
        return float("nan"), float("nan")

    def value(self, spread: Spread) -> float:
        return float("nan")


class SomebodysFeed(BulkFeed):
    """No ClockFeed: one session, a VIX above the threshold all day."""

    def __init__(self) -> None:
        super().__init__()
        session = sessions(MONDAY, MONDAY)[0]
        self.bars = [Glance(session, row, vix=25.0) for row in range(session.bars + 1)]

    def bulk_lines(self) -> dict[str, Any]:
        return {"datetime": bt_stamps(self.bars[0].session.grid())}

    def now(self) -> Glance:
        return self.bars[len(self) - 1]

    def tick_now(self) -> Glance | None:
        return self.now() if len(self) else None

    def instrument(self, spread: Spread, name: str) -> Any:
        raise AssertionError("nothing is traded at this VIX")


def test_the_strategy_runs_on_any_feed_that_offers_the_view() -> None:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(SomebodysFeed())
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(GexStrategy)
    cerebro.addanalyzer(Funnel)
    (strategy,) = cerebro.run()
    checks: list[Decision] = strategy.analyzers.funnel.records
    assert [check.kind for check in checks] == [SkipKind.VIX_TOO_HIGH] * 12
    assert checks[0].time_et == "09:36"


class FirstExitRefused(HalfSpreadFill):
    """Fills everything but the first exit."""

    refusals: ClassVar[list[int]] = []

    def price(self, bid: float, ask: float, *, bought: bool, opening: bool) -> float | None:
        if not opening and not self.refusals:
            self.refusals.append(1)
            return None
        return super().price(bid, ask, bought=bought, opening=opening)


def first_exit(day: Day, fills: HalfSpreadFill) -> int:
    """Row on which a GexStrategy, asked once a day, leaves its trade."""
    config = RunConfig(start=MONDAY, end=MONDAY, settings={"entry.times": ["10:30"]})
    cerebro = build(config, [day], every_bar=True)
    cerebro.setbroker(SpreadBroker(fills=fills))
    (trade,) = cerebro.run()[0].analyzers.trades.records
    return int(np.searchsorted(day.grid, int(trade.timestamp_exit.timestamp() * 1e9)))


def test_a_refused_exit_is_sent_again(day: Day) -> None:
    FirstExitRefused.refusals.clear()
    assert first_exit(day, FirstExitRefused()) == first_exit(day, HalfSpreadFill()) + 1


def test_an_exit_under_way_is_not_sent_twice(day: Day) -> None:
    sent = []

    class Slow(SpreadBroker):
        def buy(self, owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
            sent.append(data.name)

    config = RunConfig(start=MONDAY, end=MONDAY, settings={"entry.times": ["10:30"]})
    cerebro = build(config, [day], every_bar=True)
    cerebro.setbroker(Slow())
    cerebro.run()
    assert len(sent) == 1


def test_checks_of_a_session_that_ends_without_data_are_left_out(day: Day) -> None:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ClockFeed(days=(replace(day, has_data=False),)))  # type: ignore[call-arg]
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(GexStrategy)
    cerebro.addanalyzer(Funnel)
    (strategy,) = cerebro.run()
    assert strategy.analyzers.funnel.records == []


def test_a_feed_without_the_view_is_named() -> None:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.DataBase())
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(GexStrategy)
    with pytest.raises(EngineError, match="DataBase"):
        cerebro.run()
