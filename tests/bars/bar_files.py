"""Writing small bar files for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bt_gex.bars.series import BarSeries, Interval
from bt_gex.market.calendar import instant_ns

HEAD = "timestamp_utc,open,high,low,close,volume"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "bars"
# Minutes of the session of Monday, 2026-01-12 (open 14:30 UTC), of plain prices
GOOD = (
    "2026-01-12T14:30:00Z,100,101,99,100.5,1000",
    "2026-01-12T14:31:00Z,100.5,102,100,101,1500",
    "2026-01-12T14:32:00Z,101,101.5,100.25,100.75,900",
)
GOOD_ROWS = [
    (100.0, 101.0, 99.0, 100.5, 1000.0),
    (100.5, 102.0, 100.0, 101.0, 1500.0),
    (101.0, 101.5, 100.25, 100.75, 900.0),
]


def ns(text: str) -> int:
    """Nanoseconds of a UTC time, 2026-01-12 14:30."""
    return instant_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def write(folder: Path, place: str, *lines: str, head: str = HEAD) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def write_parquet(
    folder: Path, place: str, stamps: pa.Array, rows: Sequence[Sequence[float]]
) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(*rows, strict=True)
    names = HEAD.split(",")[1:]
    stamp = "date" if pa.types.is_date(stamps.type) else "timestamp_utc"
    table = {stamp: stamps, **{n: pa.array(c) for n, c in zip(names, columns, strict=True)}}
    parquet.write_table(pa.table(table), path)
    return path


def series(
    symbol: str = "X", interval: Interval = "1m", first: str = "2026-01-12 14:30", **changes: Any
) -> BarSeries:
    """The three good bars."""
    step = 60 if interval == "1m" else 86_400
    stamps = ns(first) + np.arange(3, dtype=np.int64) * step * 1_000_000_000
    columns = dict(zip(HEAD.split(",")[1:], np.array(GOOD_ROWS).T, strict=True))
    return BarSeries(
        **{"symbol": symbol, "interval": interval, "stamps_ns": stamps, **columns, **changes}
    )


def same(left: BarSeries, right: BarSeries) -> bool:
    """All columns alike to the last bit."""
    return (left.symbol, left.interval, left.bars()) == (right.symbol, right.interval, right.bars())
