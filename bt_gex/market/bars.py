"""One bar of a price series."""

from __future__ import annotations

from typing import NamedTuple


class Bar(NamedTuple):
    """Prices and volume of one interval.

    ts_ns   start of the interval, nanoseconds since 1970-01-01 UTC
    volume  shares or contracts traded in it
    """

    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
