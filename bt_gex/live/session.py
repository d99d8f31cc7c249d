"""A paper session: the very objects of a replay, on a market that grows."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bt_gex.analyzers.listener import Listener
from bt_gex.blackbox.tail import COLUMNS
from bt_gex.brokers.booking import Bookkeeper
from bt_gex.config.home import journal_path
from bt_gex.config.run_config import RunConfig
from bt_gex.feeds.growing import Bars, GrowingClockFeed
from bt_gex.journal.sql import SqlJournal
from bt_gex.live.bars import LiveBars, RecordedBars
from bt_gex.live.books import JournaledBooks
from bt_gex.live.clock import MAX, Clock, SimulatedClock, WallClock
from bt_gex.live.plan import RECORDED, SessionPlan, check_same, new_facts, only_one
from bt_gex.live.sources import GrowingSource, RecordedSource, Source
from bt_gex.live.store import FOLDER, SessionFacts, SessionStore, session_folder
from bt_gex.market.calendar import Session
from bt_gex.runs.collection import no_collection
from bt_gex.runs.replay import Live, account_of, build
from bt_gex.sessions.day import load_day
from bt_gex.sessions.growing import GrowingDay, GrowingRows
from bt_gex.trades.events import Event as ExecutionEvent

log = logging.getLogger(__name__)

FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a session stands when its process lets go of it.

    is_over  it has come to the close and is settled; else it goes on when started again
    halted   why it opened nothing more
    took_s   of each bar, from the start of its reading until it was decided and journaled
    """

    session_id: str
    is_over: bool
    halted: str | None = None
    took_s: tuple[float, ...] = ()


def run_session(
    plan: SessionPlan,
    stop: threading.Event,
    *,
    clock: Clock | None = None,
    source: Source | None = None,
    watch: Watcher | None = None,
) -> Outcome:
    """Start a session, or go on with it, and trade until it is over or it is stopped.

    clock, source  in place of those of the plan, for tests
    watch          told of what happens

    Raises UsageError when it was started with other settings, SessionError when another process
    has it or its account.
    """
    session = plan.session
    folder = plan.home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = session_folder(plan.home, plan.session_id)
    with (
        only_one(folder / f"{plan.session_id}.lock", f"session {plan.session_id}"),
        only_one(folder / f"workspace-{plan.workspace_id}.lock", f"account {plan.workspace_id}"),
        SessionStore(place) as store,
    ):
        known = store.values()
        if known.get("facts"):
            check_same(store.facts(), plan)
            if known.get("status") == FINISHED:
                return Outcome(session_id=plan.session_id, is_over=True, halted=known.get("halted"))
        journal = SqlJournal(
            journal_path(plan.home), starting_equity=Decimal(repr(plan.config.account.balance))
        )
        try:
            if not known.get("facts"):
                source = source or source_of(plan, session)
                store.create(new_facts(plan, journal), started_ns=time.time_ns())
            store.put(pid=os.getpid())
            return Trading(plan, store, journal, stop, clock, source, watch).run()
        finally:
            journal.close()
            if source is not None:
                source.close()


def source_of(plan: SessionPlan, session: Session) -> Source:
    """Where the rows of a session come from."""
    kind = RecordedSource if plan.provider == RECORDED else GrowingSource
    return kind(plan.database, plan.config.index, session)


@dataclass(slots=True)
class Watched:
    """What can be looked at after a bar. row: of the day's grid."""

    day: GrowingDay
    row: int
    books: JournaledBooks
    bars: LiveBars
    strategy: Any
    facts: SessionFacts


class Watcher(Protocol):
    """A listener of a session as it goes on; of what is played again not."""

    def event(self, event: ExecutionEvent) -> None:
        """Something was decided, filled, refused or settled."""
        ...

    def bar(self, seen: Watched) -> None:
        """A bar was decided."""
        ...


