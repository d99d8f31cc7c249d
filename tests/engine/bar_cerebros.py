"""Cerebros over bars as a user builds them, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.analyzers.bar_trades import BarTradeReport
from bt_gex.bars.series import BarSeries, Interval
from bt_gex.brokers.bars import BarBroker
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.bars import Bar


def series_of(symbol: str, bars: Iterable[Bar], interval: Interval = "1m") -> BarSeries:
    """Bars as columns."""
    rows = list(bars)
    columns = {
        name: np.array([getattr(bar, name) for bar in rows], dtype=np.float64)
        for name in ("open", "high", "low", "close", "volume")
    }
    stamps = np.array([bar.ts_ns for bar in rows], dtype=np.int64)
    return BarSeries(symbol=symbol, interval=interval, stamps_ns=stamps, **columns)


def run_bars(
    series: Iterable[BarSeries],
    strategy: type[bt.Strategy],
    mode: Mapping[str, Any] | None = None,
    **params: Any,
) -> Any:
    """The strategy after a run in the plain way."""
    cerebro = bt.Cerebro(**(mode or {}))
    for one in series:
        cerebro.adddata(BarFeed(series=one))
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(strategy, **params)
    cerebro.addanalyzer(BarTradeReport, _name="report", samples=True)
    (found,) = cerebro.run()
    return found
