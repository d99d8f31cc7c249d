"""Orders and trades as backtrader's notifications tell of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import backtrader as bt

from bt_gex.analyzers.heard import ORDER, TRADE, Heard, Tell
from bt_gex.feeds.recorded import ns_of_line
from bt_gex.recordings import records

ENDS: Mapping[int, str] = {
    bt.Order.Canceled: records.ORDER_CANCELED,
    bt.Order.Expired: records.ORDER_EXPIRED,
    bt.Order.Margin: records.ORDER_REJECTED,
    bt.Order.Rejected: records.ORDER_REJECTED,
}
REASONS: Mapping[int, str] = {
    bt.Order.Stop: "stop_loss_hit",
    bt.Order.StopLimit: "stop_loss_hit",
    bt.Order.StopTrail: "stop_loss_hit",
    bt.Order.StopTrailLimit: "stop_loss_hit",
    bt.Order.Limit: "take_profit_hit",
}
PLAIN = (bool, int, float, str, date, datetime, list, tuple, Mapping, type(None))


@dataclass(slots=True)
class Held:
    """A position as its fills make it. Sizes are absolute."""

    number: int
    opened: float = 0.0
    closed: float = 0.0
    paid: float = 0.0
    received: float = 0.0
    info: Mapping[str, Any] = field(default_factory=dict)
    exit_reason: str = ""


@dataclass(slots=True)
class OrderNotes:
    """Orders and trades by backtrader's notifications; for its own broker, or any like it."""

    tell: Tell
    symbol_of: Callable[[Any], str]
    _numbers: dict[int, int] = field(default_factory=dict)
    _held: dict[tuple[Any, int], Held] = field(default_factory=dict)
    _done: dict[tuple[Any, int], deque[Held]] = field(default_factory=dict)
    _opened: int = 0

    def order(self, order: Any) -> None:
        """A change of an order; may be said several times of one status."""
        if order.ref not in self._numbers:
            self._numbers[order.ref] = len(self._numbers) + 1
            self._say(order, records.ORDER_PLACED, order.created.dt, self._placed(order))
        if order.status in (order.Partial, order.Completed):
            is_partial = order.status == order.Partial
            kind = records.ORDER_PARTIAL if is_partial else records.ORDER_FILLED
            self._filled(order, kind)
        elif order.status in ENDS:
            why = order.info.get("why") or order.getstatusname()
            self._say(order, ENDS[order.status], None, {"reason": why})

    def _say(self, order: Any, kind: str, number: float | None, data: Mapping[str, Any]) -> None:
        stamp = order.data.datetime[0] if number is None else number
        self.tell(
            Heard(
                ORDER,
                kind,
                self.symbol_of(order.data),
                {"order_id": str(self._numbers[order.ref]), **data},
                ns_of_line(stamp),
                decision_of(order.info) if kind == records.ORDER_PLACED else None,
            )
        )

    @staticmethod
    def _placed(order: Any) -> dict[str, Any]:
        price = order.created.price
        at_market = order.exectype in (order.Market, order.Close)
        return {
            "order_type": order.getordername(),
            "side": "buy" if order.isbuy() else "sell",
            "quantity": abs(order.created.size),
            "price": None if at_market or not price else price,
        }

    def _filled(self, order: Any, kind: str) -> None:
        bits = [bit for bit in order.executed.iterpending() if bit is not None]
        size = sum(abs(bit.size) for bit in bits)
        if not size:
            return
        price = sum(abs(bit.size) * bit.price for bit in bits) / size
        data = {"filled_qty": size, "filled_price": price, "commission": order.executed.comm}
        self._say(order, kind, order.executed.dt, data)
        key = (order.data, order.tradeid)
        for bit in bits:
            self._book(key, order, bit)

    def _book(self, key: tuple[Any, int], order: Any, bit: Any) -> None:
        held = self._held.get(key)
        if bit.closed and held is not None:
            held.closed += abs(bit.closed)
            held.received += abs(bit.closed) * bit.price
            held.exit_reason = str(order.info.get("reason") or REASONS.get(order.exectype, "order"))
            if held.opened - held.closed <= 1e-9 * held.opened:
                self._done.setdefault(key, deque()).append(self._held.pop(key))
                held = None
        if bit.opened:
            if held is None:
                held = self._held[key] = Held(self._opened, info=dict(order.info))
                self._opened += 1
            held.opened += abs(bit.opened)
            held.paid += abs(bit.opened) * bit.price

    def trade(self, trade: Any) -> None:
        """A position was opened or closed."""
        key = (trade.data, trade.tradeid)
        if trade.isclosed:
            waiting = self._done.get(key)
            if waiting:
                self._trade_closed(trade, waiting.popleft())
            return
        waiting = self._done.get(key)
        held = self._held.get(key) or (waiting[0] if waiting else None)
        if trade.justopened and held is not None:
            self.tell(
                Heard(
                    TRADE,
                    records.POSITION_OPENED,
                    self.symbol_of(trade.data),
                    {
                        "entry_price": trade.price,
                        "quantity": abs(trade.size),
                        "direction": "LONG" if trade.long else "SHORT",
                        "stop_loss": held.info.get("stop_loss"),
                        "take_profit": held.info.get("take_profit"),
                        "position_id": str(held.number),
                    },
                    ns_of_line(trade.dtopen),
                )
            )

    def _trade_closed(self, trade: Any, held: Held) -> None:
        entry, leave = held.paid / held.opened, held.received / held.closed
        sign = 1 if trade.long else -1
        opened_ns, closed_ns = ns_of_line(trade.dtopen), ns_of_line(trade.dtclose)
        self.tell(
            Heard(
                TRADE,
                records.POSITION_CLOSED,
                self.symbol_of(trade.data),
                {
                    "exit_price": leave,
                    "quantity": held.opened,
                    "exit_reason": held.exit_reason,
                    "pnl": trade.pnl,
                    "pnl_pct": sign * (leave / entry - 1) * 100 if entry else None,
                    "duration_seconds": (closed_ns - opened_ns) / 1e9,
                    "pnlcomm": trade.pnlcomm,
                    "entry_price": entry,
                    "position_id": str(held.number),
                },
                closed_ns,
            )
        )


def decision_of(info: Any) -> dict[str, Any] | None:
    """What a strategy gave with its order: `buy(..., reason="…", stop_loss=…)`, `addinfo(…)`."""
    found = {
        name: value
        for name, value in dict(info).items()
        if isinstance(value, PLAIN) or hasattr(value, "tolist")
    }
    return found or None
