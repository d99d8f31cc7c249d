"""The opening-range breakout through backtrader: recorded answers, and every mode."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import backtrader as bt
import pandas as pd
import pytest
from backtrader_modes import MODES
from engine.bar_cerebros import run_bars, series_of
from orb_tools import (
    FIVE_MINUTES,
    WINDOW,
    E,
    Q,
    daily_bar,
    merged,
    minutes,
    real_bars,
    real_daily,
    recorded,
    rounded,
    stamp,
)

from bt_gex.analyzers.bar_trades import BarTradeReport
from bt_gex.brokers.bars import BarBroker
from bt_gex.errors import EngineError, UnknownName
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.calendar import instant_ns
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.strategies.opening_range import OpeningRangeStrategy
from bt_gex.synthetic.bars import SyntheticBars
from bt_gex.trades.bar_trades import BarTrade, RangeDay

SETTINGS = ("defaults", "stop_relaxed", "next_open", "guide", "swing_single", "overnight")
SYMBOLS = ("AAPL", "BAC", "GOOG", "SPY", "TWX", "ES")
START, END = date(2026, 1, 12), date(2026, 1, 16)


def trade_row(trade: BarTrade) -> dict[str, Any]:
    """A trade as the recorded answers have it."""
    entry = trade.range_entry
    assert entry is not None

    def at(moment: datetime) -> str:
        return stamp(instant_ns(moment))

    return rounded(
        {
            "trade_id": trade.trade_id,
            "direction": trade.direction,
            "gap_entry": entry.gap_entry,
            "entry_timestamp": at(trade.timestamp_entry),
            "entry_price": trade.entry_price,
            "initial_stop": trade.initial_stop,
            "risk": trade.risk,
            "fills": [
                (at(f.timestamp), f.price, f.quantity / trade.quantity, f.reason)
                for f in trade.fills
            ],
            "exit_timestamp": at(trade.timestamp_exit),
            "exit_price": trade.exit_price,
            "exit_reason": trade.exit_reason,
            "realized_r": trade.realized_r,
            "pnl": trade.pnl_dollars,
            "mfe_r": trade.mfe_r,
            "mae_r": trade.mae_r,
            "score": entry.score,
            "required": entry.required,
            "factors": entry.factors,
        }
    )


def day_row(day: RangeDay) -> dict[str, Any]:
    """A session as the recorded answers have it."""
    triggers = {"long": day.long_trigger, "short": day.short_trigger}
    return rounded(
        {
            "date": day.session.isoformat(),
            "or_minutes": day.or_minutes,
            "norm_vol": day.norm_vol,
            "atr": day.atr,
            "or_high": day.or_high,
            "or_low": day.or_low,
            "triggers": triggers if day.long_trigger is not None else None,
            "reason": day.reason,
            "breaks": {"long": day.breaks_long, "short": day.breaks_short},
            "signals": day.signals,
            "day_r": day.day_r,
            "lockout": day.lockout,
        }
    )


@pytest.mark.parametrize("number", range(46))
def test_worked_scenario(number: int) -> None:
    case = recorded("orb-cases.json")[number]
    first = datetime.fromisoformat(f"{case['first_session']}T{case['session_start_utc']}+00:00")
    bars = [
        bar
        for day, rows in enumerate(case["sessions"])
        for bar in minutes(rows, first + timedelta(days=day))
    ]
    daily = [daily_bar(date.fromisoformat(day), *row) for day, row in case["daily"].items()]
    found = run_bars(
        [series_of("X", bars)],
        OpeningRangeStrategy,
        rules=params_from(case["config"]),
        daily={"X": daily},
    )
    report = found.analyzers.report
    trades = [
        [
            t.direction,
            t.entry_price,
            t.initial_stop,
            [[f.price, f.quantity / t.quantity, f.reason] for f in t.fills],
            t.realized_r,
        ]
        for t in report.records
    ]
    assert rounded(trades) == rounded(case["expected"]), case["name"]
    days = [day_row(day) for day in report.days["X"]]
    for row, wanted in zip(days, case["days"], strict=True):
        assert {name: row[name] for name in wanted} == wanted, case["name"]
    book = found.broker.book
    assert not book.units
    made = sum(trade.pnl_dollars for trade in report.records)
    assert float(book.realized_pnl) == pytest.approx(made, abs=1e-9)
    assert book.cash == book.starting_equity + book.realized_pnl


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_days(setting: str, symbol: str) -> None:
    wanted = recorded("orb-real-days.json")["results"][setting][symbol]
    settings = recorded("orb-settings.json")
    instrument = settings["ES" if symbol == "ES" else "equity"]
    file = "ES_201312" if symbol == "ES" else symbol
    found = run_bars(
        [series_of(symbol, real_bars(file))],
        OpeningRangeStrategy,
        settings=merged(instrument, settings["configs"][setting]),
        daily={symbol: real_daily(file)},
    )
    report = found.analyzers.report
    targets = [{"targets": trade.targets} for trade in report.records]
    rows = [trade_row(trade) for trade in report.records]
    for row, trade, expected in zip(rows, targets, wanted["trades"], strict=True):
        assert row == {name: expected[name] for name in row}
        assert rounded(trade["targets"]) == [price for price, _ in expected["targets"]]
    assert [day_row(day) for day in report.days[symbol]] == wanted["days"]


@pytest.fixture(scope="module")
def market() -> SyntheticBars:
    return SyntheticBars(["A", "B"], seed=3)


LOOSE = {
    "orb.adaptive": False,
    "orb.enable_validity_filter": False,
    "scoring.enabled": False,
    "governance.max_signals_per_day": 10,
}


def outcome(found: Any) -> tuple[Any, ...]:
    report = found.analyzers.report
    account = found.broker.book
    return report.records, dict(report.days), dict(report.samples), account.cash


@pytest.mark.parametrize("entry_mode", ["stop", "next_open"])
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_mode_gives_the_same_run(
    market: SyntheticBars, mode: dict[str, Any], entry_mode: str
) -> None:
    series = [market.minute_bars(symbol, START, END) for symbol in "AB"]
    settings = {**LOOSE, "trade.entry_mode": entry_mode}
    plain = outcome(run_bars(series, OpeningRangeStrategy, settings=settings))
    assert len(plain[0]) >= 8
    assert outcome(run_bars(series, OpeningRangeStrategy, mode, settings=settings)) == plain


def test_symbols_do_not_share_state(market: SyntheticBars) -> None:
    series = {symbol: market.minute_bars(symbol, START, END) for symbol in "AB"}
    together = outcome(run_bars(series.values(), OpeningRangeStrategy, settings=LOOSE))
    for symbol, one in series.items():
        alone = outcome(run_bars([one], OpeningRangeStrategy, settings=LOOSE))
        assert alone[0] == [trade for trade in together[0] if trade.symbol == symbol]
        assert alone[1][symbol] == together[1][symbol]


def test_a_users_own_feed_gives_the_same_trades(market: SyntheticBars) -> None:
    """PandasData does not know which bar is a session's last."""
    series = market.minute_bars("A", START, END)
    columns = {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=pd.to_datetime(series.stamps_ns))
    cerebro = bt.Cerebro()
    feed = bt.feeds.PandasData(
        dataname=frame, name="A", timeframe=bt.TimeFrame.Minutes, compression=1
    )
    cerebro.adddata(feed)
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy, settings=LOOSE)
    cerebro.addanalyzer(BarTradeReport)
    (found,) = cerebro.run()
    expected = run_bars([series], OpeningRangeStrategy, settings=LOOSE).analyzers.report.records
    assert found.analyzers.bartradereport.records == expected


