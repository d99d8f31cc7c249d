"""The driver's side of a replay that visits only the bars on which something can happen."""

from __future__ import annotations

from collections.abc import Iterator

import backtrader as bt
import numpy as np

from bt_gex.analyzers.trades import feed_of
from bt_gex.errors import EngineError
from bt_gex.feeds.clock import ClockFeed
from bt_gex.rules.gex.exits import end_of_day_ns, exit_possible, profit_target
from bt_gex.strategies.gex import GexStrategy, check_rows
from bt_gex.trades.events import OrderPending, SpreadClosed, SpreadOpened, SpreadSettled


class EventSchedule(bt.Analyzer):
    """Sets the bars that a `ClockFeed(events=True)` visits while a GexStrategy runs on it.

    They are the check times, the bars on which a pending entry is due, those on which an open
    spread could be closed, and every closing tick. It reads recorded values ahead of the clock and
    publishes none: a bar is visited or not, and what is decided there the strategy decides from its
    view. As an analyzer it knows each variant's parameters, and is asked after the strategy.
    """

    def start(self) -> None:
        clock, strategy = self.strategy.datas[0], self.strategy
        self._rows: dict[
            str, Iterator[np.int64]
        ] = {}  # by order id: bars on which it could be closed
        self._due: dict[str, int] = {}  # the next of them
        if not isinstance(clock, ClockFeed) or not clock.p.events:
            return
        if not isinstance(strategy, GexStrategy):
            raise EngineError(
                f"{type(strategy).__name__} needs every bar; give its ClockFeed events=False"
            )
        self._clock, self._exits = clock, strategy.exit_params
        times, exits = strategy.entry_params.times, strategy.exit_params
        clock.visit(lambda day: check_rows(day.session, times, exits))
        stream = strategy.broker.stream
        stream.subscribe(OrderPending, self._pending)
        stream.subscribe(SpreadOpened, self._opened)
        stream.subscribe(SpreadClosed, self._left)
        stream.subscribe(SpreadSettled, self._left)

    def next(self) -> None:
        if not self._due:
            return
        row = self._clock.now().row
        for name in [name for name, due in self._due.items() if due <= row]:
            self._plan(name)

    def stop(self) -> None:
        self._rows, self._due = {}, {}  # what is left of them would be sent between processes

    def _pending(self, event: OrderPending) -> None:
        self._clock.wake(event.due_row)

    def _opened(self, event: SpreadOpened) -> None:
        feed = feed_of(event)
        row = self._clock.now().row
        confidence = event.facts.confidence if event.facts else None
        possible = exit_possible(
            event.credit,
            feed.value,
            int(np.searchsorted(feed.day.grid, end_of_day_ns(feed.day.session, self._exits))),
            profit_target(confidence or "", self._exits),
            self._exits,
        )
        later = row + 1 + np.flatnonzero(possible[row + 1 : -1])
        self._rows[feed.name] = iter(later)
        self._plan(feed.name)

    def _left(self, event: SpreadClosed | SpreadSettled) -> None:
        name = event.instrument.name
        self._rows.pop(name, None)
        self._due.pop(name, None)

    def _plan(self, name: str) -> None:
        """Visit the next bar on which an open spread could be closed."""
        row = next(self._rows[name], None)
        if row is None:
            self._due.pop(name, None)
            return
        self._due[name] = int(row)
        self._clock.wake(int(row))
