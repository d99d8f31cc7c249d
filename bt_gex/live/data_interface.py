"""The old bot's data interface: one set of questions, answered from a blackbox as of any instant,
or by a provider now. The answers are those a replay sees.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bt_gex.blackbox.tail import COLUMNS, Tail
from bt_gex.errors import UsageError
from bt_gex.live.provider import VIX, Provider, Quote, RecordedProvider
from bt_gex.live.recorder import option_record
from bt_gex.market.calendar import Session, instant_ns, new_york, sessions
from bt_gex.market.contracts import Right
from bt_gex.market.gamma import chain_rows, exposure_by_strike, find_peaks
from bt_gex.market.indexes import Index, find_index
from bt_gex.sessions.day import Day, LoadParams, load_day
from bt_gex.sessions.growing import GrowingRows, SeenRow


class DataProvider(ABC):
    """What a strategy asks of a market. Points and index levels; None: not known."""

    @abstractmethod
    def get_gex_peak(
        self, index_symbol: str, timestamp: datetime | None = None
    ) -> dict[str, float | None] | None:
        """The pin: strike, gex, distance_from_price, proximity_score."""

    @abstractmethod
    def get_index_price(
        self, index_symbol: str, timestamp: datetime | None = None
    ) -> float | None: ...

    @abstractmethod
    def get_vix(self, timestamp: datetime | None = None) -> float | None: ...

    @abstractmethod
    def get_options_chain(
        self, index_symbol: str, expiration: date, timestamp: datetime | None = None
    ) -> list[dict[str, object]]:
        """The options with a quote, in the form of a recorded chain."""

    @abstractmethod
    def get_strike_prices(
        self,
        index_symbol: str,
        strikes: Sequence[float],
        option_type: str,
        expiration: date,
        timestamp: datetime | None = None,
    ) -> dict[float, dict[str, float]]:
        """Bid and ask by strike; a strike without a valid quote is left out."""


class LiveDataProvider(DataProvider):
    """The market now; a timestamp is refused, as nobody can ask a provider for the past."""

    def __init__(self, provider: Provider, now: Callable[[], int] = time.time_ns) -> None:
        self._provider, self._now = provider, now

    def get_gex_peak(
        self, index_symbol: str, timestamp: datetime | None = None
    ) -> dict[str, float | None] | None:
        _only_now(timestamp)
        index = find_index(index_symbol, {})
        spot = self.get_index_price(index_symbol)
        today = new_york(self._now()).date()
        chain = self.get_options_chain(index_symbol, today)
        return None if spot is None else peak_of(chain, spot, index)

    def get_index_price(self, index_symbol: str, timestamp: datetime | None = None) -> float | None:
        _only_now(timestamp)
        level = self._provider.levels([index_symbol]).get(index_symbol)
        return level.price if level else None

    def get_vix(self, timestamp: datetime | None = None) -> float | None:
        return self.get_index_price(VIX, timestamp)

    def get_options_chain(
        self, index_symbol: str, expiration: date, timestamp: datetime | None = None
    ) -> list[dict[str, object]]:
        _only_now(timestamp)
        chain = self._provider.chain(find_index(index_symbol, {}), expiration)
        return [option_record(quote) for quote in chain.quotes]

    def get_strike_prices(
        self,
        index_symbol: str,
        strikes: Sequence[float],
        option_type: str,
        expiration: date,
        timestamp: datetime | None = None,
    ) -> dict[float, dict[str, float]]:
        _only_now(timestamp)
        right = right_of(option_type)
        chain = self._provider.chain(find_index(index_symbol, {}), expiration)
        known = {quote.strike: quote for quote in chain.quotes if quote.right == right}
        asked = {float(strike): known[float(strike)] for strike in strikes if strike in known}
        return {strike: _prices(quote) for strike, quote in asked.items() if _is_valid(quote)}


@dataclass(slots=True)
class Loaded:
    """A session of an index that was asked for."""

    seen: GrowingRows
    peaks: list[SeenRow]
    provider: RecordedProvider


class ReplayDataProvider(DataProvider):
    """A blackbox as of any instant: what was recorded by then, no later row.

    db_path  path of a SQLite blackbox, or any SQLAlchemy URL
    """

    def __init__(self, db_path: str | Path, params: LoadParams | None = None) -> None:
        self._database, self._params = db_path, params or LoadParams()
        self._loaded: dict[tuple[str, date], Loaded] = {}
        self._now_ns = 0

    def get_gex_peak(
        self, index_symbol: str, timestamp: datetime | None = None
    ) -> dict[str, float | None] | None:
        found = self._at(index_symbol, timestamp)
        if found is None:
            return None
        loaded, day, index = found
        pin = float(day.pin[0])
        if pin != pin:
            return None
        place = {name: n for n, name in enumerate(COLUMNS["gex_peaks"])}
        recorded = [
            row.values
            for row in loaded.peaks
            if row.ns <= self._now_ns and row.values[place["strike"]] == pin
        ]
        if recorded:
            names = ("strike", "gex", "distance_from_price", "proximity_score")
            return {name: recorded[-1][place[name]] for name in names}
        chain = self._chain(loaded, index)
        computed = peak_of(chain, float(day.spot[0]), index)
        if computed and computed["strike"] == pin:
            return computed
        return {"strike": pin, "gex": None, "distance_from_price": None, "proximity_score": None}

    def get_index_price(self, index_symbol: str, timestamp: datetime | None = None) -> float | None:
        found = self._at(index_symbol, timestamp)
        return None if found is None else _known(float(found[1].spot[0]))

    def get_vix(self, timestamp: datetime | None = None, index_symbol: str = "SPX") -> float | None:
        found = self._at(index_symbol, timestamp)
        return None if found is None else _known(float(found[1].vix[0]))

    def get_options_chain(
        self, index_symbol: str, expiration: date, timestamp: datetime | None = None
    ) -> list[dict[str, object]]:
        found = self._at(index_symbol, timestamp)
        if found is None or found[1].session.day != expiration:
            return []
        return self._chain(found[0], found[2])

    def get_strike_prices(
        self,
        index_symbol: str,
        strikes: Sequence[float],
        option_type: str,
        expiration: date,
        timestamp: datetime | None = None,
    ) -> dict[float, dict[str, float]]:
        found = self._at(index_symbol, timestamp)
        if found is None or found[1].session.day != expiration:
            return {}
        right, prices = right_of(option_type), {}
        for strike in strikes:
            leg = found[1].leg(float(strike), right)
            bid, ask = float(leg.bid[0]), float(leg.ask[0])
            if ask == ask:
                prices[float(strike)] = {"bid": bid, "ask": ask}
        return prices

    def _at(
        self, index_symbol: str, timestamp: datetime | None
    ) -> tuple[Loaded, Day, Index] | None:
        """The session of an instant as of it; None outside of sessions."""
        if timestamp is None or timestamp.tzinfo is None:
            raise UsageError(f"a recorded market is asked for an aware instant, got {timestamp}")
        ns = self._now_ns = instant_ns(timestamp)
        day = new_york(ns).date()
        found = sessions(day, day)
        if not found or not found[0].open_ns <= ns <= found[0].close_ns:
            return None
        index = find_index(index_symbol, {})
        loaded = self._load(index, found[0])
        rows = loaded.seen.as_of(ns, self._params)
        return loaded, load_day(rows, index, self._params, np.array([ns], np.int64)), index

    def _load(self, index: Index, session: Session) -> Loaded:
        key = (index.symbol, session.day)
        if key not in self._loaded:
            with Tail(self._database, index.symbol, session) as tail:
                rows = tail.read()
            seen = GrowingRows(str(self._database), index.symbol, session, COLUMNS)
            seen.add(rows)
            peaks = sorted((row for row in rows if row.table == "gex_peaks" and row.values[2] == 1),
                           key=lambda row: (row.ns, row.id))  # fmt: skip
            asked = RecordedProvider(
                self._database, index, session, lambda: self._now_ns, self._params
            )
            self._loaded = {key: Loaded(seen, peaks, asked)}  # one session at a time is kept
        return self._loaded[key]

    def _chain(self, loaded: Loaded, index: Index) -> list[dict[str, Any]]:
        chain = loaded.provider.chain(index, loaded.seen.session.day)
        return [option_record(quote) for quote in chain.quotes]


def peak_of(
    chain: Sequence[dict[str, Any]], spot: float, index: Index
) -> dict[str, float | None] | None:
    """The best peak of a chain, by the recorder's rule."""
    peaks = find_peaks(exposure_by_strike(chain_rows(chain), spot, index.multiplier), spot, index)
    if not peaks:
        return None
    best = peaks[0]
    return {"strike": best.strike, "gex": best.gex, "distance_from_price": best.distance,
            "proximity_score": best.score}  # fmt: skip


def right_of(option_type: str) -> Right:
    """The right of call, CALL, C, put, … Raises UsageError."""
    initial = option_type.strip()[:1].upper()
    if initial not in ("C", "P"):
        raise UsageError(f"option_type must be call or put, got {option_type!r}")
    return "C" if initial == "C" else "P"


def _only_now(timestamp: datetime | None) -> None:
    if timestamp is not None:
        raise UsageError("a live provider answers as of now; leave the timestamp out")


def _is_valid(quote: Quote) -> bool:
    return quote.ask is not None and quote.ask > 0 and (quote.bid or 0.0) <= quote.ask


def _prices(quote: Quote) -> dict[str, float]:
    return {"bid": quote.bid or 0.0, "ask": quote.ask or 0.0}


def _known(number: float) -> float | None:
    return number if number == number else None
