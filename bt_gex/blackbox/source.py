"""Opening a blackbox for reading: a SQLite path or any SQLAlchemy URL, never altered."""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bt_gex.blackbox.schema import metadata
from bt_gex.blackbox.sqlite_files import header_of, read_only_access
from bt_gex.errors import DataError, Unreachable

# What a replay reads. The recorder writes more; a database without the rest still replays.
NEEDED = {
    "options_snapshots": ("underlying_price", "vix", "expiration", "chain_data"),
    "gex_peaks": ("peak_rank", "strike"),
    "competing_peaks": ("is_competing", "adjusted_pin"),
    "market_context": ("underlying_price", "vix"),
    "options_prices_live": ("strike", "option_type", "bid", "ask"),
}
KEY = ("id", "timestamp", "index_symbol")
URL_FORMS = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
# What SQLite says -> what it means for somebody who only reads.
MEANING = {
    "database is locked": "a writer is busy with it; try again",
    "attempt to write a readonly database": "a writer ended in the middle and left a -journal "
    "file; let sqlite3, or the recorder, open the database once to put it right",
}


def open_source(database: str | Path) -> tuple[Engine, str, Path | None]:
    """A read-only engine on the database, a name for messages (no password in it), and its file.

    The file is None when the database is no SQLite file.

    Raises DataError when there is no such file, it is no SQLite database, cannot be connected to,
    or lacks a table or column the recorder writes.
    """
    path = sqlite_file(database)
    engine, name = _from_url(str(database)) if path is None else _from_file(path)
    try:
        _check_schema(engine, name)
    except BaseException:
        engine.dispose()
        raise
    return engine, name, path


def sqlite_file(database: str | Path) -> Path | None:
    """The file of a SQLite database, given as a path or a URL; None for any other database."""
    if "://" not in str(database):
        return Path(database)
    if not str(database).startswith("sqlite"):
        return None
    try:
        parsed = make_url(str(database))
    except (ArgumentError, ValueError):
        return None
    return None if parsed.database in (None, "", ":memory:") else Path(str(parsed.database))


def database_name(database: str | Path) -> str:
    """A database to remember: an absolute path, or a URL without its password."""
    path = sqlite_file(database)
    if path is not None:
        return str(path.resolve())
    return make_url(str(database)).render_as_string(hide_password=True)


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[Connection]:
    """A connection whose failures become one clear line."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        said = _first_line(error)
        meaning = f"; {MEANING[said]}" if said in MEANING else ""
        raise Unreachable(f"{name}: cannot be read: {said}{meaning}") from error


def _from_url(url: str) -> tuple[Engine, str]:
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, poolclass=NullPool)
    except NoSuchModuleError as error:
        kind = parsed.drivername
        raise DataError(
            f"{_without_password(url)!r} is not a database URL: no database is called {kind}; "
            f"{URL_FORMS}"
        ) from error
    except (ArgumentError, ValueError) as error:  # a ValueError is about the port
        raise DataError(
            f"{_without_password(url)!r} is not a database URL; {URL_FORMS}, "
            "with %40, %3A and %2F for @, : and / in a password"
        ) from error
    except ModuleNotFoundError as error:
        raise DataError(
            f"the driver {error.name} for {parsed.drivername} is not installed; "
            "for PostgreSQL write postgresql+psycopg:// and install bt-gex[postgres]"
        ) from error
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine, parsed.render_as_string(hide_password=True)


def _without_password(url: str) -> str:
    return re.sub(r"(://[^:@]*):.*@", r"\1:***@", url)


def _from_file(path: Path) -> tuple[Engine, str]:
    name = str(path)
    if not path.exists():
        raise DataError(f"{name}: no such database file")
    if not path.is_file():
        raise DataError(f"{name}: is not a file; give the path of a SQLite blackbox or a URL")
    try:
        head = header_of(path)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    if head and not head.startswith(b"SQLite format 3\0"):
        raise DataError(f"{name}: is not a SQLite database")
    place = path.resolve()
    return create_engine("sqlite://", creator=lambda: _connect(place), poolclass=NullPool), name


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a SQLite file that leaves no file beside it."""
    try:
        access = read_only_access(path)
    except OSError as error:  # it was there when the run began
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from error
    connection = sqlite3.connect(access.uri, uri=True, check_same_thread=False)
    if access.in_memory:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _check_schema(engine: Engine, name: str) -> None:
    with reading(engine, name) as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types and indexes nobody reads here
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
    """Whether SQLite can hop along the distinct stamps: an index over all rows begins with them."""
    query = text(
        "SELECT 1 FROM pragma_index_list(:table) AS list JOIN pragma_index_info(list.name) AS info "
        "WHERE NOT list.partial AND info.seqno = 0 AND info.name = 'timestamp'"
    )
    return connection.execute(query, {"table": table}).first() is not None


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__


TABLES = metadata.tables
