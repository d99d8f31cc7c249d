"""Per-trade report: one record a closed spread, with its path of marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.feeds.clock import Tick
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import NS, Stamps, utc
from bt_gex.market.money import rounded, to_cents
from bt_gex.market.quotes import Prices
from bt_gex.rules.entry import Decision
from bt_gex.rules.exits import SETTLEMENT_REASON, UNRESOLVED_REASON


@dataclass(frozen=True, slots=True)
class Entry:
    """A spread as it was sold."""

    feed: SpreadFeed
    tick: Tick
    credit: float
    quantity: int
    booked: float
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """An open spread from its entry bar to its exit.

    values            points on each tick, NaN where it could not be priced
    dollars           dollars a point is worth for the whole position
    booked, pnl       dollars: what the entry did to the cash, and what the trade made
    margin            dollars reserved while it was open
    """

    order_id: str
    stamps: Stamps
    values: Prices
    dollars: float
    booked: float
    pnl: float
    margin: float


class TradeReport(bt.Analyzer):
    """Trades of spreads through a SpreadBroker, in order of entry; works with any strategy.

    `records` are plain dicts (times ISO 8601 UTC, prices in points, money in dollars), `marks` the
    value of each trade on every bar it was open. A trade without a settlement price has no profit:
    exit_value and pnl are None.
    """

    def start(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.marks: list[Marks] = []
        self._entries: dict[str, Entry] = {}

    def notify_order(self, order: Any) -> None:
        feed = order.data
        if order.status != order.Completed or not isinstance(feed, SpreadFeed):
            return
        if order.issell():
            decision = order.info.get("decision")
            credit, quantity = order.executed.price, int(-order.executed.size)
            self._entries[feed.name] = Entry(
                feed, feed.clock.now(), credit, quantity, order.info.booked_dollars, decision
            )
            return
        entry = self._entries.pop(feed.name)
        self.records.append(trade_record(entry, order))
        stop = feed.clock.now().row + 1
        rows = slice(entry.tick.row, stop)
        dollars = float(feed.day.index.multiplier * entry.quantity)
        margin = (feed.spread.width - entry.credit) * dollars
        pnl = float(order.info.get("pnl_dollars", 0.0))
        self.marks.append(
            Marks(
                order_id=feed.name,
                stamps=feed.day.grid[rows],
                values=feed.value[rows],
                dollars=dollars,
                booked=entry.booked,
                pnl=pnl,
                margin=margin,
            )
        )

    def stop(self) -> None:
        def by_entry(record: dict[str, Any]) -> tuple[str, str]:
            return record["timestamp_entry"], record["order_id"]

        self.records.sort(key=by_entry)

    def get_analysis(self) -> list[dict[str, Any]]:
        """The records."""
        return self.records


def trade_record(entry: Entry, order: Any) -> dict[str, Any]:
    """A closed trade in plain values."""
    feed, decision = entry.feed, entry.decision
    spread, index = feed.spread, feed.day.index
    setup = decision.setup if decision else None
    seen = decision.seen if decision else None
    until = feed.clock.now()
    dollars = float(index.multiplier * entry.quantity)
    unresolved = order.info.get("settled") == "none"
    value = None if unresolved else float(order.executed.price)
    lived = feed.value[entry.tick.row : until.row + 1]
    bars = lived[1 : None if not until.is_close else -1]  # the bars the exit rules looked at
    marks = [lived[0], *bars] + ([value] if until.is_close and value is not None else [])
    known = entry.credit - np.array([mark for mark in marks if mark == mark])
    clamped = int(np.count_nonzero(feed.clamped[entry.tick.row : until.row + 1]))
    return {
        "order_id": feed.name,
        "timestamp_entry": _iso(entry.tick.ns),
        "timestamp_exit": _iso(until.ns),
        "strategy": spread.strategy,
        "direction": setup.direction if setup else None,
        "confidence": setup.confidence if setup else None,
        "strikes": list(spread.strikes),
        "entry_credit": round(entry.credit, 10),
        "exit_value": None if value is None else round(value, 10) + 0.0,
        "quantity": entry.quantity,
        "index_symbol": index.symbol,
        "expiration": feed.day.session.day.isoformat(),
        "pnl_dollars": None if unresolved else order.info.pnl_dollars,
        "pnl_percent": None
        if value is None
        else rounded(100.0 * (entry.credit - value) / entry.credit, 2),
        "exit_reason": _reason(order),
        "time_alive_minutes": rounded((until.ns - entry.tick.ns) / NS / 60.0, 1),
        "pin": seen.pin if seen else None,
        "spot_entry": seen.spot if seen else None,
        "vix_entry": seen.vix if seen else None,
        "distance": setup.distance if setup else None,
        "width": spread.width,
        "commission_dollars": order.info.commission_dollars,
        "mae_dollars": to_cents(float(known.min()) * dollars),
        "mfe_dollars": to_cents(float(known.max()) * dollars),
        "max_loss_dollars": to_cents((spread.width - entry.credit) * dollars),
        "flags": _flags(order, clamped, int(np.count_nonzero(np.isnan(bars)))),
        "unpriced_bars": int(np.count_nonzero(np.isnan(bars))),
        "clamped_bars": clamped,
    }


def _reason(order: Any) -> str:
    settled = order.info.get("settled")
    if not settled:
        return str(order.info.get("reason", ""))
    return UNRESOLVED_REASON if settled == "none" else SETTLEMENT_REASON


def _flags(order: Any, clamped: int, unpriced: int) -> list[str]:
    settled = order.info.get("settled")
    flags = {
        "unpriced_bars": unpriced > 0,
        "clamped_value": clamped > 0,
        "clamped_exit": bool(order.info.get("clamped")) and not settled,
        "parity_settlement": settled == "parity",
        "stale_settlement": settled == "stale index",
        "unresolved": settled == "none",
    }
    return [name for name, is_set in flags.items() if is_set]


def _iso(ns: int) -> str:
    return utc(ns).isoformat()
