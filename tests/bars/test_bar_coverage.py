"""What a folder of bars holds: sessions, missing minutes, oddities."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bars.bar_files import GOOD, SHARED, ns, write
from bt_gex.bars.coverage import MinuteGap, measure, read_bar_coverage
from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries
from bt_gex.errors import UnknownName
from bt_gex.market.calendar import NS


def minutes(*stamps: int) -> BarSeries:
    flat = np.ones(len(stamps))
    columns = {name: flat.copy() for name in ("open", "high", "low", "close", "volume")}
    return BarSeries(
        symbol="X", interval="1m", stamps_ns=np.array(stamps, dtype=np.int64), **columns
    )


def test_a_session_minute_by_minute() -> None:
    """Monday without 14:30, 14:31 and 20:59; one bar before the open, two after the close."""
    inside = [ns("2026-01-12 14:30") + n * 60 * NS for n in range(2, 389)]
    outside = [ns(f"2026-01-12 {at}") for at in ("14:29", "21:00", "22:15")]
    found = measure(minutes(*sorted(inside + outside)))
    (one,) = found.sessions
    assert (one.bars, one.minutes, one.missing, one.before, one.after) == (387, 390, 3, 1, 2)
    assert one.gaps == (
        MinuteGap(start_ns=ns("2026-01-12 14:30"), minutes=2),
        MinuteGap(start_ns=ns("2026-01-12 20:59"), minutes=1),
    )
    assert (found.rows, found.first, found.last) == (390, date(2026, 1, 12), date(2026, 1, 12))
    assert (found.without_bars, found.off_session) == ((), {})


def test_sessions_without_bars_and_days_without_sessions() -> None:
    """Friday whole day missing but for the evening; Saturday has bars."""
    found = measure(
        minutes(
            ns("2026-01-07 15:00"),
            ns("2026-01-09 22:00"),
            ns("2026-01-10 15:00"),
            ns("2026-01-10 15:01"),
            ns("2026-01-12 15:00"),
        )
    )
    assert found.without_bars == (date(2026, 1, 8), date(2026, 1, 9))
    assert found.off_session == {date(2026, 1, 10): 2}
    assert [one.session.day.day for one in found.sessions] == [7, 9, 12]
    friday = found.sessions[1]
    assert (friday.bars, friday.after) == (0, 1)
    assert friday.gaps == (MinuteGap(start_ns=friday.session.open_ns, minutes=390),)


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "minute/B.csv", GOOD[1], GOOD[0], GOOD[0])
    write(tmp_path, "minute/A.csv", "2026-01-12T14:30:00Z,1,1,1,,1")
    head = "date,open,high,low,close,volume"
    write(tmp_path, "daily/B.csv", "2026-01-09,1,1,1,1,1", "2026-01-13,1,1,1,1,1", head=head)
    write(tmp_path, "minute/C.csv")
    source = FolderBars(tmp_path)
    bad, b_minutes, b_days, empty = read_bar_coverage(source)
    assert (bad.symbol, bad.interval, bad.rows, bad.sha256) == ("A", "1m", 0, None)
    assert "can't be true" in str(bad.unreadable)
    assert (b_minutes.symbol, b_minutes.rows) == ("B", 2)
    assert b_minutes.odd == {"duplicate": 1, "out of order": 1}
    assert b_minutes.sha256 == source.minute_bars("B").sha256()
    assert (b_days.interval, b_days.rows, b_days.sessions) == ("1d", 2, ())
    assert b_days.without_bars == (date(2026, 1, 12),)
    assert (empty.symbol, empty.rows, empty.first) == ("C", 0, None)
    assert [one.symbol for one in read_bar_coverage(source, ["B"])] == ["B", "B"]
    day = date(2026, 1, 12)
    assert [one.rows for one in read_bar_coverage(source, ["B"], day, day)] == [2, 0]
    with pytest.raises(UnknownName, match="unknown symbol 'Z'"):
        read_bar_coverage(source, ["Z"])


@pytest.mark.skipif(not SHARED.exists(), reason=f"no recorded bars in {SHARED}")
def test_what_the_provenance_notes_of_recorded_bars() -> None:
    """Missing regular minutes, and an early close with prints after it."""
    found = {
        one.symbol: one
        for one in read_bar_coverage(FolderBars(SHARED), ["AIG", "IBM", "SHY", "GOOG"])
        if one.interval == "1m"
    }
    missing = {
        symbol: {str(s.session.day): s.missing for s in one.sessions if s.missing}
        for symbol, one in found.items()
    }
    assert missing["AIG"] == {"2013-10-07": 1}
    assert missing["IBM"] == {"2013-10-04": 1, "2013-10-11": 1}
    assert missing["SHY"] == {"2008-03-07": 57, "2008-03-10": 77}
    early = found["GOOG"].sessions[1]
    assert (str(early.session.day), early.minutes) == ("2015-12-24", 210)
    assert early.after > 0
    assert early.bars + early.before + early.after == 227
