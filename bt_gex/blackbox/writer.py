"""Making a blackbox: the recorder's tables in a new SQLite file or in any database, filled fast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from bt_gex.blackbox.schema import metadata
from bt_gex.errors import BadValue, OutputError
from bt_gex.storage.atomic import whole_file

Database = Engine
SchemaTable = Table

SIDECARS = ("-wal", "-shm", "-journal")


def create(target: str | Path) -> Engine:
    """An engine on a database with the recorder's tables, made where they are absent.

    target: the path of a SQLite file, or any SQLAlchemy URL.
    """
    engine = _engine(target)
    try:
        with writing(engine) as connection:
            metadata.create_all(connection)
    except OutputError:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction whose failure is one clear line."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        url = engine.url
        name = url.database if engine.dialect.name == "sqlite" else url.render_as_string()
        raise OutputError(f"{name}: cannot be written: {_reason(error)}") from error


@contextmanager
def new_file(path: str | Path, *, force: bool = False) -> Iterator[Engine]:
    """An engine on a new SQLite blackbox, which appears at `path` when the block ends well.

    Until then the rows are in a file beside it, which an error or an interruption removes. What
    was at `path` before stays untouched, and is replaced as a whole only with `force`.
    """
    target = Path(path).resolve()
    with _system_errors(target), whole_file(target) as part:
        _refuse_to_overwrite(target, force)
        part.touch(exist_ok=False)
        engine = create_engine(URL.create("sqlite", database=str(part)))
        event.listen(engine, "connect", _write_without_journal)
        try:
            with writing(engine) as connection:
                for table in metadata.sorted_tables:
                    connection.execute(CreateTable(table))
            yield engine
            with writing(engine) as connection:
                for table in metadata.sorted_tables:
                    for index in sorted(table.indexes, key=lambda index: str(index.name)):
                        index.create(connection)
        finally:
            engine.dispose()
        _refuse_to_overwrite(target, force)


def insert(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> int:
    """Add rows, each in the order of the table's columns without the id; returns how many.

    Timestamps are UTC, as text `YYYY-MM-DD HH:MM:SS[.ffffff]`.
    """
    batch = rows if isinstance(rows, list) else list(rows)
    names = [column.name for column in table.columns if column.name != "id"]
    if batch and connection.dialect.name == "sqlite":
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", batch)
    elif batch:
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
    return len(batch)


def _engine(target: str | Path) -> Engine:
    try:
        if "://" in str(target):
            return create_engine(str(target))
        return create_engine(URL.create("sqlite", database=str(target)))
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadValue(f"{target!r} is not a database URL: {_reason(error)}") from error
    except ModuleNotFoundError as error:
        raise BadValue(
            f"the driver {error.name} for this database is missing; "
            "for PostgreSQL install bt-gex[postgres]"
        ) from error


def _write_without_journal(connection: Any, _: Any) -> None:
    """An unfinished file is thrown away, so it needs neither a journal nor waiting for the disk."""
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")


def _refuse_to_overwrite(target: Path, force: bool) -> None:
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; give the path of a file")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; give another name, or --force to replace it")
    for suffix in SIDECARS:
        sidecar = target.with_name(target.name + suffix)
        if sidecar.exists():
            raise OutputError(
                f"{sidecar}: belongs to a database in use or not closed cleanly, "
                "and would spoil a new file of that name; close the database, or remove it"
            )


@contextmanager
def _system_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from error


def _reason(error: Exception) -> str:
    """What the database said, in one line."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
