"""Mean reversion and the breakout through backtrader, against the rules and a plain loop."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from backtrader_modes import MODES
from engine.bar_cerebros import run_bars, series_of
from orb_tools import SHARED, real_bars, recorded, rounded, stamp

from bt_gex.bars.factors import adjusted
from bt_gex.bars.files import FolderBars
from bt_gex.bars.source import LAST_DAY
from bt_gex.brokers.bars import BarBroker
from bt_gex.errors import EngineError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns, sessions
from bt_gex.strategies.breakout import BreakoutStrategy
from bt_gex.strategies.mean_reversion import MeanReversionStrategy
from bt_gex.synthetic.bars import SyntheticBars
from bt_gex.trades.bar_trades import BarTrade

START, END = date(2026, 1, 12), date(2026, 1, 14)


def session_bars(symbol: str, day: date) -> list[Bar]:
    (session,) = sessions(day, day)
    return [b for b in real_bars(symbol) if session.open_ns <= b.ts_ns < session.close_ns]


def as_recorded(trade: BarTrade) -> dict[str, Any]:
    return rounded(
        {
            "symbol": trade.symbol,
            "direction": trade.direction.upper(),
            "quantity": trade.quantity,
            "entry_price": trade.entry_price,
            "stop_loss": trade.initial_stop,
            "take_profit": trade.targets[0],
            "entry_time": stamp(instant_ns(trade.timestamp_entry)),
            "exit_price": trade.exit_price,
            "exit_time": stamp(instant_ns(trade.timestamp_exit)),
            "exit_reason": trade.exit_reason,
            "pnl": trade.pnl_dollars,
        }
    )


def test_mean_reversion_on_recorded_days() -> None:
    for known in recorded("mean-reversion-days.json")["recordings"].values():
        day = date.fromisoformat(known["day"])
        series = [series_of(symbol, session_bars(symbol, day)) for symbol in known["symbols"]]
        for variant in known["variants"].values():
            found = run_bars(series, MeanReversionStrategy, settings=variant["parameters"])
            report = found.analyzers.report
            rows = [as_recorded(trade) for trade in report.records]
            wanted = [{name: row[name] for name in rows[0]} for row in variant["trades"]]
            assert rows == [pytest.approx(row, abs=1e-6) for row in wanted]
            signals = [one for of_symbol in report.signals.values() for one in of_symbol]
            detected = [one for one in signals if one.strength is not None]
            assert len(detected) == variant["summary"]["signals"]
            total = float(found.broker.book.realized_pnl)
            assert total == pytest.approx(variant["summary"]["total_pnl"], abs=1e-6)


@pytest.fixture(scope="module")
def market() -> SyntheticBars:
    return SyntheticBars(["A", "B"], seed=8)


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (MeanReversionStrategy, {"bb_std": 1.5, "direction": "both"}),
        (BreakoutStrategy, {"lookback_days": 20}),
    ],
)
def test_every_mode_gives_the_same_run(
    market: SyntheticBars, mode: dict[str, Any], strategy: type[bt.Strategy], settings: Any
) -> None:
    series = [market.minute_bars(symbol, START, END) for symbol in "AB"]

    def trades(mode: dict[str, Any]) -> list[BarTrade]:
        found = run_bars(series, strategy, mode, settings=settings)
        assert not found.broker.book.units
        records: list[BarTrade] = found.analyzers.report.records
        return records

    plain = trades({})
    assert len(plain) >= 6
    assert trades(mode) == plain


def real_daily(symbol: str) -> Any:
    folder = SHARED / "data" / "bars"
    if not folder.exists():
        pytest.skip("the real bars are not beside the project")
    source = FolderBars(folder)
    return adjusted(source.daily_bars(symbol), source.factors(symbol), LAST_DAY)


def plain_breakout(
    series: dict[str, Any], start: date, lookback: int, dollars: float, most: int
) -> list[tuple[Any, ...]]:
    """A loop over dates: buy above the highest high of the days before, sell a close later."""
    held: dict[str, tuple[date, float, float]] = {}
    found: list[tuple[Any, ...]] = []
    dated = {
        symbol: {datetime.fromtimestamp(b.ts_ns / 1e9, UTC).date(): b for b in one.bars()}
        for symbol, one in series.items()
    }
    for day in sorted({day for rows in dated.values() for day in rows}):
        for symbol, rows in dated.items():
            if day not in rows or day < start:
                continue
            before = [d for d in rows if d < day][-lookback:]
            close = rows[day].close
            if symbol in held:
                entered, price, quantity = held.pop(symbol)
                found.append((symbol, entered, price, day, close, quantity))
            elif (
                len(before) == lookback
                and close > max(rows[d].high for d in before)
                and len(held) < most
            ):
                quantity = math.floor(dollars / close * 1e8) / 1e8
                held[symbol] = (day, close, quantity)
    for symbol, (entered, price, quantity) in held.items():
        last = max(dated[symbol])
        found.append((symbol, entered, price, last, dated[symbol][last].close, quantity))
    return found


@pytest.mark.parametrize("most", [1, 5])
def test_breakout_on_real_days(most: int) -> None:
    start = date(2013, 6, 3)
    first, last = (
        instant_ns(datetime(2012, 3, 1, tzinfo=UTC)),
        instant_ns(datetime(2014, 7, 1, tzinfo=UTC)),
    )
    series = {}
    for symbol in ("AAPL", "BAC", "SPY"):
        bars = [bar for bar in real_daily(symbol).bars() if first <= bar.ts_ns < last]
        series[symbol] = series_of(symbol, bars, "1d")
    found = run_bars(
        series.values(),
        BreakoutStrategy,
        settings={"lookback_days": 252, "max_positions": most},
        trade_from=instant_ns(datetime.combine(start, datetime.min.time(), tzinfo=UTC)),
    )
    rows = [
        (
            t.symbol, t.timestamp_entry.date(), t.entry_price, t.timestamp_exit.date(),
            t.exit_price, t.quantity,
        )
        for t in found.analyzers.report.records
    ]  # fmt: skip
    wanted = plain_breakout(series, start, 252, 1000.0, most)
    assert len(wanted) > 30
    assert sorted(rows) == [
        (*row[:2], pytest.approx(row[2]), row[3], pytest.approx(row[4]), pytest.approx(row[5]))
        for row in sorted(wanted)
    ]


def test_a_split_is_no_breakout_and_no_loss() -> None:
    """AAPL splits 7:1 on 2014-06-09: raw prices fall from 645 to 92."""
    bars = [
        b
        for b in real_daily("AAPL").bars()
        if b.ts_ns < instant_ns(datetime(2014, 7, 1, tzinfo=UTC))
    ]
    found = run_bars([series_of("AAPL", bars[-300:], "1d")], BreakoutStrategy)
    returns = [t.exit_price / t.entry_price - 1 for t in found.analyzers.report.records]
    assert returns
    assert np.abs(returns).max() < 0.15


def test_breakout_on_minutes_leaves_at_the_end_of_the_session(market: SyntheticBars) -> None:
    series = market.minute_bars("A", START, END)
    found = run_bars([series], BreakoutStrategy, settings={"lookback_days": 30})
    closes = {session.close_ns for session in sessions(START, END)}
    records = found.analyzers.report.records
    assert records
    for trade in records:
        assert trade.exit_reason == "EOD exit"
        assert instant_ns(trade.timestamp_exit) + 60 * 10**9 in closes


def test_only_the_last_bar_ends_a_session_where_asked(market: SyntheticBars) -> None:
    series = market.minute_bars("A", START, END)
    settings = {"lookback_days": 30, "eod": "last_bar"}
    (trade,) = run_bars([series], BreakoutStrategy, settings=settings).analyzers.report.records
    assert instant_ns(trade.timestamp_exit) == series.stamps_ns[-1]


def test_the_breakout_needs_to_know_the_end_of_a_session(market: SyntheticBars) -> None:
    series = market.minute_bars("A", START, START)
    frame = pd.DataFrame(
        {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(series.stamps_ns),
    )
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, name="A", timeframe=bt.TimeFrame.Minutes))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(BreakoutStrategy)
    with pytest.raises(EngineError, match="BarFeed"):
        cerebro.run()
