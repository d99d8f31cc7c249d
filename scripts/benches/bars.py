"""Speed of backtests over bars: the opening-range strategy beside plain backtrader, and loading.

usage: python scripts/benches/bars.py [SYMBOLS [YEAR]]     prints one JSON object
Processor seconds of this process, so that a machine under load gives the same ratios.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import backtrader as bt

from bt_gex.bars.cache import CachedBars
from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries
from bt_gex.config.bar_config import BarConfig
from bt_gex.feeds.bars import BarFeed
from bt_gex.runs.backtest import run
from bt_gex.runs.bar_data import load_symbol
from bt_gex.synthetic.bars import SyntheticBars

NAMES = ("SPY", "QQQ", "IWM")


class PlainRange(bt.Strategy):
    """An opening-range breakout as one writes it with indicators: moving average of the volume,
    true range, range of the first 15 minutes, market orders, stop and target by hand."""

    def __init__(self) -> None:
        self.volume = bt.ind.SMA(self.data.volume, period=20)
        self.atr = bt.ind.ATR(self.data, period=14)
        self.cross = bt.ind.CrossOver(self.data.close, bt.ind.SMA(self.data.close, period=20))
        self.day, self.high, self.low, self.bars = None, 0.0, 0.0, 0
        self.stop_price = self.target = 0.0

    def next(self) -> None:
        data = self.data
        day = data.datetime.date(0)
        if day != self.day:
            self.day, self.high, self.low, self.bars = day, data.high[0], data.low[0], 0
        self.bars += 1
        if self.bars <= 15:
            self.high, self.low = max(self.high, data.high[0]), min(self.low, data.low[0])
        elif self.position:
            price = data.close[0]
            if price <= self.stop_price or price >= self.target or self.bars == 390:
                self.close()
        elif data.close[0] > self.high and data.volume[0] > 1.25 * self.volume[0]:
            self.stop_price = self.low
            self.target = data.close[0] + 2 * (data.close[0] - self.low)
            self.buy(size=1)


class Empty(bt.Strategy):
    """The engine alone."""

    def next(self) -> None:
        pass


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of a call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def plain(files: list[Path]) -> None:
    """Each file through PandasData and the plain strategy, as its author would run it."""
    import pandas as pd

    for file in files:
        frame = pd.read_csv(file, index_col="timestamp_utc", parse_dates=True)
        frame.index = frame.index.tz_localize(None)
        cerebro = bt.Cerebro(stdstats=False)
        feed = bt.feeds.PandasData(
            dataname=frame, timeframe=bt.TimeFrame.Minutes, openinterest=None
        )  # fmt: skip
        cerebro.adddata(feed)
        cerebro.addstrategy(PlainRange)
        cerebro.run()


def ours(folder: Path, config: BarConfig, *, samples: bool) -> int:
    """Loading and running with the rules; how many trades."""
    source = FolderBars(folder)
    trades = 0
    for symbol in config.symbols:
        one = config.of_symbol(symbol)
        bars = load_symbol(source, one, symbol)
        trades += len(run(one, {symbol: bars}, samples=samples).trades)
    return trades


def empty(folder: Path, symbols: tuple[str, ...]) -> None:
    """A bulk-filled feed and an empty strategy."""
    source = FolderBars(folder)
    for symbol in symbols:
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.adddata(BarFeed(series=source.minute_bars(symbol)))
        cerebro.addstrategy(Empty)
        cerebro.run()


def write_csv(series: BarSeries, path: Path) -> None:
    """The bars as a file of the user's would hold them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["timestamp_utc,open,high,low,close,volume"]
    for bar in series.bars():
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bar.ts_ns // 10**9))
        lines.append(f"{stamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume:.0f}")
    path.write_text("\n".join(lines) + "\n")


def command(place: Path, *words: str) -> float:
    """Wall seconds of a whole command."""
    began = time.perf_counter()
    done = [sys.executable, "-m", "bt_gex.cli.main", "backtest", "orb", *words]
    subprocess.run([*done, "--output-dir", str(place / "runs")], check=True, capture_output=True)
    return time.perf_counter() - began


def main(symbols: int = 3, year: int = 2025) -> None:
    names = NAMES[:symbols]
    start, end = date(year, 1, 2), date(year, 12, 31)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        market = SyntheticBars(names)
        files = []
        for name in names:
            series = market.minute_bars(name, start, end)
            found["bars_each"] = len(series)
            files.append(place / "data" / "minute" / f"{name}.csv")
            write_csv(series, files[-1])
        config = BarConfig(strategy="orb", symbols=names, start=start, end=end)
        ours(place / "data", config.of_symbol(names[0]), samples=False)  # imports, calendar
        plain_s = seconds(lambda: plain(files))
        found["plain_s"] = plain_s
        for name, work_of in (
            ("ours_s", lambda: ours(place / "data", config, samples=False)),
            ("ours_with_factor_samples_s", lambda: ours(place / "data", config, samples=True)),
            ("empty_strategy_s", lambda: empty(place / "data", names)),
        ):
            found[name] = seconds(work_of)
            found[name.replace("_s", "_ratio") if name == "ours_s" else f"{name}_ratio"] = (
                plain_s / found[name]
            )
        folder = FolderBars(place / "data")
        kept = CachedBars(folder, place / "cache")
        first = seconds(lambda: kept.minute_bars(names[0], start, end))
        second = seconds(lambda: kept.minute_bars(names[0], start, end))
        found |= {"first_load_s": first, "cached_load_s": second, "cache_ratio": first / second}
        month = ["--symbols", names[0], "--data", str(place / "data"), "--cache"]
        month += ["--start", f"{year}-01-02", "--end", f"{year}-01-31"]
        month += ["--cache-dir", str(place / "cache")]
        command(place, *month)
        found["month_command_s"] = min(command(place, *month) for _ in range(3))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
