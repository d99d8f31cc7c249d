"""Where bars come from, behind one small interface."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from bt_gex.bars.factors import Factors
from bt_gex.bars.series import BarSeries, Interval

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 30)


class BarSource(Protocol):
    """Bars of symbols; dates are session dates, both included.

    A range without bars is an empty series; a symbol that the source does not know is UnknownName;
    what can't be read or is not available is DataError.
    """

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        """The symbols of which it has bars of this length, sorted."""
        ...

    def minute_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """Minutes, extended hours included where the source has them."""
        ...

    def daily_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """Daily bars, unadjusted for dividends; for splits as the source says."""
        ...

    def factors(self, symbol: str) -> Factors:
        """What makes the daily bars comparable over splits and dividends."""
        ...


class Provider(BarSource, Protocol):
    """A source whose answers can be kept: bt_gex.bars.cache."""

    provider: str

    def settings(self, symbol: str, interval: Interval) -> Mapping[str, str | int | float | bool]:
        """All that decides what it answers, beside symbol, interval and dates."""
        ...

    def is_settled(self, end: date) -> bool:
        """Whether its answer up to this date can no longer change."""
        ...
