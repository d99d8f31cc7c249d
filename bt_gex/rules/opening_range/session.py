"""Which session a minute bar belongs to, and whether it can be traded on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NEW_YORK, NS, instant_ns, sessions, utc
from bt_gex.rules.opening_range.params import EarlyCloses, InstrumentParams

MINUTE_NS = 60 * NS
REGULAR_CLOSE = time(16, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One session of an instrument; a bar is in it when start_ns ≤ its stamp < end_ns."""

    day: date
    start_ns: int
    end_ns: int


class SessionClock:
    """Finds the session of an instant; bars outside every session have none."""

    def __init__(self, instrument: InstrumentParams) -> None:
        self._zone = ZoneInfo(instrument.timezone)
        self._start, self._end = instrument.session_start, instrument.session_end
        self._early = dict(instrument.early_closes)
        self._newest: Window | None = None

    @property
    def regular_minutes(self) -> int:
        """Length of a regular session."""
        return _minutes(self._end) - _minutes(self._start)

    def window_of(self, ts_ns: int) -> Window | None:
        """The session the instant lies in."""
        newest = self._newest
        if newest is None or not newest.start_ns <= ts_ns < newest.end_ns:
            newest = self._newest = self.window(self.local_date(ts_ns))
        return newest if newest.start_ns <= ts_ns < newest.end_ns else None

    def window(self, day: date) -> Window:
        """The session of a local date."""
        end = self._early.get(day, self._end)
        return Window(
            day=day, start_ns=self.instant(day, self._start), end_ns=self.instant(day, end)
        )

    def local_date(self, ts_ns: int) -> date:
        """The date on the instrument's clock."""
        return utc(ts_ns).astimezone(self._zone).date()

    def midnight(self, day: date) -> int:
        """The first instant of a local date."""
        return self.instant(day, time())

    def instant(self, day: date, when: time) -> int:
        """Nanoseconds UTC of a local time."""
        return instant_ns(datetime.combine(day, when, tzinfo=self._zone))


def in_order(bars: Iterable[Bar]) -> list[Bar]:
    """Bars by time; of equal stamps the first counts."""
    first: dict[int, Bar] = {}
    for bar in bars:
        first.setdefault(bar.ts_ns, bar)
    return [first[stamp] for stamp in sorted(first)]


def check_bar(bar: Bar) -> None:
    """Raises DataError unless all is finite, volume not negative and low ≤ open, close ≤ high."""
    _, o, high, low, close, volume = bar
    most = math.inf
    if -most < low <= o <= high < most and low <= close <= high and 0 <= volume < most:
        return  # as nearly every bar; nothing holds for NaN
    wrong = next(_faults(bar), None)
    if wrong:
        raise DataError(
            f"bar of {utc(bar.ts_ns):%Y-%m-%d %H:%M} UTC: {wrong}; correct the row or leave it out"
        )


def is_sound(bar: Bar) -> bool:
    """Whether `check_bar` would let the bar pass."""
    return next(_faults(bar), None) is None


def _faults(bar: Bar) -> Iterator[str]:
    for name, value in zip(Bar._fields[1:], bar[1:], strict=True):
        if not math.isfinite(value):
            yield f"{name} is {value}"
    if not bar.low <= min(bar.open, bar.close):
        yield f"low {bar.low:g} lies above open {bar.open:g} or close {bar.close:g}"
    if not bar.high >= max(bar.open, bar.close):
        yield f"high {bar.high:g} lies below open {bar.open:g} or close {bar.close:g}"
    if bar.volume < 0:
        yield f"volume {bar.volume:g} is negative"


def exchange_early_closes(first: date, last: date, timezone: str) -> EarlyCloses:
    """Days from first to last, both included, on which the New York Stock Exchange closes before
    16:00, with the close as local time of the zone: `early_closes` of a US equity."""
    zone = ZoneInfo(timezone)
    closes = ((session.day, utc(session.close_ns)) for session in sessions(first, last))
    return tuple(
        (day, close.astimezone(zone).time())
        for day, close in closes
        if close.astimezone(NEW_YORK).time() < REGULAR_CLOSE
    )


def _minutes(when: time) -> int:
    return when.hour * 60 + when.minute
