"""Bars as a feed: exact stamps and prices, in every mode of backtrader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import backtrader as bt
import numpy as np
import pytest
from backtrader_modes import MODES
from bars.bar_files import GOOD_ROWS, ns, series

from bt_gex.bars.series import BarSeries
from bt_gex.errors import EngineError
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.calendar import NS, instant_ns
from bt_gex.synthetic.bars import SyntheticBars

START, END = date(2026, 1, 12), date(2026, 1, 13)
Seen = list[tuple[Any, ...]]


class Watch(bt.Strategy):
    """Notes every bar of every feed at each next, and a moving average and orders with it."""

    def __init__(self) -> None:
        self.seen: Seen = []
        self.fills: Seen = []
        self.average = bt.ind.SMA(self.datas[0].close, period=20)

    def next(self) -> None:
        for data in self.datas:
            if len(data):
                values = (data.open, data.high, data.low, data.close, data.volume)
                numbers = (line[0] for line in values)
                self.seen.append(
                    (data._name, data.datetime[0], data.datetime.datetime(0), *numbers)
                )
        self.seen.append((self.average[0], self.broker.getvalue()))
        if len(self) % 7 == 0:
            self.buy(data=self.datas[-1], size=1)
        if len(self) % 11 == 0 and self.position:
            self.close()

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            self.fills.append((order.executed.dt, order.executed.price, order.executed.size))


def run(bars: Sequence[BarSeries], **mode: Any) -> tuple[Seen, Seen]:
    cerebro = bt.Cerebro(**mode)
    for one in bars:
        cerebro.adddata(BarFeed(series=one))
    cerebro.addstrategy(Watch)
    (strategy,) = cerebro.run()
    return strategy.seen, strategy.fills


@pytest.fixture(scope="module")
def two() -> list[BarSeries]:
    """Two symbols over two sessions; of the second one some minutes are missing."""
    source = SyntheticBars(["A", "B"], seed=5)
    first, second = (source.minute_bars(symbol, START, END) for symbol in "AB")
    keep = np.arange(len(second)) % 13 != 4
    columns = ("stamps_ns", "open", "high", "low", "close", "volume")
    thinned = {name: getattr(second, name)[keep] for name in columns}
    return [first, BarSeries(symbol="B", interval="1m", **thinned)]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_mode_gives_the_same_run(two: list[BarSeries], mode: dict[str, Any]) -> None:
    # With exactbars=1 backtrader itself fails on feeds of which one lacks a minute.
    bars = two if mode != {"exactbars": 1} else [two[0], two[0]]
    expected, fills = run(bars)
    assert len(expected) > 1_000
    assert len(fills) > 50
    assert run(bars, **mode) == (expected, fills)


def test_stamps_and_prices_are_those_of_the_series(two: list[BarSeries]) -> None:
    """A stamp that differed in its last bit would give twice the bars."""
    seen, _ = run(two)
    for one in two:
        found = dict.fromkeys(row[1:] for row in seen if row[0] == one.symbol)
        moments = [(instant_ns(row[1].replace(tzinfo=UTC)), *row[2:]) for row in found]
        # datetimes are rounded to microseconds on the way through backtrader's floats
        rounded = [((ns + NS // 2) // NS * NS, *rest) for ns, *rest in moments]
        wanted = [tuple(bar) for bar in one.bars() if bar.ts_ns >= rounded[0][0]]
        assert rounded == wanted
        assert len(wanted) > 700
    both = {row[1] for row in seen if len(row) > 2}
    assert len(both) == len({row[2] for row in seen if len(row) > 2})


def test_stamps_equal_those_of_backtrader() -> None:
    """Whole minutes over decades, bit for bit."""
    feed = BarFeed(series=series(stamps_ns=ns("1999-12-31 23:59") + np.arange(3) * 60 * NS))
    found = feed.bulk_lines()["datetime"]
    moments = [datetime(1999, 12, 31, 23, 59), datetime(2000, 1, 1), datetime(2000, 1, 1, 0, 1)]
    assert found.tolist() == [bt.date2num(moment) for moment in moments]
    from bt_gex.feeds.backtrader_internals import bt_stamps

    minutes = np.arange(ns("1998-01-02 09:30"), ns("2030-01-01 00:00"), 60 * NS * 997)
    theirs = [
        bt.date2num(datetime.fromtimestamp(stamp // NS, UTC).replace(tzinfo=None))
        for stamp in minutes.tolist()
    ]
    assert bt_stamps(minutes).tolist() == theirs


def test_one_strategy_sees_the_three_bars() -> None:
    class Notes(bt.Strategy):
        def __init__(self) -> None:
            self.seen: Seen = []

        def next(self) -> None:
            data = self.data
            self.seen.append(
                (data.datetime.datetime(0), data.open[0], data.close[0], data.openinterest[0])
            )

    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=series("SPY")))
    cerebro.addstrategy(Notes)
    (strategy,) = cerebro.run()
    assert strategy.seen == [
        (datetime(2026, 1, 12, 14, 30 + n), row[0], row[3], 0) for n, row in enumerate(GOOD_ROWS)
    ]
    assert strategy.data._name == "SPY"
    assert strategy.data._timeframe == bt.TimeFrame.Minutes
    named = BarFeed(series=series("SPY"), name="mine")
    assert named._name == "mine"


def test_a_daily_bar_comes_when_its_session_is_over() -> None:
    """Monday to Wednesday in winter: at 21:00 UTC; beside minutes never before the last of them."""
    days = series("SPY", "1d", "2026-01-12 00:00")
    stamps = BarFeed(series=days).bulk_lines()["datetime"]
    assert stamps.tolist() == [bt.date2num(datetime(2026, 1, day, 21)) for day in (12, 13, 14)]
    source = SyntheticBars(["A"])
    order: list[tuple[str, datetime]] = []

    class Order(bt.Strategy):
        def next(self) -> None:
            minutes, daily = self.datas
            order.append((len(minutes), daily.datetime.datetime(0)))

    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=source.minute_bars("A", START, END)))
    cerebro.adddata(BarFeed(series=source.daily_bars("A", START, END)))
    cerebro.addstrategy(Order)
    cerebro.run()
    # Strategies start when all feeds have; the first day is there after its 390 minutes.
    assert order[0] == (390, datetime(2026, 1, 12, 21))
    assert order[-2] == (780, datetime(2026, 1, 12, 21))
    assert order[-1] == (780, datetime(2026, 1, 13, 21))
    assert BarFeed(series=days)._timeframe == bt.TimeFrame.Days


def test_early_closes_and_days_without_a_session() -> None:
    early = series("SPY", "1d", "2025-11-27 00:00")  # Thanksgiving, early close, Saturday
    stamps = BarFeed(series=early).bulk_lines()["datetime"]
    assert stamps.tolist() == [
        bt.date2num(moment)
        for moment in (
            datetime(2025, 11, 28),
            datetime(2025, 11, 28, 18),
            datetime(2025, 11, 30),
        )
    ]


def test_resampling_to_five_minutes(two: list[BarSeries]) -> None:
    class Notes(bt.Strategy):
        def __init__(self) -> None:
            self.seen: Seen = []

        def next(self) -> None:
            data = self.data
            self.seen.append((data.open[0], data.high[0], data.low[0], data.close[0]))

    found = []
    for preload in (True, False):
        cerebro = bt.Cerebro(preload=preload)
        cerebro.resampledata(
            BarFeed(series=two[0]),
            timeframe=bt.TimeFrame.Minutes,
            compression=5,
            boundoff=1,
            rightedge=False,
        )
        cerebro.addstrategy(Notes)
        (strategy,) = cerebro.run()
        found.append(strategy.seen)
    rows = two[0].bars()
    first = rows[:5]
    assert found[0][0] == (
        first[0].open,
        max(bar.high for bar in first),
        min(bar.low for bar in first),
        first[-1].close,
    )
    assert len(found[0]) == len(rows) // 5
    assert found[0] == found[1]


class Sized(bt.Strategy):
    params = (("size", 1),)

    def next(self) -> None:
        if len(self) == 10:
            self.buy(size=self.p.size)


@pytest.mark.parametrize("cpus", [1, 2])
def test_optstrategy(two: list[BarSeries], cpus: int) -> None:
    cerebro = bt.Cerebro(maxcpus=cpus)
    cerebro.adddata(BarFeed(series=two[0]))
    cerebro.optstrategy(Sized, size=(1, 10))
    cerebro.addanalyzer(bt.analyzers.TimeReturn, timeframe=bt.TimeFrame.NoTimeFrame)
    totals = [
        next(iter(variant[0].analyzers.timereturn.get_analysis().values()))
        for variant in cerebro.run()
    ]
    move = two[0].bars()[-1].close - two[0].bars()[10].open
    assert totals == pytest.approx([move / 10_000, 10 * move / 10_000], abs=1e-9)


def test_no_bars_and_no_series() -> None:
    empty = SyntheticBars(["A"]).minute_bars("A", date(2026, 1, 10), date(2026, 1, 11))
    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=empty))
    cerebro.addstrategy(Sized)
    (strategy,) = cerebro.run()
    assert len(strategy) == 0
    with pytest.raises(EngineError, match="takes series=BarSeries, got NoneType"):
        BarFeed()
