"""Gamma exposure of an option chain, its peaks, and the pin between competing ones.

The arithmetic is that of the recorder, so that its stored peaks can be recomputed from its chains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bt_gex.errors import DataError
from bt_gex.market.contracts import Right
from bt_gex.market.indexes import Index

PEAKS_KEPT = 3
DISTANCE_POWER = 5
SCORE_EPSILON = 1e-12  # equals the distance term at 0.398 % from the index price
FALLBACK_POINTS = 50.0  # times the index's scale
MIN_SCORE_RATIO = 0.5
MIN_DISTANCE_RATIO = 0.4


class GammaRow(NamedTuple):
    """One option of a chain; gamma per point and unit of underlying, open interest in contracts."""

    strike: float
    right: Right
    gamma: float
    open_interest: float


@dataclass(frozen=True, slots=True)
class Peak:
    """A strike with positive net exposure.

    rank          1 is the pin
    gex           net gamma exposure in dollars, positive
    distance      points from the index price, unsigned
    distance_pct  the same in percent of the index price
    score         gex / (fraction⁵ + 1e-12), fraction = distance / index price
    """

    rank: int
    strike: float
    gex: float
    distance: float
    distance_pct: float
    score: float


@dataclass(frozen=True, slots=True)
class Competing:
    """The two best peaks compared; all None when there are fewer than two.

    score_ratio   smaller score over larger, 0 to 1
    adjusted_pin  midpoint of the two strikes, not rounded to the grid; None unless they compete
    """

    is_competing: bool
    peak1_strike: float | None = None
    peak1_gex: float | None = None
    peak2_strike: float | None = None
    peak2_gex: float | None = None
    score_ratio: float | None = None
    adjusted_pin: float | None = None


def chain_rows(chain: Iterable[Mapping[str, Any]]) -> list[GammaRow]:
    """The options of a recorded chain that count: those with open interest and a gamma."""
    rows = []
    for option in chain:
        gamma = _number((option.get("greeks") or {}).get("gamma"))
        open_interest = _number(option.get("open_interest"))
        if gamma and open_interest:
            right = _right(option.get("option_type"))
            rows.append(GammaRow(float(option["strike"]), right, gamma, open_interest))
    return rows


def exposure_by_strike(
    rows: Iterable[GammaRow], spot: float, multiplier: float = 100
) -> dict[float, float]:
    """Net exposure per strike in dollars: gamma · OI · multiplier · spot², calls + and puts −."""
    exposure: dict[float, float] = {}
    for row in rows:
        gex = row.gamma * row.open_interest * multiplier * spot**2
        exposure[row.strike] = exposure.get(row.strike, 0.0) + (gex if row.right == "C" else -gex)
    return exposure


def find_peaks(exposure: Mapping[float, float], spot: float, index: Index) -> tuple[Peak, ...]:
    """The best three strikes with positive exposure near the index price, best first.

    Near is strictly within the index's peak window or, where that holds none, strictly within
    50 points times its scale. Equal scores: the nearer strike first, then the lower one.
    """
    positive = {strike: gex for strike, gex in exposure.items() if gex > 0}
    for window in (spot * index.peak_window_fraction, FALLBACK_POINTS * index.scale):
        near = [strike for strike in positive if abs(strike - spot) < window]
        if near:
            break
    peaks = [_peak(strike, positive[strike], spot) for strike in near]
    best = sorted(peaks, key=lambda peak: (-peak[-1], peak[2], peak[0]))[:PEAKS_KEPT]
    return tuple(Peak(rank, *peak) for rank, peak in enumerate(best, 1))


def competing(peaks: Sequence[Peak], spot: float) -> Competing:
    """Whether the index price lies between two peaks of similar score and distance."""
    if len(peaks) < 2:
        return Competing(False)
    one, two = peaks[0], peaks[1]
    score_ratio = min(one.score, two.score) / max(one.score, two.score)
    near, far = sorted((one.distance, two.distance))
    competes = (
        score_ratio > MIN_SCORE_RATIO
        and (one.strike - spot) * (two.strike - spot) < 0
        and near / far > MIN_DISTANCE_RATIO
    )
    midpoint = (one.strike + two.strike) / 2 if competes else None
    return Competing(competes, one.strike, one.gex, two.strike, two.gex, score_ratio, midpoint)


def _peak(strike: float, gex: float, spot: float) -> tuple[float, float, float, float, float]:
    distance = abs(strike - spot)
    score = gex / ((distance / spot) ** DISTANCE_POWER + SCORE_EPSILON)
    return strike, gex, distance, distance / spot * 100, score


def _number(value: Any) -> float:
    """0 for what is missing or no finite number."""
    number = float(value or 0)
    return number if math.isfinite(number) else 0.0


def _right(option_type: object) -> Right:
    """The right of CALL, call, C, put, …"""
    initial = str(option_type)[:1].upper()
    if initial == "C":
        return "C"
    if initial == "P":
        return "P"
    raise DataError(f"option_type {option_type!r} in a chain is neither a call nor a put")
