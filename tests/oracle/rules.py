"""The pure rules: trade setup (golden table with the two repairs) and gamma exposure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class IndexSpec:
    symbol: str
    increment: float
    scale: float
    proximity: float  # candidates of the pin lie nearer to spot than this fraction
    multiplier: int = 100


INDEXES = {
    "SPX": IndexSpec("SPX", 5, 1, 0.015),
    "NDX": IndexSpec("NDX", 10, 5, 0.020),
}

SETUP_DEFAULTS: dict[str, float] = {
    "near_pin_max": 6,
    "moderate_max": 15,
    "far_max": 50,
    "ic_buffer": 20,
    "moderate_pin_buffer": 15,
    "moderate_spot_buffer": 8,
    "far_pin_buffer": 25,
    "far_spot_buffer": 12,
}


@dataclass(frozen=True)
class Setup:
    strategy: str  # IC, CALL, PUT, SKIP
    direction: str | None
    confidence: str
    strikes: tuple[float, ...]
    distance: int
    spread_width: float
    description: str


def to_grid(x: float, increment: float) -> float:
    """The nearest strike, a tie to the even multiple (Python's round)."""
    return round(x / increment) * increment


def vix_width(vix: float) -> float:
    if vix < 15:
        return 5
    if vix < 20:
        return 10
    if vix < 25:
        return 15
    return 20


def trade_setup(
    pin: float,
    spot: float,
    vix: float,
    vix_threshold: float = 20.0,
    index: IndexSpec | str = "SPX",
    *,
    parity: bool = False,
    zones: Mapping[str, float] | None = None,
) -> Setup:
    spec = INDEXES[index] if isinstance(index, str) else index
    z = {**SETUP_DEFAULTS, **(zones or {})}
    k, inc = spec.scale, spec.increment
    pin, spot = round(pin), round(spot)
    distance = spot - pin
    a = abs(distance)
    width = vix_width(vix)
    if not parity:
        width = math.ceil(width / inc) * inc

    def skip(why: str) -> Setup:
        return Setup("SKIP", None, "LOW", (), distance, width, why)

    def call(pin_buffer: float, spot_buffer: float, confidence: str) -> Setup:
        short = to_grid(max(pin + pin_buffer * k, spot + spot_buffer * k), inc)
        strikes = (short, to_grid(short + width, inc))
        return Setup("CALL", "BEARISH", confidence, strikes, distance, width, "call spread")

    def put(pin_buffer: float, spot_buffer: float, confidence: str) -> Setup:
        short = to_grid(min(pin - pin_buffer * k, spot - spot_buffer * k), inc)
        strikes = (short, to_grid(short - width, inc))
        return Setup("PUT", "BULLISH", confidence, strikes, distance, width, "put spread")

    if vix >= vix_threshold:
        return skip(f"VIX {vix} too high (>={vix_threshold}), skip trading")

    if a <= z["near_pin_max"] * k:
        call_short = to_grid(pin + z["ic_buffer"] * k, inc)
        put_short = to_grid(pin - z["ic_buffer"] * k, inc)
        call_long = to_grid(call_short + width, inc)
        put_long = to_grid(put_short - width, inc)
        strikes = (call_short, call_long, put_short, put_long)
        return Setup("IC", "NEUTRAL", "HIGH", strikes, distance, width, "iron condor")

    # The original zones start at (limit + 1) * k, which leaves holes when k > 1.
    moderate_from = (z["near_pin_max"] + 1) * k if parity else 0
    far_from = (z["moderate_max"] + 1) * k if parity else 0
    if moderate_from <= a <= z["moderate_max"] * k:
        build = call if distance > 0 else put
        return build(z["moderate_pin_buffer"], z["moderate_spot_buffer"], "HIGH")
    if far_from <= a <= z["far_max"] * k:
        build = call if distance > 0 else put
        return build(z["far_pin_buffer"], z["far_spot_buffer"], "MEDIUM")
    limit = z["far_max"] * k
    return skip(f"{spec.symbol} {a}pts from pin — too far, skip (limit: {limit:g}pts)")


# --------------------------------------------------------------------------- gamma exposure


@dataclass(frozen=True)
class Peak:
    strike: float
    gex: float
    score: float


def kind(option_type: object) -> str | None:
    """'C' or 'P' for call/CALL/C and put/PUT/P, None for anything else."""
    word = str(option_type).strip().upper()
    return {"CALL": "C", "C": "C", "PUT": "P", "P": "P"}.get(word)


def net_gex(chain: Iterable[Mapping[str, object]], spot: float) -> dict[float, float]:
    total: dict[float, float] = {}
    for option in chain:
        greeks = option.get("greeks")
        gamma = greeks.get("gamma") if isinstance(greeks, Mapping) else None
        interest = option.get("open_interest")
        side = kind(option.get("option_type"))
        strike = option.get("strike")
        if not gamma or not interest or side is None or strike is None:
            continue
        gex = float(gamma) * float(interest) * 100 * spot**2  # type: ignore[arg-type]
        key = float(strike)  # type: ignore[arg-type]
        total[key] = total.get(key, 0.0) + (gex if side == "C" else -gex)
    return total


def rank_peaks(gex: Mapping[float, float], spot: float, spec: IndexSpec) -> list[Peak]:
    """The three best positive strikes by proximity-weighted score."""
    positive = {strike: g for strike, g in gex.items() if g > 0}
    near = {s: g for s, g in positive.items() if abs(s - spot) / spot < spec.proximity}
    if not near:
        reach = SETUP_DEFAULTS["far_max"] * spec.scale
        near = {s: g for s, g in positive.items() if abs(s - spot) <= reach}
    peaks = []
    for strike, g in near.items():
        d = abs(strike - spot) / spot
        peaks.append(Peak(strike, g, g / (d**5 + 1e-12)))
    peaks.sort(key=lambda p: (-p.score, p.strike))
    return peaks[:3]


def competing_midpoint(peaks: list[Peak], spot: float) -> float | None:
    """The raw midpoint of the two best peaks when they compete, else None."""
    if len(peaks) < 2:
        return None
    one, two = peaks[0], peaks[1]
    if not min(one.score, two.score) / max(one.score, two.score) > 0.5:
        return None
    if not (one.strike - spot) * (two.strike - spot) < 0:
        return None
    distances = abs(one.strike - spot), abs(two.strike - spot)
    if not min(distances) / max(distances) > 0.4:
        return None
    return (one.strike + two.strike) / 2
