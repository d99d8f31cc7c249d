"""The rows that have come since the last reading: following a blackbox somebody writes to.

SQLite gives an id inside the write transaction, one writer at a time, so ids above the highest seen
are what is new. PostgreSQL gives it before the commit: a lower id can appear later. There each
reading also asks for the ids that were missing below, and the last one goes by stamps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Select, Table, func, inspect, select
from sqlalchemy.sql.elements import ColumnElement

from bt_gex.blackbox.source import KEY, TABLES, open_source, reading
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.errors import DataError
from bt_gex.market.calendar import Session
from bt_gex.sessions.growing import SeenRow
from bt_gex.storage.closing import Closing

LOOK_BACK = 1_000  # ids below the highest that may still be on their way when reading begins
COLUMNS: Mapping[str, tuple[str, ...]] = {
    name: tuple(column.name for column in table.columns if column.name != "id")
    for name, table in TABLES.items()
}


@dataclass(slots=True)
class Seen:
    """How far a table was read. holes: ids below `last` that nobody has seen yet."""

    last: int = -1
    holes: set[int] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)


class Tail(Closing):
    """Follows one index through one session. Use as a context manager, or close() it.

    Raises DataError when the database cannot be opened or read, or holds something unreadable.
    """

    def __init__(self, database: str | Path, index: str, session: Session) -> None:
        self.engine, self.name, self.path = open_source(database)
        self.index, self.session = index, session
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        self._seen = {table: Seen() for table in TABLES}
        self._stamps: dict[Any, int] = {}
        with reading(self.engine, self.name) as connection:
            inspector: Any = inspect(connection)
            kinds = {t: {c["name"]: c["type"] for c in inspector.get_columns(t)} for t in TABLES}
        self._there = {t: [n for n in COLUMNS[t] if n in kinds[t]] for t in TABLES}
        self._as_time = {t: isinstance(kinds[t]["timestamp"], DateTime) for t in TABLES}

    def close(self) -> None:
        """Release the database."""
        self.engine.dispose()

    def read(self) -> list[SeenRow]:
        """What came since the last reading; at first all there is of the session."""
        with self._one_state() as connection:
            return [row for table in TABLES for row in self._new(connection, table)]

    def rest(self) -> list[SeenRow]:
        """After the close: what came since, and whatever no reading by id has found."""
        with self._one_state() as connection:
            found = [row for table in TABLES for row in self._new(connection, table)]
            if not self._is_sqlite:
                found += [row for t in TABLES for row in self._rows(connection, t, self._by_day(t))]
            return found

    @contextmanager
    def _one_state(self) -> Iterator[Connection]:
        """A connection whose queries all see one state of the database."""
        with reading(self.engine, self.name) as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN")
                yield connection
                connection.exec_driver_sql("ROLLBACK")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection

    def _new(self, connection: Connection, table: str) -> list[SeenRow]:
        seen, ids = self._seen[table], TABLES[table].c.id
        highest = connection.execute(select(func.max(ids))).scalar()
        first, top = seen.last < 0, int(highest or 0)
        if first:
            seen.last = top
            rows = self._rows(connection, table, self._by_day(table))
            self._look_for_holes(connection, table, max(0, top - LOOK_BACK))
            return rows
        wanted: ColumnElement[bool] = ids > seen.last
        if seen.holes:
            wanted = wanted | ids.in_(sorted(seen.holes))
        rows = self._rows(connection, table, wanted)
        before, seen.last = seen.last, max(top, seen.last)
        self._look_for_holes(connection, table, before)
        return rows

    def _look_for_holes(self, connection: Connection, table: str, after: int) -> None:
        """Remember the ids above `after` that are not there, forget those that have come."""
        if self._is_sqlite:
            return
        seen, ids = self._seen[table], TABLES[table].c.id
        asked = set(range(after + 1, seen.last + 1)) | seen.holes
        if asked:
            query = select(ids).where(ids.between(min(asked), seen.last))
            seen.holes = asked - set(connection.execute(query).scalars())

    def _by_day(self, table: str) -> ColumnElement[bool]:
        """Stamps that can be of the session, whatever their offset."""
        day = self.session.day
        ends: list[Any] = [day - timedelta(days=1), day + timedelta(days=2)]
        if self._as_time[table] and not self._is_sqlite:
            ends = [datetime(end.year, end.month, end.day) for end in ends]
        else:
            ends = [end.isoformat() for end in ends]
        stamp = TABLES[table].c.timestamp
        inside: ColumnElement[bool] = (stamp >= ends[0]) & (stamp < ends[1])
        return inside

    def _rows(
        self, connection: Connection, table: str, wanted: ColumnElement[bool]
    ) -> list[SeenRow]:
        query = self._query(TABLES[table], self._there[table]).where(wanted)
        query = query.where(TABLES[table].c.index_symbol == self.index)
        known, order = self._seen[table].ids, self._order(table)
        open_ns, close_ns = self.session.open_ns, self.session.close_ns
        found = []
        for row in map(tuple, connection.execute(query.order_by(TABLES[table].c.id)).fetchall()):
            number = row[0]
            if not isinstance(number, int):
                raise DataError(f"{self.name}, table {table}: id {number!r} is not a whole number")
            ns = self._instant(table, row[1])
            if open_ns <= ns <= close_ns and number not in known:
                known.add(number)
                found.append(SeenRow(table, ns, number, order((*row, self.index, None))))
        return found

    @staticmethod
    def _query(table: Table, there: Sequence[str]) -> Select[Any]:
        return select(table.c.id, table.c.timestamp, *(table.c[n] for n in there if n not in KEY))

    def _order(self, table: str) -> Callable[[tuple[object, ...]], tuple[object, ...]]:
        """Puts the columns of a row, its symbol and None into the schema's order; None is what
        the database has not."""
        names = ["id", "timestamp", *(name for name in self._there[table] if name not in KEY)]
        place = {name: n for n, name in enumerate([*names, "index_symbol"])}
        return itemgetter(*(place.get(name, len(names) + 1) for name in COLUMNS[table]))

    def _instant(self, table: str, raw: object) -> int:
        if raw not in self._stamps:
            self._stamps[raw] = stamp_ns(raw, f"{self.name}, table {table}")
        return self._stamps[raw]
