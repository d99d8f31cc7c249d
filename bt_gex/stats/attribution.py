"""What trades of the opening range had in common when they won: factors, scores, ranges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bt_gex.rules.opening_range.records import SessionRecord
from bt_gex.stats.r_metrics import TOLERANCE, win_rate_of
from bt_gex.stats.summary import most_frequent_first

SCORE_BUCKET = 0.5
WIDTH_BUCKET = 0.25  # of an ATR


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorEffect:
    """Trades with a factor against those without; None where there is no such trade.

    delta_*  present less absent
    """

    factor: str
    present_count: int
    present_win_rate: float | None
    present_avg_r: float | None
    absent_count: int
    absent_win_rate: float | None
    absent_avg_r: float | None
    delta_win_rate: float | None
    delta_avg_r: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Trades whose score is in [low, high)."""

    low: float
    high: float
    count: int
    avg_r: float
    win_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthCount:
    """Sessions whose range is in [low, high) ATRs wide."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeStatistics:
    """Opening ranges of many sessions.

    traded   sessions in which the range could be traded
    reasons  why not, the most frequent first
    widths   of the ranges with an ATR, empty steps between them included
    """

    sessions: int
    traded: int
    reasons: dict[str, int]
    widths: tuple[WidthCount, ...]


def factor_effects(
    rs: Sequence[float], active: Sequence[Collection[str]], factors: Iterable[str]
) -> list[FactorEffect]:
    """One row a factor; `active`: the active factors of each trade."""
    return [_effect(rs, active, factor) for factor in factors]


def _effect(rs: Sequence[float], active: Sequence[Collection[str]], factor: str) -> FactorEffect:
    pairs = list(zip(rs, active, strict=True))
    present = [r for r, names in pairs if factor in names]
    absent = [r for r, names in pairs if factor not in names]
    rates, means = (
        [win_rate_of(g) for g in (present, absent)],
        [_mean(g) for g in (present, absent)],
    )
    return FactorEffect(
        factor=factor,
        present_count=len(present),
        present_win_rate=rates[0],
        present_avg_r=means[0],
        absent_count=len(absent),
        absent_win_rate=rates[1],
        absent_avg_r=means[1],
        delta_win_rate=_less(rates[0], rates[1]),
        delta_avg_r=_less(means[0], means[1]),
    )


def score_buckets(scores: Sequence[float], rs: Sequence[float]) -> list[Bucket]:
    """Trades by score in steps of 0.5, ascending; steps without a trade are left out."""
    groups: dict[int, list[float]] = {}
    for score, r in zip(scores, rs, strict=True):
        groups.setdefault(_step(score, SCORE_BUCKET), []).append(r)
    return [
        Bucket(
            low=step * SCORE_BUCKET,
            high=(step + 1) * SCORE_BUCKET,
            count=len(group),
            avg_r=sum(group) / len(group),
            win_rate=sum(r > TOLERANCE for r in group) / len(group),
        )
        for step, group in sorted(groups.items())
    ]


def range_statistics(sessions: Sequence[SessionRecord]) -> RangeStatistics:
    """Of any sessions, traded or not."""
    return range_statistics_of(
        [session.reason for session in sessions], [width_atr(session) for session in sessions]
    )


def range_statistics_of(
    reasons_why: Sequence[str | None], widths: Sequence[float | None]
) -> RangeStatistics:
    """Of sessions by why each was not traded (None: it was), and its width in ATRs."""
    reasons: Counter[str] = Counter(reason for reason in reasons_why if reason is not None)
    steps = Counter(_step(width, WIDTH_BUCKET) for width in widths if width is not None)
    all_steps = range(min(steps), max(steps) + 1) if steps else range(0)
    return RangeStatistics(
        sessions=len(reasons_why),
        traded=len(reasons_why) - reasons.total(),
        reasons=most_frequent_first(reasons),
        widths=tuple(
            WidthCount(low=step * WIDTH_BUCKET, high=(step + 1) * WIDTH_BUCKET, count=steps[step])
            for step in all_steps
        ),
    )


def width_atr(session: SessionRecord) -> float | None:
    """Width of the opening range in ATRs; None without one of them."""
    if session.or_high is None or session.or_low is None or not session.atr:
        return None
    return (session.or_high - session.or_low) / session.atr


def _step(value: float, width: float) -> int:
    return math.floor(value / width + TOLERANCE)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
