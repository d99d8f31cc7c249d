"""The bars of a backtest, symbol by symbol: what is traded on, and what is history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from bt_gex.bars.factors import adjusted
from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries, in_dates
from bt_gex.bars.source import FIRST_DAY, LAST_DAY, BarSource
from bt_gex.bars.windows import SessionRows, in_sessions, rows_of, session_rows
from bt_gex.config.bar_config import BREAKOUT, HISTORY_DAYS, ORB, BarConfig
from bt_gex.config.ids import short_hash
from bt_gex.errors import DataError, UnknownName
from bt_gex.market.calendar import sessions, utc
from bt_gex.rules.opening_range.session import SessionClock

ONE_DAY = timedelta(days=1)
DAYS_A_BAR = 1.6  # calendar days a trading day takes, holidays included


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolBars:
    """The bars of one symbol.

    traded  rows of the sessions of the dates
    before  rows before them: history
    daily   daily bars of the opening range's history
    source  name of the provider
    """

    symbol: str
    traded: BarSeries
    before: BarSeries | None
    daily: BarSeries | None
    source: str

    @property
    def fingerprint(self) -> str:
        """Identity of all rows a run can look at."""
        parts = [one.sha256() if one is not None else None for one in self._series]
        return short_hash(parts, 64)

    @property
    def _series(self) -> tuple[BarSeries | None, ...]:
        return self.traded, self.before, self.daily

    def provenance(self) -> dict[str, object]:
        """Where the rows come from: provider, how many, first, last, digest, oddities."""
        stamps = self.traded.stamps_ns
        ends: list[str | None] = [None, None]
        if len(stamps):
            ends = [_zulu(int(stamps[row])) for row in (0, -1)]
        return {
            "source": self.source,
            "interval": self.traded.interval,
            "rows": len(self.traded),
            "first": ends[0],
            "last": ends[1],
            "history_rows": len(self.before) if self.before is not None else 0,
            "daily_rows": len(self.daily) if self.daily is not None else 0,
            "odd": dict(self.traded.odd),
            "sha256": self.fingerprint,
        }

    def with_traded(self, series: BarSeries) -> SymbolBars:
        """The same with other rows in the place of what is traded on."""
        return replace(self, traded=series)

    def whole(self) -> BarSeries:
        """History and what is traded on, as one series."""
        if self.before is None or not len(self.before):
            return self.traded
        return joined(self.before, self.traded)


def joined(one: BarSeries, other: BarSeries) -> BarSeries:
    """Rows of two series, the second after the first."""
    columns = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("stamps_ns", "open", "high", "low", "close", "volume")
    }
    return BarSeries(symbol=other.symbol, interval=other.interval, odd=other.odd, **columns)


def load_symbol(source: BarSource, config: BarConfig, symbol: str) -> SymbolBars:
    """The bars of a symbol; none where the dates hold no session. Raises DataError where they do
    and there are none."""
    try:
        if config.interval == "1d":
            found = _daily(source, config, symbol)
        else:
            found = _minutes(source, config, symbol)
    except UnknownName as error:
        raise DataError(f"No data fetched for {symbol}: {error}") from error
    if not len(found.traded) and sessions(config.start, config.end):
        raise DataError(
            f"No data fetched for {symbol}: no bars in its sessions from {config.start} to "
            f"{config.end}"
        )
    return found


def _minutes(source: BarSource, config: BarConfig, symbol: str) -> SymbolBars:
    clock = SessionClock(config.instrument(symbol))
    back = _history(config) if _is_folder(source) else timedelta()
    first = max(config.start - back - ONE_DAY, FIRST_DAY) if back else config.start
    last = min(config.end + ONE_DAY, LAST_DAY) if back else config.end
    series = source.minute_bars(symbol, first, last)
    start_ns = clock.midnight(config.start)
    end_ns = clock.midnight(config.end + ONE_DAY)
    stamps = series.stamps_ns
    traded = in_sessions(rows_of(series, (stamps >= start_ns) & (stamps < end_ns)), clock)
    earlier = stamps < start_ns
    before = in_sessions(rows_of(series, earlier), clock) if back and earlier.any() else None
    return SymbolBars(
        symbol=symbol,
        traded=traded,
        before=before,
        daily=_daily_history(source, config, symbol),
        source=provider_of(source),
    )


def _zulu(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%dT%H:%M:%SZ}"


def provider_of(source: BarSource) -> str:
    """Name of the provider, behind a cache too."""
    behind: Any = getattr(source, "source", source)
    return str(behind.provider)


def _is_folder(source: BarSource) -> bool:
    """Whether it has rows from before any date that cost nothing to ask for."""
    return provider_of(source) == FolderBars.provider


def _history(config: BarConfig) -> timedelta:
    """How far before the start rows are history."""
    if config.strategy == ORB:
        return timedelta(days=HISTORY_DAYS)
    if config.strategy == BREAKOUT:
        days = math.ceil(max(config.breakout.lookback_days, 2) * DAYS_A_BAR) + 10
        return timedelta(days=min(days, (config.start - FIRST_DAY).days))
    return timedelta()


def _daily_history(source: BarSource, config: BarConfig, symbol: str) -> BarSeries | None:
    """Daily bars before the last date, for the opening range; None where there are none."""
    if config.strategy != ORB or symbol not in _daily_symbols(source):
        return None
    first = max(config.start - timedelta(days=HISTORY_DAYS), FIRST_DAY)
    return source.daily_bars(symbol, first, config.end)


def _daily_symbols(source: BarSource) -> tuple[str, ...]:
    """Symbols with daily bars of their own; those made of the minutes say nothing new."""
    return () if provider_of(source) == "synthetic" else source.symbols("1d")


def _daily(source: BarSource, config: BarConfig, symbol: str) -> SymbolBars:
    first = max(config.start - _history(config), FIRST_DAY)
    if provider_of(source) == "synthetic":
        first = config.start
    series = source.daily_bars(symbol, first, config.end)
    if config.strategy == BREAKOUT:
        series = adjusted(series, source.factors(symbol), LAST_DAY)
    mine = in_dates(series.stamps_ns, "1d", config.start, config.end)
    return SymbolBars(
        symbol=symbol,
        traded=rows_of(series, mine),
        before=rows_of(series, ~mine),
        daily=None,
        source=provider_of(source),
    )


def within(bars: SymbolBars, config: BarConfig) -> SymbolBars | None:
    """The same bars with the dates of a configuration that lie within; None where it has none.

    What was traded on before the start is history, for strategies that have one.
    """
    sessions = sessions_of(bars, config)
    own = [row for row in sessions if config.start <= row[0] <= config.end]
    if not own:
        return None
    first, after = own[0][1], own[-1][2]
    earlier = rows_of(bars.traded, slice(0, first))
    before = bars.before if bars.before is not None else rows_of(bars.traded, slice(0, 0))
    keeps = config.strategy in (ORB, BREAKOUT)
    return replace(
        bars,
        traded=rows_of(bars.traded, slice(first, after)),
        before=joined(before, earlier) if keeps else None,
    )


def sessions_of(bars: SymbolBars, config: BarConfig) -> list[tuple[date, int, int, int]]:
    """Date, first row, row after the last, and minutes of each session of what is traded on."""
    stamps = bars.traded.stamps_ns
    if bars.traded.interval == "1d":
        days = [utc(int(ns)).date() for ns in stamps]
        return [(day, row, row + 1, 1) for row, day in enumerate(days)]
    clock = SessionClock(config.instrument(bars.symbol))
    return [_session(rows) for rows in session_rows(stamps, clock)]


def _session(rows: SessionRows) -> tuple[date, int, int, int]:
    window = rows.window
    minutes = (window.end_ns - window.start_ns) // (60 * 10**9)
    return window.day, rows.first, rows.after, minutes


def fingerprint_of(parts: Mapping[str, SymbolBars]) -> str:
    """Identity of the data of several symbols."""
    return short_hash({symbol: bars.fingerprint for symbol, bars in parts.items()}, 64)
