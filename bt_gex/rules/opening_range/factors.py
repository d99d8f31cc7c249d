"""The five factors of the confluence score, each at the close of a session's bar.

A factor has a flag for each side; one that is off, or that has too few bars yet, has neither.
Nothing of another session enters but the prior day's high and low.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.history import true_range
from bt_gex.rules.opening_range.params import PriceActionParams, ProfileParams
from bt_gex.rules.opening_range.prices import above
from bt_gex.rules.opening_range.range import OpeningRange


class Flags(NamedTuple):
    """Whether a factor speaks for a side."""

    long: bool
    short: bool


NEITHER = Flags(False, False)


def relative_volume(volumes: Sequence[float], lookback: int) -> float | None:
    """The last volume over the mean of the `lookback` before it; None where there is none."""
    if len(volumes) <= lookback:
        return None
    mean = sum(volumes[-lookback - 1 : -1]) / lookback
    return volumes[-1] / mean if mean > 0 else None


def price_action(bars: Sequence[Bar], params: PriceActionParams) -> Flags:
    """Of the last bar: its body engulfs the previous one's, or its high and low are both beyond
    those of pivot_len bars ago. Both sides may be true at once."""
    long = short = False
    if params.enable_engulfing and len(bars) > 1:
        before, now = bars[-2], bars[-1]
        long = now.open < before.close < before.open < now.close
        short = now.open > before.close > before.open > now.close
    if params.enable_structure and len(bars) > params.pivot_len:
        ago, now = bars[-1 - params.pivot_len], bars[-1]
        long = long or (now.high > ago.high and now.low > ago.low)
        short = short or (now.high < ago.high and now.low < ago.low)
    return Flags(long, short)


def profile(
    close: float, found: OpeningRange | None, prior: Bar | None, params: ProfileParams
) -> Flags:
    """Close beyond the prior session's value area, or strictly inside it with the whole opening
    range on one side of its middle."""
    if prior is None or found is None:
        return NEITHER
    span = prior.high - prior.low
    low, high = prior.low + params.val_pct * span, prior.low + params.vah_pct * span
    middle = (low + high) / 2
    inside = above(close, low) and above(high, close)
    return Flags(
        above(close, high) or (inside and above(found.low, middle)),
        above(low, close) or (inside and above(middle, found.high)),
    )


class Vwap:
    """Volume-weighted mean of (high + low + close) / 3."""

    def __init__(self, min_bars: int) -> None:
        self._min_bars = min_bars
        self._bars = 0
        self._money = self._volume = 0.0

    def add(self, bar: Bar) -> None:
        """Take one more bar."""
        self._bars += 1
        self._money += (bar.high + bar.low + bar.close) / 3 * bar.volume
        self._volume += bar.volume

    @property
    def value(self) -> float | None:
        """None below min_bars bars and without volume."""
        if self._bars < self._min_bars or self._volume <= 0:
            return None
        return self._money / self._volume


class Adx:
    """Wilder's average directional index, from nothing but the bars it is given.

    Its first value comes with bar 2 · period.
    """

    def __init__(self, period: int) -> None:
        self._before: Bar | None = None
        self._range = _Smoothed(period)
        self._up, self._down = _Smoothed(period), _Smoothed(period)
        self._index = _Smoothed(period)
        self.dx: float | None = None

    @property
    def value(self) -> float | None:
        """0 to 100; None before bar 2 · period."""
        return self._index.value

    def add(self, bar: Bar) -> None:
        """Take one more bar."""
        before, self._before = self._before, bar
        if before is None:
            return
        up, down = bar.high - before.high, before.low - bar.low
        self._range.add(true_range(bar.high, bar.low, before.close))
        # Exactly, without the tolerance of other comparisons, as backtrader's ADX compares them:
        # where both moves are one tick the two would part by whole points.
        self._up.add(up if up > down and up > 0 else 0.0)
        self._down.add(down if down > up and down > 0 else 0.0)
        self.dx = self._directional()
        if self.dx is not None:
            self._index.add(self.dx)

    def _directional(self) -> float | None:
        spread, up, down = self._range.value, self._up.value, self._down.value
        if spread is None or up is None or down is None:
            return None
        if spread <= 0:
            return 0.0
        plus, minus = 100.0 * up / spread, 100.0 * down / spread
        return 100.0 * abs(plus - minus) / (plus + minus) if plus + minus > 0 else 0.0


class _Smoothed:
    """Wilder's smoothing: the mean of the first `period`, then (previous · (period - 1) + x) /
    period."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._first: list[float] = []
        self.value: float | None = None

    def add(self, x: float) -> None:
        if self.value is not None:
            self.value = (self.value * (self._period - 1) + x) / self._period
            return
        self._first.append(x)
        if len(self._first) == self._period:
            self.value = sum(self._first) / self._period
