"""Sessions of the New York Stock Exchange and the 30-second grid on them.

Instants are integers: nanoseconds since 1970-01-01 UTC. New York time is used only to say when
a session's rules apply.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from bt_gex.errors import BadValue

NEW_YORK = ZoneInfo("America/New_York")
NS = 1_000_000_000
BAR_S = 30
BAR_NS = BAR_S * NS
EXCHANGE = "XNYS"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # by date.weekday()
FIRST_YEAR, LAST_YEAR = 1900, 2199

Stamps = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; open and close in nanoseconds UTC."""

    day: date
    open_ns: int
    close_ns: int

    @property
    def bars(self) -> int:
        """Number of 30-second bars: 780 on a regular day, 420 on an early close."""
        return (self.close_ns - self.open_ns) // BAR_NS

    def grid(self) -> Stamps:
        """Stamps of all bars and, last, of the close itself, which is no bar."""
        return self.open_ns + BAR_NS * np.arange(self.bars + 1, dtype=np.int64)

    def bar_at(self, when: time) -> int | None:
        """Row of the bar with exactly this New York time, None when there is none."""
        ns = instant_ns(datetime.combine(self.day, when, tzinfo=NEW_YORK))
        row, rest = divmod(ns - self.open_ns, BAR_NS)
        return row if rest == 0 and 0 <= row < self.bars else None


def instant_ns(moment: datetime) -> int:
    """Nanoseconds UTC of an aware datetime, exactly (no float on the way)."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * NS + delta.microseconds * 1_000


def utc(ns: int) -> datetime:
    """Aware UTC datetime of an instant; anything below a microsecond is cut."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)


def new_york(ns: int) -> datetime:
    """The instant on a New York clock."""
    return utc(ns).astimezone(NEW_YORK)


def sessions(start: date, end: date) -> list[Session]:
    """All sessions from start to end, both inclusive; weekends and holidays are not sessions."""
    if end < start:
        raise BadValue(f"end {end} lies before start {start}; give an end on or after the start")
    if start.year < FIRST_YEAR or end.year > LAST_YEAR:
        raise BadValue(f"sessions are known from {FIRST_YEAR} to {LAST_YEAR}, got {start} to {end}")
    found: list[Session] = []
    for year in range(start.year, end.year + 1):
        found += [s for s in year_sessions(year) if start <= s.day <= end]
    return found


_known_years: dict[int, tuple[Session, ...]] = {}


def remember(year: int, found: tuple[Session, ...]) -> None:
    """Take the sessions of a year as given: they were computed before, by the same calendar."""
    _known_years[year] = found


def year_sessions(year: int) -> tuple[Session, ...]:
    """All sessions of a year, computed once."""
    if year not in _known_years:
        _known_years[year] = _computed(year)
    return _known_years[year]


def _computed(year: int) -> tuple[Session, ...]:
    import exchange_calendars

    first, last = date(year, 1, 1), date(year, 12, 31)
    try:
        with warnings.catch_warnings():  # warns of its own use of pandas, which users cannot change
            warnings.simplefilter("ignore")
            calendar = exchange_calendars.get_calendar(EXCHANGE, start=first, end=last)
    except ValueError as error:
        raise BadValue(f"the exchange calendar has no sessions for {year}: {error}") from error
    schedule = calendar.schedule
    return tuple(
        Session(
            stamp.date(), instant_ns(open_at.to_pydatetime()), instant_ns(close_at.to_pydatetime())
        )
        for stamp, open_at, close_at in zip(
            schedule.index, schedule["open"], schedule["close"], strict=True
        )
    )
