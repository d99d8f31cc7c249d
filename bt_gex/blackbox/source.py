"""Opening a blackbox for reading: a SQLite path or any SQLAlchemy URL, never altered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bt_gex.blackbox.schema import metadata
from bt_gex.errors import DataError

# What a replay reads. The recorder writes more; a database without the rest still replays.
NEEDED = {
    "options_snapshots": ("underlying_price", "vix", "expiration", "chain_data"),
    "gex_peaks": ("peak_rank", "strike"),
    "competing_peaks": ("is_competing", "adjusted_pin"),
    "market_context": ("underlying_price", "vix"),
    "options_prices_live": ("strike", "option_type", "bid", "ask"),
}
KEY = ("id", "timestamp", "index_symbol")
WAL_VERSION = b"\x02"


def open_source(database: str | Path) -> tuple[Engine, str]:
    """A read-only engine on the database, and a name for messages (no password in it).

    Raises DataError when there is no such file, it is no SQLite database, cannot be connected to,
    or lacks a table or column the recorder writes.
    """
    if "://" in str(database):
        engine, name = _from_url(str(database))
    else:
        engine, name = _from_file(Path(database))
    try:
        _check_schema(engine, name)
    except BaseException:
        engine.dispose()
        raise
    return engine, name


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[Connection]:
    """A connection whose failures become one clear line."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise DataError(f"{name}: cannot be read: {_first_line(error)}") from error


def _from_url(url: str) -> tuple[Engine, str]:
    from sqlalchemy import make_url

    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            return _from_file(Path(str(parsed.database)))
        engine = create_engine(parsed, poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError) as error:
        raise DataError(f"{url!r} is not a database URL: {_first_line(error)}") from error
    except ModuleNotFoundError as error:
        raise DataError(
            f"the driver for {parsed.drivername} is missing ({error.name}); "
            "for PostgreSQL install bt-gex[postgres]"
        ) from error
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine, parsed.render_as_string(hide_password=True)


def _from_file(path: Path) -> tuple[Engine, str]:
    name = str(path)
    if not path.exists():
        raise DataError(f"{name}: no such database file")
    if not path.is_file():
        raise DataError(f"{name}: is not a file; give the path of a SQLite blackbox or a URL")
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    if head and not head.startswith(b"SQLite format 3\0"):
        raise DataError(f"{name}: is not a SQLite database")
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    # A reader of a database in WAL mode makes files beside it, unless it may take the database
    # as unchanging. With a -wal file there a recorder is at work, and those files are its own.
    if head[18:19] == WAL_VERSION and not Path(f"{path.resolve()}-wal").exists():
        uri += "&immutable=1"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool), name


def _check_schema(engine: Engine, name: str) -> None:
    with reading(engine, name) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
        inspector: Any = inspect(connection)
        there = set(inspector.get_table_names()) | set(inspector.get_view_names())
        if not there & set(NEEDED):
            raise DataError(f"{name}: holds none of the tables of a blackbox ({', '.join(NEEDED)})")
        for table, columns in NEEDED.items():
            if table not in there:
                raise DataError(f"{name}: table {table} is missing")
            have = {column["name"] for column in inspector.get_columns(table)}
            for column in (*KEY, *columns):
                if column not in have:
                    raise DataError(f"{name}: table {table} has no column {column}")


def has_time_index(connection: Connection, table: str) -> bool:
    """Whether an index starts with the timestamp, so that distinct stamps can be hopped along."""
    indexes = inspect(connection).get_indexes(table)
    return any(index["column_names"][:1] == ["timestamp"] for index in indexes)


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__


TABLES = metadata.tables
