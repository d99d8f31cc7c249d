"""Which rows of minutes lie in which session of an instrument."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.bars.series import VALUES, BarSeries
from bt_gex.market.calendar import Stamps
from bt_gex.rules.opening_range.session import SessionClock, Window


class SessionRows(NamedTuple):
    """Rows of one session: from `first` to before `after`, at least one."""

    window: Window
    first: int
    after: int


def session_rows(stamps: Stamps, clock: SessionClock) -> list[SessionRows]:
    """The sessions of stamps in order of time; rows outside every session belong to none."""
    found: list[SessionRows] = []
    row = 0
    while row < len(stamps):
        window = clock.window(clock.local_date(int(stamps[row])))
        first = max(row, int(np.searchsorted(stamps, window.start_ns)))
        after = int(np.searchsorted(stamps, window.end_ns))
        if after > first:
            found.append(SessionRows(window, first, after))
        next_day = clock.midnight(window.day + timedelta(days=1))
        row = int(np.searchsorted(stamps, next_day))
    return found


def in_sessions(series: BarSeries, clock: SessionClock) -> BarSeries:
    """The rows that lie in sessions."""
    keep = np.zeros(len(series), dtype=np.bool_)
    for rows in session_rows(series.stamps_ns, clock):
        keep[rows.first : rows.after] = True
    return rows_of(series, keep) if not keep.all() else series


def rows_of(series: BarSeries, rows: npt.NDArray[np.bool_] | slice) -> BarSeries:
    """Some of the rows, in their order."""
    return BarSeries(
        symbol=series.symbol,
        interval=series.interval,
        stamps_ns=series.stamps_ns[rows].copy(),
        odd=series.odd,
        **{name: getattr(series, name)[rows].copy() for name in VALUES},
    )


def last_stamps(stamps: Stamps, clock: SessionClock) -> frozenset[int]:
    """The stamp of each session's last row."""
    return frozenset(int(stamps[rows.after - 1]) for rows in session_rows(stamps, clock))
