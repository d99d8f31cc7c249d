"""Objectives of a sweep: what its variants are ranked by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bt_gex.errors import UnknownName

Metrics = Mapping[str, Any]
Objective = Callable[[Metrics], float | None]
PENALTY = 0.5  # weight of the drawdown in the penalised objectives


def _sharpe(metrics: Metrics) -> float | None:
    """sharpe: of the account's step returns, trade by trade."""
    return _number(metrics["sharpe"])


def _sharpe_dd_penalty(metrics: Metrics) -> float | None:
    """sharpe − 0.5 · max_drawdown_pct / 100."""
    sharpe = _number(metrics["sharpe"])
    return None if sharpe is None else sharpe - PENALTY * metrics["max_drawdown_pct"] / 100


def _return(metrics: Metrics) -> float | None:
    """return_pct: percent of the balance."""
    return _number(metrics["return_pct"])


def _return_dd_penalty(metrics: Metrics) -> float | None:
    """return_pct − 0.5 · max_drawdown_pct."""
    gained = _number(metrics["return_pct"])
    return None if gained is None else gained - PENALTY * float(metrics["max_drawdown_pct"])


def _calmar(metrics: Metrics) -> float | None:
    """return_pct / max_drawdown_pct; 0 without a drawdown."""
    gained, fall = _number(metrics["return_pct"]), abs(float(metrics["max_drawdown_pct"]))
    if gained is None:
        return None
    return gained / fall if fall else 0.0


def _profit_factor(metrics: Metrics) -> float | None:
    """profit_factor: gross profit over gross loss; undefined without a loss."""
    return _number(metrics["profit_factor"])


def _total_pnl(metrics: Metrics) -> float | None:
    """total_pnl: dollars."""
    return _number(metrics["total_pnl"])


OBJECTIVES: Mapping[str, Objective] = {
    "sharpe": _sharpe,
    "sharpe_dd_penalty": _sharpe_dd_penalty,
    "return": _return,
    "return_dd_penalty": _return_dd_penalty,
    "calmar": _calmar,
    "profit_factor": _profit_factor,
    "total_pnl": _total_pnl,
}


def _total_r(metrics: Metrics) -> float | None:
    """total_r: R of all trades."""
    return _number(metrics["total_r"])


BAR_OBJECTIVES: Mapping[str, Objective] = {**OBJECTIVES, "total_r": _total_r}
FEW_SESSIONS = 20  # with fewer a Sharpe ratio is mostly noise


def default_objective(sessions: int) -> str:
    """The objective where none is asked for.

    sessions  with data, on which variants are ranked
    """
    return "total_pnl" if sessions < FEW_SESSIONS else "sharpe_dd_penalty"


def why_default(objective: str, sessions: int) -> str:
    """`the default for fewer than 20 sessions, here 2`; empty for what is not the default."""
    if objective != default_objective(sessions):
        return ""
    extent = "fewer than" if sessions < FEW_SESSIONS else "at least"
    return f"the default for {extent} {FEW_SESSIONS} sessions, here {sessions}"


def find_objective(name: str, known: Mapping[str, Objective] = OBJECTIVES) -> Objective:
    """The objective of that name; more is better. Raises UnknownName."""
    if name not in known:
        raise UnknownName("objective", name, known)
    return known[name]


def rank(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Numbers of the rows, the best first.

    rows  variant_id, status and score; of those that succeeded return_pct and max_drawdown_pct, too

    Equal scores go by the higher return, then the smaller drawdown, then the variant id, so that
    the order never depends on which variant was finished first. An undefined score ranks below
    every number; what did not succeed comes last, in its own order.
    """

    def key(number: int) -> tuple[Any, ...]:
        row = rows[number]
        if row["status"] != "success":
            return (2, number)
        score = row["score"]
        return (
            0 if score is not None else 1,
            -score if score is not None else 0.0,
            -(row["return_pct"] or 0.0),
            row["max_drawdown_pct"],
            row["variant_id"],
        )

    return sorted(range(len(rows)), key=key)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
