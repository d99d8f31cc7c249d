"""The clock: index price, VIX and pin of one index, one bar every 30 seconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import backtrader as bt
import numpy as np
import numpy.typing as npt

from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import BulkFeed, bt_stamps
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import BAR_S, Session
from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.indexes import Index
from bt_gex.sessions.day import Day


class Tick(NamedTuple):
    """Where the clock stands: a session and the row of its grid; the last row is the close.

    It is the view of the market on this bar. `day` holds the whole session, later bars included:
    it is for drivers and reports, not for a strategy.
    """

    day: Day
    row: int

    @property
    def ns(self) -> int:
        """The instant, nanoseconds UTC."""
        return int(self.day.grid[self.row])

    @property
    def is_close(self) -> bool:
        """Whether this is the closing tick, after the last bar: only settlements happen on it."""
        return self.row == len(self.day.grid) - 1

    @property
    def index_spec(self) -> Index:
        return self.day.index

    @property
    def session(self) -> Session:
        return self.day.session

    @property
    def spot(self) -> float:
        return float(self.day.spot[self.row])

    @property
    def vix(self) -> float:
        return float(self.day.vix[self.row])

    @property
    def pin(self) -> float:
        return float(self.day.pin[self.row])

    def quote(self, leg: Leg) -> tuple[float, float]:
        """Bid and ask of an option; NaN where it has no valid quote."""
        quotes = self.day.leg(leg.strike, leg.right)
        return float(quotes.bid[self.row]), float(quotes.ask[self.row])

    def value(self, spread: Spread) -> float:
        """What buying a spread back costs at mid, clamped to its width; NaN without a price."""
        return float(self.day.path_of(spread).value[self.row])


class Schedule:
    """The ticks to visit: some known from the start, some added on the way."""

    def __init__(self, ticks: Iterable[int]) -> None:
        self._ticks = sorted(set(ticks))

    def wake(self, tick: int) -> None:
        """Visit this tick, too."""
        heapq.heappush(self._ticks, tick)

    def next_from(self, tick: int) -> int | None:
        """The first tick to visit at or after the given one; None when there is none left."""
        while self._ticks and self._ticks[0] < tick:
            heapq.heappop(self._ticks)
        return self._ticks[0] if self._ticks else None


class ClockFeed(BulkFeed):
    """Drives a replay: sessions of one index, each bar and then the closing tick.

    Lines besides backtrader's own (open, high, low, close: the index price; stamps naive UTC):
    vix, pin and `tick`, the number of the tick since the start. NaN is missing.

    days     the sessions in order, of one index
    events   visit only the ticks of `schedule`, which the driver sets before the first one, see
             `runs.schedule`
    """

    lines = ("vix", "pin", "tick")
    params = (
        ("days", ()),
        ("events", False),
        ("timeframe", bt.TimeFrame.Seconds),
        ("compression", BAR_S),
        ("name", "clock"),
    )

    def __init__(self) -> None:
        super().__init__()
        days: Sequence[Day] = self.p.days
        symbols = {day.index.symbol for day in days}
        if not days or len(symbols) > 1:
            got = ", ".join(sorted(symbols)) or "no session"
            raise EngineError(f"a clock takes sessions of exactly one index, got {got}")
        self.schedule: Schedule | None = None
        self._day_of = [n for n, day in enumerate(days) for _ in day.grid]
        self._first = [0, *accumulate(len(day.grid) for day in days)]
        self._row_of = [row for day in days for row in range(len(day.grid))]
        self._tick_line = self.lines.tick
        self._tick_number = -1
        self._tick: Tick | None = None

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        days: Sequence[Day] = self.p.days
        spot = np.concatenate([day.spot for day in days])
        return {
            "datetime": bt_stamps(np.concatenate([day.grid for day in days])),
            **dict.fromkeys(("open", "high", "low", "close"), spot),
            "vix": np.concatenate([day.vix for day in days]),
            "pin": np.concatenate([day.pin for day in days]),
            "tick": np.arange(len(spot), dtype=np.float64),
        }

    def islive(self) -> bool:
        """With events the next bar depends on the last one: backtrader must not preload."""
        return bool(self.p.events)

    def _load(self) -> bool:
        if self.p.events:
            if self.schedule is None:
                raise EngineError(
                    "a clock with events=True needs a schedule; add the analyzer "
                    "bt_gex.runs.schedule.EventSchedule"
                )
            tick = self.schedule.next_from(self._next_row)
            if tick is None:
                return False
            self._next_row = tick
        return super()._load()

    def wake(self, row: int) -> None:
        """Visit this row of the current session; without effect when every tick is visited."""
        if self.schedule is not None:
            self.schedule.wake(int(self.lines.tick[0]) - self.now().row + row)

    def visit(self, rows: Callable[[Day], Iterable[int]]) -> None:
        """Set the schedule: these rows of each session, and every closing tick."""
        ticks = []
        for day, first in zip(self.p.days, self._first, strict=False):
            ticks += [first + row for row in (*rows(day), len(day.grid) - 1)]
        self.schedule = Schedule(ticks)

    def now(self) -> Tick:
        """Session and row of the current bar. Read from a line, so never ahead of the clock."""
        tick = self.tick_now()
        if tick is None:
            raise EngineError("the clock has not started; ask it from next()")
        return tick

    def instrument(self, spread: Spread, name: str) -> SpreadFeed:
        """A spread of the current session, to be traded under a name."""
        return SpreadFeed(self, self.now().day, spread, name)

    def tick_now(self) -> Tick | None:
        """As `now`, the same object while the clock stands still; None before the first bar."""
        line = self._tick_line
        if not len(line):
            return None
        number = int(line[0])
        if number != self._tick_number:
            self._tick_number = number
            self._tick = Tick(self.p.days[self._day_of[number]], self._row_of[number])
        return self._tick
