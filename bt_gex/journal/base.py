"""The journal: one command, one transaction; the state is what its events fold to.

`Journal` holds the flow that every implementation shares; a store below it reads and inserts
records in transactions. Events are committed before anybody can see their effect. The folded state
of a workspace is kept and brought up to date from the records that have come since, so several
processes may work on one journal.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from bt_gex.errors import JournalDamaged, JournalError, LedgerError, OutcomeUnknown
from bt_gex.journal.crash import crash_point
from bt_gex.journal.records import Chain, Record, event_of, sealed
from bt_gex.journal.verify import Verification, verified
from bt_gex.ledger.book import fresh_book
from bt_gex.ledger.commands import (
    Command,
    Decision,
    Evaluate,
    Execute,
    Ids,
    Known,
    Reconcile,
    SetKillSwitch,
    Settle,
    derived_ids,
)
from bt_gex.ledger.decide import decide
from bt_gex.ledger.events import Event, Scope, StateReconciled
from bt_gex.ledger.fold import FOLDED, LedgerState, apply, counted, fresh_state
from bt_gex.ledger.reconcile import Rebuild

# Switches of this workspace hold for all of them.
ALL_WORKSPACES = UUID(int=0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records are wanted; newest first when `newest`.

    Those of one workspace come in their order; those of several by the instant they carry.

    since  aware; of that instant
    """

    workspace_id: UUID | None = None
    types: tuple[str, ...] = ()
    symbol: str | None = None
    correlation_id: str | None = None
    intent_id: UUID | None = None
    after: int = 0
    since: datetime | None = None
    limit: int | None = None
    offset: int = 0
    newest: bool = False


class Rows(Protocol):
    """Records within one transaction."""

    def after(self, workspace_id: UUID, seq: int) -> Iterator[Record]:
        """The records of a workspace above a number, in order."""
        ...

    def fill(
        self, workspace_id: UUID, intent: tuple[str, UUID] | None, order_id: str
    ) -> Record | None:
        """The fill of an intent, given as (mode, id), or of an order."""
        ...

    def emitted(self, workspace_id: UUID, intent_id: UUID) -> Record | None:
        """The newest record of an intent as it was received."""
        ...

    def insert(self, records: Sequence[Record]) -> None:
        """Write a batch, in one statement."""
        ...

    def find(self, query: Query) -> list[Record]:
        """Records that match."""
        ...

    def counts(self, query: Query) -> dict[str, int]:
        """Number of records that match, by type."""
        ...

    def workspaces(self) -> list[UUID]:
        """All workspaces, in order."""
        ...


