"""Per-trade report: one record a closed spread, with its path of marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt

from bt_gex.feeds.clock import Tick
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import NS, Stamps, utc
from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.money import rounded, to_cents
from bt_gex.market.quotes import Prices
from bt_gex.rules.gex.entry import EntryDecision
from bt_gex.sessions.day import Day
from bt_gex.trades.reasons import ExitReason, TradeFlag
from bt_gex.trades.records import LegQuotes, SpreadTrade
from bt_gex.trades.values import known


@dataclass(frozen=True, slots=True)
class Entry:
    """A spread as it was sold."""

    feed: SpreadFeed
    tick: Tick
    credit: float
    quantity: int
    booked: float
    decision: EntryDecision | None


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

    `records` are the trades, `marks` the value of each on every bar it was
    open. A trade without a settlement price has no profit: exit_value and pnl are None.
    """

    def start(self) -> None:
        self.records: list[SpreadTrade] = []
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
                values=feed.value[rows].copy(),  # a view would keep the whole session
                dollars=dollars,
                booked=entry.booked,
                pnl=pnl,
                margin=margin,
            )
        )

    def stop(self) -> None:
        self.records.sort(key=lambda trade: (trade.timestamp_entry, trade.order_id))

    def get_analysis(self) -> list[SpreadTrade]:
        """The records."""
        return self.records


def trade_record(entry: Entry, order: Any) -> SpreadTrade:
    """A closed trade."""
    feed = entry.feed
    unresolved = order.info.get("settled") == "none"
    return closed_trade(
        order_id=feed.name,
        day=feed.day,
        spread=feed.spread,
        decision=entry.decision,
        rows=(entry.tick.row, feed.clock.now().row),
        values=feed.value,
        clamped=feed.clamped,
        credit=entry.credit,
        exit_value=None if unresolved else float(order.executed.price),
        quantity=entry.quantity,
        pnl_dollars=None if unresolved else order.info.pnl_dollars,
        commission_dollars=order.info.commission_dollars,
        reason=_reason(order),
        settled=order.info.get("settled", ""),
        clamped_exit=bool(order.info.get("clamped")),
    )


def closed_trade(
    *,
    order_id: str,
    day: Day,
    spread: Spread,
    decision: EntryDecision | None,
    rows: tuple[int, int],
    values: Prices,
    clamped: npt.NDArray[np.bool_],
    credit: float,
    exit_value: float | None,
    quantity: int,
    pnl_dollars: float | None,
    commission_dollars: float,
    reason: str,
    settled: str,
    clamped_exit: bool,
) -> SpreadTrade:
    """The record of a trade.

    rows     of entry and exit on the session's grid
    values   of the spread on that grid, points; clamped: where they had to be
    settled  the source of the settlement price, empty for a trade closed by the rules

    leg_quotes has bid and ask at entry, then at exit, of each leg of the spread; none at exit for
    a trade settled at the close, whose spot_exit is what it settled on.
    """
    setup = decision.setup if decision else None
    seen = decision.seen if decision else None
    entered, until = rows
    at_close = until == len(day.grid) - 1
    dollars = float(day.index.multiplier * quantity)
    lived = values[entered : until + 1]
    bars = lived[1 : -1 if at_close else None]  # the bars the exit rules looked at
    marks = lived[:-1] if at_close else lived
    if at_close and exit_value is not None:
        marks = np.append(marks, exit_value)
    profits = credit - marks[~np.isnan(marks)]
    clamps = int(np.count_nonzero(clamped[entered : until + 1]))
    unpriced = int(np.count_nonzero(np.isnan(bars)))
    alive_s = float(day.grid[until] - day.grid[entered]) / NS
    percent = None if exit_value is None else 100.0 * (credit - exit_value) / credit
    spot_exit = day.settlement().price if at_close else float(day.spot[until])
    return SpreadTrade(
        order_id=order_id,
        timestamp_entry=utc(int(day.grid[entered])),
        timestamp_exit=utc(int(day.grid[until])),
        strategy=spread.strategy,
        direction=setup.direction if setup else None,
        confidence=setup.confidence if setup else None,
        strikes=spread.strikes,
        entry_credit=round(credit, 10),
        exit_value=None if exit_value is None else round(exit_value, 10) + 0.0,
        quantity=quantity,
        index_symbol=day.index.symbol,
        expiration=day.session.day,
        pnl_dollars=pnl_dollars,
        pnl_percent=None if percent is None else rounded(percent, 2),
        exit_reason=reason,
        time_alive_minutes=rounded(alive_s / 60.0, 1),
        pin=seen.pin if seen else None,
        spot_entry=seen.spot if seen else None,
        vix_entry=seen.vix if seen else None,
        distance=setup.distance if setup else None,
        width=spread.width,
        commission_dollars=commission_dollars,
        mae_dollars=to_cents(float(profits.min()) * dollars),
        mfe_dollars=to_cents(float(profits.max()) * dollars),
        max_loss_dollars=to_cents((spread.width - credit) * dollars),
        flags=_flags(settled, clamps, unpriced, clamped_exit),
        unpriced_bars=unpriced,
        clamped_bars=clamps,
        spot_exit=known(spot_exit),
        vix_exit=known(float(day.vix[until])),
        leg_quotes=tuple(
            LegQuotes(
                *_quote(day, leg, entered),
                *((None, None) if at_close else _quote(day, leg, until)),
            )
            for leg in spread.legs
        ),
    )


def _quote(day: Day, leg: Leg, row: int) -> tuple[float | None, float | None]:
    """Bid and ask of a leg on a bar."""
    quotes = day.leg(leg.strike, leg.right)
    return known(float(quotes.bid[row])), known(float(quotes.ask[row]))


def _reason(order: Any) -> str:
    settled = order.info.get("settled")
    if not settled:
        return str(order.info.get("reason", ""))
    return ExitReason.UNRESOLVED if settled == "none" else ExitReason.SETTLEMENT


def _flags(settled: str, clamped: int, unpriced: int, clamped_exit: bool) -> tuple[TradeFlag, ...]:
    flags = {
        TradeFlag.UNPRICED_BARS: unpriced > 0,
        TradeFlag.CLAMPED_VALUE: clamped > 0,
        TradeFlag.CLAMPED_EXIT: clamped_exit and not settled,
        TradeFlag.PARITY_SETTLEMENT: settled == "parity",
        TradeFlag.STALE_SETTLEMENT: settled == "stale index",
        TradeFlag.UNRESOLVED: settled == "none",
    }
    return tuple(name for name, is_set in flags.items() if is_set)
