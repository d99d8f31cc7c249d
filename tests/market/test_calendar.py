"""Sessions of the exchange and the 30-second grid on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.errors import BadValue
from bt_gex.market.calendar import (
    NEW_YORK,
    NS,
    Session,
    instant_ns,
    new_york,
    sessions,
    utc,
)

# nyse.com, "Holidays & Trading Hours"; 2025-01-09 was the day of mourning for J. Carter.
HOLIDAYS = {
    2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
}
EARLY = {2025: "07-03 11-28 12-24", 2026: "11-27 12-24"}
CHECKS = [time(9, 36), *(time(h, m) for h in range(10, 15) for m in (0, 30)), time(15, 0)]


def days(start: str, end: str) -> list[str]:
    return [str(s.day) for s in sessions(date.fromisoformat(start), date.fromisoformat(end))]


def session(day: str) -> Session:
    (found,) = sessions(date.fromisoformat(day), date.fromisoformat(day))
    return found


def clock(ns: int) -> str:
    return f"{utc(ns):%H:%M:%S}"


@pytest.mark.parametrize("year", [2025, 2026])
def test_sessions_of_a_year(year: int) -> None:
    first = date(year, 1, 1)
    weekdays = [first + timedelta(n) for n in range(365) if (first + timedelta(n)).weekday() < 5]
    closed = {f"{year}-{day}" for day in HOLIDAYS[year].split()}
    expected = [str(day) for day in weekdays if str(day) not in closed]
    assert days(f"{year}-01-01", f"{year}-12-31") == expected


@pytest.mark.parametrize("year", [2025, 2026])
def test_early_closes(year: int) -> None:
    found = sessions(date(year, 1, 1), date(year, 12, 31))
    short = {str(s.day) for s in found if s.bars != 780}
    assert short == {f"{year}-{day}" for day in EARLY[year].split()}
    for s in found:
        closes = time(13) if str(s.day) in short else time(16)
        assert new_york(s.open_ns).time() == time(9, 30)
        assert new_york(s.close_ns).time() == closes
        assert s.bars == (420 if str(s.day) in short else 780)


def test_both_ends_are_inclusive() -> None:
    assert days("2026-01-12", "2026-01-12") == ["2026-01-12"]
    assert days("2026-01-09", "2026-01-13") == ["2026-01-09", "2026-01-12", "2026-01-13"]
    assert days("2025-12-31", "2026-01-02") == ["2025-12-31", "2026-01-02"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-10", "2026-01-11"),  # a weekend
        ("2026-01-10", "2026-01-10"),
        ("2026-01-17", "2026-01-19"),  # a weekend and Martin Luther King's day
        ("2026-04-03", "2026-04-03"),  # Good Friday
    ],
)
def test_no_sessions(start: str, end: str) -> None:
    assert days(start, end) == []


def test_end_before_start() -> None:
    with pytest.raises(BadValue, match="end 2026-01-09 lies before start 2026-01-12"):
        days("2026-01-12", "2026-01-09")


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-01-12", "14:30:00", "21:00:00"),
        ("2026-03-06", "14:30:00", "21:00:00"),  # Friday before summer time
        ("2026-03-09", "13:30:00", "20:00:00"),  # Monday after
        ("2026-10-30", "13:30:00", "20:00:00"),
        ("2026-11-02", "14:30:00", "21:00:00"),
        ("2025-07-03", "13:30:00", "17:00:00"),
        ("2025-11-28", "14:30:00", "18:00:00"),
    ],
)
def test_hours_in_utc(day: str, opens: str, closes: str) -> None:
    found = session(day)
    assert (clock(found.open_ns), clock(found.close_ns)) == (opens, closes)


@pytest.mark.parametrize("day", ["2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02"])
def test_check_times_lie_on_the_same_bars_in_summer_and_winter(day: str) -> None:
    found = session(day)
    rows = [found.bar_at(when) for when in CHECKS]
    # 09:36 is 6 minutes after the open, then every half hour from 10:00
    assert rows == [12, *range(60, 661, 60)]
    for row, when in zip(rows, CHECKS, strict=True):
        assert row is not None
        assert new_york(int(found.grid()[row])).time() == when


def test_grid() -> None:
    found = session("2026-01-12")
    grid = found.grid()
    assert len(grid) == found.bars + 1 == 781
    assert grid.dtype == np.int64
    assert (grid[0], grid[-1]) == (found.open_ns, found.close_ns)
    assert set(np.diff(grid)) == {30 * NS}
    assert clock(int(grid[-2])) == "20:59:30"


@pytest.mark.parametrize(
    ("when", "row"),
    [
        (time(9, 30), 0),
        (time(9, 30, 30), 1),
        (time(15, 59, 30), 779),
        (time(9, 29, 30), None),  # before the open
        (time(16, 0), None),  # the close is no bar
        (time(9, 30, 15), None),  # off the grid
        (time(0, 0), None),
        (time(23, 59, 30), None),
    ],
)
def test_bar_at(when: time, row: int | None) -> None:
    assert session("2026-01-12").bar_at(when) == row


@pytest.mark.parametrize(
    ("when", "row"), [(time(12, 59, 30), 419), (time(13, 0), None), (time(15, 0), None)]
)
def test_bar_at_on_an_early_close(when: time, row: int | None) -> None:
    assert session("2025-11-28").bar_at(when) == row


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 12, 14, 36, tzinfo=UTC),
        datetime(2026, 1, 12, 9, 36, tzinfo=NEW_YORK),
        datetime(2026, 1, 12, 9, 36, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2026, 1, 12, 20, 6, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_one_instant(moment: datetime) -> None:
    # 1 768 228 560 s: `date -u -d 2026-01-12T14:36:00Z +%s`
    assert instant_ns(moment) == 1_768_228_560 * NS


def test_the_hour_that_happens_twice() -> None:
    """01:30 on 2026-11-01 is an hour apart before and after the clocks go back."""
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    assert instant_ns(first.replace(fold=1)) - instant_ns(first) == 3600 * NS


@settings(deadline=None)
@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_there_and_back(moment: datetime) -> None:
    assert utc(instant_ns(moment)) == moment
    assert instant_ns(new_york(instant_ns(moment))) == instant_ns(moment)


def test_nanoseconds_below_a_microsecond_are_cut() -> None:
    assert utc(1_999).microsecond == 1
