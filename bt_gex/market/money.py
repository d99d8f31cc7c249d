"""Rounding for what is written: dollars to cents, percents to hundredths."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal


def rounded(value: float, places: int) -> float:
    """Rounded as a person would on paper, halves to the even digit.

    What floating point added (below 1e-8) is taken away first: 2.4999999999 is 2.5, and −382.775
    becomes −382.78, although no binary number is exactly −382.775.
    """
    exact = Decimal(repr(round(value, 8)))
    return float(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)) + 0.0


def to_cents(dollars: float) -> float:
    """Dollars rounded to cents."""
    return rounded(dollars, 2)
