"""Bad bars: what is put in order and counted, and what stops the reading.

| name | what it is | what is done |
|---|---|---|
| out of order | a row whose stamp lies before the row above it | sorted by time |
| duplicate | a row that repeats the stamp and the values of one above | dropped |
| contradicting duplicate | the same stamp with other values | the first one counts |
| bad outside sessions | a bar outside sessions that can't be true | dropped |

A bar of a session that can't be true stops the reading with a DataError: a price is not above 0, a
volume is below 0, or low ≤ open, close ≤ high does not hold. Wherever it lies, so does a value that
is missing or not finite, and a stamp without a zone or between two minutes. Sessions are those of
the New York Stock Exchange; every daily bar belongs to one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries, Interval
from bt_gex.errors import DataError
from bt_gex.market.calendar import Stamps, new_york, sessions, utc
from bt_gex.market.quotes import Prices

OUT_OF_ORDER = "out of order"
DUPLICATE = "duplicate"
CONTRADICTING = "contradicting duplicate"
BAD_OUTSIDE = "bad outside sessions"


def checked_bars(
    symbol: str,
    interval: Interval,
    stamps_ns: Stamps,
    values: Mapping[str, Prices],
    where: str,
    odd: Mapping[str, int] | None = None,
) -> BarSeries:
    """Bars from rows in the order of their source, by the rules above.

    where  names the source in errors
    odd    what the source has counted already
    Raises DataError.
    """
    counts = Counter(odd or {})
    _refuse_odd_stamps(interval, stamps_ns, where)
    counts[OUT_OF_ORDER] = int((np.diff(stamps_ns) < 0).sum())
    order = np.argsort(stamps_ns, kind="stable")
    stamps = stamps_ns[order]
    columns = {name: values[name][order] for name in VALUES}
    repeats = np.append(False, stamps[1:] == stamps[:-1])[: len(stamps)]
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(stamps))))
    equal = np.logical_and.reduce(
        [_same(column, column[first]) for column in columns.values()], initial=True
    )
    counts[DUPLICATE] = int((repeats & equal).sum())
    counts[CONTRADICTING] = int((repeats & ~equal).sum())
    bad = _bad(columns) & ~repeats
    if bad.any():
        _refuse_bad_bar(interval, stamps, columns, bad, where)
        counts[BAD_OUTSIDE] = int(bad.sum())
    keep = ~repeats & ~bad
    return BarSeries(
        symbol=symbol,
        interval=interval,
        stamps_ns=stamps[keep],
        odd={name: count for name, count in sorted(counts.items()) if count},
        **{name: column[keep] for name, column in columns.items()},
    )


def _same(left: Prices, right: Prices) -> npt.NDArray[np.bool_]:
    both: npt.NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return both


def _bad(columns: Mapping[str, Prices]) -> npt.NDArray[np.bool_]:
    """Rows that can't be true."""
    o, high, low, close, volume = (columns[name] for name in VALUES)
    with np.errstate(invalid="ignore"):
        good = (low <= np.minimum(o, close)) & (np.maximum(o, close) <= high) & (low > 0)
        good &= (volume >= 0) & np.isfinite(high) & np.isfinite(volume)
    return ~good


def _refuse_odd_stamps(interval: Interval, stamps_ns: Stamps, where: str) -> None:
    odd = np.flatnonzero(stamps_ns % LENGTH_NS[interval])
    if len(odd):
        raise DataError(
            f"{where}: {utc(int(stamps_ns[odd[0]]))} is not the start of a minute; bars of one "
            "minute are stamped with it"
        )


def _refuse_bad_bar(
    interval: Interval,
    stamps: Stamps,
    columns: Mapping[str, Prices],
    bad: npt.NDArray[np.bool_],
    where: str,
) -> None:
    """Raise DataError for the first of them that is not to be passed over."""
    for row in np.flatnonzero(bad):
        ns = int(stamps[row])
        is_whole = all(np.isfinite(columns[name][row]) for name in VALUES)
        if interval == "1d" or not is_whole or _in_session(ns):
            values = ", ".join(f"{name} {columns[name][row]:g}" for name in VALUES)
            when = f"{utc(ns):%Y-%m-%d}" if interval == "1d" else f"{utc(ns):%Y-%m-%d %H:%M} UTC"
            raise DataError(
                f"{where}: the bar of {when} can't be true ({values}); prices are above 0 with "
                "low ≤ open, close ≤ high, volumes not below 0: correct or delete the row"
            )


def _in_session(ns: int) -> bool:
    day = new_york(ns).date()
    return any(session.open_ns <= ns < session.close_ns for session in sessions(day, day))
