"""Figures of one variant of a sweep, fast enough to be computed ten thousand times.

Money is dollars; rates are fractions; a figure that does not exist is None.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Cents = npt.NDArray[np.int64]
SAME = 1e-12  # step returns this close, relatively, are the same: what is left is rounding


def variant_metrics(
    pnl_cents: Cents, *, unresolved: int, balance: float, max_drawdown_mtm: float
) -> dict[str, float | int | None]:
    """The figures of `summarise` that have the same name, and those of a sweep.

    pnl_cents         profit of each trade in order of closing; unresolved trades left out
    balance           dollars before the first trade
    max_drawdown_mtm  dollars, over the account marked at every bar

    sharpe is that of the step returns of the account after each closed trade: mean over population
    deviation, not annualised; None with fewer than two trades, without deviation, and when the
    account was ever used up. max_drawdown_pct is percent of the peak over the same account.
    gross_loss is 0 or negative.
    """
    start = round(balance * 100)
    wins, losses = pnl_cents[pnl_cents > 0], pnl_cents[pnl_cents < 0]
    won, lost, total = int(wins.sum()), int(losses.sum()), int(pnl_cents.sum())
    number = len(pnl_cents)
    equity = np.concatenate([[start], start + np.cumsum(pnl_cents)]).astype(np.float64)
    peaks = np.maximum.accumulate(equity)
    return {
        "total_trades": number,
        "winners": len(wins),
        "losers": len(losses),
        "breakeven": number - len(wins) - len(losses),
        "unresolved": unresolved,
        "win_rate": len(wins) / number if number else 0.0,
        "total_pnl": total / 100,
        "avg_win": _average(won, len(wins)),
        "avg_loss": _average(-lost, len(losses)),
        "max_win": int(wins.max()) / 100 if len(wins) else 0.0,
        "max_loss": int(losses.min()) / 100 if len(losses) else 0.0,
        "profit_factor": won / -lost if lost else None,
        "max_drawdown": float((peaks - equity).max()) / 100,
        "max_drawdown_mtm": max_drawdown_mtm,
        "final_balance": (start + total) / 100,
        "return_pct": 100 * total / start if start else None,
        "sharpe": sharpe(equity),
        "max_drawdown_pct": max_drawdown_pct(equity),
        "gross_profit": won / 100,
        "gross_loss": lost / 100,
    }


def sharpe(equity: npt.ArrayLike) -> float | None:
    """Mean over population deviation of the step returns of an account, not annualised.

    None with fewer than three values, where all steps are equal, and where the account is ever
    zero or below: a return on zero is undefined.
    """
    values = np.asarray(equity, dtype=np.float64)
    if len(values) < 3 or (values <= 0).any():
        return None
    returns = values[1:] / values[:-1] - 1.0
    deviation = float(returns.std())
    if deviation <= SAME * max(1.0, float(np.abs(returns).max())):
        return None
    return float(returns.mean()) / deviation


def max_drawdown_pct(equity: npt.ArrayLike) -> float:
    """Largest fall from a peak in percent of that peak; 0 with fewer than two values."""
    values = np.asarray(equity, dtype=np.float64)
    if len(values) < 2:
        return 0.0
    peaks = np.maximum.accumulate(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        falls = np.where(peaks > 0, (peaks - values) / peaks, 0.0)
    return 100.0 * float(falls.max())


def _average(cents: int, number: int) -> float:
    """Dollars, rounded half-even to cents as `summarise` does."""
    if not number:
        return 0.0
    whole, rest = divmod(cents, number)
    up = 2 * rest > number or (2 * rest == number and whole % 2 == 1)
    rounded = (whole + up) / 100
    return rounded if math.isfinite(rounded) else 0.0
