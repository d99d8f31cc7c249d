"""Figures of an account over its sessions, against values worked out by hand and other formulas."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_fakes import fake_trade

from bt_gex.stats.performance import (
    AccountPath,
    Drawdown,
    commission,
    deepest_drawdown,
    performance,
    premium,
    return_a_year_pct,
    sortino,
)
from bt_gex.stats.sharpe import annualised
from bt_gex.trades.records import SpreadTrade

FIRST = date(2026, 1, 5)


def account(*sessions: list[float], balance: float = 1_000.0) -> AccountPath:
    """Levels of the account at the bars of each session, one session a day."""
    lengths = [len(one) for one in sessions]
    return AccountPath(
        balance=balance,
        equity=np.array([level for one in sessions for level in one], dtype=np.float64),
        sessions=[FIRST + timedelta(days=n) for n in range(len(sessions))],
        starts=np.concatenate([[0], np.cumsum(lengths)])[: len(lengths)].astype(np.int64),
    )


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


class TestDrawdown:
    def test_within_one_session(self) -> None:
        """From 1,040 down to 936, a tenth, and back before the close."""
        assert deepest_drawdown(account([1_000, 1_040, 936, 1_050])) == Drawdown(
            dollars=104.0, pct=10.0, peak=day(0), trough=day(0), recovered=day(0), sessions=1
        )

    def test_from_the_start_and_not_recovered(self) -> None:
        """Never above the start: the fall began with the first session, and lasts."""
        found = deepest_drawdown(account([990, 950], [980, 970], [900, 999.99]))
        assert found == Drawdown(
            dollars=100.0, pct=10.0, peak=day(0), trough=day(2), recovered=None, sessions=3
        )

    def test_length_runs_from_the_last_bar_at_the_peak_to_the_recovery(self) -> None:
        """At 1,200 in sessions 0 and 1; down to 1,080 in session 2; back at 1,200 in session 4."""
        path = account([1_200, 1_150], [1_200, 1_190], [1_080, 1_100], [1_199], [1_200], [1_500])
        assert deepest_drawdown(path) == Drawdown(
            dollars=120.0, pct=10.0, peak=day(1), trough=day(2), recovered=day(4), sessions=4
        )

    def test_is_the_largest_in_dollars_and_of_equal_ones_the_first(self) -> None:
        path = account([900], [1_000], [2_000, 1_850], [2_000, 1_850], [2_000])
        found = deepest_drawdown(path)  # 100 of 1,000 (10 %), twice 150 of 2,000 (7.5 %)
        assert found == Drawdown(
            dollars=150.0, pct=7.5, peak=day(2), trough=day(2), recovered=day(3), sessions=2
        )
        whole = performance([], path, multiplier=100)
        assert whole.max_drawdown_mtm_pct == pytest.approx(10.0)
        assert whole.drawdown == found

    def test_none_where_the_account_never_falls(self) -> None:
        assert deepest_drawdown(account([1_000, 1_010], [1_010])) is None
        assert deepest_drawdown(account()) is None


class TestReturnAYear:
    def test_by_hand(self) -> None:
        """1 % in each of 126 sessions: over twice as many 1.01^252 - 1 = 1,127.4 %."""
        assert return_a_year_pct([0.01] * 126) == pytest.approx(100 * (1.01**252 - 1))
        assert return_a_year_pct([0.0] * 20) == 0.0

    def test_a_short_record_says_nothing_of_a_year(self) -> None:
        assert return_a_year_pct([0.01] * 19) is None
        assert return_a_year_pct([0.01] * 20) is not None

    def test_none_once_the_account_is_used_up(self) -> None:
        assert return_a_year_pct(None) is None
        assert return_a_year_pct([0.01] * 30 + [-1.0]) is None
        assert return_a_year_pct([0.01] * 30 + [-1.2]) is None


class TestSortino:
    def test_the_example_of_rollinger_and_hoffman(self) -> None:
        """ "Sortino: A 'Sharper' Ratio" (Red Rock Capital, 2013): yearly returns of a fund, target
        0, average 10 %, target downside deviation 2.264 %, ratio 4.417."""
        returns = [0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]
        assert sortino(returns) == pytest.approx(4.417, abs=5e-4)

    @pytest.mark.parametrize("returns", [[], [0.1, -0.1], [0.1, 0.0, 0.2]])
    def test_none_with_too_few_or_without_a_loss(self, returns: list[float]) -> None:
        assert sortino(returns) is None

    def test_nothing_but_equal_losses(self) -> None:
        assert sortino([-0.1, -0.1, -0.1]) == pytest.approx(-1.0)


@given(st.lists(st.floats(-40.0, 40.0).map(lambda x: round(x, 2)), min_size=20, max_size=60))
def test_ratios_by_the_formulas_of_pandas_users(pnls: list[float]) -> None:
    """The usual way of return libraries: daily returns, compound growth by logarithms, drawdown of
    the cumulated returns by session; here each session has one bar."""
    closes = 5_000.0 + np.cumsum(pnls)
    found = performance([], account(*([x] for x in closes), balance=5_000.0), multiplier=100)
    returns = pd.Series([5_000.0, *closes]).pct_change().dropna()
    growth = np.exp(np.log1p(returns).mean() * 252) - 1
    assert found.return_a_year_pct == pytest.approx(100 * growth, rel=1e-6, abs=1e-6)
    wealth = pd.concat([pd.Series([1.0]), (1 + returns).cumprod()])
    worst = float((1 - wealth / wealth.cummax()).max())
    assert found.max_drawdown_mtm_pct == pytest.approx(100 * worst, abs=1e-6)
    if worst > 1e-9:
        assert found.calmar == pytest.approx(growth / worst, rel=1e-4, abs=1e-6)
    else:
        assert found.calmar is None
    losses = returns[returns < 0]
    if len(losses) and found.sortino is not None:
        usual = returns.mean() / math.sqrt((losses**2).sum() / len(returns)) * math.sqrt(252)
        assert found.sortino == pytest.approx(usual, rel=1e-6, abs=1e-9)
    assert (found.sortino is None) == (len(losses) == 0)


def trade(minutes: float, pnl: float | None, **other: Any) -> SpreadTrade:
    leave = pd.Timestamp("2026-01-12T15:00:00+00:00") + pd.Timedelta(minutes=minutes)
    return fake_trade(
        f"SPX-{minutes}",
        timestamp_entry="2026-01-12T15:00:00+00:00",
        timestamp_exit=leave.isoformat(),
        pnl_dollars=pnl,
        exit_value=None if pnl is None else 1.0,
        **other,
    )


TRADES = [
    trade(30, 100.01, entry_credit=2.5, quantity=2, commission_dollars=5.2),
    trade(2.5, -50.0, entry_credit=1.225, commission_dollars=1.3),
    trade(60, 0.0, entry_credit=4.0, commission_dollars=2.6),
    trade(300, None, entry_credit=9.0, commission_dollars=9.9),  # unresolved: counts nowhere
]


class TestTrades:
    def test_by_hand(self) -> None:
        found = performance(TRADES, account([1_000.0]), multiplier=100)
        assert found.expectancy == 16.67  # 50.01 / 3
        assert found.avg_minutes_held == 30.8  # 92.5 / 3 = 30.83
        assert found.total_premium == 1_022.5  # 2.5 * 200 + 1.225 * 100 + 4 * 100
        assert found.total_commission == 9.1

    def test_a_point_may_be_worth_more_or_less(self) -> None:
        assert premium(TRADES, 20) == 204.5
        assert commission(TRADES) == 9.1

    def test_without_a_resolved_trade(self) -> None:
        found = performance(TRADES[3:], account([1_000.0]), multiplier=100)
        assert (found.expectancy, found.avg_minutes_held) == (None, None)
        assert (found.total_premium, found.total_commission) == (0.0, 0.0)

    def test_without_a_session(self) -> None:
        found = performance([], account(), multiplier=100)
        assert (found.return_a_year_pct, found.sortino, found.calmar) == (None, None, None)
        assert (found.max_drawdown_mtm_pct, found.drawdown) == (0.0, None)


def test_returns_are_those_of_the_closes() -> None:
    """1,000 to 1,100, then to 990: +10 % and -10 %; what was between counts for the drawdown."""
    path = account([500.0, 1_100.0], [2_000.0, 990.0])
    assert path.returns == pytest.approx([0.1, -0.1])
    assert path.session_of(1) == day(0)
    assert path.session_of(2) == day(1)
    assert account([0.0], [10.0]).returns is None


def test_annualised_by_the_root_of_the_sessions() -> None:
    returns = [0.1, -0.1, 0.1]
    closes, level = [], 1_000.0
    for one in returns:
        level = round(level * (1 + one), 2)
        closes.append([level])
    found = performance([], account(*closes), multiplier=100)
    ratio = sortino(returns)
    assert ratio is not None
    assert ratio == pytest.approx(math.sqrt(1 / 3))  # (0.1 / 3) / (0.1 / sqrt(3))
    assert found.sortino == pytest.approx(annualised(ratio))
