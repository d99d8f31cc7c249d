"""Whether the records of a workspace are what was written, and fold to what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from bt_gex.errors import JournalDamaged, LedgerError
from bt_gex.journal.records import Chain, Record, event_of
from bt_gex.ledger.events import StateReconciled
from bt_gex.ledger.fold import apply, fresh_state
from bt_gex.ledger.reconcile import Rebuild


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """last_seq: the last record that holds; fault: what is wrong with the one after it.

    clock_steps: events stamped before their predecessor; allowed, order is that of seq
    """

    workspace_id: UUID
    last_seq: int
    fault: str | None
    outcome: StateReconciled
    clock_steps: int

    @property
    def ok(self) -> bool:
        return self.fault is None and self.outcome.verified


def verified(workspace_id: UUID, records: Iterable[Record]) -> Verification:
    """Check numbers, batches, hashes, payloads, the fold, and the account rebuilt from its fills.

    Never raises for what is wrong with a record; stops at the first that does not hold.
    """
    state = fresh_state(workspace_id, Decimal(0))
    chain, rebuild = Chain(str(workspace_id)), Rebuild()
    fault: str | None = None
    clock_steps, last_at = 0, ""
    try:
        for record in records:
            chain.follow(record)
            event = event_of(record)
            state = apply(state, event)
            rebuild.take(event)
            clock_steps += record.at < last_at
            last_at = record.at
        chain.end()
    except (JournalDamaged, LedgerError) as error:
        fault = str(error)
    return Verification(
        workspace_id=workspace_id,
        last_seq=state.seq,
        fault=fault,
        outcome=rebuild.outcome(state.hidden or state.book),
        clock_steps=clock_steps,
    )
