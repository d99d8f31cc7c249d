"""One market, every way backtrader can be asked to run it: the same trades, or a clear error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import backtrader as bt
import pandas as pd
import pytest
from backtrader_modes import MODES
from oracle import nasty

from bt_gex import RunConfig, replay
from bt_gex.analyzers.account import Drawdown, Equity, ProfitFactor
from bt_gex.analyzers.funnel import Funnel
from bt_gex.analyzers.trades import TradeReport
from bt_gex.blackbox.recording import Recording
from bt_gex.brokers.commission import OptionCommission
from bt_gex.brokers.fills import HalfSpreadFill
from bt_gex.brokers.spread import SpreadBroker
from bt_gex.errors import BadValue, EngineError, UnknownName
from bt_gex.feeds.clock import ClockFeed
from bt_gex.feeds.legs import OptionLegFeed, SpreadFeed
from bt_gex.market.contracts import make_spread
from bt_gex.runs.replay import load_days
from bt_gex.sessions.day import Day
from bt_gex.sizers.gex import FixedContracts
from bt_gex.strategies.gex import GexStrategy

START, END = date(2026, 1, 12), date(2026, 1, 13)
COMMISSION = 0.65


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("modes") / "market.db"
    nasty.make(
        path, 5, start=str(START), end=str(END), nasty=nasty.only("null_bid", "crossed", "quiet")
    )
    return path


@pytest.fixture(scope="module")
def days(market: Path) -> Iterator[tuple[Day, ...]]:
    config = RunConfig(start=START, end=END)
    with Recording(market) as recording:
        yield tuple(load_days(recording, config))


def quoted_calls(day: Day) -> tuple[float, float]:
    """Two call strikes, the higher 10 points up, with quotes on bars 99 to 201."""
    for strike in sorted({strike for strike, _ in day.options()}):
        legs = [day.leg(k, "C").mid[99:202] for k in (strike, strike + 10)]
        if not any((mids != mids).any() for mids in legs) and legs[0][1] - legs[1][1] > 0.5:
            return float(strike), float(strike + 10)
    raise AssertionError("the market has no such pair")


def by_hand(days: tuple[Day, ...], **params: Any) -> bt.Cerebro:
    cerebro = bt.Cerebro(**params)
    cerebro.adddata(ClockFeed(days=days))
    cerebro.setbroker(SpreadBroker(cash=25_000.0, commission=COMMISSION))
    cerebro.addsizer(FixedContracts, quantity=2)
    for analyzer in (TradeReport, Funnel, Equity, Drawdown, ProfitFactor):
        cerebro.addanalyzer(analyzer)
    return cerebro


def test_the_plain_way_equals_replay(market: Path, days: tuple[Day, ...]) -> None:
    settings = {"account.quantity": 2, "fills.commission": COMMISSION}
    expected = replay(market, RunConfig(start=START, end=END, settings=settings))
    assert expected.summary["total_trades"] >= 10
    cerebro = by_hand(days)
    cerebro.addstrategy(GexStrategy)
    (strategy,) = cerebro.run()
    assert strategy.analyzers.tradereport.get_analysis() == expected.trade_records
    assert strategy.analyzers.funnel.records == expected.decision_records
    drawdown = strategy.analyzers.drawdown.get_analysis()
    assert drawdown["closed"] == expected.summary["max_drawdown"]
    assert drawdown["marked"] == expected.summary["max_drawdown_mtm"]
    seen = strategy.analyzers.equity.get_analysis()
    for ours, theirs in (
        ("equity", "equity"), ("cash", "cash"), ("margin_dollars", "margin"),
        ("closed_equity", "closed_equity"), ("open_spreads", "open_spreads"),
    ):  # fmt: skip
        assert list(expected.equity[ours]) == pytest.approx(seen[theirs], abs=0.0051)
    factor = strategy.analyzers.profitfactor.get_analysis()["profit_factor"]
    assert factor == expected.summary["profit_factor"]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_mode_gives_the_same_run(days: tuple[Day, ...], mode: dict[str, Any]) -> None:
    runs = []
    for params in ({}, mode):
        cerebro = by_hand(days, **params)
        cerebro.addstrategy(GexStrategy)
        (strategy,) = cerebro.run()
        runs.append(
            (
                strategy.analyzers.tradereport.records,
                strategy.analyzers.funnel.records,
                strategy.analyzers.equity.get_analysis(),
            )
        )
    assert len(runs[0][0]) >= 10
    assert runs[1] == runs[0]


@pytest.mark.parametrize("cpus", [1, 2])
def test_optstrategy_over_stop_loss(market: Path, days: tuple[Day, ...], cpus: int) -> None:
    cerebro = by_hand(days, maxcpus=cpus)
    stops = (0.05, 0.15, 0.60)
    cerebro.optstrategy(GexStrategy, stop_loss=stops)
    found = [variant[0].analyzers.tradereport.get_analysis() for variant in cerebro.run()]
    for stop, trades in zip(stops, found, strict=True):
        settings = {
            "account.quantity": 2,
            "fills.commission": COMMISSION,
            "exit.stop_loss": stop,
        }
        config = RunConfig(start=START, end=END, settings=settings)
        assert trades == replay(market, config).trade_records
    assert found[0] != found[2]


def test_standard_analyzers_count_a_spread_as_one_trade(days: tuple[Day, ...]) -> None:
    cerebro = by_hand(days)
    cerebro.addstrategy(GexStrategy)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="standard")
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="bt_drawdown")
    (strategy,) = cerebro.run()
    records = strategy.analyzers.tradereport.records
    standard = strategy.analyzers.standard.get_analysis()
    assert standard.total.closed == len(records)
    assert standard.pnl.net.total == pytest.approx(sum(r.pnl_dollars for r in records), abs=0.1)
    ours = strategy.analyzers.drawdown.get_analysis()["marked"]
    # backtrader's analyzer, as ours, looks at the account on every bar.
    assert strategy.analyzers.bt_drawdown.get_analysis().max.moneydown == pytest.approx(ours)


def test_broker_agrees_with_the_trade_records_on_every_bar(days: tuple[Day, ...]) -> None:
    class Watch(bt.Analyzer):
        def start(self) -> None:
            self.seen: list[tuple[int, float, float, float]] = []

        def next(self) -> None:
            broker = self.strategy.broker
            tick = self.strategy.clock.now()
            self.seen.append(
                (tick.ns, broker.getcash(), broker.getvalue(), float(broker.open_spreads()))
            )

    cerebro = by_hand(days)
    cerebro.addstrategy(GexStrategy)
    cerebro.addanalyzer(Watch)
    (strategy,) = cerebro.run()
    report = strategy.analyzers.tradereport
    marks = {mark.order_id: mark for mark in report.marks}
    assert len(report.records) >= 10
    for ns, cash, value, open_spreads in strategy.analyzers.watch.seen:
        balance, received, marked, count = 25_000.0, 0.0, 0.0, 0
        for trade in report.records:
            mark = marks[trade.order_id]
            entered, left = int(mark.stamps[0]), int(mark.stamps[-1])
            if left <= ns:
                balance += trade.pnl_dollars
            elif entered <= ns:
                legs = 4 if trade.strategy == "IC" else 2
                dollars = 100 * trade.quantity
                received += trade.entry_credit * dollars
                received -= COMMISSION * legs * trade.quantity
                known = [v for t, v in zip(mark.stamps, mark.values, strict=True) if t <= ns]
                marked -= [v for v in known if v == v][-1] * dollars
                count += 1
        assert cash == pytest.approx(balance + received, abs=0.005)
        assert value == pytest.approx(balance + received + marked, abs=0.005)
        assert open_spreads == count


def test_a_slow_feed_beside_the_clock_delays_no_check(days: tuple[Day, ...]) -> None:
    """Hourly bars begin at 10:30; the checks of 9:36 and 10:00 are made all the same."""
    found = []
    for slow in (False, True):
        cerebro = by_hand(days)
        if slow:
            clock = cerebro.datas[0]
            cerebro.resampledata(clock, timeframe=bt.TimeFrame.Minutes, compression=60)
        cerebro.addstrategy(GexStrategy)
        (strategy,) = cerebro.run()
        found.append(strategy.analyzers.tradereport.records)
    assert len(found[0]) >= 10
    assert found[1] == found[0]


def test_a_feed_with_stamps_of_its_own_changes_nothing(days: tuple[Day, ...]) -> None:
    """It starts before the clock and moves between two of its ticks: no check is made twice."""
    stamps = pd.date_range("2026-01-12 14:00:15", "2026-01-13 21:00:15", freq="30s")
    prices = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 1.0), index=stamps)
    found = []
    for other in (False, True):
        cerebro = by_hand(days, stdstats=False)
        if other:
            cerebro.adddata(bt.feeds.PandasData(dataname=prices))
        cerebro.addstrategy(GexStrategy)
        (strategy,) = cerebro.run()
        found.append((strategy.analyzers.tradereport.records, strategy.analyzers.funnel.records))
    assert len(found[0][0]) >= 10
    assert found[1] == found[0]


def test_a_misspelt_parameter_is_an_error(days: tuple[Day, ...]) -> None:
    cerebro = by_hand(days)
    cerebro.addstrategy(GexStrategy, stop_los=0.2)
    with pytest.raises(UnknownName, match="did you mean stop_loss"):
        cerebro.run()
    cerebro = by_hand(days)
    cerebro.addstrategy(GexStrategy, stop_loss=-1)
    with pytest.raises(BadValue, match="stop_loss must be a number from 0"):
        cerebro.run()


def test_wrong_wiring_is_an_error(days: tuple[Day, ...]) -> None:
    cerebro = bt.Cerebro()
    cerebro.adddata(ClockFeed(days=days))
    cerebro.addstrategy(GexStrategy)
    with pytest.raises(EngineError, match="SpreadBroker"):
        cerebro.run()
    cerebro = bt.Cerebro()
    cerebro.adddata(OptionLegFeed(days=days, strike=6000.0, right="C"))
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(GexStrategy)
    with pytest.raises(EngineError, match="ClockFeed"):
        cerebro.run()
    with pytest.raises(EngineError, match="exactly one index"):
        ClockFeed(days=())


def test_leg_feeds_beside_the_clock_share_its_bars(days: tuple[Day, ...]) -> None:
    """A stamp that differs in its last bit would give twice the bars."""
    strike, _ = quoted_calls(days[0])

    class Count(bt.Strategy):
        def __init__(self) -> None:
            self.bars = self.priced = 0

        def next(self) -> None:
            clock, leg = self.datas
            tick = clock.now()
            self.bars += 1
            assert clock.datetime[0] == leg.datetime[0]
            quotes = tick.day.leg(strike, "C")
            for line, values in ((leg.bid, quotes.bid), (leg.ask, quotes.ask), (leg, quotes.mid)):
                assert line[0] == values[tick.row] or (line[0] != line[0])
            self.priced += leg.bid[0] == leg.bid[0]

    for mode in ({}, {"runonce": False}, {"preload": False}):
        cerebro = bt.Cerebro(**mode)
        cerebro.adddata(ClockFeed(days=days))
        cerebro.adddata(OptionLegFeed(days=days, strike=strike, right="C"))
        cerebro.addstrategy(Count)
        (strategy,) = cerebro.run()
        assert strategy.bars == 2 * 781
        assert strategy.priced > 100


def test_stock_broker_with_our_commission_keeps_the_books_on_one_leg(days: tuple[Day, ...]) -> None:
    """A long call in backtrader's own broker: the multiplier counts while it is open, too."""

    class Buy(bt.Strategy):
        def next(self) -> None:
            if len(self) == 100:
                self.buy(data=self.datas[1], size=1)
            if self.getposition(self.datas[1]).size:
                price = self.datas[1].close[0]
                if price == price:
                    paid = self.getposition(self.datas[1]).price
                    worth = 25_000.0 + (price - paid) * 100
                    assert self.broker.getvalue() == pytest.approx(worth)
                    self.checked = True

    strike, _ = quoted_calls(days[0])
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ClockFeed(days=days[:1]))
    cerebro.adddata(OptionLegFeed(days=days[:1], strike=strike, right="C", name="leg"))
    cerebro.broker.setcash(25_000.0)
    cerebro.broker.addcommissioninfo(OptionCommission(), name="leg")
    cerebro.addstrategy(Buy)
    (strategy,) = cerebro.run()
    assert strategy.checked


