"""What each event makes of a workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from ledger.test_book import AT, long, spread

from bt_gex.errors import LedgerError
from bt_gex.ledger.events import (
    Body,
    EpochStarted,
    Event,
    KillSwitchActivated,
    KillSwitchDeactivated,
    OrderRejected,
    StateReconciled,
    StateReset,
    StrategyPaused,
    StrategyResumed,
    WorkspaceOpened,
)
from bt_gex.ledger.fold import LedgerState, apply, fold, fresh_state

WORKSPACE = UUID("11111111-1111-1111-1111-111111111111")
STRATEGY = UUID("22222222-2222-2222-2222-222222222222")
OPENED = WorkspaceOpened(starting_equity=Decimal(10_000))
RECONCILED = StateReconciled(
    events_replayed=0, orders_rebuilt=0, positions_rebuilt=0, cash_after=Decimal(0),
    realized_pnl_after=Decimal(0), verified=True, last_seq=0,
)  # fmt: skip


def events(*bodies: Body, start: int = 1, **columns: Any) -> list[Event]:
    values: dict[str, Any] = {"workspace_id": WORKSPACE, "at": AT, **columns}
    return [
        Event(seq=seq, batch=seq, of=1, body=body, **values)
        for seq, body in enumerate(bodies, start=start)
    ]


def state_after(*bodies: Body, **columns: Any) -> LedgerState:
    return fold(fresh_state(WORKSPACE, 1), events(OPENED, *bodies, **columns))


def test_the_first_event_sets_the_equity() -> None:
    state = state_after()
    assert (state.book.cash, state.book.starting_equity, state.seq) == (10_000, 10_000, 1)


def test_events_come_in_order_and_to_their_workspace() -> None:
    state = state_after()
    for wrong in (
        events(OrderRejected(error_code="X", error="x"), start=3),
        events(OrderRejected(error_code="X", error="x"), start=1),
        events(OrderRejected(error_code="X", error="x"), start=2, workspace_id=STRATEGY),
        events(OPENED, start=2),
    ):
        with pytest.raises(LedgerError):
            apply(state, wrong[0])
    with pytest.raises(LedgerError):
        apply(fresh_state(WORKSPACE, 1), events(StateReset())[0])


def test_a_fill_that_does_not_fit_names_its_event() -> None:
    with pytest.raises(LedgerError, match=r"event 2: .*no position"):
        state_after(long("sell", 1, 100))


def test_a_fold_can_be_cut_anywhere() -> None:
    history = events(
        OPENED, long("buy", 1, 100), spread("sell", 3.0), StateReset(), RECONCILED,
        long("sell", 1, 90), spread("buy", -1.0), StateReset(),
        EpochStarted(epoch=2, starting_equity=Decimal(5_000)), long("buy", 2, 10),
    )  # fmt: skip
    whole = fold(fresh_state(WORKSPACE, 1), history)
    for cut in range(len(history) + 1):
        assert fold(fold(fresh_state(WORKSPACE, 1), history[:cut]), history[cut:]) == whole
    assert (whole.book.cash, whole.epoch, whole.seq) == (4_980, 2, 10)


def test_a_reset_hides_the_book_and_a_reconciliation_shows_it() -> None:
    before = state_after(long("buy", 1, 100))
    reset = apply(before, events(StateReset(), start=3)[0])
    assert (reset.book.cash, dict(reset.book.longs), reset.book.orders_count) == (10_000, {}, 0)
    twice = apply(reset, events(StateReset(), start=4)[0])
    back = apply(twice, events(RECONCILED, start=5)[0])
    assert back.book == before.book
    assert back.reconciled_at == AT


def test_an_epoch_makes_the_old_book_history() -> None:
    state = state_after(
        long("buy", 1, 100), StateReset(), EpochStarted(epoch=2, starting_equity=Decimal(500)),
        RECONCILED,
    )  # fmt: skip
    assert (state.book.cash, dict(state.book.longs), state.epoch) == (500, {}, 2)
    with pytest.raises(LedgerError, match="epoch"):
        state_after(EpochStarted(epoch=3, starting_equity=Decimal(500)))


def test_switches_and_pauses_go_on_and_off_by_themselves() -> None:
    on_all = KillSwitchActivated(scope="all", why="w", who="me")
    on_entries = KillSwitchActivated(scope="entries", why="w", who="me")
    off_all = KillSwitchDeactivated(scope="all", why="w", who="me")
    state = state_after(on_all, on_entries, off_all, StateReset())
    assert (state.halted("all"), state.halted("entries")) == (False, True)
    paused = state_after(StrategyPaused(why="w"), strategy_entity_id=STRATEGY)
    assert paused.paused == {STRATEGY}
    for seq, (change, strategy) in enumerate(
        [(StrategyPaused, WORKSPACE), (StrategyResumed, STRATEGY)], start=3
    ):
        (event,) = events(change(why="w"), start=seq, strategy_entity_id=strategy)
        paused = apply(paused, event)
    assert paused.paused == {WORKSPACE}
    resumed = state_after(
        StrategyPaused(why="w"), StrategyResumed(why="w"), strategy_entity_id=STRATEGY
    )
    assert resumed.paused == frozenset()
    with pytest.raises(LedgerError, match="strategy"):
        state_after(StrategyPaused(why="w"))


def test_the_day_is_new_yorks() -> None:
    """A loss at 23:00 New York time (04:00 UTC) belongs to the 12th, the next fill to the 13th."""
    late = datetime(2026, 1, 13, 4, 0, tzinfo=UTC)
    state = fold(
        state_after(),
        events(long("buy", 1, 1_000), long("sell", 1, 500), start=2, at=late),
    )
    assert state.today(late).realized_pnl == -500
    assert state.today(late).drawdown_pct == 5
    morning = late + timedelta(hours=10)
    assert state.today(morning).realized_pnl == 0
    assert state.today(morning).drawdown_pct == 0
    state = fold(state, events(long("buy", 1, 100), long("sell", 1, 195), start=4, at=morning))
    assert state.today(morning).realized_pnl == 95


def test_the_drawdown_of_a_day_is_from_its_peak_and_stays() -> None:
    fills = [
        long("buy", 1, 1_000), long("sell", 1, 3_000),  # 12,000: the peak
        long("buy", 1, 1_000), long("sell", 1, 400),  # 11,400: 5 % below
        long("buy", 1, 1_000), long("sell", 1, 1_300),  # 11,700
    ]  # fmt: skip
    state = state_after(*fills)
    assert state.today(AT).drawdown_pct == 5
    assert state.today(AT).realized_pnl == 1_700


def test_an_event_has_the_same_id_wherever_it_is_computed() -> None:
    first, again = events(OPENED)[0], events(OPENED)[0]
    assert first.event_id == again.event_id
    assert first.event_id != events(OPENED, start=2)[0].event_id
