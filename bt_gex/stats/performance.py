"""Performance of an account: return a year, drawdown and its length, Sortino, Calmar, premium
received and commission paid.

The account is marked at every bar; returns are those of its sessions, one a session with data, a
session without a trade counting as 0. Money is dollars; a name that ends in `_pct` is percent. A
figure that does not exist is None.

Sources: F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework"
(1994), with a target of 0; T. W. Young, "Calmar Ratio: A Smoother Tool" (1991), here over the whole
record instead of 36 months.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from bt_gex.stats.metrics import max_drawdown_pct
from bt_gex.stats.sharpe import SESSIONS_A_YEAR, annualised, session_returns
from bt_gex.stats.summary import drawdown_dollars, resolved, sum_dollars
from bt_gex.trades.records import STRICT, SpreadTrade, Trade

FEWEST_SESSIONS = 20  # a shorter record says nothing of a year
FEWEST_RETURNS = 3  # as for the Sharpe ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPath:
    """An account marked at every bar of its sessions, those with data.

    balance   dollars before the first
    equity    dollars, a row a bar
    sessions  in order of time
    starts    first row of each session
    """

    balance: float
    equity: npt.NDArray[np.float64]
    sessions: Sequence[date]
    starts: npt.NDArray[np.int64]

    @property
    def returns(self) -> list[float] | None:
        """Return of each session; None once the account is used up."""
        ends = np.append(self.starts, len(self.equity))[1:]
        closes = self.equity[ends - 1]
        pnls = np.round(np.diff(np.append(self.balance, closes)), 2)
        return session_returns(pnls.tolist(), self.balance)

    def session_of(self, row: int) -> date:
        """The session a row belongs to."""
        return self.sessions[int(np.searchsorted(self.starts, row, side="right")) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """A fall of the account from its highest value so far until it is back there.

    dollars    at the lowest bar; pct: percent of the value it fell from
    peak       session in which the account last stood at that value; the first for the start
    trough     session of the lowest bar
    recovered  session in which the account was back; None: it is not
    sessions   from that of the peak to that of the recovery, or to the last, both counted
    """

    __pydantic_config__ = STRICT

    dollars: float
    pct: float
    peak: date
    trough: date
    recovered: date | None
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What the trades and the account come to besides their totals; unresolved trades left out.

    expectancy            dollars a trade; avg_minutes_held: from entry to exit
    total_premium         dollars received at the entries; total_commission: dollars paid
    return_a_year_pct     compound, of 252 sessions; None with fewer than 20, or once the account
                          is used up
    max_drawdown_mtm_pct  largest fall in percent of the value it fell from
    drawdown              the fall that is largest in dollars; None where there is none
    sortino               annualised by the root of 252; None with fewer than three sessions,
                          without a losing one, and once the account is used up
    calmar                return_a_year_pct / max_drawdown_mtm_pct; None where either is missing
    """

    __pydantic_config__ = STRICT

    expectancy: float | None
    avg_minutes_held: float | None
    total_premium: float
    total_commission: float
    return_a_year_pct: float | None
    max_drawdown_mtm_pct: float
    drawdown: Drawdown | None
    sortino: float | None
    calmar: float | None


def performance(
    trades: Iterable[SpreadTrade], account: AccountPath, *, multiplier: float
) -> Performance:
    """Of the trades of one index and their account.

    multiplier  dollars a point
    """
    done = resolved(trades)
    return performance_of(done, account, premium(done, multiplier), commission(done))


def performance_of(
    trades: Iterable[Trade], account: AccountPath, total_premium: float, total_commission: float
) -> Performance:
    """Of trades of any kind, of which premium and commission are known; dollars."""
    done, returns = resolved(trades), account.returns
    a_year = return_a_year_pct(returns)
    worst_pct = max_drawdown_pct(np.append(account.balance, account.equity))
    ratio = sortino(returns) if returns is not None else None
    return Performance(
        expectancy=_average_dollars([trade.pnl_dollars or 0.0 for trade in done]),
        avg_minutes_held=_average_minutes(done),
        total_premium=total_premium,
        total_commission=total_commission,
        return_a_year_pct=a_year,
        max_drawdown_mtm_pct=worst_pct,
        drawdown=deepest_drawdown(account),
        sortino=annualised(ratio) if ratio is not None else None,
        calmar=a_year / worst_pct if a_year is not None and worst_pct > 0 else None,
    )


def premium(trades: Iterable[SpreadTrade], multiplier: float) -> float:
    """Dollars received at the entries of the resolved trades.

    multiplier  dollars a point
    """
    done = resolved(trades)
    return sum_dollars(trade.entry_credit * multiplier * trade.quantity for trade in done)


def commission(trades: Iterable[SpreadTrade]) -> float:
    """Dollars paid for the resolved trades."""
    return sum_dollars(trade.commission_dollars for trade in resolved(trades))


def return_a_year_pct(returns: Sequence[float] | None) -> float | None:
    """What the account would grow by in 252 sessions at this rate, compounded; percent."""
    if returns is None or len(returns) < FEWEST_SESSIONS:
        return None
    growth = math.prod(1.0 + one for one in returns)
    if growth <= 0:
        return None
    return 100.0 * (math.pow(growth, SESSIONS_A_YEAR / len(returns)) - 1.0)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean over the root mean square of the losses, not annualised; a gain counts as a loss of 0.

    None with fewer than three returns, and without a loss.
    """
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < FEWEST_RETURNS or not (values < 0).any():
        return None
    downside = float(np.sqrt(np.mean(np.minimum(values, 0.0) ** 2)))
    return float(values.mean()) / downside


def deepest_drawdown(account: AccountPath) -> Drawdown | None:
    """The fall that is largest in dollars, of equal ones the first; None without one."""
    levels = np.append(account.balance, account.equity)
    falls = np.round(drawdown_dollars(levels), 2)
    trough = int(falls.argmax())
    if falls[trough] <= 0:
        return None
    high = levels[: trough + 1].max()
    peak = int(np.flatnonzero(levels[: trough + 1] == high)[-1])
    back = np.flatnonzero(levels[trough:] >= high)
    recovered = trough + int(back[0]) if len(back) else None
    last = len(levels) - 1 if recovered is None else recovered
    # Level 0 is the balance at the start, level n the account at row n - 1.
    first, lowest, end = (account.session_of(max(row - 1, 0)) for row in (peak, trough, last))
    return Drawdown(
        dollars=float(falls[trough]),
        pct=100.0 * float(falls[trough]) / float(high),
        peak=first,
        trough=lowest,
        recovered=None if recovered is None else end,
        sessions=account.sessions.index(end) - account.sessions.index(first) + 1,
    )


def _average_dollars(amounts: Sequence[float]) -> float | None:
    """Rounded half-even to cents."""
    if not amounts:
        return None
    return round(Fraction(round(100 * sum_dollars(amounts)), len(amounts))) / 100


def _average_minutes(trades: Sequence[Trade]) -> float | None:
    """To a tenth of a minute."""
    if not trades:
        return None
    seconds = [(t.timestamp_exit - t.timestamp_entry).total_seconds() for t in trades]
    return round(sum(seconds) / len(seconds) / 60.0, 1)
