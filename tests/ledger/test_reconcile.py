"""An account rebuilt from its fills: repeated, misfitting and foreign ones; wrong positions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ledger.test_book import long, spread
from ledger.test_fold import events

from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.events import (
    Body,
    EpochStarted,
    PositionClosed,
    PositionOpened,
    StateReconciled,
    WorkspaceOpened,
)
from bt_gex.ledger.reconcile import Rebuild

OPENED = WorkspaceOpened(starting_equity=Decimal(10_000))


def outcome_of(*bodies: Body, live: Book | None = None) -> StateReconciled:
    rebuild = Rebuild()
    for event in events(OPENED, *bodies):
        rebuild.take(event)
    return rebuild.outcome(live or rebuild.book)


def test_g21_the_same_order_counts_once() -> None:
    fill = long("buy", 1, 100)
    outcome = outcome_of(fill, fill)
    assert (outcome.verified, outcome.errors) == (True, ())
    assert (outcome.events_replayed, outcome.orders_rebuilt, outcome.cash_after) == (2, 1, 9_900)


def test_g22_a_sale_without_a_purchase_is_an_error() -> None:
    outcome = outcome_of(long("sell", 1, 100))
    assert not outcome.verified
    assert "no position" in outcome.errors[0]
    assert outcome.cash_after == 10_000


def test_g23_misfits_are_errors_and_are_not_booked() -> None:
    """The seed sells what is there instead; here a position closes whole or not at all."""
    outcome = outcome_of(
        long("buy", 2, 10), long("sell", 1, 11), replace(long("buy", 1, 5), mode="live"),
        long("sell", 5, 12), long("buy", -1, 10),
    )  # fmt: skip
    assert outcome.events_replayed == 5
    assert [("SELL qty" in e, "Invalid payload" in e) for e in outcome.errors] == [
        (True, False), (True, False), (False, True)
    ]  # fmt: skip
    assert (outcome.orders_rebuilt, outcome.cash_after, outcome.realized_pnl_after) == (
        1, 9_980, 0
    )  # fmt: skip
    assert outcome.last_seq == 6


def test_only_the_newest_epoch_counts() -> None:
    outcome = outcome_of(
        long("sell", 1, 100), EpochStarted(epoch=2, starting_equity=Decimal(500)),
        spread("sell", 3.0),
    )  # fmt: skip
    assert (outcome.verified, outcome.events_replayed, outcome.cash_after) == (True, 1, 800)
    assert outcome.positions_rebuilt == 1


def test_a_position_that_does_not_follow_is_a_difference() -> None:
    right: dict[str, Any] = {"side": "long", "quantity": Decimal(1), "avg_price": Decimal(100),
                             "realized_pnl": Decimal(0)}  # fmt: skip
    assert outcome_of(long("buy", 1, 100), PositionOpened(**right)).verified
    for wrong in (
        PositionOpened(**(right | {"quantity": Decimal(2)})),
        PositionOpened(**(right | {"realized_pnl": Decimal(1)})),
        PositionClosed(**right),
    ):
        outcome = outcome_of(long("buy", 1, 100), wrong)
        assert not outcome.verified
        assert "event 3" in outcome.differences[0]
        assert outcome.cash_after == 9_900


def test_the_account_shown_is_compared() -> None:
    live = booked(fresh_book(10_000), long("buy", 1, 101))
    outcome = outcome_of(long("buy", 1, 100), live=live)
    assert not outcome.verified
    assert any("cash: 9899 shown, 9900 rebuilt" in text for text in outcome.differences)
