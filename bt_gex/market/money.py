"""Dollars and cents."""

from __future__ import annotations


def to_cents(dollars: float) -> float:
    """Rounded to cents, after rounding away what floating point added: 2.4999999999 is 2.50."""
    return round(round(dollars, 8), 2) + 0.0
