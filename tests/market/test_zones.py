"""Which zone stamps without an offset are in: counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from bt_gex.errors import BadValue
from bt_gex.market.calendar import NS, instant_ns, sessions
from bt_gex.market.zones import NaiveZone, doubt_of

DAYS = sessions(date(2026, 3, 6), date(2026, 3, 9))  # New York: UTC-5, then UTC-4


def wall(day: str, clock: str) -> int:
    return instant_ns(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC))


def minutes(first: str, count: int, day: str = "2026-03-06") -> Any:
    return wall(day, first) + 60 * NS * np.arange(count)


def ones(stamps: Any) -> Any:
    return np.ones(len(stamps), dtype=np.int64)


@pytest.mark.parametrize(
    ("first", "count", "zone"),
    [
        ("09:30", 391, "America/New_York"),  # 91 of them in 14:30 to 21:00 UTC
        ("08:30", 391, "America/Chicago"),
        ("14:30", 391, None),
        ("13:20", 391, None),  # 321 inside
        ("09:30", 600, None),  # to 19:29: 300 inside, exactly half
        ("09:30", 434, "America/New_York"),  # to 16:43: 134 inside; of New York 391, 90.1 %
        ("03:00", 391, None),  # of no zone that is looked for
    ],
)
def test_one_session(first: str, count: int, zone: str | None) -> None:
    stamps = minutes(first, count)
    found = doubt_of(stamps, ones(stamps), DAYS)
    assert (found and found.zone) == zone


def test_shares() -> None:
    stamps = minutes("09:30", 434)
    assert doubt_of(stamps, ones(stamps), DAYS) == ("America/New_York", 134 / 434, 391 / 434)


def test_more_than_nine_tenths_must_be_explained() -> None:
    stamps = np.concatenate([minutes("03:00", 4), minutes("09:30", 36)])  # exactly 90 %
    assert doubt_of(stamps, ones(stamps), DAYS) is None
    assert doubt_of(stamps[1:], ones(stamps[1:]), DAYS) is not None


def test_rows_count_not_stamps() -> None:
    stamps = np.array([wall("2026-03-06", "09:35"), wall("2026-03-06", "15:00")])
    assert doubt_of(stamps, np.array([9, 1]), DAYS) == ("America/New_York", 0.1, 1.0)
    assert doubt_of(stamps, np.array([1, 9]), DAYS) is None


def test_each_session_has_its_offset() -> None:
    stamps = np.concatenate([minutes("09:30", 60), minutes("09:30", 60, "2026-03-09")])
    assert doubt_of(stamps, ones(stamps), DAYS) == ("America/New_York", 0.0, 1.0)


def test_no_rows_are_no_doubt() -> None:
    assert doubt_of(np.empty(0, np.int64), np.empty(0, np.int64), DAYS) is None


def test_a_zone_that_does_not_exist() -> None:
    with pytest.raises(BadValue, match=r"data\.timezone must be a time zone .*'New York'"):
        assert NaiveZone("New York").tzinfo
