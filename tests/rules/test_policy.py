"""Rules that let an intent pass, change its size or reject it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from bt_gex.errors import BadValue
from bt_gex.rules.policy import (
    DriftGuard,
    EvalProfile,
    KillSwitch,
    Policy,
    PolicyState,
    RuleResult,
    StructuralSizing,
    risk_budget,
)
from bt_gex.trades.intent import OPENING, Intent, IntentAction

ONE = UUID(int=1)


def intent(action: str = "open_long", symbol: str = "BTC", **values: Any) -> Intent:
    return Intent(
        id=ONE, correlation_id="c", workspace_id=ONE, action=IntentAction(action),
        strategy_entity_id=ONE, symbol=symbol, timeframe="1d",
        created_at=datetime(2026, 1, 12, tzinfo=UTC), **values,
    )  # fmt: skip


def sized(symbol: str, price: Any, stop: Any, action: str = "open_long", **state: Any) -> Any:
    def number(x: Any) -> Decimal | None:
        return None if x is None else Decimal(str(x))

    known = PolicyState(**{name: number(value) for name, value in state.items()})
    wish = intent(action, symbol, price=number(price), stop_loss=number(stop))
    return Policy().evaluate(wish, known)


@pytest.mark.parametrize(
    ("state", "word"),
    [({"kill_switch_active": True}, ""), ({"trading_enabled": False}, "disabled")],
)
@pytest.mark.parametrize("action", ["open_long", "close_long", "close_spread"])
def test_g25_a_kill_switch_stops_everything(state: dict[str, bool], word: str, action: str) -> None:
    decision = Policy().evaluate(intent(action), PolicyState(**state))
    assert not decision.approved
    assert decision.reason == "kill_switch_active"
    assert decision.rules_evaluated == decision.rules_failed == ("kill_switch",)
    assert word in decision.reason_details


@pytest.mark.parametrize("action", list(IntentAction))
def test_a_switch_for_entries_lets_closes_pass(action: IntentAction) -> None:
    decision = Policy([KillSwitch()]).evaluate(intent(action), PolicyState(entries_halted=True))
    assert decision.approved == (action not in OPENING)


@pytest.mark.parametrize(
    ("z", "approved", "warnings"),
    [(1.5, True, 0), (1.999, True, 0), (2.0, True, 1), (2.5, True, 1), (3.0, False, 0),
     (3.5, False, 0), (None, True, 1), (float("nan"), False, 0)],
)  # fmt: skip
@pytest.mark.parametrize("action", ["open_long", "close_long"])
def test_g26_drift(z: float | None, approved: bool, warnings: int, action: str) -> None:
    decision = Policy([DriftGuard()]).evaluate(intent(action), PolicyState(regime_distance_z=z))
    assert (decision.approved, len(decision.warnings)) == (approved, warnings)
    if z == 3.5:
        assert (decision.reason, "3.50" in decision.reason_details) == ("regime_drift", True)
    if z is None:
        assert "skipped" in decision.warnings[0]


def test_g26_thresholds() -> None:
    guard = Policy([DriftGuard(warn_z=1.0, reject_z=1.2)])
    assert not guard.evaluate(intent(), PolicyState(regime_distance_z=1.5)).approved


@pytest.mark.parametrize(
    ("drawdown", "action", "approved"),
    [("6", "open_long", False), ("3", "open_long", True), ("5", "open_long", False),
     ("4.99", "open_short", True), ("6", "scale_in", False), ("6", "open_spread", False),
     *(("10", close, True) for close in
       ("close_long", "close_short", "scale_out", "cancel_order", "close_spread"))],
)  # fmt: skip
def test_g27_drawdown(drawdown: str, action: str, approved: bool) -> None:
    decision = Policy().evaluate(intent(action), PolicyState(max_drawdown_today=Decimal(drawdown)))
    assert decision.approved == approved
    assert approved or decision.reason == "max_drawdown_exceeded"


@pytest.mark.parametrize(
    ("symbol", "price", "stop", "action", "budget", "multiplier", "contracts"),
    [("MNQ", 18000, 17990, "open_long", 500, 1, 25),
     ("NQ", 18000, 17990, "open_long", 500, 1, 2),
     ("NQ", 18000, 17900, "open_long", 500, 1, None),
     ("MNQ", 18000, 17990, "open_long", 500, "0.5", 12),
     ("NQ", 18000, 17990, "open_long", 500, "0.1", None),
     ("MNQ", 18000, 17993, "open_long", 100, 1, 7),
     ("MNQ", 18000, 18010, "open_short", 500, 1, 25),
     ("mes", 5000, 4990, "scale_in", 500, 1, 10),
     ("TESLA", 5000, 4990, "open_long", 500, 1, 1),
     ("CL", 80, 79, "open_long", 60, 1, 3)],
)  # fmt: skip
def test_g28_sizes(
    symbol: str, price: Any, stop: Any, action: str, budget: Any, multiplier: Any, contracts: Any
) -> None:
    decision = sized(
        symbol, price, stop, action, risk_budget_dollars=budget, risk_multiplier=multiplier
    )
    assert decision.modified_quantity == contracts
    assert decision.approved == (contracts is not None)


def test_g28_a_rejection_shows_its_arithmetic() -> None:
    decision = sized("NQ", 18000, 17900, risk_budget_dollars=500)
    assert decision.reason == "risk_too_high_for_account"
    assert json.loads(decision.reason_details) == {
        "entry": 18000, "stop": 17900, "stop_points": 100, "point_value": 20,
        "risk_per_contract": 2000, "risk_budget": 500, "risk_multiplier": 1,
        "effective_budget": 500, "computed_contracts": 0,
    }  # fmt: skip


def test_g28_without_price_stop_or_budget() -> None:
    assert not sized("MNQ", 18000, None, risk_budget_dollars=500).approved
    assert not sized("MNQ", None, 17990, risk_budget_dollars=500).approved
    assert sized("MNQ", None, None).modified_quantity is None
    assert sized("MNQ", None, None).approved
    same = sized("MNQ", 18000, 18000, risk_budget_dollars=500)
    assert same.approved
    assert same.modified_quantity is None
    assert any("zero" in warning for warning in same.warnings)


@pytest.mark.parametrize(
    "action", ["close_long", "close_short", "scale_out", "cancel_order", "open_spread"]
)
def test_sizing_leaves_other_actions_alone(action: str) -> None:
    decision = Policy([StructuralSizing()]).evaluate(
        intent(action), PolicyState(risk_budget_dollars=Decimal(500))
    )
    assert decision.approved


def test_g29_the_intents_budget_goes_first() -> None:
    wish = intent(metadata={"risk_budget_dollars": 500})
    profile = EvalProfile(max_drawdown=Decimal(2000))
    equity = Decimal(50_000)
    assert risk_budget(wish, profile, Decimal(100), equity, equity) == 500
    assert risk_budget(intent(), profile, Decimal(100), equity, equity) == 300
    assert risk_budget(intent(), None, Decimal(100), equity, equity) == 100
    assert risk_budget(intent(), None, None, equity, equity) is None


@pytest.mark.parametrize("value", ["abc", True, float("nan"), -5, 0, [1], "Infinity"])
def test_a_budget_that_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(BadValue, match="risk_budget_dollars"):
        risk_budget(
            intent(metadata={"risk_budget_dollars": value}), None, None, Decimal(1), Decimal(1)
        )


@pytest.mark.parametrize(
    ("equity", "peak", "most", "budget"),
    [(50_000, 50_000, 300, 300), (51_000, 52_000, 300, 150), (48_800, 50_000, 300, 120),
     (50_500, 52_000, 300, 100), (48_000, 50_000, 300, 0)],
)  # fmt: skip
def test_g30_profiles(equity: int, peak: int, most: int, budget: int) -> None:
    profile = EvalProfile(max_drawdown=Decimal(2000), most=Decimal(most))
    assert profile.budget(Decimal(equity), Decimal(peak)) == budget


def test_g30_a_drawdown_beyond_the_profile_leaves_nothing() -> None:
    profile = EvalProfile(max_drawdown=Decimal(100))
    assert profile.budget(Decimal(9_850), Decimal(10_000)) == 0


@dataclass(frozen=True)
class Scripted:
    name: str
    priority: int
    quantity: Decimal | None = None
    enabled: bool = True

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        if self.quantity is None:
            raise RuntimeError("out of order")
        return RuleResult(quantity=self.quantity)


def test_g31_rules_are_asked_by_priority() -> None:
    first, last = Scripted("a", 5, Decimal(10)), Scripted("b", 60, Decimal(3))
    policy = Policy([last, first])
    assert [rule.name for rule in policy.rules] == ["a", "b"]
    middle = policy.with_rule(Scripted("m", 30, Decimal(7)))
    assert [rule.name for rule in middle.rules] == ["a", "m", "b"]
    assert policy.evaluate(intent(), PolicyState()).modified_quantity == 3
    assert [(r.name, r.priority) for r in Policy().rules] == [
        ("kill_switch", 0), ("drift_guard", 10), ("max_drawdown", 20), ("structural_sizing", 50),
    ]  # fmt: skip


def test_g31_a_rule_that_raises_rejects() -> None:
    policy = Policy([Scripted("broken", 1), Scripted("b", 60, Decimal(3))])
    decision = policy.evaluate(intent(), PolicyState())
    assert (decision.approved, decision.reason) == (False, "kill_switch_active")
    assert decision.rules_failed == ("broken",)
    assert decision.rules_evaluated == ("broken",)
    assert "exception" in decision.reason_details


def test_a_disabled_rule_is_not_asked() -> None:
    policy = Policy([Scripted("broken", 1, enabled=False), Scripted("b", 60, Decimal(3))])
    decision = policy.evaluate(intent(), PolicyState())
    assert decision.approved
    assert decision.rules_evaluated == ("b",)
    assert "1" in decision.reason_details
