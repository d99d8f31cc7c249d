"""How many contracts: a fixed number, or half of Kelly's fraction of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True)
class Size:
    """Contracts to trade and why that many; 0 means no trade."""

    quantity: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KellyParams:
    """Half-Kelly sizing as the bot does it.

    window          newest closed trades looked at
    min_trades      with fewer, one contract
    stop_below      share of the starting balance under which nothing is traded
    max_contracts   upper bound
    """

    window: Annotated[int, Ge(1)] = 50
    min_trades: Annotated[int, Ge(1)] = 10
    stop_below: Annotated[float, Ge(0), Le(1)] = 0.5
    max_contracts: Annotated[int, Gt(0)] = 3


def fixed_size(quantity: int) -> Size:
    """Always the same number of contracts."""
    return Size(quantity, "fixed" if quantity else "the fixed quantity is 0")


def kelly_fraction(pnls: Sequence[float]) -> float | None:
    """(p·W − q·L)/W of profits and losses per contract; a zero counts as a loss.

    W is the average win, L the average loss (positive). None without a win or without a loss:
    the fraction then says nothing.
    """
    wins = [p for p in pnls if p > 0]
    losses = [-p for p in pnls if p <= 0]
    if not wins or not losses:
        return None
    share = len(wins) / len(pnls)
    average_win = sum(wins) / len(wins)
    average_loss = sum(losses) / len(losses)
    return (share * average_win - (1.0 - share) * average_loss) / average_win


def half_kelly_size(
    *,
    pnls_per_contract: Sequence[float],
    balance: float,
    start_balance: float,
    max_risk: float,
    params: KellyParams,
) -> Size:
    """Contracts by half of Kelly's fraction; all money in dollars.

    pnls_per_contract  closed trades, oldest first
    max_risk           what one contract of this very spread can lose: (width − credit) · multiplier
    """
    if balance < params.stop_below * start_balance:
        floor = params.stop_below * start_balance
        return Size(0, f"balance ${balance:,.2f} is below the stop at ${floor:,.2f}")
    if len(pnls_per_contract) < params.min_trades:
        return Size(1, f"only {len(pnls_per_contract)} closed trades")
    kelly = kelly_fraction(pnls_per_contract[-params.window :])
    if kelly is None:
        return Size(1, "needs a win and a loss")
    if kelly <= 0:
        return Size(1, f"Kelly fraction {kelly:.4f} is not positive")
    wanted = int(balance * kelly / 2.0 / max_risk)
    return Size(min(max(wanted, 1), params.max_contracts), f"half-Kelly {kelly / 2.0:.4f}")
