"""Controls for `bt-gex lookahead --self-test`: positive ones read the future, negative ones don't.

A rule is called with the clock on every tick; None is no decision.
"""

from __future__ import annotations

from datetime import time
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np

from bt_gex.feeds.clock import ClockFeed, Tick
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.contracts import make_spread
from bt_gex.market.grid import round_to_grid
from bt_gex.market.quotes import Prices
from bt_gex.strategies.gex import GexStrategy

BAR = 10  # ticks of a five-minute bar
HALF_WINDOW = 20  # ticks either side of a centred average: ten minutes
EVERY = 20  # ticks between two decisions: ten minutes


class Control(NamedTuple):
    """A strategy class or a rule, and whether it reads the future (a positive control).

    reads  the data it decides by, in words
    """

    made: Any
    looks_ahead: bool
    reads: str


class Sells(bt.Strategy):
    """Sells a put spread below the index price when `decide` does; it stays open to the close."""

    def __init__(self) -> None:
        self.clock: ClockFeed = self.data

    def next(self) -> None:
        tick = self.clock.now()
        price = tick.spot
        if not tick.is_close and price == price:
            self.decide(tick, price)

    def decide(self, tick: Tick, price: float) -> None:
        """Called on every bar with an index price."""
        raise NotImplementedError

    def spread(self, tick: Tick, price: float) -> SpreadFeed:
        """A put spread, its short strike two increments below the index price."""
        step = tick.day.index.strike_increment
        short = round_to_grid(price - 2 * step, step)
        name = f"control-{tick.day.session.day}-{tick.row}"
        return self.clock.instrument(make_spread("PUT", (short, short - 2 * step)), name)


class FutureQuote(Sells):
    """Sells where the quotes of ten minutes later are lower."""

    def decide(self, tick: Tick, price: float) -> None:
        if tick.row % EVERY == 0:
            feed = self.spread(tick, price)
            later = min(tick.row + EVERY, len(feed.value) - 1)
            short = feed.legs[0].quotes.mid
            if short[later] < short[tick.row]:
                self.sell(data=feed, size=1)


class NextBar(Sells):
    """Sells before the index price rises: `close[1]` of a preloaded feed is the next bar."""

    def decide(self, tick: Tick, price: float) -> None:
        if self.clock.close[1] > price:
            self.sell(data=self.spread(tick, price), size=1)


class WholeDayLow(Sells):
    """Sells once a day, at its low, known only at the close."""

    def __init__(self) -> None:
        super().__init__()
        self.sold_on: Any = None

    def decide(self, tick: Tick, price: float) -> None:
        day = tick.day.session.day
        if self.sold_on != day and price <= np.nanmin(tick.day.spot):
            self.sold_on = day
            self.sell(data=self.spread(tick, price), size=1)


class BarInProgress(Sells):
    """Sells at the beginning of a five-minute bar that closes no lower than it opened."""

    def decide(self, tick: Tick, price: float) -> None:
        if tick.row % (2 * BAR) == 0 and tick.day.spot[tick.row + BAR - 1] >= price:
            self.sell(data=self.spread(tick, price), size=1)


class AtTen(Sells):
    """Sells at 10:00 New York, and takes half of the credit."""

    def __init__(self) -> None:
        super().__init__()
        self.open: SpreadFeed | None = None

    def decide(self, tick: Tick, price: float) -> None:
        if tick.row == tick.day.session.bar_at(time(10, 0)):
            self.sell(data=self.spread(tick, price), size=1)
        elif self.open and self.open.close[0] <= self.getposition(self.open).price / 2:
            self.buy(data=self.open, size=1)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            self.open = order.data if order.issell() else None


class AboveAverage(Sells):
    """Sells every ten minutes while the index price is at or above its trailing average."""

    def __init__(self) -> None:
        super().__init__()
        self.average = bt.indicators.SMA(self.data.close, period=BAR)

    def decide(self, tick: Tick, price: float) -> None:
        if tick.row % EVERY == 0 and price >= self.average[0]:
            self.sell(data=self.spread(tick, price), size=1)


def centred_average(clock: ClockFeed) -> str | None:
    """Which side of its centred average the index price is on."""
    day, row = clock.now()
    return _side(clock.close[0], day.spot[max(row - HALF_WINDOW, 0) : row + HALF_WINDOW + 1])


def trailing_average(clock: ClockFeed) -> str | None:
    """Which side of its trailing average the index price is on."""
    day, row = clock.now()
    return _side(clock.close[0], day.spot[max(row - 2 * HALF_WINDOW, 0) : row + 1])


def whole_day_high(clock: ClockFeed) -> str | None:
    """Whether the index price is at the day's high, known only at the close."""
    day, _ = clock.now()
    return "at the high" if clock.close[0] >= _highest(day.spot) else None


def running_high(clock: ClockFeed) -> str | None:
    """Whether the index price is at the day's high so far."""
    day, row = clock.now()
    return "at the high" if clock.close[0] >= _highest(day.spot[: row + 1]) else None


def bar_in_progress(clock: ClockFeed) -> str | None:
    """The direction of the five-minute bar, its close taken before it has closed."""
    day, row = clock.now()
    first = row - row % BAR
    return _direction(day.spot[first : first + BAR])


def finished_bar(clock: ClockFeed) -> str | None:
    """The direction of the last five-minute bar that has closed."""
    day, row = clock.now()
    first = row - row % BAR - BAR
    return _direction(day.spot[first : first + BAR]) if first >= 0 else None


def _side(price: float, window: Prices) -> str | None:
    known = window[~np.isnan(window)]
    if price != price:
        return None
    return "above" if price > known.mean() else "below"


def _highest(prices: Prices) -> float:
    return float(np.max(prices[~np.isnan(prices)], initial=-np.inf))


def _direction(bar: Prices) -> str | None:
    first, last = float(bar[0]), float(bar[-1])
    if first != first or last != last:
        return None
    return "up" if last > first else "not up"


CONTROLS: tuple[Control, ...] = (
    Control(FutureQuote, True, "a leg's quote of ten minutes later"),
    Control(NextBar, True, "close[1], the next bar's index price"),
    Control(WholeDayLow, True, "the whole day's low"),
    Control(BarInProgress, True, "the close of the five-minute bar in progress"),
    Control(centred_average, True, "a centred average of the index price"),
    Control(whole_day_high, True, "the whole day's high"),
    Control(bar_in_progress, True, "the close of the five-minute bar in progress"),
    Control(GexStrategy, False, "GexStrategy, with the settings given"),
    Control(AtTen, False, "an entry at 10:00"),
    Control(AboveAverage, False, "a trailing average, as an indicator"),
    Control(trailing_average, False, "a trailing average"),
    Control(running_high, False, "the day's high so far"),
    Control(finished_bar, False, "the last finished five-minute bar"),
)
