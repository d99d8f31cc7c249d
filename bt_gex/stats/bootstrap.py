"""Bootstrap intervals of a run's figures: its sessions resampled with replacement.

Trades of one session are not independent, so whole sessions are drawn, in blocks of neighbours
that wrap around the end (the circular block bootstrap of D. N. Politis and J. P. Romano, 1992).
Intervals are percentiles of what the paths gave (B. Efron and R. J. Tibshirani, "An Introduction
to the Bootstrap", 1993, chapter 13): the smallest value that at least that share of the paths do
not exceed. Amounts inside are whole cents; results are dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.stats.summary import pnl_cents, resolved
from bt_gex.trades.records import Trade

Cents = npt.NDArray[np.int64]
PATHS = 10_000
SEED = 20_260_112
COVERAGE = 0.90  # one path in twenty lies beyond either end
LOSSES_PCT = (5, 10, 20, 50)
QUANTILES = (0.01, 0.05, 0.25, 0.50, 0.75, 0.95, 0.99)


class Course(NamedTuple):
    """How an account went in a session, in cents from where it began.

    high, low  0 or beyond, as the start counts; fall: the largest from a peak within
    """

    end: int
    high: int
    low: int
    fall: int


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """What one session adds to a path; lost is positive."""

    trades: int
    winners: int
    won: int
    lost: int
    closed: Course
    marked: Course


Interval = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Bootstrap intervals and odds of a record; dollars.

    block_sessions  sessions drawn together
    coverage        share of the paths within an interval; None as a bound: infinite, None for an
                    interval: no path has a value
    *_quantiles     values by share of the paths that do not exceed them
    probability_of_losing_pct  share of the paths that ever lost so many percent of the balance
    """

    sessions: int
    paths: int
    seed: int
    block_sessions: int
    coverage: float
    total_pnl: Interval
    return_pct: Interval
    win_rate: Interval | None
    profit_factor: Interval | None
    max_drawdown: Interval
    max_drawdown_mtm: Interval
    final_balance_quantiles: dict[str, float]
    max_drawdown_quantiles: dict[str, float]
    max_drawdown_mtm_quantiles: dict[str, float]
    probability_of_loss: float
    probability_of_losing_pct: dict[str, float]


def course_of(levels: npt.ArrayLike) -> Course:
    """From the account's levels in cents, counted from the session's start."""
    path = np.concatenate([[0], np.asarray(levels, dtype=np.int64)])
    fall = int((np.maximum.accumulate(path) - path).max())
    return Course(int(path[-1]), int(path.max()), int(path.min()), fall)


def session_figures(trades: Sequence[Trade], marked_levels: npt.ArrayLike) -> SessionFigures:
    """Of one session's trades, unresolved ones left out, and of its account marked per bar."""
    pnls = np.array([pnl_cents(trade) for trade in resolved(trades)], dtype=np.int64)
    return SessionFigures(
        trades=len(pnls),
        winners=int((pnls > 0).sum()),
        won=int(pnls[pnls > 0].sum()),
        lost=-int(pnls[pnls < 0].sum()),
        closed=course_of(np.cumsum(pnls)),
        marked=course_of(marked_levels),
    )


def bootstrap(
    sessions: Sequence[SessionFigures],
    *,
    balance: float,
    paths: int = PATHS,
    seed: int = SEED,
    block: int | None = None,
) -> Bootstrap | None:
    """Intervals and odds of a record; None with fewer than two sessions or without a trade.

    balance  dollars at the start of every path
    block    sessions drawn together; None: the cube root of their number
    """
    number = len(sessions)
    if number < 2 or not any(session.trades for session in sessions):
        return None
    length = block or max(1, round(number ** (1 / 3)))
    return figures_of(draws(number, length, paths, seed), sessions, balance, seed, length)


def draws(number: int, block: int, paths: int, seed: int) -> npt.NDArray[np.int64]:
    """Sessions of each path by their number: blocks of neighbours, in a circle."""
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, number, size=(paths, -(-number // block)))
    rows = (starts[:, :, None] + np.arange(block)) % number
    return rows.reshape(paths, -1)[:, :number]


def figures_of(
    rows: npt.NDArray[np.int64],
    sessions: Sequence[SessionFigures],
    balance: float,
    seed: int,
    block_sessions: int,
) -> Bootstrap:
    """What paths of sessions, given by their numbers, come to."""
    start = round(balance * 100)
    trades, winners, won, lost = (
        np.array([getattr(s, name) for s in sessions], dtype=np.int64)[rows].sum(axis=1)
        for name in ("trades", "winners", "won", "lost")
    )
    total, fall, lowest = walk(rows, [s.closed for s in sessions])
    _, marked_fall, _ = walk(rows, [s.marked for s in sessions])
    traded = trades > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(lost > 0, won / lost, np.where(won > 0, np.inf, np.nan))
        rate = winners / trades
    final = (start + total) / 100
    return Bootstrap(
        sessions=len(sessions),
        paths=len(rows),
        seed=seed,
        block_sessions=block_sessions,
        coverage=COVERAGE,
        total_pnl=_bounds(total / 100),
        return_pct=_bounds(100 * total / start),
        win_rate=interval(rate[traded]),
        profit_factor=interval(factor[~np.isnan(factor)]),
        max_drawdown=_bounds(fall / 100),
        max_drawdown_mtm=_bounds(marked_fall / 100),
        final_balance_quantiles=quantiles(final),
        max_drawdown_quantiles=quantiles(fall / 100),
        max_drawdown_mtm_quantiles=quantiles(marked_fall / 100),
        probability_of_loss=float((total < 0).mean()),
        probability_of_losing_pct={
            str(pct): float((lowest <= -start * pct / 100).mean()) for pct in LOSSES_PCT
        },
    )


def walk(rows: npt.NDArray[np.int64], courses: Sequence[Course]) -> tuple[Cents, Cents, Cents]:
    """Of each path in cents: where it ends, its largest fall from a peak, its lowest level.

    A fall either lies within a session or reaches from an earlier peak to that session's low.
    """
    end, high, low, fall = (
        np.array([getattr(c, name) for c in courses], dtype=np.int64) for name in Course._fields
    )
    level, peak, worst, lowest = (np.zeros(len(rows), dtype=np.int64) for _ in range(4))
    for column in rows.T:
        worst = np.maximum(worst, np.maximum(fall[column], peak - (level + low[column])))
        peak = np.maximum(peak, level + high[column])
        lowest = np.minimum(lowest, level + low[column])
        level = level + end[column]
    return level, worst, lowest


def interval(values: npt.NDArray[np.float64]) -> Interval | None:
    """Bounds of the middle COVERAGE of the values; None as a bound: infinite. None: no values."""
    return _bounds(values) if len(values) else None


def _bounds(values: npt.NDArray[np.float64]) -> Interval:
    side = (1.0 - COVERAGE) / 2
    return _finite(quantile(values, side)), _finite(quantile(values, 1.0 - side))


def quantiles(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """The values by share."""
    return {f"{share:g}": quantile(values, share) for share in QUANTILES}


def quantile(values: npt.NDArray[np.float64], share: float) -> float:
    """The smallest value that at least this share of them do not exceed."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
