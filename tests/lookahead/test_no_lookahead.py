"""Nothing that is decided at t depends on what is recorded after t.

A nasty market is replayed once. Then, for many instants t, everything recorded after t is dropped,
or replaced by extremes with more of them a microsecond after t, and what happened up to t must
not change by a digit: checks, entries, exits, the account.

One thing the design decides by whole sessions is kept out of the markets here: the checks of a
session that ends without any row are left out of what is reported.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.clock import SECOND, Session, from_datetime, instant, sessions, utc
from oracle.nasty import Nasty, make
from typed_records import decisions_of, trades_of

from bt_gex.config.run_config import RunConfig
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import replay

START, END = "2024-11-26", "2024-12-03"  # with Thanksgiving and an early close
SEED = 11
# Rows of every kind of trouble, and quotes all day; of the peaks many are missing.
NASTY = replace(
    Nasty(), peak_drop=0.4, no_data=0.0, no_pins=0.0, no_context=0.3, missing_leg=0.0, wide=0.0
)
TABLES = (
    "market_context",
    "options_snapshots",
    "gex_peaks",
    "competing_peaks",
    "options_prices_live",
)
SETTINGS: dict[str, Any] = {"fills.exit_slippage": 0.5, "entry.use_competing_peaks": True}
FAR_CHAIN = json.dumps(
    [
        {"strike": 100.0, "option_type": "call", "open_interest": 1, "greeks": {"gamma": 9.0}},
        {"strike": 6900.0, "option_type": "call", "open_interest": 9, "greeks": {"gamma": 9.0}},
    ]
)
ENTRY = (
    *("order_id", "timestamp_entry", "strategy", "direction", "confidence", "strikes"),
    *("entry_credit", "quantity", "pin", "spot_entry", "vix_entry", "distance", "width"),
    "max_loss_dollars",
)
EXTREMES = """
UPDATE market_context SET underlying_price = 2 * underlying_price, vix = 80 WHERE at > :t;
UPDATE options_snapshots SET underlying_price = 2 * underlying_price, vix = 80, chain_data = :chain
  WHERE at > :t;
UPDATE gex_peaks SET strike = strike + 700 WHERE at > :t;
UPDATE competing_peaks SET is_competing = 1, adjusted_pin = 4000 WHERE at > :t;
UPDATE options_prices_live SET bid = 0, ask = 9999 WHERE at > :t;
INSERT INTO market_context (timestamp, index_symbol, underlying_price, vix)
  VALUES (:stamp, 'SPX', 12000, 80);
INSERT INTO options_snapshots
  (timestamp, index_symbol, underlying_price, vix, expiration, chain_data)
  VALUES (:stamp, 'SPX', 12000, 80, :day, :chain);
INSERT INTO gex_peaks (timestamp, index_symbol, peak_rank, strike, gex, distance_from_price,
    distance_pct, proximity_score)
  VALUES (:stamp, 'SPX', 1, 4000, 1, 1, 1, 1);
INSERT INTO options_prices_live (timestamp, index_symbol, strike, option_type, bid, ask)
  SELECT DISTINCT :stamp, 'SPX', strike, 'CALL', 0, 9999 FROM options_prices_live
  UNION ALL SELECT DISTINCT :stamp, 'SPX', strike, 'p', 0, 9999 FROM options_prices_live;
