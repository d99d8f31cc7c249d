"""Sessions kept in a file: the calendar's own, and never from a file that is not to be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bt_gex.blackbox import calendar_file
from bt_gex.blackbox.calendar_file import sessions_between
from bt_gex.errors import BadValue
from bt_gex.market import calendar

FIRST, LAST = date(2024, 11, 20), date(2025, 1, 10)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows no year yet."""
    monkeypatch.setattr(calendar, "_known_years", {})


def kept(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_the_same_as_the_calendars(tmp_path: Path, forgetful: None) -> None:
    expected = calendar.sessions(FIRST, LAST)
    calendar._known_years.clear()
    assert sessions_between(FIRST, LAST, tmp_path) == expected
    assert set(json.loads(kept(tmp_path).read_text())["years"]) == {"2024", "2025"}


def test_a_known_year_loads_no_calendar(tmp_path: Path) -> None:
    sessions_between(FIRST, LAST, tmp_path)
    code = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from bt_gex.blackbox.calendar_file import sessions_between\n"
        "day = date(2024, 11, 29)\n"
        f"found = sessions_between(day, day, Path({str(tmp_path)!r}))\n"
        "print(found[0].bars, 'exchange_calendars' in sys.modules, 'pandas' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "420 False False\n"


@pytest.mark.parametrize("damage", ["cut", "changed", "other calendar", "no JSON", "a list"])
def test_what_is_not_to_be_trusted(damage: str, tmp_path: Path, forgetful: None) -> None:
    expected = sessions_between(FIRST, LAST, tmp_path)
    file = kept(tmp_path)
    text = file.read_text()
    content = json.loads(text)
    content["years"]["2024"].pop()
    wrong = {
        "cut": text[: len(text) // 2],
        "changed": json.dumps(content),
        "other calendar": json.dumps({**json.loads(text), "made_by": ["1", "XNYS", "1.0", "1.0"]}),
        "no JSON": "sessions",
        "a list": "[]",
    }
    file.write_text(wrong[damage])
    calendar._known_years.clear()
    assert sessions_between(FIRST, LAST, tmp_path) == expected
    assert file.read_text() == text


def test_a_range_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="lies before start"):
        sessions_between(LAST, FIRST, tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert sessions_between(FIRST, LAST, tmp_path / "file")
    assert calendar_file.FORMAT == 1
