"""Seeded prices of a synthetic market: index levels and VIX, second by second.

Every price is a pure function of (seed, symbol, date): a day is the same in whatever range and
with whatever other indexes it is asked for. Closes follow a slow mean-reverting walk over the
weekdays since 1800. A session opens near the last close and walks to its own, fastest at the open
and towards the close, with a jump now and then. Deviations are measured in units of the market's
daily deviation, VIX / √252.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_gex.errors import UnknownName
from bt_gex.market.calendar import NS, Session

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIRST_WEEKDAY = date(1800, 1, 1)
REVERSION = 0.95  # share of a close's deviation left a weekday later
MEMORY_DAYS = 500
CLOSE_TO_CLOSE = 0.50  # deviation of a weekday's move
GAP_SHARE = 0.35  # of that move, overnight
GAP_NOISE = 0.23
WITHIN_SESSION = 0.40
JUMPS_A_SESSION = 0.8
JUMP = 0.25  # of a session's deviation
DAY_TO_DAY = 0.2  # how much volatility itself differs between days
OPEN_BURST, OPEN_DECAY_S = 2.0, 1800
CLOSE_BURST, CLOSE_DECAY_S = 1.2, 1500
VIX_TO_INDEX = -6.0  # relative move of VIX for one of the S&P 500
VIX_OWN = 1.5
REGULAR_S = 23_400


@dataclass(frozen=True, slots=True)
class Underlying:
    """How an index moves.

    level        around which its price wanders, as of 2026
    beta         deviation relative to the S&P 500
    correlation  with the S&P 500
    etf_ratio    index points to a dollar of its ETF
    contracts    typical open interest of a strike near the money
    """

    level: float
    beta: float
    correlation: float
    etf_ratio: float
    contracts: float


UNDERLYINGS = {
    "SPX": Underlying(6950.0, beta=1.0, correlation=1.0, etf_ratio=10.0, contracts=1500),
    "NDX": Underlying(25600.0, beta=1.3, correlation=0.92, etf_ratio=42.5, contracts=8),
}


def underlying(symbol: str) -> Underlying:
    """The market model of an index."""
    if symbol not in UNDERLYINGS:
        raise UnknownName("index of the synthetic market", symbol, UNDERLYINGS)
    return UNDERLYINGS[symbol]


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for every seed and name, the same on every machine."""
    key = "|".join(map(str, (seed, *names)))
    return np.random.Generator(
        np.random.PCG64(int.from_bytes(hashlib.sha256(key.encode()).digest()))
    )


def seconds(session: Session) -> int:
    """Length of the session."""
    return (session.close_ns - session.open_ns) // NS


@lru_cache(maxsize=4)
def variance_share(length_s: int) -> Floats:
    """Share of a session's variance that has passed at each second, from 0 to 1."""
    second = np.arange(length_s)
    speed = (
        1
        + OPEN_BURST * np.exp(-second / OPEN_DECAY_S)
        + CLOSE_BURST * np.exp((second - length_s) / CLOSE_DECAY_S)
    )
    passed = np.concatenate([[0.0], np.cumsum(speed)])
    share: Floats = passed / passed[-1]
    return share


def daily_deviation(vix: float) -> float:
    """Deviation of a day's log return that a VIX stands for."""
    return vix / 100 / math.sqrt(252)


def previous_level(seed: int, symbol: str, day: date, vix: float) -> float:
    """Close of the weekday before, in points."""
    weekday = _weekday(day)
    return float(_price(symbol, vix, _mix(symbol, lambda name: _close(seed, name, weekday - 1))))


@lru_cache(maxsize=8)
def spot_path(seed: int, symbol: str, session: Session, vix: float) -> Floats:
    """Index price at each second of the session, from the open to the close, in points."""
    deviation = _mix(symbol, lambda name: _walk(seed, name, session))
    points: Floats = np.round(_price(symbol, vix, deviation), 2)
    return points


@lru_cache(maxsize=8)
def vix_path(seed: int, session: Session, vix: float) -> Floats:
    """VIX at each second of the session; it falls when the S&P 500 rises."""
    move = VIX_TO_INDEX * _walk(seed, "SPX", session) + VIX_OWN * _walk(seed, "VIX", session)
    level: Floats = np.round(vix * np.exp(daily_deviation(vix) * move), 2)
    return level


def _price(symbol: str, vix: float, deviation: Any) -> Any:
    market = underlying(symbol)
    return market.level * np.exp(market.beta * daily_deviation(vix) * deviation)


def _mix(symbol: str, of: Callable[[str], Any]) -> Any:
    """The S&P 500's factor and the index's own, by their correlation."""
    correlation = underlying(symbol).correlation
    own = math.sqrt(1 - correlation**2)
    return correlation * of("SPX") + (own * of(symbol) if own else 0.0)


def _weekday(day: date) -> int:
    return int(np.busday_count(FIRST_WEEKDAY, day))


@lru_cache(maxsize=64)
def _close(seed: int, name: str, weekday: int) -> float:
    """Deviation of a weekday's close from the long-run level."""
    shocks = generator(seed, name, "close").standard_normal(weekday + 1)[-MEMORY_DAYS:]
    fading = REVERSION ** np.arange(len(shocks) - 1, -1, -1)
    return CLOSE_TO_CLOSE * math.fsum(shocks * fading)


@lru_cache(maxsize=8)
def _walk(seed: int, name: str, session: Session) -> Floats:
    """Deviation at each second of a session, from its open to its close."""
    weekday = _weekday(session.day)
    before, end = _close(seed, name, weekday - 1), _close(seed, name, weekday)
    random = generator(seed, name, session.day)
    start = before + GAP_SHARE * (end - before) + GAP_NOISE * random.standard_normal()
    length = seconds(session)
    passed = variance_share(length)
    steps = np.sqrt(np.diff(passed)) * random.standard_normal(length)
    for _ in range(random.poisson(JUMPS_A_SESSION)):
        steps[random.integers(length)] += JUMP * random.standard_normal()
    wander = np.concatenate([[0.0], np.cumsum(steps)])
    bridge = wander - passed * wander[-1]
    size = WITHIN_SESSION * math.exp(DAY_TO_DAY * random.standard_normal())
    size *= math.sqrt(length / REGULAR_S)
    walk: Floats = start + passed * (end - start) + size * bridge
    return walk