class Manual(bt.Strategy):
    """Runs a script of (row of the first session, action)."""

    params = (("script", {}), ("spread", None))

    def __init__(self) -> None:
        self.clock = self.datas[0]
        self.orders: list[Any] = []
        self.notified: list[tuple[int, str]] = []
        self.feed: SpreadFeed | None = None

    def next(self) -> None:
        tick = self.clock.now()
        if self.feed is None:
            self.feed = SpreadFeed(self.clock, tick.day, self.p.spread, "manual")
        action = self.p.script.get(tick.row)
        if action:
            self.orders.append(action(self))

    def notify_order(self, order: Any) -> None:
        self.notified.append((self.clock.now().row, order.getstatusname()))


def run_manual(days: tuple[Day, ...], script: dict[int, Any], **broker: Any) -> Any:
    strikes = quoted_calls(days[0])
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ClockFeed(days=days[:1]))
    cerebro.setbroker(SpreadBroker(**broker))
    cerebro.addstrategy(Manual, script=script, spread=make_spread("CALL", strikes))
    cerebro.addanalyzer(TradeReport)
    cerebro.addanalyzer(Equity)
    return cerebro.run()[0]


def test_orders_fill_and_are_notified_on_their_own_bar(days: tuple[Day, ...]) -> None:
    strategy = run_manual(
        days,
        {
            100: lambda s: s.sell(data=s.feed, size=3),
            200: lambda s: s.buy(data=s.feed, size=3, reason="by hand"),
        },
    )
    assert strategy.notified == [(100, "Completed"), (200, "Completed")]
    sold, bought = strategy.orders
    quotes = [leg.quotes for leg in strategy.feed.legs]
    # Natural fills: short at the bid, long at the ask, and the other way round on the way out.
    assert sold.executed.price == pytest.approx(quotes[0].bid[100] - quotes[1].ask[100])
    assert bought.executed.price == pytest.approx(quotes[0].ask[200] - quotes[1].bid[200])
    (trade,) = strategy.analyzers.tradereport.records
    assert trade.exit_reason == "by hand"
    expected = (sold.executed.price - bought.executed.price) * 300
    assert trade.pnl_dollars == pytest.approx(expected, abs=0.005)


