"""/intents: what the policy says of an intent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bt_gex.errors import BadValue
from bt_gex.paper.answers import PolicyAnswer
from bt_gex.paper.requests import Number, Share, Strict, TradeIntent
from bt_gex.rules.policy import DEFAULT_RULES, PolicyState
from bt_gex.web.answers import documented
from bt_gex.web.problems import business_error
from bt_gex.web.service import TheBroker

router = APIRouter(prefix="/intents", tags=["policy"])
EVENTS = 3  # intent emitted, policy evaluated, approved or rejected


class PositionState(Strict):
    """A position as a client sees it; no rule looks at it."""

    symbol: str
    side: str | None = None
    quantity: Number
    entry_price: Number | None = None
    unrealized_pnl: Number | None = None
    realized_pnl_today: Number | None = None


class CurrentState(Strict):
    """Figures to judge by instead of the account's. max_drawdown_today: percent."""

    kill_switch_active: bool = False
    trading_enabled: bool = True
    positions: tuple[PositionState, ...] = ()
    account_equity: Number | None = None
    daily_pnl: Number | None = None
    max_drawdown_today: Number | None = None
    current_regime: str | None = None
    regime_distance_z: Annotated[float, Field(allow_inf_nan=False)] | None = None
    risk_budget_dollars: Number | None = None
    risk_multiplier: Share = Field(default=1, validate_default=True)
    snapshot_at: datetime | None = None

    def policy_state(self) -> PolicyState:
        """What the rules are given of it."""
        values = self.model_dump(exclude={"positions", "snapshot_at"})
        return PolicyState(**values)


class EvaluateRequest(Strict):
    """dry_run: nothing is journaled."""

    intent: TradeIntent
    state: CurrentState | None = None
    dry_run: bool = False


class EvaluateAnswer(BaseModel):
    intent_id: UUID
    decision: PolicyAnswer
    events_recorded: int
    correlation_id: str


class RuleAnswer(BaseModel):
    name: str
    priority: int
    enabled: bool


class RulesAnswer(BaseModel):
    rules: list[RuleAnswer]
    count: int


@router.post("/evaluate", responses=documented(400, 503, 507))
def evaluate(request: EvaluateRequest, broker: TheBroker) -> EvaluateAnswer:
    """Ask the policy about an intent; trades nothing."""
    given = request.state.policy_state() if request.state else None
    try:
        decision = broker.evaluate(request.intent.intent(), given, dry_run=request.dry_run)
    except BadValue as error:
        raise business_error(400, "BAD_INTENT", str(error)) from error
    return EvaluateAnswer(
        intent_id=request.intent.id,
        decision=decision,
        events_recorded=0 if request.dry_run else EVENTS,
        correlation_id=request.intent.correlation_id,
    )


@router.get("/rules", responses=documented())
def rules() -> RulesAnswer:
    """The rules an intent has to pass, in their order."""
    found = [
        RuleAnswer(name=rule.name, priority=rule.priority, enabled=rule.enabled)
        for rule in DEFAULT_RULES
    ]
    return RulesAnswer(rules=found, count=len(found))