class Trading:
    """One process's turn at a session."""

    def __init__(
        self,
        plan: SessionPlan,
        store: SessionStore,
        journal: SqlJournal,
        stop: threading.Event,
        clock: Clock | None,
        source: Source | None,
        watch: Watcher | None,
    ) -> None:
        self._plan, self._store, self._journal = plan, store, journal
        self._stop, self._watch = stop, watch
        self._facts = store.facts()
        self._read, rows = store.read()
        self._source = source or source_of(plan, plan.session)
        self._clock = clock or self._clock_of()
        config = plan.config
        self._books = JournaledBooks(
            self._facts.session_id, self._facts.workspace, journal, account_of(config)["fills"]
        )
        self._day = growing_day(self._facts, plan.session, config)
        self._bars = LiveBars(
            RecordedBars(self._day, self._read, rows),
            frozenset((row.table, row.id) for seen in rows.values() for row in seen),
            self._source,
            store,
            self._clock,
            self._books,
            last_row=self._read[-1].row if self._read else -1,
            grace_s=plan.grace_s,
            on_bar=self._after_bar,
        )

    def _clock_of(self) -> Clock:
        """A simulated clock goes on where it stood."""
        plan = self._plan
        asked = plan.clock or (MAX if plan.provider == RECORDED else None)
        if asked is None:
            return WallClock(self._stop)
        start_ns = plan.session.open_ns if asked.start_ns is None else asked.start_ns
        if self._read:
            start_ns = self._read[-1].read_ns
        return SimulatedClock(start_ns, asked.speed, self._stop)

    def run(self) -> Outcome:
        """Play what is recorded again, then trade."""
        self._resume()
        log.info("session %s: %s", self._facts.session_id, "goes on" if self._read else "starts")
        self._cerebro = cerebro_of(self._plan.config, self._facts, self._day, self._bars,
                                   self._books)  # fmt: skip
        if self._watch:
            self._cerebro.addanalyzer(Listener, told=self._after_event)
        with no_collection():
            self._cerebro.run()
        over = self._bars.is_over
        status = FINISHED if over else "stopped"
        self._store.put(status=status, halted=self._books.halted, pid=None)
        log.info("session %s is %s", self._facts.session_id, "over" if over else "stopped")
        return Outcome(
            session_id=self._facts.session_id,
            is_over=over,
            halted=self._books.halted,
            took_s=tuple(self._bars.took_s),
        )

    def _resume(self) -> None:
        last = self._read[-1].row if self._read else -1
        grid = self._day.grid
        stands = -1
        if last >= 0:
            is_close = last == len(grid) - 1
            in_it = is_close or self._clock.now() < int(grid[last + 1])
            stands = last if in_it else -1
        events = self._journal.events(self._facts.workspace)
        self._books.resume(events, last, stands)

    def _after_event(self, event: ExecutionEvent) -> None:
        if self._watch and self._bars.is_live:
            self._watch.event(event)

    def _after_bar(self, row: int) -> None:
        if self._watch:
            strategy = self._cerebro.runningstrats[0]
            self._watch.bar(Watched(self._day, row, self._books, self._bars, strategy, self._facts))


def growing_day(facts: SessionFacts, session: Session, config: RunConfig) -> GrowingDay:
    """The day of a session, nothing seen of it yet."""
    seen = GrowingRows(facts.database, facts.index, session, COLUMNS)
    return GrowingDay.of(seen, config.index_spec, config.load_params)


def cerebro_of(
    config: RunConfig, facts: SessionFacts, day: GrowingDay, bars: Bars, books: Bookkeeper
) -> Any:
    """The Cerebro of a session, whoever brings its bars and keeps its books."""
    clock = GrowingClockFeed(days=(day,), bars=bars)  # type: ignore[call-arg]
    own = account_config(config, facts)
    return build(own, (day,), live=Live(clock=clock, books=books), earlier=facts.earlier)


def account_config(config: RunConfig, facts: SessionFacts) -> RunConfig:
    """The configuration with the balance the account had when the session began."""
    if config.account.balance == facts.opening_balance:
        return config
    return config.with_settings({"account.balance": facts.opening_balance})


def end_day(day: GrowingDay) -> None:
    """Let a session's day say of its rows as a whole what a recorded day says."""
    day.end(load_day(day.seen.whole(), day.index, day.params))