def test_what_is_left_open_is_settled_at_the_close(days: tuple[Day, ...]) -> None:
    strategy = run_manual(days, {100: lambda s: s.sell(data=s.feed, size=1)}, commission=1.0)
    (trade,) = strategy.analyzers.tradereport.records
    assert trade.exit_reason == "Expiration Settlement"
    assert trade.timestamp_exit.isoformat() == "2026-01-12T21:00:00+00:00"
    assert trade.commission_dollars == 2.0  # two legs in, none out
    quotes = trade.leg_quotes[0]
    assert quotes.bid_entry is not None
    assert (quotes.bid_exit, quotes.ask_exit) == (None, None)
    assert trade.spot_exit == days[0].settlement().price
    assert strategy.notified[-1] == (780, "Completed")
    assert strategy.broker.getcash() == pytest.approx(25_000 + trade.pnl_dollars)


def test_refusals_say_why(days: tuple[Day, ...]) -> None:
    strategy = run_manual(
        days,
        {
            99: lambda s: s.buy(data=s.feed, size=1),
            100: lambda s: s.sell(data=s.feed, size=1),
            101: lambda s: s.sell(data=s.feed, size=1),
            102: lambda s: s.buy(data=s.feed, size=2),
            780: lambda s: s.buy(data=s.feed, size=1),
        },
    )
    why = [(o.getstatusname(), o.info.get("why")) for o in strategy.orders]
    assert why[1] == ("Completed", None)
    for number, value in ((0, "0 open"), (2, "open already"), (3, "1 open"), (4, "session over")):
        status, text = why[number]
        assert status == "Rejected"
        assert value in text


