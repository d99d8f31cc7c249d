"""Rows of a blackbox, session by session, as numpy columns in the order of their instants."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, Text, func, literal_column, select, text, type_coerce
from sqlalchemy.exc import SQLAlchemyError

from bt_gex.blackbox.fast import attach_copy, copy_quotes, fetch_quotes
from bt_gex.blackbox.source import TABLES, has_time_index, open_source, reading
from bt_gex.blackbox.sqlite_files import read_only_access, state_of
from bt_gex.blackbox.stamps import is_naive, stamp_ns
from bt_gex.errors import DataError
from bt_gex.market.calendar import NS, Session, instant_ns
from bt_gex.market.zones import UTC_UNLESS_DOUBTED, Doubt, NaiveZone, doubt_of, inside
from bt_gex.sessions.rows import (
    QUOTES,
    SMALL_TABLES,
    TEXT_COLUMNS,
    Series,
    SessionRows,
    by_option,
    chains_needed,
    columns_of,
    split_quotes,
)
from bt_gex.storage.closing import Closing

_HOP = """
WITH RECURSIVE hop(t) AS (
  SELECT min(timestamp) FROM {table}
  UNION ALL
  SELECT (SELECT min(timestamp) FROM {table} WHERE timestamp > hop.t) FROM hop WHERE t IS NOT NULL
)
SELECT t FROM hop WHERE t IS NOT NULL
"""


Chains = dict[int, str | None]


@dataclass(slots=True)
class Catalogue:
    """Every distinct stamp of a table, parsed once."""

    where: str
    zone: tzinfo = UTC
    ns: dict[Any, int] = field(default_factory=dict)
    by_instant: list[tuple[int, object]] = field(default_factory=list)

    def instant(self, raw: object) -> int:
        """Nanoseconds of a stored stamp."""
        if raw not in self.ns:
            self.ns[raw] = stamp_ns(raw, self.where, self.zone)
        return self.ns[raw]

    def between(self, first_ns: int, last_ns: int) -> list[Any]:
        """Stored stamps of the instants from first to last, both inclusive."""
        low = bisect_left(self.by_instant, first_ns, key=lambda pair: pair[0])
        high = bisect_right(self.by_instant, last_ns, key=lambda pair: pair[0])
        return [raw for _, raw in self.by_instant[low:high]]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a blackbox over one connection, with the catalogues of what it sees."""

    connection: Connection
    name: str
    catalogues: Mapping[str, Catalogue]

    def rows(self, table: str, index: str, session: Session, columns: Sequence[str]) -> Series:
        """Rows of an index with open ≤ timestamp ≤ close."""
        query = self._query(table, index, session.open_ns, session.close_ns, columns)
        if query is None:
            return self._series(table, columns, [])
        fetched = self.connection.execute(query).fetchall()
        series = self._series(table, columns, fetched)
        inside = (series.stamps >= session.open_ns) & (series.stamps <= session.close_ns)
        return series if inside.all() else series.where(inside)

    def _query(
        self, table: str, index: str, first_ns: int, last_ns: int, columns: Sequence[str]
    ) -> Select[Any] | None:
        stamps = self.catalogues[table].between(first_ns, last_ns)
        if not stamps:
            return None
        t, dialect = TABLES[table], self.connection.dialect.name
        query = select(t.c.id, t.c.timestamp, *(t.c[name] for name in columns))
        if dialect == "sqlite":
            # The plus keeps SQLite from taking the index on the symbol, which has all sessions.
            query = query.where(literal_column("+index_symbol") == index)
            return query.where(t.c.timestamp.between(min(stamps), max(stamps)))
        query = query.where(t.c.index_symbol == index)
        if isinstance(stamps[0], str) and dialect == "postgresql":
            as_bytes = type_coerce(t.c.timestamp, Text).collate("C")  # not by the locale's order
            return query.where(as_bytes >= min(stamps), as_bytes <= max(stamps))
        return query.where(t.c.timestamp.between(min(stamps), max(stamps)))

    def _series(self, table: str, columns: Sequence[str], fetched: Sequence[object]) -> Series:
        instant = self.catalogues[table].instant
        turned = list(zip(*fetched, strict=True)) or [()] * (len(columns) + 2)
        ids = self._ids(table, turned[0])
        stamps = np.fromiter(map(instant, turned[1]), np.int64, len(fetched))
        order = np.lexsort((ids, stamps))
        values = {
            name: self._column(table, name, column, ids)[order]
            for name, column in zip(columns, turned[2:], strict=True)
        }
        return Series(stamps[order], {"id": ids[order], **values})

    def _ids(self, table: str, values: Sequence[object]) -> npt.NDArray[np.int64]:
        for value in values:
            if not isinstance(value, int):
                raise DataError(
                    f"{self.name}, table {table}: id {'NULL' if value is None else repr(value)} "
                    "is not a whole number; it says which of two equal rows is the newer"
                )
        return np.array(values, dtype=np.int64)

    def _column(
        self, table: str, name: str, values: Sequence[object], ids: npt.NDArray[np.int64]
    ) -> npt.NDArray[Any]:
        if name in TEXT_COLUMNS:
            texts = [None if value is None else str(value) for value in values]
            return np.array(texts, dtype=object)
        try:
            numbers = np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            for row, value in zip(ids, values, strict=True):
                if value is not None and not isinstance(value, (int, float)):
                    where = f"{self.name}, table {table}, id {row}"
                    raise DataError(f"{where}: {name} {value!r} is not a number") from None
            raise
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def chains(self, ids: Sequence[int]) -> Chains:
        """Stored option chains by id of their snapshot; None for what is no text."""
        if not ids:
            return {}
        t = TABLES["options_snapshots"]
        query = select(t.c.id, t.c.chain_data).where(t.c.id.between(min(ids), max(ids)))
        stored = dict(map(tuple, self.connection.execute(query).fetchall()))
        return {n: stored[n] if isinstance(stored.get(n), str) else None for n in ids}

    def zone_doubt(self, first_ns: int, last_ns: int, sessions: Sequence[Session]) -> Doubt | None:
        """See `market.zones.doubt_of`, of the quotes from first to last."""
        known = self.catalogues[QUOTES]
        naive = [raw for raw in known.between(first_ns, last_ns) if is_naive(raw)]
        stamps = np.array([known.ns[raw] for raw in naive], dtype=np.int64)
        # Rows are counted, which takes a while, only where some stamp lies outside.
        if inside(stamps, np.arange(len(stamps) + 1), sessions, UTC) == len(stamps):
            return None
        column = TABLES[QUOTES].c.timestamp
        query = select(column, func.count()).where(column.between(min(naive), max(naive)))
        rows = dict(map(tuple, self.connection.execute(query.group_by(column)).fetchall()))
        return doubt_of(stamps, np.array([rows[raw] for raw in naive], dtype=np.int64), sessions)

    def without_quotes(self, index: str, session: Session) -> tuple[Mapping[str, Series], Chains]:
        """Rows of the small tables; chains where a bar sees no peak yet."""
        tables = {
            table: self.rows(table, index, session, columns)
            for table, columns in SMALL_TABLES.items()
        }
        snapshots, peaks = tables["options_snapshots"], tables["gex_peaks"]
        needed = chains_needed(snapshots.stamps, peaks.stamps, session.grid())
        return tables, self.chains(snapshots["id"][needed].tolist())


