"""The paper broker: what it answers. Numbers G…: golden vectors of the original."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from bt_gex.errors import BadValue, DataError, UsageError
from bt_gex.journal.base import ALL_WORKSPACES
from bt_gex.journal.memory import MemoryJournal
from bt_gex.ledger.commands import Accepted, PolicyInputs
from bt_gex.paper.answers import ExecutionResult
from bt_gex.paper.broker import PaperBroker
from bt_gex.paper.requests import (
    ExecutionRequest,
    LegQuote,
    QuotedFill,
    TradeIntent,
    parsed,
    read_request,
)
from bt_gex.rules.policy import PolicyState
from bt_gex.trades.intent import Intent

WORKSPACE = UUID("11111111-1111-1111-1111-111111111111")
STRATEGY = UUID("22222222-2222-2222-2222-222222222222")
AT = datetime(2026, 1, 12, 15, 0, tzinfo=UTC)
DAY = "2026-01-12"


def leg(right: str, strike: float, side: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "SPXW", "right": right, "strike": strike, "expiration": DAY, "side": side,
    } | more  # fmt: skip


CONDOR = [
    leg("C", 6070, "sell"),
    leg("C", 6080, "buy"),
    leg("P", 6030, "sell"),
    leg("P", 6020, "buy"),
]
QUOTES = {"6070C": (2.0, 2.2), "6080C": (0.9, 1.1), "6030P": (1.5, 1.7), "6020P": (0.6, 0.8)}


def raw(name: Any, action: str, quantity: float | None = None, **more: Any) -> dict[str, Any]:
    values = {
        "id": str(uuid5(WORKSPACE, str(name))),
        "correlation_id": f"test-{name}",
        "workspace_id": str(WORKSPACE),
        "action": action,
        "strategy_entity_id": str(STRATEGY),
        "symbol": "BTC",
        "timeframe": "1d",
        "quantity": quantity,
        "created_at": AT.isoformat(),
    }
    return values | more


def wish(name: Any, action: str, quantity: float | None = None, **more: Any) -> Intent:
    return TradeIntent.model_validate(raw(name, action, quantity, **more)).intent()


@pytest.fixture
def broker() -> PaperBroker:
    return PaperBroker(journal=MemoryJournal(), clock=lambda: AT)


def quoted(**changed: Any) -> QuotedFill:
    quotes = QUOTES | changed
    return QuotedFill(
        quotes=tuple(
            LegQuote(leg=name, bid=two[0], ask=two[1]) for name, two in quotes.items() if two
        )
    )


# ------------------------------------------------------------------------------ longs


def test_g01_g02_a_fresh_account(broker: PaperBroker) -> None:
    state = broker.state(WORKSPACE)
    assert list(json.loads(state.model_dump_json()))[:11] == [
        "workspace_id", "starting_equity", "cash", "realized_pnl", "peak_equity", "positions",
        "orders_count", "trades_count", "last_event_id", "last_event_at", "reconciled_at",
    ]  # fmt: skip
    assert (state.cash, state.realized_pnl, state.positions) == (10_000.0, 0.0, {})
    assert broker.positions(WORKSPACE) == []


def test_g03_to_g06_buying_scaling_closing(broker: PaperBroker) -> None:
    opened = broker.execute(wish(1, "open_long", 1.0), 50_000)
    assert opened.position is not None
    assert (opened.position_action, opened.quantity_filled, opened.fees) == ("opened", 1.0, 0.0)
    assert (opened.position.avg_price, opened.position.side) == (50_000.0, "long")
    assert broker.state(WORKSPACE).cash == -40_000.0
    scaled = broker.execute(wish(2, "open_long", 1.0), 52_000)
    assert scaled.position is not None
    assert (scaled.position_action, scaled.position.quantity, scaled.position.avg_price) == (
        "scaled",
        2.0,
        51_000.0,
    )
    state = broker.state(WORKSPACE)
    assert (state.cash, state.orders_count, state.trades_count) == (-92_000.0, 2, 0)
    part = broker.execute(wish(3, "close_long", 1.0), 53_000)
    assert part.error is not None
    assert part.error_code == "PARTIAL_CLOSE_NOT_SUPPORTED"
    assert "1" in part.error
    assert "2" in part.error
    closed = broker.execute(wish(4, "close_long", 2.0), 53_000)
    assert closed.position is not None
    assert (closed.position_action, closed.position.quantity) == ("closed", 0.0)
    state = broker.state(WORKSPACE)
    assert (state.cash, state.realized_pnl, state.peak_equity) == (14_000.0, 4_000.0, 14_000.0)
    assert (state.orders_count, state.trades_count) == (3, 1)
    assert broker.positions(WORKSPACE) == []
    assert state.positions["BTC"].side is None


@pytest.mark.parametrize(
    ("intent", "price", "code"),
    [
        (wish(1, "close_long", 1.0), 100, "NO_POSITION"),
        (wish(1, "open_long", 0.0), 100, "INVALID_QUANTITY"),
        (wish(1, "open_long"), 100, "INVALID_QUANTITY"),
        (wish(1, "open_long", 1.0), 0, "INVALID_FILL_PRICE"),
        (wish(1, "open_short", 1.0), 100, "UNSUPPORTED_ACTION"),
        (wish(1, "cancel_order", 1.0), 100, "UNSUPPORTED_ACTION"),
    ],
)
def test_g10_to_g14_refusals(broker: PaperBroker, intent: Intent, price: Any, code: str) -> None:
    result = broker.execute(intent, price)
    assert (result.success, result.error_code) == (False, code)
    assert result.error is not None
    if code == "UNSUPPORTED_ACTION":
        assert intent.action in result.error
    assert broker.state(WORKSPACE).cash == 10_000.0


def test_g15_an_intent_is_executed_once(broker: PaperBroker) -> None:
    first = broker.execute(wish(1, "open_long", 1.0), 100)
    again = broker.execute(wish(1, "open_long", 1.0, correlation_id="other"), 120)
    assert (again.error_code, again.correlation_id) == ("ALREADY_EXECUTED", "test-1")
    assert (again.order_id, again.fill_price) == (first.order_id, 100.0)
    assert again.request_matches is False
    assert broker.execute(wish(1, "open_long", 1.0), 100).request_matches is True
    state = broker.state(WORKSPACE)
    assert (state.cash, state.orders_count) == (9_900.0, 1)


def test_the_first_answer_can_be_given_again(broker: PaperBroker) -> None:
    first = broker.execute(wish(1, "open_long", 1.0), 100)
    stored = broker.first_result(WORKSPACE, first.intent_id)
    assert stored == first.model_copy(update={"position": None})
    with pytest.raises(UsageError, match="was not executed"):
        broker.first_result(WORKSPACE, UUID(int=9))


def test_g16_g17_policy_and_pause(broker: PaperBroker) -> None:
    broker.switch(WORKSPACE, True, "all", why="test", who="me")
    stopped = broker.execute(wish(1, "open_long", 1.0), 100)
    assert stopped.error is not None
    assert (stopped.error_code, stopped.events_recorded) == ("POLICY_REJECTED", 1)
    assert "kill_switch" in stopped.error
    assert broker.state(WORKSPACE).halts == ("all",)
    broker.switch(WORKSPACE, False, "all", why="test", who="me")
    broker.pause(WORKSPACE, STRATEGY, True, why="test")
    paused = broker.execute(wish(1, "open_long", 1.0), 100)
    assert paused.error is not None
    assert (paused.error_code, paused.events_recorded) == ("STRATEGY_PAUSED", 1)
    assert "paused" in paused.error
    broker.pause(WORKSPACE, STRATEGY, False, why="test")
    assert broker.execute(wish(1, "open_long", 1.0), 100).success


def test_a_switch_of_all_accounts(broker: PaperBroker) -> None:
    broker.switch(ALL_WORKSPACES, True, "entries", why="test", who="me")
    assert broker.execute(wish(1, "open_long", 1.0), 100).error_code == "POLICY_REJECTED"


def test_g18_a_fill_counts_two_events(broker: PaperBroker) -> None:
    result = broker.execute(wish(1, "open_long", 1.0), 50_000)
    assert (result.events_recorded, result.correlation_id) == (2, "test-1")


def test_g19_g20_reset_and_reconcile(broker: PaperBroker) -> None:
    empty = broker.reconcile(WORKSPACE)
    assert (empty.success, empty.events_replayed, empty.cash_after, empty.errors) == (
        True, 0, 10_000.0, (),
    )  # fmt: skip
    broker.execute(wish(1, "open_long", 2.0), 100)
    before = broker.state(WORKSPACE)
    broker.reset(WORKSPACE)
    assert (broker.state(WORKSPACE).cash, broker.positions(WORKSPACE)) == (10_000.0, [])
    found = broker.reconcile(WORKSPACE)
    assert (found.success, found.verified, found.events_replayed) == (True, True, 1)
    after = broker.state(WORKSPACE)
    assert (after.cash, after.positions) == (before.cash, before.positions)


def test_a_reset_is_refused_in_production() -> None:
    broker = PaperBroker(journal=MemoryJournal(profile="production"), clock=lambda: AT)
    broker.execute(wish(1, "open_long", 1.0), 100)
    with pytest.raises(UsageError, match="production"):
        broker.reset(WORKSPACE)


def test_g24_fees_of_both_sides_count() -> None:
    broker = PaperBroker(journal=MemoryJournal(), fee_rate=Decimal(1), clock=lambda: AT)
    broker.execute(wish(1, "open_long", 1.0), 100)
    broker.execute(wish(2, "close_long", 1.0), 110)
    state = broker.state(WORKSPACE)
    assert (state.cash, state.realized_pnl) == (10_008.0, 8.0)


def test_g29_a_risk_budget_sets_the_size() -> None:
    inputs = PolicyInputs(risk_budget_dollars=Decimal(100))
    broker = PaperBroker(journal=MemoryJournal(), inputs=inputs, clock=lambda: AT)
    intent = wish(
        1, "open_long", 999.0, symbol="MNQ", price=18_000, stop_loss=17_990,
        metadata={"risk_budget_dollars": 500},
    )  # fmt: skip
    assert broker.execute(intent, 1.0).quantity_filled == 25.0


def test_an_intent_can_be_judged_without_being_traded(broker: PaperBroker) -> None:
    intent = wish(1, "open_long", 1.0)
    tried = broker.evaluate(intent, dry_run=True)
    assert (tried.approved, tried.reason) == (True, "all_rules_passed")
    assert broker.journal.workspaces() == []
    assert broker.evaluate(intent).approved
    types = [event.type for event in broker.journal.events(WORKSPACE)][1:]
    assert types == ["intent_emitted", "policy_evaluated", "intent_approved"]
    assert broker.state(WORKSPACE).orders_count == 0


def test_an_intent_can_be_judged_by_given_figures(broker: PaperBroker) -> None:
    intent = wish(1, "open_long", 1.0)
    fallen = PolicyState(max_drawdown_today=Decimal(5))
    found = broker.evaluate(intent, fallen, dry_run=True)
    assert (found.approved, found.reason) == (False, "max_drawdown_exceeded")
    assert found.rules_failed == ("max_drawdown",)
    broker.switch(WORKSPACE, True, "all", why="test", who="me")
    for dry_run in (True, False):
        stopped = broker.evaluate(intent, PolicyState(), dry_run=dry_run)
        assert (stopped.approved, stopped.reason) == (False, "kill_switch_active")


# ------------------------------------------------------------------------------ spreads


def open_condor(broker: PaperBroker, name: Any = 1, fill: Any = None) -> ExecutionResult:
    intent = wish(name, "open_spread", 1.0, symbol="SPXW", legs=CONDOR)
    return broker.execute(intent, fill if fill is not None else quoted())


def test_a_condor_at_quotes(broker: PaperBroker) -> None:
    """Natural side: 2.0 − 1.1 + 1.5 − 0.8 = 1.6 in; out at 2.2 − 0.9 + 1.7 − 0.6 = 2.4."""
    result = open_condor(broker)
    assert result.fill_price == pytest.approx(1.6)
    position = result.position
    assert position is not None
    assert position.symbol == "SPXW 2026-01-12 IC 6070C/6080C/6030P/6020P"
    assert (position.side, position.width, position.quantity) == ("short", 10.0, 1.0)
    assert [(one.side, one.price) for one in position.legs] == [
        ("sell", 2.0), ("buy", 1.1), ("sell", 1.5), ("buy", 0.8),
    ]  # fmt: skip
    assert broker.state(WORKSPACE).cash == 10_160.0
    assert broker.state(WORKSPACE).buying_power == 9_160.0
    closing = wish(2, "close_spread", symbol="SPXW", position_id=position.position_id)
    closed = broker.execute(closing, quoted())
    assert (closed.success, closed.position) == (True, None)
    assert closed.fill_price == pytest.approx(2.4)
    assert broker.state(WORKSPACE).realized_pnl == pytest.approx(-80.0)


def test_two_condors_on_the_same_strikes_are_two_positions(broker: PaperBroker) -> None:
    open_condor(broker, 1)
    open_condor(broker, 2, 1.5)
    held = broker.positions(WORKSPACE)
    assert len({one.position_id for one in held}) == 2
    assert [one.avg_price for one in held] == pytest.approx([1.6, 1.5])


@pytest.mark.parametrize("quote", [None, (None, None), (None, 0.0), (0.5, 0.0), (1.0, 0.9)])
def test_a_leg_without_a_quote_fills_nothing(broker: PaperBroker, quote: Any) -> None:
    result = open_condor(broker, 1, quoted(**{"6080C": quote}))
    assert (result.error_code, result.success) == ("no_quote", False)
    assert result.error is not None
    assert "6080C" in result.error
    assert broker.state(WORKSPACE).cash == 10_000.0


def test_the_cost_of_a_close_lies_within_the_width(broker: PaperBroker) -> None:
    opened = open_condor(broker).position
    assert opened is not None
    free = dict.fromkeys(QUOTES, (0.0, 0.01)) | {"6080C": (0.5, 0.6)}
    closing = wish(2, "close_spread", symbol="SPXW", position_id=opened.position_id)
    closed = broker.execute(closing, quoted(**free))
    assert (closed.success, closed.fill_price) == (True, 0.0)


def test_a_quote_of_another_leg_is_refused(broker: PaperBroker) -> None:
    with pytest.raises(UsageError, match="7000C"):
        open_condor(broker, 1, quoted(**{"7000C": (1.0, 1.1)}))


def test_closing_nothing(broker: PaperBroker) -> None:
    closing = wish(2, "close_spread", symbol="SPXW", position_id="nothing")
    assert broker.execute(closing, quoted()).error_code == "NO_POSITION"


def test_a_settled_spread_is_settled_once(broker: PaperBroker) -> None:
    opened = open_condor(broker).position
    assert opened is not None
    assert opened.position_id is not None
    assert isinstance(broker.settle(WORKSPACE, opened.position_id, 0.0), Accepted)
    assert broker.state(WORKSPACE).realized_pnl == 160.0
    again = broker.settle(WORKSPACE, opened.position_id, 5.0)
    assert not isinstance(again, Accepted)
    assert again.code == "ALREADY_EXECUTED"


# ------------------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"qty": 1}, "qty"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"signal_strength": 2}, "signal_strength"),
        ({"action": "buy"}, "action"),
        ({"workspace_id": "w"}, "workspace_id"),
        ({"correlation_id": ""}, "correlation_id"),
        ({"legs": CONDOR[:1]}, "legs"),
        ({"legs": CONDOR[:3]}, "legs"),
        ({"legs": [*CONDOR[:2], *CONDOR[:2]]}, "legs"),
        ({"legs": [leg("C", 6070, "buy"), leg("C", 6080, "sell")]}, "credit spread"),
        ({"legs": [leg("C", 6070, "sell"), leg("P", 6060, "buy")]}, "bought"),
        (
            {"legs": [leg("C", 6070, "sell"), leg("C", 6080, "buy", expiration="2026-01-13")]},
            "expiration",
        ),
    ],
)
def test_intents_that_are_none(changed: dict[str, Any], words: str) -> None:
    content = json.dumps(raw(1, "open_long", 1.0) | changed)
    with pytest.raises(BadValue, match=words):
        parsed(lambda: TradeIntent.model_validate_json(content), "intent")


def test_legs_may_come_in_any_order() -> None:
    intent = wish(1, "open_spread", 1.0, legs=CONDOR[::-1])
    assert intent.contract is not None
    assert intent.contract.spread.strikes == (6070, 6080, 6030, 6020)
    assert (intent.contract.root, intent.contract.expiration) == ("SPXW", date(2026, 1, 12))
    put = wish(1, "open_spread", 1.0, legs=CONDOR[2:])
    assert put.contract is not None
    assert (put.contract.spread.strategy, put.symbol) == (
        "PUT",
        "SPXW 2026-01-12 PUT 6030P/6020P",
    )


def test_a_stamp_without_a_zone_is_utc() -> None:
    intent = wish(1, "open_long", 1.0, created_at="2026-01-12T15:00:00")
    assert intent.created_at == AT


@pytest.mark.parametrize("price", [{}, {"fill_price": 0}, {"fill_price": -1}])
def test_requests_without_a_price(price: dict[str, Any]) -> None:
    content = json.dumps({"intent": raw(1, "open_long", 1.0), **price})
    with pytest.raises(BadValue, match="fill_price"):
        parsed(lambda: ExecutionRequest.model_validate_json(content), "request")


def test_a_request_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "i.json"
    file.write_text(json.dumps(raw(1, "open_long", 1.0)))
    assert read_request(file, 100.0).price == 100
    file.write_text(json.dumps({"intent": raw(1, "open_long", 1.0), "fill_price": 0.1}))
    assert read_request(file).price == Decimal("0.1")
    with pytest.raises(BadValue, match="has a fill_price"):
        read_request(file, 100.0)
    for text, words in (("[]", "object"), ("{", "not JSON"), ('{"intent": NaN}', "not JSON")):
        file.write_text(text)
        with pytest.raises(DataError, match=words):
            read_request(file)
    with pytest.raises(DataError, match="cannot read"):
        read_request(tmp_path / "none.json")