def test_an_order_beyond_the_account_is_refused(days: tuple[Day, ...]) -> None:
    """A 10-wide spread needs 1,000 less its credit a contract; 900 dollars carry none of two."""
    strategy = run_manual(days, {100: lambda s: s.sell(data=s.feed, size=2)}, cash=900.0)
    (order,) = strategy.orders
    assert order.getstatusname() == "Margin"
    quotes = [leg.quotes for leg in strategy.feed.legs]
    credit = quotes[0].bid[100] - quotes[1].ask[100]
    needs = (10 - credit) * 200
    assert order.info.why == f"margin: needs ${needs:,.2f}, $900.00 free"
    assert strategy.broker.getvalue() == 900.0


def test_broker_takes_nothing_but_spreads(days: tuple[Day, ...]) -> None:
    with pytest.raises(EngineError, match="SpreadFeed"):
        run_manual(days, {100: lambda s: s.buy(data=s.datas[0], size=1)})
    with pytest.raises(EngineError, match="market orders"):
        run_manual(days, {100: lambda s: s.sell(data=s.feed, size=1, price=1.0)})


def test_a_line_cannot_be_read_ahead(days: tuple[Day, ...]) -> None:
    with pytest.raises(IndexError, match="future"):
        run_manual(days, {100: lambda s: s.feed.close[1]})
    clock = ClockFeed(days=days)
    with pytest.raises(EngineError, match="not started"):
        clock.now()


def test_own_fill_models_plug_in(days: tuple[Day, ...]) -> None:
    class OneTickWorse:
        def price(self, bid: float, ask: float, *, bought: bool, opening: bool) -> float | None:
            if bid != bid:
                return None
            return ask + 0.05 if bought else bid - 0.05

    script = {100: lambda s: s.sell(data=s.feed, size=1)}
    natural = run_manual(days, script, fills=HalfSpreadFill()).orders[0].executed.price
    worse = run_manual(days, script, fills=OneTickWorse()).orders[0].executed.price
    assert worse == pytest.approx(natural - 0.10)
