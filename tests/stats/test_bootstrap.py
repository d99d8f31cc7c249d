"""The bootstrap against paths worked out by hand, and against all that can be drawn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_fakes import fake_trade

from bt_gex.stats.bootstrap import (
    Course,
    SessionFigures,
    bootstrap,
    course_of,
    draws,
    figures_of,
    quantile,
    session_figures,
    walk,
)
from bt_gex.trades.records import SpreadTrade


def session(*pnls: int) -> SessionFigures:
    """Trades of so many cents, marked at their closes only."""
    wins, losses = [p for p in pnls if p > 0], [p for p in pnls if p < 0]
    course = course_of(np.cumsum(pnls))
    return SessionFigures(len(pnls), len(wins), sum(wins), -sum(losses), course, course)


def test_course_of_an_account() -> None:
    assert course_of([10, -30, 40, 20]) == Course(end=20, high=40, low=-30, fall=40)
    assert course_of([]) == Course(0, 0, 0, 0)
    assert course_of([-5]) == Course(-5, 0, -5, 5)


def test_all_paths_of_two_sessions() -> None:
    """+$100 and -$50 drawn twice: 200, 50, 50, -100; the account falls by 0, 50, 50, 100."""
    rows = np.array(list(product([0, 1], repeat=2)))
    found = figures_of(rows, [session(10_000), session(-5_000)], 1_000.0, 1, 1)
    assert found.total_pnl == (-100.0, 200.0)
    assert found.max_drawdown == (0.0, 100.0)
    assert found.return_pct == (-10.0, 20.0)
    assert found.win_rate == (0.0, 1.0)
    assert found.profit_factor == (0.0, None)  # 0, 2, 2 and without a loss: no bound
    assert found.final_balance_quantiles["0.5"] == 1_050.0
    assert found.probability_of_loss == 0.25
    # Lowest levels: 0, 0 (up first), -50, -100 of $1,000.
    assert found.probability_of_losing_pct == {"5": 0.5, "10": 0.25, "20": 0.0, "50": 0.0}


def test_a_fall_reaches_over_sessions() -> None:
    up_and_down = Course(end=100, high=300, low=0, fall=200)
    down = Course(end=-150, high=0, low=-250, fall=250)
    level, worst, lowest = walk(np.array([[0, 1], [1, 0], [1, 1]]), [up_and_down, down])
    # 300 high, then 100 - 250: 450 below. Down first: 250; then up to 150. Twice down: 150 + 250.
    assert (level.tolist(), worst.tolist(), lowest.tolist()) == (
        [-50, -50, -300],
        [450, 250, 400],
        [-150, -250, -400],
    )


levels = st.lists(st.integers(-50, 50), max_size=5)


@given(st.lists(levels, min_size=1, max_size=6))
def test_walking_courses_is_walking_the_levels(parts: list[list[int]]) -> None:
    account, start = [0], 0
    for part in parts:
        account += [start + level for level in part]
        start += part[-1] if part else 0
    rows = np.arange(len(parts))[None, :]
    level, worst, lowest = walk(rows, [course_of(part) for part in parts])
    peaks = np.maximum.accumulate(account)
    assert level[0] == start
    assert worst[0] == max(peaks - account)
    assert lowest[0] == min(account)


def test_quantiles_are_values_that_occurred() -> None:
    values = np.array([4.0, 1.0, 3.0, 2.0])
    assert [quantile(values, share) for share in (0.0, 0.25, 0.26, 0.75, 1.0)] == [1, 1, 2, 3, 4]


def test_draws_are_blocks_in_a_circle_and_repeatable() -> None:
    rows = draws(7, 3, 200, seed=1)
    assert rows.shape == (200, 7)
    assert (rows[:, 1] == (rows[:, 0] + 1) % 7).all()
    assert (rows[:, 4] == (rows[:, 3] + 1) % 7).all()
    assert set(rows[:, 0]) == set(range(7))
    assert (rows == draws(7, 3, 200, seed=1)).all()
    assert (rows != draws(7, 3, 200, seed=2)).any()


def test_the_drawn_come_near_all_that_can_be_drawn() -> None:
    sessions = [session(3_000, -1_000), session(-2_500), session(500), session(-200, 900)]
    everything = figures_of(np.array(list(product(range(4), repeat=4))), sessions, 5_000.0, 1, 1)
    found = bootstrap(sessions, balance=5_000.0, block=1)
    assert found is not None
    assert found.paths == 10_000
    assert found.probability_of_loss == pytest.approx(everything.probability_of_loss, abs=0.02)
    for name in ("total_pnl", "max_drawdown", "win_rate"):
        assert getattr(found, name) == getattr(everything, name)


def test_block_is_the_cube_root_of_the_sessions() -> None:
    found = bootstrap([session(100, -50)] * 27, balance=100.0)
    assert found is not None
    assert found.block_sessions == 3
    assert found.total_pnl == (13.5, 13.5)  # all the same


@pytest.mark.parametrize("sessions", [[], [session(100)], [session(), session()]])
def test_nothing_to_draw_from(sessions: list[SessionFigures]) -> None:
    assert bootstrap(sessions, balance=100.0) is None


def test_all_winners_have_no_bound_and_no_fall() -> None:
    found = bootstrap([session(100), session(200)], balance=1_000.0)
    assert found is not None
    assert found.profit_factor == (None, None)
    assert found.max_drawdown == (0.0, 0.0)
    assert found.probability_of_loss == 0.0


def test_figures_of_a_session() -> None:
    def trade(pnl: float | None, closed: str) -> SpreadTrade:
        return fake_trade(pnl_dollars=pnl, timestamp_exit=f"2026-01-12T{closed}:00+00:00")

    found = session_figures(
        [trade(2.0, "16:00"), trade(-3.5, "15:00"), trade(None, "17:00")],
        [-100, -400, -150],
    )
    assert found == SessionFigures(
        trades=2, winners=1, won=200, lost=350,
        closed=Course(-150, 0, -350, 350), marked=Course(-150, 0, -400, 400),
    )  # fmt: skip
