"""One measurement of bt_gex in a process of its own.

usage: ours.py WHAT DATABASE START END [SETTINGS]   (settings: changes to the defaults, as JSON)

Prints one line of JSON. WHAT is engine, replay, cold or sweep.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from bt_gex import RunConfig, replay
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.recording import Recording
from bt_gex.market.calendar import sessions
from bt_gex.runs.replay import load_days, run
from bt_gex.sweeps.plan import Plan, make_plan
from bt_gex.sweeps.sweep import SweepOptions, run_sweep

TIMES = 5  # the best counts


def best(work: Any, times: int = TIMES) -> float:
    """Seconds of the fastest of some runs."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def engine(database: str, config: RunConfig) -> dict[str, Any]:
    """The replay alone, sessions and legs loaded: with events, and visiting every bar."""
    with Recording(database) as recording:
        days = [day for day in load_days(recording, config) if day.has_data]
    trades = len(run(config, days).analyzers.trades.records)
    return {
        "sessions": len(days),
        "ticks": sum(len(day.grid) for day in days),
        "trades": trades,
        "events_s": best(lambda: run(config, days)),
        "every_bar_s": best(lambda: run(config, days, every_bar=True), 3),
        "peak_mb": peak_mb(),
    }


def whole_replay(database: str, config: RunConfig) -> dict[str, Any]:
    """`replay()`: cache on, with what it has; and without one."""
    replay(database, config)
    cached = best(lambda: replay(database, config))
    memory = peak_mb()
    without = best(lambda: replay(database, config, use_cache=False), 2)
    return {"cached_s": cached, "cached_peak_mb": memory, "no_cache_s": without}


def cold(database: str, config: RunConfig) -> dict[str, Any]:
    """Every row of every session, from SQLite to arrays by option, nothing kept."""
    wanted = sessions(config.start, config.end)

    def read(plain: bool) -> None:
        with Blackbox(database) as box:
            for session in wanted:
                box.session_rows(config.index, session, plain=plain)

    def recorded() -> None:
        with Recording(database, use_cache=False) as recording:
            for _ in recording.sessions(config.index, wanted):
                pass

    return {
        "recording_s": best(recorded, 3),
        "adbc_s": best(lambda: read(False), 2),
        "sqlalchemy_s": best(lambda: read(True), 1),
        "peak_mb": peak_mb(),
    }


def sweep(database: str, config: RunConfig) -> dict[str, Any]:
    """Variants a second, with all that belongs to a sweep."""
    few = make_plan(config, {"exit.stop_loss": [n / 100 for n in range(1, 101)]})
    many = make_plan(
        config,
        {
            "exit.stop_loss": [n / 50 for n in range(1, 26)],
            "exit.profit_target_high": [n / 20 for n in range(1, 21)],
            "setup.ic_buffer": [10, 15, 20, 25, 30],
            "entry.min_credit": [None, 0.5, 1.0, 1.5],
        },
    )
    seconds = {
        "pool": timed(database, few, SweepOptions()),
        "optstrategy": timed(database, few, SweepOptions(optimizer="cerebro")),
        "compiled": timed(database, many, SweepOptions(engine="compiled")),
    }
    counts = {"pool": few, "optstrategy": few, "compiled": many}
    return {
        name: {"variants": len(counts[name].variants), "seconds": one}
        for name, one in seconds.items()
    }


def timed(database: str, plan: Plan, options: SweepOptions) -> float:
    """Seconds of a sweep, reading the cached sessions and writing its folder included."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run_sweep(database, plan, Path(folder), options)
        return time.perf_counter() - began


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


WHAT = {"engine": engine, "replay": whole_replay, "cold": cold, "sweep": sweep}

if __name__ == "__main__":
    what, database, start, end, *rest = sys.argv[1:]
    settings = json.loads(rest[0]) if rest else {}
    config = RunConfig(
        start=date.fromisoformat(start), end=date.fromisoformat(end), settings=settings
    )
    print(json.dumps(WHAT[what](database, config)))
