"""Writing a recording: sequences, duplicates, batches, states. What is kept is kept by a sink."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from bt_gex.errors import BtGexError, RecordingBusy
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.recordings.columns import MarketDigest
from bt_gex.recordings.figures import TOLERANCE
from bt_gex.recordings.records import (
    BAR_CORRECTED,
    ERROR,
    POSITION_CLOSED,
    BarValues,
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedSession,
    Totals,
)
from bt_gex.recordings.store import RecordingStore, original
from bt_gex.recordings.values import iso, mapping_of

log = logging.getLogger(__name__)
FLUSH_BARS = 500
FLUSH_S = 5.0
MOST_WAITING = 20_000  # bars that wait in memory, whatever the time


class Sink(Protocol):
    """Where the rows of one recording go."""

    def begin(self, session: RecordedSession) -> None: ...

    def append(
        self,
        bars: Sequence[RecordedBar],
        events: Sequence[RecordedEvent],
        options: Sequence[OptionRows],
        *,
        now: datetime,
        changes: Mapping[str, object],
    ) -> None: ...

    def bar_at(self, symbol: str, ts_ns: int) -> RecordedBar | None: ...


class StoreSink:
    """Rows that go into a store."""

    def __init__(self, store: RecordingStore, recording_id: str) -> None:
        self.store, self.recording_id = store, recording_id

    def begin(self, session: RecordedSession) -> None:
        self.store.begin(session)

    def append(
        self,
        bars: Sequence[RecordedBar],
        events: Sequence[RecordedEvent],
        options: Sequence[OptionRows],
        *,
        now: datetime,
        changes: Mapping[str, object],
    ) -> None:
        self.store.append(self.recording_id, bars, events, options, now=now, changes=changes)

    def bar_at(self, symbol: str, ts_ns: int) -> RecordedBar | None:
        return self.store.bar_at(self.recording_id, symbol, ts_ns)


class MemorySink:
    """Events of a replay, kept for its result; its bars are those of the recording."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []

    def begin(self, session: RecordedSession) -> None:
        pass

    def append(
        self,
        bars: Sequence[RecordedBar],
        events: Sequence[RecordedEvent],
        options: Sequence[OptionRows],
        *,
        now: datetime,
        changes: Mapping[str, object],
    ) -> None:
        self.events += events

    def bar_at(self, symbol: str, ts_ns: int) -> RecordedBar | None:
        return None