class CommitFailed(Exception):
    """COMMIT raised: the transaction may have taken place. `error` says how it failed."""

    def __init__(self, error: JournalError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Folded:
    """A workspace as far as it was read."""

    state: LedgerState
    chain: Chain


class Journal(ABC):
    """Commands in, events stored, state out.

    starting_equity  dollars of a workspace that a first command opens
    profile          `production` forbids resets
    """

    def __init__(
        self, *, starting_equity: Decimal = Decimal(10_000), profile: str | None = None
    ) -> None:
        self.starting_equity = starting_equity
        self.profile = profile
        self._folded: dict[UUID, Folded] = {}
        self._lock = threading.RLock()

    @abstractmethod
    def _writing(self, workspace_id: UUID) -> AbstractContextManager[Rows]:
        """A transaction that no other writer of the workspace shares; commits at its end.

        Raises CommitFailed when the commit does, else a JournalError.
        """

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Rows]:
        """A short transaction for reading."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""

    # ----------------------------------------------------------------------------- commands

    def execute(
        self, workspace_id: UUID, command: Command, now: datetime, ids: Ids | None = None
    ) -> Decision:
        """Decide a command on the present state and store its batch, whole or not at all.

        now  aware; the instant of the command, which its events carry
        ids  names of the order; by default they follow from the command, the same on a retry

        Returns once the batch is durable. Raises BadValue for a command without sense, JournalBusy
        and JournalFull when nothing was written, OutcomeUnknown when that cannot be known: the
        same command may be sent again in each case. JournalDamaged: the workspace is read-only.
        """
        return self._run(workspace_id, lambda rows, folded: command, now, ids)

    def reconcile(self, workspace_id: UUID, now: datetime) -> StateReconciled:
        """Rebuild the account from its fills, compare, and record the outcome.

        After a reset the account is shown again. Nothing is repaired: differences are reported.
        """
        outcomes: list[StateReconciled] = []

        def rebuilt(rows: Rows, folded: Folded) -> Command:
            state = folded.state
            rebuild = Rebuild(book=fresh_book(state.book.starting_equity))
            chain = Chain(str(workspace_id))
            for record in rows.after(workspace_id, 0):
                chain.follow(record)
                rebuild.take(event_of(record))
            outcomes.append(rebuild.outcome(state.hidden or state.book))
            return Reconcile(outcome=outcomes[-1])

        self._run(workspace_id, rebuilt, now, None)
        return outcomes[-1]

    def _run(
        self,
        workspace_id: UUID,
        command_on: Callable[[Rows, Folded], Command],
        now: datetime,
        ids: Ids | None,
    ) -> Decision:
        records: list[Record] = []
        with self._lock:
            crash_point("c1")
            try:
                with self._writing(workspace_id) as rows:
                    crash_point("c2")
                    folded = self._forward(rows, workspace_id)
                    command = command_on(rows, folded)
                    names = ids or derived_ids(workspace_id, command)
                    known = self._known(rows, workspace_id, command, names)
                    decision = decide(folded.state, command, now, names, known)
                    self._warn_of_clock(folded.state, now)
                    crash_point("c3")
                    records = list(sealed(decision.events, folded.chain.hash))
                    if records:
                        rows.insert(records)
                    crash_point("c4")
            except CommitFailed as failed:
                self._find_out(workspace_id, records, failed.error)
            crash_point("c6")
            self._take(workspace_id, records, decision.events)
            crash_point("c8")
        return decision

    # ----------------------------------------------------------------------------- reading

    def state(self, workspace_id: UUID) -> LedgerState:
        """The state after all stored events; a fresh one when there are none."""
        with self._lock, self._reading() as rows:
            return self._forward(rows, workspace_id).state

    def halts(self) -> frozenset[Scope]:
        """Kill switches that are on for all workspaces."""
        return frozenset(self.state(ALL_WORKSPACES).halts or {})

    def records(self, query: Query) -> list[Record]:
        """Stored events as they are, whatever state the workspace is in."""
        with self._reading() as rows:
            return rows.find(query)

    def events(self, workspace_id: UUID, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events of a workspace above a number, in order."""
        query = Query(workspace_id=workspace_id, after=after, limit=limit)
        return [event_of(record) for record in self.records(query)]

    def counts(self, query: Query) -> Mapping[str, int]:
        """Number of stored events that match, by type."""
        with self._reading() as rows:
            return rows.counts(query)

    def workspaces(self) -> list[UUID]:
        """All workspaces with events, in order."""
        with self._reading() as rows:
            return rows.workspaces()

    def verify(self, workspace_id: UUID) -> Verification:
        """Check every record of a workspace; see verify.verified."""
        with self._reading() as rows:
            return verified(workspace_id, rows.after(workspace_id, 0))

    # ----------------------------------------------------------------------------- inside

    def _forward(self, rows: Rows, workspace_id: UUID) -> Folded:
        """The workspace with all that is stored by now; each new record is checked."""
        folded = self._folded.get(workspace_id)
        if folded is None:
            folded = Folded(
                fresh_state(workspace_id, self.starting_equity), Chain(str(workspace_id))
            )
        state, chain = folded.state, folded.chain
        record: Record | None = None
        try:
            for record in rows.after(workspace_id, chain.seq):
                chain.follow(record)
                if record.type in FOLDED:
                    state = apply(state, event_of(record))
                else:
                    state = counted(state, record.seq, datetime.fromisoformat(record.at))
            chain.end()
        except (LedgerError, JournalDamaged, ValueError) as error:
            self._folded.pop(workspace_id, None)
            place = record.place if record else f"workspace {workspace_id}"
            raise JournalDamaged(
                f"{place}: cannot be followed: {error}; the workspace takes no commands. "
                "bt-gex journal verify says more"
            ) from error
        folded = Folded(state, chain)
        self._folded[workspace_id] = folded
        return folded

    def _known(self, rows: Rows, workspace_id: UUID, command: Command, ids: Ids) -> Known:
        prior: Record | None = None
        emitted: Record | None = None
        if isinstance(command, Execute):
            intent = command.intent.id
            prior = rows.fill(workspace_id, (command.mode, intent), ids.order_id)
            emitted = rows.emitted(workspace_id, intent)
        elif isinstance(command, Settle):
            prior = rows.fill(workspace_id, None, ids.order_id)
        halts: frozenset[Scope] = frozenset()
        if isinstance(command, (Execute, Evaluate)):
            halts = frozenset(self._forward(rows, ALL_WORKSPACES).state.halts or {})
        found = emitted.payload_json().get("request_hash") if emitted else None
        return Known(
            prior=event_of(prior) if prior else None,
            prior_hash=str(found) if found else None,
            halts=halts,
            starting_equity=self.starting_equity,
            profile=self.profile,
        )

    def _find_out(self, workspace_id: UUID, records: Sequence[Record], error: JournalError) -> None:
        """After a failed commit: return when the batch is stored, raise the error when not."""
        if not records:
            return
        first = records[0]
        try:
            # The writer's lock: a commit that is still under way has ended once it is ours.
            with self._writing(workspace_id) as rows:
                stored = next(rows.after(workspace_id, first.seq - 1), None)
        except (JournalError, CommitFailed) as unreadable:
            raise OutcomeUnknown(
                f"{first.place}: the commit failed ({error}) and the journal cannot be read "
                f"({unreadable}); send the command again once it can: it is executed once"
            ) from unreadable
        if stored is None or stored.hash != first.hash:
            raise error

    def _take(self, workspace_id: UUID, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Apply a stored batch to what is kept. An error leaves nothing half-applied."""
        folded = self._folded.pop(workspace_id, None)
        if folded is None or not records:
            if folded is not None:
                self._folded[workspace_id] = folded
            return
        state = folded.state
        for record, event in zip(records, events, strict=True):
            folded.chain.follow(record)
            state = apply(state, event)
        self._folded[workspace_id] = Folded(state, folded.chain)

    def _warn_of_clock(self, state: LedgerState, now: datetime) -> None:
        last = state.last_event_at
        if last is not None and now < last:
            log.warning(
                "workspace %s: the clock stepped back from %s to %s; events keep their order",
                state.workspace_id, last, now,
            )  # fmt: skip


def set_kill_switch(
    journal: Journal, on: bool, scope: Scope, now: datetime, *, why: str, who: str
) -> None:
    """Switch trading off, or on again, in all workspaces."""
    journal.execute(ALL_WORKSPACES, SetKillSwitch(on=on, scope=scope, why=why, who=who), now)
