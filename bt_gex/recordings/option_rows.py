"""The rows of an option market by the bar on which they were first seen, compressed.

What is kept of a bar is JSON of columns, deflated: {"tables": {TABLE: {"ns": […], "id": […], …}},
"quotes": {"ns", "strike", "right", "bid", "ask"}, "chains": {ID: TEXT}, "unknown": N}; missing is
null, parts without rows are left out.
"""

from __future__ import annotations

import json
import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_gex.errors import BadValue
from bt_gex.market.calendar import Session, Stamps
from bt_gex.recordings.values import canonical
from bt_gex.sessions.rows import SMALL_TABLES, TEXT_COLUMNS, Series, SessionRows, by_option

Content = dict[str, Any]
MOST_BYTES = 256 * 2**20  # of one bar, unpacked
QUOTE_NAMES = ("ns", "strike", "right", "bid", "ask")


def pack_rows(content: Content) -> bytes:
    """The rows of one bar, compressed."""
    return zlib.compress(canonical(content).encode(), 6)


def unpack_rows(blob: bytes) -> Content:
    """The rows of one bar. Raises BadValue for what is no such thing, or too large."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(blob, MOST_BYTES)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ValueError("it is too large, or not whole")
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError("it holds no rows")
    except (zlib.error, ValueError, RecursionError) as error:
        raise BadValue(f"option rows of a bar cannot be read: {error}") from None
    return content


def pack_session(rows: SessionRows | None, grid: Stamps) -> dict[int, bytes]:
    """Rows of a session by row of the grid: each on the first bar at or after its stamp."""
    bars: defaultdict[int, Content] = defaultdict(dict)
    if rows is None:
        return {}
    for table, series in rows.tables.items():
        for bar, part in _by_bar(series.stamps, grid):
            columns = {"ns": series.stamps[part], **{n: c[part] for n, c in series.columns.items()}}
            bars[bar].setdefault("tables", {})[table] = _plain(columns)
            if table == "options_snapshots":
                _add_chains(bars[bar], rows.chains, series["id"][part].tolist())
    quotes = rows.quotes
    options = np.repeat(np.arange(len(quotes.strikes)), np.diff(quotes.first))
    order = np.argsort(quotes.stamps, kind="stable")  # of one option still by id
    strikes, rights = quotes.strikes[options], quotes.rights[options]
    parts = (quotes.stamps, strikes, rights, quotes.bid, quotes.ask)
    columns = dict(zip(QUOTE_NAMES, parts, strict=True))
    in_time = {name: values[order] for name, values in columns.items()}
    for bar, part in _by_bar(in_time["ns"], grid):
        bars[bar]["quotes"] = _plain({name: values[part] for name, values in in_time.items()})
    if quotes.unknown:
        bars[len(grid) - 1]["unknown"] = quotes.unknown
    return {bar: pack_rows(content) for bar, content in sorted(bars.items())}


def _add_chains(content: Content, chains: Mapping[int, object], ids: Sequence[int]) -> None:
    found = {str(number): chains[number] for number in ids if number in chains}
    if found:
        content["chains"] = found


def _by_bar(stamps: Stamps, grid: Stamps) -> Iterable[tuple[int, slice]]:
    """Rows of ascending stamps, by the bar on which they are first seen."""
    bars = np.minimum(np.searchsorted(grid, stamps, side="left"), len(grid) - 1)
    found, first = np.unique(bars, return_index=True)
    ends = [*first[1:].tolist(), len(bars)]
    for bar, start, end in zip(found.tolist(), first.tolist(), ends, strict=True):
        yield bar, slice(start, end)


def _plain(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
    """Columns as lists, NaN as None."""
    return {
        name: [None if isinstance(v, float) and math.isnan(v) else v for v in values.tolist()]
        for name, values in columns.items()
    }


def session_rows(
    name: str, index: str, session: Session, contents: Sequence[Content]
) -> SessionRows:
    """Everything first seen on the bars of a session, as a replay reads it.

    contents  of the bars in order. Raises BadValue.
    """
    try:
        tables = {table: _series(table, contents) for table in SMALL_TABLES}
        found = [part for c in contents if (part := c.get("quotes"))]
        columns = [[v for part in found for v in part[key]] for key in QUOTE_NAMES]
        stamps, rights = (np.array(columns[n], dtype=np.int64) for n in (0, 2))
        strikes, bid, ask = (np.array(columns[n], dtype=np.float64) for n in (1, 3, 4))
        quotes = by_option(stamps, np.arange(len(stamps)), strikes, rights, bid, ask)
        unknown = sum(content.get("unknown", 0) for content in contents)
        chains = {int(n): text for c in contents for n, text in c.get("chains", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadValue(f"option rows of {session.day} cannot be read: {error!r:.80}") from None
    if unknown:
        quotes = type(quotes)(
            quotes.strikes, quotes.rights, quotes.first, quotes.stamps, quotes.bid, quotes.ask,
            unknown,
        )  # fmt: skip
    return SessionRows(name, index, session, tables, quotes, chains)


def _series(table: str, contents: Sequence[Content]) -> Series:
    """One of the small tables. Its rows are stored by stamp, equal stamps by id."""
    parts = [part for c in contents if (part := c.get("tables", {}).get(table))]
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in ("id", *SMALL_TABLES[table]):
        values = [value for part in parts for value in part[name]]
        if name == "id":
            columns[name] = np.array(values, dtype=np.int64)
        elif name in TEXT_COLUMNS:
            columns[name] = np.array(values, dtype=object)
        else:
            columns[name] = np.array(values, dtype=np.float64)
    stamps = np.array([ns for part in parts for ns in part["ns"]], dtype=np.int64)
    return Series(stamps, columns)
