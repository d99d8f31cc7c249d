"""The opening-range breakout on backtrader: bars → the rules → their fills as orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bt_gex.bars.series import BarSeries
from bt_gex.bars.windows import last_stamps
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import utc
from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.records import (
    EntryFilled,
    EntryOrdered,
    EntrySkipped,
    Event,
    ExitFilled,
    RangeTrade,
    SessionEnded,
    SessionRecord,
    StopMoved,
    TradeClosed,
)
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.rules.opening_range.scoring import Snapshot
from bt_gex.rules.opening_range.session import SessionClock
from bt_gex.rules.settings import as_tables
from bt_gex.strategies.bar_strategy import BarStrategy, Opened, SymbolFeed
from bt_gex.trades.bar_trades import (
    BarFill,
    BarTrade,
    FactorSample,
    RangeDay,
    RangeEntry,
    StopStep,
)
from bt_gex.trades.events import (
    BarSignal,
    BarStopMoved,
    BarTradeClosed,
    FactorsSampled,
    RangeDayEnded,
)


class RangeSymbol:
    """What is known of one symbol: its machine, and what it holds."""

    def __init__(self, feed: SymbolFeed, machine: OpeningRangeMachine, clock: SessionClock) -> None:
        self.feed, self.machine, self.clock = feed, machine, clock
        series = feed.series
        self.last_bars = last_stamps(series.stamps_ns, clock) if series is not None else frozenset()
        self.opened: Opened | None = None
        self.stops: list[StopStep] = []
        self.sampled = 0  # bars after the range


class OpeningRangeStrategy(BarStrategy):
    """Trades the first break of a session's opening range; each feed holds one symbol's minutes.

    rules         OpeningRangeParams, or one by symbol; None: the defaults
    settings      changes to them by dotted name or in tables: {"orb.base_minutes": 30}, which wins
    daily         daily bars by symbol: BarSeries, or Bars stamped with midnight UTC of their date
    before        minutes before the feed's first, by symbol: history, on which nothing is traded
    check_window  look for missing minutes in the opening range

    Symbols do not share state. A session ends with its last bar where the feed is a BarFeed, which
    knows it; otherwise when the next one begins, with the same trades.
    """

    params = (
        ("rules", None),
        ("settings", None),
        ("daily", None),
        ("before", None),
        ("check_window", False),
    )

    def __init__(self, **unknown: Any) -> None:
        super().__init__(**unknown)
        self.symbols = {feed.symbol: self._symbol(feed) for feed in self.feeds}

    def _symbol(self, feed: SymbolFeed) -> RangeSymbol:
        params = self.params_of(feed.symbol)
        daily = bars_of((self.p.daily or {}).get(feed.symbol, ()))
        machine = OpeningRangeMachine(params, daily, check_window=self.p.check_window)
        machine.learn(bars_of((self.p.before or {}).get(feed.symbol, ())))
        return RangeSymbol(feed, machine, SessionClock(params.instrument))

    def params_of(self, symbol: str) -> OpeningRangeParams:
        """The rules' parameters for a symbol. Raises UnknownName and BadValue."""
        base = self.p.rules
        if isinstance(base, Mapping):
            base = base.get(symbol)
        return params_from(as_tables(self.p.settings or {}), base)

    def start(self) -> None:
        super().start()
        self.require_minutes()
        self._samples = self.broker.stream.listened_to(FactorsSampled)

    def on_bars(self, moved: Sequence[tuple[SymbolFeed, Bar]]) -> None:
        for feed, bar in moved:
            symbol = self.symbols[feed.symbol]
            events = symbol.machine.step(bar)
            if self._samples:
                self._sample(symbol, bar)
            if bar.ts_ns in symbol.last_bars:
                events = events + symbol.machine.end_session()
            if events:
                self._act(symbol, events)

    def on_end(self) -> None:
        for symbol in self.symbols.values():
            self._act(symbol, symbol.machine.finish())

    def _act(self, symbol: RangeSymbol, events: Sequence[Event]) -> None:
        """Send what the rules have filled, and tell what happened."""
        for number, event in enumerate(events):
            match event:
                case EntryFilled():
                    self._enter(symbol, event)
                case ExitFilled():
                    after = events[number + 1] if number + 1 < len(events) else None
                    self._exit(symbol, event, isinstance(after, TradeClosed))
                case StopMoved():
                    self._move_stop(symbol, event)
                case TradeClosed():
                    self._closed(symbol, event.trade)
                case EntrySkipped() | EntryOrdered():
                    reason = event.reason if isinstance(event, EntrySkipped) else None
                    self._signal(symbol, event.ts_ns, event.side, reason)
                case SessionEnded():
                    self._ended(symbol, event.session)

    def _signal(self, symbol: RangeSymbol, at_ns: int, side: Any, ignored: str | None) -> None:
        if not self.broker.stream.listened_to(BarSignal):
            return
        session = symbol.machine.session
        triggers = session.triggers if session else None
        self.broker.stream.publish(
            BarSignal(
                at_ns=at_ns,
                symbol=symbol.feed.symbol,
                direction=side,
                price=triggers[side] if triggers else float(symbol.feed.data.close[0]),
                ignored=ignored,
                strength=None,
                indicators={
                    "or_high": session.or_high if session else None,
                    "or_low": session.or_low if session else None,
                    "atr": session.atr if session else None,
                },
            )
        )

    def _enter(self, symbol: RangeSymbol, event: EntryFilled) -> None:
        params = symbol.machine.params
        if params.trade.entry_mode == "stop":  # else it was told when the order was made
            self._signal(symbol, event.ts_ns, event.side, None)
        symbol.stops = [StopStep(timestamp=utc(event.ts_ns), stop=event.stop, reason="stop")]
        symbol.opened = self.open_position(
            symbol.feed,
            event.side,
            float(event.contracts),
            event.ts_ns,
            event.price,
            "gap" if event.gap_entry else "trigger",
            point_value=params.instrument.point_value,
            stop=event.stop,
            target=event.targets[0].price,
        )

    def _exit(self, symbol: RangeSymbol, event: ExitFilled, is_last: bool) -> None:
        opened, fill = symbol.opened, event.fill
        assert opened is not None
        self.close_part(
            symbol.feed,
            opened,
            opened.quantity * fill.fraction,
            fill.ts_ns,
            fill.price,
            fill.reason,
            all_that_is_left=is_last,
            point_value=symbol.machine.params.instrument.point_value,
        )

    def _move_stop(self, symbol: RangeSymbol, event: StopMoved) -> None:
        assert symbol.opened is not None
        symbol.stops.append(
            StopStep(timestamp=utc(event.ts_ns), stop=event.stop, reason=event.reason)
        )
        self.broker.stream.publish(
            BarStopMoved(
                at_ns=event.ts_ns,
                symbol=symbol.feed.symbol,
                trade_id=symbol.opened.trade_id,
                stop=event.stop,
                reason=event.reason,
            )
        )

    def _closed(self, symbol: RangeSymbol, trade: RangeTrade) -> None:
        assert symbol.opened is not None
        record = trade_record(symbol, symbol.opened, trade)
        symbol.opened = None
        self.broker.stream.publish(BarTradeClosed(at_ns=trade.exit_ns, trade=record))

    def _ended(self, symbol: RangeSymbol, session: SessionRecord) -> None:
        at_ns = symbol.clock.window(session.day).end_ns
        symbol.sampled = 0
        self.broker.stream.publish(
            RangeDayEnded(at_ns=at_ns, symbol=symbol.feed.symbol, day=day_record(session))
        )

    def _sample(self, symbol: RangeSymbol, bar: Bar) -> None:
        """Publish every n-th bar after the opening range."""
        if not symbol.machine.is_after_range(bar):
            return
        symbol.sampled += 1
        if (symbol.sampled - 1) % symbol.machine.params.factors.sample_every:
            return
        snapshot = symbol.machine.snapshot
        if snapshot is not None:
            sample = sample_record(snapshot)
            self.broker.stream.publish(
                FactorsSampled(at_ns=bar.ts_ns, symbol=symbol.feed.symbol, sample=sample)
            )


