"""A recording that begins when a trigger says so, with the bars before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bt_gex.market.calendar import utc
from bt_gex.recordings.records import OptionRows, RecordedBar, RecordedEvent, RecordedSession
from bt_gex.recordings.triggers import Watch
from bt_gex.recordings.writer import Sink


@dataclass(slots=True)
class TriggeredSink:
    """Passes on what is recorded from when a `start` trigger has fired; without one, everything.

    Until then only the newest bars are kept, in memory: the pre-roll of each symbol and the bar on
    which it fires. What happened before is not recorded.
    """

    sink: Sink
    watch: Watch
    begun: bool = False
    _session: RecordedSession | None = None
    _bars: dict[str, deque[RecordedBar]] = field(default_factory=dict)
    _options: dict[int, OptionRows] = field(default_factory=dict)
    _dropped_bars: int = 0
    _dropped_events: int = 0
    _first_time: datetime | None = None
    _facts: dict[str, object] = field(default_factory=dict)

    def begin(self, session: RecordedSession) -> None:
        self._session = session
        if not self.watch.waits:
            self._begin(session)

    def _begin(self, session: RecordedSession) -> None:
        self.begun = True
        self.sink.begin(session)

    def append(
        self,
        bars: Sequence[RecordedBar],
        events: Sequence[RecordedEvent],
        options: Sequence[OptionRows],
        *,
        now: datetime,
        changes: Mapping[str, Any],
    ) -> None:
        columns = dict(changes)
        if not self.begun:
            self._keep(bars, options)
            if self.watch.waits:
                self._dropped_events += len(events)
                return
            bars, options = self._start()
        if self._first_time is not None:
            columns["first_bar_time"] = self._first_time
        if self._facts and "environment" in columns:
            known = {**columns["environment"], **self._facts}
            known.pop("data_sha256", None)  # of bars that were not kept, too
            columns["environment"] = known
        self.sink.append(
            [bar._replace(sequence=self._place(bar.sequence)) for bar in bars],
            [self._placed(event) for event in events],
            [one._replace(sequence=self._place(one.sequence)) for one in options],
            now=now,
            changes={
                **columns,
                "total_bars_recorded": columns["total_bars_recorded"] - self._dropped_bars,
                "total_events_recorded": columns["total_events_recorded"] - self._dropped_events,
            },
        )

    def _keep(self, bars: Sequence[RecordedBar], options: Sequence[OptionRows]) -> None:
        most = self.watch.pre_roll + 1  # the newest one is that on which a trigger may fire
        for bar in bars:
            self._bars.setdefault(bar.symbol, deque(maxlen=most)).append(bar)
        self._options.update({one.sequence: one for one in options})
        kept = {bar.sequence for ring in self._bars.values() for bar in ring}
        self._options = {n: one for n, one in self._options.items() if n in kept}

    def _start(self) -> tuple[list[RecordedBar], list[OptionRows]]:
        """Recording begins on the newest bar."""
        assert self._session
        kept = sorted(bar for ring in self._bars.values() for bar in ring)
        newest = max((bar.ts_ns for bar in kept), default=0)
        if kept:
            self._dropped_bars = kept[-1].sequence - (len(kept) - 1)
            self._first_time = utc(min(bar.ts_ns for bar in kept))
        numbers = {bar.sequence: self._dropped_bars + place for place, bar in enumerate(kept)}
        bars = [bar._replace(sequence=numbers[bar.sequence]) for bar in kept]
        options = [one._replace(sequence=numbers[n]) for n, one in sorted(self._options.items())]
        before = sum(bar.ts_ns < newest for bar in kept)
        facts = self._facts = {"pre_roll": before, "incomplete": self.watch.busy}
        self._begin(self._session.finished(environment={**self._session.environment, **facts}))
        self._bars, self._options = {}, {}
        return bars, options

    def _place(self, sequence: int) -> int:
        return sequence - self._dropped_bars

    def _placed(self, event: RecordedEvent) -> RecordedEvent:
        newest = event.bar_sequence
        return event._replace(
            sequence=event.sequence - self._dropped_events,
            bar_sequence=None if newest is None else max(self._place(newest), 0),
        )

    def bar_at(self, symbol: str, ts_ns: int) -> RecordedBar | None:
        if self.begun:
            return self.sink.bar_at(symbol, ts_ns)
        return next((bar for bar in self._bars.get(symbol, ()) if bar.ts_ns == ts_ns), None)
