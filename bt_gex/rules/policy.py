"""Whether an intent may be traded: rules in order of priority, the first rejection decides.

A rule gets an intent and the known state of the account and returns a `RuleResult`. It never
trades, reads a clock or remembers anything. Limits are inclusive: a figure at the limit rejects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bt_gex.errors import BadValue
from bt_gex.trades.intent import OPENING, Intent, IntentAction

KILL_SWITCH_ACTIVE = "kill_switch_active"
REGIME_DRIFT = "regime_drift"
MAX_DRAWDOWN_EXCEEDED = "max_drawdown_exceeded"
RISK_TOO_HIGH = "risk_too_high_for_account"
ALL_RULES_PASSED = "all_rules_passed"

# Dollars a point and contract, by the first of these that is part of the symbol. So "TESLA" counts
# as ES: symbols of other markets need a sizing rule of their own.
POINT_VALUES: Mapping[str, int] = {"MNQ": 2, "NQ": 20, "MES": 5, "ES": 50}
DEFAULT_POINT_VALUE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """What rules may know of the account.

    entries_halted         a kill switch for entries only
    max_drawdown_today     percent of the day's peak equity; None: unknown
    regime_distance_z      how far the market is from the regime the strategy was made for
    risk_budget_dollars    None: sizes are not set by risk
    risk_multiplier        share of the budget to use, 0 to 1
    """

    kill_switch_active: bool = False
    entries_halted: bool = False
    trading_enabled: bool = True
    account_equity: Decimal | None = None
    daily_pnl: Decimal | None = None
    max_drawdown_today: Decimal | None = None
    current_regime: str | None = None
    regime_distance_z: float | None = None
    risk_budget_dollars: Decimal | None = None
    risk_multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A rule's answer. quantity: to trade instead of the intent's own quantity."""

    passed: bool = True
    reason: str = ALL_RULES_PASSED
    details: str = ""
    warning: str | None = None
    quantity: Decimal | None = None


PASS = RuleResult()


class Rule(Protocol):
    """Anything with these; rules with lower priority numbers are evaluated first."""

    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def enabled(self) -> bool: ...

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        """Raising rejects the intent."""
        ...


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Nothing trades while it is on, closes included; nothing opens while entries are halted."""

    name: str = "kill_switch"
    priority: int = 0
    enabled: bool = True

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        if state.kill_switch_active:
            return RuleResult(False, KILL_SWITCH_ACTIVE, "kill switch is active")
        if not state.trading_enabled:
            return RuleResult(False, KILL_SWITCH_ACTIVE, "trading is disabled")
        if state.entries_halted and intent.action in OPENING:
            return RuleResult(False, KILL_SWITCH_ACTIVE, "kill switch for entries is active")
        return PASS


@dataclass(frozen=True, slots=True)
class DriftGuard:
    """Rejects at z ≥ reject_z, warns at z ≥ warn_z; of closes, too."""

    warn_z: float = 2.0
    reject_z: float = 3.0
    name: str = "drift_guard"
    priority: int = 10
    enabled: bool = True

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        z = state.regime_distance_z
        if z is None:
            return RuleResult(warning="regime distance unknown: drift check skipped")
        if not z < self.reject_z:  # NaN rejects, too
            return RuleResult(
                False, REGIME_DRIFT, f"regime distance {z:.2f}, limit {self.reject_z}"
            )
        if z >= self.warn_z:
            return RuleResult(warning=f"regime drift: distance {z:.2f}, limit {self.reject_z}")
        return PASS


@dataclass(frozen=True, slots=True)
class MaxDrawdown:
    """Nothing opens on a day whose drawdown has reached limit_pct of its peak equity."""

    limit_pct: Decimal = Decimal(5)
    name: str = "max_drawdown"
    priority: int = 20
    enabled: bool = True

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        if intent.action not in OPENING:
            return PASS
        drawdown = state.max_drawdown_today
        if drawdown is None:
            return RuleResult(warning="drawdown unknown: check skipped")
        if drawdown >= self.limit_pct:
            details = f"drawdown today {drawdown:.2f} %, limit {self.limit_pct} %"
            return RuleResult(False, MAX_DRAWDOWN_EXCEEDED, details)
        return PASS


@dataclass(frozen=True, slots=True)
class StructuralSizing:
    """Sets the size so that a stop costs at most the risk budget; rejects when that is below one.

    contracts = floor(budget · multiplier / (|price − stop| · dollars a point))
    """

    name: str = "structural_sizing"
    priority: int = 50
    enabled: bool = True

    def check(self, intent: Intent, state: PolicyState) -> RuleResult:
        budget = state.risk_budget_dollars
        opening = intent.action in OPENING and intent.action is not IntentAction.OPEN_SPREAD
        if budget is None or not opening:
            return PASS
        if intent.price is None or intent.stop_loss is None:
            missing = "price" if intent.price is None else "stop_loss"
            return RuleResult(False, RISK_TOO_HIGH, f"{missing} is needed to size by risk")
        stop_points = abs(intent.price - intent.stop_loss)
        if not stop_points:
            return RuleResult(warning="stop distance is zero: size not set by risk")
        point_value = point_value_of(intent.symbol)
        risk = stop_points * point_value
        effective = budget * state.risk_multiplier
        contracts = effective // risk
        if contracts >= 1:
            return RuleResult(quantity=contracts)
        figures: dict[str, Decimal | int] = {
            "entry": intent.price,
            "stop": intent.stop_loss,
            "stop_points": stop_points,
            "point_value": point_value,
            "risk_per_contract": risk,
            "risk_budget": budget,
            "risk_multiplier": state.risk_multiplier,
            "effective_budget": effective,
            "computed_contracts": contracts,
        }
        details = json.dumps({name: float(value) for name, value in figures.items()})
        return RuleResult(False, RISK_TOO_HIGH, details)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """The combined result of the rules. modified_quantity: None leaves the intent's own."""

    approved: bool
    reason: str
    reason_details: str
    rules_evaluated: tuple[str, ...]
    rules_passed: tuple[str, ...]
    rules_failed: tuple[str, ...]
    warnings: tuple[str, ...]
    modified_quantity: Decimal | None


