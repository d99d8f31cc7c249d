"""How many contracts: fixed, or half of Kelly's fraction."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.rules.gex.sizing import KellyParams, fixed_size, half_kelly_size, kelly_of

# By hand: p = .582, average win 266, average loss 109, as 1000 trades.
BOOTSTRAP = [266.0] * 582 + [-109.0] * 418
ALL = KellyParams(window=1000)


def contracts(
    pnls: list[float],
    *,
    balance: float = 20_000,
    max_risk: float = 250,
    params: KellyParams | None = None,
) -> int:
    return half_kelly_size(
        pnls_per_contract=pnls,
        balance=balance,
        start_balance=20_000,
        max_risk=max_risk,
        params=params or KellyParams(),
    ).quantity


def kelly_fraction(pnls: list[float]) -> float | None:
    known, fraction = kelly_of(pnls, 0, len(pnls))
    return fraction if known else None


def test_kelly_by_hand() -> None:
    # (.582·266 − .418·109)/266 = (154.812 − 45.562)/266 = .41071
    kelly = kelly_fraction(BOOTSTRAP)
    assert kelly == pytest.approx(0.4107, abs=5e-5)
    assert kelly is not None
    assert kelly / 2 == pytest.approx(0.2054, abs=5e-5)
    # 20 000 · .20536 / 250 = 16.43
    assert 20_000 * kelly / 2 / 250 == pytest.approx(16.43, abs=5e-3)


def test_half_kelly_by_hand() -> None:
    wide = KellyParams(window=1000, max_contracts=100)
    assert contracts(BOOTSTRAP, params=wide) == 16  # 16.43, cut
    assert contracts(BOOTSTRAP, params=ALL) == 3  # the cap
    assert contracts(BOOTSTRAP, params=KellyParams(window=1000, max_contracts=1)) == 1
    # with the risk of this very spread: 4 107 / 1 000 → 4, 4 107 / 1 500 → 2, 4 107 / 5 000 → 1
    assert contracts(BOOTSTRAP, max_risk=1_000, params=wide) == 4
    assert contracts(BOOTSTRAP, max_risk=1_500, params=wide) == 2
    assert contracts(BOOTSTRAP, max_risk=5_000, params=wide) == 1


@pytest.mark.parametrize(
    ("pnls", "expected"),
    [
        ([100.0, -50.0], 0.25),  # (.5·100 − .5·50)/100
        ([100.0, 100.0, -100.0], 1 / 3),
        ([100.0, -100.0, -100.0], -1 / 3),
        ([100.0, 0.0], 0.5),  # a zero is a loss of 0: (.5·100 − .5·0)/100
        ([], None),
        ([100.0] * 20, None),
        ([-100.0] * 20, None),  # D22: no win, so nothing to divide by
        ([0.0] * 20, None),
    ],
)
def test_kelly_fraction(pnls: list[float], expected: float | None) -> None:
    assert kelly_fraction(pnls) == (None if expected is None else pytest.approx(expected))


def test_too_little_history_is_one_contract() -> None:
    nine = [300.0] * 8 + [-10.0]
    assert contracts(nine) == 1
    assert contracts([*nine, 300.0]) == 3
    assert contracts([]) == 1


@pytest.mark.parametrize("pnls", [[100.0] * 12, [-100.0] * 12])
def test_without_a_win_or_a_loss_one_contract(pnls: list[float]) -> None:
    assert contracts(pnls) == 1


def test_a_negative_fraction_is_one_contract() -> None:
    assert contracts([100.0] * 4 + [-300.0] * 8) == 1
    # (.5·100 − .5·100)/100 = 0
    assert contracts([100.0, -100.0] * 6) == 1


def test_only_the_newest_fifty_count() -> None:
    good, bad = [300.0] * 45 + [-10.0] * 5, [100.0] * 20 + [-300.0] * 40
    assert contracts(bad + good) == 3
    assert contracts(good + bad) == 1


@pytest.mark.parametrize(("balance", "expected"), [(9_999.99, 0), (10_000, 3), (0, 0)])
def test_below_half_of_the_start_nothing(balance: float, expected: int) -> None:
    pnls = [300.0] * 12 + [-10.0] * 3
    size = half_kelly_size(
        pnls_per_contract=pnls,
        balance=balance,
        start_balance=20_000,
        max_risk=250,
        params=KellyParams(),
    )
    assert size.quantity == expected
    if not expected:
        assert size.why == f"balance ${balance:,.2f} is below the stop at $10,000.00"


def test_the_stop_comes_before_the_history() -> None:
    assert contracts([], balance=9_000) == 0


def test_fixed() -> None:
    assert fixed_size(4).quantity == 4
    assert fixed_size(0).quantity == 0
    assert fixed_size(0).why


@settings(deadline=None)
@given(
    pnls=st.lists(st.floats(-2_000, 2_000), max_size=80),
    balance=st.floats(10_000, 1e6),
    max_risk=st.floats(1, 5_000),
)
def test_always_from_one_to_the_cap(pnls: list[float], balance: float, max_risk: float) -> None:
    assert contracts(pnls, balance=balance, max_risk=max_risk) in (1, 2, 3)


@settings(deadline=None)
@given(pnls=st.lists(st.floats(-2_000, 2_000), min_size=1, max_size=80))
def test_kelly_never_exceeds_the_share_of_wins(pnls: list[float]) -> None:
    kelly = kelly_fraction(pnls)
    if kelly is not None:
        assert kelly <= sum(pnl > 0 for pnl in pnls) / len(pnls) + 1e-9
