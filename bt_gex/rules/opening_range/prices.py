"""Sides, comparisons of computed prices, and the grid of ticks.

A comparison of computed numbers has a tolerance of 1e-9, so that 100.1 + 0.2 reaches 100.3.
Two recorded prices are compared exactly.
"""

from __future__ import annotations

import math
from typing import Literal

from bt_gex.market.bars import Bar

Side = Literal["long", "short"]
SIDES: tuple[Side, Side] = ("long", "short")
SIGN: dict[Side, int] = {"long": 1, "short": -1}

TOLERANCE = 1e-9
TICK_TOLERANCE = 1e-6  # of a tick
DECIMALS = 10


def at_least(a: float, b: float) -> bool:
    """a ≥ b of computed numbers."""
    return a >= b - TOLERANCE


def above(a: float, b: float) -> bool:
    """a > b of computed numbers."""
    return a > b + TOLERANCE


def tick_floor(price: float, tick: float) -> float:
    """The tick at or below the price."""
    return round(math.floor(price / tick + TICK_TOLERANCE) * tick, DECIMALS)


def tick_ceil(price: float, tick: float) -> float:
    """The tick at or above the price."""
    return round(math.ceil(price / tick - TICK_TOLERANCE) * tick, DECIMALS)


def snap_entry(side: Side, price: float, tick: float) -> float:
    """A trigger or a target on the grid, to the side that is worse for the trade."""
    return tick_ceil(price, tick) if side == "long" else tick_floor(price, tick)


def snap_stop(side: Side, price: float, tick: float) -> float:
    """A stop on the grid, to the side that is worse for the trade."""
    return tick_floor(price, tick) if side == "long" else tick_ceil(price, tick)


def reaches(side: Side, price: float, level: float) -> bool:
    """The price is at or beyond the level in the direction of the side."""
    return at_least(price, level) if side == "long" else at_least(level, price)


def beyond(side: Side, price: float, level: float) -> bool:
    """The price is beyond the level in the direction of the side."""
    return above(price, level) if side == "long" else above(level, price)


def opposite(side: Side) -> Side:
    """The other side."""
    return "short" if side == "long" else "long"


def best_of(side: Side, bar: Bar) -> float:
    """The bar's extreme in favour of the side."""
    return bar.high if side == "long" else bar.low


def worst_of(side: Side, bar: Bar) -> float:
    """The bar's extreme against the side."""
    return bar.low if side == "long" else bar.high