def bars_of(found: BarSeries | Iterable[Bar]) -> Iterable[Bar]:
    """Bars one by one."""
    return found.bars() if isinstance(found, BarSeries) else found


def trade_record(symbol: RangeSymbol, opened: Opened, trade: RangeTrade) -> BarTrade:
    """The record of a trade of the rules."""
    point_value = symbol.machine.params.instrument.point_value
    return BarTrade(
        symbol=symbol.feed.symbol,
        trade_id=opened.trade_id,
        direction=trade.side,
        quantity=trade.contracts,
        point_value=point_value,
        session=symbol.clock.local_date(trade.entry_ns),
        timestamp_entry=utc(trade.entry_ns),
        timestamp_exit=utc(trade.exit_ns),
        entry_price=trade.entry_price,
        fills=tuple(
            BarFill(
                timestamp=utc(fill.ts_ns),
                price=fill.price,
                quantity=trade.contracts * fill.fraction,
                reason=fill.reason,
            )
            for fill in trade.fills
        ),
        exit_reason=trade.exit_reason,
        pnl_dollars=trade.pnl_dollars,
        max_loss_dollars=trade.risk * trade.contracts * point_value,
        initial_stop=trade.stop,
        risk=trade.risk,
        targets=tuple(target.price for target in trade.targets),
        stops=tuple(symbol.stops),
        realized_r=trade.realized_r,
        mfe_r=trade.mfe_r,
        mae_r=trade.mae_r,
        range_entry=RangeEntry(
            gap_entry=trade.gap_entry,
            score=trade.score,
            required=trade.required,
            factors=trade.factors,
            or_high=trade.or_high,
            or_low=trade.or_low,
            or_minutes=trade.or_minutes,
            atr=trade.atr,
        ),
    )


def day_record(session: SessionRecord) -> RangeDay:
    """The record of a session of the rules."""
    triggers = session.triggers or {}
    return RangeDay(
        session=session.day,
        or_minutes=session.or_minutes,
        norm_vol=session.norm_vol,
        atr=session.atr,
        or_high=session.or_high,
        or_low=session.or_low,
        long_trigger=triggers.get("long"),
        short_trigger=triggers.get("short"),
        reason=session.reason,
        breaks_long=session.breaks["long"],
        breaks_short=session.breaks["short"],
        signals=session.signals,
        day_r=session.day_r,
        lockout=session.lockout,
        window_problems=session.window_problems,
    )


def sample_record(snapshot: Snapshot) -> FactorSample:
    """The record of the factors at a bar's close."""
    long, short = snapshot.active["long"], snapshot.active["short"]
    return FactorSample(
        timestamp=utc(snapshot.ts_ns),
        bar_number=snapshot.bar_number,
        rel_vol=snapshot.rel_vol,
        vwap=snapshot.vwap,
        adx=snapshot.adx,
        price_action_long="price_action" in long,
        price_action_short="price_action" in short,
        profile_long="profile" in long,
        profile_short="profile" in short,
        score_long=snapshot.score["long"],
        score_short=snapshot.score["short"],
        required=snapshot.required,
    )
