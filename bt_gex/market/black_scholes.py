"""Black-Scholes values of European options on an index without dividends; numpy throughout.

Everywhere `years` is the time to expiry in years, `vol` the annual volatility and `rate` the
continuously compounded annual rate, both as fractions. All arguments broadcast.

At no time or no volatility an option is its discounted intrinsic value: delta a step (half of it
exactly at the money), gamma and vega 0, theta the interest alone. At the money the limit of gamma
is infinite; the 0 keeps it out of sums.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DAYS_A_YEAR = 365.0
D_LIMIT = 40.0  # beyond 38.6 the normal distribution is 0 or 1 in double precision

_erfc = np.frompyfunc(math.erfc, 1, 1)


class Values(NamedTuple):
    """Price and greeks, per unit of underlying.

    price  points
    theta  points per calendar day
    vega   points per volatility point (0.01)
    """

    price: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def normal_cdf(x: npt.ArrayLike) -> Floats:
    """Probability that a standard normal variable is at most x."""
    return np.asarray(_erfc(np.asarray(x, dtype=float) / -math.sqrt(2)), dtype=float) / 2


def price(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    rate: float = 0.0,
) -> Floats:
    """Price in points."""
    level, present, d1, d2, _ = _terms(spot, strike, years, vol, rate)
    sign = np.where(is_call, 1.0, -1.0)
    return sign * (level * normal_cdf(sign * d1) - present * normal_cdf(sign * d2))


def values(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    rate: float = 0.0,
) -> Values:
    """Price and greeks at once."""
    level, present, d1, d2, deviation = _terms(spot, strike, years, vol, rate)
    sign = np.where(is_call, 1.0, -1.0)
    in_money1, in_money2 = normal_cdf(sign * d1), normal_cdf(sign * d2)
    alive = deviation > 0
    density = np.where(alive, np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi), 0.0)
    spread = np.where(alive, deviation, 1.0)
    time = np.where(alive, np.asarray(years, dtype=float), 1.0)
    interest = sign * rate * present * in_money2
    return Values(
        price=sign * (level * in_money1 - present * in_money2),
        delta=sign * in_money1,
        gamma=density / (level * spread),
        theta=-(level * density * spread / (2 * time) + interest) / DAYS_A_YEAR,
        vega=level * density * np.sqrt(time) / 100,
    )


def _terms(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    vol: npt.ArrayLike,
    rate: float,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Spot, present value of the strike, d1, d2 and the total deviation vol·√t."""
    level, time = np.asarray(spot, dtype=float), np.maximum(np.asarray(years, dtype=float), 0.0)
    present = np.asarray(strike, dtype=float) * np.exp(-rate * time)
    deviation = np.maximum(np.asarray(vol, dtype=float), 0.0) * np.sqrt(time)
    moneyness = np.log(level / present)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        middle = np.clip(np.nan_to_num(moneyness / deviation), -D_LIMIT, D_LIMIT)
    return level, present, middle + deviation / 2, middle - deviation / 2, deviation