def test_standard_analyzers_see_the_trades(market: SyntheticBars) -> None:
    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=market.minute_bars("A", START, END)))
    cerebro.setbroker(BarBroker(cash=50_000.0))
    cerebro.addstrategy(OpeningRangeStrategy, settings=LOOSE)
    cerebro.addanalyzer(BarTradeReport, _name="ours")
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="standard")
    (found,) = cerebro.run()
    records = found.analyzers.ours.records
    standard = found.analyzers.standard.get_analysis()
    assert standard.total.closed == len(records)
    made = sum(record.pnl_dollars for record in records)
    assert standard.pnl.net.total == pytest.approx(made, abs=1e-9)
    assert found.broker.getvalue() == pytest.approx(50_000.0 + made, abs=1e-9)


@pytest.mark.parametrize("cpus", [1, 2])
def test_optstrategy(market: SyntheticBars, cpus: int) -> None:
    series = market.minute_bars("A", START, END)
    cerebro = bt.Cerebro(maxcpus=cpus)
    cerebro.adddata(BarFeed(series=series))
    cerebro.setbroker(BarBroker())
    cerebro.addanalyzer(BarTradeReport, _name="report")
    variants = [{**LOOSE, "orb.base_minutes": minutes} for minutes in (5, 15, 30)]
    cerebro.optstrategy(OpeningRangeStrategy, settings=variants)
    found = [run[0].analyzers.report.records for run in cerebro.run()]
    expected = [
        run_bars([series], OpeningRangeStrategy, settings=one).analyzers.report.records
        for one in variants
    ]
    assert found == expected
    assert found[0] != found[1]


