"""Units of a symbol held long or short, opened by one fill and closed by one or more.

What bar strategies trade: shares or contracts, a point of which is worth `point_value` dollars.
Everything is exact in Decimal. Cash moves by the whole value of what is bought or sold, so the
account's equity is cash plus what is held at its mark, whatever the side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from bt_gex.errors import LedgerError
from bt_gex.ledger.amounts import ZERO, add, multiply, subtract
from bt_gex.ledger.events import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsFilled:
    """Units bought or sold. opening: the fill begins a position; price in dollars a unit, or points
    worth point_value dollars each; fees in dollars."""

    order_id: str
    symbol: str
    side: Side
    opening: bool
    qty: Decimal
    fill_price: Decimal
    point_value: Decimal = Decimal(1)
    fees: Decimal = ZERO
    ts: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPosition:
    """What is held of a symbol; quantity is negative for a short position.

    realized_pnl  dollars of the part that is closed, fees of the entry included
    """

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    point_value: Decimal
    realized_pnl: Decimal
    opened_at: datetime

    def value_at(self, price: Decimal) -> Decimal:
        """Dollars all of it would bring at a price; negative for a short position."""
        return multiply(multiply(self.quantity, price), self.point_value)


class UnitsAfter(NamedTuple):
    """What a fill does: the position after it (None: closed), and dollars, signed."""

    position: UnitPosition | None
    cash: Decimal
    realized: Decimal


def units_after(held: UnitPosition | None, fill: UnitsFilled) -> UnitsAfter:
    """The position after a fill. Raises LedgerError, when the fill does not fit what is held."""
    numbers = (fill.qty, fill.fill_price, fill.point_value, fill.fees)
    if not all(n.is_finite() for n in numbers) or fill.qty <= 0 or fill.point_value <= 0:
        raise LedgerError(
            f"Invalid payload: order {fill.order_id} fills {fill.qty} at {fill.fill_price} with "
            f"fees {fill.fees}; quantity and point value must be above 0"
        )
    signed = fill.qty if fill.side == "buy" else -fill.qty
    value = multiply(multiply(signed, fill.fill_price), fill.point_value)
    cash = subtract(ZERO, add(value, fill.fees))
    if fill.opening:
        return UnitsAfter(_opened(held, fill, signed), cash, subtract(ZERO, fill.fees))
    if held is None or (held.quantity > 0) == (signed > 0) or fill.qty > abs(held.quantity):
        have = "nothing" if held is None else str(held.quantity)
        raise LedgerError(
            f"order {fill.order_id}: {fill.side} {fill.qty} of {fill.symbol} closes more than is "
            f"held, which is {have}"
        )
    points = multiply(signed, subtract(held.entry_price, fill.fill_price))
    realized = subtract(multiply(points, fill.point_value), fill.fees)
    left = add(held.quantity, signed)
    if not left:
        return UnitsAfter(None, cash, realized)
    total = add(held.realized_pnl, realized)
    return UnitsAfter(replace(held, quantity=left, realized_pnl=total), cash, realized)


def _opened(held: UnitPosition | None, fill: UnitsFilled, signed: Decimal) -> UnitPosition:
    if held is not None:
        raise LedgerError(
            f"order {fill.order_id}: a position of {held.quantity} {fill.symbol} is open already; "
            "it is not scaled"
        )
    return UnitPosition(
        symbol=fill.symbol,
        quantity=signed,
        entry_price=fill.fill_price,
        point_value=fill.point_value,
        realized_pnl=subtract(ZERO, fill.fees),
        opened_at=fill.ts,
    )
