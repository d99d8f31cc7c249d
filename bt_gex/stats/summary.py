"""Figures of a run: what the trades made, how the account got there, and how trades came about.

Money is dollars rounded to cents, and sums of cents are exact. Rates are fractions, not percents.
A figure that does not exist (a profit factor without losses) is None, never NaN or infinite.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from bt_gex.errors import DataError
from bt_gex.market.calendar import NEW_YORK, WEEKDAYS
from bt_gex.trades.reasons import TradeFlag
from bt_gex.trades.records import STRICT, Decision, SpreadTrade, Trade, UnpricedBars

T = TypeVar("T", bound=Trade)


@dataclass(frozen=True, slots=True)
class Grouping(Generic[T]):
    """A way to part trades: the name of the group of each, in the given order, else sorted."""

    name_of: Callable[[T], str]
    order: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Trades that belong together; dollars."""

    __pydantic_config__ = STRICT

    count: int
    winners: int
    win_rate: float
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What trades with a known P&L made; the others are counted as unresolved.

    avg_loss      positive; max_loss: negative or 0
    max_drawdown  dollars, over the balance after each closed trade in order of exit
    """

    __pydantic_config__ = STRICT

    total_trades: int
    winners: int
    losers: int
    breakeven: int
    unresolved: int
    win_rate: float
    total_pnl: float
    avg_win: float
    avg_loss: float
    max_win: float
    max_loss: float
    profit_factor: float | None
    max_drawdown: float
    final_balance: float
    return_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """From checks to trades: what became of every check, and how often they could be priced.

    bars           30-second bars replayed
    success_rate   entries / checks
    unpriced_bars  pairs of an open trade and a bar on which it could not be priced
    unpriced_by_kind  the same by what the quotes lacked
    clamped        values and exit costs that had to be brought back into 0..width
    """

    __pydantic_config__ = STRICT

    bars: int
    checks: int
    entries: int
    skips: int
    success_rate: float
    skips_by_kind: Mapping[str, int]
    skips_by_reason: Mapping[str, int]
    unpriced_bars: int
    unpriced_by_kind: UnpricedBars
    clamped: int
    unresolved: int


def entry_new_york(trade: Trade) -> datetime:
    """The entry on New York's clock."""
    return aware(trade, trade.timestamp_entry).astimezone(NEW_YORK)


SPREAD_GROUPINGS: Mapping[str, Grouping[SpreadTrade]] = {
    "by_strategy": Grouping(lambda trade: trade.strategy),
    "by_confidence": Grouping(lambda trade: trade.confidence or "unknown"),
    "by_exit_reason": Grouping(lambda trade: trade.exit_reason),
    "by_entry_time": Grouping(lambda trade: f"{entry_new_york(trade):%H:%M}"),
    "by_weekday": Grouping(lambda trade: WEEKDAYS[entry_new_york(trade).weekday()], WEEKDAYS),
    "by_month": Grouping(lambda trade: f"{entry_new_york(trade):%Y-%m}"),
    "by_year": Grouping(lambda trade: f"{entry_new_york(trade):%Y}"),
}


def summarise(trades: Iterable[Trade], *, balance: float) -> Totals:
    """Totals of trades.

    balance  dollars before the first trade

    Raises DataError on a P&L that is not a finite number and on a time without zone.
    """
    everything = list(trades)
    done = [trade for trade in everything if trade.pnl_dollars is not None]
    pnls = [pnl_cents(trade) for trade in done]
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [-pnl for pnl in pnls if pnl < 0]
    start, total = _cents(balance), sum(pnls)
    return Totals(
        total_trades=len(done),
        winners=len(wins),
        losers=len(losses),
        breakeven=len(done) - len(wins) - len(losses),
        unresolved=len(everything) - len(done),
        win_rate=len(wins) / len(done) if done else 0.0,
        total_pnl=total / 100,
        avg_win=_average_dollars(wins),
        avg_loss=_average_dollars(losses),
        max_win=max(wins, default=0) / 100,
        max_loss=-max(losses, default=0) / 100,
        profit_factor=_ratio(wins, losses),
        max_drawdown=max_drawdown_dollars(_closed_equity(done, start)),
        final_balance=(start + total) / 100,
        return_pct=100 * total / start if start else None,
    )


def grouped(
    trades: Iterable[T], groupings: Mapping[str, Grouping[T]]
) -> dict[str, dict[str, Group]]:
    """Count, winners, win rate and P&L of the resolved trades, by grouping and then by name."""
    done = [trade for trade in trades if trade.pnl_dollars is not None]
    return {name: _groups(done, grouping) for name, grouping in groupings.items()}


def group_of(trades: Sequence[Trade]) -> Group:
    """Count, winners, win rate and P&L of trades with a P&L, at least one."""
    pnls = [pnl_cents(trade) for trade in trades]
    winners = sum(1 for pnl in pnls if pnl > 0)
    return Group(
        count=len(pnls), winners=winners, win_rate=winners / len(pnls), pnl=sum(pnls) / 100
    )


