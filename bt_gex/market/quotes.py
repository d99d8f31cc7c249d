"""Arithmetic on quotes: as-of lookups, validity, spread values. Arrays are one value a bar.

Prices are points per unit of underlying; NaN is a missing price, 0.0 is a price.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bt_gex.market.calendar import NS, Stamps

Prices = npt.NDArray[np.float64]
Points = TypeVar("Points", float, Prices)
Rows = npt.NDArray[np.int64]

CLAMP_TOLERANCE = 1e-9  # most by which rounding alone can put a value outside its bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLimits:
    """What a quote must keep to besides being sound in itself; infinite: no limit.

    one_sided_max_ask  points; a quote without a bid whose ask is higher is one-sided, not valid
    max_spread_pct     ask - bid, percent of mid
    """

    one_sided_max_ask: float = math.inf
    max_spread_pct: float = math.inf


NO_LIMITS = QuoteLimits()


def newest_row(stamps: Stamps, grid: Stamps, max_age_s: float) -> Rows:
    """For each instant of the grid the newest row at or before it; -1 when none is recent enough.

    stamps must ascend; of equal stamps the last row counts. A row exactly max_age_s old is usable.
    """
    rows = np.searchsorted(stamps, grid, side="right") - 1
    if len(stamps) == 0:
        return rows
    age = grid - stamps[np.maximum(rows, 0)]
    return np.where((rows >= 0) & (age <= round(max_age_s * NS)), rows, -1)


def as_of(stamps: Stamps, values: Prices, grid: Stamps, max_age_s: float) -> Prices:
    """The newest value at each instant of the grid, NaN when there is none recent enough."""
    return at_rows(values, newest_row(stamps, grid, max_age_s))


def at_rows(values: Prices, rows: Rows) -> Prices:
    """The values of these rows, NaN where the row is -1."""
    if len(values) == 0:
        return np.full(len(rows), np.nan)
    return np.where(rows >= 0, values[rows], np.nan)


def clean(bid: Prices, ask: Prices, limits: QuoteLimits = NO_LIMITS) -> tuple[Prices, Prices]:
    """Bids and asks with every invalid quote blanked out (both NaN).

    Valid: there is an ask, it is above 0, the bid, 0 when there is none, does not exceed it, and
    the limits are kept.
    """
    bid = np.where(np.isnan(bid), 0.0, bid)
    with np.errstate(invalid="ignore"):
        valid = (ask > 0.0) & (bid <= ask) & ~one_sided(bid, ask, limits)
        if limits.max_spread_pct < math.inf:
            valid &= ~too_wide(bid, ask, limits)
    return np.where(valid, bid, np.nan), np.where(valid, ask, np.nan)


def one_sided(bid: Prices, ask: Prices, limits: QuoteLimits) -> npt.NDArray[np.bool_]:
    """Where there is no bid (0 or less) and the ask is too high for that; a NULL bid is 0 here."""
    return (bid <= 0.0) & (ask > limits.one_sided_max_ask + CLAMP_TOLERANCE)


def too_wide(bid: Prices, ask: Prices, limits: QuoteLimits) -> npt.NDArray[np.bool_]:
    """Where bid and ask are too far apart."""
    widest = limits.max_spread_pct / 100.0 * ((bid + ask) / 2.0)
    return ask - bid > widest + CLAMP_TOLERANCE


def contradictory(
    bid_short: Any, ask_short: Any, bid_long: Any, ask_long: Any, width: float
) -> Any:
    """Whether no price of a vertical between 0 and its width agrees with its quotes; points.

    Numbers, or arrays of them. The quotes allow from bid_short - ask_long to ask_short - bid_long.
    """
    return (ask_short - bid_long < -CLAMP_TOLERANCE) | (
        bid_short - ask_long > width + CLAMP_TOLERANCE
    )


def spread_value(mids: Sequence[Points], sides: Sequence[int]) -> Points:
    """Points it costs at mid to buy the spread back: shorts (side -1) minus longs (side 1).

    mids  one number a leg, or one array of numbers a leg
    """
    if len(mids) != len(sides):
        raise ValueError("one side for each mid")
    total = sides[0] * mids[0]
    for leg in range(1, len(mids)):
        total = total + sides[leg] * mids[leg]
    return -total


def clamp(value: float, width: float) -> float:
    """The value clamped to 0 … width."""
    return min(max(value, 0.0), width)


def intrinsic(strike: float, right: str, settlement: float) -> float:
    """What the option is worth at expiration, points."""
    return payoff(strike, right == "C", settlement)


def payoff(strike: float, is_call: bool, settlement: float) -> float:
    """What a call or put is worth at expiration, points; numbers only."""
    return max(settlement - strike, 0.0) if is_call else max(strike - settlement, 0.0)
