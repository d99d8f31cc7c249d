"""What can be asked of a workspace, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid5

from bt_gex.ledger.events import Event, LegFill, Scope, StateReconciled
from bt_gex.rules.policy import EvalProfile, Policy, PolicyState
from bt_gex.trades.intent import Intent, Json

PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars a unit, or points of a spread: the credit of an opening, the cost of a close."""

    price: Decimal
    legs: tuple[LegFill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPrice:
    """The market gave no price; code is the error code of the rejected order."""

    why: str
    code: str = "no_quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInputs:
    """What the caller knows for the policy beyond the account, which the ledger knows itself."""

    trading_enabled: bool = True
    current_regime: str | None = None
    regime_distance_z: float | None = None
    risk_budget_dollars: Decimal | None = None
    eval_profile: EvalProfile | None = None
    risk_multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """Ask the policy about an intent and record its answer; trades nothing.

    given  judge by these figures instead of the account's; a kill switch that is on counts anyway
    """

    intent: Intent
    given: PolicyState | None = None
    policy: Policy = field(default_factory=Policy)
    inputs: PolicyInputs = PolicyInputs()
    mode: str = PAPER


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Trade an intent at a price.

    fee_rate      dollars a unit, or a contract, leg and side of a spread
    require_cash  refuse what the buying power does not cover
    """

    intent: Intent
    price: Price | NoPrice
    policy: Policy = field(default_factory=Policy)
    inputs: PolicyInputs = PolicyInputs()
    mode: str = PAPER
    fee_rate: Decimal = Decimal(0)
    require_cash: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Settle an open spread in cash. value: points it is worth; None reverses the entry."""

    position_id: str
    value: float | None
    legs: tuple[LegFill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKillSwitch:
    on: bool
    scope: Scope
    why: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseStrategy:
    strategy_entity_id: UUID
    why: str
    paused: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Show a fresh account; refused where the profile is production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Record the outcome of a reconciliation, and show the account again after a reset."""

    outcome: StateReconciled


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """Record a step of a run plan; step is one of events.RUN_TYPES."""

    step: str
    correlation_id: str
    facts: Mapping[str, Json]


Command = (
    Evaluate | Execute | Settle | SetKillSwitch | PauseStrategy | Reset | Reconcile | ReportRun
)


class Ids(NamedTuple):
    """Names made by the caller: of the order a command may fill."""

    order_id: str


def derived_ids(workspace_id: UUID, command: Command) -> Ids:
    """The ids of a command where the caller has none of its own: the same on every retry."""
    if isinstance(command, Execute):
        name = f"{command.intent.id}:{command.mode}"
    elif isinstance(command, Settle):
        name = f"{command.position_id}:settlement"
    else:
        name = ""
    return Ids(str(uuid5(workspace_id, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows beyond the state of the workspace.

    prior            the fill of the same (workspace, mode, intent), or of the same order
    prior_hash       request hash of the intent as it was journaled before, if it was
    halts            kill switches that are on for all workspaces
    starting_equity  of a workspace that is opened now; dollars
    """

    prior: Event | None = None
    prior_hash: str | None = None
    halts: frozenset[Scope] = frozenset()
    starting_equity: Decimal = Decimal(10_000)
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The events of one batch; they are to be stored whole or not at all."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was traded.

    code    error code of docs/paper.md
    events  what is to be journaled about it, one batch; often nothing
    prior   the fill that made it a duplicate
    """

    code: str
    error: str
    events: tuple[Event, ...] = ()
    prior: Event | None = None


Decision = Accepted | Refused

# What an answer counts as recorded, of all that is journaled about an execution.
RECORDED = ("order_filled", "position_opened", "position_scaled", "position_closed",
            "intent_rejected")  # fmt: skip


def events_recorded(decision: Decision) -> int:
    """Number of fills, positions and rejections a command has journaled."""
    return sum(event.type in RECORDED for event in decision.events)
