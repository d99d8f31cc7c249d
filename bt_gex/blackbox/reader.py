"""Rows of a blackbox, session by session, as numpy columns in the order of their instants."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, Text, literal_column, select, text, type_coerce

from bt_gex.blackbox.source import TABLES, has_time_index, open_source, reading
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.errors import DataError
from bt_gex.market.calendar import Session, Stamps
from bt_gex.market.contracts import Right
from bt_gex.market.quotes import Prices

LegKey = tuple[float, Right]
RIGHTS: dict[str, Right] = {"call": "C", "c": "C", "put": "P", "p": "P"}

_HOP = """
WITH RECURSIVE hop(t) AS (
  SELECT min(timestamp) FROM {table}
  UNION ALL
  SELECT (SELECT min(timestamp) FROM {table} WHERE timestamp > hop.t) FROM hop WHERE t IS NOT NULL
)
SELECT t FROM hop WHERE t IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of one kind in one session, ascending by instant, equal instants by id."""

    stamps: Stamps
    columns: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.stamps)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    def where(self, keep: npt.NDArray[np.bool_]) -> Series:
        """The rows where `keep` holds."""
        return Series(self.stamps[keep], {n: c[keep] for n, c in self.columns.items()})


@dataclass(frozen=True, slots=True)
class LegRows:
    """Quotes of one option in one session as recorded; NaN is NULL."""

    stamps: Stamps
    bid: Prices
    ask: Prices


NO_ROWS = LegRows(np.empty(0, np.int64), np.empty(0), np.empty(0))


@dataclass(slots=True)
class Catalogue:
    """Every distinct stamp of a table, parsed once."""

    where: str
    ns: dict[Any, int] = field(default_factory=dict)
    by_instant: list[tuple[int, Any]] = field(default_factory=list)

    def instant(self, raw: Any) -> int:
        """Nanoseconds of a stored stamp, also of one a recorder has written since."""
        if raw not in self.ns:
            self.ns[raw] = stamp_ns(raw, self.where)
        return self.ns[raw]

    def between(self, first_ns: int, last_ns: int) -> list[Any]:
        """Stored stamps of the instants from first to last, both inclusive."""
        low = bisect_left(self.by_instant, first_ns, key=lambda pair: pair[0])
        high = bisect_right(self.by_instant, last_ns, key=lambda pair: pair[0])
        return [raw for _, raw in self.by_instant[low:high]]


class Blackbox:
    """A recorded market, read-only. Use as a context manager, or close() it."""

    def __init__(self, database: str | Path) -> None:
        self.engine, self.name = open_source(database)
        self._catalogues: dict[str, Catalogue] = {}

    def __enter__(self) -> Blackbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
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
        """Distinct stamps of a table, each parsed once; read on first use.

        Raises DataError naming the row when a stamp is not readable: a row nobody can place in
        time might belong to any session.
        """
        if table not in self._catalogues:
            with reading(self.engine, self.name) as connection:
                column = TABLES[table].c.timestamp
                if self.engine.dialect.name == "sqlite" and has_time_index(connection, table):
                    null = connection.execute(select(column).where(column.is_(None)).limit(1))
                    raw = [None] if null.first() else []
                    raw += connection.execute(text(_HOP.format(table=table))).scalars()
                else:
                    raw = list(connection.execute(select(column).distinct()).scalars())
            known = Catalogue(f"{self.name}, table {table}")
            known.by_instant = sorted(
                ((known.instant(stamp), stamp) for stamp in raw), key=lambda pair: pair[0]
            )
            self._catalogues[table] = known
        return self._catalogues[table]

    def rows(
        self,
        table: str,
        index: str,
        session: Session,
        columns: Sequence[str],
        **only: Iterable[Any],
    ) -> Series:
        """Rows of an index with open ≤ timestamp ≤ close; `only` keeps some values of a column."""
        query = self._query(table, index, session.open_ns, session.close_ns, columns)
        if query is None:
            return self._series(table, columns, [])
        for column, values in only.items():
            query = query.where(TABLES[table].c[column].in_(list(values)))
        with reading(self.engine, self.name) as connection:
            fetched = connection.execute(query).fetchall()
        series = self._series(table, columns, fetched)
        inside = (series.stamps >= session.open_ns) & (series.stamps <= session.close_ns)
        return series if inside.all() else series.where(inside)

    def _query(
        self, table: str, index: str, first_ns: int, last_ns: int, columns: Sequence[str]
    ) -> Select[Any] | None:
        stamps = self.catalogue(table).between(first_ns, last_ns)
        if not stamps:
            return None
        t = TABLES[table]
        query = select(t.c.id, t.c.timestamp, *(t.c[name] for name in columns))
        if self.engine.dialect.name == "sqlite":
            # The plus keeps SQLite from taking the index on the symbol, which has all sessions.
            query = query.where(literal_column("+index_symbol") == index)
            return query.where(t.c.timestamp.between(min(stamps), max(stamps)))
        query = query.where(t.c.index_symbol == index)
        if isinstance(stamps[0], str) and self.engine.dialect.name == "postgresql":
            as_bytes = type_coerce(t.c.timestamp, Text).collate("C")  # not by the locale's order
            return query.where(as_bytes >= min(stamps), as_bytes <= max(stamps))
        return query.where(t.c.timestamp.between(min(stamps), max(stamps)))

    def _series(self, table: str, columns: Sequence[str], fetched: Sequence[Any]) -> Series:
        instant = self.catalogue(table).instant
        turned = list(zip(*fetched, strict=True)) or [()] * (len(columns) + 2)
        ids = self._ids(table, turned[0])
        stamps = np.fromiter(map(instant, turned[1]), np.int64, len(fetched))
        order = np.lexsort((ids, stamps))
        values = {
            name: self._column(table, name, column, ids)[order]
            for name, column in zip(columns, turned[2:], strict=True)
        }
        return Series(stamps[order], {"id": ids[order], **values})

    def _ids(self, table: str, values: Sequence[Any]) -> npt.NDArray[np.int64]:
        for value in values:
            if not isinstance(value, int):
                raise DataError(
                    f"{self.name}, table {table}: id {'NULL' if value is None else repr(value)} "
                    "is not a whole number; it says which of two equal rows is the newer"
                )
        return np.array(values, dtype=np.int64)

    def _column(
        self, table: str, name: str, values: Sequence[Any], ids: npt.NDArray[np.int64]
    ) -> npt.NDArray[Any]:
        if name in ("option_type", "expiration", "chain_data"):
            return np.array(values, dtype=object)
        try:
            numbers = np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            for row, value in zip(ids, values, strict=True):
                if value is not None and not isinstance(value, (int, float)):
                    where = f"{self.name}, table {table}, id {row}"
                    raise DataError(f"{where}: {name} {value!r} is not a number") from None
            raise
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def legs(
        self, index: str, session: Session, wanted: Iterable[LegKey], counts: Counter[str]
    ) -> dict[LegKey, LegRows]:
        """Recorded quotes of the wanted options in a session; adds to `counts` what was odd."""
        keys = set(wanted)
        if not keys:
            return {}
        rows = self.rows(
            "options_prices_live",
            index,
            session,
            ("strike", "option_type", "bid", "ask"),
            strike=sorted({strike for strike, _ in keys}),
        )
        return {key: leg for key, leg in split_legs(rows, counts).items() if key in keys}

    def quotes_between(self, index: str, first_ns: int, last_ns: int) -> Series:
        """All quote rows of an index with first ≤ timestamp ≤ last."""
        columns = ("strike", "option_type", "bid", "ask")
        query = self._query("options_prices_live", index, first_ns, last_ns, columns)
        if query is None:
            return self._series("options_prices_live", columns, [])
        with reading(self.engine, self.name) as connection:
            series = self._series(
                "options_prices_live", columns, connection.execute(query).fetchall()
            )
        return series.where((series.stamps >= first_ns) & (series.stamps <= last_ns))

    def chain(self, row_id: int) -> list[dict[str, Any]]:
        """The option chain of one snapshot row."""
        t = TABLES["options_snapshots"]
        with reading(self.engine, self.name) as connection:
            stored = connection.execute(select(t.c.chain_data).where(t.c.id == row_id)).scalar_one()
        try:
            chain = json.loads(stored)
        except (TypeError, ValueError, RecursionError):
            chain = None
        if not isinstance(chain, list) or not all(map(_is_option, chain)):
            where = f"{self.name}, table options_snapshots, id {row_id}"
            raise DataError(f"{where}: chain_data is not a JSON list of options")
        return chain


def _is_option(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("greeks") or {}, dict)


def split_legs(rows: Series, counts: Counter[str]) -> dict[LegKey, LegRows]:
    """Quote rows by option; types other than call, put, c, p (any case) are counted, not used."""
    names = rows["option_type"]
    kinds = {name: RIGHTS.get(str(name).strip().lower()) for name in set(names)}
    found: dict[LegKey, LegRows] = {}
    rights = np.array([kinds[name] or "?" for name in names], dtype="U1")
    rights[np.isnan(rows["strike"])] = "?"
    counts["no such option"] += int(np.count_nonzero(rights == "?"))
    for right in ("C", "P"):
        of_right = rows.where(rights == right)
        order = np.argsort(of_right["strike"], kind="stable")
        strikes = of_right["strike"][order]
        edges = np.flatnonzero(np.diff(strikes, prepend=np.nan, append=np.nan) != 0)
        for low, high in pairwise(edges):
            picked = order[low:high]
            found[float(strikes[low]), right] = LegRows(
                of_right.stamps[picked], of_right["bid"][picked], of_right["ask"][picked]
            )
    return found


def describe(rows: LegRows, counts: Counter[str]) -> None:
    """Count what a person should know about an option's recorded quotes."""
    bid = np.where(np.isnan(rows.bid), 0.0, rows.bid)
    with np.errstate(invalid="ignore"):
        counts["quote rows"] += len(rows.stamps)
        counts["duplicate quotes"] += int(np.count_nonzero(np.diff(rows.stamps) == 0))
        counts["NULL bid"] += int(np.count_nonzero(np.isnan(rows.bid)))
        counts["NULL ask"] += int(np.count_nonzero(np.isnan(rows.ask)))
        counts["ask not positive"] += int(np.count_nonzero(rows.ask <= 0))
        counts["negative bid"] += int(np.count_nonzero(rows.bid < 0))
        counts["crossed"] += int(np.count_nonzero(bid > rows.ask))
        counts["locked"] += int(np.count_nonzero((bid == rows.ask) & (rows.ask > 0)))
