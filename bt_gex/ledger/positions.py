"""What a fill leaves of a position, as it is written beside the fill."""

from __future__ import annotations

from decimal import Decimal

from bt_gex.ledger.amounts import ZERO
from bt_gex.ledger.book import Book, spread_exit
from bt_gex.ledger.events import (
    Fill,
    PositionAfter,
    PositionClosed,
    PositionOpened,
    PositionScaled,
    SpreadFilled,
)


def position_after(
    before: Book, after: Book, fill: Fill
) -> PositionOpened | PositionScaled | PositionClosed:
    """The position of a fill; `after` is the book with the fill in it."""
    if isinstance(fill, SpreadFilled):
        if fill.side == "sell":
            credit = Decimal(repr(fill.net))
            return PositionOpened(
                side="short", quantity=Decimal(fill.qty), avg_price=credit, realized_pnl=ZERO
            )
        pnl = spread_exit(before.spreads[fill.position_id], fill).pnl
        return PositionClosed(quantity=ZERO, avg_price=ZERO, realized_pnl=pnl or ZERO)
    position = after.longs[fill.symbol]
    if fill.side == "sell":
        return PositionClosed(quantity=ZERO, avg_price=ZERO, realized_pnl=position.realized_pnl)
    kind = PositionScaled if before.held(fill.symbol) else PositionOpened
    return kind(
        side="long",
        quantity=position.quantity,
        avg_price=position.avg_price,
        realized_pnl=position.realized_pnl,
    )


def differs(found: PositionAfter, expected: PositionAfter) -> bool:
    """Whether a stored position is not the one that follows from the fills."""
    return type(found) is not type(expected) or found != expected
