"""What crossing the bid-ask spread takes of the credits received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bt_gex.stats.breakdown import most_dollars
from bt_gex.stats.summary import resolved
from bt_gex.trades.records import SpreadTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadCost:
    """Dollars paid beyond the mid, at entry and at exit, and dollars of credit received.

    A settled trade pays nothing at its exit.
    """

    entry: float
    exit: float
    credit: float

    @property
    def total(self) -> float:
        """Of entry and exit."""
        return self.entry + self.exit

    @property
    def share(self) -> float:
        """Of the credit; a fraction, 0 without a credit."""
        return self.total / self.credit if self.credit > 0 else 0.0


def spread_cost(
    trades: Sequence[SpreadTrade],
    *,
    multiplier: float,
    entry_slippage: float = 1.0,
    exit_slippage: float = 1.0,
) -> SpreadCost:
    """Of the trades with a P&L, by the quotes they were filled at.

    multiplier  dollars a point; slippages: shares of the half-spread paid
    """
    entry = leave = credit = 0.0
    for trade in resolved(trades):
        point = multiplier * trade.quantity
        credit += most_dollars(trade, multiplier)
        for leg in trade.leg_quotes:
            entry += point * entry_slippage * _half(leg.bid_entry, leg.ask_entry)
            leave += point * exit_slippage * _half(leg.bid_exit, leg.ask_exit)
    return SpreadCost(entry=round(entry, 2), exit=round(leave, 2), credit=round(credit, 2))


def _half(bid: float | None, ask: float | None) -> float:
    return 0.0 if ask is None else (ask - (bid or 0.0)) / 2
