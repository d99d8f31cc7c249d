"""The opening range, its triggers, and the days it is not traded on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.params import BufferParams, OpeningRangeParams
from bt_gex.rules.opening_range.prices import SIDES, Side, above, snap_entry
from bt_gex.rules.opening_range.session import MINUTE_NS, is_sound

NoTrade = Literal["no bars", "or window", "no ATR", "too narrow", "too wide"]
WINDOW_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRange:
    """High and low of the session's first minutes."""

    high: float
    low: float

    @property
    def width(self) -> float:
        """High less low, price units."""
        return self.high - self.low

    @property
    def midpoint(self) -> float:
        """Half way between low and high."""
        return (self.high + self.low) / 2


def opening_range(bars: Sequence[Bar], start_ns: int, end_ns: int) -> OpeningRange | None:
    """Of the bars with start_ns ≤ stamp < end_ns; None without one."""
    inside = [bar for bar in bars if start_ns <= bar.ts_ns < end_ns]
    if not inside:
        return None
    return OpeningRange(high=max(bar.high for bar in inside), low=min(bar.low for bar in inside))


def triggers(
    found: OpeningRange, atr: float | None, params: BufferParams, tick: float
) -> dict[Side, float] | None:
    """Price at which each side breaks out; None where the buffer needs an ATR there is not."""
    if params.use_atr and atr is None:
        return None
    buffer = params.fixed + (params.atr_mult * atr if params.use_atr and atr is not None else 0.0)
    edges = {"long": found.high + buffer, "short": found.low - buffer}
    return {side: snap_entry(side, edges[side], tick) for side in SIDES}


def no_trade_reason(
    found: OpeningRange | None, atr: float | None, params: OpeningRangeParams, problems: int = 0
) -> NoTrade | None:
    """Why the day is not traded, None when it is; the first reason that applies.

    problems  faults `window_problems` found, where it was asked
    """
    if found is None:
        return "no bars"
    if problems and params.data.or_invalid == "skip":
        return "or window"
    if atr is None:
        return "no ATR" if _needs_atr(params) else None
    if not params.orb.enable_validity_filter:
        return None
    if above(params.orb.min_atr_mult * atr, found.width):
        return "too narrow"
    if above(found.width, params.orb.max_atr_mult * atr):
        return "too wide"
    return None


def _needs_atr(params: OpeningRangeParams) -> bool:
    trade = params.trade
    trails = trade.trail_atr_mult is not None
    return params.buffers.use_atr or trade.stop_mode == "atr_capped" or trails


def window_problems(bars: Sequence[Bar], start_ns: int, minutes: int) -> list[str]:
    """What is wrong with the bars of an opening-range window; `bars` of the session, in order."""
    inside = [bar for bar in bars if start_ns <= bar.ts_ns < start_ns + minutes * MINUTE_NS]
    return list(_problems(inside, start_ns, minutes))


def _problems(inside: Sequence[Bar], start_ns: int, minutes: int) -> Iterator[str]:
    if not inside:
        yield "no bars"
        return
    needed = int(WINDOW_SHARE * minutes)
    if len(inside) < needed:
        yield f"{len(inside)} bars of {minutes}, {needed} needed"
    if inside[0].ts_ns != start_ns:
        late = (inside[0].ts_ns - start_ns) // MINUTE_NS
        yield f"the first bar comes {late} minutes after the session's start"
    gaps = sum(b.ts_ns - a.ts_ns > MINUTE_NS for a, b in pairwise(inside))
    if gaps:
        yield f"{gaps} gaps of more than a minute"
    unsound = sum(not is_sound(bar) for bar in inside)
    if unsound:
        yield f"{unsound} bars with prices out of order"
