"""A recorded session whose rows after an instant are dropped, or replaced by perturbed rows.

The recorded rows are changed before a Day is made of them, so that whatever is derived from them
changes, too. Rows at exactly the instant stay. So do the properties of a whole session that a
replay takes as given: that it has rows at all, and whether its pins come from recorded peaks, from
chains or are missing. Where dropping would remove the last row that shows this, a row without
values is put at the close.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bt_gex.market.calendar import Stamps
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import Index
from bt_gex.market.quotes import Prices
from bt_gex.sessions.rows import Quotes, Series, SessionRows

if TYPE_CHECKING:
    from numpy.random import Generator

UP, DOWN = 1, -1
SOON_NS = 1_000  # the first perturbed row comes a microsecond after the instant, the others on bars
FIRST_ID = 1 << 40  # of perturbed rows; above any recorded id
CHAIN_EVERY = 20  # bars between perturbed snapshots; computing pins from chains is slow
CHAIN_STRIKES = 5
NO_PRICE = 5000.0  # index price to move from where a session has none
MIN_ASK = 0.05
PIN_STEPS = (5, 100)  # strikes between the last pin and a perturbed one
MOVE = (0.05, 0.5)  # share by which the index price moves
VIX_FACTOR = {UP: (1.5, 4.0), DOWN: (0.2, 0.7)}
QUOTE_FACTOR = {UP: (2.0, 10.0), DOWN: (0.02, 0.4)}  # of all options at an instant
QUOTE_NOISE = (0.95, 1.05)  # of each

Tables = dict[str, Series]


def dropped(rows: SessionRows, after_ns: int) -> SessionRows:
    """The session without the rows after an instant."""
    tables = {name: s.where(s.stamps <= after_ns) for name, s in rows.tables.items()}
    kept = rows.quotes.stamps <= after_ns
    quotes = _quotes(
        rows.quotes,
        _options(rows.quotes)[kept],
        rows.quotes.stamps[kept],
        rows.quotes.bid[kept],
        rows.quotes.ask[kept],
    )
    return _session(rows, _same_kind(rows, tables, bool(kept.any())), quotes)


def perturbed(
    rows: SessionRows, after_ns: int, way: int, index: Index, random: Generator
) -> SessionRows:
    """The session with the rows after an instant replaced by perturbed ones on every bar.

    way  UP: index price, VIX, pins and quotes far above the last known ones; DOWN: far below
    """
    if after_ns >= rows.session.close_ns:
        return rows
    grid = rows.session.grid()
    stamps = np.append(np.int64(after_ns + SOON_NS), grid[grid > after_ns])
    stamps = np.unique(np.maximum(stamps, rows.session.open_ns))
    tables = {name: s.where(s.stamps <= after_ns) for name, s in rows.tables.items()}
    price, vix, pin = _last_known(rows, after_ns)
    size = len(stamps)
    prices = price * (1 + way * random.uniform(*MOVE, size))
    levels = vix * random.uniform(*VIX_FACTOR[way], size)
    pins = pin + way * index.strike_increment * random.integers(*PIN_STEPS, size)
    tables["market_context"] = _with(
        tables["market_context"], stamps, {"underlying_price": prices, "vix": levels}
    )
    chains = _add_snapshots(rows, tables, stamps, prices, levels, index, random)
    if len(rows.tables["gex_peaks"]):
        columns = {"peak_rank": np.ones(size), "strike": pins}
        tables["gex_peaks"] = _with(tables["gex_peaks"], stamps, columns)
    if len(rows.tables["competing_peaks"]):
        columns = {"is_competing": np.ones(size), "adjusted_pin": pins}
        tables["competing_peaks"] = _with(tables["competing_peaks"], stamps, columns)
    return _session(
        rows, tables, _perturbed_quotes(rows.quotes, after_ns, stamps, way, random), chains
    )


def _last_known(rows: SessionRows, at_ns: int) -> tuple[float, float, float]:
    """Index price, VIX and pin at an instant; before the first row, those of the first."""
    context, peaks = rows.tables["market_context"], rows.tables["gex_peaks"]
    snapshots = rows.tables["options_snapshots"]
    price = _known(context, "underlying_price", at_ns) or _known(
        snapshots, "underlying_price", at_ns
    )
    price = price or NO_PRICE
    vix = _known(context, "vix", at_ns) or _known(snapshots, "vix", at_ns) or 15.0
    pin = _known(peaks.where(peaks["peak_rank"] == 1), "strike", at_ns) or round(price, -1)
    return price, vix, pin


def _known(series: Series, column: str, at_ns: int) -> float | None:
    known = series.where(~np.isnan(series[column]))
    if not len(known):
        return None
    row = int(np.searchsorted(known.stamps, at_ns, side="right")) - 1
    return float(known[column][max(row, 0)])


def _with(series: Series, stamps: Stamps, columns: Mapping[str, npt.NDArray[Any]]) -> Series:
    """A table with rows added at its end; columns not given are NaN."""
    size = len(stamps)
    added: dict[str, npt.NDArray[Any]] = {}
    for name, values in series.columns.items():
        if name == "id":
            added[name] = FIRST_ID + np.arange(size, dtype=np.int64)
        else:
            added[name] = columns.get(name, np.full(size, np.nan)).astype(values.dtype)
    return Series(
        np.concatenate([series.stamps, stamps]),
        {name: np.concatenate([series[name], added[name]]) for name in series.columns},
    )


def _add_snapshots(
    rows: SessionRows,
    tables: Tables,
    stamps: Stamps,
    prices: Prices,
    levels: Prices,
    index: Index,
    random: Generator,
) -> dict[int, str]:
    """Put perturbed snapshots into the tables; returns their chains by id where pins are computed
    from chains.

    A session without peaks and without snapshots has no pins; a snapshot would give it some, so
    none is added there.
    """
    name, has_peaks = "options_snapshots", len(rows.tables["gex_peaks"]) > 0
    if not has_peaks and not len(rows.tables[name]):
        return {}
    some = slice(None, None, CHAIN_EVERY)
    columns = {
        "underlying_price": prices[some],
        "vix": levels[some],
        "expiration": np.full(len(stamps[some]), rows.session.day.isoformat(), dtype=object),
    }
    tables[name] = _with(tables[name], stamps[some], columns)
    if has_peaks:
        return {}
    return {
        FIRST_ID + n: _perturbed_chain(float(price), index, random)
        for n, price in enumerate(prices[some])
    }


def _perturbed_chain(price: float, index: Index, random: Generator) -> str:
    """A chain with its peak within some strikes of an index price."""
    middle = round_to_grid(price, index.strike_increment)
    return json.dumps(
        [
            {
                "strike": middle + step * index.strike_increment,
                "option_type": "call",
                "open_interest": int(random.integers(1, 1000)),
                "greeks": {"gamma": 0.01},
            }
            for step in range(-CHAIN_STRIKES, CHAIN_STRIKES + 1)
        ]
    )


def _options(quotes: Quotes) -> npt.NDArray[np.int64]:
    """The number of each row's option."""
    return np.repeat(np.arange(len(quotes.strikes)), np.diff(quotes.first))


