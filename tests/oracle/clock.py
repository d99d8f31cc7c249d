"""Instants, sessions and bars. An instant is an integer: microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import exchange_calendars

SECOND = 1_000_000
MINUTE = 60 * SECOND
BAR = 30 * SECOND
EASTERN = ZoneInfo("America/New_York")
# 09:36, then every half hour from 10:00 to 15:00, New York
CHECK_TIMES = ["09:36", *(f"{10 + i // 2}:{i % 2 * 30:02d}" for i in range(11))]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\s*([Zz]|[+-]\d\d:?\d\d)?"
)


def from_datetime(moment: datetime) -> int:
    """A naive datetime means UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)


def instant(stamp: object) -> int | None:
    """The instant of a blackbox timestamp, or None when it is none of the accepted forms."""
    if isinstance(stamp, datetime):
        return from_datetime(stamp)
    if not isinstance(stamp, str):
        return None
    match = _FORM.fullmatch(stamp.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    micros = int((match[7] or "0").ljust(6, "0"))
    offset = timedelta(0)
    zone = match[8]
    if zone is not None and zone not in "Zz":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        if zone[0] == "-":
            offset = -offset
    try:
        local = datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC)
    except ValueError:
        return None
    return from_datetime(local - offset)


def utc(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def iso(at: int) -> str:
    return utc(at).isoformat()


def eastern(at: int) -> datetime:
    return utc(at).astimezone(EASTERN)


@dataclass(frozen=True)
class Session:
    date: str  # YYYY-MM-DD
    open: int
    close: int

    def bars(self) -> list[int]:
        """Every open + k * 30 s that lies before the close."""
        return list(range(self.open, self.close, BAR))

    def at(self, hhmm: str) -> int:
        """The instant of a New York wall-clock time (HH:MM or HH:MM:SS) on this session's date."""
        wall = datetime.combine(date.fromisoformat(self.date), time.fromisoformat(hhmm))
        return from_datetime(wall.replace(tzinfo=EASTERN))


def sessions(start: str | date, end: str | date) -> list[Session]:
    """The XNYS sessions from start to end, both inclusive."""
    first, last = date.fromisoformat(str(start)), date.fromisoformat(str(end))
    if first > last:
        return []
    return [
        session
        for year in range(first.year, last.year + 1)
        for session in _sessions_of_year(year)
        if first.isoformat() <= session.date <= last.isoformat()
    ]


@cache
def _sessions_of_year(year: int) -> tuple[Session, ...]:
    with warnings.catch_warnings():  # exchange_calendars uses a deprecated call of pandas
        warnings.simplefilter("ignore")
        calendar = exchange_calendars.get_calendar(
            "XNYS", start=f"{year}-01-01", end=f"{year}-12-31"
        )
        return tuple(
            Session(
                label.date().isoformat(),
                from_datetime(calendar.session_open(label).to_pydatetime()),
                from_datetime(calendar.session_close(label).to_pydatetime()),
            )
            for label in calendar.sessions
        )
