"""The fast way to read quotes out of a SQLite file: ADBC, from pages to arrow columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from bt_gex.blackbox.sqlite_files import file_uri, read_only_access
from bt_gex.market.calendar import Stamps
from bt_gex.market.quotes import Prices
from bt_gex.sessions.rows import right_code
from bt_gex.storage.arrow_arrays import to_numpy

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = "65536"
# The plus keeps SQLite from taking the index on the symbol, which has all sessions.
QUERY = (
    "SELECT id, timestamp, strike, {right} AS option_type, bid, ask FROM options_prices_live "
    "WHERE +index_symbol = ? AND timestamp BETWEEN ? AND ?"
)
COPY = (
    "CREATE TABLE copy.options_prices_live AS "
    "SELECT id, timestamp, index_symbol, strike, option_type, bid, ask "
    "FROM main.options_prices_live WHERE +index_symbol = ? AND timestamp BETWEEN ? AND ?"
)
# Numbers come a good deal faster than texts; the texts of the few other recorders are asked for.
NUMBERED = "CASE option_type WHEN 'call' THEN 0 WHEN 'put' THEN 1 ELSE 9 END"


class QuoteColumns(NamedTuple):
    """Quote rows as columns, in any order; rights as `session_rows.CODES` numbers them."""

    stamps: Stamps
    ids: npt.NDArray[np.int64]
    strikes: Prices
    rights: npt.NDArray[np.int64]
    bid: Prices
    ask: Prices


def fetch_quotes(
    path: Path, index: str, first: str, last: str, instant: Callable[[Any], int]
) -> QuoteColumns | None:
    """Quotes of an index with first ≤ timestamp ≤ last, as SQLite compares texts.

    instant  turns a stored stamp into nanoseconds

    None where the columns hold what does not fit them (text among numbers, stamps that are no
    text), the driver is missing, it fails, or it must not open the file (see `Access`): the plain
    way then reads the same rows, and says what is wrong with them.
    """
    try:
        import pyarrow as pa

        access = read_only_access(path.resolve())
    except (ImportError, OSError):
        return None
    if access.in_memory or access.live_log:
        return None
    table = _fetch(access.uri, index, first, last)
    if table is None:
        return None
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    text, numbers = (pa.string(),), (pa.float64(), pa.int64(), pa.null())
    if (
        kinds["id"] != pa.int64()
        or table["id"].null_count
        or kinds["timestamp"] not in text
        or table["timestamp"].null_count
        or kinds["option_type"] not in (*text, pa.int64())
        or any(kinds[name] not in numbers for name in ("strike", "bid", "ask"))
    ):
        return None
    try:
        stamps = _mapped(table["timestamp"], instant)
        rights = (
            _mapped(table["option_type"], right_code)
            if kinds["option_type"] in text
            else to_numpy(table["option_type"])
        )
    except UnicodeDecodeError:
        return None
    return QuoteColumns(
        stamps,
        to_numpy(table["id"]),
        _numbers(table["strike"]),
        rights,
        _numbers(table["bid"]),
        _numbers(table["ask"]),
    )


def attach_copy(connection: Connection, file: Path) -> None:
    """Attach a new, empty database as `copy`; before a transaction begins."""
    connection.exec_driver_sql("ATTACH ? AS copy", (f"{file_uri(file)}?mode=rwc",))
    for pragma in ("journal_mode", "synchronous"):  # nobody needs it after a failure
        connection.exec_driver_sql(f"PRAGMA copy.{pragma} = OFF")


def copy_quotes(connection: Connection, index: str, first: str, last: str) -> None:
    """Put what `fetch_quotes` reads into the attached copy, from where it can be read."""
    connection.exec_driver_sql(COPY, (index, first, last))


def _fetch(uri: str, index: str, first: str, last: str) -> pa.Table | None:
    """The rows as an arrow table; None when the driver is missing or fails."""
    try:
        import adbc_driver_manager
        import adbc_driver_sqlite.dbapi as adbc
    except ImportError:
        return None
    options = {"adbc.sqlite.query.batch_rows": BATCH_ROWS}
    try:
        with (
            adbc.connect(uri) as connection,
            connection.cursor(adbc_stmt_kwargs=options) as cursor,
        ):
            cursor.execute(QUERY.format(right=NUMBERED), (index, first, last))
            table = cursor.fetch_arrow_table()
            if (_numbers(table["option_type"]) > 1).any():
                cursor.execute(QUERY.format(right="option_type"), (index, first, last))
                table = cursor.fetch_arrow_table()
    except (adbc_driver_manager.Error, OSError):
        return None
    return table


def _mapped(column: Any, meaning: Callable[[Any], int]) -> npt.NDArray[np.int64]:
    """Each text by its meaning, found once a distinct text."""
    coded = column.combine_chunks().dictionary_encode()
    meanings = np.array([meaning(text) for text in coded.dictionary.to_pylist()], dtype=np.int64)
    indices = coded.indices.fill_null(len(meanings)).to_numpy(zero_copy_only=False)
    unknown = meaning(None) if coded.null_count else 0
    coded_as: npt.NDArray[np.int64] = np.append(meanings, unknown)[indices]
    return coded_as


def _numbers(column: Any) -> Prices:
    values = column.cast("float64").to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(values), values, np.nan)
