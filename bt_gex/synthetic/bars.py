"""Synthetic minutes of any symbol, one seeded stream for each symbol and session.

A session is trending up or down, mean-reverting or choppy. Prices are on the tick; the first
session of a range starts at 100, each later one at the last close, so the prices of a day depend on
where the range starts, their shape does not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, Le

from bt_gex.bars.factors import NO_FACTORS, Factors, day_labels
from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries, Interval
from bt_gex.bars.source import Provider
from bt_gex.errors import UnknownName
from bt_gex.market.calendar import Session, sessions
from bt_gex.market.quotes import Prices
from bt_gex.rules.settings import checked

MINUTE_NS = LENGTH_NS["1m"]
FIRST_PRICE = 100.0
REGIMES = ("trend_up", "trend_down", "mean_revert", "choppy")
DRIFT: Mapping[str, float] = {"trend_up": 0.0002, "trend_down": -0.0002}
VOLATILITY, CHOPPY_VOLATILITY = 0.0015, 0.00225
MEAN_RANGE, RANGE_DEVIATION = 0.001, 0.001 / 3
PULL = 0.002
TYPICAL_VOLUME, VOLUME_DEVIATION = 10_000, 0.4
CLEAN_PLACES = 10  # decimals of a price on the tick: 0.1 + 0.2 is 0.3

Tick = Annotated[float, Gt(0), Le(1_000)]


class SyntheticBars(Provider):
    """Seeded bars of these symbols; the same arguments give the same bytes."""

    provider = "synthetic"

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        seed: int = 42,
        tick: float = 0.01,
        ticks: Mapping[str, float] | None = None,
    ) -> None:
        """ticks: of symbols whose tick is another."""
        self._symbols = tuple(sorted(symbols))
        self.seed = seed
        self.tick: float = checked(Tick, tick, "tick")
        self._ticks = {s: checked(Tick, value, "tick") for s, value in (ticks or {}).items()}

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        """Those it was made for."""
        return self._symbols

    def minute_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """All minutes of the sessions, regular hours only."""
        days = self._days(symbol, start, end)
        stamps = [
            np.arange(day.open_ns, day.close_ns, MINUTE_NS, dtype=np.int64) for day, _ in days
        ]
        columns: dict[str, Any] = {
            name: np.concatenate([np.empty(0), *(values[name] for _, values in days)])
            for name in VALUES
        }
        return BarSeries(
            symbol=symbol,
            interval="1m",
            stamps_ns=np.concatenate([np.empty(0, np.int64), *stamps]),
            **columns,
        )

    def daily_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """The sessions as a whole, from their minutes."""
        days = self._days(symbol, start, end)
        rows = [
            (v["open"][0], v["high"].max(), v["low"].min(), v["close"][-1], v["volume"].sum())
            for _, v in days
        ]
        table = np.array(rows, dtype=np.float64).reshape(-1, len(VALUES))
        columns: dict[str, Any] = {
            name: table[:, place].copy() for place, name in enumerate(VALUES)
        }
        return BarSeries(
            symbol=symbol,
            interval="1d",
            stamps_ns=day_labels([day.day for day, _ in days]),
            **columns,
        )

    def factors(self, symbol: str) -> Factors:
        """None: there are no splits and dividends."""
        return NO_FACTORS

    def settings(self, symbol: str, interval: Interval) -> Mapping[str, str | int | float | bool]:
        """What the bars follow from beside symbol and dates."""
        return {"seed": self.seed, "tick": self._ticks.get(symbol, self.tick)}

    def is_settled(self, end: date) -> bool:
        """Bars of the future are as settled as those of the past."""
        return True

    def _days(self, symbol: str, start: date, end: date) -> list[tuple[Session, dict[str, Prices]]]:
        if symbol not in self._symbols:
            raise UnknownName("symbol", symbol, self._symbols)
        found: list[tuple[Session, dict[str, Prices]]] = []
        base = FIRST_PRICE
        for session in sessions(start, end):
            tick = self._ticks.get(symbol, self.tick)
            values = session_bars(self.seed, symbol, session, base, tick)
            base = float(values["close"][-1])
            found.append((session, values))
        return found


def session_bars(
    seed: int, symbol: str, session: Session, base: float, tick: float
) -> dict[str, Prices]:
    """The minutes of a session that starts at `base`. The order of the draws is part of it."""
    minutes = (session.close_ns - session.open_ns) // MINUTE_NS
    digest = hashlib.sha256(f"{seed}|{symbol}|{session.day}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    regime = REGIMES[int(random.integers(len(REGIMES)))]
    volatility = CHOPPY_VOLATILITY if regime == "choppy" else VOLATILITY
    returns = random.normal(DRIFT.get(regime, 0.0), volatility, minutes)
    ranges = np.abs(random.normal(MEAN_RANGE, RANGE_DEVIATION, minutes))
    volume = random.lognormal(math.log(TYPICAL_VOLUME), VOLUME_DEVIATION, minutes)
    if regime == "mean_revert":
        path = base * np.exp(np.cumsum(returns))
        returns = returns - PULL * (path - base) / base
    close = base * np.exp(np.cumsum(returns))
    start = np.concatenate([[base], close[:-1]])
    high = np.maximum(start, close) * (1 + ranges / 2)
    low = np.minimum(start, close) * (1 - ranges / 2)
    x = np.linspace(0, 1, minutes)
    volume = volume * (1 + 0.5 * (x**2 + (1 - x) ** 2))
    # Rounding keeps the order of prices: high and low stay the extremes.
    return {
        "open": _on_tick(start, tick),
        "high": _on_tick(high, tick),
        "low": _on_tick(low, tick),
        "close": _on_tick(close, tick),
        "volume": np.maximum(np.round(volume), 1.0),
    }


def _on_tick(prices: Prices, tick: float) -> npt.NDArray[np.float64]:
    snapped: npt.NDArray[np.float64] = np.round(np.round(prices / tick) * tick, CLEAN_PLACES)
    return snapped
