"""How many contracts: a fixed number, or half of Kelly's fraction of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Size:
    """Contracts to trade and why that many; 0 means no trade."""

    quantity: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KellyParams:
    """Half-Kelly sizing as the bot does it.

    window          number of newest closed trades used
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


# Why half-Kelly gives so many contracts, plain numbers so that the function can be compiled.
BELOW_STOP, FEW_TRADES, ONE_SIDED, NOT_POSITIVE, BY_KELLY = range(5)


def kelly_of(pnls: Sequence[float] | Floats, first: int, after: int) -> tuple[bool, float]:
    """Whether there is a Kelly fraction of some profits, and what it is; numbers only.

    (p·W − q·L)/W per contract, W the average win, L the average loss (positive); a zero counts as
    a loss. There is none without a win or without a loss.
    """
    wins, losses, won, lost = 0, 0, 0.0, 0.0
    for n in range(first, after):
        if pnls[n] > 0:
            wins += 1
            won += pnls[n]
        else:
            losses += 1
            lost -= pnls[n]
    if wins == 0 or losses == 0:
        return False, 0.0
    share = wins / (after - first)
    average_win, average_loss = won / wins, lost / losses
    return True, (share * average_win - (1.0 - share) * average_loss) / average_win


def half_kelly_contracts(
    pnls: Sequence[float] | Floats,
    closed: int,
    balance: float,
    start_balance: float,
    max_risk: float,
    window: int,
    min_trades: int,
    stop_below: float,
    max_contracts: int,
) -> tuple[int, int, float]:
    """Contracts, why that many, and the Kelly fraction; of `pnls` the first `closed` count.

    Numbers only, so that a compiler takes it as it stands.
    """
    if balance < stop_below * start_balance:
        return 0, BELOW_STOP, 0.0
    if closed < min_trades:
        return 1, FEW_TRADES, 0.0
    known, kelly = kelly_of(pnls, max(closed - window, 0), closed)
    if not known:
        return 1, ONE_SIDED, 0.0
    if kelly <= 0:
        return 1, NOT_POSITIVE, kelly
    wanted = int(balance * kelly / 2.0 / max_risk)
    return min(max(wanted, 1), max_contracts), BY_KELLY, kelly


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
    closed = len(pnls_per_contract)
    quantity, why, kelly = half_kelly_contracts(
        pnls_per_contract,
        closed,
        balance,
        start_balance,
        max_risk,
        params.window,
        params.min_trades,
        params.stop_below,
        params.max_contracts,
    )
    floor = params.stop_below * start_balance
    words = {
        BELOW_STOP: f"balance ${balance:,.2f} is below the stop at ${floor:,.2f}",
        FEW_TRADES: f"only {closed} closed trades",
        ONE_SIDED: "needs a win and a loss",
        NOT_POSITIVE: f"Kelly fraction {kelly:.4f} is not positive",
        BY_KELLY: f"half-Kelly {kelly / 2.0:.4f}",
    }
    return Size(quantity, words[why])
