"""Runs to be recorded: a strategy on backtrader's broker, mean reversion on ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.bars.series import BarSeries
from bt_gex.brokers.bars import BarBroker
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.calendar import NS, instant_ns
from bt_gex.recordings.session_recorder import SessionRecorder
from bt_gex.recordings.store import RecordingStore
from bt_gex.strategies.mean_reversion import MeanReversionStrategy

SHARED = Path(__file__).resolve().parents[3] / "shared"
T0_NS = instant_ns(datetime(2025, 11, 10, 15, 0, tzinfo=UTC))
Row = tuple[float, float, float, float]
FLAT19: list[Row] = [(100.0,) * 4] * 19
FLAT19_95: list[Row] = [*FLAT19, (95.0,) * 4]
SIGNALLED = [*FLAT19_95, (95.2, 95.5, 95.0, 95.4), (95.4, 95.7, 95.3, 95.6)]  # in 95.20, target


class Cross(bt.Strategy):
    """Two moving averages, orders of several kinds, an indicator on the second feed."""

    params = (("fast", 5), ("slow", 12), ("stake", 3), ("broken_at", 0), ("peek", False))

    def __init__(self) -> None:
        self.fast = bt.ind.SMA(self.data, period=self.p.fast)
        self.slow = bt.ind.SMA(self.data, period=self.p.slow)
        self.cross = bt.ind.CrossOver(self.fast, self.slow)
        self.bands = bt.ind.BollingerBands(self.datas[-1], period=8)

    def next(self) -> None:
        if self.p.broken_at and len(self) == self.p.broken_at:
            raise RuntimeError("out of paper")
        price = self.data.close[0]
        if self.cross[0] > 0:
            self.close(reason="crossed up")
            self.buy(size=self.p.stake, reason="up", stop_loss=price * 0.99, strength=0.5)
            self.sell(exectype=bt.Order.Limit, price=price * 1.002, size=1)
        elif self.cross[0] < 0:
            self.close(reason="crossed down")
            self.sell(
                size=2, exectype=bt.Order.Limit, price=price * 1.5, valid=self.data.datetime.date(0)
            )
        last = self.datas[-1]
        if last.close[0] < self.bands.lines.bot[0]:
            self.buy(data=last, size=1)
        elif last.close[0] > self.bands.lines.top[0]:
            self.close(data=last)
        if self.p.peek and hasattr(self.analyzers, "recorder"):
            self.analyzers.recorder.signal(self.data, "peek", indicators={"fast": self.fast[0]})


def frame(seed: int, rows: int = 200) -> pd.DataFrame:
    """Random minutes."""
    chance = np.random.default_rng(seed)
    close = 100 + np.cumsum(chance.normal(0, 0.5, rows))
    start = close + chance.normal(0, 0.1, rows)
    return pd.DataFrame(
        {
            "open": start,
            "high": np.maximum(start, close) + 0.1,
            "low": np.minimum(start, close) - 0.1,
            "close": close,
            "volume": chance.integers(1, 9, rows) * 100.0,
        },
        index=pd.date_range("2026-01-05 14:30", periods=rows, freq="min"),
    )


def record_cross(
    store: RecordingStore,
    mode: Mapping[str, Any] | None = None,
    frames: Sequence[pd.DataFrame] | None = None,
    recorder: Mapping[str, Any] | None = None,
    **params: Any,
) -> str:
    """The id of a recording of Cross."""
    cerebro = bt.Cerebro(**(mode or {}))
    for number, one in enumerate(frames or (frame(0), frame(1))):
        cerebro.adddata(bt.feeds.PandasData(dataname=one), name="AB"[number])
    cerebro.broker.setcash(5_000)
    cerebro.broker.setcommission(0.001)
    cerebro.broker.set_slippage_perc(0.0002)
    cerebro.addstrategy(Cross, **params)
    given = {"database": store, "_name": "recorder", "flush_seconds": 0, **(recorder or {})}
    cerebro.addanalyzer(RecordingAnalyzer, **given)
    (strategy,) = cerebro.run()
    return str(strategy.analyzers.recorder.recording_id)


def series_of(symbol: str, rows: Sequence[Row | None], volume: float = 1000.0) -> BarSeries:
    """Minutes from T0; None is a minute without a bar."""
    there = [(n, row) for n, row in enumerate(rows) if row]
    columns = np.array([row for _, row in there], dtype=np.float64).reshape(-1, 4).T.copy()
    return BarSeries(
        symbol=symbol,
        interval="1m",
        stamps_ns=np.array([T0_NS + n * 60 * NS for n, _ in there], dtype=np.int64),
        open=columns[0].copy(),
        high=columns[1].copy(),
        low=columns[2].copy(),
        close=columns[3].copy(),
        volume=np.full(len(there), volume),
    )


def record_reversion(
    store: RecordingStore,
    series: Sequence[BarSeries],
    mode: Mapping[str, Any] | None = None,
    recorder: Mapping[str, Any] | None = None,
    **settings: Any,
) -> str:
    """The id of a recording of mean reversion."""
    cerebro = bt.Cerebro(**(mode or {}))
    for one in series:
        cerebro.adddata(BarFeed(series=one))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(MeanReversionStrategy, settings=settings)
    given = {"database": store, "_name": "recorder", "flush_seconds": 0,
             "strategy_name": "Mean Reversion", **(recorder or {})}  # fmt: skip
    cerebro.addanalyzer(RecordingAnalyzer, **given)
    (strategy,) = cerebro.run()
    return str(strategy.analyzers.recorder.recording_id)


def record_by_hand(
    store: RecordingStore, bars: Mapping[str, Sequence[Row | None]], **parameters: Any
) -> str:
    """The id of a recording of bars alone, as a trading loop writes it."""
    made = SessionRecorder(store, "s", 1, "Mean Reversion", parameters, list(bars), flush_seconds=0)
    longest = max(map(len, bars.values()))
    for minute in range(longest):
        for symbol, rows in bars.items():
            row = rows[minute] if minute < len(rows) else None
            if row:
                moment = datetime.fromtimestamp(T0_NS / NS + minute * 60, UTC)
                made.record_market_data(symbol, moment, *row, 1000)
    made.stop_recording()
    return made.recording_id
