"""Bids and asks of the synthetic market: how wide they are, and which options have no bid.

Levels are those of 2026, shapes those of a whole recorded day. Calibrated on

- SPX 2018-01-05, all 0DTE options each minute (Cboe / LiveVol): the tick grid, which asks have no
  bid, how widths scatter and how long they last, wider quotes before the close;
- SPXW 2021-01-04, 01-06 and 01-08, two strikes each minute (AlgoSeek): quotes in the money;
- SPX 2026-01-12, eight quotes of puts 13 to 20 points in the money; SPY 0DTE chains of
  2026-07-24 and 2026-08-12, ten times their prices: the widths themselves.

The figures of those days beside the synthetic ones are in docs/blackbox.md, with what is not
imitated.
"""

from __future__ import annotations

import numpy as np

from bt_gex.synthetic.market import Floats, Ints

# The tick grid of SPX, in points.
TICK, WIDE_TICK, WIDE_FROM = 0.05, 0.10, 3.0

# Widths in points of SPX; for another index of its scale times as many.
SPREAD, SPREAD_OF_PRICE = 0.08, 0.004  # width = SPREAD + SPREAD_OF_PRICE · price
SPREAD_OF_INTRINSIC = 0.02  # and so much a point in the money
LATE_SPREAD, LATE_POWER = 1.0, 8  # more at the close, by the share of variance that has passed
ONE_TICK_BELOW = 0.25  # below this price the width shrinks towards a tick
HALF_OF_PRICE = 0.8  # half a width is at most so much of the price
SPREAD_NOISE, NOISE_MEMORY_S = 0.6, 180.0  # deviation of its logarithm, and how long it lasts

# Bad quotes, at any price, for those who ask for them: shares of all quotes.
NO_BID, NO_ASK, LOCKED, CROSSED = 0.003, 0.0015, 0.0004, 0.0001


def width(fair: Floats, intrinsic: Floats, passed: Floats, scale: float) -> Floats:
    """Bid to ask on average, in points, for options worth so much.

    passed  share of the session's variance that has passed
    """
    cheap = np.minimum(fair / (ONE_TICK_BELOW * scale), 1.0)
    quiet = SPREAD * scale + SPREAD_OF_PRICE * fair + SPREAD_OF_INTRINSIC * intrinsic
    late = 1 + LATE_SPREAD * passed**LATE_POWER
    found: Floats = TICK + cheap * np.maximum(quiet * late - TICK, 0.0)
    return found


def width_noise(random: np.random.Generator, second: Ints, options: int) -> Floats:
    """A factor of mean 1 for each instant and option, its logarithm autoregressive in time."""
    level = random.standard_normal((len(second), options))
    kept = np.exp(-np.diff(second) / NOISE_MEMORY_S)
    for n, share in enumerate(kept.tolist(), start=1):
        level[n] = share * level[n - 1] + np.sqrt(1 - share**2) * level[n]
    found: Floats = np.exp(SPREAD_NOISE * level - SPREAD_NOISE**2 / 2)
    return found


def quoted(fair: Floats, wide: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Bid and ask: the ticks around an interval that has the fair price in its middle.

    Rounding outward adds a tick on average; the interval is narrower by that. An option worth
    less than a tick, or little more, has no bid.
    """
    tick = np.where(fair < WIDE_FROM, TICK, WIDE_TICK)
    half = np.minimum(np.maximum(wide - tick, 0.0) * noise / 2, HALF_OF_PRICE * fair)
    bid = np.maximum(_on_ticks(fair - half, np.floor), 0.0)
    return bid, np.maximum(_on_ticks(fair + half, np.ceil), TICK)


def _on_ticks(points: Floats, rounded: np.ufunc) -> Floats:
    ticks = np.where(points < WIDE_FROM, TICK, WIDE_TICK)
    found: Floats = np.round(rounded(np.round(points / ticks, 6)) * ticks, 2)
    return found


def spoiled(random: np.random.Generator, bid: Floats, ask: Floats) -> tuple[Floats, Floats]:
    """The same with a few sides missing, a few markets locked and fewer crossed by a tick."""
    fate = random.random(len(bid))
    two_sided = bid > 0
    tick = np.where(bid < WIDE_FROM, TICK, WIDE_TICK)
    limits = np.cumsum([NO_BID, NO_ASK, LOCKED, CROSSED])
    kind = np.searchsorted(limits, fate, side="right")
    ask = np.where((kind == 2) & two_sided, bid, ask)
    ask = np.where((kind == 3) & (bid > tick), np.round(bid - tick, 2), ask)
    return np.where(kind == 0, np.nan, bid), np.where(kind == 1, np.nan, ask)