class Policy:
    """Rules in order of priority."""

    def __init__(self, rules: Iterable[Rule] | None = None) -> None:
        given = DEFAULT_RULES if rules is None else rules
        self.rules: tuple[Rule, ...] = tuple(sorted(given, key=lambda rule: rule.priority))

    def with_rule(self, rule: Rule) -> Policy:
        """The same rules and one more, in its place by priority."""
        return Policy((*self.rules, rule))

    def evaluate(self, intent: Intent, state: PolicyState) -> PolicyDecision:
        """Evaluate the rules until one rejects; of several quantities the last one counts."""
        evaluated: list[str] = []
        warnings: list[str] = []
        quantity: Decimal | None = None
        for rule in self.rules:
            if not rule.enabled:
                continue
            evaluated.append(rule.name)
            result = _result_of(rule, intent, state)
            if result.warning:
                warnings.append(result.warning)
            if not result.passed:
                return PolicyDecision(
                    approved=False,
                    reason=result.reason,
                    reason_details=result.details,
                    rules_evaluated=tuple(evaluated),
                    rules_passed=tuple(evaluated[:-1]),
                    rules_failed=(rule.name,),
                    warnings=tuple(warnings),
                    modified_quantity=None,
                )
            if result.quantity is not None:
                quantity = result.quantity
        return PolicyDecision(
            approved=True,
            reason=ALL_RULES_PASSED,
            reason_details=f"{len(evaluated)} rules passed",
            rules_evaluated=tuple(evaluated),
            rules_passed=tuple(evaluated),
            rules_failed=(),
            warnings=tuple(warnings),
            modified_quantity=quantity,
        )


DEFAULT_RULES: tuple[Rule, ...] = (KillSwitch(), DriftGuard(), MaxDrawdown(), StructuralSizing())


def _result_of(rule: Rule, intent: Intent, state: PolicyState) -> RuleResult:
    # A rule that raises has not approved the intent: it is rejected.
    try:
        return rule.check(intent, state)
    except Exception as error:
        details = f"exception in rule {rule.name}: {type(error).__name__}: {error}"
        return RuleResult(False, KILL_SWITCH_ACTIVE, details)


def point_value_of(symbol: str) -> int:
    """Dollars a point and contract."""
    upper = symbol.upper()
    return next(
        (value for name, value in POINT_VALUES.items() if name in upper), DEFAULT_POINT_VALUE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalProfile:
    """A funded account's drawdown rule, in dollars: how much may be risked on one trade.

    share of the room that is left below the peak, at least `least`, at most `most`
    """

    max_drawdown: Decimal
    share: Decimal = Decimal("0.15")
    least: Decimal = Decimal(100)
    most: Decimal = Decimal(300)

    def budget(self, equity: Decimal, peak: Decimal) -> Decimal:
        """Dollars; 0 when no room is left."""
        room = self.max_drawdown - (peak - equity)
        if room <= 0:
            return Decimal(0)
        return min(max(room * self.share, self.least), self.most)


def risk_budget(
    intent: Intent,
    profile: EvalProfile | None,
    setting: Decimal | None,
    equity: Decimal,
    peak: Decimal,
) -> Decimal | None:
    """Dollars: the intent's own, else the profile's, else the setting.

    Raises BadValue when metadata.risk_budget_dollars is no number above 0.
    """
    own = intent.metadata.get("risk_budget_dollars")
    if own is not None:
        return _budget_of(own)
    return profile.budget(equity, peak) if profile else setting


def _budget_of(value: object) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = Decimal(str(value))
        if not (number.is_finite() and number > 0):
            raise ValueError
    except (ValueError, ArithmeticError):
        raise BadValue(
            f"metadata.risk_budget_dollars must be a number of dollars above 0, got {value!r}"
        ) from None
    return number