"""


@dataclass(frozen=True)
class World:
    """The market as it was recorded, and what came of it."""

    path: Path
    sessions: list[Session]
    result: RunResult

    def instants(self) -> list[tuple[Session, int]]:
        """Where to cut: around checks, around exits, and on bars of no importance."""
        found = []
        for n, session in enumerate(self.sessions):
            check = session.at(("09:36", "10:30", "12:00", "11:00", "10:00")[n % 5])
            found += [(session, check + off) for off in (-1, 0, 1, 30 * SECOND)]
            found.append((session, session.open + (2 * n + 3) * 1801 * SECOND))
            found.append((session, session.close - (0, 1, 45 * SECOND)[n % 3]))
        for trade in trades_of(self.result)[::4]:
            at = microseconds(trade["timestamp_exit"])
            session = next(s for s in self.sessions if s.open <= at <= s.close)
            found += [(session, at - 1), (session, at)]
        return found


def microseconds(iso: str) -> int:
    return from_datetime(datetime.fromisoformat(iso))


def run(path: Path, start: str, end: str, *, every_bar: bool = False) -> RunResult:
    config = RunConfig(
        start=date.fromisoformat(start), end=date.fromisoformat(end), settings=SETTINGS
    )
    return replay(path, config, every_bar=every_bar)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    path = tmp_path_factory.mktemp("lookahead") / "market.db"
    make(path, SEED, start=START, end=END, nasty=NASTY, cadence_s=55)
    connection = sqlite3.connect(path)
    for table in TABLES:  # the instant of each row, by a reading of the stamps that is not ours
        connection.execute(f"ALTER TABLE {table} ADD COLUMN at INTEGER")
        rows = connection.execute(f"SELECT id, timestamp FROM {table}").fetchall()
        numbers = [(instant(stamp), row_id) for row_id, stamp in rows]
        connection.executemany(f"UPDATE {table} SET at = ? WHERE id = ?", numbers)
    connection.commit()
    connection.close()
    return World(path, sessions(START, END), run(path, START, END))


def cut(world: World, copy: Path, session: Session, t: int, how: str) -> None:
    """A copy of the market in which nothing after t is as it was."""
    shutil.copy(world.path, copy)
    connection = sqlite3.connect(copy)
    if how == "dropped":
        for table in TABLES:
            connection.execute(f"DELETE FROM {table} WHERE at > ?", (t,))
    else:
        values = {
            "t": t,
            "stamp": str(utc(t + 1).replace(tzinfo=None)).replace(" ", " T"[t // SECOND % 2]),
            "day": session.date,
            "chain": FAR_CHAIN,
        }
        for statement in EXTREMES.split(";\n"):
            connection.execute(statement, values)
    connection.commit()
    connection.close()


def known_at(result: RunResult, session: Session, t: int) -> Iterator[Any]:
    """Everything a run says about a session up to t."""
    for check in decisions_of(result):
        if check["session"] == session.date and microseconds(check["timestamp"]) <= t:
            yield check
    for trade in trades_of(result):
        if trade["expiration"] == session.date and microseconds(trade["timestamp_entry"]) <= t:
            closed = microseconds(trade["timestamp_exit"]) <= t
            names = tuple(trade) if closed else ENTRY
            yield {name: trade[name] for name in names}


def account_at(result: RunResult, session: Session, t: int) -> list[list[float]]:
    """What the account did in a session up to t, dollars from its first bar."""
    frame = result.equity[result.equity["session"] == session.date]
    at = session.open + 30 * SECOND * np.arange(len(frame))  # a row for each bar and the close
    assert at[-1] == session.close
    columns = ("equity", "cash", "closed_equity", "open_spreads")
    found = []
    for name in columns:
        values = frame[name].to_numpy()[at <= t]
        found.append(np.round(values - values[:1], 2).tolist())
    return found


def test_the_market_is_worth_the_test(world: World) -> None:
    trades = trades_of(world.result)
    assert len(world.sessions) == 5
    assert len({trade["expiration"] for trade in trades}) >= 4
    assert len(trades) >= 12
    assert {t["exit_reason"] for t in trades} >= {"Profit Target", "Stop Loss", "Emergency Stop"}
    assert {check["outcome"] for check in decisions_of(world.result)} == {"entry", "skip"}
    assert len(world.instants()) >= 30


@pytest.mark.parametrize("how", ["dropped", "extremes"])
def test_the_future_does_not_reach_the_past(world: World, tmp_path: Path, how: str) -> None:
    changed = 0
    for n, (session, t) in enumerate(world.instants()):
        copy = tmp_path / f"{n}.db"
        cut(world, copy, session, t, how)
        then = run(copy, session.date, session.date, every_bar=n % 5 == 0)
        copy.unlink()
        expected = list(known_at(world.result, session, t))
        assert list(known_at(then, session, t)) == expected, f"{how} after {utc(t)}"
        before = account_at(world.result, session, t)
        assert account_at(then, session, t) == before, f"{how} after {utc(t)}"
        whole = list(known_at(world.result, session, session.close))
        changed += list(known_at(then, session, session.close)) != whole
    assert changed >= 15  # the cuts do bite: what comes after t is another day


def test_other_sessions_do_not_reach_into_one(world: World, tmp_path: Path) -> None:
    """Each session alone is the session it was among the others."""
    for session in world.sessions:
        alone = run(world.path, session.date, session.date)
        expected = list(known_at(world.result, session, session.close))
        assert list(known_at(alone, session, session.close)) == expected
    whole = run(world.path, START, END, every_bar=True)
    assert whole.to_json() == world.result.to_json()
    assert whole.equity.equals(world.result.equity)
