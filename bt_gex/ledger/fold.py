"""The state of a workspace, and what each event makes of it.

`apply` is pure and the only code that says what an event means; a live workspace, a restart, a
reconciliation and a test all fold the same events with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from bt_gex.errors import LedgerError
from bt_gex.ledger.amounts import ZERO, divide, multiply, subtract
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.events import (
    EpochStarted,
    Event,
    KillSwitchActivated,
    KillSwitchDeactivated,
    LongFilled,
    Scope,
    SpreadFilled,
    StateReconciled,
    StateReset,
    StrategyPaused,
    StrategyResumed,
    WorkspaceOpened,
)
from bt_gex.market.calendar import NEW_YORK

HUNDRED = Decimal(100)

# Types that change the state; the others are only counted.
FOLDED = frozenset(
    body.TYPE
    for body in (
        WorkspaceOpened, LongFilled, SpreadFilled, KillSwitchActivated, KillSwitchDeactivated,
        StrategyPaused, StrategyResumed, StateReset, StateReconciled, EpochStarted,
    )
)  # fmt: skip


Halts = Mapping[Scope, KillSwitchActivated]


@dataclass(frozen=True, slots=True)
class Day:
    """Realised figures of one day in New York. drawdown_pct: the worst from the day's peak."""

    day: date
    start_equity: Decimal
    peak_equity: Decimal
    equity: Decimal
    drawdown_pct: Decimal

    @property
    def realized_pnl(self) -> Decimal:
        return subtract(self.equity, self.start_equity)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """A workspace after `seq` events.

    book        the account that is shown
    hidden      the account behind a reset, until it is reconciled or an execution replaces it
    epoch       number of the book, from 1
    halts       active kill switches by scope
    paused      strategies that may not trade
    day         figures of the day of the newest fill
    """

    workspace_id: UUID
    seq: int
    book: Book
    hidden: Book | None = None
    epoch: int = 1
    profile: str | None = None
    halts: Halts | None = None
    paused: frozenset[UUID] = frozenset()
    day: Day | None = None
    last_event_at: datetime | None = None
    reconciled_at: datetime | None = None

    def halted(self, scope: Scope) -> bool:
        """Whether a kill switch of this scope is on."""
        return bool(self.halts) and scope in (self.halts or {})

    def today(self, now: datetime) -> Day:
        """Figures of the New York day of `now`; those of a day without fills are zero."""
        today = now.astimezone(NEW_YORK).date()
        if self.day is not None and self.day.day == today:
            return self.day
        equity = self.book.equity
        return Day(today, equity, equity, equity, ZERO)


def fresh_state(workspace_id: UUID, starting_equity: Decimal | float | str) -> LedgerState:
    """A workspace before its first event."""
    return LedgerState(workspace_id, 0, fresh_book(starting_equity))


def fold(state: LedgerState, events: Iterable[Event]) -> LedgerState:
    """The state after events. Raises LedgerError at the first that does not fit."""
    for event in events:
        state = apply(state, event)
    return state


def apply(state: LedgerState, event: Event) -> LedgerState:
    """The state after the next event.

    Raises LedgerError when the event is of another workspace, not the next one, or contradicts the
    state; the state that was given stays valid.
    """
    if event.workspace_id != state.workspace_id or event.seq != state.seq + 1:
        raise LedgerError(
            f"event {event.seq} of workspace {event.workspace_id} cannot follow event "
            f"{state.seq} of {state.workspace_id}"
        )
    if (event.seq == 1) != isinstance(event.body, WorkspaceOpened):
        raise LedgerError(f"event {event.seq} is {event.type}; workspace_opened is the first only")
    try:
        return _applied(state, event)
    except LedgerError as error:
        raise LedgerError(f"event {event.seq}: {error}") from error


def counted(state: LedgerState, seq: int, at: datetime) -> LedgerState:
    """The state after an event of a type that is not folded, without looking into it."""
    if seq != state.seq + 1 or seq == 1:
        raise LedgerError(f"event {seq} cannot follow event {state.seq} of {state.workspace_id}")
    return replace(state, seq=seq, last_event_at=at)


def _applied(state: LedgerState, event: Event) -> LedgerState:
    body = event.body
    if isinstance(body, (SpreadFilled, LongFilled)):
        book = booked(state.book, body)
        return LedgerState(
            state.workspace_id, event.seq, book, state.hidden, state.epoch, state.profile,
            state.halts, state.paused, _day_after(state, book, event.at), event.at,
            state.reconciled_at,
        )  # fmt: skip
    return _changed(replace(state, seq=event.seq, last_event_at=event.at), event)


def _changed(state: LedgerState, event: Event) -> LedgerState:
    """What an event other than a fill makes of a state that counts it already."""
    body = event.body
    match body:
        case WorkspaceOpened():
            return replace(state, book=fresh_book(body.starting_equity), profile=body.profile)
        case KillSwitchActivated():
            return replace(state, halts={**(state.halts or {}), body.scope: body})
        case KillSwitchDeactivated():
            return replace(state, halts=_without(state.halts, body.scope))
        case StrategyPaused():
            return replace(state, paused=state.paused | {_strategy(event)})
        case StrategyResumed():
            return replace(state, paused=state.paused - {_strategy(event)})
        case StateReset():
            fresh = fresh_book(state.book.starting_equity)
            return replace(state, book=fresh, hidden=state.hidden or state.book, day=None)
        case StateReconciled():
            shown = state.hidden or state.book
            return replace(state, book=shown, hidden=None, reconciled_at=event.at)
        case EpochStarted():
            if body.epoch != state.epoch + 1:
                raise LedgerError(f"epoch {body.epoch} cannot follow epoch {state.epoch}")
            fresh = fresh_book(body.starting_equity)
            return replace(state, book=fresh, hidden=None, epoch=body.epoch, day=None)
        case _:
            return state


def _without(halts: Halts | None, scope: Scope) -> Halts:
    return {name: on for name, on in (halts or {}).items() if name != scope}


def _strategy(event: Event) -> UUID:
    if event.strategy_entity_id is None:
        raise LedgerError(f"{event.type} names no strategy")
    return event.strategy_entity_id


def _day_after(state: LedgerState, book: Book, at: datetime) -> Day | None:
    """The day's figures after a fill."""
    before = state.today(at)
    equity = book.equity
    peak = max(before.peak_equity, equity)
    drop = ZERO if equity >= peak else _percent(subtract(peak, equity), peak)
    worst = max(before.drawdown_pct, drop)
    return Day(before.day, before.start_equity, peak, equity, worst)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    """Part in percent of the whole; a loss on an account worth nothing counts as 100 %."""
    return divide(multiply(part, HUNDRED), whole) if whole > 0 else HUNDRED
