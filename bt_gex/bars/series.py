"""Bars of one symbol as columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NEW_YORK, NS, Stamps, instant_ns
from bt_gex.market.quotes import Prices

Interval = Literal["1m", "1d"]
LENGTH_NS: Mapping[Interval, int] = {"1m": 60 * NS, "1d": 86_400 * NS}
VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarSeries:
    """Bars in order of time, each stamp once; the arrays are read-only and of one length.

    stamps_ns  nanoseconds UTC: the start of a minute. Of a daily bar midnight UTC of its date,
               which is a label: the bar is known at the close of its session, not before
    volume     shares or contracts
    odd        what was odd in the source, counted by name; see `bt_gex.bars.checks`
    """

    symbol: str
    interval: Interval
    stamps_ns: Stamps
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Prices
    odd: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("stamps_ns", *VALUES):
            getattr(self, name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def bars(self) -> list[Bar]:
        """The bars one by one."""
        return list(self.rows())

    def rows(self) -> Iterator[Bar]:
        """The bars one by one, each made when it is asked for."""
        columns = [self.stamps_ns.tolist(), *(getattr(self, name).tolist() for name in VALUES)]
        return map(Bar._make, zip(*columns, strict=True))

    def sha256(self) -> str:
        """What identifies the bars: one digest of symbol, interval and all rows.

        Over the line "bars|SYMBOL|INTERVAL|ROWS\\n" and then stamps_ns (little-endian 64-bit
        integers), open, high, low, close, volume (little-endian doubles, −0.0 as 0.0), column by
        column. Where they came from, and what was odd there, is not in it.
        """
        digest = hashlib.sha256(f"bars|{self.symbol}|{self.interval}|{len(self)}\n".encode())
        digest.update(self.stamps_ns.astype("<i8").tobytes())
        for name in VALUES:
            digest.update((getattr(self, name) + 0.0).astype("<f8").tobytes())
        return digest.hexdigest()


def in_dates(
    stamps_ns: Stamps, interval: Interval, start: date, end: date
) -> npt.NDArray[np.bool_]:
    """Which stamps are of these dates, both included.

    A minute belongs to its New York date, so that extended hours stay with their session; a daily
    bar to the date of its label.
    """
    zone = NEW_YORK if interval == "1m" else UTC
    first, after = (
        instant_ns(datetime.combine(day, time(), tzinfo=zone))
        for day in (start, end + timedelta(days=1))
    )
    found: npt.NDArray[np.bool_] = (stamps_ns >= first) & (stamps_ns < after)
    return found