def profit_factor(pnls: Iterable[float]) -> float | None:
    """Gross profit / gross loss of P&Ls in dollars; None without a loss."""
    cents = [_cents(pnl) for pnl in pnls]
    return _ratio([pnl for pnl in cents if pnl > 0], [-pnl for pnl in cents if pnl < 0])


def drawdown_dollars(equity_values: Sequence[float] | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """How far below its highest value so far the account stands at each point; 0 or positive.

    The first value is the balance the account starts with. Raises DataError on a value that is
    not a finite number.
    """
    equity = np.asarray(equity_values, dtype=np.float64)
    if not np.isfinite(equity).all():
        row = int(np.flatnonzero(~np.isfinite(equity))[0])
        raise DataError(f"equity is {equity[row]} at row {row}; every row needs a number")
    return np.asarray(np.maximum.accumulate(equity) - equity, dtype=np.float64)


def max_drawdown_dollars(equity_values: Sequence[float] | npt.ArrayLike) -> float:
    """Largest fall from a peak in dollars, 0 or positive; 0 for no values."""
    drawdowns = drawdown_dollars(equity_values)
    return round(float(drawdowns.max()), 2) if drawdowns.size else 0.0


def funnel(decisions: Iterable[Decision], trades: Iterable[SpreadTrade], bars: int) -> Funnel:
    """From checks to trades, over so many 30-second bars."""
    outcomes = list(decisions)
    skips = [decision for decision in outcomes if decision.outcome == "skip"]
    taken = list(trades)
    entries = len(outcomes) - len(skips)
    return Funnel(
        bars=bars,
        checks=len(outcomes),
        entries=entries,
        skips=len(skips),
        success_rate=entries / len(outcomes) if outcomes else 0.0,
        skips_by_kind=most_frequent_first(Counter(skip.kind for skip in skips)),
        skips_by_reason=most_frequent_first(Counter(skip.reason for skip in skips)),
        unpriced_bars=sum(trade.unpriced_bars for trade in taken),
        unpriced_by_kind=unpriced_by_kind(taken),
        clamped=sum(
            trade.clamped_bars + (TradeFlag.CLAMPED_EXIT in trade.flags) for trade in taken
        ),
        unresolved=sum(1 for trade in taken if trade.pnl_dollars is None),
    )


def unpriced_by_kind(trades: Iterable[SpreadTrade]) -> UnpricedBars:
    """Bars without a price of all trades together."""
    found = [
        trade.unpriced_by_kind or UnpricedBars(no_quote=trade.unpriced_bars) for trade in trades
    ]
    return UnpricedBars(
        no_quote=sum(one.no_quote for one in found),
        leg_ages_apart=sum(one.leg_ages_apart for one in found),
        contradictory=sum(one.contradictory for one in found),
    )


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Names by descending count; equal counts by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def sum_dollars(amounts: Iterable[float]) -> float:
    """Sum of amounts in dollars, exact in cents."""
    return sum(_cents(amount) for amount in amounts) / 100


def resolved(trades: Iterable[T]) -> list[T]:
    """Trades with a P&L, in order of closing; those closed at once in order of entry."""
    known = [trade for trade in trades if trade.pnl_dollars is not None]
    return sorted(known, key=lambda trade: (trade.timestamp_exit, trade.timestamp_entry))


def pnl_cents(trade: Trade) -> int:
    """P&L in cents; 0 where it is not known. Raises DataError where it is no finite number."""
    try:
        return 0 if trade.pnl_dollars is None else _cents(trade.pnl_dollars)
    except DataError as error:
        raise DataError(f"trade {trade.order_id}: {error}; unresolved is None") from error


def aware(trade: Trade, moment: datetime) -> datetime:
    """The instant. Raises DataError when it has no zone."""
    if moment.tzinfo is None:
        raise DataError(f"trade {trade.order_id}: {moment} has no zone; add +00:00")
    return moment


def _cents(dollars: float) -> int:
    if not math.isfinite(dollars):
        raise DataError(f"an amount of {dollars} dollars; every amount needs a finite number")
    return round(dollars * 100)


def _average_dollars(cents: Sequence[int]) -> float:
    return round(Fraction(sum(cents), len(cents))) / 100 if cents else 0.0


def _ratio(wins: Sequence[int], losses: Sequence[int]) -> float | None:
    return sum(wins) / sum(losses) if losses else None


def _closed_equity(done: Sequence[Trade], start_cents: int) -> list[float]:
    """The balance after each trade in order of exit; trades closed at once in order of entry."""
    equity = [start_cents]
    for trade in sorted(done, key=lambda trade: aware(trade, trade.timestamp_exit)):
        equity.append(equity[-1] + pnl_cents(trade))
    return [cents / 100 for cents in equity]


def _groups(done: Sequence[T], grouping: Grouping[T]) -> dict[str, Group]:
    members: dict[str, list[T]] = {}
    for trade in done:
        members.setdefault(grouping.name_of(trade), []).append(trade)
    ordered = [name for name in grouping.order if name in members] or sorted(members)
    return {name: group_of(members[name]) for name in ordered}
