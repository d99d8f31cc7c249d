"""Recording a market: a provider is asked on the 30-second grid, a blackbox gets what it answers.

It is asked a few seconds before each bar, so that the answer counts on it. What comes is stamped
with the instant it was received. What does not come, or is older than it may be, is a failure with
its cause, never an absence. The recorder decides nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime, time
from typing import Protocol

from bt_gex.blackbox.appender import Failure
from bt_gex.errors import OutputError, ProviderError
from bt_gex.live.clock import Clock
from bt_gex.live.provider import VIX, Chain, Level, Provider, Quote, age_s
from bt_gex.market.calendar import BAR_NS, NS, Session, new_york, utc
from bt_gex.market.gamma import Competing, chain_rows, competing, exposure_by_strike, find_peaks
from bt_gex.market.indexes import Index

log = logging.getLogger(__name__)

LEAD_S = 5.0  # before a bar's instant
CHECK_TIMES = (
    time(9, 36), time(10), time(10, 30), time(11), time(11, 30), time(12), time(12, 30), time(13),
    time(13, 30), time(14), time(14, 30), time(15),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordParams:
    """What is recorded, and how old an answer may be.

    max_age_s      of index price, VIX and the newest quote of a chain; by their own times
    within_points  strikes kept either side of the index price, times the index's scale
    peaks_at       times, New York, of peaks and context; None: on every bar
    chains_at      times, New York, of whole chains
    """

    max_age_s: float = 120.0
    within_points: float = 250.0
    peaks_at: tuple[time, ...] | None = None
    chains_at: tuple[time, ...] = CHECK_TIMES


class Sink(Protocol):
    """Where rows go: a blackbox's Appender."""

    def append(
        self,
        index: str,
        rows: Mapping[str, Sequence[Sequence[object]]],
        failed: Sequence[Failure] = (),
    ) -> None: ...


@dataclass(slots=True)
class Polled:
    """What came of one poll: rows by table, and what did not come."""

    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)


