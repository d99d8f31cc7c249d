"""Mean reversion on bars: buy below the lower Bollinger band, sell above the upper one.

A state machine over a stream of bars of several symbols. `MeanReversion.feed` takes all bars of
one timestamp and answers with what happened, in order: first pending entries and exits of every
symbol, then the signals at the closes. So a position closed on a bar leaves its slot to a signal
of the same timestamp. Prices are dollars a share; every comparison of computed numbers has
TOLERANCE.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, repeat
from typing import Literal, NamedTuple

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NS, utc
from bt_gex.rules.mean_reversion_signal import (
    TOLERANCE,
    VOLUME_PERIOD,
    Direction,
    Indicators,
    MeanReversionParams,
    indicators_of,
    signal_of,
    strength_of,
)

ExitReason = Literal["stop_loss_hit", "take_profit_hit", "time_stop", "session_end"]
Ignored = Literal["in_position", "max_positions", "target_behind", "lapsed"]


Fixed = tuple[float | None, float | None]


class Found(NamedTuple):
    """What the entry rule says at a close; `fixed`: its own stop and target, where it has them."""

    side: Direction
    conditions: tuple[str, ...]
    values: Indicators
    strength: float
    fixed: Fixed = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDetected:
    """The entry rule held at the close of a bar.

    stop_loss, take_profit  as they would be for a fill at this close
    strength                distance of the RSI beyond its threshold, 0 to 1
    conditions              what held
    ignored                 why nothing was done; None: acted on
    fixed                   stop and target that hold wherever it is filled; None: as the
                            parameters say
    """

    symbol: str
    ts_ns: int
    direction: Direction
    close: float
    stop_loss: float
    take_profit: float
    indicators: Indicators
    strength: float
    conditions: tuple[str, ...]
    ignored: Ignored | None
    fixed: Fixed = (None, None)

    @property
    def acted(self) -> bool:
        """Whether an entry followed."""
        return self.ignored is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDropped:
    """A pending entry that came to nothing: its target lay behind the fill, or no bar followed."""

    symbol: str
    ts_ns: int
    direction: Direction
    reason: Ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened:
    """A fill. `number` counts the positions of the stream from 0."""

    symbol: str
    ts_ns: int
    direction: Direction
    quantity: float
    price: float
    stop_loss: float
    take_profit: float
    number: int

    @property
    def sign(self) -> int:
        """1 long, −1 short."""
        return 1 if self.direction == "LONG" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed:
    """A trade from its fill to its exit; no costs."""

    opened: PositionOpened
    ts_ns: int
    price: float
    reason: ExitReason

    @property
    def symbol(self) -> str:
        """The symbol traded."""
        return self.opened.symbol

    @property
    def pnl_dollars(self) -> float:
        """Profit or loss of the whole quantity."""
        return self.opened.sign * (self.price - self.opened.price) * self.opened.quantity

    @property
    def pnl_pct(self) -> float:
        """Profit or loss in percent of the entry price."""
        return self.opened.sign * (self.price / self.opened.price - 1) * 100

    @property
    def duration_s(self) -> float:
        """From the entry bar's stamp to the exit bar's."""
        return (self.ts_ns - self.opened.ts_ns) / NS


Event = SignalDetected | EntryDropped | PositionOpened | PositionClosed


@dataclass(slots=True)
class _Symbol:
    """What is known of one symbol."""

    closes: deque[float]
    volumes: deque[float]
    last: Bar | None = None
    values: Indicators | None = None
    position: PositionOpened | None = None
    pending: SignalDetected | None = None


@dataclass(slots=True)
class MeanReversion:
    """The rule over a stream of bars; `feed` each timestamp once, `finish` at the end."""

    params: MeanReversionParams = field(default_factory=MeanReversionParams)
    _symbols: dict[str, _Symbol] = field(default_factory=dict, init=False)
    _now_ns: int | None = field(default=None, init=False)
    _opened: int = field(default=0, init=False)

    def indicators(self, symbol: str) -> Indicators | None:
        """Values at the symbol's last bar, None before it has enough of them."""
        return self._symbols[symbol].values if symbol in self._symbols else None

    def position(self, symbol: str) -> PositionOpened | None:
        """What is open in the symbol."""
        return self._symbols[symbol].position if symbol in self._symbols else None

    def feed(self, bars: Sequence[tuple[str, Bar]]) -> list[Event]:
        """All bars of one timestamp, in the order in which symbols take turns; what happened.

        Raises DataError for stamps that differ or do not advance, for a symbol that comes twice,
        and for a value that is not finite.
        """
        self._check(bars)
        events: list[Event] = []
        for symbol, bar in bars:
            state = self._symbols.get(symbol) or self._begin(symbol)
            if state.pending:
                signal, state.pending = state.pending, None
                events.append(self._open(state, signal, bar.ts_ns, bar.open))
            if closed := self._exit(state.position, bar):
                state.position = None
                events.append(closed)
        for symbol, bar in bars:
            state = self._symbols[symbol]
            state.closes.append(bar.close)
            state.volumes.append(bar.volume)
            state.last = bar
            state.values = indicators_of(state.closes, state.volumes, self.params)
            events += self._look(symbol, state, bar)
        return events

    def finish(self) -> list[Event]:
        """The end of the bars: pending entries lapse; positions close at their own symbol's last
        close, at that bar's stamp, in order of entry."""
        dropped: list[Event] = []
        closed: list[PositionClosed] = []
        for symbol, state in self._symbols.items():
            if state.last and state.pending:
                side, ts_ns = state.pending.direction, state.last.ts_ns
                dropped.append(
                    EntryDropped(symbol=symbol, ts_ns=ts_ns, direction=side, reason="lapsed")
                )
            if state.last and state.position:
                closed.append(_close(state.position, state.last, state.last.close, "session_end"))
            state.pending = state.position = None
        return [*dropped, *sorted(closed, key=lambda trade: trade.opened.number)]

    def _begin(self, symbol: str) -> _Symbol:
        closes = max(self.params.bb_period, self.params.rsi_period + 1)
        state = _Symbol(deque(maxlen=closes), deque(maxlen=VOLUME_PERIOD))
        self._symbols[symbol] = state
        return state

    def _check(self, bars: Sequence[tuple[str, Bar]]) -> None:
        stamps = {bar.ts_ns for _, bar in bars}
        if len(stamps) != 1 or len({symbol for symbol, _ in bars}) != len(bars):
            raise DataError(
                f"one bar a symbol and one timestamp at a time, got {len(bars)} bars of "
                f"{len(stamps)} timestamps; group the bars by their stamp"
            )
        (now_ns,) = stamps
        if self._now_ns is not None and now_ns <= self._now_ns:
            raise DataError(f"bars must ascend: {utc(now_ns)} came after {utc(self._now_ns)}")
        for symbol, bar in bars:
            if not all(map(math.isfinite, bar[1:])):
                raise DataError(f"{symbol} at {utc(now_ns)}: {bar} has a value that is no number")
        self._now_ns = now_ns

    def _taken(self) -> int:
        """Open and pending positions of all symbols."""
        states = self._symbols.values()
        return sum((s.position is not None) + (s.pending is not None) for s in states)

    def _levels(
        self, side: Direction, price: float, values: Indicators, fixed: Fixed
    ) -> tuple[float, float]:
        """Stop and target of a fill."""
        params, sign = self.params, 1 if side == "LONG" else -1
        stop, target = fixed
        if stop is None:
            stop = price * (1 - sign * params.stop_loss_pct / 100)
        if target is None and params.target_mode == "bb_middle":
            target = values.bb_middle
        elif target is None:
            target = price * (1 + sign * params.take_profit_pct / 100)
        return stop, target

    def _find(self, symbol: str, state: _Symbol, bar: Bar) -> Found | None:
        """Whether the entry rule holds at the close of a bar."""
        values = state.values
        found = signal_of(bar.close, values, self.params) if values else None
        if not values or not found:
            return None
        side, conditions = found
        strength = strength_of(side, values.rsi, self.params.rsi_threshold)
        return Found(side, conditions, values, strength)

    def _look(self, symbol: str, state: _Symbol, bar: Bar) -> Iterator[Event]:
        """The signal at the close of a bar, and its fill where that is at the close."""
        params, found = self.params, self._find(symbol, state, bar)
        if not found:
            return
        stop, target = self._levels(found.side, bar.close, found.values, found.fixed)
        ignored: Ignored | None = None
        if state.position:
            ignored = "in_position"
        elif params.max_positions is not None and self._taken() >= params.max_positions:
            ignored = "max_positions"
        elif params.fill == "close" and _is_behind(found.side, bar.close, target):
            ignored = "target_behind"
        signal = SignalDetected(
            symbol=symbol,
            ts_ns=bar.ts_ns,
            direction=found.side,
            close=bar.close,
            stop_loss=stop,
            take_profit=target,
            indicators=found.values,
            strength=found.strength,
            conditions=found.conditions,
            ignored=ignored,
            fixed=found.fixed,
        )
        yield signal
        if signal.acted and params.fill == "close":
            yield self._open(state, signal, bar.ts_ns, bar.close)
        elif signal.acted:
            state.pending = signal

    def _open(
        self, state: _Symbol, signal: SignalDetected, ts_ns: int, price: float
    ) -> PositionOpened | EntryDropped:
        symbol, side = signal.symbol, signal.direction
        stop, target = self._levels(side, price, signal.indicators, signal.fixed)
        if _is_behind(side, price, target):
            return EntryDropped(symbol=symbol, ts_ns=ts_ns, direction=side, reason="target_behind")
        state.position = PositionOpened(
            symbol=symbol,
            ts_ns=ts_ns,
            direction=side,
            quantity=self.params.position_size,
            price=price,
            stop_loss=stop,
            take_profit=target,
            number=self._opened,
        )
        self._opened += 1
        return state.position

    def _exit(self, held: PositionOpened | None, bar: Bar) -> PositionClosed | None:
        """The first exit that holds on a bar, the entry bar of a fill at the open included."""
        if held is None:
            return None
        sign, stop, target = held.sign, held.stop_loss, held.take_profit
        adverse, favourable = (bar.low, bar.high) if sign == 1 else (bar.high, bar.low)
        # Not on the entry bar: its open is the fill, and the stop lies behind it.
        if sign * (bar.open - stop) <= TOLERANCE:
            return _close(held, bar, bar.open, "stop_loss_hit")
        is_stopped = sign * (adverse - stop) <= TOLERANCE
        if is_stopped and self.params.stop_first:
            return _close(held, bar, stop, "stop_loss_hit")
        if sign * (favourable - target) >= -TOLERANCE:
            price = sign * max(sign * target, sign * bar.open)
            return _close(held, bar, price, "take_profit_hit")
        if is_stopped:
            return _close(held, bar, stop, "stop_loss_hit")
        minutes = self.params.max_holding_minutes
        if minutes is not None and bar.ts_ns - held.ts_ns >= round(minutes * 60 * NS):
            return _close(held, bar, bar.close, "time_stop")
        return None


