"""Exact decimal amounts: dollars, prices and quantities, without rounding on the way.

An amount has at most 15 digits before and 30 after the point, so that a product has at most 30 and
60. The context holds three times that and raises rather than rounds.
"""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from bt_gex.errors import BadValue

EXACT = Context(prec=300, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
BELOW = Decimal(10) ** 15
MOST_DECIMALS = 30
ZERO = Decimal(0)

add, subtract, multiply = EXACT.add, EXACT.subtract, EXACT.multiply
divide = Context(prec=28).divide  # rounds; independent of the thread's own context


def amount(value: Decimal | float | str, name: str = "amount") -> Decimal:
    """An exact decimal of a finite number; a float is the number its repr shows.

    Raises BadValue for what is no finite number, 10^15 or more, or finer than 30 decimals.
    """
    try:
        number = Decimal(value if isinstance(value, (Decimal, str)) else _digits(value))
    except InvalidOperation:
        raise BadValue(f"{name} {value!r} is not a number; write digits and a point") from None
    if not number.is_finite():
        raise BadValue(f"{name} {value!r} is not finite; give a number")
    exponent = number.as_tuple().exponent
    if abs(number) >= BELOW or (isinstance(exponent, int) and exponent < -MOST_DECIMALS):
        raise BadValue(f"{name} {value!r} must be below 10^15 with at most 30 decimals")
    return number


def _digits(value: float) -> str:
    return repr(float(value)) if isinstance(value, float) else repr(value)


def cents(count: int) -> Decimal:
    """Dollars of a whole number of cents."""
    return Decimal(count).scaleb(-2)


def text(number: Decimal | float) -> str:
    """Canonical digits: 10000 and not 1E+4 or 10000.0; a float as its repr shows it."""
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if not exact.is_finite():
        raise BadValue(f"{number!r} is not finite; it cannot be written")
    return "0" if not exact else format(exact.normalize(EXACT), "f")
