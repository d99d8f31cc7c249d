"""Sessions in tests: small markets, a clock and a source that do as they are told, kept on a disk
whose syncs are not waited for."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from bt_gex.blackbox.tail import Tail
from bt_gex.config.home import journal_path
from bt_gex.config.run_config import RunConfig
from bt_gex.journal.sql import SqlJournal
from bt_gex.live.parity import Parity, Recorded, Replayed, parity, read_recorded, replayed
from bt_gex.live.plan import SessionPlan
from bt_gex.live.session import Outcome, run_session
from bt_gex.live.store import SessionStore, session_folder
from bt_gex.market.calendar import NS, Session, sessions
from bt_gex.runs.replay import replay
from bt_gex.sessions.growing import SeenRow
from bt_gex.trades.codec import to_json

DAY = date(2026, 1, 12)


class Crash(Exception):
    """The process dies here."""


def plan_of(path: Path | str, home: Path, day: date = DAY, **more: Any) -> SessionPlan:
    settings = more.pop("settings", {})
    config = RunConfig(index=more.pop("index", "SPX"), start=day, end=day, settings=settings)
    named = {"provider": "recorded", **more}
    return SessionPlan(config=config, database=str(path), home=home, **named)


def play(plan: SessionPlan, **how: Any) -> Outcome:
    return run_session(plan, how.pop("stop", threading.Event()), **how)


def session_on(day: date = DAY) -> Session:
    (found,) = sessions(day, day)
    return found


def kept(plan: SessionPlan) -> Recorded:
    """What is kept of a session."""
    journal = SqlJournal(journal_path(plan.home), read_only=True)
    try:
        with SessionStore(session_folder(plan.home, plan.session_id)) as store:
            return read_recorded(store, journal)
    finally:
        journal.close()


def again(plan: SessionPlan) -> Replayed:
    return replayed(kept(plan))


def scored(plan: SessionPlan) -> Parity:
    return parity(kept(plan))


def trades(result: Any) -> list[dict[str, Any]]:
    return [to_json(trade) for trade in result.trade_records]


def database_trades(plan: SessionPlan) -> list[dict[str, Any]]:
    return trades(replay(plan.database, plan.config, use_cache=False, every_bar=True))


class CrashingAt:
    """A watcher that dies after a bar."""

    def __init__(self, *rows: int) -> None:
        self.rows = set(rows)

    def event(self, event: Any) -> None:
        pass

    def bar(self, seen: Any) -> None:
        if seen.row in self.rows:
            self.rows.remove(seen.row)
            raise Crash


class ManualClock:
    """A wall clock that a test sets; waiting takes it to the instant, and `steps` may move it.

    steps  by number of the wait: seconds the clock is off by from then on
    """

    is_simulated = False

    def __init__(self, start_ns: int, steps: dict[int, float] | None = None) -> None:
        self.ns, self.waits, self.steps = start_ns, 0, steps or {}
        self.on_wait: Callable[[int], None] = lambda number: None

    def now(self) -> int:
        return self.ns

    def wait_until(self, ns: int) -> bool:
        self.ns = max(self.ns, ns)
        self.waits += 1
        self.ns += round(self.steps.get(self.waits, 0.0) * NS)
        self.on_wait(self.waits)
        return True


class TimedSource:
    """Rows of a database, each at the instant a test says; by default at its stamp."""

    def __init__(
        self,
        path: Path,
        comes_at: Callable[[SeenRow], int] = lambda row: row.ns,
        day: date = DAY,
        index: str = "SPX",
    ) -> None:
        with Tail(path, index, session_on(day)) as tail:
            rows = tail.read()
        self.name = str(path)
        self._waiting = sorted(((comes_at(row), row.table, row.id), row) for row in rows)

    def read(self, now_ns: int) -> list[SeenRow]:
        come = [row for (at, _, _), row in self._waiting if at <= now_ns]
        self._waiting = self._waiting[len(come) :]
        return come

    def rest(self, now_ns: int) -> list[SeenRow]:
        return self.read(now_ns)

    def close(self) -> None:
        pass


def change(path: Path, statement: str, *values: Any) -> None:
    """Change rows of a database afterwards."""
    with sqlite3.connect(path) as database:
        database.execute(statement, values)
    database.close()
