"""Everything recorded of one index in one session, as numpy columns; knows no database."""

from __future__ import annotations

import json
import math
import mmap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bt_gex.errors import DataError
from bt_gex.market.calendar import Session, Stamps
from bt_gex.market.contracts import Right
from bt_gex.market.quotes import Prices, QuoteLimits, one_sided, too_wide
from bt_gex.sessions.identity import columns_sha256

LegKey = tuple[float, Right]
RIGHTS: dict[str, Right] = {"call": "C", "c": "C", "put": "P", "p": "P"}
CODES: tuple[Right, ...] = ("C", "P")  # how an option's right is numbered
NO_RIGHT = len(CODES)

QUOTES = "options_prices_live"
# What a session keeps of each table besides id and instant; quotes are kept by option.
SMALL_TABLES: dict[str, tuple[str, ...]] = {
    "market_context": ("underlying_price", "vix"),
    "options_snapshots": ("underlying_price", "vix", "expiration"),
    "gex_peaks": ("peak_rank", "strike"),
    "competing_peaks": ("is_competing", "adjusted_pin"),
}
TEXT_COLUMNS = ("option_type", "expiration", "chain_data")
QUOTE_PARTS = ("strikes", "rights", "first", "stamps", "bid", "ask")
ROW_ID = ".id"  # ends the name of a column of row ids


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of one kind in one session, ascending by instant, equal instants by id."""

    stamps: Stamps
    columns: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.stamps)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    def named_columns(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Instants and columns, by name."""
        yield "stamps", self.stamps
        yield from self.columns.items()

    def where(self, keep: npt.NDArray[np.bool_]) -> Series:
        """The rows where `keep` holds."""
        return Series(self.stamps[keep], {n: c[keep] for n, c in self.columns.items()})


@dataclass(frozen=True, slots=True)
class LegRows:
    """Quotes of one option in one session as recorded, ascending by instant; NaN is NULL."""

    stamps: Stamps
    bid: Prices
    ask: Prices


