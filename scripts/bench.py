"""Measure a month's replay, and one day against the plain way of reading it."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

from bt_gex import RunConfig
from bt_gex.blackbox.day import Day, load_day
from bt_gex.blackbox.reader import Blackbox, LegKey
from bt_gex.market.calendar import sessions, utc
from bt_gex.runs.replay import planned_legs
from bt_gex.runs.result import versions

MONTH = ("2026-01-02", "2026-01-30")
ONE_DAY = "2026-01-12"

MONTH_RUN = """
import resource, sys, time
began = time.perf_counter()
from bt_gex import RunConfig, replay
imported = time.perf_counter()
result = replay(sys.argv[1], RunConfig(start=sys.argv[2], end=sys.argv[3]))
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(imported - began, done - imported, peak, result.summary["total_trades"], len(result.equity))
"""


def main(folder: Path) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    month(market(folder / "month.db", *MONTH))
    one_day(market(folder / "day.db", ONE_DAY, ONE_DAY))


def market(database: Path, start: str, end: str) -> Path:
    """A synthetic market, made when it is not there."""
    database.parent.mkdir(parents=True, exist_ok=True)
    if not database.exists():
        command = [sys.executable, "-m", "bt_gex.cli.main", "synth", str(database)]
        options = ["--index", "SPX", "--start", start, "--end", end, "--seed", "7"]
        subprocess.run([*command, *options], check=True)
    return database


def month(database: Path) -> None:
    """The whole month in a process of its own, so that its memory is its own."""
    runs = []
    for _ in range(3):
        command = [sys.executable, "-c", MONTH_RUN, str(database), *MONTH]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        runs.append([float(number) for number in out.split()])
    imports, wall, peak, trades, ticks = min(runs, key=lambda run: run[1])
    with sqlite3.connect(database) as db:
        (rows,) = db.execute("SELECT count(*) FROM options_prices_live").fetchone()
    print(
        f"month {MONTH[0]} to {MONTH[1]}: {rows:,} quote rows, {ticks:,.0f} ticks, "
        f"{trades:.0f} trades: {wall:.2f} s after {imports:.2f} s of imports, peak {peak:.0f} MB "
        f"(best of {len(runs)})"
    )


def one_day(database: Path) -> None:
    """The legs of one day: one query for all, against one SQL query per leg and tick."""
    config = RunConfig(start=ONE_DAY, end=ONE_DAY)
    (session,) = sessions(date.fromisoformat(ONE_DAY), date.fromisoformat(ONE_DAY))
    began = time.perf_counter()
    with Blackbox(database) as box:
        day = load_day(box, config.index_facts, session, config.load_params)
        legs = sorted(planned_legs(day, config))
        day.prefetch(legs)
        ours = {key: day.leg(*key) for key in legs}
    fast = time.perf_counter() - began
    print(f"one day, {len(legs)} legs on {len(day.grid)} ticks: {fast:.3f} s")
    # Left to itself SQLite takes the index on the symbol and walks the whole day for each quote.
    for name, symbol, every in (
        ("as SQLite plans it, every 40th tick", "index_symbol", 40),
        ("kept off the index on the symbol", "+index_symbol", 1),
    ):
        began = time.perf_counter()
        plain = plain_way(database, day, legs, symbol, every)
        slow = (time.perf_counter() - began) * every
        for key in legs:
            np.testing.assert_array_equal(ours[key].ask[::every], plain[key])
        print(
            f"  one SQL query per leg and tick, {name}: {slow:.2f} s, the same asks; "
            f"ratio {slow / fast:.1f}"
        )


def plain_way(
    database: Path, day: Day, legs: list[LegKey], symbol: str, every: int
) -> dict[LegKey, np.ndarray]:
    """Asks as of every so-manieth tick, each by a query of its own."""
    query = (
        "SELECT bid, ask FROM options_prices_live WHERE timestamp <= ? AND timestamp >= ? "
        f"AND strike = ? AND option_type = ? AND {symbol} = 'SPX' "
        "ORDER BY timestamp DESC, id DESC LIMIT 1"
    )
    found = {}
    with sqlite3.connect(database) as db:
        for strike, right in legs:
            kind = "call" if right == "C" else "put"
            asks = []
            for ns in day.grid[::every]:
                oldest = max(int(ns) - 120 * 10**9, day.session.open_ns)
                window = (f"{utc(int(ns)):%F %T}", f"{utc(oldest):%F %T}")
                bid, ask = db.execute(query, (*window, strike, kind)).fetchone() or (None, None)
                asks.append(ask if ask is not None and ask > 0 and (bid or 0) <= ask else np.nan)
            found[strike, right] = np.array(asks)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
