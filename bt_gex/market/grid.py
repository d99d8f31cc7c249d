"""The strike grid."""

from __future__ import annotations


def round_to_grid(points: float, increment: float) -> float:
    """The nearest multiple of increment; a tie goes to the even multiple (6002.5 → 6000 by 5)."""
    return float(round(points / increment) * increment)
