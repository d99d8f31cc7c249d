"""Bars of an uploaded CSV: columns ts, open, high, low, close, volume, in any order.

Stamps are ISO 8601 and ascend; one without a zone is UTC, a date alone its midnight. A row that
cannot be true is refused, never repaired.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bt_gex.errors import DataError
from bt_gex.paper.specs import OHLCVBar

COLUMNS = ("ts", "open", "high", "low", "close", "volume")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
MOST_BYTES = 10_000_000
MOST_ROWS = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CsvBars:
    """naive: rows whose stamp had no zone and was taken as UTC; sha256: of the file."""

    bars: tuple[OHLCVBar, ...]
    naive: int
    sha256: str


def read_csv(path: Path) -> CsvBars:
    """The bars of a CSV file on disk. Raises DataError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: at most {MOST_BYTES:,} bytes are read")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return parse_csv(content, str(path))


def parse_csv(content: bytes, name: str = "the file") -> CsvBars:
    """The bars of a CSV file. Raises DataError with the row (1 is the first below the header)."""
    if len(content) > MOST_BYTES:
        raise DataError(f"{name}: {len(content):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        text = content.decode().lstrip(BOM)
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not UTF-8 at byte {error.start}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        header = reader.fieldnames
    except csv.Error as error:
        raise DataError(f"{name}: {error}") from None
    if not header:
        raise DataError(f"{name}: no header; columns {', '.join(COLUMNS)} are needed")
    if missing := [column for column in COLUMNS if column not in header]:
        raise DataError(f"{name}: Missing required columns: {', '.join(missing)}")
    naive = 0
    bars: list[OHLCVBar] = []
    for number, bar, zoned in _rows(reader, name):
        if bars and bar.ts <= bars[-1].ts:
            raise DataError(
                f"{name}: Non-monotonic timestamp at row {number}: {bar.ts} follows {bars[-1].ts}"
            )
        naive += not zoned
        bars.append(bar)
    if len(bars) < 2:
        raise DataError(f"{name}: at least 2 bars are needed, got {len(bars)}")
    if naive:
        log.warning("%s: %d of %d stamps have no zone; taken as UTC", name, naive, len(bars))
    return CsvBars(tuple(bars), naive, hashlib.sha256(content).hexdigest())


def _rows(reader: csv.DictReader[str], name: str) -> Iterator[tuple[int, OHLCVBar, bool]]:
    number = 0
    try:
        for row in reader:
            number += 1
            if number > MOST_ROWS:
                raise DataError(f"{name}: more than {MOST_ROWS:,} rows")
            try:
                bar, zoned = _bar(row)
            except ValueError as error:
                raise DataError(f"{name}: Invalid row {number}: {error}") from None
            yield number, bar, zoned
    except csv.Error as error:
        raise DataError(f"{name}: Invalid row {number + 1}: {error}") from None


def _bar(row: Mapping[str, str | None]) -> tuple[OHLCVBar, bool]:
    """The bar of a row, and whether its stamp had a zone. Raises ValueError."""
    cells = {column: row[column] for column in COLUMNS}
    if short := [column for column, cell in cells.items() if cell is None]:
        raise ValueError(f"it has no {short[0]}")
    stamp = datetime.fromisoformat(str(cells["ts"]).strip())
    zoned = stamp.tzinfo is not None
    prices = {column: float(str(cells[column])) for column in COLUMNS[1:]}
    for column, value in prices.items():
        if not math.isfinite(value):
            raise ValueError(f"{column} is {value}; a finite number is needed")
        if value < 0 or (value == 0 and column != "volume"):
            raise ValueError(f"{column} is {value:g}; it must be above 0")
    if not prices["low"] <= min(prices["open"], prices["close"]):
        raise ValueError(f"low {prices['low']:g} lies above open or close")
    if not prices["high"] >= max(prices["open"], prices["close"]):
        raise ValueError(f"high {prices['high']:g} lies below open or close")
    return OHLCVBar(ts=(stamp if zoned else stamp.replace(tzinfo=UTC)), **prices), zoned
