"""How sure a Sharpe ratio is: its odds against a benchmark, and after many were tried.

Ratios here are per session and not annualised unless a name says so: mean over sample deviation
(n - 1) of the sessions' returns. Skewness and kurtosis are those of the population moments;
kurtosis is 3 for a normal distribution. A figure that does not exist is None.

Sources: A. W. Lo, "The Statistics of Sharpe Ratios" (2002), for the annualising; D. H. Bailey and
M. López de Prado, "The Sharpe Ratio Efficient Frontier" (2012), for the probabilistic ratio and
the track record; the same, "The Deflated Sharpe Ratio" (2014), for the deflated one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

SESSIONS_A_YEAR = 252
CONFIDENCE = 0.95
EULER_GAMMA = 0.5772156649015329
NORMAL = NormalDist()
SAME = 1e-12  # deviations below this share of the largest return are rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What the odds of a ratio need to know of the returns it came from."""

    sharpe: float
    sessions: int
    skewness: float
    kurtosis: float


def moments(returns: Sequence[float]) -> Moments | None:
    """Of returns a session; None with fewer than three, or where all are the same."""
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < 3:
        return None
    away = values - values.mean()
    second = float((away**2).mean())
    if math.sqrt(second) <= SAME * float(np.abs(values).max()):
        return None
    return Moments(
        sharpe=float(values.mean()) / float(values.std(ddof=1)),
        sessions=len(values),
        skewness=float((away**3).mean()) / second**1.5,
        kurtosis=float((away**4).mean()) / second**2,
    )


def annualised(sharpe: float) -> float:
    """A ratio a session times the root of 252, which takes the sessions for independent."""
    return sharpe * math.sqrt(SESSIONS_A_YEAR)


def probabilistic_sharpe(found: Moments, benchmark: float = 0.0) -> float | None:
    """Probability that the true ratio is above the benchmark: Φ((SR - SR*)·√(n - 1) / s), with
    s² = 1 - γ3·SR + (γ4 - 1)/4·SR² (2012, equation 11)."""
    spread = _spread(found)
    if spread is None:
        return None
    return NORMAL.cdf((found.sharpe - benchmark) * math.sqrt((found.sessions - 1) / spread))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Expected maximum Sharpe ratio of N variants under the null of no skill:
    √V·((1 - γ)·Φ⁻¹(1 - 1/N) + γ·Φ⁻¹(1 - 1/(N·e))) (2014, equation 1); 0 for one variant.

    variance  of the ratios among the variants
    """
    if trials < 2:
        return 0.0
    return math.sqrt(variance) * (
        (1.0 - EULER_GAMMA) * NORMAL.inv_cdf(1.0 - 1.0 / trials)
        + EULER_GAMMA * NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    )


def deflated_sharpe(found: Moments, trials: int, variance: float) -> float | None:
    """Probability that the true ratio exceeds the expected maximum under the null."""
    return probabilistic_sharpe(found, expected_best_sharpe(trials, variance))


def min_track_record(
    found: Moments, benchmark: float = 0.0, confidence: float = CONFIDENCE
) -> float | None:
    """Sessions needed before the ratio is above the benchmark with this confidence:
    1 + s²·(Φ⁻¹(confidence) / (SR - SR*))² (2012, equation 13); None where it is not above it."""
    spread = _spread(found)
    if spread is None or found.sharpe <= benchmark:
        return None
    return 1.0 + spread * (NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)) ** 2


def _spread(found: Moments) -> float | None:
    """s² of the formulas; None where extreme moments make it zero or less."""
    s2 = 1.0 - found.skewness * found.sharpe + (found.kurtosis - 1.0) / 4.0 * found.sharpe**2
    return s2 if s2 > 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeFigures:
    """All of the above of one record; None where there is none."""

    sessions: int | None
    sharpe_a_session: float | None
    sharpe_annualised: float | None
    skewness: float | None
    kurtosis: float | None
    probabilistic_sharpe: float | None
    min_track_record_sessions: float | None
    trials: int
    expected_best_sharpe_a_session: float | None
    deflated_sharpe: float | None


def sharpe_figures(
    returns: Sequence[float] | None, *, trials: int = 1, variance: float | None = None
) -> SharpeFigures:
    """All figures of one record.

    returns   a session; None where the account was ever used up
    trials    variants that were tried before this one was chosen
    variance  of the ratios a session among them; None where it is not known
    """
    found = moments(returns) if returns is not None else None
    picked = found is not None and variance is not None
    return SharpeFigures(
        sessions=len(returns) if returns is not None else None,
        sharpe_a_session=found.sharpe if found else None,
        sharpe_annualised=annualised(found.sharpe) if found else None,
        skewness=found.skewness if found else None,
        kurtosis=found.kurtosis if found else None,
        probabilistic_sharpe=probabilistic_sharpe(found) if found else None,
        min_track_record_sessions=min_track_record(found) if found else None,
        trials=trials,
        expected_best_sharpe_a_session=expected_best_sharpe(trials, variance or 0.0)
        if picked
        else None,
        deflated_sharpe=deflated_sharpe(found, trials, variance)
        if found and variance is not None
        else None,
    )


def session_sharpes(pnls: npt.ArrayLike, balance: float) -> npt.NDArray[np.float64]:
    """The ratio a session of each column; NaN where there is none.

    pnls     dollars, a row a session in order and a column an account
    balance  dollars each account starts with
    """
    table = np.asarray(pnls, dtype=np.float64)
    before = balance + np.cumsum(table, axis=0) - table
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.where(before > 0, table / before, np.nan)
        if len(table) < 3:
            return np.full(table.shape[1], np.nan)
        deviation = returns.std(axis=0, ddof=1)
        least = SAME * np.abs(returns).max(axis=0)
        return np.asarray(
            np.where(deviation > least, returns.mean(axis=0) / deviation, np.nan), dtype=np.float64
        )


def session_returns(pnls: Sequence[float], balance: float) -> list[float] | None:
    """Each session's P&L over the account at its start; None once that is zero or below.

    pnls  dollars a session, in order; balance: dollars before the first
    """
    returns = returns_while_solvent(pnls, balance)
    return returns if len(returns) == len(pnls) else None


def returns_while_solvent(pnls: Iterable[float], balance: float) -> list[float]:
    """The same up to where the account is used up."""
    returns: list[float] = []
    account = balance
    for pnl in pnls:
        if account <= 0:
            break
        returns.append(pnl / account)
        account = round(account + pnl, 2)
    return returns
