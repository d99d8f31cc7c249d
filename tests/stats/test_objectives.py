"""Objectives and ranks, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.errors import UnknownName
from bt_gex.stats.objectives import OBJECTIVES, default_objective, find_objective, rank, why_default

METRICS = {
    "sharpe": 0.4, "max_drawdown_pct": 20.0, "return_pct": 12.0, "profit_factor": 1.5,
    "total_pnl": 1_200.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("sharpe", 0.4), ("sharpe_dd_penalty", 0.4 - 0.1), ("return", 12.0),
        ("return_dd_penalty", 2.0), ("calmar", 0.6), ("profit_factor", 1.5), ("total_pnl", 1_200.0),
    ],
)  # fmt: skip
def test_formulas(name: str, score: float) -> None:
    assert find_objective(name)(METRICS) == pytest.approx(score)
    assert name in OBJECTIVES


def test_undefined_ones() -> None:
    metrics = METRICS | {"sharpe": None, "profit_factor": None, "return_pct": None}
    found = {name: objective(metrics) for name, objective in OBJECTIVES.items()}
    assert [name for name, score in found.items() if score is not None] == ["total_pnl"]


def test_no_drawdown_has_calmar_0() -> None:
    assert OBJECTIVES["calmar"](METRICS | {"max_drawdown_pct": 0.0}) == 0.0


def test_an_unknown_one() -> None:
    with pytest.raises(UnknownName, match="did you mean sharpe"):
        find_objective("sharp")


def row(variant_id: str, score: Any, gained: float = 1.0, fall: float = 1.0) -> dict[str, Any]:
    return {
        "variant_id": variant_id, "status": "success", "score": score, "return_pct": gained,
        "max_drawdown_pct": fall,
    }  # fmt: skip


def test_ties_are_broken_by_return_drawdown_and_id() -> None:
    rows = [
        {"variant_id": "s", "status": "skipped", "score": None},
        row("e", None, gained=99.0),  # undefined: below every number
        row("d", 1.0),
        row("c", 1.0, fall=0.5),
        row("b", 1.0, gained=2.0, fall=9.0),
        row("a", 1.0),
        row("z", 3.0, gained=-5.0),
        {"variant_id": "f", "status": "failed", "score": None},
        row("n", -7.0),
    ]
    order = [rows[number]["variant_id"] for number in rank(rows)]
    assert order == ["z", "b", "c", "a", "d", "n", "e", "s", "f"]


@pytest.mark.parametrize(
    ("sessions", "objective"),
    [(0, "total_pnl"), (19, "total_pnl"), (20, "sharpe_dd_penalty"), (250, "sharpe_dd_penalty")],
)
def test_the_default_follows_the_sessions(sessions: int, objective: str) -> None:
    assert default_objective(sessions) == objective
    assert f"20 sessions, here {sessions}" in why_default(objective, sessions)
    assert why_default("calmar", sessions) == ""
