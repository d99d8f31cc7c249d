"""Recorded bars as columns, by symbol; the identity of a recording's market."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bt_gex.market.calendar import Stamps
from bt_gex.market.quotes import Prices
from bt_gex.recordings.records import BarValues, RecordedBar
from bt_gex.recordings.values import canonical

VALUES = BarValues._fields
_FIVE = struct.Struct("<5d")


@dataclass(frozen=True, slots=True, eq=False)
class BarColumns:
    """Bars of one symbol in order of time; NaN is missing.

    indicators  by name, one value a bar; only those that are single numbers
    """

    symbol: str
    stamps_ns: Stamps
    values: Mapping[str, Prices]
    indicators: Mapping[str, Prices]

    def __len__(self) -> int:
        return len(self.stamps_ns)


def columns_by_symbol(bars: Iterable[RecordedBar]) -> dict[str, BarColumns]:
    """Columns of each symbol, symbols in the order in which they first come."""
    found: dict[str, list[RecordedBar]] = {}
    for bar in bars:
        found.setdefault(bar.symbol, []).append(bar)
    return {symbol: _columns(symbol, rows) for symbol, rows in found.items()}


def _columns(symbol: str, rows: Sequence[RecordedBar]) -> BarColumns:
    values = np.array([bar.values for bar in rows], dtype=np.float64).reshape(-1, len(VALUES))
    names = sorted({name for bar in rows for name in bar.indicators or ()})
    return BarColumns(
        symbol,
        np.array([bar.ts_ns for bar in rows], dtype=np.int64),
        {name: np.ascontiguousarray(values[:, n]) for n, name in enumerate(VALUES)},
        {name: np.array([_number(bar, name) for bar in rows]) for name in names},
    )


def _number(bar: RecordedBar, name: str) -> float:
    value = (bar.indicators or {}).get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else np.nan  # type: ignore[arg-type]


class MarketDigest:
    """The identity of recorded bars: symbols, instants, prices and volumes, in their order.

    Indicators are left out: a replay computes them again.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256(b"recorded bars 1\n")

    def add(self, symbol: str, ts_ns: int, values: BarValues) -> None:
        """The next bar."""
        numbers = [math.nan if value is None else value for value in values]
        self._digest.update(f"{symbol} {ts_ns} ".encode() + _FIVE.pack(*numbers))

    def sha256(self) -> str:
        """Of all bars so far."""
        return self._digest.hexdigest()


def market_sha256(bars: Iterable[RecordedBar]) -> str:
    """The identity of these bars."""
    digest = MarketDigest()
    for bar in bars:
        digest.add(bar.symbol, bar.ts_ns, bar.values)
    return digest.sha256()


def parameters_sha256(values: object) -> str:
    """The identity of plain values; 30 and 30.0 are one."""
    return hashlib.sha256(canonical(_as_numbers(values)).encode()).hexdigest()


def _as_numbers(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _as_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_numbers(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value  # type: ignore[call-overload]
