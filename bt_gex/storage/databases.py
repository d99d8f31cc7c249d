"""Database connections: what SQLite and PostgreSQL need so that a commit is durable.

SQLite    writers begin with BEGIN IMMEDIATE, so that two of them wait instead of failing;
          synchronous FULL, read back. WAL only from SQLite 3.51.3 on: before it, two connections
          that write and checkpoint at the same instant can corrupt the file.
PostgreSQL  READ COMMITTED, synchronous_commit on.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from bt_gex.errors import RunError

WAIT_S = 5.0  # how long a writer waits for another
WAL_SINCE = (3, 51, 3)
URL_FORMS = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
FULL = {"SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"}
BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED"}
PG_FULL = {"53100", "25006", "42501"}  # disk full, read-only transaction, insufficient privilege
PG_BUSY = {"55P03", "40P01", "40001", "57014"}  # lock not available, deadlock, serialization


E = TypeVar("E", bound=RunError)


@dataclass(frozen=True, slots=True)
class Kind(Generic[E]):
    """What is kept in a database, and the errors of it: in general, of another writer, of no room.

    foreign_keys  whether SQLite is to hold them, and to delete what hangs on a deleted row
    """

    noun: str
    error: type[E]
    busy: type[E]
    full: type[E]
    foreign_keys: bool = False


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for the writer, one for readers; `name` is the URL without its password."""

    write: Engine
    read: Engine
    name: str

    @property
    def is_sqlite(self) -> bool:
        return self.write.dialect.name == "sqlite"

    def dispose(self) -> None:
        """Close all connections; new ones are made when needed."""
        self.write.dispose()
        self.read.dispose()


def open_engines(
    kind: Kind[E], target: str | Path, *, read_only: bool = False, wait_s: float = WAIT_S
) -> Engines:
    """Engines on a database: the path of a SQLite file, or a URL.

    Raises the kind's error for what is no such URL, and for a database of another make.
    """
    text = str(target) if "://" in str(target) else f"sqlite:///{target}"
    shown = re.sub(r"(://[^:@/]*):.*@", r"\1:***@", text)
    try:
        url = make_url(text)
        make = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise kind.error(f"{shown!r} is not a database URL; {URL_FORMS}") from error
    if make == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise kind.error(f"a {kind.noun} in memory would be lost with the process; give a file")
        return _sqlite(kind, str(url.database), read_only, wait_s)
    if make != "postgresql":
        raise kind.error(
            f"a {kind.noun} is kept in SQLite or PostgreSQL, not in {make}; {URL_FORMS}"
        )
    try:
        engine = create_engine(
            url, isolation_level="READ COMMITTED", pool_pre_ping=True, hide_parameters=True
        )
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise kind.error(
            f"the driver for {url.drivername} is not installed; "
            "write postgresql+psycopg:// and install bt-gex[postgres]"
        ) from error
    return Engines(engine, engine, shown)


def _sqlite(kind: Kind[E], database: str, read_only: bool, wait_s: float) -> Engines:
    path = Path(database)
    if read_only and not path.is_file():
        raise kind.error(f"{path}: no such {kind.noun}")
    place = quote(str(path.resolve()))
    uri = f"file:{place}?mode={'ro' if read_only else 'rwc'}"

    def connect() -> sqlite3.Connection:
        # Without isolation_level the module begins no transactions of its own.
        return sqlite3.connect(
            uri, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False
        )

    write = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
    read = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
    if not read_only:
        event.listen(write, "connect", _make_durable)
        if kind.foreign_keys:
            event.listen(write, "connect", _hold_foreign_keys)
        event.listen(write, "begin", _begin_immediate)
    event.listen(read, "begin", _begin)
    return Engines(write, read, str(path))


def _make_durable(connection: sqlite3.Connection, record: object) -> None:
    mode = "WAL" if sqlite3.sqlite_version_info >= WAL_SINCE else "TRUNCATE"
    (found,) = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    if found.upper() != mode or level != 2:
        raise sqlite3.OperationalError(
            f"journal mode is {found}, synchronous {level}; {mode} and 2 are needed. "
            "Close other programs that have the file open"
        )


def _hold_foreign_keys(connection: sqlite3.Connection, record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def store_error(kind: Kind[E], name: str, error: SQLAlchemyError) -> E:
    """What a database error means for who sent something to be written."""
    cause: object = getattr(error, "orig", None) or error
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    code = str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")
    base = "_".join(code.split("_")[:2])  # SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY
    if base in FULL or code in PG_FULL:
        return kind.full(
            f"{name}: cannot be written: {said}; make room, or allow it, and send it again"
        )
    if base in BUSY or code in PG_BUSY:
        return kind.busy(f"{name}: another writer is busy with it: {said}; send it again")
    if isinstance(error, IntegrityError):
        return kind.busy(f"{name}: another writer was first: {said}; send it again")
    return kind.error(f"{name}: {said}")


def run_steps(
    connection: Connection,
    steps: Sequence[Callable[[Connection], None]],
    version: int,
    meta: str,
) -> None:
    """Run the steps of a schema that are missing, and write the version reached.

    meta  the table that holds the version in its only row
    """
    if version == len(steps):
        return
    for step in steps[version:]:
        step(connection)
    connection.execute(text(f"UPDATE {meta} SET schema_version = {len(steps)}"))