def test_the_account_is_marked_bar_by_bar(market: SyntheticBars) -> None:
    """Cash plus what is held at the last close; a short position falls with the price."""

    class Watch(bt.Analyzer):
        def start(self) -> None:
            self.seen: list[tuple[float, float, float]] = []

        def next(self) -> None:
            data = self.strategy.data
            broker = self.strategy.broker
            self.seen.append((data.close[0], broker.getposition(data).size, broker.getvalue()))

    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=market.minute_bars("A", START, END)))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy, settings={**LOOSE, "instrument.point_value": 50})
    cerebro.addanalyzer(Watch, _name="watch")
    (found,) = cerebro.run()
    seen = found.analyzers.watch.seen
    sides = {size for _, size, _ in seen}
    assert min(sides) < 0 < max(sides)
    for (before, held, value), (close, still, now) in pairwise(seen):
        if held == still:
            moved = (close - before) * held * 50
            assert now - value == pytest.approx(moved, abs=1e-6)


def test_what_cannot_work_says_so(market: SyntheticBars) -> None:
    series = market.minute_bars("A", START, START)

    def cerebro_of(**feed: Any) -> bt.Cerebro:
        cerebro = bt.Cerebro()
        cerebro.adddata(BarFeed(series=series, **feed))
        return cerebro

    cerebro = cerebro_of()
    cerebro.addstrategy(OpeningRangeStrategy)
    with pytest.raises(EngineError, match="BarBroker"):
        cerebro.run()
    cerebro = cerebro_of()
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy, base_minutes=5)
    with pytest.raises(UnknownName):
        cerebro.run()
    cerebro = cerebro_of()
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy, settings={"orb.base_minuts": 5})
    with pytest.raises(UnknownName, match=r"orb\.base_minutes"):
        cerebro.run()
    cerebro = bt.Cerebro()
    cerebro.setbroker(BarBroker())
    cerebro.resampledata(BarFeed(series=series), timeframe=bt.TimeFrame.Minutes, compression=5)
    cerebro.addstrategy(OpeningRangeStrategy)
    with pytest.raises(EngineError, match="one minute"):
        cerebro.run()
    cerebro = cerebro_of()
    cerebro.adddata(BarFeed(series=series))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy)
    with pytest.raises(EngineError, match="name"):
        cerebro.run()

    class Own(bt.Strategy):
        def next(self) -> None:
            self.buy(size=1)

    cerebro = cerebro_of()
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(Own)
    with pytest.raises(EngineError, match="backtrader's broker"):
        cerebro.run()


def test_uneven_parts_leave_nothing() -> None:
    """Three contracts in parts of 0.35, 0.3 and the rest, which no sum of floats gives exactly."""
    win = (100.55, 103.0, 100.5, 102.9)
    bars = minutes([*WINDOW, Q, E, win, win])
    settings = merged(
        FIVE_MINUTES,
        {"trade": {"t1_pct": 0.35, "t2_pct": 0.3}, "backtest": {"contracts_per_trade": 3}},
    )
    found = run_bars([series_of("X", bars)], OpeningRangeStrategy, settings=settings)
    (trade,) = found.analyzers.report.records
    assert [fill.reason for fill in trade.fills] == ["target_1", "target_2", "target_3"]
    book = found.broker.book
    assert book.units == {}
    assert book.cash == book.starting_equity + book.realized_pnl
    assert float(book.realized_pnl) == pytest.approx(trade.pnl_dollars, abs=1e-9)


def test_a_session_leaves_nothing_open(market: SyntheticBars) -> None:
    """The day's exit is on the session's last bar, not on the next session's first."""

    class Held(bt.Analyzer):
        def start(self) -> None:
            self.at_close: list[float] = []

        def next(self) -> None:
            if self.strategy.data.datetime.time(0) == time(20, 59):
                self.at_close.append(self.strategy.broker.getposition(self.strategy.data).size)

    cerebro = bt.Cerebro()
    cerebro.adddata(BarFeed(series=market.minute_bars("A", START, END)))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(OpeningRangeStrategy, settings={**LOOSE, "trade.runner_r": 50})
    cerebro.addanalyzer(BarTradeReport, _name="report")
    cerebro.addanalyzer(Held, _name="held")
    (found,) = cerebro.run()
    reasons = {trade.exit_reason for trade in found.analyzers.report.records}
    assert "end_of_day" in reasons
    assert found.analyzers.held.at_close == [0.0] * 5
