"""The bars a strategy has seen, with the values of its indicators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import backtrader as bt

from bt_gex.analyzers.recorded_environment import symbols_of
from bt_gex.feeds.clock import ClockFeed, Tick
from bt_gex.feeds.recorded import ns_of_line
from bt_gex.recordings.option_rows import pack_session
from bt_gex.recordings.records import BarValues
from bt_gex.recordings.writer import RecordingWriter
from bt_gex.sessions.rows import SessionRows

Read = Callable[[], float]


class DataBars:
    """Bars of the feeds of a strategy: of each feed that has moved, the one it stands on."""

    index: str | None = None

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self.symbols = symbols_of(strategy.datas)
        self._seen = [0] * len(strategy.datas)
        self._values = [
            (d.lines.datetime, d.lines.open, d.lines.high, d.lines.low, d.lines.close,
             d.lines.volume)
            for d in strategy.datas
        ]  # fmt: skip
        self._indicators: Sequence[Mapping[str, Any]] | None = None
        self._own: Callable[[str], Mapping[str, float]] | None = getattr(
            strategy, "bar_indicators", None
        )
        self._stamp, self._stamp_ns = math.nan, 0

    def take(self, writer: RecordingWriter) -> None:
        """Add the bars of feeds that have moved."""
        if self._indicators is None:  # the strategy may make them as late as in start()
            self._indicators = indicators_by_data(self._strategy)
        for number, data in enumerate(self._strategy.datas):
            length = len(data)
            if length == self._seen[number]:
                continue
            self._seen[number] = length
            stamp, *lines = self._values[number]
            prices = [line[0] for line in lines]
            values = BarValues(*(price if math.isfinite(price) else None for price in prices))
            symbol = self.symbols[number]
            found = {n: _current(line) for n, line in self._indicators[number].items()}
            if self._own is not None:
                found.update(self._own(symbol))
            writer.bar(symbol, self._ns(stamp[0]), values, found or None)

    def _ns(self, number: float) -> int:
        if number != self._stamp:
            self._stamp, self._stamp_ns = number, ns_of_line(number)
        return self._stamp_ns

    def closes(self) -> dict[str, float]:
        """Newest close by symbol."""
        pairs = zip(self.symbols, self._strategy.datas, strict=True)
        return {symbol: data.close[0] for symbol, data in pairs if len(data)}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """High and low of the newest bar by symbol."""
        pairs = zip(self.symbols, self._strategy.datas, strict=True)
        return {symbol: (data.high[0], data.low[0]) for symbol, data in pairs if len(data)}

    def positions(self) -> dict[str, float]:
        """What is held, by symbol; below 0 where it is short."""
        pairs = zip(self.symbols, self._strategy.datas, strict=True)
        sizes = ((symbol, self._strategy.broker.getposition(data).size) for symbol, data in pairs)
        return {symbol: size for symbol, size in sizes if size}

    def open_positions(self) -> int:
        """Symbols with a position."""
        return len(self.positions())


class MarketBars:
    """Bars of the clock of an option market: index price, VIX and pin at every tick up to now,
    visited or not, and the option rows first seen on each."""

    def __init__(self, strategy: Any, clock: ClockFeed, with_options: bool) -> None:
        self._strategy, self._clock, self._with_options = strategy, clock, with_options
        self.index: str | None = clock.p.days[0].index.symbol
        self.symbols = [str(self.index)]
        self._day: Any = None
        self._next_row = 0
        self._blobs: Mapping[int, bytes] = {}

    def take(self, writer: RecordingWriter) -> None:
        """Add the ticks that have passed."""
        tick = self._clock.tick_now()
        if tick is None:
            return
        if tick.day is not self._day:
            self._day, self._next_row = tick.day, 0
            rows = tick.day.rows
            self._blobs = pack_session(rows, tick.day.grid) if isinstance(rows, SessionRows) else {}
        for row in range(self._next_row, tick.row + 1):
            seen = Tick(tick.day, row)
            spot = seen.spot if math.isfinite(seen.spot) else None
            values = BarValues(spot, spot, spot, spot, None)
            writer.bar(self.symbols[0], seen.ns, values, {"vix": seen.vix, "pin": seen.pin})
            if row in self._blobs:
                writer.option_rows(self._blobs[row])
        self._next_row = tick.row + 1

    def closes(self) -> dict[str, float]:
        """The index price."""
        tick = self._clock.tick_now()
        return {self.symbols[0]: tick.spot} if tick else {}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """The index price, twice."""
        return {symbol: (price, price) for symbol, price in self.closes().items()}

    def positions(self) -> dict[str, float]:
        """Number of open spreads."""
        return {self.symbols[0]: -self.open_positions()} if self.open_positions() else {}

    def open_positions(self) -> int:
        """Open spreads."""
        return int(self._strategy.broker.open_spreads())


def bar_source(strategy: Any, *, with_options: bool) -> DataBars | MarketBars:
    """Where the bars of a strategy come from. with_options: rows of an option market, too."""
    first = strategy.datas[0]
    if isinstance(first, ClockFeed):
        return MarketBars(strategy, first, with_options)
    return DataBars(strategy)


def indicators_by_data(strategy: Any) -> Sequence[Mapping[str, Any]]:
    """Lines of indicators by name, for each feed the ones computed from it.

    They are the strategy's `recorded`, {data: {name: line}}, where it has one; else all its
    attributes that are indicators, named as the attribute, and line by line where they have
    several: `rsi`, `bb.bot`.
    """
    given = getattr(strategy, "recorded", None)
    if isinstance(given, Mapping):
        return [dict(given.get(data, {})) for data in strategy.datas]
    found: list[dict[str, Any]] = [{} for _ in strategy.datas]
    for name, value in vars(strategy).items():
        if not isinstance(value, bt.Indicator | bt.linebuffer.LineActions) or name.startswith("_"):
            continue
        place = found[_data_number(strategy, value)]
        aliases = value.lines.getlinealiases() if isinstance(value, bt.Indicator) else ()
        if len(aliases) > 1:
            place.update({f"{name}.{alias}": getattr(value.lines, alias) for alias in aliases})
        else:
            place[name] = value
    return found


def _data_number(strategy: Any, indicator: Any) -> int:
    """The feed an indicator is computed from: that of its first input, else the first one."""
    seen = indicator
    for _ in range(32):  # an indicator of an indicator of …
        for number, data in enumerate(strategy.datas):
            if seen is data or getattr(seen, "_owner", None) is data:
                return number
        inputs = getattr(seen, "datas", None) or [getattr(seen, "_clock", None)]
        if inputs[0] is None or inputs[0] is seen:
            break
        seen = inputs[0]
    return 0


def _current(line: Any) -> float | None:
    """A line's value on this bar; None before it has one."""
    try:
        value = float(line[0])
    except IndexError:
        return None
    return value if math.isfinite(value) else None