NO_ROWS = LegRows(np.empty(0, np.int64), np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Quotes:
    """Recorded quotes option by option: calls by strike, then puts.

    strikes, rights  one value an option; rights as numbered by CODES
    first            row at which each option begins, and last the number of rows
    stamps, bid, ask one value a row; equal instants of an option by id
    unknown          rows of no option: neither call nor put, or without a strike
    """

    strikes: Prices
    rights: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    stamps: Stamps
    bid: Prices
    ask: Prices
    unknown: int

    def keys(self) -> list[LegKey]:
        """All options."""
        return [
            (float(strike), CODES[right])
            for strike, right in zip(self.strikes, self.rights, strict=True)
        ]

    def items(self) -> Iterator[tuple[LegKey, LegRows]]:
        """All options with their rows."""
        for number, key in enumerate(self.keys()):
            rows = slice(int(self.first[number]), int(self.first[number + 1]))
            yield key, LegRows(self.stamps[rows], self.bid[rows], self.ask[rows])


def by_option(
    stamps: Stamps,
    ids: npt.NDArray[np.int64],
    strikes: Prices,
    rights: npt.NDArray[np.int64],
    bid: Prices,
    ask: Prices,
) -> Quotes:
    """Quote rows in any order, sorted by option; rights as numbered by CODES, or NO_RIGHT."""
    known = (rights != NO_RIGHT) & ~np.isnan(strikes)
    unknown = int(np.count_nonzero(~known))
    if unknown:
        stamps, ids, strikes = stamps[known], ids[known], strikes[known]
        rights, bid, ask = rights[known], bid[known], ask[known]
    steps = np.diff(stamps)
    if not (steps > 0).all() and not ((steps > 0) | ((steps == 0) & (np.diff(ids) > 0))).all():
        in_time = np.lexsort((ids, stamps))
        stamps, strikes, rights = stamps[in_time], strikes[in_time], rights[in_time]
        bid, ask = bid[in_time], ask[in_time]
    listed = np.unique(strikes)
    option = rights * len(listed) + np.searchsorted(listed, strikes)
    small = option.astype(np.uint16 if 2 * len(listed) < 2**16 else np.int64)
    order = np.argsort(small, kind="stable")
    there = np.flatnonzero(np.bincount(option, minlength=0)) if len(option) else option
    counts = np.bincount(option)[there] if len(option) else option
    return Quotes(
        strikes=listed[there % max(len(listed), 1)] if len(there) else np.empty(0),
        rights=there // max(len(listed), 1),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        stamps=stamps[order],
        bid=bid[order],
        ask=ask[order],
        unknown=unknown,
    )


def split_quotes(rows: Series) -> Quotes:
    """Quote rows with their option_type as text, sorted by option."""
    names = rows["option_type"]
    codes = {name: right_code(name) for name in set(names)}
    rights = np.fromiter((codes[name] for name in names), np.int64, len(names))
    return by_option(
        rows.stamps, rows["id"], rows["strike"].astype(float), rights, rows["bid"], rows["ask"]
    )


def right_code(name: object) -> int:
    """Number of a stored option type; NO_RIGHT for what is neither call nor put."""
    right = RIGHTS.get(str(name).strip().lower())
    return CODES.index(right) if right else NO_RIGHT


@dataclass(frozen=True, slots=True)
class SessionRows:
    """What was recorded of an index from the open to the close of a session, both inclusive.

    name    of the database, for messages
    tables  market_context, options_snapshots, gex_peaks, competing_peaks
    chains  option chains by id of their snapshot, as stored; only those of `chains_needed`
    mapped  the file the columns are views of; None when they are in memory
    sha256  of the content, see `identity.columns_sha256`; computed unless it is known already
    chain_peaks  pin and midpoint of chains worked out so far, see `sessions.day`
    """

    name: str
    index_symbol: str
    session: Session
    tables: Mapping[str, Series]
    quotes: Quotes
    chains: Mapping[int, Any] = field(default_factory=dict)
    mapped: mmap.mmap | None = None
    sha256: str = ""
    chain_peaks: dict[int, tuple[float, float] | None] = field(default_factory=dict)
    _numbers: dict[LegKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers.update({key: number for number, key in enumerate(self.quotes.keys())})
        if not self.sha256:
            content = {n: v for n, v in self.columns().items() if not n.endswith(ROW_ID)}
            object.__setattr__(self, "sha256", columns_sha256(content))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as columns, by name; texts as objects."""
        tables = {
            f"{table}.{name}": values
            for table in SMALL_TABLES
            for name, values in self.tables[table].named_columns()
        }
        chains = np.empty(len(self.chains), dtype=object)
        chains[:] = list(self.chains.values())
        return {
            **tables,
            **{f"quotes.{part}": getattr(self.quotes, part) for part in QUOTE_PARTS},
            "quotes.unknown": np.array([self.quotes.unknown], dtype=np.int64),
            f"chains{ROW_ID}": np.array(list(self.chains), dtype=np.int64),
            "chains.chain_data": chains,
        }

    @property
    def is_empty(self) -> bool:
        """Whether no table has a row of this index in this session."""
        no_quotes = not len(self.quotes.stamps) and not self.quotes.unknown
        return no_quotes and not any(len(series) for series in self.tables.values())

    def options(self) -> list[LegKey]:
        """All options with a recorded quote: calls by strike, then puts."""
        return list(self._numbers)

    def leg(self, key: LegKey) -> LegRows | None:
        """Rows of one option, None when it was never quoted."""
        number = self._numbers.get(key)
        if number is None:
            return None
        q = self.quotes
        rows = slice(int(q.first[number]), int(q.first[number + 1]))
        return LegRows(q.stamps[rows], q.bid[rows], q.ask[rows])

    def rest(self) -> None:
        """Give back the memory of pages read so far; they are read again when asked for."""
        if self.mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapped.madvise(mmap.MADV_DONTNEED)

    def chain(self, row_id: int) -> list[dict[str, Any]]:
        """The option chain of one snapshot row."""
        return parsed_chain(self.chains.get(row_id), self.name, row_id)


class Rows(Protocol):
    """The rows of a session, all of them or those seen so far: what `sessions.day` asks for."""

    @property
    def session(self) -> Session: ...
    @property
    def tables(self) -> Mapping[str, Series]: ...
    @property
    def quotes(self) -> Quotes: ...
    @property
    def sha256(self) -> str: ...
    @property
    def is_empty(self) -> bool: ...
    @property
    def chain_peaks(self) -> dict[int, tuple[float, float] | None]: ...
    def options(self) -> list[LegKey]: ...
    def leg(self, key: LegKey) -> LegRows | None: ...
    def chain(self, row_id: int) -> list[dict[str, Any]]: ...
    def rest(self) -> None: ...


def parsed_chain(stored: object, name: str, row_id: int) -> list[dict[str, object]]:
    """The option chain of one snapshot row. Raises DataError."""
    try:
        chain = json.loads(stored)  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError):
        chain = None
    if not isinstance(chain, list) or not all(map(_is_option, chain)):
        where = f"{name}, table options_snapshots, id {row_id}"
        raise DataError(f"{where}: chain_data is not a JSON list of options")
    return chain


def _is_option(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("greeks") or {}, dict)


def chains_needed(snapshots: Stamps, peaks: Stamps, grid: Stamps) -> npt.NDArray[np.bool_]:
    """Which snapshots some instant of the grid sees before it sees a row of gex_peaks.

    Only there a pin is computed from a chain. All stamps ascend.
    """
    if not len(peaks):
        return np.ones(len(snapshots), dtype=np.bool_)
    seen_at = np.append(grid, peaks[0])[np.searchsorted(grid, snapshots)]
    needed: npt.NDArray[np.bool_] = seen_at < peaks[0]
    return needed


def describe(rows: LegRows, counts: Counter[str], limits: QuoteLimits) -> None:
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
        counts["one-sided"] += int(np.count_nonzero(one_sided(bid, rows.ask, limits)))
        if limits.max_spread_pct < math.inf:
            wide = too_wide(bid, rows.ask, limits) & (rows.ask > 0) & (bid <= rows.ask)
            counts["too wide"] += int(np.count_nonzero(wide))


def columns_of(table: str) -> Sequence[str]:
    """What is read of a table besides id and instant."""
    return ("strike", "option_type", "bid", "ask") if table == QUOTES else SMALL_TABLES[table]
