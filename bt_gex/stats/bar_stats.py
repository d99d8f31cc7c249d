"""Figures of bar trades: groupings in dollars, figures in R, intervals in R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bt_gex.market.calendar import WEEKDAYS
from bt_gex.stats.bootstrap import PATHS, SEED, Interval, draws, interval
from bt_gex.stats.r_metrics import r_metrics
from bt_gex.stats.summary import Grouping, entry_new_york
from bt_gex.trades.bar_trades import BarTrade

BAR_GROUPINGS: Mapping[str, Grouping[BarTrade]] = {
    "by_direction": Grouping(lambda trade: trade.direction),
    "by_exit_reason": Grouping(lambda trade: trade.exit_reason),
    "by_entry_hour": Grouping(lambda trade: f"{entry_new_york(trade):%H}:00"),
    "by_weekday": Grouping(lambda trade: WEEKDAYS[entry_new_york(trade).weekday()], WEEKDAYS),
}
OF_TRADES = ("total_trades", "max_drawdown_pct", "avg_trade_duration_minutes")


def metrics_of(
    trades: Sequence[BarTrade], session_rs: Sequence[float], initial_capital: float
) -> dict[str, float | int | None]:
    """The figures of `r_metrics` of trades in order of exit; those in R are None where a trade has
    none, as its strategy has no stop."""
    rs = [trade.realized_r for trade in trades]
    known = [r for r in rs if r is not None]
    found = r_metrics(
        known if len(known) == len(rs) else [],
        minutes=[trade.minutes for trade in trades],
        session_rs=session_rs,
        pnl_dollars=[trade.pnl_dollars for trade in trades],
        initial_capital=initial_capital,
    )
    if len(known) == len(rs):
        return found
    won = sum(trade.pnl_dollars > 0 for trade in trades)
    return {
        **{name: found[name] if name in OF_TRADES else None for name in found},
        "total_trades": len(trades),
        "winning_trades": won,
        "losing_trades": sum(trade.pnl_dollars < 0 for trade in trades),
        "win_rate": won / len(trades),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RIntervals:
    """Bootstrap intervals of R: sessions resampled in blocks, as for dollars.

    expectancy        R a trade; None where no path has a trade
    probability_below_zero  share of the paths that lose
    """

    sessions: int
    paths: int
    total_r: Interval
    expectancy: Interval | None
    probability_below_zero: float


def r_intervals(sessions: Sequence[Sequence[float]], paths: int = PATHS) -> RIntervals | None:
    """Of the R of the trades of each session; None with fewer than two sessions or no trade."""
    number = len(sessions)
    if number < 2 or not any(sessions):
        return None
    rows = draws(number, max(1, round(number ** (1 / 3))), paths, SEED)
    totals = np.array([sum(rs) for rs in sessions], dtype=np.float64)[rows].sum(axis=1)
    counts = np.array([len(rs) for rs in sessions], dtype=np.int64)[rows].sum(axis=1)
    traded = counts > 0
    total = interval(totals)
    assert total is not None
    return RIntervals(
        sessions=number,
        paths=paths,
        total_r=total,
        expectancy=interval(totals[traded] / counts[traded]),
        probability_below_zero=float((totals < 0).mean()),
    )
