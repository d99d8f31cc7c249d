"""What a paper account answers: the state, its positions, and what became of a command.

Numbers are JSON numbers, for who reads them; the ledger keeps the exact ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from bt_gex.ledger.book import LongPosition, SpreadPosition
from bt_gex.ledger.events import LegFill, Scope, StateReconciled
from bt_gex.ledger.fold import LedgerState

PositionAction = Literal["opened", "closed", "scaled"]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PaperLeg(Answer):
    """One leg of an open spread. price: points at which it was filled, null where only the net
    price is known."""

    symbol: str
    right: str
    strike: float
    expiration: str
    side: Literal["sell", "buy"]
    ratio: int
    price: float | None
    bid: float | None
    ask: float | None


class PaperPosition(Answer):
    """Units of a symbol, or an open credit spread (side short, avg_price its credit in points).

    unrealized_pnl  always 0: an account has no marks
    position_id     of spreads: the order that opened it
    """

    workspace_id: UUID
    symbol: str
    side: Literal["long", "short"] | None
    quantity: float
    avg_price: float
    unrealized_pnl: float = 0.0
    realized_pnl: float
    opened_at: datetime | None
    last_updated_at: datetime
    order_ids: tuple[str, ...]
    intent_ids: tuple[UUID, ...]
    position_id: str | None = None
    width: float | None = None
    multiplier: int | None = None
    legs: tuple[PaperLeg, ...] = ()


class PaperState(Answer):
    """An account. positions: by symbol, those once held included; spreads by position id, open ones
    only.

    cash, equity       dollars; equity is realised: without marks
    buying_power       cash less the margin of open spreads
    halts, paused      kill switches that are on, strategies that may not trade
    """

    workspace_id: UUID
    starting_equity: float
    cash: float
    realized_pnl: float
    peak_equity: float
    positions: dict[str, PaperPosition]
    orders_count: int
    trades_count: int
    last_event_id: UUID | None
    last_event_at: datetime | None
    reconciled_at: datetime | None
    equity: float
    buying_power: float
    epoch: int
    seq: int
    halts: tuple[Scope, ...]
    paused: tuple[UUID, ...]


class ExecutionResult(Answer):
    """What became of an intent.

    correlation_id  of the intent; of the first one where it was executed before
    request_matches  ALREADY_EXECUTED: whether the first request said the same
    """

    success: bool
    intent_id: UUID
    order_id: str | None = None
    fill_price: float | None = None
    quantity_filled: float = 0.0
    fees: float = 0.0
    position_action: PositionAction | None = None
    position: PaperPosition | None = None
    events_recorded: int = 0
    correlation_id: str | None = None
    error: str | None = None
    error_code: str | None = None
    request_matches: bool | None = None


class PolicyAnswer(Answer):
    """What the rules said of an intent.

    modified_quantity  to trade instead of the intent's own; evaluation_ms: what judging took
    """

    approved: bool
    reason: str
    reason_details: str
    rules_evaluated: tuple[str, ...]
    rules_passed: tuple[str, ...]
    rules_failed: tuple[str, ...]
    modified_quantity: float | None
    warnings: tuple[str, ...]
    evaluated_at: datetime
    evaluation_ms: float


class ReconciliationResult(Answer):
    """An account rebuilt from its fills and compared with the one that was kept.

    success   whether every fill could be booked
    verified  and nothing differs
    """

    success: bool
    workspace_id: UUID
    events_replayed: int = 0
    orders_rebuilt: int = 0
    positions_rebuilt: int = 0
    cash_after: float = 0.0
    realized_pnl_after: float = 0.0
    last_event_at: datetime | None = None
    errors: tuple[str, ...] = ()
    verified: bool = False
    last_seq: int = 0
    differences: tuple[str, ...] = ()


def state_answer(state: LedgerState) -> PaperState:
    """A folded workspace as an answer."""
    book = state.book
    return PaperState(
        workspace_id=state.workspace_id,
        starting_equity=float(book.starting_equity),
        cash=float(book.cash),
        realized_pnl=float(book.realized_pnl),
        peak_equity=float(book.peak_equity),
        positions=positions_of(state),
        orders_count=book.orders_count,
        trades_count=book.trades_count,
        last_event_id=uuid5(state.workspace_id, str(state.seq)) if state.seq else None,
        last_event_at=state.last_event_at,
        reconciled_at=state.reconciled_at,
        equity=float(book.equity),
        buying_power=float(book.buying_power),
        epoch=state.epoch,
        seq=state.seq,
        halts=tuple(sorted(state.halts or ())),
        paused=tuple(sorted(state.paused)),
    )


def positions_of(state: LedgerState) -> dict[str, PaperPosition]:
    """Positions of a workspace: longs by symbol, open spreads by position id."""
    name = state.workspace_id
    longs: Mapping[str, LongPosition] = state.book.longs
    found = {symbol: long_answer(name, longs[symbol]) for symbol in sorted(longs)}
    spreads = sorted(state.book.spreads.values(), key=lambda held: held.entry.ts)
    return found | {held.position_id: spread_answer(name, held) for held in spreads}


def long_answer(workspace_id: UUID, position: LongPosition) -> PaperPosition:
    """Units of a symbol as an answer."""
    return PaperPosition(
        workspace_id=workspace_id,
        symbol=position.symbol,
        side="long" if position.quantity else None,
        quantity=float(position.quantity),
        avg_price=float(position.avg_price),
        realized_pnl=float(position.realized_pnl),
        opened_at=position.opened_at if position.quantity else None,
        last_updated_at=position.last_updated_at,
        order_ids=position.order_ids,
        intent_ids=position.intent_ids,
    )


def spread_answer(workspace_id: UUID, position: SpreadPosition) -> PaperPosition:
    """An open spread as an answer."""
    entry, contract = position.entry, position.contract
    return PaperPosition(
        workspace_id=workspace_id,
        symbol=contract.label,
        side="short",
        quantity=float(position.quantity),
        avg_price=position.credit,
        realized_pnl=0.0,
        opened_at=entry.ts,
        last_updated_at=entry.ts,
        order_ids=(entry.order_id,),
        intent_ids=(entry.intent_id,) if entry.intent_id else (),
        position_id=position.position_id,
        width=contract.spread.width,
        multiplier=contract.multiplier,
        legs=tuple(_legs(entry.legs)),
    )


def _legs(legs: Iterable[LegFill]) -> Iterable[PaperLeg]:
    for leg in legs:
        yield PaperLeg(
            symbol=leg.symbol,
            right=leg.right,
            strike=leg.strike,
            expiration=leg.expiration.isoformat(),
            side="sell" if leg.side < 0 else "buy",
            ratio=leg.ratio,
            price=leg.price,
            bid=leg.bid,
            ask=leg.ask,
        )


def reconciliation_answer(workspace_id: UUID, outcome: StateReconciled) -> ReconciliationResult:
    """The outcome of a reconciliation as an answer."""
    return ReconciliationResult(
        success=not outcome.errors,
        workspace_id=workspace_id,
        events_replayed=outcome.events_replayed,
        orders_rebuilt=outcome.orders_rebuilt,
        positions_rebuilt=outcome.positions_rebuilt,
        cash_after=float(outcome.cash_after),
        realized_pnl_after=float(outcome.realized_pnl_after),
        last_event_at=outcome.last_event_at,
        errors=outcome.errors,
        verified=outcome.verified,
        last_seq=outcome.last_seq,
        differences=outcome.differences,
    )


def number(value: Decimal | None) -> float | None:
    """A decimal as JSON writes it."""
    return None if value is None else float(value)
