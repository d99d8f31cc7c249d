"""Mean reversion on backtrader: bars → the rules → their fills as orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import new_york, utc
from bt_gex.rules.mean_reversion import (
    EntryDropped,
    Event,
    MeanReversion,
    PositionClosed,
    PositionOpened,
    SignalDetected,
)
from bt_gex.rules.mean_reversion_signal import (
    Direction as Side,
)
from bt_gex.rules.mean_reversion_signal import (
    MeanReversionParams,
    mean_reversion_params,
)
from bt_gex.strategies.bar_strategy import BarStrategy, Opened, SymbolFeed
from bt_gex.trades.bar_trades import BarFill, BarTrade, Direction, StopStep
from bt_gex.trades.events import BarSignal, BarTradeClosed

DIRECTIONS: dict[Side, Direction] = {"LONG": "long", "SHORT": "short"}


class MeanReversionStrategy(BarStrategy):
    """Buys below the lower Bollinger band, sells above the upper one; each feed is one symbol.

    rules     MeanReversionParams; None: the defaults
    settings  changes to them by name: {"bb_std": 2.0}, which win

    Symbols share max_positions. What is open when the data ends closes at its symbol's last close.
    """

    params = (("rules", None), ("settings", None))

    def __init__(self, **unknown: Any) -> None:
        super().__init__(**unknown)
        base: MeanReversionParams | None = self.p.rules
        self.rule_params = mean_reversion_params(self.p.settings or {}, base)
        self.machine = MeanReversion(self.rule_params)
        self._of = {feed.symbol: feed for feed in self.feeds}
        self._opened: dict[str, Opened] = {}

    @property
    def warm_up_bars(self) -> int:
        """Bars of a symbol before its indicators have values."""
        return max(self.rule_params.bb_period, self.rule_params.rsi_period + 1)

    def bar_indicators(self, symbol: str) -> Mapping[str, float]:
        """Values at the symbol's newest bar, by name; for whoever keeps them."""
        values = self.machine.indicators(symbol)
        return values._asdict() if values else {}

    def on_bars(self, moved: Sequence[tuple[SymbolFeed, Bar]]) -> None:
        self._act(self.machine.feed([(feed.symbol, bar) for feed, bar in moved]))

    def on_end(self) -> None:
        self._act(self.machine.finish())

    def _act(self, events: Sequence[Event]) -> None:
        """Send what the rules have filled, and tell what happened."""
        for event in events:
            feed = self._of[event.symbol]
            match event:
                case SignalDetected():
                    self._signal(event)
                case EntryDropped():
                    self._dropped(feed, event)
                case PositionOpened():
                    self._opened[event.symbol] = self.open_position(
                        feed, DIRECTIONS[event.direction], event.quantity, event.ts_ns,
                        event.price, "signal", stop=event.stop_loss, target=event.take_profit,
                    )  # fmt: skip
                case PositionClosed():
                    self._close(feed, event)

    def _signal(self, event: SignalDetected) -> None:
        if self.broker.stream.listened_to(BarSignal):
            self.broker.stream.publish(
                BarSignal(
                    at_ns=event.ts_ns,
                    symbol=event.symbol,
                    direction=DIRECTIONS[event.direction],
                    price=event.close,
                    ignored=event.ignored,
                    strength=event.strength,
                    indicators=event.indicators._asdict(),
                    stop=event.stop_loss,
                    target=event.take_profit,
                    conditions=event.conditions,
                )
            )

    def _dropped(self, feed: SymbolFeed, event: EntryDropped) -> None:
        self.broker.stream.publish(
            BarSignal(
                at_ns=event.ts_ns,
                symbol=event.symbol,
                direction=DIRECTIONS[event.direction],
                price=float(feed.data.close[0]),
                ignored=event.reason,
                strength=None,
                indicators={},
            )
        )

    def _close(self, feed: SymbolFeed, event: PositionClosed) -> None:
        opened = self._opened.pop(event.symbol)
        self.close_part(
            feed, opened, opened.quantity, event.ts_ns, event.price, event.reason,
            all_that_is_left=True,
        )  # fmt: skip
        day = (utc if feed.is_daily else new_york)(opened.at_ns).date()
        record = trade_record(opened, event, day)
        self.broker.stream.publish(BarTradeClosed(at_ns=event.ts_ns, trade=record))


def trade_record(opened: Opened, closed: PositionClosed, session: date) -> BarTrade:
    """The record of a trade of the rules."""
    entry = closed.opened
    risk = abs(entry.price - entry.stop_loss)
    return BarTrade(
        symbol=entry.symbol,
        trade_id=opened.trade_id,
        direction=opened.direction,
        quantity=entry.quantity,
        point_value=1.0,
        session=session,
        timestamp_entry=utc(entry.ts_ns),
        timestamp_exit=utc(closed.ts_ns),
        entry_price=entry.price,
        fills=(
            BarFill(
                timestamp=utc(closed.ts_ns),
                price=closed.price,
                quantity=entry.quantity,
                reason=closed.reason,
            ),
        ),
        exit_reason=closed.reason,
        pnl_dollars=closed.pnl_dollars,
        max_loss_dollars=risk * entry.quantity,
        initial_stop=entry.stop_loss,
        risk=risk,
        targets=(entry.take_profit,),
        stops=(StopStep(timestamp=utc(entry.ts_ns), stop=entry.stop_loss, reason="stop"),),
        realized_r=closed.pnl_dollars / (risk * entry.quantity),
    )
