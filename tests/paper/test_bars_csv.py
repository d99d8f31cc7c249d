"""Bars of an uploaded file. G60: golden vector of the original."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from paper.golden_bars import SHA256_STARTS, fifty_bars

from bt_gex.errors import DataError
from bt_gex.paper.bars_csv import MOST_BYTES, parse_csv, read_csv

HEADER = "ts,open,high,low,close,volume\n"
ROWS = [
    "2026-01-05T00:00:00Z,100,106,99,104,1000\n",
    "2026-01-06T00:00:00Z,104,108,103,107,1100\n",
    "2026-01-07T00:00:00Z,107,109,105,106,0\n",
]
WHOLE = HEADER + "".join(ROWS)


def test_g60_three_rows() -> None:
    found = parse_csv(WHOLE.encode())
    first = found.bars[0]
    assert (len(found.bars), first.open, first.close, found.naive) == (3, 100.0, 104.0, 0)
    assert first.ts == datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("marks", [1, 2])
def test_g60_marks_of_utf8_are_passed_over(marks: int) -> None:
    assert len(parse_csv(b"\xef\xbb\xbf" * marks + WHOLE.encode()).bars) == 3


def test_columns_may_come_in_any_order_with_others_between() -> None:
    text = "close,note,ts,volume,low,high,open\n104,x,2026-01-05,10,99,106,100\n" * 1
    text += "107,x,2026-01-06,10,103,108,104\n"
    found = parse_csv(text.encode())
    assert (found.bars[0].open, found.bars[1].close) == (100.0, 107.0)


def test_a_stamp_without_a_zone_is_utc_and_said(caplog: pytest.LogCaptureFixture) -> None:
    text = HEADER + "2026-01-05 10:00,1,1,1,1,1\n2026-01-05T10:00:00-05:00,1,1,1,1,1\n"
    with caplog.at_level(logging.WARNING):
        found = parse_csv(text.encode(), "b.csv")
    assert found.naive == 1
    assert [bar.ts.astimezone(UTC).hour for bar in found.bars] == [10, 15]
    assert "b.csv: 1 of 2" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header"),
        ("open,high,low,close,volume\n1,1,1,1,1\n", "Missing required columns: ts"),
        (WHOLE.replace("ts,", "TS,", 1), "Missing required columns: ts"),
        (HEADER, "at least 2 bars"),
        (HEADER + ROWS[0], "at least 2 bars"),
        (HEADER + ROWS[0] + "yesterday,1,1,1,1,1\n", "Invalid row 2"),
        (HEADER + ROWS[0] + ROWS[0], "Non-monotonic timestamp at row 2"),
        (HEADER + ROWS[1] + ROWS[0], "Non-monotonic timestamp at row 2"),
        (HEADER + ROWS[0] + "2026-01-06,nan,1,1,1,1\n", "Invalid row 2: open is nan"),
        (HEADER + ROWS[0] + "2026-01-06,1,inf,1,1,1\n", "Invalid row 2: high is inf"),
        (HEADER + ROWS[0] + "2026-01-06,1,1,0,1,1\n", "Invalid row 2: low is 0"),
        (HEADER + ROWS[0] + "2026-01-06,1,1,1,-1,1\n", "Invalid row 2: close is -1"),
        (HEADER + ROWS[0] + "2026-01-06,1,1,1,1,-1\n", "Invalid row 2: volume is -1"),
        (HEADER + ROWS[0] + "2026-01-06,5,4,3,4,1\n", "Invalid row 2: high 4"),
        (HEADER + ROWS[0] + "2026-01-06,5,6,5.5,6,1\n", "Invalid row 2: low 5.5"),
        (HEADER + ROWS[0] + "2026-01-06,1,1\n", "Invalid row 2: it has no low"),
        (HEADER + ROWS[0] + "2026-01-06,x,1,1,1,1\n", "Invalid row 2"),
    ],
)
def test_g60_what_is_no_file_of_bars(text: str, words: str) -> None:
    with pytest.raises(DataError, match=r"up\.csv: ") as caught:
        parse_csv(text.encode(), "up.csv")
    assert words in str(caught.value)


def test_other_encodings_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not UTF-8 at byte 0"):
        parse_csv(b"\xff\xfe")
    big = tmp_path / "big.csv"
    big.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(DataError, match="at most"):
        read_csv(big)
    with pytest.raises(DataError, match=r"cannot read .*none\.csv"):
        read_csv(tmp_path / "none.csv")


def test_the_golden_file_is_the_described_one() -> None:
    content = fifty_bars()
    found = parse_csv(content)
    assert (len(content), len(found.bars)) == (3581, 50)
    assert found.sha256.startswith(SHA256_STARTS)
