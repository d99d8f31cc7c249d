"""The journal in a database, over SQLAlchemy Core: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, TextClause, bindparam, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from bt_gex.errors import JournalBusy, JournalError, JournalFull
from bt_gex.journal.base import ALL_WORKSPACES, CommitFailed, Journal, Query
from bt_gex.journal.migrations import STEPS, migrate, version_of
from bt_gex.journal.records import COLUMNS, Record
from bt_gex.journal.schema import events
from bt_gex.ledger.encoding import stamp
from bt_gex.storage.databases import WAIT_S, Engines, Kind, open_engines, store_error

KIND: Kind[JournalError] = Kind("journal", JournalError, JournalBusy, JournalFull)
MADE = "bt_gex journal schema"  # name of the lock under which tables are made
SELECTED = [events.c[name] for name in COLUMNS]
PAGE = 1_000  # rows read at a time


class SqlJournal(Journal):
    """A journal that outlives the process and may be used by several at once.

    target     path of a SQLite file, or a URL; tables are made where there are none
    read_only  takes no commands and makes nothing
    wait_s     how long a writer waits for another

    Raises JournalError when the database cannot be opened or is of a newer version.
    """

    def __init__(
        self,
        target: str | Path,
        *,
        starting_equity: Decimal = Decimal(10_000),
        profile: str | None = None,
        read_only: bool = False,
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(starting_equity=starting_equity, profile=profile)
        self.read_only = read_only
        self._wait_s = wait_s
        self._engines: Engines = open_engines(KIND, target, read_only=read_only, wait_s=wait_s)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The file or URL, without a password."""
        return self._engines.name

    def close(self) -> None:
        self._engines.dispose()

    def _prepare(self) -> None:
        try:
            if self._engines.is_sqlite and not self.read_only:
                # Takes a file out of WAL mode where it must, which a reader of ours would prevent.
                self._engines.write.connect().close()
            with self._reading() as rows:
                version = version_of(rows.connection)
            if version == 0 and self.read_only:
                raise JournalError("it holds no journal")
            if version < len(STEPS) and not self.read_only:
                with self._transaction(MADE) as connection:
                    migrate(connection)
        except JournalError as error:
            place = "" if str(error).startswith(self.name) else f"{self.name}: "
            raise type(error)(f"{place}{error}") from error
        except CommitFailed as failed:
            raise failed.error from failed
        except SQLAlchemyError as error:
            raise store_error(KIND, self.name, error) from error

    @contextmanager
    def _writing(self, workspace_id: UUID) -> Iterator[SqlRows]:
        if self.read_only:
            raise JournalError(f"{self.name}: is opened for reading only")
        with self._transaction(str(workspace_id)) as connection:
            yield SqlRows(connection)

    @contextmanager
    def _reading(self) -> Iterator[SqlRows]:
        try:
            with self._engines.read.begin() as connection:
                yield SqlRows(connection)
        except SQLAlchemyError as error:
            raise store_error(KIND, self.name, error) from error

    @contextmanager
    def _transaction(self, lock: str) -> Iterator[Connection]:
        """A transaction under a writer's lock. Raises CommitFailed when COMMIT does."""
        try:
            with self._engines.write.connect() as connection:
                transaction = connection.begin()
                if not self._engines.is_sqlite:
                    self._lock_postgres(connection, lock)
                yield connection
                try:
                    transaction.commit()
                except SQLAlchemyError as error:
                    connection.invalidate()  # whatever it did, it is not known to this connection
                    raise CommitFailed(store_error(KIND, self.name, error)) from error
        except SQLAlchemyError as error:
            raise store_error(KIND, self.name, error) from error

    def _lock_postgres(self, connection: Connection, lock: str) -> None:
        """Wait for the other writers; what is read after it is what they committed."""
        settings = {"wait": str(round(self._wait_s * 1000))}
        connection.execute(
            text(
                "SELECT set_config('synchronous_commit', 'on', true), "
                "set_config('lock_timeout', :wait, true)"
            ),
            settings,
        )
        # Everybody reads the switches of all workspaces, one at a time changes them; that lock
        # always comes first, so that there is no deadlock.
        everywhere = str(ALL_WORKSPACES)
        if lock not in (everywhere, MADE):
            connection.execute(_LOCK_SHARED, {"name": everywhere})
        connection.execute(_LOCK, {"name": lock})


