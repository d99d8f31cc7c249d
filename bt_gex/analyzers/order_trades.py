"""Trades of any strategy on backtrader's own broker, from what its orders filled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import backtrader as bt

from bt_gex.market.calendar import NS, new_york, utc
from bt_gex.trades.bar_trades import BarFill, BarTrade, Direction, trade_id_of

END_OF_DATA = "end_of_data"
_EPOCH_ORDINAL = 719_163


@dataclass(slots=True)
class _Open:
    """A position under way; entry: average price of what was opened; pnl in dollars."""

    direction: Direction
    at_ns: int
    quantity: float
    entry: float
    pnl: float
    fills: list[BarFill] = field(default_factory=list)


class OrderTradeReport(bt.Analyzer):
    """A record for each position of a feed from flat to flat, in order of exit.

    The reason of an exit is `info.reason` of its order, where the strategy gives one, else the kind
    of order: market, stop, limit. What is open when the data ends is closed at its last close. A
    trade has no R: backtrader's orders do not say what is at stake.
    """

    def start(self) -> None:
        self.records: list[BarTrade] = []
        self._open: dict[Any, _Open] = {}
        self._names: set[tuple[str, str]] = set()

    def notify_order(self, order: Any) -> None:
        if order.status not in (order.Partial, order.Completed):
            return
        for bit in order.executed.iterpending():
            if bit.closed:
                self._close(order, bit)
            if bit.opened:
                self._add(order, bit)

    def stop(self) -> None:
        for data, held in list(self._open.items()):
            position = self.strategy.getposition(data)
            close = float(data.close[0])
            held.pnl += position.size * (close - position.price)
            self._fill(held, _ns(data.datetime[0]), close, abs(position.size), END_OF_DATA)
            self._end(data)
        self.records.sort(key=lambda trade: trade.timestamp_exit)

    def get_analysis(self) -> list[BarTrade]:
        """The records."""
        return self.records

    def _add(self, order: Any, bit: Any) -> None:
        held = self._open.get(order.data)
        if held is None:
            direction: Direction = "long" if bit.opened > 0 else "short"
            self._open[order.data] = _Open(
                direction, _ns(bit.dt), abs(bit.opened), bit.price, -bit.openedcomm
            )
            return
        whole = held.quantity + abs(bit.opened)
        held.entry = (held.entry * held.quantity + bit.price * abs(bit.opened)) / whole
        held.quantity = whole
        held.pnl -= bit.openedcomm

    def _close(self, order: Any, bit: Any) -> None:
        held = self._open.get(order.data)
        if held is None:
            return
        held.pnl += bit.pnl - bit.closedcomm
        reason = str(order.info.get("reason") or order.getordername().lower())
        self._fill(held, _ns(bit.dt), bit.price, abs(bit.closed), reason)
        if not bit.psize or bit.opened:
            self._end(order.data)

    def _fill(self, held: _Open, ns: int, price: float, quantity: float, reason: str) -> None:
        fill = BarFill(timestamp=utc(ns), price=price, quantity=quantity, reason=reason)
        held.fills.append(fill)

    def _end(self, data: Any) -> None:
        held = self._open.pop(data)
        symbol, last = str(data._name), held.fills[-1]
        daily = data._timeframe == bt.TimeFrame.Days
        self.records.append(
            BarTrade(
                symbol=symbol,
                trade_id=self._name(symbol, trade_id_of(held.direction, utc(held.at_ns))),
                direction=held.direction,
                quantity=held.quantity,
                point_value=1.0,
                session=(utc if daily else new_york)(held.at_ns).date(),
                timestamp_entry=utc(held.at_ns),
                timestamp_exit=last.timestamp,
                entry_price=held.entry,
                fills=tuple(held.fills),
                exit_reason=last.reason,
                pnl_dollars=held.pnl,
                max_loss_dollars=held.entry * held.quantity,
            )
        )

    def _name(self, symbol: str, name: str) -> str:
        """The name, numbered where it is taken: a position may be reversed twice on a bar."""
        found, number = name, 1
        while (symbol, found) in self._names:
            number += 1
            found = f"{name}-{number}"
        self._names.add((symbol, found))
        return found


def _ns(stamp: float) -> int:
    """Nanoseconds of a stamp of backtrader's, to the second."""
    return round((stamp - _EPOCH_ORDINAL) * 86_400) * NS
