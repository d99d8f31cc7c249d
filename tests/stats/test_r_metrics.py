"""Figures in R: the worked vectors and edges."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.stats.r_metrics import drawdown_periods, longest_row, r_curve, r_metrics


def metrics(
    rs: list[float], *, minutes: list[float] | None = None, session_rs: list[float] | None = None
) -> dict[str, Any]:
    return r_metrics(
        rs,
        minutes=minutes or [10.0] * len(rs),
        session_rs=session_rs or rs,
        pnl_dollars=[100 * r for r in rs],
        initial_capital=1_000.0,
    )


@pytest.mark.parametrize(
    ("rs", "wanted"),
    [
        (
            [2.0, 1.5, -1.0, -0.5],
            {
                "total_r": 2.0,
                "average_r": 0.5,
                "expectancy": 0.5,
                "profit_factor": 2.333333,
                "avg_winner_r": 1.75,
                "avg_loser_r": -0.75,
                "sharpe_ratio": 6.226494,
                "max_drawdown_r": -1.5,
                "win_rate": 0.5,
                "largest_winner_r": 2.0,
                "largest_loser_r": -1.0,
                "max_drawdown_pct": 100 * 150 / 1350,
            },
        ),
        (
            [-1.0, 2.0, -0.5, -0.5, 0.0, 1.0, 1.0],
            {
                "max_drawdown_r": -1.0,
                "profit_factor": 2.0,
                "consecutive_wins": 2,
                "consecutive_losses": 2,
                "sharpe_ratio": 4.558893,
                "sortino_ratio": 9.797959,
                "winning_trades": 3,
                "losing_trades": 3,
                "median_r": 0.0,
            },
        ),
        (
            [1.0, 1.5, 0.5],
            {
                "profit_factor": None,
                "max_drawdown_r": 0.0,
                "sortino_ratio": None,
                "avg_loser_r": 0.0,
            },
        ),
        ([1.5, -1.0, 2.0], {"total_r": 2.5, "win_rate": 2 / 3}),
        ([1.0], {"sharpe_ratio": None, "total_trades": 1}),
        ([-1.0, -1.0], {"sortino_ratio": -15.874508}),
        ([0.7, 0.7, 0.7], {"sharpe_ratio": None}),
        ([-1.0], {"sharpe_ratio": None, "sortino_ratio": None, "max_drawdown_r": -1.0}),
    ],
)  # fmt: skip
def test_worked_vectors(rs: list[float], wanted: dict[str, Any]) -> None:
    found = metrics(rs)
    for name, value in wanted.items():
        assert found[name] == (None if value is None else pytest.approx(value, abs=5e-7)), name


def test_nothing_was_traded() -> None:
    found = metrics([], session_rs=[0.0, 0.0])

    assert found["total_trades"] == 0
    assert (found["total_r"], found["max_drawdown_r"], found["max_drawdown_pct"]) == (0, 0, 0)
    none = ("win_rate", "average_r", "expectancy", "median_r", "sharpe_ratio", "sharpe_daily")
    assert all(found[name] is None for name in none)
    assert found["avg_trade_duration_minutes"] is None
    assert (found["avg_winner_r"], found["largest_loser_r"], found["consecutive_wins"]) == (0, 0, 0)


def test_rounding_is_neither_win_nor_loss() -> None:
    found = metrics([1e-10, -1e-10, 1.0])
    assert (found["winning_trades"], found["losing_trades"]) == (1, 0)
    assert found["profit_factor"] is None


def test_sharpe_of_sessions_counts_those_without_a_trade() -> None:
    """R 1, 0, 0, 1: mean 0.5, deviation 0.5."""
    found = metrics([1.0, 1.0], session_rs=[1.0, 0.0, 0.0, 1.0])
    assert found["sharpe_daily"] == pytest.approx(252**0.5)
    assert found["sharpe_ratio"] is None


def test_duration() -> None:
    assert metrics([1.0, -1.0], minutes=[0.0, 30.0])["avg_trade_duration_minutes"] == 15.0


def test_curve_starts_its_peak_at_zero() -> None:
    points = r_curve([-1.0, 2.0, -0.5])
    assert [p.cumulative_r for p in points] == [-1.0, 1.0, 0.5]
    assert [p.running_max for p in points] == [0.0, 1.0, 1.0]
    assert [p.drawdown_r for p in points] == [-1.0, 0.0, -0.5]
    assert r_curve([]) == []


def test_drawdown_periods() -> None:
    periods = drawdown_periods([1.0, -0.5, -0.25, 0.25, 0.5, 1.0, -0.1])
    assert [(p.first, p.last, p.trades) for p in periods] == [(1, 3, 3), (6, 6, 1)]
    assert [p.depth_r for p in periods] == pytest.approx([-0.75, -0.1])
    assert drawdown_periods([1.0, 2.0]) == []


@pytest.mark.parametrize(("sign", "length"), [(1, 2), (-1, 1)])
def test_a_trade_of_nothing_ends_a_row(sign: int, length: int) -> None:
    assert longest_row([1.0, 0.0, 1.0, 1.0, -1.0, 0.0, -1.0], sign) == length
