"""What a folder of bars holds, as a person reads it and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from bars.bar_files import GOOD, write

from bt_gex.bars.coverage import read_bar_coverage
from bt_gex.bars.files import FolderBars
from bt_gex.reports.console.bars import bar_record, print_bar_coverage
from bt_gex.reports.console.run import make_console

HEAD = "date,open,high,low,close,volume"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three minutes of Monday 2026-01-12 (open 14:30 UTC), one of Saturday, one of Wednesday."""
    rest = ("2026-01-10T15:00:00Z,1,1,1,1,1", "2026-01-14T21:00:00Z,1,1,1,1,1", GOOD[0])
    write(tmp_path, "minute/SPY.csv", *GOOD, *rest)
    write(tmp_path, "minute/BAD.csv", "2026-01-12T14:30:00,1,1,1,1,1")
    write(tmp_path, "daily/SPY.csv", "2026-01-12,1,1,1,1,1", head=HEAD)
    return tmp_path


def printed(folder: Path) -> str:
    file = io.StringIO()
    print_bar_coverage(read_bar_coverage(FolderBars(folder)), str(folder), make_console(file))
    return "\n".join(" ".join(line.split()) for line in file.getvalue().splitlines())


def test_the_page(folder: Path) -> None:
    text = printed(folder)
    for line in (
        "BAD, minutes: can't be read",
        "SPY 2026-01-10 to 2026-01-14: 5 minutes of 2 sessions, 3 in regular hours, 777 missing",
        "Mon 2026-01-12 3 387 1 387 min from 09:33 0",
        "Wed 2026-01-14 0 390 1 390 min from 09:30 1",
        "- No bar between open and close on 2 sessions: Tue 2026-01-13, Wed 2026-01-14.",
        "- 1 bars on days without a session: Sat 2026-01-10; not used.",
        "- Duplicate: 1 row.",
        "- Out of order: 2 rows.",
        "SPY 2026-01-12: 1 daily bar",
        "- Nothing is missing or odd.",
    ):
        assert line in text, line
    assert "is not a time with a zone" in text


def test_no_bars(tmp_path: Path) -> None:
    (tmp_path / "minute").mkdir()
    assert "holds no bars" in printed(tmp_path)
    write(tmp_path, "minute/SPY.csv")
    assert "SPY, minutes: none" in printed(tmp_path)


def test_long_tables_are_cut_and_that_is_said(tmp_path: Path) -> None:
    days = [f"2026-{m:02}-{d:02}T15:00:00Z,1,1,1,1,1" for m in (1, 2) for d in range(2, 28)]
    write(tmp_path, "minute/SPY.csv", *days)
    text = printed(tmp_path)
    # Sessions of 2 to 27 January but one holiday: 17; of February, too: 19
    assert "36 sessions" in text
    assert "6 more sessions not shown" in text


def test_the_record(folder: Path) -> None:
    found = read_bar_coverage(FolderBars(folder))
    record = json.loads(json.dumps(bar_record(found, "bars"), allow_nan=False))
    bad, minutes, days = record["symbols"]
    assert (record["folder"], bad["rows"], bad["sha256"], bad["first"]) == ("bars", 0, None, None)
    assert bad["unreadable"]
    assert (minutes["symbol"], minutes["interval"], minutes["rows"]) == ("SPY", "1m", 5)
    assert minutes["sha256"] == FolderBars(folder).minute_bars("SPY").sha256()
    assert minutes["sessions"][0] == {
        "session": "2026-01-12",
        "minutes": 390,
        "bars": 3,
        "missing": 387,
        "before": 0,
        "after": 0,
        "gaps": [{"start": "2026-01-12T09:33:00-05:00", "minutes": 387}],
    }
    assert minutes["sessions_without_bars"] == ["2026-01-13", "2026-01-14"]
    assert minutes["bars_off_session"] == [{"date": "2026-01-10", "bars": 1}]
    assert minutes["odd"] == {"duplicate": 1, "out of order": 2}
    assert (days["interval"], days["first"], days["sessions"]) == ("1d", "2026-01-12", [])
