"""Bars of one symbol as a backtrader feed."""

from __future__ import annotations

from datetime import date
from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt

from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries
from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import BulkFeed, bt_stamps
from bt_gex.market.calendar import Stamps, sessions, utc


class BarFeed(BulkFeed):
    """Bars of a series, one backtrader bar each; open interest is 0.

    Stamps are naive UTC: of a minute its start, to the last bit the same in every feed; of a day
    the close of its session, the first instant at which the whole bar is known, so that beside
    minutes it never comes before they are over. (A day without a session ends at midnight UTC.)

    series  the bars; minutes or days
    """

    params = (("series", None),)

    def __init__(self) -> None:
        super().__init__()
        series = self.p.series
        if not isinstance(series, BarSeries):
            raise EngineError(f"a BarFeed takes series=BarSeries, got {type(series).__name__}")
        is_daily = series.interval == "1d"
        self.p.timeframe = bt.TimeFrame.Days if is_daily else bt.TimeFrame.Minutes
        self.p.compression = 1
        self.p.name = self.p.name or series.symbol

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        series: BarSeries = self.p.series
        stamps = series.stamps_ns
        known = _closes(stamps) if series.interval == "1d" else stamps
        values: dict[str, Any] = {name: getattr(series, name) for name in VALUES}
        return {"datetime": bt_stamps(known), **values}


def _closes(labels: Stamps) -> Stamps:
    """When each day is over."""
    if not len(labels):
        return labels
    first, last = (utc(int(labels[row])).date() for row in (0, -1))
    closes: dict[date, int] = {s.day: s.close_ns for s in sessions(first, last)}
    return np.array(
        [closes.get(utc(ns).date(), ns + LENGTH_NS["1d"]) for ns in labels.tolist()], dtype=np.int64
    )
