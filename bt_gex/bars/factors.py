"""Factors for splits and dividends, as LEAN's factor files hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bt_gex.bars.series import LENGTH_NS, BarSeries
from bt_gex.market.calendar import Stamps
from bt_gex.market.quotes import Prices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Steps of a factor: up to and including a date, raw prices times its factor are adjusted.

    stamps_ns  the dates, ascending, as labels at midnight UTC
    factor     price factor (dividends) times split factor; after the last date it is 1
    """

    stamps_ns: Stamps
    factor: Prices

    def at(self, stamps_ns: Stamps) -> Prices:
        """The factor of each day: that of the first step whose date is not before the day."""
        steps = np.append(self.factor, 1.0)
        found: Prices = steps[np.searchsorted(self.stamps_ns, stamps_ns, side="left")]
        return found


NO_FACTORS = Factors(stamps_ns=np.empty(0, np.int64), factor=np.empty(0))


def day_labels(days: Sequence[date]) -> Stamps:
    """Dates as labels at midnight UTC, nanoseconds."""
    return np.array(days, dtype="datetime64[D]").astype(np.int64) * LENGTH_NS["1d"]


def adjusted(series: BarSeries, factors: Factors, as_of: date) -> BarSeries:
    """Daily bars in the prices of a day, on which raw and adjusted prices are the same.

    Only what happened between a bar and that day changes it, so a rule that looks at bars up to
    the day learns nothing from later splits and dividends. Volumes stay as they are.
    """
    scale = factors.at(series.stamps_ns) / factors.at(day_labels([as_of]))
    return BarSeries(
        symbol=series.symbol,
        interval=series.interval,
        stamps_ns=series.stamps_ns,
        open=series.open * scale,
        high=series.high * scale,
        low=series.low * scale,
        close=series.close * scale,
        volume=series.volume,
        odd=series.odd,
    )
