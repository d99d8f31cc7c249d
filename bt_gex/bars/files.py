"""Bars in CSV and Parquet files.

A folder holds `minute/SYM.csv` or `minute/SYM.parquet` with the columns timestamp_utc (the start of
the minute, with Z or an offset), open, high, low, close, volume, and `daily/SYM.csv` or `.parquet`
with date instead, beside it `daily/SYM_factors.csv` with date (YYYYMMDD), price_factor,
split_factor. Further columns are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from csv import reader
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from bt_gex.bars.checks import checked_bars
from bt_gex.bars.factors import NO_FACTORS, Factors, day_labels
from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries, Interval, in_dates
from bt_gex.bars.source import FIRST_DAY, LAST_DAY, Provider
from bt_gex.errors import BadValue, DataError, UnknownName
from bt_gex.market.calendar import Stamps
from bt_gex.market.quotes import Prices
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.storage.reading import first_line

FOLDERS: Mapping[Interval, str] = {"1m": "minute", "1d": "daily"}
STAMP_COLUMNS: Mapping[Interval, str] = {"1m": "timestamp_utc", "1d": "date"}
STAMP_TYPES: Mapping[Interval, pa.DataType] = {
    "1m": pa.timestamp("ns", tz="UTC"),
    "1d": pa.date32(),
}
SUFFIXES = (".csv", ".parquet")
FACTORS = "_factors"
_FACTOR_TYPES = {"date": pa.string(), "price_factor": pa.float64(), "split_factor": pa.float64()}
_WANTED: Mapping[pa.DataType, str] = {
    STAMP_TYPES["1m"]: "a time with a zone, such as 2026-01-12T14:30:00Z",
    STAMP_TYPES["1d"]: "a date YYYY-MM-DD",
}
_AT_ROW = re.compile(r"In CSV column #(\d+): Row #(\d+): .*?'(.*?)'")


class FolderBars(Provider):
    """Bars of the files of a folder."""

    provider = "folder"

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not any((self.folder / name).is_dir() for name in FOLDERS.values()):
            raise DataError(f"{folder} has no folder minute or daily; bars are kept in these")

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        """Symbols with a file of bars of this length."""
        found = {
            file.stem
            for file in (self.folder / FOLDERS[interval]).glob("*.*")
            if file.suffix in SUFFIXES and not file.stem.endswith(FACTORS)
        }
        return tuple(sorted(found))

    def minute_bars(self, symbol: str, start: date = FIRST_DAY, end: date = LAST_DAY) -> BarSeries:
        """Minutes of these New York dates, extended hours included where the file has them."""
        return self._read(symbol, "1m", start, end)

    def daily_bars(self, symbol: str, start: date = FIRST_DAY, end: date = LAST_DAY) -> BarSeries:
        """Daily bars as the file has them."""
        return self._read(symbol, "1d", start, end)

    def factors(self, symbol: str) -> Factors:
        """Of the factor file; none where there is no such file."""
        self._require(symbol, "1d")
        path = self.folder / FOLDERS["1d"] / f"{symbol}{FACTORS}.csv"
        return read_factors(path) if path.exists() else NO_FACTORS

    def settings(self, symbol: str, interval: Interval) -> Mapping[str, str | int | float | bool]:
        """The file, and its state by size and time of change."""
        path = self._file(symbol, interval)
        state = path.stat()
        return {"file": str(path.resolve()), "size": state.st_size, "mtime_ns": state.st_mtime_ns}

    def is_settled(self, end: date) -> bool:
        """A file that changes changes its settings."""
        return True

    def _read(self, symbol: str, interval: Interval, start: date, end: date) -> BarSeries:
        if end < start:
            raise BadValue(f"end {end} lies before start {start}; give an end on or after it")
        path = self._file(symbol, interval)
        stamps, values = read_columns(path, interval)
        asked = in_dates(stamps, interval, start, end)
        within = {name: column[asked] for name, column in values.items()}
        return checked_bars(symbol, interval, stamps[asked], within, str(path))

    def _require(self, symbol: str, interval: Interval) -> None:
        if symbol not in (known := self.symbols(interval)):
            raise UnknownName(f"symbol of {self.folder / FOLDERS[interval]}", symbol, known)

    def _file(self, symbol: str, interval: Interval) -> Path:
        self._require(symbol, interval)
        place = self.folder / FOLDERS[interval]
        first, *others = [
            path for suffix in SUFFIXES if (path := place / f"{symbol}{suffix}").exists()
        ]
        if others:
            raise DataError(f"{first} and {others[0].name} are both there; keep one of them")
        return first


def read_columns(path: Path, interval: Interval) -> tuple[Stamps, dict[str, Prices]]:
    """Stamps and values of a file, row by row as they stand in it; a missing value is NaN.

    Raises DataError with file and line for what is no bar file.
    """
    types = {
        STAMP_COLUMNS[interval]: STAMP_TYPES[interval],
        **dict.fromkeys(VALUES, pa.float64()),
    }
    table = _csv(path, types) if path.suffix == ".csv" else _parquet(path, types)
    stamps = table[STAMP_COLUMNS[interval]]
    if stamps.null_count:
        raise DataError(f"{path}: {stamps.null_count} rows have no {STAMP_COLUMNS[interval]}")
    values: dict[str, Prices] = {name: to_numpy(table[name]) for name in VALUES}
    ns = to_numpy(stamps)
    return (ns.astype(np.int64) * LENGTH_NS["1d"] if interval == "1d" else ns), values


def read_factors(path: Path) -> Factors:
    """The factors of a file. Raises DataError."""
    table = _csv(path, _FACTOR_TYPES)
    labels = []
    for day in table["date"].to_pylist():
        try:
            labels.append(datetime.strptime(day, "%Y%m%d").date())
        except ValueError:
            raise DataError(f"{path}: {day!r} is no date; write YYYYMMDD") from None
    factor = to_numpy(table["price_factor"]) * to_numpy(table["split_factor"])
    if labels != sorted(set(labels)) or not (np.isfinite(factor) & (factor > 0)).all():
        raise DataError(f"{path}: dates must ascend and factors be above 0")
    return Factors(stamps_ns=day_labels(labels), factor=factor)


def _csv(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    from pyarrow import csv

    header: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(reader(file), [])
        _require_columns(path, header, types)
        return csv.read_csv(
            path,
            csv.ReadOptions(use_threads=False),  # with threads, errors name no row
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[""]
            ),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = first_line(error)
        if not (at := _AT_ROW.search(said)):
            raise DataError(f"{path} can't be read: {said}") from error
        column, line, value = header[int(at[1])], at[2], at[3]
        wanted = _WANTED.get(types[column], "a number")
        raise DataError(f"{path}, line {line}: {column} {value!r} is not {wanted}") from error


def _parquet(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _require_columns(path, file.schema_arrow.names, types)
            table = file.read(columns=list(types))
        for name, kind in types.items():
            there = table.schema.field(name).type
            if pa.types.is_timestamp(kind) and not (pa.types.is_timestamp(there) and there.tz):
                raise DataError(f"{path}: {name} is {there}; it must be a timestamp with a zone")
        return table.select(list(types)).cast(pa.schema(list(types.items())))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} can't be read: {first_line(error)}") from error


def _require_columns(path: Path, there: Sequence[str], types: Mapping[str, pa.DataType]) -> None:
    missing = [name for name in types if name not in there]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(there) or 'none'}, and "
            f"needs {', '.join(types)}"
        )
