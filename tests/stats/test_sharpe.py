"""Sharpe figures against the papers they come from, and against hand-worked series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bt_gex.stats import sharpe
from bt_gex.stats.sharpe import Moments


def moments(ratio: float, sessions: int, skewness: float = 0.0, kurtosis: float = 3.0) -> Moments:
    return Moments(sharpe=ratio, sessions=sessions, skewness=skewness, kurtosis=kurtosis)


def test_moments_by_hand() -> None:
    # Returns 1, 2, 3, 6: mean 3; away -2, -1, 0, 3; squares 4+1+0+9 = 14; cubes -8-1+27 = 18;
    # fourth powers 16+1+81 = 98. Sample variance 14/3; population moments 3.5, 4.5, 24.5.
    found = sharpe.moments([1.0, 2.0, 3.0, 6.0])
    assert found is not None
    assert found.sharpe == pytest.approx(3 / math.sqrt(14 / 3))
    assert found.skewness == pytest.approx(4.5 / 3.5**1.5)
    assert found.kurtosis == pytest.approx(24.5 / 3.5**2)
    assert found.sessions == 4


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, 0.2], [0.1] * 9, [0.0] * 9])
def test_no_ratio_without_deviation_or_with_too_few(returns: list[float]) -> None:
    assert sharpe.moments(returns) is None
    figures = sharpe.sharpe_figures(returns)
    assert figures.sharpe_annualised is None
    assert figures.probabilistic_sharpe is None
    assert figures.min_track_record_sessions is None


def test_a_small_deviation_on_a_huge_account_is_one() -> None:
    found = sharpe.moments([-350 / 1e12, -350.5 / 1e12, -349 / 1e12])
    assert found is not None
    assert found.sharpe == pytest.approx(-349.8333 / 0.763763, rel=1e-4)


def test_annualised_by_the_root_of_252() -> None:
    assert sharpe.annualised(0.1) == pytest.approx(1.5874507866387544)


def test_the_hedge_fund_of_bailey_and_lopez_de_prado_2012() -> None:
    """Monthly ratio 0.458 over 24 months, skewness -2.448, kurtosis 10.164: 0.913, where a normal
    distribution would give 0.982."""
    assert sharpe.probabilistic_sharpe(moments(0.458, 24, -2.448, 10.164)) == pytest.approx(
        0.913, abs=5e-4
    )
    assert sharpe.probabilistic_sharpe(moments(0.458, 24)) == pytest.approx(0.982, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_track_records_of_bailey_and_lopez_de_prado_2012(periods: int, years: float) -> None:
    """An annual ratio of 2 against 1 with 95 %: so many years of daily, weekly, monthly returns."""
    a_year = math.sqrt(periods)
    found = sharpe.min_track_record(moments(2 / a_year, 99), 1 / a_year)
    assert found is not None
    assert found / periods == pytest.approx(years, abs=5e-3)


def test_the_example_of_bailey_and_lopez_de_prado_2014() -> None:
    """Annual ratio 2.5 over five years of daily returns (250 a year), skewness -3, kurtosis 10, the
    best of 100 trials whose annual ratios have variance 1/2: SR0 0.1132, DSR 0.9004."""
    variance = 0.5 / 250
    assert sharpe.expected_best_sharpe(100, variance) == pytest.approx(0.1132, abs=5e-5)
    record = moments(2.5 / math.sqrt(250), 1250, -3.0, 10.0)
    assert sharpe.deflated_sharpe(record, 100, variance) == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_is_no_choice() -> None:
    assert sharpe.expected_best_sharpe(1, 0.5) == 0.0
    record = moments(0.1, 250)
    assert sharpe.deflated_sharpe(record, 1, 0.5) == sharpe.probabilistic_sharpe(record)


def test_no_track_record_is_long_enough_for_a_loss() -> None:
    assert sharpe.min_track_record(moments(-0.1, 50)) is None
    assert sharpe.min_track_record(moments(0.1, 50), benchmark=0.1) is None


def test_moments_that_leave_no_spread_give_no_odds() -> None:
    wild = moments(2.0, 50, skewness=3.0, kurtosis=4.0)  # 1 - 6 + 3 = -2
    assert sharpe.probabilistic_sharpe(wild) is None
    assert sharpe.min_track_record(wild) is None


def test_returns_are_on_the_account_at_the_start_of_a_session() -> None:
    assert sharpe.session_returns([100.0, -110.0, 0.0], 1000.0) == [0.1, -0.1, 0.0]
    assert sharpe.session_returns([-1000.0, 1.0], 1000.0) is None  # a return on nothing
    assert sharpe.session_returns([-1000.0], 1000.0) == [-1.0]


def test_the_ratios_of_many_accounts_are_those_of_each() -> None:
    pnls = np.array([[10.0, 0.0, 5.0], [-20.0, 0.0, 5.0], [30.0, 0.0, -900.0], [5.0, 0.0, -200.0]])
    found = sharpe.session_sharpes(pnls, 1000.0)
    first = sharpe.session_returns(pnls[:, 0].tolist(), 1000.0)
    assert first is not None
    one = sharpe.moments(first)
    assert one is not None
    assert found[0] == pytest.approx(one.sharpe)
    assert np.isnan(found[1])  # nothing ever happened
    assert not np.isnan(found[2])
    assert np.isnan(sharpe.session_sharpes(pnls, 800.0)[2])  # used up before the last session
    assert np.isnan(sharpe.session_sharpes(pnls[:2], 1000.0)).all()


def test_figures_with_and_without_a_sweep() -> None:
    returns = [0.01, -0.005, 0.02, 0.0, 0.004, -0.001]
    alone = sharpe.sharpe_figures(returns)
    assert alone.deflated_sharpe is None
    chosen = sharpe.sharpe_figures(returns, trials=50, variance=0.04)
    assert chosen.probabilistic_sharpe == alone.probabilistic_sharpe
    assert chosen.deflated_sharpe is not None
    assert chosen.probabilistic_sharpe is not None
    assert chosen.deflated_sharpe < chosen.probabilistic_sharpe
    assert sharpe.sharpe_figures(None).sessions is None
