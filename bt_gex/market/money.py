"""Rounding for what is written: dollars to cents, percents to hundredths.

Numbers only, so that a compiler for numeric Python takes the functions as they stand.
"""

from __future__ import annotations

DIGITS = 8  # decimals kept before rounding: what lies below is what floating point has added


def rounded(value: float, places: int) -> float:
    """Rounded as a person would on paper, halves to the even digit; up to eight places.

    What floating point added (below 1e-8) is taken away first: 2.4999999999 is 2.5, and −382.775
    becomes −382.78, although no binary number is exactly −382.775.
    """
    scale: int = 10**places
    return units_of(value, places) / scale


def units_of(value: float, places: int) -> int:
    """How many units of the last place the rounded value has: 12.345 to 2 places is 1234."""
    unit: int = 10 ** (DIGITS - places)
    whole, rest = divmod(round(value * 10.0**DIGITS), unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2 == 1):
        whole += 1
    return whole


def to_cents(dollars: float) -> float:
    """Dollars rounded to cents."""
    return rounded(dollars, 2)
