"""Per-trade report: one record a closed spread, with its path of marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import backtrader as bt
import numpy as np

from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.calendar import NS, Stamps, utc
from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.money import rounded, to_cents
from bt_gex.market.quotes import Prices
from bt_gex.rules.gex.entry import AGES_APART, CONTRADICTORY, KINDS, NO_QUOTE, PASSED
from bt_gex.sessions.day import NO_STAMP, Day, SpreadPath
from bt_gex.trades.events import EntryFacts, SpreadClosed, SpreadOpened, SpreadSettled
from bt_gex.trades.reasons import ExitReason, TradeFlag
from bt_gex.trades.records import LegQuotes, SpreadTrade, UnpricedBars
from bt_gex.trades.values import known


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
        self._entries: dict[str, tuple[int, SpreadOpened]] = {}  # row and event
        stream = self.strategy.broker.stream
        stream.subscribe(SpreadOpened, self._opened)
        stream.subscribe(SpreadClosed, self._left)
        stream.subscribe(SpreadSettled, self._left)

    def _opened(self, event: SpreadOpened) -> None:
        feed = feed_of(event)
        self._entries[feed.name] = feed.clock.now().row, event

    def _left(self, event: SpreadClosed | SpreadSettled) -> None:
        feed = feed_of(event)
        entry_row, entry = self._entries.pop(feed.name)
        row = feed.clock.now().row
        self.records.append(
            closed_trade(
                day=feed.day,
                spread=feed.spread,
                rows=(entry_row, row),
                path=feed.path,
                credit=entry.credit,
                facts=entry.facts or EntryFacts(),
                end=event,
            )
        )
        rows = slice(entry_row, row + 1)
        dollars = float(feed.day.index.multiplier * entry.quantity)
        self.marks.append(
            Marks(
                order_id=feed.name,
                stamps=feed.day.grid[rows],
                values=feed.value[rows].copy(),  # a view would keep the whole session
                dollars=dollars,
                booked=entry.booked_dollars,
                pnl=event.pnl_dollars or 0.0,
                margin=(feed.spread.width - entry.credit) * dollars,
            )
        )

    def stop(self) -> None:
        self.records.sort(key=lambda trade: (trade.timestamp_entry, trade.order_id))

    def get_analysis(self) -> list[SpreadTrade]:
        """The records."""
        return self.records


def feed_of(event: SpreadOpened | SpreadClosed | SpreadSettled) -> SpreadFeed:
    """The feed of the spread that an event is about."""
    assert isinstance(event.instrument, SpreadFeed)
    return event.instrument


def closed_trade(
    *,
    day: Day,
    spread: Spread,
    rows: tuple[int, int],
    path: SpreadPath,
    credit: float,
    facts: EntryFacts,
    end: SpreadClosed | SpreadSettled,
) -> SpreadTrade:
    """The record of a trade.

    rows  of entry and exit on the session's grid, which `path` is on

    leg_quotes has bid and ask at entry, then at exit, of each leg of the spread; none at exit for
    a trade settled at the close, whose spot_exit is what it settled on.
    """
    entered, until = rows
    settled = isinstance(end, SpreadSettled)
    dollars = float(day.index.multiplier * end.quantity)
    lived = life(path.part(slice(entered, until + 1)), credit, end)
    alive_s = float(day.grid[until] - day.grid[entered]) / NS
    percent = None if end.value is None else 100.0 * (credit - end.value) / credit
    spot_exit = day.settlement().price if settled else float(day.spot[until])
    return SpreadTrade(
        order_id=end.instrument.name,
        timestamp_entry=utc(int(day.grid[entered])),
        timestamp_exit=utc(int(day.grid[until])),
        strategy=spread.strategy,
        direction=facts.direction,
        confidence=facts.confidence,
        strikes=spread.strikes,
        entry_credit=round(credit, 10),
        exit_value=None if end.value is None else round(end.value, 10) + 0.0,
        quantity=end.quantity,
        index_symbol=day.index.symbol,
        expiration=day.session.day,
        pnl_dollars=end.pnl_dollars,
        pnl_percent=None if percent is None else rounded(percent, 2),
        exit_reason=exit_reason(end),
        time_alive_minutes=rounded(alive_s / 60.0, 1),
        pin=facts.pin,
        spot_entry=facts.spot,
        vix_entry=facts.vix,
        distance=facts.distance,
        width=spread.width,
        commission_dollars=end.commission_dollars,
        mae_dollars=to_cents(lived.worst * dollars),
        mfe_dollars=to_cents(lived.best * dollars),
        max_loss_dollars=to_cents((spread.width - credit) * dollars),
        flags=flags_of(lived, end),
        unpriced_bars=lived.unpriced_bars,
        unpriced_by_kind=lived.unpriced,
        clamped_bars=lived.clamps,
        spot_exit=known(spot_exit),
        vix_exit=known(float(day.vix[until])),
        leg_quotes=tuple(
            leg_quotes(day, leg, entered, None if settled else until) for leg in spread.legs
        ),
    )


class Life(NamedTuple):
    """A trade from entry to exit. worst, best: mark-to-market, points a unit."""

    worst: float
    best: float
    unpriced_bars: int
    unpriced: UnpricedBars
    clamps: int


def life(path: SpreadPath, credit: float, end: SpreadClosed | SpreadSettled) -> Life:
    """Best and worst mark of a trade, and its unpriced and clamped bars."""
    settled = isinstance(end, SpreadSettled)
    # the bars on which the exit rules were evaluated
    kinds = np.bincount(path.unpriced[1 : -1 if settled else None], minlength=len(KINDS) + 1)
    marks = path.value[:-1] if settled else path.value
    if settled and end.value is not None:
        marks = np.append(marks, end.value)
    profits = credit - marks[~np.isnan(marks)]
    return Life(
        worst=float(profits.min()),
        best=float(profits.max()),
        unpriced_bars=int(kinds[PASSED + 1 :].sum()),
        unpriced=UnpricedBars(
            no_quote=int(kinds[NO_QUOTE]),
            leg_ages_apart=int(kinds[AGES_APART]),
            contradictory=int(kinds[CONTRADICTORY]),
        ),
        clamps=int(np.count_nonzero(path.clamped)),
    )


def leg_quotes(day: Day, leg: Leg, entered: int, until: int | None) -> LegQuotes:
    """Bid and ask of a leg on the bars of entry and exit, and how old they were."""
    quotes = day.leg(leg.strike, leg.right)

    def at(row: int | None) -> tuple[float | None, float | None, float | None]:
        if row is None:
            return None, None, None
        stamp = int(quotes.stamps[row])
        age_s = None if stamp == NO_STAMP else round((int(day.grid[row]) - stamp) / NS, 3)
        return known(float(quotes.bid[row])), known(float(quotes.ask[row])), age_s

    (bid_entry, ask_entry, age_entry), (bid_exit, ask_exit, age_exit) = at(entered), at(until)
    return LegQuotes(bid_entry, ask_entry, bid_exit, ask_exit, age_entry, age_exit)


def exit_reason(end: SpreadClosed | SpreadSettled) -> str:
    """Why a trade ended, as its record says it."""
    if isinstance(end, SpreadClosed):
        return end.reason
    return ExitReason.UNRESOLVED if end.value is None else ExitReason.SETTLEMENT


def flags_of(lived: Life, end: SpreadClosed | SpreadSettled) -> tuple[TradeFlag, ...]:
    """What is odd about a trade."""
    source = end.source if isinstance(end, SpreadSettled) else ""
    flags = {
        TradeFlag.UNPRICED_BARS: lived.unpriced_bars > 0,
        TradeFlag.CLAMPED_VALUE: lived.clamps > 0,
        TradeFlag.CLAMPED_EXIT: isinstance(end, SpreadClosed) and end.clamped,
        TradeFlag.PARITY_SETTLEMENT: source == "parity",
        TradeFlag.STALE_SETTLEMENT: source == "stale index",
        TradeFlag.UNRESOLVED: isinstance(end, SpreadSettled) and end.value is None,
    }
    return tuple(name for name, is_set in flags.items() if is_set)
