"""Bars once fetched, kept as files with their provenance.

`SYM_START_END.parquet` holds the minutes that Yahoo gave, `SYM_START_END_1d.parquet` daily bars,
other providers have their name in front (`synthetic_…`). Beside each stands a JSON file: provider,
interval, the provider's settings and their hash, rows, sha256 of the bars, what was odd. Bars are
answered from a file only while all of that agrees; otherwise they are fetched again. Each file is
written whole or not at all; two processes that write at once leave a pair that agrees, or one that
does not and is fetched again.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from bt_gex.bars.factors import Factors
from bt_gex.bars.files import STAMP_COLUMNS, STAMP_TYPES, read_columns
from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries, Interval
from bt_gex.bars.source import BarSource, Provider
from bt_gex.errors import DataError, OutputError
from bt_gex.market.calendar import utc
from bt_gex.storage.arrow_arrays import to_arrow
from bt_gex.storage.atomic import write_bytes, write_text
from bt_gex.storage.reading import refuse_constant

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
DEFAULT_PROVIDER = "yahoo"  # whose files have no name in front


class CachedBars(BarSource):
    """A provider's bars, from the folder where they are there; itself a BarSource."""

    def __init__(self, source: Provider, folder: str | Path) -> None:
        self.source = source
        self.folder = Path(folder)

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        """The provider's."""
        return self.source.symbols(interval)

    def minute_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """The provider's, kept."""
        return self._kept(symbol, "1m", start, end)

    def daily_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """The provider's, kept."""
        return self._kept(symbol, "1d", start, end)

    def factors(self, symbol: str) -> Factors:
        """The provider's; they are not kept."""
        return self.source.factors(symbol)

    def path_of(self, symbol: str, interval: Interval, start: date, end: date) -> Path:
        """The file of a range."""
        front = "" if self.source.provider == DEFAULT_PROVIDER else f"{self.source.provider}_"
        back = "" if interval == "1m" else f"_{interval}"
        return self.folder / f"{front}{quote(symbol, safe='^=')}_{start}_{end}{back}.parquet"

    def _kept(self, symbol: str, interval: Interval, start: date, end: date) -> BarSeries:
        path = self.path_of(symbol, interval, start, end)
        settings = dict(self.source.settings(symbol, interval))
        about: dict[str, object] = {
            "schema_version": SCHEMA_VERSION,
            "source": self.source.provider,
            "symbol": symbol,
            "interval": interval,
            "start": str(start),
            "end": str(end),
            "settings": settings,
            "settings_hash": settings_hash(settings),
        }
        if found := _load(path, about):
            return found
        fetch = self.source.minute_bars if interval == "1m" else self.source.daily_bars
        series = fetch(symbol, start, end)
        if self.source.is_settled(end):
            _store(path, series, about)
        return series


def settings_hash(settings: Mapping[str, object]) -> str:
    """First 16 hex digits of the sha256 of the settings as JSON: sorted keys, no blanks."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sidecar(path: Path) -> Path:
    """The file that tells where the bars of a cache file come from."""
    return path.with_suffix(".json")


def _load(path: Path, asked: Mapping[str, Any]) -> BarSeries | None:
    """The bars of a file that agrees with what is asked for and with its own provenance."""
    if not path.exists():
        return None
    try:
        about = json.loads(sidecar(path).read_text("utf-8"), parse_constant=refuse_constant)
        if {name: about.get(name) for name in asked} != dict(asked):
            log.info("%s is of another source or other settings; fetching again", path)
            return None
        interval = asked["interval"]
        stamps, values = read_columns(path, interval)
        series = BarSeries(
            symbol=asked["symbol"],
            interval=interval,
            stamps_ns=stamps,
            odd={str(name): int(count) for name, count in about["odd"].items()},
            **values,
        )
        if series.sha256() != about["sha256"]:
            raise ValueError("its bars are not those of its provenance")
    except (DataError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("cache file %s is damaged (%s); fetching again", path, error)
        return None
    return series


def _store(path: Path, series: BarSeries, about: Mapping[str, object]) -> None:
    """Keep bars. A folder that can't be written is a warning: the bars are there all the same."""
    column, kind = STAMP_COLUMNS[series.interval], STAMP_TYPES[series.interval]
    if series.interval == "1d":
        stamps = to_arrow((series.stamps_ns // LENGTH_NS["1d"]).astype("int32"), kind)
    else:
        stamps = to_arrow(series.stamps_ns, kind)
    columns = {column: stamps, **{name: to_arrow(getattr(series, name)) for name in VALUES}}
    content = io.BytesIO()
    _write_table(pa.table(columns), content)
    ends = [str(utc(int(series.stamps_ns[row]))) for row in (0, -1)] if len(series) else [None] * 2
    record = {
        **about,
        "rows": len(series),
        "first": ends[0],
        "last": ends[1],
        "odd": dict(series.odd),
        "sha256": series.sha256(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.getvalue())
        write_text(sidecar(path), json.dumps(record, indent=1, sort_keys=True, allow_nan=False))
    except (OutputError, OSError) as error:
        log.warning("bars are not kept: %s", error)


def _write_table(table: pa.Table, content: io.BytesIO) -> None:
    from pyarrow import parquet

    parquet.write_table(table, content)
