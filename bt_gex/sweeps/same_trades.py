"""Variants that make the same trades: one choice, however many settings lead to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bt_gex.market.calendar import instant_ns
from bt_gex.stats.summary import pnl_cents
from bt_gex.trades.records import SpreadTrade

Row = TypeVar("Row", bound=Mapping[str, object])
TRADES_ID = "trades_id"  # the metric
SAME_AS = "same_as"  # the column: variant_id of the first variant with the same trades
DIGITS = 16
MOST_STRIKES = 4
UNRESOLVED = np.iinfo(np.int64).min  # in place of the cents
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def trades_id(
    *, entries_ns: Ints, exits_ns: Ints, strikes: Floats, quantities: Ints, cents: Ints,
    balance: float,
) -> str:  # fmt: skip
    """Equal for the same trades on the same account: same entries, exits, strikes, contracts and
    P&L, in order of entry. Why a trade was closed is left out: the same order was sent.

    strikes  a row a trade, four numbers, 0 where there is no further leg
    cents    P&L; UNRESOLVED where there is none
    """
    digest = hashlib.sha256(np.float64(balance).tobytes())
    for column in (entries_ns, exits_ns, quantities, cents):
        digest.update(np.ascontiguousarray(column, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(strikes, dtype=np.float64).tobytes())
    return digest.hexdigest()[:DIGITS]


def trades_id_of(trades: Sequence[SpreadTrade], balance: float) -> str:
    """The same of records in order of entry."""
    strikes = np.zeros((len(trades), MOST_STRIKES))
    for row, trade in enumerate(trades):
        strikes[row, : len(trade.strikes)] = trade.strikes
    known = [UNRESOLVED if t.pnl_dollars is None else pnl_cents(t) for t in trades]
    return trades_id(
        entries_ns=np.array([instant_ns(t.timestamp_entry) for t in trades], dtype=np.int64),
        exits_ns=np.array([instant_ns(t.timestamp_exit) for t in trades], dtype=np.int64),
        strikes=strikes,
        quantities=np.array([t.quantity for t in trades], dtype=np.int64),
        cents=np.array(known, dtype=np.int64),
        balance=balance,
    )


def folded(variants: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """variant_id of the first variant with the same trades, by that of each later one.

    variants  variant_id and metrics, in the order of the plan; those without metrics are left out
    """
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for variant_id, metrics in variants:
        name = metrics.get(TRADES_ID)
        if name is None:
            continue
        if name in first:
            found[variant_id] = first[name]
        else:
            first[name] = variant_id
    return found


def distinct(rows: Iterable[Row]) -> list[Row]:
    """The rows of a sweep that succeeded, of several with the same trades the first."""
    return [row for row in rows if row["status"] == "success" and row.get(SAME_AS) is None]