# Such locks are the database's; journals in several schemas of one don't wait for each other.
_KEY = "hashtextextended(current_schema() || ' ' || :name, 0)"
_LOCK = text(f"SELECT pg_advisory_xact_lock({_KEY})")
_LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")


# Made once: putting a statement together takes longer than the database takes to answer it.
_ANY = select(*SELECTED).where(events.c.workspace_id == bindparam("workspace"))
_OF_INTENT = events.c.intent_id == bindparam("intent")
_FILL = _ANY.where(events.c.type == "order_filled")
_FILL_OF_ORDER = _FILL.where(events.c.order_id == bindparam("order"))
_FILL_OF_INTENT = _FILL.where(events.c.mode == bindparam("mode"), _OF_INTENT)
_EMITTED = (
    _ANY.where(events.c.type == "intent_emitted", _OF_INTENT).order_by(events.c.seq.desc()).limit(1)
)
_AFTER = _ANY.where(events.c.seq > bindparam("seq")).order_by(events.c.seq).limit(PAGE)


@cache
def _insert_of(count: int) -> TextClause:
    """One statement for all rows of a batch, so that it is whole to who looks at statements."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    rows = ", ".join(
        "(" + ", ".join(f":{name}_{n}" for name in COLUMNS) + ")" for n in range(count)
    )
    return text(f"INSERT INTO trade_events ({names}) VALUES {rows}")


@dataclass(slots=True)
class SqlRows:
    """Records within one transaction."""

    connection: Connection

    def after(self, workspace_id: UUID, seq: int) -> Iterator[Record]:
        name = str(workspace_id)
        while page := list(self._records(_AFTER, workspace=name, seq=seq)):
            yield from page
            seq = page[-1].seq
            if len(page) < PAGE:
                return

    def fill(
        self, workspace_id: UUID, intent: tuple[str, UUID] | None, order_id: str
    ) -> Record | None:
        name = str(workspace_id)
        found = next(self._records(_FILL_OF_ORDER, workspace=name, order=order_id), None)
        if found or intent is None:
            return found
        values = {"workspace": name, "mode": intent[0], "intent": str(intent[1])}
        return next(self._records(_FILL_OF_INTENT, **values), None)

    def emitted(self, workspace_id: UUID, intent_id: UUID) -> Record | None:
        values = {"workspace": str(workspace_id), "intent": str(intent_id)}
        return next(self._records(_EMITTED, **values), None)

    def insert(self, records: Sequence[Record]) -> None:
        values = {
            f"{name}_{n}": getattr(record, name)
            for n, record in enumerate(records)
            for name in COLUMNS
        }
        self.connection.execute(_insert_of(len(records)), values)

    def find(self, query: Query) -> list[Record]:
        statement = select(*SELECTED).where(*_conditions(query))
        order: list[Any] = [events.c.seq]
        if query.workspace_id is None:
            order = [events.c.at, events.c.workspace_id, events.c.seq]
        statement = statement.order_by(*(c.desc() if query.newest else c for c in order))
        if query.limit is not None:
            statement = statement.limit(query.limit)
        elif query.offset:
            statement = statement.limit(2**62)  # SQLite takes no OFFSET without a LIMIT
        return list(self._records(statement.offset(query.offset) if query.offset else statement))

    def counts(self, query: Query) -> dict[str, int]:
        statement = (
            select(events.c.type, func.count()).where(*_conditions(query)).group_by(events.c.type)
        )
        return {row[0]: row[1] for row in self.connection.execute(statement)}

    def workspaces(self) -> list[UUID]:
        first = select(events.c.workspace_id).where(events.c.seq == 1)
        return sorted(UUID(name) for (name,) in self.connection.execute(first))

    def _records(self, query: Select[Any], **values: object) -> Iterator[Record]:
        yield from map(Record._make, self.connection.execute(query, values))


def _conditions(query: Query) -> Iterator[Any]:
    columns = events.c
    if query.after:
        yield columns.seq > query.after
    if query.workspace_id is not None:
        yield columns.workspace_id == str(query.workspace_id)
    if query.types:
        yield columns.type.in_(query.types)
    if query.symbol is not None:
        yield columns.symbol == query.symbol
    if query.correlation_id is not None:
        yield columns.correlation_id == query.correlation_id
    if query.intent_id is not None:
        yield columns.intent_id == str(query.intent_id)
    if query.since is not None:
        yield columns.at >= stamp(query.since)
