"""What is known before a session opens: daily bars, ATRs, length of the opening range."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.rules.opening_range.params import RangeParams
from bt_gex.rules.opening_range.prices import above, at_least
from bt_gex.rules.opening_range.session import MINUTE_NS, check_bar

MAX_GAP_DAYS = 5
MIN_RATIO, MAX_RATIO = 0.5, 2.0


class History:
    """Daily bars, and sessions of the minutes for the dates they lack.

    daily  stamped with midnight UTC of their date, raw prices; raises DataError for an unsound bar
           and for two of one date that differ
    """

    def __init__(self, daily: Iterable[Bar] = ()) -> None:
        self._rows: dict[date, Bar] = {}
        for row in daily:
            check_bar(row)
            day = day_of(row)
            if self._rows.setdefault(day, row) != row:
                raise DataError(f"two daily bars of {day} differ; keep one of them")
        self._days = sorted(self._rows)

    def add(self, day: date, row: Bar) -> None:
        """Take a finished session of the minutes; a daily bar of its date stays."""
        if day not in self._rows:
            self._rows[day] = row
            insort(self._days, day)

    def before(self, day: date, first_open: float, most: int) -> list[Bar]:
        """The newest unbroken daily bars before a day, oldest first, at most so many.

        A gap of more than 5 calendar days or a price that halves or doubles (a split, a stale
        file) breaks the history. first_open: of the day's first session bar.
        """
        found: list[Bar] = []
        later_day, later_price = day, first_open
        for number in range(bisect_left(self._days, day) - 1, -1, -1):
            row_day = self._days[number]
            row, gap = self._rows[row_day], (later_day - row_day).days
            if len(found) == most or gap > MAX_GAP_DAYS or not _comparable(later_price, row.close):
                break
            found.append(row)
            later_day, later_price = row_day, row.close
        return found[::-1]


def _comparable(later: float, earlier: float) -> bool:
    if earlier <= 0:
        return False
    ratio = later / earlier
    return at_least(ratio, MIN_RATIO) and at_least(MAX_RATIO, ratio)


def day_of(row: Bar) -> date:
    """Date of a daily bar."""
    return utc(row.ts_ns).date()


def session_row(day: date, bars: Sequence[Bar]) -> Bar:
    """The daily bar of a session's minutes."""
    return Bar(
        instant_ns(datetime.combine(day, time(), tzinfo=UTC)),
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


def true_range(high: float, low: float, previous_close: float) -> float:
    """Of a bar after another."""
    return max(high - low, abs(high - previous_close), abs(low - previous_close))


def reference_atr(rows: Sequence[Bar], period: int) -> float | None:
    """Mean of the last `period` true ranges of daily bars; needs one bar more."""
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
