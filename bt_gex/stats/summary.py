"""Figures of a run: what the trades made, how the account got there, and how trades came about.

Money is dollars rounded to cents, and sums of cents are exact. Rates are fractions, not percents.
A figure that does not exist (a profit factor without losses) is None, never NaN or infinite.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from bt_gex.errors import DataError
from bt_gex.market.calendar import NEW_YORK

Record = Mapping[str, Any]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def summarise(trades: Iterable[Record], *, balance: float) -> dict[str, Any]:
    """Statistics of trades whose `pnl_dollars` is known; the others are counted as unresolved.

    balance  dollars before the first trade

    avg_loss is positive, max_loss negative. max_drawdown is dollars over the balance after each
    closed trade, in order of exit. Raises DataError on a P&L that is not a finite number and on
    a time without zone.
    """
    everything = list(trades)
    done = [trade for trade in everything if trade["pnl_dollars"] is not None]
    pnls = [_pnl_cents(trade) for trade in done]
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [-pnl for pnl in pnls if pnl < 0]
    start, total = _cents(balance), sum(pnls)
    return {
        "total_trades": len(done),
        "winners": len(wins),
        "losers": len(losses),
        "breakeven": len(done) - len(wins) - len(losses),
        "unresolved": len(everything) - len(done),
        "win_rate": len(wins) / len(done) if done else 0.0,
        "total_pnl": total / 100,
        "avg_win": _average_dollars(wins),
        "avg_loss": _average_dollars(losses),
        "max_win": max(wins, default=0) / 100,
        "max_loss": -max(losses, default=0) / 100,
        "profit_factor": _ratio(wins, losses),
        "max_drawdown": max_drawdown_dollars(_closed_equity(done, start)),
        "final_balance": (start + total) / 100,
        "return_pct": 100 * total / start if start else None,
        "by_strategy": _groups(done, lambda trade: trade["strategy"]),
        "by_confidence": _groups(done, lambda trade: trade["confidence"] or "unknown"),
        "by_exit_reason": _groups(done, lambda trade: trade["exit_reason"]),
        "by_entry_time": _groups(done, lambda trade: f"{_entry(trade):%H:%M}"),
        "by_weekday": _groups(done, lambda trade: WEEKDAYS[_entry(trade).weekday()], WEEKDAYS),
    }


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


def funnel(decisions: Iterable[Record], trades: Iterable[Record], bars: int) -> dict[str, Any]:
    """From checks to trades: what became of every check, and how well the trades were seen.

    bars           30-second bars replayed
    success_rate   entries / checks
    unpriced_bars  pairs of an open trade and a bar on which it could not be priced
    clamped        values and exit costs that had to be brought back into 0..width
    """
    outcomes = list(decisions)
    skips = [decision for decision in outcomes if decision["outcome"] == "skip"]
    taken = list(trades)
    entries = len(outcomes) - len(skips)
    return {
        "bars": bars,
        "checks": len(outcomes),
        "entries": entries,
        "skips": len(skips),
        "success_rate": entries / len(outcomes) if outcomes else 0.0,
        "skips_by_kind": most_frequent_first(Counter(str(skip["kind"]) for skip in skips)),
        "skips_by_reason": most_frequent_first(Counter(str(skip["reason"]) for skip in skips)),
        "unpriced_bars": sum(int(trade["unpriced_bars"]) for trade in taken),
        "clamped": sum(
            int(trade["clamped_bars"]) + ("clamped_exit" in trade["flags"]) for trade in taken
        ),
        "unresolved": sum(1 for trade in taken if trade["pnl_dollars"] is None),
    }


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Names by descending count; equal counts by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _cents(dollars: float) -> int:
    if not math.isfinite(dollars):
        raise DataError(f"an amount of {dollars} dollars; every amount needs a finite number")
    return round(dollars * 100)


def _pnl_cents(trade: Record) -> int:
    try:
        return _cents(float(trade["pnl_dollars"]))
    except DataError as error:
        raise DataError(f"trade {trade['order_id']}: {error}; unresolved is None") from error


def _average_dollars(cents: Sequence[int]) -> float:
    return round(Fraction(sum(cents), len(cents))) / 100 if cents else 0.0


def _ratio(wins: Sequence[int], losses: Sequence[int]) -> float | None:
    return sum(wins) / sum(losses) if losses else None


def _closed_equity(done: Sequence[Record], start_cents: int) -> list[float]:
    """The balance after each trade in order of exit; trades closed at once in order of entry."""
    equity = [start_cents]
    for trade in sorted(done, key=lambda trade: _aware(trade, "timestamp_exit")):
        equity.append(equity[-1] + _pnl_cents(trade))
    return [cents / 100 for cents in equity]


def _aware(trade: Record, name: str) -> datetime:
    moment = datetime.fromisoformat(str(trade[name]))
    if moment.tzinfo is None:
        raise DataError(f"trade {trade['order_id']}: {name} {trade[name]} has no zone; add +00:00")
    return moment


def _entry(trade: Record) -> datetime:
    return _aware(trade, "timestamp_entry").astimezone(NEW_YORK)


def _groups(
    done: Sequence[Record], name_of: Callable[[Record], str], order: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Count, winners, win rate and P&L by name; names in the given order, else sorted."""
    pnls: dict[str, list[int]] = {}
    for trade in done:
        pnls.setdefault(name_of(trade), []).append(_pnl_cents(trade))
    groups: dict[str, dict[str, Any]] = {}
    for name in [name for name in order if name in pnls] or sorted(pnls):
        winners = sum(1 for pnl in pnls[name] if pnl > 0)
        groups[name] = {
            "count": len(pnls[name]),
            "winners": winners,
            "win_rate": winners / len(pnls[name]),
            "pnl": sum(pnls[name]) / 100,
        }
    return groups
