"""Which spread to sell, given the pin, the index price and the VIX.

The index price is expected to move to the pin: on it both sides are sold, above it calls, below it
puts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from bt_gex.errors import BadValue
from bt_gex.market.contracts import Spread, Strategy, make_spread
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import Index, find_index
from bt_gex.rules.gex.params import SetupParams

Direction = Literal["NEUTRAL", "BEARISH", "BULLISH"]
Confidence = Literal["HIGH", "MEDIUM", "LOW"]

# Outcomes of `choose`, plain numbers so that the function can be compiled.
SKIP_VIX, SKIP_FAR, CONDOR, CALL_HIGH, PUT_HIGH, CALL_MEDIUM, PUT_MEDIUM = range(7)

STANDARD = SetupParams()
TOLERANCE = 1e-9  # distances are whole points, scaled limits may miss them by a last bit


@dataclass(frozen=True, slots=True)
class Setup:
    """A spread to sell, or the reason why none is sold.

    strikes       short before long, a condor's calls before its puts; empty on SKIP
    distance      index price minus pin, both rounded to whole points
    spread_width  points, as the rules ask for it
    """

    strategy: Literal["IC", "CALL", "PUT", "SKIP"]
    strikes: tuple[float, ...]
    direction: Direction | None
    distance: int
    confidence: Confidence
    description: str
    spread_width: float
    vix: float

    @property
    def spread(self) -> Spread | None:
        """The legs to trade; None on SKIP."""
        return None if self.strategy == "SKIP" else make_spread(self.strategy, self.strikes)


def spread_width(vix: float, increment: float, parity: bool) -> float:
    """Width in points: 5, 10, 15, 20 by VIX band, rounded up to whole strikes unless parity.

    Not scaled by index: the bot never did.
    """
    if vix < 15.0:
        width = 5.0
    elif vix < 20.0:
        width = 10.0
    elif vix < 25.0:
        width = 15.0
    else:
        width = 20.0
    if parity:
        return width
    return math.ceil(width / increment - 1e-9) * increment


def choose(
    pin: float,
    spot: float,
    vix: float,
    vix_threshold: float,
    increment: float,
    k: float,
    near_pin_max: float,
    moderate_max: float,
    far_max: float,
    ic_buffer: float,
    moderate_pin_buffer: float,
    moderate_spot_buffer: float,
    far_pin_buffer: float,
    far_spot_buffer: float,
    parity: bool,
) -> tuple[int, float, float, float, float, float, float]:
    """The decision in numbers: outcome, distance, width and up to four strikes (0 where none).

    Numbers in, numbers out, so that a compiler for numeric Python takes it as it stands.
    """
    whole_pin, whole_spot = float(round(pin)), float(round(spot))
    distance = whole_spot - whole_pin
    away = abs(distance)
    width = spread_width(vix, increment, parity)
    # The original table starts each zone one scaled point after the last one: holes for k > 1.
    moderate_from = (near_pin_max + 1.0) * k if parity else 0.0
    far_from = (moderate_max + 1.0) * k if parity else 0.0

    if vix >= vix_threshold:
        return SKIP_VIX, distance, width, 0.0, 0.0, 0.0, 0.0
    if away <= near_pin_max * k + TOLERANCE:
        call = round_to_grid(whole_pin + ic_buffer * k, increment)
        put = round_to_grid(whole_pin - ic_buffer * k, increment)
        call_long = round_to_grid(call + width, increment)
        put_long = round_to_grid(put - width, increment)
        return CONDOR, distance, width, call, call_long, put, put_long
    if moderate_from - TOLERANCE <= away <= moderate_max * k + TOLERANCE:
        pin_buffer, spot_buffer = moderate_pin_buffer * k, moderate_spot_buffer * k
        call_outcome, put_outcome = CALL_HIGH, PUT_HIGH
    elif far_from - TOLERANCE <= away <= far_max * k + TOLERANCE:
        pin_buffer, spot_buffer = far_pin_buffer * k, far_spot_buffer * k
        call_outcome, put_outcome = CALL_MEDIUM, PUT_MEDIUM
    else:
        return SKIP_FAR, distance, width, 0.0, 0.0, 0.0, 0.0
    if distance > 0:
        short = round_to_grid(max(whole_pin + pin_buffer, whole_spot + spot_buffer), increment)
        return (
            call_outcome,
            distance,
            width,
            short,
            round_to_grid(short + width, increment),
            0.0,
            0.0,
        )
    short = round_to_grid(min(whole_pin - pin_buffer, whole_spot - spot_buffer), increment)
    return put_outcome, distance, width, short, round_to_grid(short - width, increment), 0.0, 0.0


_MEANING: dict[int, tuple[Strategy, Direction, Confidence]] = {
    CONDOR: ("IC", "NEUTRAL", "HIGH"),
    CALL_HIGH: ("CALL", "BEARISH", "HIGH"),
    PUT_HIGH: ("PUT", "BULLISH", "HIGH"),
    CALL_MEDIUM: ("CALL", "BEARISH", "MEDIUM"),
    PUT_MEDIUM: ("PUT", "BULLISH", "MEDIUM"),
}


def get_gex_trade_setup(
    pin: float,
    spot: float,
    vix: float,
    vix_threshold: float = 20.0,
    index_symbol: str = "SPX",
    *,
    parity: bool = False,
    params: SetupParams = STANDARD,
    index: Index | None = None,
) -> Setup:
    """The trade setup for what is known now.

    pin and spot are index points, vix the index level of the VIX (15.0, not 0.15). Zones are
    contiguous and widths whole strikes; `parity` gives the original table with its holes (NDX
    31-34 and 76-79 points) and zero widths. Of `params` the distances count; `index` gives the
    grid and scale of an index that is not built in.

    Raises BadValue when an input is not a finite number or vix_threshold is not one (a
    configuration handed over in its place, for instance), UnknownName for an unknown index.
    """
    for name, value in (
        ("pin", pin),
        ("spot", spot),
        ("vix", vix),
        ("vix_threshold", vix_threshold),
    ):
        real = isinstance(value, Real) and not isinstance(value, bool)
        if not real or not math.isfinite(value):
            raise BadValue(f"{name} must be a finite number, got {value!r}")
    index = index or find_index(index_symbol)
    outcome, distance, width, *strikes = choose(
        float(pin),
        float(spot),
        float(vix),
        vix_threshold,
        index.strike_increment,
        index.scale,
        params.near_pin_max,
        params.moderate_max,
        params.far_max,
        params.ic_buffer,
        params.moderate_pin_buffer,
        params.moderate_spot_buffer,
        params.far_pin_buffer,
        params.far_spot_buffer,
        parity,
    )
    if outcome == SKIP_VIX:
        text = f"VIX {float(vix)} too high (>={float(vix_threshold)}), skip trading"
        return Setup("SKIP", (), None, int(distance), "LOW", text, width, vix)
    if outcome == SKIP_FAR:
        limit = params.far_max * index.scale
        text = (
            f"{index.symbol} {abs(distance):.0f}pts from pin — too far, skip (limit: {limit:g}pts)"
        )
        return Setup("SKIP", (), None, int(distance), "LOW", text, width, vix)
    strategy, direction, confidence = _MEANING[outcome]
    taken = tuple(_plain(k) for k in strikes[: 4 if strategy == "IC" else 2])
    text = f"{index.symbol} {distance:+.0f}pts from pin: {make_spread(strategy, taken).label}"
    return Setup(strategy, taken, direction, int(distance), confidence, text, width, vix)


def _plain(strike: float) -> float:
    """A whole strike as an int, so that it prints and serialises as traders write it."""
    return int(strike) if float(strike).is_integer() else strike