class Recorder:
    """Records indexes through one session.

    on_poll  told the index and what came of each poll
    """

    def __init__(
        self,
        provider: Provider,
        sink: Sink,
        indexes: Sequence[Index],
        session: Session,
        clock: Clock,
        params: RecordParams | None = None,
        on_poll: Callable[[Index, Polled], None] = lambda index, polled: None,
    ) -> None:
        self._provider, self._sink, self._indexes = provider, sink, tuple(indexes)
        self._session, self._clock = session, clock
        self._params = params or RecordParams()
        self._on_poll = on_poll
        self._unwritten: list[tuple[Index, Polled]] = []

    def run(self) -> bool:
        """Record until the close; False when stopped before."""
        for due_ns in self.instants():
            if due_ns + BAR_NS <= self._clock.now():
                continue  # it is over: what it would have shown is not made up
            if not self._clock.wait_until(due_ns):
                return False
            for index in self._indexes:
                self._write(index, self.poll(index))
        return True

    def instants(self) -> list[int]:
        """When the provider is asked: at the open, then before each bar, and before the close."""
        session, lead_ns = self._session, round(LEAD_S * NS)
        grid = [int(ns) - lead_ns for ns in session.grid()]
        return [session.open_ns, *grid[1:]]

    def poll(self, index: Index) -> Polled:
        """Ask for one index; never raises for what a provider does not answer."""
        polled = Polled()
        spot, vix = self._levels(index, polled)
        chain = self._chain(index, polled)
        stamp_ns = self._clock.now()
        stamp = f"{utc(stamp_ns):%Y-%m-%d %H:%M:%S.%f}"
        key = (stamp, index.symbol)
        if spot is not None and self._is_time(self._params.peaks_at, stamp_ns):
            polled.rows["market_context"] = [(*key, spot, vix, None, None)]
        if chain is None:
            return polled
        polled.rows["options_prices_live"] = self._quotes(key, index, chain, spot)
        if spot is not None:
            self._add_peaks(polled, key, index, chain, (spot, vix), stamp_ns)
        return polled

    def _levels(self, index: Index, polled: Polled) -> tuple[float | None, float | None]:
        names = {index.symbol: "index price", VIX: "VIX"}
        try:
            found = self._provider.levels(tuple(names))
        except ProviderError as error:
            for what in names.values():
                self._fail(polled, what, str(error))
            return None, None
        values = [self._fresh(found.get(symbol), what, polled) for symbol, what in names.items()]
        return values[0], values[1]

    def _fresh(self, level: Level | None, what: str, polled: Polled) -> float | None:
        if level is None or level.price is None:
            self._fail(polled, what, "the provider knows none")
            return None
        return level.price if self._is_fresh(level.at_ns, what, polled) else None

    def _chain(self, index: Index, polled: Polled) -> Chain | None:
        try:
            chain = self._provider.chain(index, self._session.day)
        except ProviderError as error:
            self._fail(polled, "chain", str(error))
            return None
        if not chain.quotes:
            self._fail(polled, "chain", f"no {index.option_root} options of {self._session.day}")
            return None
        return chain if self._is_fresh(chain.at_ns, "chain", polled) else None

    def _is_fresh(self, at_ns: int, what: str, polled: Polled) -> bool:
        """By the quote's own time: an answer that came is not yet a new one."""
        age = age_s(at_ns, self._clock.now())
        if age <= self._params.max_age_s:
            return True
        old = "without a time of its own" if at_ns <= 0 else f"{age:.0f} s old"
        self._fail(polled, what, f"stale: {old}, at most {self._params.max_age_s:g} s")
        return False

    def _fail(self, polled: Polled, what: str, cause: str) -> None:
        log.warning("%s: %s", what, cause)
        polled.failed.append(Failure(self._clock.now(), what, cause))

    def _quotes(
        self, key: tuple[str, str], index: Index, chain: Chain, spot: float | None
    ) -> list[tuple[object, ...]]:
        within = self._params.within_points * index.scale
        return [
            (*key, quote.strike, "call" if quote.right == "C" else "put", quote.bid, quote.ask,
             _mid(quote.bid, quote.ask), quote.last, quote.volume, quote.open_interest)
            for quote in chain.quotes
            if spot is None or abs(quote.strike - spot) <= within
        ]  # fmt: skip

    def _add_peaks(
        self,
        polled: Polled,
        key: tuple[str, str],
        index: Index,
        chain: Chain,
        level: tuple[float, float | None],
        stamp_ns: int,
    ) -> None:
        spot, vix = level
        options = [option_record(quote) for quote in chain.quotes]
        if self._is_time(self._params.peaks_at, stamp_ns):
            exposure = exposure_by_strike(chain_rows(options), spot, index.multiplier)
            peaks = find_peaks(exposure, spot, index)
            polled.rows["gex_peaks"] = [(*key, *astuple(peak)) for peak in peaks]
            found = competing(peaks, spot)
            shown = found if found.is_competing else Competing(False)
            polled.rows["competing_peaks"] = [(*key, *astuple(shown))] if peaks else []
        if self._is_time(self._params.chains_at, stamp_ns):
            text = json.dumps(options, separators=(",", ":"), allow_nan=False)
            day = self._session.day.isoformat()
            polled.rows["options_snapshots"] = [(*key, spot, vix, day, text)]

    def _is_time(self, times: tuple[time, ...] | None, stamp_ns: int) -> bool:
        """Whether a poll belongs to one of these times: the bar it is made for is."""
        if times is None:
            return True
        bar = -((self._session.open_ns - stamp_ns) // BAR_NS)  # the next one
        when: datetime = new_york(self._session.open_ns + bar * BAR_NS)
        return when.time() in times

    def _write(self, index: Index, polled: Polled) -> None:
        """Append what came; what a database did not take is kept for the next time, as stamped."""
        self._unwritten.append((index, polled))
        while self._unwritten:
            one, what = self._unwritten[0]
            try:
                self._sink.append(one.symbol, what.rows, what.failed)
            except OutputError as error:
                log.warning("%s; it is written with the next poll", error)
                what.failed.append(Failure(self._clock.now(), "database", str(error)))
                break
            self._unwritten.pop(0)
        self._on_poll(index, polled)


def _mid(bid: float | None, ask: float | None) -> float | None:
    """As the recorder's own column has it: NULL when a side is missing or 0."""
    return (bid + ask) / 2 if bid and ask else None


def option_record(quote: Quote) -> dict[str, object]:
    """An option in the form a recorded chain has."""
    return {
        "strike": quote.strike,
        "option_type": "call" if quote.right == "C" else "put",
        "bid": quote.bid,
        "ask": quote.ask,
        "last": quote.last,
        "open_interest": quote.open_interest,
        "volume": quote.volume,
        "greeks": quote.greeks,
    }
