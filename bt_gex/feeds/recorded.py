"""Recorded bars of one symbol as a backtrader feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt

from bt_gex.bars.series import BarSeries
from bt_gex.errors import NoRecording
from bt_gex.feeds.backtrader_internals import BulkFeed, bt_stamps
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.calendar import NS, instant_ns, utc
from bt_gex.recordings.columns import VALUES, BarColumns, columns_by_symbol
from bt_gex.recordings.store import store_of

PREFIX = "rec_"  # of the lines of recorded indicators
DAY_NS = 86_400 * NS


def ns_of_line(number: float) -> int:
    """The instant of a value of a datetime line, as backtrader itself reads it."""
    return instant_ns(bt.num2date(number).replace(tzinfo=UTC))


class RecordedBars(BulkFeed):
    """Recorded bars with the stamps they were recorded with; open interest is 0.

    columns   the bars
    """

    def exact_ns(self) -> int:
        """The instant of the current bar, which its line tells but to some microseconds."""
        return int(self.p.columns.stamps_ns[len(self) - 1])

    params = (("columns", None),)

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        columns: BarColumns = self.p.columns
        recorded = {f"{PREFIX}{line_name(n)}": v for n, v in columns.indicators.items()}
        return {
            "datetime": bt_stamps(columns.stamps_ns),
            **{name: columns.values[name] for name in VALUES},
            **recorded,
        }


def line_name(name: str) -> str:
    """An indicator's name as a line may be called."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def RecordedFeed(database: object, recording_id: str, symbol: str) -> RecordedBars:
    """The feed of a recorded symbol, with a line `rec_NAME` for each recorded indicator.

    Raises NoRecording.
    """
    store = store_of(database)
    store.get(recording_id)
    found = columns_by_symbol(store.bars(recording_id, symbol=symbol))
    if symbol not in found:
        raise NoRecording(f"Recording {recording_id} holds no bars of {symbol}")
    return recorded_bars(found[symbol])


def recorded_bars(columns: BarColumns, facts: Mapping[str, Any] | None = None) -> RecordedBars:
    """The feed of a symbol's columns. facts: what is recorded of the feed it came from."""
    names = tuple(f"{PREFIX}{line_name(name)}" for name in columns.indicators)
    kind = type("RecordedBars", (RecordedBars,), {"lines": names, "__module__": __name__})
    given = facts or {}
    options: dict[str, Any] = {"columns": columns, "name": columns.symbol}
    for name in ("timeframe", "compression"):
        if given.get(name) is not None:
            options[name] = given[name]
    for name in ("sessionstart", "sessionend"):
        if given.get(name):
            options[name] = time.fromisoformat(given[name])
    feed: RecordedBars = kind(**options)
    return feed


def feed_of(columns: BarColumns, facts: Mapping[str, Any]) -> Any:
    """The feed of a symbol again: a BarFeed where it was one, which knows where its bars end."""
    interval = facts.get("interval")
    if interval not in ("1m", "1d"):
        return recorded_bars(columns, facts)
    stamps = columns.stamps_ns
    if interval == "1d":  # recorded when they were known, labelled by their date
        stamps = np.array([_label(int(ns)) for ns in stamps], dtype=np.int64)
    copies = {name: columns.values[name].copy() for name in VALUES}
    series = BarSeries(
        symbol=columns.symbol,
        interval=interval,
        stamps_ns=stamps.copy(),
        open=copies["open"],
        high=copies["high"],
        low=copies["low"],
        close=copies["close"],
        volume=copies["volume"],
    )
    return BarFeed(series=series, name=columns.symbol)


def _label(known_ns: int) -> int:
    """Midnight of the date of a daily bar that was known at this instant."""
    moment = utc(known_ns)
    day: date = moment.date()
    if moment.time() == time():  # a day without a session ends at midnight
        day -= timedelta(days=1)
    return instant_ns(datetime.combine(day, time(), tzinfo=moment.tzinfo))


def facts_of(feed: Any) -> dict[str, Any]:
    """What a replay must know of a feed to make it again."""
    series = feed.p.series if isinstance(feed, BarFeed) else None
    zone = getattr(feed.p, "tz", None)
    return {
        "kind": type(feed).__name__,
        "interval": series.interval if series is not None else None,
        "timeframe": int(feed._timeframe),
        "compression": int(feed._compression),
        "sessionstart": _clock(feed.p.sessionstart),
        "sessionend": _clock(feed.p.sessionend),
        "zone": None if zone is None else str(zone),
    }


def _clock(moment: Any) -> str | None:
    found = moment.time() if isinstance(moment, datetime) else moment
    return found.isoformat() if isinstance(found, time) else None
