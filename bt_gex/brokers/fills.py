"""At what price a leg trades, given its quote."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bt_gex.market.contracts import LONG, Leg


class FillModel(Protocol):
    """A policy for fill prices; anything with this method will do."""

    def price(self, bid: float, ask: float, *, bought: bool, opening: bool) -> float | None:
        """Points paid or received per unit; None when the order does not fill."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSpreadFill:
    """mid ± slippage · (ask − bid)/2, against the trader.

    Slippage is the share of the half-spread that is paid: 0 fills at mid, 1 at the natural side
    (buy at the ask, sell at the bid), more is allowed.
    """

    entry_slippage: float = 1.0
    exit_slippage: float = 1.0

    def price(self, bid: float, ask: float, *, bought: bool, opening: bool) -> float | None:
        if math.isnan(bid) or math.isnan(ask):
            return None
        return filled(bid, ask, self.entry_slippage if opening else self.exit_slippage, bought)


def filled(bid: float, ask: float, slippage: float, bought: bool) -> float:
    """Points paid or received for a leg at a share of the half-spread; numbers only."""
    paid = slippage * (ask - bid) / 2.0
    return (bid + ask) / 2.0 + (paid if bought else -paid)


def spread_price(
    model: FillModel, quotes: Iterable[tuple[Leg, float, float]], *, opening: bool
) -> float | Leg:
    """Points received for opening a spread, or paid for closing it; all legs fill or none does.

    Returns the first leg that does not fill when there is one. Not clamped.
    """
    total = 0.0
    for leg, bid, ask in quotes:
        bought = (leg.side == LONG) == opening
        price = model.price(bid, ask, bought=bought, opening=opening)
        if price is None:
            return leg
        total -= leg.side * price
    return total
