"""What can happen to a workspace: typed, frozen events in the order of their `seq`.

An event is an envelope (which workspace, which number, when, about what) around a body. Bodies say
only what happened; `fold.apply` says what follows from it. Only the two ORDER_FILLED bodies move
money. Names and payload keys are those of docs/paper.md; a body's VERSION grows when its payload
changes, and old payloads are upcast when read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID, uuid5

from bt_gex.market.contracts import Right, SpreadContract
from bt_gex.trades.intent import Intent, Json

FillKind = Literal["trade", "settlement", "void"]
Side = Literal["buy", "sell"]
Scope = Literal["all", "entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceOpened:
    """Always the first event of a workspace."""

    TYPE: ClassVar = "workspace_opened"
    VERSION: ClassVar = 1
    starting_equity: Decimal
    profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentEmitted:
    """The whole intent as received; request_hash names its content."""

    TYPE: ClassVar = "intent_emitted"
    VERSION: ClassVar = 1
    intent: Intent
    request_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluated:
    """Which rules looked at an intent, and on what figures."""

    TYPE: ClassVar = "policy_evaluated"
    VERSION: ClassVar = 1
    rules_evaluated: tuple[str, ...]
    rules_passed: tuple[str, ...]
    rules_failed: tuple[str, ...]
    warnings: tuple[str, ...]
    modified_quantity: Decimal | None = None
    inputs: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentApproved:
    TYPE: ClassVar = "intent_approved"
    VERSION: ClassVar = 1
    reason: str
    reason_details: str
    rules_failed: tuple[str, ...] = ()
    mode: str
    modified_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRejected:
    """Refused by policy, or because its strategy is paused."""

    TYPE: ClassVar = "intent_rejected"
    VERSION: ClassVar = 1
    reason: str
    reason_details: str
    rules_failed: tuple[str, ...] = ()
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSubmitted:
    TYPE: ClassVar = "order_submitted"
    VERSION: ClassVar = 1
    action: str
    quantity: Decimal
    legs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """An approved intent that became no order: no quote, no funds, no position."""

    TYPE: ClassVar = "order_rejected"
    VERSION: ClassVar = 1
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFill:
    """One leg of a filled spread. side: -1 sold to open, +1 bought to open; prices in points."""

    symbol: str
    right: Right
    strike: float
    expiration: date
    side: int
    ratio: int
    price: float | None = None
    bid: float | None = None
    ask: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongFilled:
    """Units bought or sold at a price in dollars a unit; fees in dollars."""

    TYPE: ClassVar = "order_filled"
    VERSION: ClassVar = 1
    kind: FillKind = "trade"
    order_id: str
    intent_id: UUID | None = None
    symbol: str
    side: Side
    qty: Decimal
    fill_price: Decimal
    fees: Decimal
    ts: datetime
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadFilled:
    """A spread opened (sell) or closed (buy) whole.

    net   points, positive when received: the credit of an opening, minus the cost of a close
    fees  dollars of this side, not rounded; 0 at a settlement
    kind  trade; settlement at the close; void: it cannot be settled, the entry is reversed
    legs  may be empty where nothing is journaled
    """

    TYPE: ClassVar = "order_filled"
    VERSION: ClassVar = 1
    kind: FillKind = "trade"
    order_id: str
    intent_id: UUID | None = None
    position_id: str
    contract: SpreadContract
    side: Side
    qty: int
    net: float
    fees: float
    ts: datetime
    mode: str = "paper"
    legs: tuple[LegFill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAfter:
    """A position after a fill: follows from the fill, and is checked against it.

    side          long, short (a credit spread), None once closed
    avg_price     dollars a unit, or the credit in points
    realized_pnl  dollars this position has realised
    """

    TYPE: ClassVar = ""
    VERSION: ClassVar = 1
    side: Literal["long", "short"] | None = None
    quantity: Decimal
    avg_price: Decimal
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened(PositionAfter):
    TYPE: ClassVar = "position_opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionScaled(PositionAfter):
    TYPE: ClassVar = "position_scaled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed(PositionAfter):
    TYPE: ClassVar = "position_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchActivated:
    """all: no trade fills; entries: nothing opens, closes go on. Settlements always go on."""

    TYPE: ClassVar = "kill_switch_activated"
    VERSION: ClassVar = 1
    scope: Scope
    why: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchDeactivated:
    TYPE: ClassVar = "kill_switch_deactivated"
    VERSION: ClassVar = 1
    scope: Scope
    why: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyPaused:
    """The strategy of the envelope; absent means active."""

    TYPE: ClassVar = "strategy_paused"
    VERSION: ClassVar = 1
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyResumed:
    TYPE: ClassVar = "strategy_resumed"
    VERSION: ClassVar = 1
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReset:
    """The view becomes a fresh account; the journal keeps everything."""

    TYPE: ClassVar = "state_reset"
    VERSION: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReconciled:
    """The book was rebuilt from its fills and compared; after a reset it is shown again.

    last_seq  number of the last event that was looked at
    """

    TYPE: ClassVar = "state_reconciled"
    VERSION: ClassVar = 1
    events_replayed: int
    orders_rebuilt: int
    positions_rebuilt: int
    cash_after: Decimal
    realized_pnl_after: Decimal
    verified: bool
    last_seq: int
    last_event_at: datetime | None = None
    errors: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted:
    """The first execution after a reset begins a new book; the old one is history."""

    TYPE: ClassVar = "epoch_started"
    VERSION: ClassVar = 1
    epoch: int
    starting_equity: Decimal


RUN_TYPES = (
    "run_started", "run_completed", "run_failed", "run_canceled",
    "variant_started", "variant_completed", "variant_failed", "variant_skipped",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReported:
    """A step of a run plan: `step` is one of RUN_TYPES, the correlation id is the plan's."""

    TYPE: ClassVar = ""
    VERSION: ClassVar = 1
    step: str
    facts: Mapping[str, Json]


Fill = LongFilled | SpreadFilled
Body = (
    WorkspaceOpened | IntentEmitted | PolicyEvaluated | IntentApproved | IntentRejected
    | OrderSubmitted | OrderRejected | LongFilled | SpreadFilled
    | PositionOpened | PositionScaled | PositionClosed
    | KillSwitchActivated | KillSwitchDeactivated | StrategyPaused | StrategyResumed
    | StateReset | StateReconciled | EpochStarted | RunReported
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a workspace.

    seq    1, 2, 3, … in a workspace without gaps; the only order there is
    batch  seq of the first event of its command, of: number of its events
    at     aware, UTC, microseconds; the caller's clock, never used for order
    """

    workspace_id: UUID
    seq: int
    batch: int
    of: int
    at: datetime
    body: Body
    correlation_id: str | None = None
    intent_id: UUID | None = None
    order_id: str | None = None
    position_id: str | None = None
    strategy_entity_id: UUID | None = None
    symbol: str | None = None
    timeframe: str | None = None
    mode: str | None = None

    @property
    def type(self) -> str:
        body = self.body
        return body.step if isinstance(body, RunReported) else body.TYPE

    @property
    def event_id(self) -> UUID:
        """Derived: the same event has the same id wherever it is computed."""
        return uuid5(self.workspace_id, str(self.seq))
