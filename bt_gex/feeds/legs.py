"""Option legs as feeds, and the spread over its legs as the instrument that is traded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import backtrader as bt
import numpy as np
import numpy.typing as npt

from bt_gex.feeds.backtrader_internals import BulkFeed, bt_stamps
from bt_gex.market.calendar import BAR_S
from bt_gex.market.contracts import Leg, Spread, SpreadContract
from bt_gex.market.quotes import Prices
from bt_gex.rules.gex.entry import AGES_APART, CONTRADICTORY, KINDS
from bt_gex.sessions.day import Day, LegQuotes
from bt_gex.trades.reasons import SkipKind


class OptionLegFeed(BulkFeed):
    """One option as a feed of its own, for `cerebro.adddata` beside a clock.

    Lines besides backtrader's own (open, high, low, close: the mid): bid, ask, mid; points, NaN
    where there is no valid quote. Stamps are the clock's.

    days, strike, right: the sessions, and which option ("C" or "P") of each session's expiry.
    """

    lines = ("bid", "ask", "mid")
    params = (
        ("days", ()),
        ("strike", 0.0),
        ("right", "C"),
        ("timeframe", bt.TimeFrame.Seconds),
        ("compression", BAR_S),
    )

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        legs = [day.leg(self.p.strike, self.p.right) for day in self.p.days]
        mid = np.concatenate([leg.mid for leg in legs])
        return {
            "datetime": bt_stamps(np.concatenate([day.grid for day in self.p.days])),
            **dict.fromkeys(("open", "high", "low", "close", "mid"), mid),
            "bid": np.concatenate([leg.bid for leg in legs]),
            "ask": np.concatenate([leg.ask for leg in legs]),
        }


class Moment(Protocol):
    """Where a clock stands: a session and the row of its grid."""

    @property
    def day(self) -> Day: ...
    @property
    def row(self) -> int: ...
    @property
    def ns(self) -> int: ...
    @property
    def is_close(self) -> bool: ...


class Clock(Protocol):
    """The feed that legs and spreads follow; a feed of backtrader's besides."""

    lines: Any
    p: Any
    _tz: Any

    def now(self) -> Moment: ...
    def date2num(self, when: Any) -> float: ...
    def num2date(self, number: float | None = None, **kwargs: Any) -> Any: ...
    def __len__(self) -> int: ...


class SlavedLine:
    """An array on the grid of one session, read where the clock stands: `line[0]` is now.

    Outside its session it is NaN; the future cannot be read (positive indexes raise).
    """

    __slots__ = ("_clock", "_day", "_values")

    def __init__(self, clock: Clock, day: Day, values: Prices) -> None:
        self._clock, self._day, self._values = clock, day, values

    def __getitem__(self, ago: int) -> float:
        if ago > 0:
            raise IndexError("a bar of the future was asked for")
        now = self._clock.now()
        row = now.row
        if now.day is not self._day or row + ago < 0:
            return float("nan")
        return float(self._values[row + ago])


class LegFeed:
    """One option of one session, slaved to the clock; costs microseconds to make.

    bid, ask, mid: lines in points, NaN where there is no valid quote.
    """

    __slots__ = ("ask", "bid", "leg", "mid", "quotes")

    def __init__(self, clock: Clock, day: Day, leg: Leg) -> None:
        self.leg = leg
        self.quotes: LegQuotes = day.leg(leg.strike, leg.right)
        self.bid = SlavedLine(clock, day, self.quotes.bid)
        self.ask = SlavedLine(clock, day, self.quotes.ask)
        self.mid = SlavedLine(clock, day, self.quotes.mid)


class SpreadFeed:
    """A spread over its leg feeds: one instrument to backtrader, sold to open, bought to close.

    name    unique among the spreads traded: it is the trade's order id
    close   line: what it costs at mid to buy the spread back, clamped to [0, width]; points
    value   the same as an array on the session's grid, NaN where it has no price
    path    value, where it had to be clamped, and why it has no price
    """

    _compensate = None

    def __init__(self, clock: Clock, day: Day, spread: Spread, name: str) -> None:
        self.clock, self.day, self.spread = clock, day, spread
        self._name = self._dataname = self.name = name
        self.legs = [LegFeed(clock, day, leg) for leg in spread.legs]
        self.path = day.path_of(spread)
        self.value = self.path.value
        self.close = SlavedLine(clock, day, self.value)

    @cached_property
    def contract(self) -> SpreadContract:
        """What is booked."""
        index = self.day.index
        return SpreadContract(
            index.option_root, self.day.session.day, self.spread, index.multiplier
        )

    def fault(self) -> SkipKind | None:
        """What is wrong now with the quotes of its legs taken together, each of them valid."""
        now = self.clock.now()
        if now.day is not self.day:
            return None
        number = int(self.path.unpriced[now.row])
        return KINDS[number - 1] if number in (AGES_APART, CONTRADICTORY) else None

    def is_over(self) -> bool:
        """Whether its session has come to the close."""
        now = self.clock.now()
        return now.is_close or now.day is not self.day

    def marked_at(self) -> float:
        """Points the spread is marked at now: the newest value; after its session the last one."""
        now = self.clock.now()
        row = now.row if now.day is self.day else len(self.value) - 1
        value = float(self.value[row])
        return value if value == value else float(carried_forward(self.value[: row + 1])[-1])

    # What backtrader's orders and trades ask of a feed, answered by the clock.
    @property
    def datetime(self) -> Any:
        return self.clock.lines.datetime

    @property
    def p(self) -> Any:
        return self.clock.p

    @property
    def _tz(self) -> Any:
        return self.clock._tz

    def date2num(self, when: Any) -> float:
        return float(self.clock.date2num(when))

    def num2date(self, number: float | None = None, **kwargs: Any) -> Any:
        return self.clock.num2date(number, **kwargs)

    def __len__(self) -> int:
        return len(self.clock)

    def __bool__(self) -> bool:
        return True

    def quotes(self) -> Sequence[tuple[Leg, float, float]]:
        """Each leg with its bid and ask now; NaN where it has no valid quote."""
        now = self.clock.now()
        row = now.row
        if now.day is not self.day:
            return [(feed.leg, math.nan, math.nan) for feed in self.legs]
        quotes = ((feed.leg, feed.quotes) for feed in self.legs)
        return [(leg, float(q.bid[row]), float(q.ask[row])) for leg, q in quotes]


def carried_forward(values: Prices) -> Prices:
    """Each NaN replaced by the last number before it; leading ones stay."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values)))
    result: Prices = values[np.maximum.accumulate(rows)]
    return result
