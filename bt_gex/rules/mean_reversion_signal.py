"""Mean reversion: the parameters, the indicators and the entry signal at the close of a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, Gt, Le

from bt_gex.errors import BadValue
from bt_gex.rules.settings import validated

TOLERANCE = 1e-9
VOLUME_PERIOD = 20  # bars of the volume ratio, whatever the bands' period
NEAR_BAND = 0.005  # two_of_three takes a close this share of the band inside it …
NEAR_RSI, NEAR_VOLUME = 1.2, 0.7  # … with these shares of the thresholds

Direction = Literal["LONG", "SHORT"]
SIDES: Mapping[str, tuple[Direction, ...]] = {
    "long": ("LONG",),
    "short": ("SHORT",),
    "both": ("LONG", "SHORT"),
}

ALIASES: Mapping[str, str] = {"rsi_oversold": "rsi_threshold", "quantity": "position_size"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReversionParams:
    """When a trade is opened and closed.

    rsi_threshold        long below it, short above 100 minus it
    bb_std               width of the bands, sample standard deviations of the closes
    position_size        shares a trade
    stop_loss_pct        percent of the fill price, against the position
    take_profit_pct      percent of the fill price, for target_mode pct
    max_positions        open and pending ones of all symbols; none: no limit
    bb_period            closes of the bands
    rsi_period           changes of closes of the RSI (simple means, not Wilder's)
    volume_multiplier    of the mean volume; entry_rule two_of_three only
    entry_rule           band_and_rsi: both; two_of_three: of band, RSI and volume
    target_mode          bb_middle: the middle band at the signal bar
    fill                 next_open: at the symbol's next open; close: at the signal bar's close,
                         at which nothing can be traded
    max_holding_minutes  none: until stop, target or the end of the bars
    stop_first           whether the stop counts where stop and target lie in one bar
    """

    rsi_threshold: Annotated[float, Ge(0), Le(100)] = 30
    bb_std: Annotated[float, Ge(0), Le(100)] = 2.5
    position_size: Annotated[float, Gt(0), Le(1e9)] = 10
    stop_loss_pct: Annotated[float, Gt(0), Le(100)] = 1.0
    take_profit_pct: Annotated[float, Gt(0), Le(1_000)] = 0.5
    max_positions: Annotated[int, Ge(1)] | None = 3
    bb_period: Annotated[int, Ge(2), Le(5_000)] = 20
    rsi_period: Annotated[int, Ge(1), Le(5_000)] = 14
    volume_multiplier: Annotated[float, Ge(0), Le(1_000)] = 3.0
    direction: Literal["long", "short", "both"] = "long"
    entry_rule: Literal["band_and_rsi", "two_of_three"] = "band_and_rsi"
    target_mode: Literal["pct", "bb_middle"] = "pct"
    fill: Literal["next_open", "close"] = "next_open"
    max_holding_minutes: Annotated[float, Gt(0), Le(525_600)] | None = None
    stop_first: bool = True


def mean_reversion_params(
    values: Mapping[str, object], base: MeanReversionParams | None = None
) -> MeanReversionParams:
    """Parameters from plain values; ALIASES are taken for what they stand for.

    Raises UnknownName, BadValue.
    """
    taken: dict[str, object] = {}
    for name, value in values.items():
        known = ALIASES.get(name, name)
        if known in taken:
            raise BadValue(f"mean_reversion.{known} is given twice, once as an alias; give one")
        taken[known] = value
    return validated(MeanReversionParams, taken, "mean_reversion", base)


class Indicators(NamedTuple):
    """Values at the close of a bar. volume_ratio is 0 where it is not known."""

    bb_lower: float
    bb_middle: float
    bb_upper: float
    rsi: float
    volume_ratio: float


def indicators_of(
    closes: Sequence[float], volumes: Sequence[float], params: MeanReversionParams
) -> Indicators | None:
    """From the windows alone, so that rounding errors do not accumulate over a long stream."""
    if len(closes) < max(params.bb_period, params.rsi_period + 1):
        return None
    recent = list(closes)
    window = recent[-params.bb_period :]
    middle = math.fsum(window) / len(window)
    variance = math.fsum([(close - middle) ** 2 for close in window]) / (len(window) - 1)
    width = params.bb_std * math.sqrt(variance)
    changes = [after - before for before, after in pairwise(recent[-params.rsi_period - 1 :])]
    gain = math.fsum([change for change in changes if change > 0])
    loss = math.fsum([-change for change in changes if change < 0])
    if loss:
        rsi = 100 - 100 / (1 + gain / loss)
    else:
        rsi = 100.0 if gain else 50.0
    mean_volume = math.fsum(volumes) / VOLUME_PERIOD if len(volumes) == VOLUME_PERIOD else 0.0
    ratio = volumes[-1] / mean_volume if mean_volume else 0.0
    return Indicators(middle - width, middle, middle + width, rsi, ratio)


def signal_of(
    close: float, values: Indicators, params: MeanReversionParams
) -> tuple[Direction, tuple[str, ...]] | None:
    """Side on which the entry rule holds and what holds there; long is looked at first."""
    for side in SIDES[params.direction]:
        if conditions := _conditions(side, close, values, params):
            return side, conditions
    return None


def _conditions(
    side: Direction, close: float, values: Indicators, params: MeanReversionParams
) -> tuple[str, ...]:
    """What makes the entry rule hold on a side; empty where it does not.

    Both sides are one rule: distances count positive beyond the band and beyond the threshold.
    """
    threshold, multiple = params.rsi_threshold, params.volume_multiplier
    sign, rsi = (1, values.rsi) if side == "LONG" else (-1, 100 - values.rsi)
    band = values.bb_lower if side == "LONG" else values.bb_upper
    beyond = sign * (band - close)
    is_oversold = rsi < threshold - TOLERANCE
    if params.entry_rule == "band_and_rsi":
        return ("band", "rsi") if beyond > TOLERANCE and is_oversold else ()
    held = {
        "band": beyond >= -TOLERANCE,
        "rsi": is_oversold,
        "volume": values.volume_ratio > multiple + TOLERANCE,
    }
    if sum(held.values()) >= 2:
        return tuple(name for name, holds in held.items() if holds)
    near = {
        "near rsi": rsi < NEAR_RSI * threshold - TOLERANCE,
        "near volume": values.volume_ratio > NEAR_VOLUME * multiple + TOLERANCE,
    }
    is_near = sign * (band * (1 + sign * NEAR_BAND) - close) >= -TOLERANCE
    if is_near and any(near.values()):
        return ("near band", *(name for name, holds in near.items() if holds))
    return ()


def strength_of(side: Direction, rsi: float, threshold: float) -> float:
    """How far the RSI lies beyond its threshold, as a share of it: 0 to 1."""
    beyond = threshold - (rsi if side == "LONG" else 100 - rsi)
    return min(max(beyond / threshold, 0.0), 1.0) if threshold else 0.0
