"""Appending to a blackbox while others read it, and a table of what could not be appended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    inspect,
    select,
    text,
)

from bt_gex.blackbox.schema import Stamp
from bt_gex.blackbox.source import TABLES, open_source, reading, sqlite_file
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.blackbox.writer import create, insert, writing
from bt_gex.errors import OutputError
from bt_gex.market.calendar import utc

metadata = MetaData()
failures = Table(
    "recorder_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("cause", Text, nullable=False),
    sqlite_autoincrement=True,
)
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('bt_gex recorder', 0))"


class Failure(NamedTuple):
    """An answer that did not come, or was too old. what: index price, VIX, chain, database."""

    ns: int
    what: str
    cause: str


class Appender:
    """The one recorder of a database; it only appends. Use as a context manager.

    Raises OutputError when the database cannot be written, or another recorder is at it.
    """

    def __init__(self, database: str | Path) -> None:
        self._path = sqlite_file(database)
        self._lock = FileLock(f"{self._path}.recorder-lock") if self._path else None
        if self._lock:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise OutputError(f"{self._path}: another recorder writes it") from None
        self._engine: Engine = create(database)
        self._held: Connection | None = None
        if self._engine.dialect.name == "postgresql":
            self._held = self._engine.connect()
            if not self._held.execute(text(_LOCK)).scalar():
                self.close()
                raise OutputError("another recorder writes this database")
        elif self._path:
            event.listen(self._engine, "begin", _begin_immediate)
        with writing(self._engine) as connection:
            metadata.create_all(connection)

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others record."""
        if self._held is not None:
            self._held.close()
        self._engine.dispose()
        if self._lock:
            self._lock.release()

    def append(
        self,
        index: str,
        rows: Mapping[str, Sequence[Sequence[object]]],
        failed: Sequence[Failure] = (),
    ) -> None:
        """Add rows by table, each in the order of its columns without the id, and failures; all in
        one transaction."""
        with writing(self._engine) as connection:
            for table, several in rows.items():
                insert(connection, TABLES[table], several)
            for one in failed:
                values = {"timestamp": utc(one.ns), "index_symbol": index,
                          "what": one.what, "cause": one.cause}  # fmt: skip
                connection.execute(failures.insert().values(values))


def failures_of(database: str | Path, index: str) -> list[Failure]:
    """What a recorder could not record of an index, in order; none where there is no such table."""
    engine, name, _ = open_source(database)
    try:
        with reading(engine, name) as connection:
            if not inspect(connection).has_table("recorder_failures"):
                return []
            query = select(failures.c.timestamp, failures.c.what, failures.c.cause)
            found = connection.execute(
                query.where(failures.c.index_symbol == index).order_by(failures.c.id)
            )
            return [Failure(stamp_ns(at, name), what, cause) for at, what, cause in found]
    finally:
        engine.dispose()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