class RecordingWriter:
    """One recording from its start to its end.

    keep_bars      False: only what happened is kept, not the market
    flush_bars     bars that are written together
    flush_seconds  after so long what waits is written, whether or not more comes; each writing is
                   a sign of life, see `store.SILENT_S`. 0 starts no thread that sees to it
    commit_seconds  least time between two writings that `flush_soon` and full batches make: a run
                   over recorded bars has thousands of bars a second, and a disk is slow
    clock          the wall clock
    """

    def __init__(
        self,
        sink: Sink,
        session: RecordedSession,
        *,
        keep_bars: bool = True,
        flush_bars: int = FLUSH_BARS,
        flush_seconds: float = FLUSH_S,
        commit_seconds: float = 0.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.sink, self.session = sink, session
        self.active = True
        self._keep_bars, self._flush_bars, self._clock = keep_bars, flush_bars, clock
        self._commit_s, self._committed = commit_seconds, -math.inf
        self._bars: list[RecordedBar] = []
        self._events: list[RecordedEvent] = []
        self._options: list[OptionRows] = []
        self._changes: dict[str, object] = {}
        self._next_bar = self._next_event = 0
        self._last: dict[str, tuple[int, BarValues]] = {}  # newest bar of each symbol
        self._first_ns: int | None = None
        self._now_ns: int | None = None  # of the newest bar
        self._pnls: list[float] = []
        self._digest = MarketDigest()
        self._lock = threading.RLock()
        self._failure: BtGexError | None = None
        sink.begin(session)
        self._ended = threading.Event()
        if flush_seconds:
            threading.Thread(
                target=self._keep_alive, args=(flush_seconds,), daemon=True, name="recording"
            ).start()

    @property
    def recording_id(self) -> str:
        """The recording's id."""
        return self.session.recording_id

    @property
    def bars(self) -> int:
        """Bars so far."""
        return self._next_bar

    @property
    def events(self) -> int:
        """Events so far."""
        return self._next_event

    @property
    def now_ns(self) -> int | None:
        """Instant of the newest bar."""
        return self._now_ns

    def forget_trades(self) -> None:
        """Leave the positions closed so far out of the totals: they are not recorded."""
        self._pnls.clear()

    @property
    def totals(self) -> Totals:
        """What the closed positions come to so far."""
        wins = sum(pnl > 0 for pnl in self._pnls)
        rate = 100.0 * wins / len(self._pnls) if self._pnls else 0.0
        return Totals(len(self._pnls), sum(self._pnls), rate)

    # ---------------------------------------------------------------------------------- rows

    def bar(
        self,
        symbol: str,
        ts_ns: int,
        values: BarValues,
        indicators: Mapping[str, object] | None = None,
    ) -> None:
        """Add a bar; one that is there already is not added again."""
        with self._lock:
            self._raise_failure()
            last = self._last.get(symbol)
            if last is not None and ts_ns <= last[0]:
                self._not_new(symbol, ts_ns, values, last)
                return
            if symbol not in self.session.symbols:
                self._changes["symbols_recorded"] = self._with_symbol(symbol)
            self._last[symbol] = (ts_ns, values)
            if self._now_ns is None or ts_ns > self._now_ns:
                self._now_ns = ts_ns
            if self._first_ns is None:
                self._first_ns = ts_ns
            if not self._keep_bars:
                return
            self._bars.append(
                RecordedBar(self._next_bar, symbol, ts_ns, values, mapping_of(indicators))
            )
            self._next_bar += 1
            self._digest.add(symbol, ts_ns, values)
            waiting = len(self._bars)
            if waiting >= MOST_WAITING:
                self.flush()
            elif waiting >= self._flush_bars:
                self.flush_soon()

    def _with_symbol(self, symbol: str) -> str:
        self.session = self.session.finished(symbols=(*self.session.symbols, symbol))
        return ",".join(self.session.symbols)

    def _not_new(
        self, symbol: str, ts_ns: int, values: BarValues, last: tuple[int, BarValues]
    ) -> None:
        """A bar of an instant that is there already, or one that comes too late."""
        known: BarValues | None = last[1]
        if ts_ns < last[0]:
            self.flush()
            earlier = self.sink.bar_at(symbol, ts_ns) if self._keep_bars else None
            known = earlier.values if earlier else None
        if known is None:
            self.event(
                ERROR,
                symbol=symbol,
                data={
                    "error": "bar out of order",
                    "bar_time": iso(ts_ns),
                    "newest_bar_time": iso(last[0]),
                    "bar": values._asdict(),
                },
            )
        elif not same_values(known, values):
            self.event(
                BAR_CORRECTED,
                symbol=symbol,
                data={
                    "bar_time": iso(ts_ns),
                    "recorded": known._asdict(),
                    "corrected": values._asdict(),
                },
            )

    def event(
        self,
        event_type: str,
        *,
        symbol: str | None = None,
        data: Mapping[str, object] | None = None,
        decision: Mapping[str, object] | None = None,
        market: Mapping[str, object] | None = None,
        ts_ns: int | None = None,
        commit: bool = True,
    ) -> None:
        """Add an event at the time of the newest bar, and write all there is.

        ts_ns   its time; by default that of the newest bar, without one the wall clock
        commit  False leaves writing to the next `flush`
        """
        with self._lock:
            self._raise_failure()
            wall_ns = instant_ns(self._clock())
            at_ns = self._now_ns if ts_ns is None else ts_ns
            event = RecordedEvent(
                self._next_event,
                event_type,
                wall_ns if at_ns is None else at_ns,
                wall_ns,
                self._next_bar - 1 if self._next_bar else None,
                symbol,
                mapping_of(data) or {},
                mapping_of(decision),
                mapping_of(market),
            )
            self._next_event += 1
            self._events.append(event)
            if event_type == POSITION_CLOSED:
                pnl = event.data.get("pnl")
                self._pnls.append(float(pnl) if isinstance(pnl, int | float) else 0.0)
            if commit:
                self.flush()

    def option_rows(self, blob: bytes) -> None:
        """Add the option rows first seen on the newest bar."""
        with self._lock:
            self._options.append(OptionRows(self._next_bar - 1, blob))

    def change(self, **columns: Any) -> None:
        """Change columns of the recording's row with the next writing."""
        with self._lock:
            self._changes.update(columns)

    def flush_soon(self) -> None:
        """Write what waits unless that was done within the last `commit_seconds`."""
        if time.monotonic() - self._committed >= self._commit_s:
            self.flush()

    def flush(self) -> None:
        """Write what waits. Raises RecordingError; what could not be written waits on."""
        with self._lock:
            self._write({})

    def _write(self, more: Mapping[str, object]) -> None:
        now = self._clock()
        changes = {
            **self._changes,
            "total_bars_recorded": self._next_bar,
            "total_events_recorded": self._next_event,
            "first_bar_time": None if self._first_ns is None else utc(self._first_ns),
            "last_bar_time": None if self._now_ns is None else utc(self._now_ns),
            "heartbeat": now,
            **more,
        }
        self.sink.append(self._bars, self._events, self._options, now=now, changes=changes)
        self._bars, self._events, self._options, self._changes = [], [], [], {}
        self._committed = time.monotonic()

    # --------------------------------------------------------------------------------- states

    def end(self, status: str, **columns: Any) -> None:
        """Write the rest and the state the recording ends in; nothing is added after it."""
        with self._lock:
            if not self.active:
                return
            self._raise_failure()
            more = {"status": status, "recording_end_time": self._clock(), **columns}
            facts = more.get("environment", self.session.environment)
            more["environment"] = {**facts, "data_sha256": self._digest.sha256()}
            self._write({**original(self.totals), **more})
            self.session = self.session.finished(status=status)
            self.active = False
            self._ended.set()

    def abandon(self) -> None:
        """Add nothing more and write nothing more."""
        with self._lock:
            self.active = False
            self._ended.set()

    def _keep_alive(self, seconds: float) -> None:
        while not self._ended.wait(seconds):
            with self._lock:
                if not self.active:
                    return
                try:
                    self._write({})
                except RecordingBusy as error:  # what waits is written with the next sign of life
                    log.warning("recording %s: %s", self.recording_id, error)
                except BtGexError as error:
                    self._failure = error
                    return

    def _raise_failure(self) -> None:
        """Raise what stopped writing in the background to whoever adds something."""
        if self._failure is not None:
            raise self._failure


def same_values(one: BarValues, other: BarValues) -> bool:
    """Whether two bars are equal, up to TOLERANCE."""
    return all(
        a == b or (a is not None and b is not None and abs(a - b) <= TOLERANCE)
        for a, b in zip(one, other, strict=True)
    )