def _perturbed_quotes(
    quotes: Quotes, after_ns: int, stamps: Stamps, way: int, random: Generator
) -> Quotes:
    """Every option quoted at every instant, all moved by about the same factor at one instant."""
    count, size = len(quotes.strikes), len(stamps)
    if not count:
        return quotes
    kept = quotes.stamps <= after_ns
    before = np.add.reduceat(kept, quotes.first[:-1], dtype=np.int64)
    last = quotes.first[:-1] + np.maximum(before - 1, 0)
    bid, ask = np.nan_to_num(quotes.bid[last]), np.nan_to_num(quotes.ask[last])
    factor = random.uniform(*QUOTE_FACTOR[way], size) * random.uniform(*QUOTE_NOISE, (count, size))
    asks = np.maximum(ask, MIN_ASK)[:, None] * factor
    bids = np.minimum(np.maximum(bid, 0.0)[:, None] * factor, asks)
    return _quotes(
        quotes,
        np.concatenate([_options(quotes)[kept], np.repeat(np.arange(count), size)]),
        np.concatenate([quotes.stamps[kept], np.tile(stamps, count)]),
        np.concatenate([quotes.bid[kept], bids.ravel()]),
        np.concatenate([quotes.ask[kept], asks.ravel()]),
    )


def _quotes(
    quotes: Quotes, option: npt.NDArray[np.int64], stamps: Stamps, bid: Prices, ask: Prices
) -> Quotes:
    """The rows sorted by option, an option's by time; options without rows are removed."""
    order = np.argsort(option, kind="stable")
    counts = np.bincount(option, minlength=len(quotes.strikes))
    there = counts > 0
    return Quotes(
        strikes=quotes.strikes[there],
        rights=quotes.rights[there],
        first=np.append(0, np.cumsum(counts[there])).astype(np.int64),
        stamps=stamps[order],
        bid=bid[order],
        ask=ask[order],
        unknown=quotes.unknown,
    )


def _same_kind(rows: SessionRows, tables: Tables, quoted: bool) -> Tables:
    """The tables, with a row without values at the close where no row would be left."""
    close = np.array([rows.session.close_ns], dtype=np.int64)
    if not rows.is_empty and not quoted and not any(len(series) for series in tables.values()):
        tables["market_context"] = _with(tables["market_context"], close, {})
    return tables


def _session(
    rows: SessionRows, tables: Tables, quotes: Quotes, chains: Mapping[int, str] | None = None
) -> SessionRows:
    """The session with other rows. Chains of dropped rows are dropped, too."""
    left = {int(row_id) for row_id in tables["options_snapshots"]["id"]}
    known = {row_id: chain for row_id, chain in rows.chains.items() if row_id in left}
    return SessionRows(
        rows.name, rows.index_symbol, rows.session, tables, quotes, {**known, **(chains or {})}
    )
