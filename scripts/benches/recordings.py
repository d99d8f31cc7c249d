"""Recording and replaying: seconds a run over synthetic bars, and what processes gain.

Usage: python scripts/benches/recordings.py [BARS]. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.bars.series import BarSeries
from bt_gex.feeds.bars import BarFeed
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs.replay_many import replay_many
from bt_gex.runs.session_replayer import SessionReplayer


class Averages(bt.Strategy):
    """Five indicators, a trade now and then."""

    params = (("fast", 10), ("slow", 60))

    def __init__(self) -> None:
        self.fast = bt.ind.SMA(period=self.p.fast)
        self.slow = bt.ind.SMA(period=self.p.slow)
        self.ema = bt.ind.EMA(period=20)
        self.high = bt.ind.Highest(period=20)
        self.low = bt.ind.Lowest(period=20)

    def next(self) -> None:
        if not self.position and self.data.close[0] > self.high[-1] and self.fast[0] > self.slow[0]:
            self.buy(size=10, reason="breakout")
        elif self.position and self.data.close[0] < self.low[-1]:
            self.close(reason="breakdown")


def series(bars: int) -> BarSeries:
    close = 100 + np.cumsum(np.random.default_rng(7).normal(0, 0.05, bars))
    stamps = 1_760_000_040_000_000_000 + 60 * 10**9 * np.arange(bars, dtype=np.int64)
    return BarSeries(
        symbol="SYN", interval="1m", stamps_ns=stamps, open=close.copy(), high=close + 0.05,
        low=close - 0.05, close=close, volume=np.full(bars, 1000.0),
    )  # fmt: skip


def run(bars: BarSeries, store: RecordingStore | None) -> tuple[float, float, str]:
    """Seconds of wall and of processor, and the recording's id."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(BarFeed(series=bars))
    cerebro.addstrategy(Averages)
    if store is not None:
        cerebro.addanalyzer(RecordingAnalyzer, database=store, _name="recorder")
    began, cpu = time.perf_counter(), time.process_time()
    (strategy,) = cerebro.run()
    name = strategy.analyzers.recorder.recording_id if store is not None else ""
    return time.perf_counter() - began, time.process_time() - cpu, name


def main(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"bars": number, "cores": os.cpu_count()}
    own = {"Averages": Averages}
    with tempfile.TemporaryDirectory() as folder, RecordingStore(Path(folder) / "r.db") as store:
        plain = run(series(number), None)
        wall, cpu, name = run(series(number), store)
        found["record"] = {"wall_s": wall, "cpu_s": cpu, "run_alone_cpu_s": plain[1]}
        found["events"] = store.get(name).total_events_recorded
        for part in (number // 4, number // 2, number):
            _, _, some = run(series(part), store)
            made = SessionReplayer(store, some, strategies=own, save=False)
            began = time.process_time()
            made.market()
            loaded = time.process_time()
            made.set_parameter("fast", 12)
            made.replay()
            ended = time.process_time()
            found[f"replay_{part}"] = {"load_cpu_s": loaded - began, "run_cpu_s": ended - loaded}
        _, _, small = run(series(2_000), store)
        seconds = {}
        for workers in (1, os.cpu_count() or 1):
            began = time.perf_counter()
            grid = {"fast": list(range(5, 25)), "slow": [40, 50, 60, 70, 80]}
            replay_many(store, small, grid, workers=workers, save=False, strategies=own)
            seconds[workers] = time.perf_counter() - began
        found["replays_100"] = {str(workers): value for workers, value in seconds.items()}
        found["gain"] = seconds[1] / seconds[max(seconds)]
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000), indent=1))
