"""Orders and trades as the execution stream of a broker of ours tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bt_gex.analyzers.heard import OTHER, Heard, Tell
from bt_gex.market.calendar import instant_ns
from bt_gex.recordings import records
from bt_gex.trades import events as stream_events
from bt_gex.trades.records import Decision


@dataclass(slots=True)
class StreamNotes:
    """Orders and trades by the execution stream of a broker of ours.

    index  symbol of the index whose spreads are traded
    """

    tell: Tell
    index: str | None = None
    _stops: dict[tuple[str, str], float | None] = field(default_factory=dict)
    _opened_ns: dict[str, int] = field(default_factory=dict)
    _credits: dict[str, float] = field(default_factory=dict)

    def subscribe(self, stream: stream_events.ExecutionStream) -> None:
        """Listen to all events from now on."""
        stream.subscribe(stream_events.OrderSent, self._sent)
        stream.subscribe(stream_events.OrderRefused, self._refused)
        stream.subscribe(stream_events.OrderPending, self._pending)
        stream.subscribe(Decision, self._decision)
        stream.subscribe(stream_events.SpreadOpened, self._spread_opened)
        stream.subscribe(stream_events.SpreadClosed, self._spread_closed)
        stream.subscribe(stream_events.SpreadSettled, self._spread_settled)
        stream.subscribe(stream_events.BarSignal, self._signal)
        stream.subscribe(stream_events.BarFilled, self._filled)
        stream.subscribe(stream_events.BarStopMoved, self._stop_moved)
        stream.subscribe(stream_events.BarTradeClosed, self._trade_closed)

    def _say(
        self,
        kind: str,
        symbol: str | None,
        at_ns: int,
        data: dict[str, Any],
        decision: dict[str, Any] | None = None,
    ) -> None:
        self.tell(Heard(OTHER, kind, symbol, data, at_ns, decision))

    # ---------------------------------------------------------------------------------- bars

    def _sent(self, event: stream_events.OrderSent) -> None:
        is_spread = event.spread is not None
        self._say(
            records.ORDER_PLACED,
            self.index if is_spread else event.instrument,
            event.at_ns,
            {
                "order_id": event.instrument,
                "order_type": event.exectype,
                "side": event.side,
                "quantity": event.size,
                "price": event.price,
            },
        )

    def _signal(self, event: stream_events.BarSignal) -> None:
        side = event.direction.upper()
        if event.strength is not None or event.ignored is None:
            self._say(
                records.SIGNAL_DETECTED,
                event.symbol,
                event.at_ns,
                {
                    "signal_type": side,
                    "entry_price": event.price,
                    "stop_loss": event.stop,
                    "take_profit": event.target,
                    "signal_strength": event.strength,
                    "reasoning": ", ".join(event.conditions),
                    "acted": event.ignored is None,
                },
                {"indicators": dict(event.indicators)},
            )
        if event.ignored is not None:
            data = {"signal_type": side, "reason": event.ignored}
            self._say(records.SIGNAL_IGNORED, event.symbol, event.at_ns, data)

    def _filled(self, event: stream_events.BarFilled) -> None:
        data = {
            "order_id": event.trade_id,
            "filled_qty": event.quantity,
            "filled_price": event.price,
            "reason": event.reason,
        }
        self._say(records.ORDER_FILLED, event.symbol, event.at_ns, data)
        if not event.opening:
            return
        self._stops[event.symbol, event.trade_id] = event.stop
        self._say(
            records.POSITION_OPENED,
            event.symbol,
            event.at_ns,
            {
                "entry_price": event.price,
                "quantity": event.quantity,
                "direction": "LONG" if event.side == "buy" else "SHORT",
                "stop_loss": event.stop,
                "take_profit": event.target,
                "position_id": event.trade_id,
            },
        )

    def _stop_moved(self, event: stream_events.BarStopMoved) -> None:
        key = (event.symbol, event.trade_id)
        data = {"from": self._stops.get(key), "to": event.stop, "reason": event.reason}
        self._stops[key] = event.stop
        self._say(records.STOP_MOVED, event.symbol, event.at_ns, data)

    def _trade_closed(self, event: stream_events.BarTradeClosed) -> None:
        trade = event.trade
        self._stops.pop((trade.symbol, trade.trade_id), None)
        change = trade.average_exit_price / trade.entry_price - 1 if trade.entry_price else None
        self._say(
            records.POSITION_CLOSED,
            trade.symbol,
            event.at_ns,
            {
                "exit_price": trade.average_exit_price,
                "quantity": trade.quantity,
                "exit_reason": trade.exit_reason,
                "pnl": trade.pnl_dollars,
                "pnl_pct": None if change is None else trade.sign * change * 100,
                "duration_seconds": (trade.timestamp_exit - trade.timestamp_entry).total_seconds(),
                "entry_price": trade.entry_price,
                "realized_r": trade.realized_r,
                "position_id": trade.trade_id,
            },
        )

    # ------------------------------------------------------------------------------- spreads

    def _decision(self, event: Decision) -> None:
        at_ns = instant_ns(event.timestamp)
        seen = {"spot": event.spot, "vix": event.vix, "pin": event.pin, "distance": event.distance}
        if event.outcome == "skip":
            data: dict[str, object] = {"reason": event.kind, "detail": event.reason}
            self._say(records.SIGNAL_IGNORED, event.index_symbol, at_ns, data, {"indicators": seen})
            return
        self._say(
            records.SIGNAL_DETECTED,
            event.index_symbol,
            at_ns,
            {
                "signal_type": event.strategy,
                "entry_price": event.credit,
                "stop_loss": None,
                "take_profit": None,
                "signal_strength": None,
                "reasoning": event.reason,
                "acted": True,
                "strikes": list(event.strikes),
                "position_id": event.order_id,
            },
            {"indicators": seen},
        )

    def _pending(self, event: stream_events.OrderPending) -> None:
        data = {"what": "order pending", "order_id": event.instrument.name}
        self._say(records.CUSTOM, self.index, event.at_ns, data)

    def _refused(self, event: stream_events.OrderRefused) -> None:
        data = {"order_id": event.instrument.name, "side": event.side, "reason": event.reason}
        self._say(records.ORDER_REJECTED, self.index, event.at_ns, data)

    def _spread_opened(self, event: stream_events.SpreadOpened) -> None:
        name = event.instrument.name
        self._opened_ns[name], self._credits[name] = event.at_ns, event.credit
        filled = {"order_id": name, "filled_qty": event.quantity, "filled_price": event.credit}
        self._say(records.ORDER_FILLED, self.index, event.at_ns, filled)
        data = {
            "entry_price": event.credit,
            "quantity": event.quantity,
            "direction": "SHORT",
            "stop_loss": None,
            "take_profit": None,
            "position_id": name,
        }
        self._say(records.POSITION_OPENED, self.index, event.at_ns, data)

    def _spread_closed(self, event: stream_events.SpreadClosed) -> None:
        self._left(event, event.reason)

    def _spread_settled(self, event: stream_events.SpreadSettled) -> None:
        self._left(event, "settled" if event.value is not None else "unresolved")

    def _left(
        self, event: stream_events.SpreadClosed | stream_events.SpreadSettled, reason: str
    ) -> None:
        name = event.instrument.name
        filled = {"order_id": name, "filled_qty": event.quantity, "filled_price": event.value}
        self._say(records.ORDER_FILLED, self.index, event.at_ns, filled)
        opened_ns, credit = self._opened_ns.pop(name, None), self._credits.pop(name, None)
        share = None if not credit or event.value is None else 100 * (credit - event.value) / credit
        seconds = None if opened_ns is None else (event.at_ns - opened_ns) / 1e9
        data = {
            "exit_price": event.value,
            "quantity": event.quantity,
            "exit_reason": reason,
            "pnl": event.pnl_dollars,
            "pnl_pct": share,
            "duration_seconds": seconds,
            "entry_price": credit,
            "position_id": name,
        }
        self._say(records.POSITION_CLOSED, self.index, event.at_ns, data)
