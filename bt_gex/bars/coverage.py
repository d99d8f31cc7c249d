"""What a source of bars holds, symbol by symbol and session by session.

A minute is missing where the session has none; bars before the open and after the close are counted
apart, as are those of days without a session. Nothing here is a decision, so hindsight is allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from bt_gex.bars.series import LENGTH_NS, BarSeries, Interval, in_dates
from bt_gex.bars.source import FIRST_DAY, LAST_DAY, BarSource
from bt_gex.errors import DataError, UnknownName
from bt_gex.market.calendar import Session, Stamps, new_york, sessions, utc

INTERVALS: tuple[Interval, ...] = ("1m", "1d")
MINUTE_NS = LENGTH_NS["1m"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteGap:
    """Minutes of a session in a row without a bar."""

    start_ns: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMinutes:
    """One session.

    bars           from the open to before the close
    before, after  bars of that New York day before the open, and from the close on
    gaps           missing minutes; `missing` is their number
    """

    session: Session
    bars: int
    before: int
    after: int
    gaps: tuple[MinuteGap, ...]

    @property
    def minutes(self) -> int:
        """How long the session is: 390, or 210 on an early close."""
        return (self.session.close_ns - self.session.open_ns) // MINUTE_NS

    @property
    def missing(self) -> int:
        """Minutes without a bar."""
        return self.minutes - self.bars


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolCoverage:
    """One symbol's bars of one length.

    rows, first, last  all bars, extended hours included; New York dates
    sessions           minutes only: those with any bar on their day
    without_bars       sessions from first to last without a bar (between open and close)
    off_session        bars on days that are no session, by day
    odd                what was odd in the source, by name
    sha256             what identifies the bars
    unreadable         why they could not be read; everything else is empty then
    """

    symbol: str
    interval: Interval
    rows: int = 0
    first: date | None = None
    last: date | None = None
    sessions: tuple[SessionMinutes, ...] = ()
    without_bars: tuple[date, ...] = ()
    off_session: Mapping[date, int] = field(default_factory=dict)
    odd: Mapping[str, int] = field(default_factory=dict)
    sha256: str | None = None
    unreadable: str | None = None


def read_bar_coverage(
    source: BarSource,
    symbols: Sequence[str] = (),
    start: date = FIRST_DAY,
    end: date = LAST_DAY,
) -> list[SymbolCoverage]:
    """Look at the minutes and daily bars of the symbols, of all of them when none is named.

    A symbol that can't be read is a finding. Raises UnknownName for one that the source has not.
    """
    asks = {"1m": source.minute_bars, "1d": source.daily_bars}
    there = {interval: source.symbols(interval) for interval in INTERVALS}
    everything = sorted({symbol for known in there.values() for symbol in known})
    found = []
    for symbol in symbols or everything:
        if symbol not in everything:
            raise UnknownName("symbol", symbol, everything)
        for interval in INTERVALS:
            if symbol not in there[interval]:
                continue
            try:
                found.append(measure(asks[interval](symbol, start, end)))
            except DataError as error:
                found.append(
                    SymbolCoverage(symbol=symbol, interval=interval, unreadable=str(error))
                )
    return found


def measure(series: BarSeries) -> SymbolCoverage:
    """Count the bars of a series by the sessions of the New York Stock Exchange."""
    known = SymbolCoverage(
        symbol=series.symbol,
        interval=series.interval,
        rows=len(series),
        odd=series.odd,
        sha256=series.sha256(),
    )
    if not len(series):
        return known
    stamps = series.stamps_ns
    local = new_york if series.interval == "1m" else utc
    first, last = (local(int(stamps[row])).date() for row in (0, -1))
    found: list[SessionMinutes] = []
    without: list[date] = []
    of_sessions = np.zeros(len(stamps), dtype=np.bool_)
    for session in sessions(first, last):
        day = in_dates(stamps, series.interval, session.day, session.day)
        of_sessions |= day
        if series.interval == "1m" and day.any():
            found.append(_measure_session(stamps[day], session))
        if not day.any() or (found and found[-1].session is session and not found[-1].bars):
            without.append(session.day)
    off = Counter(local(ns).date() for ns in stamps[~of_sessions].tolist())
    return replace(
        known,
        first=first,
        last=last,
        sessions=tuple(found),
        without_bars=tuple(without),
        off_session=dict(off),
    )


def _measure_session(stamps: Stamps, session: Session) -> SessionMinutes:
    """One session of the stamps of its New York day."""
    before, until = np.searchsorted(stamps, [session.open_ns, session.close_ns]).tolist()
    grid = np.arange(session.open_ns, session.close_ns, MINUTE_NS)
    missing = np.setdiff1d(grid, stamps[before:until], assume_unique=True)
    starts = np.flatnonzero(np.diff(missing, prepend=0) != MINUTE_NS)
    lengths = np.diff(np.append(starts, len(missing)))
    return SessionMinutes(
        session=session,
        bars=until - before,
        before=before,
        after=len(stamps) - until,
        gaps=tuple(
            MinuteGap(start_ns=int(missing[row]), minutes=int(length))
            for row, length in zip(starts, lengths, strict=True)
        ),
    )
