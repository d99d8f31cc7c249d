"""Bars from files: formats, bad bars by rule, dates, identity."""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bars.bar_files import GOOD, GOOD_ROWS, SHARED, ns, same, series, write, write_parquet
from bt_gex.bars.files import FolderBars
from bt_gex.errors import BadValue, DataError, UnknownName

DAY = date(2026, 1, 12)
real_bars = pytest.mark.skipif(not SHARED.exists(), reason=f"no recorded bars in {SHARED}")


def read(folder: Path, symbol: str = "X") -> list[tuple[float, ...]]:
    return [tuple(bar) for bar in FolderBars(folder).minute_bars(symbol).bars()]


def refused(folder: Path, symbol: str = "X") -> str:
    with pytest.raises(DataError) as caught:
        FolderBars(folder).minute_bars(symbol)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{symbol}." in message
    return message


def expected(*minutes: int, rows: list[tuple[float, ...]] = GOOD_ROWS) -> list[tuple[float, ...]]:
    return [(ns(f"2026-01-12 14:{m}"), *row) for m, row in zip(minutes, rows, strict=True)]


class TestFormats:
    def test_csv(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", *GOOD)
        found = FolderBars(tmp_path).minute_bars("X")
        assert [tuple(bar) for bar in found.bars()] == expected(30, 31, 32)
        assert (found.symbol, found.interval, len(found), found.odd) == ("X", "1m", 3, {})
        with pytest.raises(ValueError, match="read-only"):
            found.close[0] = 1.0

    def test_parquet_holds_the_same(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", *GOOD)
        stamps = [ns(f"2026-01-12 14:{m}") for m in (30, 31, 32)]
        for symbol, kind, unit in [
            ("A", pa.timestamp("ns", tz="UTC"), 1),
            ("B", pa.timestamp("us", tz="America/New_York"), 1_000),
            ("C", pa.timestamp("s", tz="+02:00"), 1_000_000_000),
        ]:
            times = pa.array([stamp // unit for stamp in stamps], pa.int64()).cast(kind)
            write_parquet(tmp_path, f"minute/{symbol}.parquet", times, GOOD_ROWS)
            assert read(tmp_path, symbol) == read(tmp_path)

    @pytest.mark.parametrize(
        "stamp",
        ["2026-01-12 14:30:00Z", "2026-01-12T14:30:00+00:00", "2026-01-12T09:30:00-05:00"],
    )
    def test_spellings_of_an_instant(self, tmp_path: Path, stamp: str) -> None:
        write(tmp_path, "minute/X.csv", f"{stamp},100,101,99,100.5,1000")
        assert read(tmp_path) == expected(30, rows=GOOD_ROWS[:1])

    def test_columns_in_any_order_and_more_of_them(self, tmp_path: Path) -> None:
        head = "note,close,volume,high,low,open,timestamp_utc"
        row = '"a, b",100.5,1000,101,99,100,2026-01-12T14:30:00Z'
        path = write(tmp_path, "minute/X.csv", row, head=head)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        assert read(tmp_path) == expected(30, rows=GOOD_ROWS[:1])

    def test_a_file_without_bars(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv")
        assert read(tmp_path) == []

    @pytest.mark.parametrize("content", ["", "hello\n", "timestamp_utc,open\n", "\x00\x01"])
    def test_what_is_no_bar_file(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "minute").mkdir()
        (tmp_path / "minute" / "X.csv").write_text(content)
        assert "no column" in refused(tmp_path)

    def test_what_is_no_text(self, tmp_path: Path) -> None:
        path = write(tmp_path, "minute/X.csv", *GOOD)
        path.write_bytes(path.read_bytes() + b"\xff\xfe\xfa,1,1,1,1,1\n")
        refused(tmp_path)
        path.write_bytes(b"\xff\xfe" + path.read_bytes())
        refused(tmp_path)

    def test_what_is_no_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "minute").mkdir()
        (tmp_path / "minute" / "X.parquet").write_bytes(b"PAR1 and nothing more")
        assert "can't be read" in refused(tmp_path)

    def test_two_files_of_a_symbol(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", *GOOD)
        (tmp_path / "minute" / "X.parquet").write_bytes(b"")
        assert "keep one of them" in refused(tmp_path)


class TestFolder:
    def test_symbols_by_length(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/B.csv", *GOOD)
        write(
            tmp_path, "daily/A.csv", "2026-01-12,1,1,1,1,1", head="date,open,high,low,close,volume"
        )
        write(tmp_path, "daily/A_factors.csv", head="date,price_factor,split_factor")
        (tmp_path / "minute" / "notes.txt").write_text("")
        source = FolderBars(tmp_path)
        assert (source.symbols(), source.symbols("1d")) == (("B",), ("A",))
        for call in (lambda: source.daily_bars("B"), lambda: source.minute_bars("A")):
            with pytest.raises(UnknownName, match="unknown symbol of"):
                call()

    def test_an_unknown_symbol_suggests_the_nearest(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/SPY.csv", *GOOD)
        with pytest.raises(UnknownName, match="did you mean SPY"):
            FolderBars(tmp_path).minute_bars("SPYY")
        with pytest.raises(UnknownName):
            FolderBars(tmp_path).minute_bars("../minute/SPY")

    def test_a_folder_without_bars(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "absent"):
            with pytest.raises(DataError, match="no folder minute or daily"):
                FolderBars(folder)


class TestBadBars:
    """The rules of the module, one by one."""

    def test_rows_out_of_order_are_sorted_and_counted(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", GOOD[2], GOOD[0], GOOD[1])
        found = FolderBars(tmp_path).minute_bars("X")
        assert [tuple(bar) for bar in found.bars()] == expected(30, 31, 32)
        assert found.odd == {"out of order": 1}

    def test_of_equal_stamps_the_first_counts(self, tmp_path: Path) -> None:
        other = "2026-01-12T14:30:00Z,7,7,7,7,7"
        write(tmp_path, "minute/X.csv", GOOD[0], GOOD[0], other, GOOD[1], other, GOOD[2])
        found = FolderBars(tmp_path).minute_bars("X")
        assert [tuple(bar) for bar in found.bars()] == expected(30, 31, 32)
        assert found.odd == {"contradicting duplicate": 2, "duplicate": 1, "out of order": 1}

    def test_the_first_is_that_of_the_file(self, tmp_path: Path) -> None:
        """Many rows of one stamp between rows of others, none of them sorted."""
        rows = [f"2026-01-12T14:{30 + n % 3}:00Z,1,{n + 1},1,1,{n}" for n in range(300, 0, -1)]
        write(tmp_path, "minute/X.csv", *rows)
        assert sorted(row[-1] for row in read(tmp_path)) == [298, 299, 300]

    def test_a_later_bar_of_a_stamp_may_be_bad(self, tmp_path: Path) -> None:
        bad = GOOD[0].replace(",101,", ",98,")
        write(tmp_path, "minute/X.csv", *GOOD, bad)
        found = FolderBars(tmp_path).minute_bars("X")
        assert [tuple(bar) for bar in found.bars()] == expected(30, 31, 32)
        assert found.odd == {"contradicting duplicate": 1, "out of order": 1}
        write(tmp_path, "minute/X.csv", bad, *GOOD)
        assert "2026-01-12 14:30 UTC" in refused(tmp_path)

    BAD = {
        "high below close": "100,100.4,99,100.5,1000",
        "high below open": "100,99.9,99,99.5,1000",
        "low above open": "100,101,100.1,100.5,1000",
        "low above close": "100,101,99.6,99.5,1000",
        "high below low": "100,98,99,100,1000",
        "zero": "100,101,0,100.5,1000",
        "negative": "-1,-0.5,-2,-1,1000",
        "volume below 0": "100,101,99,100.5,-1",
    }
    LACKING = {
        "no price": "100,101,,100.5,1000",
        "not a number": "nan,101,99,100.5,1000",
        "infinite": "100,inf,99,100.5,1000",
        "no volume": "100,101,99,100.5,",
        "infinite volume": "100,101,99,100.5,inf",
    }

    @pytest.mark.parametrize("values", BAD.values(), ids=BAD)
    def test_in_a_session_they_stop_the_reading(self, tmp_path: Path, values: str) -> None:
        write(tmp_path, "minute/X.csv", *GOOD, f"2026-01-12T20:59:00Z,{values}")
        message = refused(tmp_path)
        assert "2026-01-12 20:59 UTC" in message
        assert "correct or delete the row" in message

    @pytest.mark.parametrize("values", LACKING.values(), ids=LACKING)
    @pytest.mark.parametrize("stamp", ["2026-01-12T14:33", "2026-01-12T21:00", "2026-01-11T15:00"])
    def test_a_missing_value_stops_the_reading_anywhere(
        self, tmp_path: Path, stamp: str, values: str
    ) -> None:
        write(tmp_path, "minute/X.csv", *GOOD, f"{stamp}:00Z,{values}")
        assert stamp.replace("T", " ") in refused(tmp_path)

    @pytest.mark.parametrize("values", BAD.values(), ids=BAD)
    @pytest.mark.parametrize("stamp", ["2026-01-12T14:29", "2026-01-12T21:00", "2026-01-11T15:00"])
    def test_outside_they_are_dropped_and_counted(
        self, tmp_path: Path, stamp: str, values: str
    ) -> None:
        write(tmp_path, "minute/X.csv", f"{stamp}:00Z,{values}", *GOOD)
        found = FolderBars(tmp_path).minute_bars("X")
        assert len(found) == 3
        assert found.odd["bad outside sessions"] == 1

    def test_a_daily_bar_belongs_to_a_session(self, tmp_path: Path) -> None:
        head = "date,open,high,low,close,volume"
        write(tmp_path, "daily/X.csv", "2026-01-11,100,99,98,100,1", head=head)
        with pytest.raises(DataError, match="the bar of 2026-01-11 can't be true"):
            FolderBars(tmp_path).daily_bars("X")

    def test_flat_bars_and_no_volume_are_fine(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", "2026-01-12T14:30:00Z,100,100,100,100,0")
        assert read(tmp_path) == [(ns("2026-01-12 14:30"), 100, 100, 100, 100, 0)]

    def test_stamps_without_a_zone_are_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", GOOD[0], "2026-01-12T14:31:00,1,1,1,1,1")
        assert "line 3: timestamp_utc '2026-01-12T14:31:00' is not a time with a zone" in refused(
            tmp_path
        )

    @pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.int64(), pa.string()])
    def test_parquet_stamps_need_a_zone_too(self, tmp_path: Path, kind: pa.DataType) -> None:
        stamps = pa.array([ns("2026-01-12 14:30")], pa.int64())
        stamps = pa.array(["2026-01-12 14:30"]) if kind == pa.string() else stamps.cast(kind)
        write_parquet(tmp_path, "minute/X.parquet", stamps, GOOD_ROWS[:1])
        assert "must be a timestamp with a zone" in refused(tmp_path)

    def test_stamps_between_minutes_are_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", "2026-01-12T14:30:30Z,1,1,1,1,1")
        assert "2026-01-12 14:30:30" in refused(tmp_path)

    def test_a_row_without_a_stamp(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", GOOD[0], ",1,1,1,1,1")
        assert "1 rows have no timestamp_utc" in refused(tmp_path)

    def test_text_is_named_with_its_line(self, tmp_path: Path) -> None:
        rows = [
            f"2026-01-{2 + n // 900:02}T{n % 900 // 60:02}:{n % 60:02}:00Z,1,1,1,1,1"
            for n in range(20_000)
        ]
        rows[17_000] = rows[17_000].replace(",1,1,1,1,1", ",1,1,1,one,1")
        write(tmp_path, "minute/X.csv", *rows)
        assert "line 17002: close 'one' is not a number" in refused(tmp_path)

    def test_the_column_is_named_wherever_it_stands(self, tmp_path: Path) -> None:
        head = "note,volume,timestamp_utc,open,high,low,close"
        write(tmp_path, "minute/X.csv", "a,1,2026-01-12T14:30:00Z,1,1,x,1", head=head)
        assert "line 2: low 'x' is not a number" in refused(tmp_path)
        write(tmp_path, "minute/X.csv", "a,1,2026-01-12 14:30:00,1,1,1,1", head=head)
        assert "line 2: timestamp_utc '2026-01-12 14:30:00' is not a time with" in refused(tmp_path)

    def test_a_short_row(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", GOOD[0], "2026-01-12T14:31:00Z,1,1")
        assert "Row #3" in refused(tmp_path)

    def test_what_lies_outside_the_dates_disturbs_nobody(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", *GOOD, "2026-01-13T15:00:00Z,100,99,98,100,1", GOOD[0])
        found = FolderBars(tmp_path).minute_bars("X", DAY, DAY)
        assert (len(found), found.odd) == (3, {"duplicate": 1, "out of order": 1})
        assert "2026-01-13 15:00" in refused(tmp_path)


class TestDates:
    def test_minutes_belong_to_their_new_york_date(self, tmp_path: Path) -> None:
        """Winter: the New York day of January 12 lasts from 05:00 to 05:00 UTC."""
        stamps = ("2026-01-12T04:59", "2026-01-12T05:00", "2026-01-13T04:59", "2026-01-13T05:00")
        write(tmp_path, "minute/X.csv", *(f"{stamp}:00Z,1,1,1,1,1" for stamp in stamps))
        found = FolderBars(tmp_path).minute_bars("X", DAY, DAY)
        assert [bar.ts_ns for bar in found.bars()] == [
            ns("2026-01-12 05:00"),
            ns("2026-01-13 04:59"),
        ]

    def test_days_belong_to_their_date(self, tmp_path: Path) -> None:
        head = "date,open,high,low,close,volume"
        lines = [f"2026-01-{day},1,1,1,1,1" for day in (9, 12, 13, 14)]
        lines[0] = "2026-01-09,1,1,1,1,1"
        write(tmp_path, "daily/X.csv", *lines, head=head)
        found = FolderBars(tmp_path).daily_bars("X", date(2026, 1, 10), date(2026, 1, 13))
        assert [bar.ts_ns for bar in found.bars()] == [
            ns("2026-01-12 00:00"),
            ns("2026-01-13 00:00"),
        ]

    def test_a_range_without_bars_is_empty(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", *GOOD)
        found = FolderBars(tmp_path).minute_bars("X", date(2025, 1, 1), date(2025, 12, 31))
        assert (len(found), found.bars()) == (0, [])
        with pytest.raises(BadValue, match="lies before start"):
            FolderBars(tmp_path).minute_bars("X", DAY, date(2026, 1, 11))

    def test_dates_that_are_none(self, tmp_path: Path) -> None:
        head = "date,open,high,low,close,volume"
        write(tmp_path, "daily/X.csv", "12.01.2026,1,1,1,1,1", head=head)
        with pytest.raises(DataError, match=r"line 2: date '12.01.2026' is not a date YYYY-MM-DD"):
            FolderBars(tmp_path).daily_bars("X")


class TestIdentity:
    def test_the_digest_is_that_of_its_definition(self) -> None:
        content = b"bars|X|1m|3\n"
        content += struct.pack("<3q", *(ns(f"2026-01-12 14:{m}") for m in (30, 31, 32)))
        for column in zip(*GOOD_ROWS, strict=True):
            content += struct.pack("<3d", *column)
        assert series().sha256() == hashlib.sha256(content).hexdigest()

    def test_every_part_of_a_row_counts(self) -> None:
        digests = {
            series().sha256(),
            series("Y").sha256(),
            series(first="2026-01-12 14:31").sha256(),
        }
        digests.add(series(interval="1d", first="2026-01-12 00:00").sha256())
        for name in ("open", "high", "low", "close", "volume"):
            values = np.array(getattr(series(), name))
            values[2] = np.nextafter(values[2], 0)
            digests.add(series(**{name: values}).sha256())
        assert len(digests) == 9

    def test_where_the_rows_came_from_does_not(self, tmp_path: Path) -> None:
        write(tmp_path, "minute/X.csv", GOOD[1], GOOD[1], GOOD[0], GOOD[2])
        assert FolderBars(tmp_path).minute_bars("X").sha256() == series().sha256()
        zeros = series(volume=np.array([-0.0, 0.0, 0.0]))
        assert zeros.sha256() == series(volume=np.zeros(3)).sha256()


@real_bars
def test_recorded_files_are_read_row_by_row() -> None:
    """Counts, first and last stamp of every file, as their provenance has them."""
    known = json.loads((SHARED / "provenance.json").read_text())["files"]
    source = FolderBars(SHARED)
    compared = 0
    for place, about in known.items():
        if not (SHARED / place).exists() or "rows" not in about:
            continue
        kind, name = place.split("/")
        read_bars = source.minute_bars if kind == "minute" else source.daily_bars
        found = read_bars(name.removesuffix(".csv"))
        first, last = (
            ns(datetime.fromisoformat(about[key].removesuffix("Z")).isoformat(" "))
            for key in ("first", "last")
        )
        assert (len(found), int(found.stamps_ns[0]), int(found.stamps_ns[-1])) == (
            about["rows"],
            first,
            last,
        )
        assert found.odd == {}
        days = about.get("sessions", {})
        for day, rows in days.items():
            when = date.fromisoformat(day)
            assert len(read_bars(name.removesuffix(".csv"), when, when)) == rows
        compared += 1
    assert compared >= 15


@real_bars
def test_a_recorded_row_to_the_digit() -> None:
    path = SHARED / "minute" / "SPY.csv"
    line = path.read_text().splitlines()[4000]
    stamp, *values = line.split(",")
    (bar,) = [
        bar
        for bar in FolderBars(SHARED).minute_bars("SPY").bars()
        if bar.ts_ns == ns(stamp.removesuffix("Z"))
    ]
    assert bar[1:] == tuple(map(float, values))


def test_both_ways_give_the_same(tmp_path: Path) -> None:
    write(tmp_path, "minute/X.csv", *GOOD)
    assert same(FolderBars(tmp_path).minute_bars("X"), series())
