"""Figures of trades measured in R, the risk each was entered with.

Trades are in order of exit. A win is above 0 R and a loss below it, by more than rounding.
A figure that does not exist (a mean of nothing, a ratio over 0) is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from bt_gex.stats.metrics import max_drawdown_pct
from bt_gex.stats.sharpe import SAME, SESSIONS_A_YEAR

TOLERANCE = 1e-9
ANNUAL = math.sqrt(SESSIONS_A_YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """R after one trade; drawdown_r is 0 or below."""

    cumulative_r: float
    running_max: float
    drawdown_r: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownPeriod:
    """Trades that left the curve below its peak, in a row; numbers count from 0.

    depth_r  0 or below
    """

    first: int
    last: int
    depth_r: float

    @property
    def trades(self) -> int:
        """How many."""
        return self.last - self.first + 1


def r_metrics(
    rs: Sequence[float],
    *,
    minutes: Sequence[float],
    session_rs: Sequence[float],
    pnl_dollars: Sequence[float],
    initial_capital: float,
) -> dict[str, float | int | None]:
    """Figures of a record of trades.

    minutes     how long each trade was open
    session_rs  R of the trades closed in each session, 0 for a session without one
    pnl_dollars of each trade

    sharpe_ratio is of single trades, as if each were a day; sharpe_daily is of sessions. Deviations
    are the population's.
    """
    values = np.asarray(rs, dtype=np.float64)
    wins, losses = values[values > TOLERANCE], values[values < -TOLERANCE]
    number, lost = len(values), float(-losses.sum())
    average = _mean(values)
    equity = initial_capital + np.cumsum([0.0, *pnl_dollars])
    return {
        "total_trades": number,
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "win_rate": len(wins) / number if number else None,
        "total_r": float(values.sum()),
        "average_r": average,
        "expectancy": average,
        "median_r": float(np.median(values)) if number else None,
        "profit_factor": float(wins.sum()) / lost if len(losses) else None,
        "sharpe_ratio": sharpe_of(values),
        "sharpe_daily": sharpe_of(session_rs),
        "sortino_ratio": sortino_of(values),
        "max_drawdown_r": min((point.drawdown_r for point in r_curve(rs)), default=0.0),
        "max_drawdown_pct": max_drawdown_pct(equity),
        "avg_winner_r": _mean(wins) or 0.0,
        "avg_loser_r": _mean(losses) or 0.0,
        "largest_winner_r": float(wins.max()) if len(wins) else 0.0,
        "largest_loser_r": float(losses.min()) if len(losses) else 0.0,
        "consecutive_wins": longest_row(rs, 1),
        "consecutive_losses": longest_row(rs, -1),
        "avg_trade_duration_minutes": _mean(np.asarray(minutes, dtype=np.float64)),
    }


def sharpe_of(rs: npt.ArrayLike) -> float | None:
    """Mean over population deviation, times √252; None with fewer than two values or without
    deviation."""
    values = np.asarray(rs, dtype=np.float64)
    if len(values) < 2:
        return None
    deviation = float(values.std())
    if deviation <= SAME * float(np.abs(values).max()):
        return None
    return float(values.mean()) / deviation * ANNUAL


def sortino_of(rs: npt.ArrayLike) -> float | None:
    """Mean over the root of the mean squared loss of all trades, times √252; None with fewer
    than two values or without a loss."""
    values = np.asarray(rs, dtype=np.float64)
    losses = np.minimum(values, 0.0)
    if len(values) < 2 or not (losses < -TOLERANCE).any():
        return None
    return float(values.mean()) / math.sqrt(float((losses**2).mean())) * ANNUAL


def r_curve(rs: Sequence[float]) -> list[CurvePoint]:
    """Cumulative R trade by trade; its peak starts at 0, before the first."""
    cumulative = np.cumsum(np.asarray(rs, dtype=np.float64))
    peaks = np.maximum(np.maximum.accumulate(cumulative), 0.0) if len(cumulative) else cumulative
    return [
        CurvePoint(cumulative_r=r, running_max=peak, drawdown_r=r - peak)
        for r, peak in zip(cumulative.tolist(), peaks.tolist(), strict=True)
    ]


def drawdown_periods(rs: Sequence[float]) -> list[DrawdownPeriod]:
    """Every stretch below the peak, in order."""
    numbered = list(enumerate(point.drawdown_r for point in r_curve(rs)))
    found: list[DrawdownPeriod] = []
    for below, group in groupby(numbered, key=lambda item: item[1] < -TOLERANCE):
        members = list(group)
        if below:
            depth = min(drawdown for _, drawdown in members)
            found.append(DrawdownPeriod(first=members[0][0], last=members[-1][0], depth_r=depth))
    return found


def longest_row(rs: Sequence[float], sign: int) -> int:
    """Most wins (sign 1) or losses (sign -1) in a row; a trade of 0 R ends both."""
    lengths = (
        len(list(row)) for is_one, row in groupby(rs, lambda r: sign * r > TOLERANCE) if is_one
    )
    return max(lengths, default=0)


def win_rate_of(rs: Sequence[float]) -> float | None:
    """Share of wins, 0 to 1."""
    return sum(r > TOLERANCE for r in rs) / len(rs) if rs else None


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
