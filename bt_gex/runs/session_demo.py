"""A recorded session for who has none: mean reversion on synthetic bars."""

from __future__ import annotations

from datetime import date

import backtrader as bt

from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.brokers.bars import BarBroker
from bt_gex.feeds.bars import BarFeed
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs.collection import no_collection
from bt_gex.strategies.mean_reversion import MeanReversionStrategy
from bt_gex.synthetic.bars import SyntheticBars

DAY = date(2026, 1, 12)
SYMBOLS = ("ALPHA", "BETA")


def record_demo(store: RecordingStore) -> str:
    """Record a synthetic day; returns the recording's id."""
    source = SyntheticBars(SYMBOLS, seed=7)
    cerebro = bt.Cerebro(stdstats=False)
    for symbol in SYMBOLS:
        feed = BarFeed(series=source.minute_bars(symbol, DAY, DAY))  # type: ignore[call-arg]
        cerebro.adddata(feed, name=symbol)
    cerebro.setbroker(BarBroker())
    cerebro.addstrategy(MeanReversionStrategy, settings={"bb_std": 2.0})
    cerebro.addanalyzer(
        RecordingAnalyzer,
        database=store,
        strategy_name="Mean Reversion",
        description="a synthetic day",
        tags=("demo",),
        _name="recorder",
    )
    with no_collection():
        (strategy,) = cerebro.run()
    return str(strategy.analyzers.recorder.recording_id)
