"""Measure loading, replaying and sweeping a synthetic month, as ratios to other ways."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bt_gex.results.result import versions

MONTH = ("2026-01-02", "2026-01-30")
YEAR = ("2026-01-02", "2026-12-31")
HERE = Path(__file__).parent / "benches"
# Every check an iron condor: four legs a trade, the most that other ways have to do for one.
CONDORS = {"setup.near_pin_max": 500, "setup.moderate_max": 500, "setup.far_max": 500}
EVERY_FIVE_MINUTES = ",".join(
    f"{minute // 60:02}:{minute % 60:02}" for minute in range(9 * 60 + 35, 15 * 60 + 30, 5)
)
READ_SQL = """
import sys, time, pandas, sqlalchemy
began = time.perf_counter()
engine = sqlalchemy.create_engine(f"sqlite:///{sys.argv[1]}")
frame = pandas.read_sql(
    "SELECT id, timestamp, index_symbol, strike, option_type, bid, ask FROM options_prices_live "
    "WHERE timestamp BETWEEN ? AND ?", engine, params=(sys.argv[2], sys.argv[3] + " 23:59:59"))
print(time.perf_counter() - began, len(frame))
"""


def main(folder: Path, with_year: bool) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    month = market(folder / "month.db", MONTH, ())
    loading(month)
    for name, settings in (("as the rules trade", {}), ("condors only", CONDORS)):
        replaying(month, name, settings)
    whole(month)
    nautilus(month)
    growth(month)
    bars()
    if with_year:
        year(market(folder / "year.db", YEAR, ("--strikes-within", "60")))
    sweeping(month)
    command(month)
    journal()
    session(month)


def journal(commands: int = 500, fills: int = 100_000) -> None:
    found = json.loads(output(str(HERE / "journal.py"), str(commands), str(fills)))
    print(
        f"journal: {found['commands_s']:.0f} durable commands a second on SQLite; {fills:,} fills "
        f"folded in {found['fold_s']:.2f} s, read from SQLite with every hash checked "
        f"{found['stored_fold_s']:.2f} s"
    )


def market(database: Path, dates: tuple[str, str], more: tuple[str, ...]) -> Path:
    """A synthetic market, made when it is not there."""
    database.parent.mkdir(parents=True, exist_ok=True)
    if not database.exists():
        words = ["synth", str(database), "--index", "SPX", "--start", dates[0], "--end", dates[1]]
        command = [sys.executable, "-m", "bt_gex.cli.main", *words, "--seed", "7", *more]
        subprocess.run(command, check=True)
    return database


def output(*words: str) -> str:
    """What a Python process prints."""
    done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    return done.stdout


def ours(what: str, database: Path, dates: tuple[str, str], settings: Any = None) -> Any:
    script = str(HERE / "ours.py")
    return json.loads(output(script, what, str(database), *dates, json.dumps(settings or {})))


def loading(database: Path) -> None:
    with sqlite3.connect(database) as db:
        (rows,) = db.execute("SELECT count(*) FROM options_prices_live").fetchone()
    found = ours("cold", database, MONTH)
    plain, number = output("-c", READ_SQL, str(database), *MONTH).split()
    assert int(number) == rows, (number, rows)
    print(
        f"cold: {rows:,} quote rows to arrays {found['recording_s']:.2f} s; pandas.read_sql of the "
        f"same rows {float(plain):.2f} s, ratio {float(plain) / found['recording_s']:.1f}; one at "
        f"a time by ADBC {found['adbc_s']:.2f} s, by SQLAlchemy {found['sqlalchemy_s']:.2f} s; "
        f"peak {found['peak_mb']:.0f} MB"
    )


def replaying(database: Path, name: str, settings: dict[str, Any]) -> None:
    found = ours("engine", database, MONTH, settings)
    script = str(HERE / "plain_backtrader.py")
    plain = json.loads(output(script, str(database), *MONTH, json.dumps(settings)))
    print(
        f"engine, {name}: {found['trades']} trades, {plain['orders'] // 2} legs; events "
        f"{found['events_s']:.3f} s, every bar {found['every_bar_s']:.3f} s; a Cerebro a day with "
        f"PandasData legs {plain['seconds']:.1f} s: ratios "
        f"{plain['seconds'] / found['events_s']:.0f} and "
        f"{plain['seconds'] / found['every_bar_s']:.0f}"
    )


def whole(database: Path) -> None:
    found = ours("replay", database, MONTH)
    print(
        f"replay(): day cache {found['cached_s']:.2f} s, {found['cached_peak_mb']:.0f} MB; "
        f"without it {found['no_cache_s']:.2f} s"
    )


def nautilus(database: Path) -> None:
    found = json.loads(output(str(HERE / "nautilus.py"), str(database), *MONTH))
    if "skipped" in found:
        print(f"nautilus_trader: skipped, {found['skipped']}")
        return
    mine = ours("replay", database, MONTH)
    both = found["load_seconds"] + found["run_seconds"]
    print(
        f"nautilus_trader {found['version']}, the same {found['positions']} legs, P&L "
        f"{found['pnl']:,.2f} (ours {found['pnl_of_replay']:,.2f}): load "
        f"{found['load_seconds']:.2f} s (traded legs only), run {found['run_seconds']:.2f} s; "
        f"ratio {both / mine['cached_s']:.1f} to replay() with the day cache, "
        f"{both / mine['no_cache_s']:.1f} without"
    )


def bars() -> None:
    found = json.loads(output(str(HERE / "bars.py")))
    print(
        f"bars: opening range, a year of three symbols, {found['bars_each']:,} bars each, loading "
        f"included {found['ours_s']:.1f} s; plain backtrader with PandasData and indicators "
        f"{found['plain_s']:.1f} s, ratio {found['ours_ratio']:.1f}; a bulk-filled feed and an "
        f"empty strategy {found['empty_strategy_s_ratio']:.1f}; with factors sampled "
        f"{found['ours_with_factor_samples_s']:.1f} s"
    )
    print(
        f"  loading from the cache {found['cache_ratio']:.1f} times as fast as from CSV; "
        f"bt-gex backtest over a month, cached, {found['month_command_s']:.2f} s"
    )


def growth(database: Path) -> None:
    first = date.fromisoformat(MONTH[0])
    for days in (8, 15, 28):
        dates = (MONTH[0], (first + timedelta(days=days)).isoformat())
        found = ours("engine", database, dates)
        print(
            f"  {found['sessions']} sessions, {found['trades']} trades: {found['events_s']:.3f} s, "
            f"every bar {found['every_bar_s']:.3f} s, {found['peak_mb']:.0f} MB"
        )
    for name, settings in (
        ("four legs a trade", CONDORS),
        ("a check every five minutes", {"entry.times": EVERY_FIVE_MINUTES}),
    ):
        found = ours("engine", database, MONTH, settings)
        print(
            f"  month, {name}: {found['trades']} trades, {found['events_s']:.3f} s, "
            f"{found['peak_mb']:.0f} MB"
        )


def year(database: Path) -> None:
    """Against January of the same market, so that only the length differs."""
    # In all weeks, also those of a high VIX, and however much is lost.
    always = {**CONDORS, "setup.vix_threshold": 1000, "account.balance": 1e9}
    one, twelve = (ours("engine", database, dates, always) for dates in (MONTH, YEAR))
    print(
        f"year: {twelve['sessions']} sessions, {twelve['trades']} trades, "
        f"{twelve['events_s']:.2f} s, {twelve['events_s'] / one['events_s']:.1f} months' time; "
        f"{twelve['peak_mb']:.0f} MB, a month {one['peak_mb']:.0f} MB"
    )


def sweeping(database: Path) -> None:
    ours("sweep", database, MONTH)  # compiles, when that has not been done on this machine
    for name, found in ours("sweep", database, MONTH).items():
        rate = found["variants"] / found["seconds"]
        print(
            f"sweep, {name}: {found['variants']:,} variants in {found['seconds']:.1f} s, "
            f"{rate:,.1f} a second"
        )


def session(database: Path, day: str = "2026-01-15") -> None:
    found = json.loads(output(str(HERE / "session.py"), str(database), day))
    print(
        f"paper session of a day, --clock max: {found['session_s']:.2f} s, "
        f"{found['session_s'] / found['run_s']:.1f} times bt-gex run of it; a bar, from its "
        f"reading until it was decided and journaled: median {found['median_ms']:.1f} ms, "
        f"p99 {found['p99_ms']:.1f} ms"
    )


def command(database: Path) -> None:
    """Whole commands, imports and all."""
    program = str(Path(sys.executable).with_name("bt-gex"))
    with tempfile.TemporaryDirectory() as folder:
        run = ["run", "--db", str(database), "--start", MONTH[0], "--end", MONTH[1]]
        for words in ([*run, "--out", folder], ["--help"]):
            seconds, memory = [], 0.0
            for _ in range(5):
                began = time.perf_counter()
                process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL)
                _, status, used = os.wait4(process.pid, 0)
                seconds.append(time.perf_counter() - began)
                memory = max(memory, used.ru_maxrss / 1024)
                assert status == 0, status
            print(f"bt-gex {words[0]}: {min(seconds):.2f} s wall, {memory:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--year" in sys.argv[2:])
