"""Exit rules: boundaries, their order and labels, the end-of-day instant."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.market.calendar import NS, sessions, utc
from bt_gex.rules.gex.exits import (
    EMERGENCY_STOP,
    END_OF_DAY,
    EXIT_REASONS,
    HOLD,
    PROFIT_TARGET,
    STOP_LOSS,
    decide_exit,
    end_of_day_ns,
    exit_outcome,
    exit_possible,
    profit_target,
)
from bt_gex.rules.gex.params import ExitParams
from bt_gex.trades.reasons import ExitReason

STANDARD = ExitParams()
NOON, END = 1_000 * NS, 2_000 * NS  # any two instants in order


def reason(
    credit: float,
    value: float,
    *,
    confidence: str = "HIGH",
    now_ns: int = NOON,
    params: ExitParams = STANDARD,
) -> str | None:
    return decide_exit(
        credit=credit,
        value=value,
        now_ns=now_ns,
        end_of_day_ns=END,
        confidence=confidence,
        params=params,
    )


@pytest.mark.parametrize(
    ("credit", "value", "confidence", "expected"),
    [
        # 50 % of the credit is kept at HIGH, 60 % at MEDIUM; both inclusive
        (1.00, 0.50, "HIGH", "Profit Target"),
        (1.00, 0.51, "HIGH", None),
        (1.00, 0.50, "MEDIUM", None),
        (1.00, 0.41, "MEDIUM", None),
        (1.00, 0.40, "MEDIUM", "Profit Target"),
        (4.25, 2.10, "HIGH", "Profit Target"),
        (4.50, 1.80, "MEDIUM", "Profit Target"),
        (1.00, 0.00, "HIGH", "Profit Target"),
        # 110 % and 140 % of the credit, inclusive; in floats 1.15·1.1 > 1.265, 2.3·1.1 > 2.53
        (1.00, 1.09, "HIGH", None),
        (1.00, 1.10, "HIGH", "Stop Loss"),
        (1.15, 1.265, "HIGH", "Stop Loss"),
        (2.30, 2.53, "HIGH", "Stop Loss"),
        (2.35, 2.80, "HIGH", "Stop Loss"),
        (1.00, 1.39, "HIGH", "Stop Loss"),
        (1.00, 1.40, "HIGH", "Emergency Stop"),
        (0.35, 0.49, "HIGH", "Emergency Stop"),
        (1.15, 1.61, "HIGH", "Emergency Stop"),
        (1.00, 5.00, "HIGH", "Emergency Stop"),
        (1.00, 1.10, "MEDIUM", "Stop Loss"),
        (1.00, 1.40, "MEDIUM", "Emergency Stop"),
        (1.00, 1.00, "HIGH", None),
    ],
)
def test_boundaries(credit: float, value: float, confidence: str, expected: str | None) -> None:
    assert reason(credit, value, confidence=confidence) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5 + 0.9e-9, PROFIT_TARGET),
        (0.5 + 1.5e-9, HOLD),
        (1.1 - 0.9e-9, STOP_LOSS),
        (1.1 - 1.5e-9, HOLD),
        (1.4 - 0.9e-9, EMERGENCY_STOP),
        (1.4 - 1.5e-9, STOP_LOSS),
    ],
)
def test_the_tolerance_is_a_billionth(value: float, expected: int) -> None:
    assert exit_outcome(1.0, value, False, 0.5, 0.1, 0.4) == expected


def test_labels() -> None:
    assert EXIT_REASONS == {
        PROFIT_TARGET: "Profit Target",
        EMERGENCY_STOP: "Emergency Stop",
        STOP_LOSS: "Stop Loss",
        END_OF_DAY: "End of Day Auto-Close",
    }
    assert ExitReason.SETTLEMENT == "Expiration Settlement"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.50, "Profit Target"),
        (1.45, "Emergency Stop"),
        (1.20, "Stop Loss"),
        (1.00, "End of Day Auto-Close"),
    ],
)
def test_the_clock_comes_last(value: float, expected: str) -> None:
    assert reason(1.0, value, now_ns=END) == expected
    assert reason(1.0, value, now_ns=END + 30 * NS) == expected


def test_when_all_rules_hold_the_first_names_the_exit() -> None:
    everything = {"value": 1.0, "now_ns": END}
    no_target = 1.0  # profit 0 is not enough
    cases = [
        (ExitParams(profit_target_high=0, emergency_stop=0, stop_loss=0), "Profit Target"),
        (ExitParams(profit_target_high=no_target, emergency_stop=0, stop_loss=0), "Emergency Stop"),
        (ExitParams(profit_target_high=no_target, emergency_stop=9, stop_loss=0), "Stop Loss"),
        (
            ExitParams(profit_target_high=no_target, emergency_stop=9, stop_loss=9),
            "End of Day Auto-Close",
        ),
    ]
    for params, expected in cases:
        assert reason(1.0, params=params, **everything) == expected  # type: ignore[arg-type]


def test_an_emergency_below_the_stop_keeps_its_name() -> None:
    params = ExitParams(emergency_stop=0.05, stop_loss=0.30)
    assert reason(1.0, 1.35, params=params) == "Emergency Stop"


def test_end_of_day_is_inclusive() -> None:
    assert reason(1.0, 1.0, now_ns=END - 1) is None
    assert reason(1.0, 1.0, now_ns=END) == "End of Day Auto-Close"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-01-12", "20:30:00"),  # 15:30 EST
        ("2025-06-16", "19:30:00"),  # 15:30 EDT
        ("2025-11-28", "17:30:00"),  # closes 13:00 EST
        ("2025-12-24", "17:30:00"),
        ("2025-07-03", "16:30:00"),  # closes 13:00 EDT
    ],
)
def test_end_of_day_instants(day: str, expected: str) -> None:
    (session,) = sessions(date.fromisoformat(day), date.fromisoformat(day))
    moment = utc(end_of_day_ns(session, STANDARD))
    assert f"{moment:%Y-%m-%d %H:%M:%S}" == f"{day} {expected}"


@pytest.mark.parametrize(("minutes", "expected"), [(0, "21:00:00"), (0.5, "20:59:30"), (90, None)])
def test_end_of_day_minutes_is_a_setting(minutes: float, expected: str | None) -> None:
    (session,) = sessions(date(2026, 1, 12), date(2026, 1, 12))
    moment = utc(end_of_day_ns(session, ExitParams(end_of_day_minutes=minutes)))
    assert f"{moment:%H:%M:%S}" == (expected or "19:30:00")


def test_targets_by_confidence() -> None:
    params = ExitParams(profit_target_high=0.3, profit_target_medium=0.7)
    assert profit_target("HIGH", params) == 0.3
    assert profit_target("MEDIUM", params) == 0.7


@settings(deadline=None)
@given(
    credit=st.floats(0.01, 50),
    share=st.floats(0, 3),
    eod=st.booleans(),
    confidence=st.sampled_from(["HIGH", "MEDIUM"]),
)
def test_one_value_belongs_to_one_rule(
    credit: float, share: float, eod: bool, confidence: str
) -> None:
    """Target and stops are disjoint, so only the clock can coincide with them."""
    found = reason(credit, credit * share, confidence=confidence, now_ns=END if eod else NOON)
    target = 0.5 if confidence == "HIGH" else 0.4
    if share < target - 1e-6:
        assert found == "Profit Target"
    elif target + 1e-6 < share < 1.1 - 1e-6:
        assert found == ("End of Day Auto-Close" if eod else None)
    elif 1.1 + 1e-6 < share < 1.4 - 1e-6:
        assert found == "Stop Loss"
    elif share > 1.4 + 1e-6:
        assert found == "Emergency Stop"


@settings(deadline=None)
@given(
    credit=st.floats(0.01, 50),
    shares=st.lists(st.floats(0, 3) | st.sampled_from([0.4, 0.5, 1.1, 1.4]), max_size=30),
    nudge=st.floats(-3e-9, 3e-9),
    first_of_the_end=st.integers(0, 30),
    confidence=st.sampled_from(["HIGH", "MEDIUM"]),
)
def test_no_exit_is_overlooked_by_visiting_only_possible_bars(
    credit: float, shares: list[float], nudge: float, first_of_the_end: int, confidence: str
) -> None:
    values = np.array([*(credit * share + nudge for share in shares), np.nan])
    target = profit_target(confidence, STANDARD)
    possible = exit_possible(credit, values, first_of_the_end, target, STANDARD)
    for row, value in enumerate(values[:-1]):
        now = END if row >= first_of_the_end else NOON
        if reason(credit, float(value), confidence=confidence, now_ns=now):
            assert possible[row]
    assert not possible[-1]