def _close(held: PositionOpened, bar: Bar, price: float, reason: ExitReason) -> PositionClosed:
    return PositionClosed(opened=held, ts_ns=bar.ts_ns, price=price, reason=reason)


def _is_behind(side: Direction, price: float, target: float) -> bool:
    """Whether the target does not lie on the profit side of a fill."""
    return (target - price if side == "LONG" else price - target) <= TOLERANCE


def by_timestamp(series: Mapping[str, Iterable[Bar]]) -> Iterator[list[tuple[str, Bar]]]:
    """Bars of several symbols merged by stamp; of one stamp in the order of the mapping."""
    streams = [zip(repeat(symbol), bars, strict=False) for symbol, bars in series.items()]
    for _, rows in groupby(merge(*streams, key=_stamp), key=_stamp):
        yield list(rows)


def _stamp(row: tuple[str, Bar]) -> int:
    return row[1].ts_ns


def run_mean_reversion(
    series: Mapping[str, Iterable[Bar]], params: MeanReversionParams | None = None
) -> tuple[list[Event], list[PositionClosed]]:
    """All events of recorded bars in the order in which they happened, and the trades by exit.

    Exits of one timestamp come as they happened: symbols in their order, then the end of the bars.
    """
    machine = MeanReversion(params or MeanReversionParams())
    events = [event for bars in by_timestamp(series) for event in machine.feed(bars)]
    events += machine.finish()
    trades = [event for event in events if isinstance(event, PositionClosed)]
    return events, sorted(trades, key=lambda trade: trade.ts_ns)
