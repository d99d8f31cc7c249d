"""A session that is under way, behind the interface of a recorded day.

At each bar the rows seen until then are read by the very code that reads a whole session, as of
that one instant; what it finds is kept as that bar's value and never changed. A row that comes
after its bar is seen from the next bar on.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.errors import DataError
from bt_gex.market.calendar import NS, Session
from bt_gex.market.contracts import Right, Spread
from bt_gex.market.indexes import Index
from bt_gex.market.settlement import Settlement
from bt_gex.sessions.day import Day, LegQuotes, LoadParams, SpreadPath, load_day
from bt_gex.sessions.rows import (
    CODES,
    NO_RIGHT,
    QUOTES,
    SMALL_TABLES,
    TEXT_COLUMNS,
    LegKey,
    LegRows,
    Quotes,
    Series,
    SessionRows,
    parsed_chain,
    right_code,
)

SNAPSHOTS = "options_snapshots"


class SeenRow(NamedTuple):
    """A row of a blackbox as a reader came upon it.

    ns      its instant; values: as stored, in the order of the table's columns without the id
    """

    table: str
    ns: int
    id: int
    values: tuple[Any, ...]


@dataclass(slots=True)
class History:
    """Rows of one kind, by instant and id, however late they came."""

    keys: list[tuple[int, int]] = field(default_factory=list)
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, ns: int, row_id: int, row: tuple[object, ...]) -> None:
        """Take a row to its place; one that is there already stays."""
        key = (ns, row_id)
        if not self.keys or key > self.keys[-1]:
            self.keys.append(key)
            self.rows.append(row)
            return
        place = bisect_left(self.keys, key)
        if self.keys[place] != key:
            self.keys.insert(place, key)
            self.rows.insert(place, row)

    def span(self, first_ns: int, last_ns: int) -> tuple[int, int]:
        """Places of the rows from first to last, both inclusive."""
        return bisect_left(self.keys, (first_ns, -1)), bisect_right(self.keys, (last_ns, 2**63))


@dataclass(slots=True)
class GrowingRows:
    """All rows seen of one index in one session.

    columns      of each table without the id, in the order in which rows bring them
    keep_chains  also those no pin is computed from
    """

    name: str
    index_symbol: str
    session: Session
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tables: dict[str, History] = field(
        default_factory=lambda: {table: History() for table in SMALL_TABLES}
    )
    legs: dict[LegKey, History] = field(default_factory=dict)
    chain_peaks: dict[int, tuple[float, float] | None] = field(default_factory=dict)
    unknown: int = 0
    newest_quote_ns: int = -1
    keep_chains: bool = False
    _places: dict[str, dict[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._places = {
            table: {name: place for place, name in enumerate(names)}
            for table, names in self.columns.items()
        }

    def add(self, rows: Iterable[SeenRow]) -> None:
        """Take rows in; those outside the session don't count. Raises DataError."""
        for row in rows:
            if not self.session.open_ns <= row.ns <= self.session.close_ns:
                continue
            if row.table == QUOTES:
                self._add_quote(row)
            else:
                kept = [self._value(row, name) for name in SMALL_TABLES[row.table]]
                if row.table == SNAPSHOTS:
                    chain = self._needs_chain(row.ns)
                    kept.append(self._raw(row, "chain_data") if chain else None)
                self.tables[row.table].add(row.ns, row.id, tuple(kept))

    def _add_quote(self, row: SeenRow) -> None:
        number = right_code(self._raw(row, "option_type"))
        strike = self._value(row, "strike")
        if number == NO_RIGHT or math.isnan(strike):
            self.unknown += 1
            return
        key = (float(strike), CODES[number])
        if key not in self.legs:
            self.legs[key] = History()
        quote = (self._value(row, "bid"), self._value(row, "ask"))
        self.legs[key].add(row.ns, row.id, quote)
        self.newest_quote_ns = max(self.newest_quote_ns, row.ns)

    def _raw(self, row: SeenRow, name: str) -> Any:
        return row.values[self._places[row.table][name]]

    def _needs_chain(self, ns: int) -> bool:
        """Pins come from chains only until the first recorded peak."""
        peaks = self.tables["gex_peaks"].keys
        return self.keep_chains or not peaks or peaks[0][0] > ns

    def _value(self, row: SeenRow, name: str) -> Any:
        value = self._raw(row, name)
        if name in TEXT_COLUMNS:
            return None if value is None else str(value)
        if value is None:
            return math.nan
        if not isinstance(value, (int, float)):
            where = f"{self.name}, table {row.table}, id {row.id}"
            raise DataError(f"{where}: {name} {value!r} is not a number")
        number = float(value)
        return number if math.isfinite(number) else math.nan

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been seen."""
        no_quotes = not self.legs and not self.unknown
        return no_quotes and not any(history.keys for history in self.tables.values())

    def whole(self) -> SessionRows:
        """Everything seen, as the rows of a recorded session."""
        keys = options_of(self)
        histories = [self.legs[key] for key in keys]
        count = np.array([0, *(len(history.keys) for history in histories)], dtype=np.int64)
        stamps = np.array([ns for one in histories for ns, _ in one.keys], dtype=np.int64)
        bid, ask = (
            np.array([row[n] for one in histories for row in one.rows], dtype=np.float64)
            for n in (0, 1)
        )
        quotes = Quotes(
            strikes=np.array([strike for strike, _ in keys], dtype=np.float64),
            rights=np.array([CODES.index(right) for _, right in keys], dtype=np.int64),
            first=np.cumsum(count),
            stamps=stamps,
            bid=bid,
            ask=ask,
            unknown=self.unknown,
        )
        tables = {
            table: series_of(table, history.keys, history.rows)
            for table, history in self.tables.items()
        }
        chains = {}
        if not self.tables["gex_peaks"].keys:
            snapshots = self.tables[SNAPSHOTS]
            for (_, number), row in zip(snapshots.keys, snapshots.rows, strict=True):
                chains[number] = row[-1] if isinstance(row[-1], str) else None
        return SessionRows(self.name, self.index_symbol, self.session, tables, quotes, chains)

    def as_of(self, ns: int, params: LoadParams) -> SeenAt:
        """What can count at an instant: rows stamped by then, the old ones left out."""
        return SeenAt(self, ns, params)


class SeenAt:
    """The rows seen so far as of one instant, as a session's rows are asked for.

    Of the small tables it has the rows young enough to count, and before them those that still say
    something: the newest index price, and whether there has been any peak.
    """

    def __init__(self, seen: GrowingRows, ns: int, params: LoadParams) -> None:
        self._seen, self._ns, self._params = seen, ns, params
        self.name, self.session = seen.name, seen.session
        self.sha256 = ""
        self.chain_peaks = seen.chain_peaks
        self.tables: dict[str, Series] = {table: self._series(table) for table in SMALL_TABLES}
        nothing = np.empty(0, np.int64)
        self.quotes = Quotes(
            np.empty(0), nothing, np.zeros(1, np.int64), nothing, np.empty(0), np.empty(0),
            seen.unknown,
        )  # fmt: skip

    @property
    def is_empty(self) -> bool:
        return self._seen.is_empty

    def options(self) -> list[LegKey]:
        """All options seen quoted: calls by strike, then puts."""
        return options_of(self._seen)

    def leg(self, key: LegKey) -> LegRows | None:
        """Quotes of one option that are young enough to count; None when it was never quoted."""
        history = self._seen.legs.get(key)
        if history is None:
            return None
        oldest = self._ns - round(self._params.quote_max_age_s * NS)
        first, last = history.span(oldest, self._ns)
        rows = history.rows[first:last]
        stamps = np.array([ns for ns, _ in history.keys[first:last]], dtype=np.int64)
        bid, ask = (np.array([row[n] for row in rows], dtype=np.float64) for n in (0, 1))
        return LegRows(stamps, bid, ask)

    def chain(self, row_id: int) -> list[dict[str, Any]]:
        """The option chain of one snapshot row."""
        return parsed_chain(self.chain_text(row_id), self.name, row_id)

    def chain_text(self, row_id: int) -> str | None:
        """The same as it is stored; None where it is no longer kept."""
        history = self._seen.tables[SNAPSHOTS]
        for (_, number), row in zip(reversed(history.keys), reversed(history.rows), strict=True):
            if number == row_id:
                return row[-1] if isinstance(row[-1], str) else None
        return None

    def rest(self) -> None:
        """Nothing is mapped."""

    def _series(self, table: str) -> Series:
        history = self._seen.tables[table]
        first, last = history.span(self._ns - round(self._params.context_max_age_s * NS), self._ns)
        names = SMALL_TABLES[table]
        if "underlying_price" in names:
            price = names.index("underlying_price")
            rows = history.rows
            newest = next((n for n in range(last - 1, -1, -1) if rows[n][price] == rows[n][price]),
                          first)  # fmt: skip
            first = min(first, newest)
        elif first:
            first -= 1
        return series_of(table, history.keys[first:last], history.rows[first:last])


def options_of(seen: GrowingRows) -> list[LegKey]:
    """All options seen quoted: calls by strike, then puts."""
    return sorted(seen.legs, key=lambda key: (CODES.index(key[1]), key[0]))


def series_of(
    table: str, keys: Sequence[tuple[int, int]], rows: Sequence[tuple[object, ...]]
) -> Series:
    """Rows of a small table as columns."""
    columns: dict[str, npt.NDArray[Any]] = {
        "id": np.array([number for _, number in keys], dtype=np.int64)
    }
    for n, name in enumerate(SMALL_TABLES[table]):
        kind: Any = object if name in TEXT_COLUMNS else np.float64
        columns[name] = np.array([row[n] for row in rows], dtype=kind)
    return Series(np.array([ns for ns, _ in keys], dtype=np.int64), columns)


@dataclass(slots=True)
class GrowingDay(Day):
    """A session as far as it has come: arrays of the whole grid, filled bar by bar.

    Bars that have not come, or were left out, are missing: NaN. Options and spreads that were
    asked for are followed from then on. blank: the session without any row.
    """

    seen: GrowingRows = field(kw_only=True)
    blank: Day = field(kw_only=True)
    row: int = -1
    _now: Day | None = None

    @classmethod
    def of(cls, seen: GrowingRows, index: Index, params: LoadParams) -> GrowingDay:
        """A session nothing is known of yet."""
        grid = seen.session.grid()
        spot, vix, pin = (np.full(len(grid), np.nan) for _ in range(3))
        return cls(
            rows=None, sha256="", index=index, session=seen.session, params=params, grid=grid,
            spot=spot, vix=vix, pin=pin, last_price=math.nan, last_price_ns=-1, peaks="none",
            has_data=True, seen=seen,
            blank=load_day(GrowingRows("", "", seen.session).as_of(-1, params), index, params,
                           grid[:1]),
        )  # fmt: skip

    def advance(self, row: int) -> None:
        """Come to a bar, with the rows that have been seen by now."""
        self.row = row
        instant = self.grid[row : row + 1]
        rows = self.seen.as_of(int(instant[0]), self.params)
        now = load_day(rows, self.index, self.params, instant)
        self.rows, self._now = rows, now
        self.last_price, self.last_price_ns = now.last_price, now.last_price_ns
        self.peaks = now.peaks
        for name in ("spot", "vix", "pin"):
            getattr(self, name)[row] = getattr(now, name)[0]
        for key, leg in self._legs.items():
            self._take(leg, now.leg(*key))
        for spread, path in self._paths.items():
            self._take(path, now.path_of(spread))

    def leg(self, strike: float, right: Right) -> LegQuotes:
        key = (float(strike), right)
        if key not in self._legs:
            self._legs[key] = LegQuotes(*self._grown(self.blank.leg(strike, right)))
            self._take(self._legs[key], self._at_now().leg(strike, right))
        return self._legs[key]

    def path_of(self, spread: Spread) -> SpreadPath:
        if spread not in self._paths:
            self._paths[spread] = SpreadPath(*self._grown(self.blank.path_of(spread)))
            self._take(self._paths[spread], self._at_now().path_of(spread))
        return self._paths[spread]

    def settlement(self) -> Settlement:
        return self._at_now().settlement()

    def _at_now(self) -> Day:
        assert self._now is not None, "the session has not begun"
        return self._now

    def _grown(self, of_no_row: object) -> Iterator[npt.NDArray[Any]]:
        """Arrays of the whole grid with the values of a session without rows."""
        for values in _arrays(of_no_row):
            yield np.full(len(self.grid), values[0], dtype=values.dtype)

    def _take(self, grown: object, of_one_bar: object) -> None:
        for mine, now in zip(_arrays(grown), _arrays(of_one_bar), strict=True):
            mine[self.row] = now[0]

    def end(self, whole: Day) -> None:
        """The session is over: compute what concerns all of it from all its rows."""
        for strike, right in self._legs:
            whole.leg(strike, right)  # what is odd about quotes is counted as they are read
        self.sha256, self.counts, self.gaps = whole.sha256, whole.counts, whole.gaps
        self.has_data = whole.has_data


def _arrays(record: Any) -> Sequence[npt.NDArray[Any]]:
    """The arrays of a leg's quotes, or of a spread's path."""
    if isinstance(record, tuple):
        return record
    return [getattr(record, f.name) for f in fields(record)]
