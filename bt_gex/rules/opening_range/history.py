"""What is known before a session opens: daily rows, ATRs, length of the opening range."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.params import RangeParams
from bt_gex.rules.opening_range.prices import above, at_least
from bt_gex.rules.opening_range.session import MINUTE_NS

MAX_GAP_DAYS = 5
MIN_RATIO, MAX_RATIO = 0.5, 2.0


class DailyBar(NamedTuple):
    """One session of a daily file, raw prices."""

    day: date
    open: float
    high: float
    low: float
    close: float


class History:
    """Daily rows, and sessions of the minutes for the dates the daily rows lack."""

    def __init__(self, daily: Iterable[DailyBar] = ()) -> None:
        self._rows: dict[date, DailyBar] = {}
        for row in daily:
            _check_daily(row)
            if self._rows.setdefault(row.day, row) != row:
                raise DataError(f"two daily rows of {row.day} differ; keep one of them")
        self._days = sorted(self._rows)

    def add(self, row: DailyBar) -> None:
        """Take a finished session of the minutes; a row of the daily file stays."""
        if row.day not in self._rows:
            self._rows[row.day] = row
            insort(self._days, row.day)

    def before(self, day: date, first_open: float, most: int) -> list[DailyBar]:
        """The newest unbroken rows before a day, oldest first, at most so many.

        A gap of more than 5 calendar days or a price that halves or doubles (a split, a stale
        file) breaks the history. first_open: of the day's first session bar.
        """
        found: list[DailyBar] = []
        later_day, later_price = day, first_open
        for number in range(bisect_left(self._days, day) - 1, -1, -1):
            row = self._rows[self._days[number]]
            gap = (later_day - row.day).days
            if len(found) == most or gap > MAX_GAP_DAYS or not _comparable(later_price, row.close):
                break
            found.append(row)
            later_day, later_price = row.day, row.close
        return found[::-1]


def _comparable(later: float, earlier: float) -> bool:
    if earlier <= 0:
        return False
    ratio = later / earlier
    return at_least(ratio, MIN_RATIO) and at_least(MAX_RATIO, ratio)


def _check_daily(row: DailyBar) -> None:
    if not all(math.isfinite(value) for value in row[1:]):
        raise DataError(f"daily row of {row.day} has a price that is no number; correct or drop it")
    if not row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high:
        raise DataError(f"daily row of {row.day} has low, open, close and high out of order")


def session_row(day: date, bars: Sequence[Bar]) -> DailyBar:
    """The daily row of a session's minutes."""
    return DailyBar(
        day,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
    )


def true_range(high: float, low: float, previous_close: float) -> float:
    """Of a bar after another."""
    return max(high - low, abs(high - previous_close), abs(low - previous_close))


def reference_atr(rows: Sequence[DailyBar], period: int) -> float | None:
    """Mean of the last `period` true ranges of daily rows; needs one row more."""
    if len(rows) < period + 1:
        return None
    rows = rows[-period - 1 :]
    ranges = [true_range(row.high, row.low, before.close) for before, row in pairwise(rows)]
    return sum(ranges) / period


def intraday_atr(bars: Sequence[Bar], start_ns: int, minutes: int, period: int) -> float | None:
    """Mean of the last `period` true ranges of a session's bars of so many minutes.

    Minutes without a bar in them make none; the first one's range is high - low.
    """
    buckets: dict[int, list[Bar]] = {}
    for bar in bars:
        buckets.setdefault((bar.ts_ns - start_ns) // (minutes * MINUTE_NS), []).append(bar)
    if len(buckets) < period:
        return None
    ranges: list[float] = []
    close: float | None = None
    for bucket in buckets.values():
        high, low = max(bar.high for bar in bucket), min(bar.low for bar in bucket)
        ranges.append(high - low if close is None else true_range(high, low, close))
        close = bucket[-1].close
    return sum(ranges[-period:]) / period


def norm_vol(
    intraday: float | None, reference: float | None, session_minutes: int, params: RangeParams
) -> float | None:
    """Yesterday's intraday ATR as a multiple of the daily one; None where one is not known.

    scaled: both on the time scale of a session, as volatility grows with the root of time.
    """
    if intraday is None or reference is None or reference <= 0:
        return None
    if params.norm_vol == "raw":
        return intraday / reference
    return intraday / reference * math.sqrt(session_minutes / params.intraday_minutes)


def range_minutes(volatility: float | None, params: RangeParams) -> int:
    """Length of the opening range: short after a quiet session, long after a volatile one."""
    if not params.adaptive or volatility is None:
        return params.base_minutes
    if above(params.low_norm_vol, volatility):
        return params.short_or_minutes
    if above(volatility, params.high_norm_vol):
        return params.long_or_minutes
    return params.base_minutes