def read_catalogue(connection: Connection, table: str, where: str, zone: tzinfo = UTC) -> Catalogue:
    """Distinct stamps of a table, each parsed once.

    Raises DataError naming the row when a stamp is not readable: a row nobody can place in time
    might belong to any session.
    """
    column = TABLES[table].c.timestamp
    if connection.dialect.name == "sqlite" and has_time_index(connection, table):
        null = connection.execute(select(column).where(column.is_(None)).limit(1))
        raw = [None] if null.first() else []
        raw += connection.execute(text(_HOP.format(table=table))).scalars()
    else:
        raw = list(connection.execute(select(column).distinct()).scalars())
    known = Catalogue(where, zone)
    known.by_instant = sorted(
        ((known.instant(stamp), stamp) for stamp in raw), key=lambda pair: pair[0]
    )
    return known


class Blackbox(Closing):
    """A recorded market, read-only. Use as a context manager, or close() it.

    zone  of stamps without an offset
    """

    def __init__(self, database: str | Path, zone: NaiveZone = UTC_UNLESS_DOUBTED) -> None:
        self.engine, self.name, self.path = open_source(database)
        self.zone, self._tzinfo = zone, zone.tzinfo
        self._catalogues: Mapping[str, Catalogue] = {}
        self._catalogued: str | None = None  # the state of the file before they were read
        self._lock = Lock()

    def close(self) -> None:
        """Release the database."""
        self.engine.dispose()

    def indexes(self) -> list[str]:
        """Symbols of all indexes with at least one row, sorted."""
        found: set[str] = set()
        with reading(self.engine, self.name) as connection:
            for table in TABLES.values():
                column = table.c.index_symbol
                found |= set(connection.execute(select(column).distinct()).scalars())
        return sorted(str(symbol) for symbol in found if symbol is not None)

    def require_index(self, symbol: str) -> None:
        """Raise DataError unless some table has a row of the index."""
        with reading(self.engine, self.name) as connection:
            for table in TABLES.values():
                query = select(table.c.id).where(table.c.index_symbol == symbol).limit(1)
                if connection.execute(query).first() is not None:
                    return
        known = self.indexes()
        holds = f"it holds {', '.join(known)}" if known else "it holds no rows at all"
        raise DataError(f"{self.name}: no rows of index {symbol}; {holds}")

    def catalogue(self, table: str) -> Catalogue:
        """Distinct stamps of a table, as they are in the database now."""
        with self._reading() as tables:
            return tables.catalogues[table]

    def check_zone(self, sessions: Sequence[Session]) -> None:
        """Raise DataError where the quotes of these dates lie outside the sessions when read as
        UTC, but inside when read in another zone. Not where the zone has been named.
        """
        if self.zone.is_set or not sessions:
            return
        midnights = (datetime.combine(s.day, time(), UTC) for s in (sessions[0], sessions[-1]))
        first_ns, last_ns = (instant_ns(midnight) for midnight in midnights)
        with self._reading() as tables:
            doubt = tables.zone_doubt(first_ns, last_ns + 86_400 * NS - 1, sessions)
        if doubt:
            raise DataError(
                f"{self.name}: of the quotes from {sessions[0].day} to {sessions[-1].day} whose "
                f"stamps carry no offset {doubt.inside_utc:.1%} lie inside the sessions when read "
                f"as UTC, {doubt.inside_zone:.1%} when read as {doubt.zone}; set "
                f"data.timezone={doubt.zone}, or data.timezone=UTC if they are UTC"
            )

    def rows(self, table: str, index: str, session: Session, columns: Sequence[str]) -> Series:
        """Rows of an index with open ≤ timestamp ≤ close."""
        with self._reading() as tables:
            return tables.rows(table, index, session, columns)

    def session_rows(self, index: str, session: Session, plain: bool = False) -> SessionRows:
        """All rows of an index in a session; raises DataError on anything unreadable.

        plain  read everything through SQLAlchemy, of SQLite in one transaction; the same rows
        """
        found = None if plain or self.path is None else self._by_adbc(index, session, self.path)
        if found is not None:
            return found
        with self._reading(one_state=True) as known:
            quotes = split_quotes(known.rows(QUOTES, index, session, columns_of(QUOTES)))
            tables, chains = known.without_quotes(index, session)
        return SessionRows(self.name, index, session, tables, quotes, chains)

    def _by_adbc(self, index: str, session: Session, path: Path) -> SessionRows | None:
        """The same with quotes read by ADBC, beside a live log from a copy of them; None where only
        the plain way can read them, or say what is wrong."""
        copy: Path | None = None
        try:
            live = read_only_access(path).live_log
            place: AbstractContextManager[str | None] = (
                TemporaryDirectory(prefix="bt-gex-") if live else nullcontext()
            )
            with place as folder:
                copy = Path(folder) / "quotes.db" if folder else None
                with self._reading(one_state=live, copy=copy) as known:
                    instants = known.catalogues[QUOTES]
                    stamps = instants.between(session.open_ns, session.close_ns)
                    if not stamps or not isinstance(stamps[0], str):
                        return None
                    asked = index, min(stamps), max(stamps)
                    if copy:
                        copy_quotes(known.connection, *asked)
                    tables, chains = known.without_quotes(index, session)
                    known.connection.commit()
                found = fetch_quotes(copy or path, *asked, instants.instant)
        except OSError:
            return None
        except DataError as error:
            if copy and isinstance(error.__cause__, SQLAlchemyError):
                return None  # no room for a copy, perhaps
            raise
        if found is None:
            return None
        inside = (found.stamps >= session.open_ns) & (found.stamps <= session.close_ns)
        quotes = by_option(*(found if inside.all() else (column[inside] for column in found)))
        return SessionRows(self.name, index, session, tables, quotes, chains)

    @contextmanager
    def _reading(self, one_state: bool = False, copy: Path | None = None) -> Iterator[Tables]:
        """The tables over a connection of their own.

        one_state  all queries see one state of a SQLite database. Writers wait meanwhile, unless
                   they write to a log
        copy       a file to attach as an empty database
        """
        before = self._state()
        with reading(self.engine, self.name) as connection:
            if copy:
                attach_copy(connection, copy)
            if one_state and self.path is not None:
                connection.exec_driver_sql("BEGIN")
                connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            with self._lock:
                if not self._catalogues or not before == self._catalogued == self._state():
                    self._catalogues = {
                        table: read_catalogue(
                            connection, table, f"{self.name}, table {table}", self._tzinfo
                        )
                        for table in TABLES
                    }
                    self._catalogued = before
                tables = Tables(connection, self.name, self._catalogues)
            yield tables

    def _state(self) -> str | None:
        try:
            return state_of(self.path) if self.path else None
        except OSError:  # which opening it will tell
            return None
