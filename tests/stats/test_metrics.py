"""Figures of a variant: by hand, and against those of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_fakes import fake_trade

from bt_gex.stats.metrics import max_drawdown_pct, sharpe, variant_metrics
from bt_gex.stats.summary import summarise


def metrics(*pnl_dollars: float, balance: float = 10_000.0, **more: Any) -> dict[str, Any]:
    cents = np.array([round(pnl * 100) for pnl in pnl_dollars], dtype=np.int64)
    words = {"unresolved": 0, "max_drawdown_mtm": 0.0, **more}
    return variant_metrics(cents, balance=balance, **words)


# The orchestrator's own checks, with their published results.
def test_sharpe_of_a_known_curve() -> None:
    assert sharpe([100, 110, 105, 115]) == pytest.approx(0.73996, abs=1e-5)
    assert sharpe([100, 110]) is None


@pytest.mark.parametrize(
    ("curve", "percent"),
    [([100, 110, 95, 105], 13.636), ([100, 95, 110, 90, 115], 18.18), ([1, 2, 3], 0), ([5], 0)],
)
def test_drawdown_of_known_curves(curve: list[float], percent: float) -> None:
    assert max_drawdown_pct(curve) == pytest.approx(percent, abs=0.005)


def test_no_trades() -> None:
    found = metrics()
    nothing = ("sharpe", "profit_factor")
    assert {name: found[name] for name in nothing} == dict.fromkeys(nothing)
    assert (found["final_balance"], found["total_trades"], found["win_rate"]) == (10_000.0, 0, 0.0)
    assert (found["return_pct"], found["max_drawdown_pct"], found["max_drawdown"]) == (0, 0, 0)


def test_by_hand() -> None:
    """10,000 → 10,100 → 10,050 → 10,050 → 9,950: peak 10,100, trough 9,950."""
    found = metrics(100, -50, 0, -100, unresolved=2, max_drawdown_mtm=170.0)
    returns = np.array([100 / 10_000, -50 / 10_100, 0, -100 / 10_050])
    assert found == {
        "total_trades": 4, "winners": 1, "losers": 2, "breakeven": 1, "unresolved": 2,
        "win_rate": 0.25, "total_pnl": -50.0, "avg_win": 100.0, "avg_loss": 75.0,
        "max_win": 100.0, "max_loss": -100.0, "profit_factor": pytest.approx(100 / 150),
        "max_drawdown": 150.0, "max_drawdown_mtm": 170.0, "final_balance": 9_950.0,
        "return_pct": -0.5, "sharpe": pytest.approx(returns.mean() / returns.std()),
        "max_drawdown_pct": pytest.approx(100 * 150 / 10_100),
        "gross_profit": 100.0, "gross_loss": -150.0,
    }  # fmt: skip


def test_all_losses_and_all_wins() -> None:
    assert metrics(-10, -20)["profit_factor"] == 0.0
    assert metrics(10, 20)["profit_factor"] is None


def test_equal_steps_have_no_sharpe() -> None:
    assert metrics(0, 0, 0)["sharpe"] is None
    grown = [100.0 * 1.01**n for n in range(8)]
    assert sharpe(grown) is None


def test_an_account_that_is_used_up_has_no_sharpe() -> None:
    found = metrics(-6_000, -6_000, 100)
    assert found["sharpe"] is None
    assert found["max_drawdown_pct"] == pytest.approx(120.0)


@given(
    st.lists(st.integers(-500_000, 500_000), max_size=60),
    st.integers(1, 10_000_000),
)
def test_the_same_as_a_runs(cents: list[int], balance_cents: int) -> None:
    balance = balance_cents / 100
    trades = [
        fake_trade(
            str(n),
            pnl_dollars=pnl / 100,
            timestamp_entry="2026-01-12T15:00:00+00:00",
            timestamp_exit=f"2026-01-12T15:{n:02}:30+00:00",
        )
        for n, pnl in enumerate(cents)
    ]
    theirs = asdict(summarise(trades, balance=balance))
    ours = variant_metrics(
        np.array(cents, dtype=np.int64), unresolved=0, balance=balance, max_drawdown_mtm=0.0
    )
    assert theirs.keys() < ours.keys()
    for name in theirs:
        assert ours[name] == pytest.approx(theirs[name], abs=1e-9), name
    assert not any(isinstance(v, float) and not np.isfinite(v) for v in ours.values())
