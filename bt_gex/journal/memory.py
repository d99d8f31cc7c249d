"""A journal in memory: for a run whose events nobody needs afterwards, and as a reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from bt_gex.errors import JournalError
from bt_gex.journal.base import Journal, Query
from bt_gex.journal.records import Record
from bt_gex.ledger.encoding import stamp


class MemoryJournal(Journal):
    """Keeps records in this process only."""

    def __init__(
        self, *, starting_equity: Decimal = Decimal(10_000), profile: str | None = None
    ) -> None:
        super().__init__(starting_equity=starting_equity, profile=profile)
        self._tables = Tables()

    @contextmanager
    def _writing(self, workspace_id: UUID) -> Iterator[MemoryRows]:
        rows = MemoryRows(self._tables, [])
        yield rows
        for record in rows.pending:
            self._tables.add(record)

    @contextmanager
    def _reading(self) -> Iterator[MemoryRows]:
        yield MemoryRows(self._tables, [])

    def close(self) -> None:
        """Nothing to release."""


@dataclass(slots=True)
class Tables:
    """Committed records, and where the fills are."""

    records: dict[UUID, list[Record]] = field(default_factory=dict)
    fills: dict[tuple[str | None, ...], Record] = field(default_factory=dict)
    intents: dict[tuple[str, str | None], Record] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take a record in. Raises JournalError for a second fill of an intent or order."""
        if record.type == "order_filled":
            keys: list[tuple[str | None, ...]] = [(record.workspace_id, record.order_id)]
            if record.intent_id:
                keys.append((record.workspace_id, record.mode, record.intent_id))
            if any(key in self.fills for key in keys):
                raise JournalError(f"{record.place}: a second fill of order {record.order_id}")
            self.fills |= dict.fromkeys(keys, record)
        if record.type == "intent_emitted":
            self.intents[record.workspace_id, record.intent_id] = record
        self.records.setdefault(UUID(record.workspace_id), []).append(record)


@dataclass(slots=True)
class MemoryRows:
    """Rows in lists; `pending` are those of the transaction."""

    tables: Tables
    pending: list[Record]

    def after(self, workspace_id: UUID, seq: int) -> Iterator[Record]:
        yield from self.tables.records.get(workspace_id, [])[seq:]

    def fill(
        self, workspace_id: UUID, intent: tuple[str, UUID] | None, order_id: str
    ) -> Record | None:
        name = str(workspace_id)
        of_order = self.tables.fills.get((name, order_id))
        if intent is None or of_order:
            return of_order
        return self.tables.fills.get((name, intent[0], str(intent[1])))

    def emitted(self, workspace_id: UUID, intent_id: UUID) -> Record | None:
        return self.tables.intents.get((str(workspace_id), str(intent_id)))

    def insert(self, records: Sequence[Record]) -> None:
        self.pending.extend(records)

    def find(self, query: Query) -> list[Record]:
        found = [record for record in self._all(query.workspace_id) if _matches(record, query)]
        if query.workspace_id is None:
            found.sort(key=lambda record: (record.at, record.workspace_id, record.seq))
        if query.newest:
            found.reverse()
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset : end]

    def counts(self, query: Query) -> dict[str, int]:
        matching = (r.type for r in self._all(query.workspace_id) if _matches(r, query))
        return dict(sorted(Counter(matching).items()))

    def workspaces(self) -> list[UUID]:
        return sorted(self.tables.records)

    def _all(self, workspace_id: UUID | None) -> Iterator[Record]:
        for key in self.workspaces() if workspace_id is None else (workspace_id,):
            yield from self.tables.records.get(key, [])


def _matches(record: Record, query: Query) -> bool:
    return (
        record.seq > query.after
        and (not query.types or record.type in query.types)
        and query.symbol in (None, record.symbol)
        and query.correlation_id in (None, record.correlation_id)
        and (query.intent_id is None or record.intent_id == str(query.intent_id))
        and (query.since is None or record.at >= stamp(query.since))
    )
