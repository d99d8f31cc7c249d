"""The price on which all legs of an expiring spread settle, and what the spread is worth on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bt_gex.market.calendar import NS
from bt_gex.market.contracts import SHORT, Spread
from bt_gex.market.quotes import CLAMP_TOLERANCE, clamp, intrinsic

FRESH_S = 120
PARITY_WINDOW = 0.01  # strikes within this share of the last index price take part


@dataclass(frozen=True, slots=True)
class Settlement:
    """price in index points, NaN when the session gives none; `source` says which rule gave it."""

    price: float
    source: Literal["index", "parity", "stale index", "none"]


def settlement_price(
    *,
    last_price: float,
    last_price_ns: int,
    close_ns: int,
    parity: Callable[[float], Iterable[float]],
) -> Settlement:
    """The settlement price of a session.

    last_price  newest index price at or before the close, NaN when there is none
    parity      strike + call mid − put mid at the close, for the strikes within PARITY_WINDOW of
                the price given to it; only strikes with two valid quotes. Asked only when needed.
    """
    if math.isnan(last_price):
        return Settlement(math.nan, "none")
    if close_ns - last_price_ns <= FRESH_S * NS:
        return Settlement(last_price, "index")
    implied = list(parity(last_price))
    if implied:
        return Settlement(float(median(implied)), "parity")
    return Settlement(last_price, "stale index")


def settled_value(spread: Spread, price: float) -> tuple[float, bool]:
    """Intrinsic value of the spread in points, and whether it had to be clamped to its width."""
    raw = sum(
        (1.0 if leg.side == SHORT else -1.0) * intrinsic(leg.strike, leg.right, price)
        for leg in spread.legs
    )
    value = clamp(raw, spread.width)
    return value, abs(value - raw) > CLAMP_TOLERANCE
