"""The strike grid."""

from __future__ import annotations


def round_to_grid(points: float, increment: float) -> float:
    """The nearest multiple of increment; a tie goes to the even multiple (6002.5 → 6000 by 5).

    It is the number that is listed: 601.8, not 6018 · 0.1 = 601.8000000000001.
    """
    return float(round(round(points / increment) * increment, 9))
