"""What every journal must do; each implementation runs this class. Numbers G…: golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from journal.desk import AT, CONDOR, STRATEGY, WORKSPACE, Desk, make_intent

from bt_gex.errors import BadValue, UnknownName
from bt_gex.journal.base import ALL_WORKSPACES, Journal, Query, set_kill_switch
from bt_gex.journal.memory import MemoryJournal
from bt_gex.journal.records import event_of
from bt_gex.ledger.commands import (
    Accepted,
    Execute,
    Ids,
    NoPrice,
    PolicyInputs,
    Price,
    Refused,
    ReportRun,
)
from bt_gex.ledger.commands import events_recorded as recorded
from bt_gex.ledger.events import IntentRejected, LegFill, LongFilled, OrderRejected, SpreadFilled
from bt_gex.ledger.fold import fold, fresh_state
from bt_gex.rules.policy import MaxDrawdown, Policy, StructuralSizing

OTHER = UUID("44444444-4444-4444-4444-444444444444")
FULL = [
    "workspace_opened", "intent_emitted", "policy_evaluated", "intent_approved",
    "order_submitted", "order_filled", "position_opened",
]  # fmt: skip

Make = Callable[..., Journal]


def code_of(decision: Any) -> str:
    assert isinstance(decision, Refused), decision
    return decision.code


class JournalContract:
    """`make(**options)` opens a journal on the same storage each time."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture
    def desk(self, make: Make) -> Desk:
        return Desk(make())

    # ------------------------------------------------------------------------ golden vectors

    def test_g01_g02_an_unknown_workspace_is_fresh(self, desk: Desk) -> None:
        book = desk.book
        assert (book.cash, book.starting_equity, book.realized_pnl) == (10_000, 10_000, 0)
        assert (dict(book.longs), dict(book.spreads)) == ({}, {})
        assert desk.journal.workspaces() == []

    def test_g03_to_g06_buying_scaling_closing(self, desk: Desk) -> None:
        opened = desk.buy(1, 1, 50_000)
        assert isinstance(opened, Accepted)
        position = desk.book.longs["BTC"]
        assert (position.quantity, position.avg_price, position.side) == (1, 50_000, "long")
        assert desk.book.cash == -40_000
        desk.buy(2, 1, 52_000)
        position = desk.book.longs["BTC"]
        assert (position.quantity, position.avg_price) == (2, 51_000)
        assert (desk.book.cash, desk.book.orders_count, desk.book.trades_count) == (-92_000, 2, 0)
        assert code_of(desk.close(3, 1, 53_000)) == "PARTIAL_CLOSE_NOT_SUPPORTED"
        desk.close(4, 2, 53_000)
        book = desk.book
        assert (book.cash, book.realized_pnl, book.peak_equity) == (14_000, 4_000, 14_000)
        assert (book.orders_count, book.trades_count) == (3, 1)
        assert desk.types()[-1] == "position_closed"

    def test_g06_a_close_without_quantity_closes_all(self, desk: Desk) -> None:
        """Here the seed answers INVALID_QUANTITY; closing in full is the only close there is."""
        desk.buy(1, 2, 100)
        assert isinstance(desk.close(2, None, 110), Accepted)
        assert desk.book.cash == 10_020

    def test_g07_to_g09_round_trips(self, desk: Desk) -> None:
        desk.buy(1, 1, 50_000)
        desk.close(2, 1, 51_000)
        book = desk.book
        assert (book.realized_pnl, book.cash) == (1_000, 11_000)
        assert (book.longs["BTC"].quantity, book.longs["BTC"].side) == (0, None)
        desk.buy(3, 1, 3_000, symbol="ETH")
        desk.close(4, 1, 3_100, symbol="ETH")
        assert desk.book.longs["ETH"].realized_pnl == 100
        assert desk.book.realized_pnl == 1_100

    def test_g08_a_peak(self, desk: Desk) -> None:
        desk.buy(1, 1, 100)
        desk.close(2, 1, 150)
        assert desk.book.cash == desk.book.peak_equity == 10_050

    @pytest.mark.parametrize(
        ("action", "qty", "price", "code"),
        [("close_long", 1, 100, "NO_POSITION"), ("close_long", None, 100, "NO_POSITION"),
         ("open_long", 0, 100, "INVALID_QUANTITY"), ("open_long", None, 100, "INVALID_QUANTITY"),
         ("open_long", -1, 100, "INVALID_QUANTITY"), ("open_long", 1, 0, "INVALID_FILL_PRICE"),
         ("open_long", 1, -5, "INVALID_FILL_PRICE"), ("close_long", 0, 100, "INVALID_QUANTITY"),
         ("close_spread", 1, 1, "NO_POSITION"), ("open_spread", 1, 1, "INVALID_SPREAD"),
         ("open_long", 1, NoPrice(why="no quote: 6070C"), "no_quote")],
    )  # fmt: skip
    def test_g10_g12_g13_refusals(
        self, desk: Desk, action: str, qty: Any, price: Any, code: str
    ) -> None:
        refused = desk.trade(1, action, qty, price)
        assert code_of(refused) == code
        assert recorded(refused) == 0
        last = desk.events()[-1].body
        assert isinstance(last, OrderRejected)
        assert last.error_code == code
        assert (desk.book.cash, desk.book.orders_count) == (10_000, 0)

    def test_g11_a_partial_close(self, desk: Desk) -> None:
        desk.buy(1, 2, 100)
        refused = desk.close(2, 1, 100)
        assert code_of(refused) == "PARTIAL_CLOSE_NOT_SUPPORTED"
        assert isinstance(refused, Refused)
        assert "1" in refused.error
        assert "2" in refused.error
        assert desk.book.longs["BTC"].quantity == 2

    @pytest.mark.parametrize(
        "action", ["open_short", "close_short", "scale_in", "scale_out", "cancel_order"]
    )
    def test_g14_unsupported_actions(self, desk: Desk, action: str) -> None:
        refused = desk.trade(1, action, 1)
        assert code_of(refused) == "UNSUPPORTED_ACTION"
        assert isinstance(refused, Refused)
        assert action in refused.error
        assert desk.events() == []

    def test_g14_unsupported_modes(self, desk: Desk) -> None:
        assert code_of(desk.buy(1, 1, 100, mode="live")) == "UNSUPPORTED_MODE"
        assert desk.events() == []

    def test_g15_an_intent_is_executed_once(self, desk: Desk) -> None:
        first = desk.buy("first", 1, 100)
        again = desk.buy("first", 5, 90, correlation_id="another")
        assert code_of(again) == "ALREADY_EXECUTED"
        assert isinstance(again, Refused)
        assert again.prior is not None
        assert again.prior.correlation_id == "test-first"
        assert again.prior == first.events[-2]
        assert again.events == ()
        assert (desk.book.cash, desk.book.orders_count) == (9_900, 1)

    def test_g16_policy_rejects(self, desk: Desk) -> None:
        policy = Policy([MaxDrawdown()])
        desk.buy(1, 1, 10_000)
        desk.close(2, 1, 9_000)  # a loss of 10 % on the day
        refused = desk.buy(3, 1, 100, policy=policy)
        assert code_of(refused) == "POLICY_REJECTED"
        assert isinstance(refused, Refused)
        assert "max_drawdown_exceeded" in refused.error
        assert recorded(refused) == 1
        assert refused.events[-1].type == "intent_rejected"
        assert isinstance(desk.buy(4, 1, 100, policy=Policy([])), Accepted)
        assert isinstance(desk.close(5, 1, 100, policy=policy), Accepted)

    def test_g17_a_paused_strategy_does_not_trade(self, desk: Desk) -> None:
        desk.pause()
        refused = desk.buy(1, 1, 100)
        assert code_of(refused) == "STRATEGY_PAUSED"
        assert isinstance(refused, Refused)
        assert "paused" in refused.error
        assert recorded(refused) == 1
        body = refused.events[-1].body
        assert isinstance(body, IntentRejected)
        assert (body.reason, body.mode) == ("STRATEGY_PAUSED", "paper")
        assert isinstance(desk.buy(2, 1, 100, strategy_entity_id=OTHER), Accepted)
        desk.pause(False)
        assert isinstance(desk.buy(1, 1, 100), Accepted)

    def test_g18_what_a_fill_says(self, desk: Desk) -> None:
        decision = desk.buy(1, 1, 50_000)
        assert recorded(decision) == 2
        (record,) = desk.journal.records(Query(types=("order_filled",)))
        payload = record.payload_json()
        assert payload == {
            "kind": "trade", "order_id": record.order_id, "intent_id": record.intent_id,
            "symbol": "BTC", "side": "buy", "qty": "1", "fill_price": "50000", "fees": "0",
            "ts": "2026-01-12T14:36:01.000000Z", "mode": "paper",
        }  # fmt: skip

    def test_g19_reconciling_nothing(self, desk: Desk) -> None:
        outcome = desk.journal.reconcile(WORKSPACE, AT)
        assert (outcome.verified, outcome.errors, outcome.differences) == (True, (), ())
        assert (outcome.events_replayed, outcome.positions_rebuilt) == (0, 0)
        assert outcome.cash_after == 10_000
        assert desk.events() == []

    def test_g20_a_reset_is_undone_by_reconciling(self, desk: Desk) -> None:
        desk.buy(1, 1, 100, fee=2)
        before = desk.book
        desk.reset()
        assert (desk.book.cash, dict(desk.book.longs)) == (10_000, {})
        outcome = desk.journal.reconcile(WORKSPACE, desk.now)
        assert (outcome.verified, outcome.events_replayed) == (True, 1)
        assert (outcome.cash_after, outcome.positions_rebuilt) == (9_898, 1)
        assert desk.book == before

    def test_g24_both_fees_count(self, desk: Desk) -> None:
        desk.buy(1, 1, 100, fee=1)
        desk.close(2, 1, 110, fee=1)
        assert (desk.book.cash, desk.book.realized_pnl) == (10_008, 8)

    @pytest.mark.parametrize("metadata", [{}, {"risk_budget_dollars": 500}])
    def test_g29_policy_sets_the_quantity(self, desk: Desk, metadata: dict[str, Any]) -> None:
        setting = Decimal(100 if metadata else 500)
        decision = desk.trade(
            1, "open_long", 999, 18_000, symbol="MNQ", policy=Policy([StructuralSizing()]),
            metadata=metadata, inputs=PolicyInputs(risk_budget_dollars=setting),
            price=Decimal(18_000), stop_loss=Decimal(17_990),
        )  # fmt: skip
        fill = decision.events[-2].body
        assert isinstance(fill, LongFilled)
        assert fill.qty == 25

    # ------------------------------------------------------------------------ the flow

    def test_the_whole_flow_is_one_batch(self, desk: Desk) -> None:
        decision = desk.buy(1, 1, 100)
        assert desk.types() == FULL
        assert [event.seq for event in desk.events()] == list(range(1, 8))
        assert {(event.batch, event.of, event.at) for event in desk.events()} == {(1, 7, desk.now)}
        assert tuple(desk.events()) == decision.events
        fill = desk.events()[5]
        assert (fill.order_id, fill.position_id) == (
            desk.events()[4].order_id, f"{WORKSPACE}:BTC"
        )  # fmt: skip
        assert {e.intent_id for e in desk.events()[1:]} == {make_intent(1, "open_long").id}

    def test_an_intent_evaluated_before_is_not_emitted_again(self, desk: Desk) -> None:
        desk.evaluate(1, "open_long", 1)
        assert desk.types() == [
            "workspace_opened",
            "intent_emitted",
            "policy_evaluated",
            "intent_approved",
        ]
        desk.buy(1, 1, 100)
        assert desk.types(4) == FULL[2:]
        desk.evaluate(2, "open_long", 1)
        assert desk.buy(2, 2, 100).events[0].type == "intent_emitted"

    def test_a_refused_intent_may_be_sent_again(self, desk: Desk) -> None:
        desk.switch(True)
        assert code_of(desk.buy(1, 1, 100)) == "POLICY_REJECTED"
        desk.switch(False)
        assert isinstance(desk.buy(1, 1, 100), Accepted)

    def test_an_order_id_fills_once(self, desk: Desk) -> None:
        intents = [make_intent(n, "open_long", 1) for n in (1, 2)]
        command = {"price": Price(price=Decimal(100))}
        names = Ids("SPX-2026-01-12-1")
        first = desk.do(Execute(intent=intents[0], **command), ids=names)
        assert first.events[-1].order_id == "SPX-2026-01-12-1"
        second = desk.do(Execute(intent=intents[1], **command), ids=names)
        assert code_of(second) == "ALREADY_EXECUTED"

    def test_workspaces_do_not_see_each_other(self, desk: Desk) -> None:
        other = Desk(desk.journal, OTHER)
        desk.buy(1, 1, 100)
        other.buy(1, 2, 100)
        desk.pause()
        desk.switch(True)
        assert isinstance(other.buy(2, 1, 100), Accepted)
        assert (desk.book.cash, other.book.cash) == (9_900, 9_700)
        assert desk.journal.workspaces() == [WORKSPACE, OTHER]

    def test_an_intent_of_another_workspace_is_refused(self, desk: Desk) -> None:
        with pytest.raises(BadValue, match="workspace"):
            Desk(desk.journal, OTHER).trade(1, "open_long", 1, workspace_id=WORKSPACE)

    @pytest.mark.parametrize(
        "values",
        [{"qty": Decimal("NaN")}, {"price": Price(price=Decimal("Infinity"))},
         {"created_at": datetime(2026, 1, 12)}, {"metadata": {"x": float("nan")}},
         {"metadata": {"risk_budget_dollars": "abc"}}],
    )  # fmt: skip
    def test_a_command_without_sense_writes_nothing(
        self, desk: Desk, values: dict[str, Any]
    ) -> None:
        qty, price = values.get("qty", 1), values.get("price", 100)
        rest = {name: value for name, value in values.items() if name not in ("qty", "price")}
        intent = make_intent(1, "open_long", **rest)
        found = price if isinstance(price, Price) else Price(price=Decimal(price))
        quantity = qty if isinstance(qty, Decimal) else Decimal(qty)
        with pytest.raises(BadValue):
            desk.do(Execute(intent=replace(intent, quantity=quantity), price=found))
        with pytest.raises(BadValue):
            desk.journal.execute(WORKSPACE, ReportRun(step="run_started", correlation_id="p",
                                                      facts={}), datetime(2026, 1, 12))  # fmt: skip
        assert desk.events() == []

    # ------------------------------------------------------------------------ switches, resets

    @pytest.mark.parametrize("everywhere", [False, True])
    def test_a_kill_switch_stops_trades_not_settlements(self, desk: Desk, everywhere: bool) -> None:
        opened = desk.open_spread(1, 3)
        desk.buy(2, 1, 100)
        self.switched(desk, True, "all", everywhere)
        assert code_of(desk.buy(3, 1, 100)) == "POLICY_REJECTED"
        assert code_of(desk.close(4, 1, 100)) == "POLICY_REJECTED"
        position = opened.events[-1].position_id or ""
        assert isinstance(desk.settle(position, 0.0), Accepted)
        self.switched(desk, False, "all", everywhere)
        assert isinstance(desk.close(4, 1, 100), Accepted)

    @pytest.mark.parametrize("everywhere", [False, True])
    def test_a_switch_for_entries_lets_closes_go_on(self, desk: Desk, everywhere: bool) -> None:
        desk.buy(1, 1, 100)
        self.switched(desk, True, "entries", everywhere)
        assert code_of(desk.buy(2, 1, 100)) == "POLICY_REJECTED"
        assert code_of(desk.open_spread(3, 3, policy=Policy([]))) == "POLICY_REJECTED"
        assert isinstance(desk.close(4, 1, 100), Accepted)
        self.switched(desk, False, "entries", everywhere)
        assert isinstance(desk.buy(2, 1, 100), Accepted)

    def switched(self, desk: Desk, on: bool, scope: Any, everywhere: bool) -> None:
        if everywhere:
            set_kill_switch(desk.journal, on, scope, desk.now, why="test", who="tester")
            assert desk.journal.halts() == ({scope} if on else set())
        else:
            desk.switch(on, scope)

    def test_the_first_execution_after_a_reset_begins_an_epoch(self, desk: Desk) -> None:
        desk.buy("old", 1, 100)
        desk.reset()
        seq = len(desk.events())
        assert code_of(desk.close("c", 1, 100)) == "NO_POSITION"
        assert "epoch_started" not in desk.types(seq)
        desk.buy("new", 2, 10)
        assert desk.types()[-7] == "epoch_started"
        assert (desk.book.cash, desk.book.orders_count) == (9_980, 1)
        assert code_of(desk.buy("old", 1, 100)) == "ALREADY_EXECUTED"
        outcome = desk.journal.reconcile(WORKSPACE, desk.now)
        assert (outcome.events_replayed, outcome.verified) == (1, True)
        assert desk.book.cash == 9_980

    def test_no_reset_in_production(self, make: Make) -> None:
        desk = Desk(make(profile="production"))
        desk.buy(1, 1, 100)
        refused = desk.reset()
        assert code_of(refused) == "RESET_FORBIDDEN"
        assert isinstance(refused, Refused)
        assert "production" in refused.error
        assert desk.book.cash == 9_900

    def test_the_equity_of_a_workspace_is_that_it_was_opened_with(self, make: Make) -> None:
        Desk(make()).buy(1, 1, 100)
        again = Desk(make(starting_equity=Decimal(500)))
        assert again.book.cash == 9_900
        assert Desk(again.journal, OTHER).book.cash == 500

    # ------------------------------------------------------------------------ spreads

    def test_a_spread_opens_and_closes_whole(self, desk: Desk) -> None:
        legs = tuple(
            LegFill(
                symbol="x", right=leg.right, strike=leg.strike, expiration=CONDOR.expiration,
                side=leg.side, ratio=1, price=1.5, bid=1.25, ask=1.75,
            )
            for leg in CONDOR.spread.legs
        )  # fmt: skip
        price = Price(price=Decimal("3.15"), legs=legs)
        opened = desk.trade(1, "open_spread", 2, price, fee="0.65", contract=CONDOR)
        fill = opened.events[-2].body
        assert isinstance(fill, SpreadFilled)
        assert (fill.position_id, fill.fees, fill.legs) == (fill.order_id, 5.2, legs)
        assert desk.book.cash == Decimal("10624.80")
        assert desk.book.reserved == 2_000
        assert code_of(desk.close_spread(2, fill.position_id, 1, qty=1)) == (
            "PARTIAL_CLOSE_NOT_SUPPORTED"
        )
        closed = desk.close_spread(3, fill.position_id, "1.4", fee="0.65")
        assert closed.events[-1].type == "position_closed"
        assert closed.events[-1].position_id == fill.position_id
        assert (desk.book.cash, desk.book.realized_pnl) == (Decimal("10339.60"), Decimal("339.60"))
        payload = desk.journal.records(Query(types=("order_filled",)))[0].payload_json()
        assert payload["net"] == payload["fill_price"] == "3.15"
        assert (payload["multiplier"], payload["width"], payload["qty"]) == (100, "10", "2")
        assert payload["symbol"] == "SPXW 2026-01-12 IC 6070C/6080C/6030P/6020P"

    @pytest.mark.parametrize("credit", [0, 10, 11, -1])
    def test_a_credit_lies_between_zero_and_the_width(self, desk: Desk, credit: int) -> None:
        assert code_of(desk.open_spread(1, credit)) == "INVALID_FILL_PRICE"

    @pytest.mark.parametrize(
        ("cost", "code"), [(0, ""), (10, ""), ("10.01", "INVALID_FILL_PRICE"),
                           (-1, "INVALID_FILL_PRICE")]
    )  # fmt: skip
    def test_an_exit_costs_at_most_the_width(self, desk: Desk, cost: Any, code: str) -> None:
        position = desk.open_spread(1, 3).events[-1].position_id or ""
        decision = desk.close_spread(2, position, cost)
        assert (code_of(decision) if code else "") == code
        assert (position in desk.book.spreads) == bool(code)

    @pytest.mark.parametrize("qty", [0, "1.5", -1, None])
    def test_contracts_are_whole(self, desk: Desk, qty: Any) -> None:
        assert code_of(desk.open_spread(1, 3, qty)) == "INVALID_QUANTITY"

    def test_an_expired_spread_is_settled_not_traded(self, desk: Desk) -> None:
        position = desk.open_spread(1, 3).events[-1].position_id or ""
        desk.count = 86_400
        assert code_of(desk.close_spread(2, position, 1)) == "EXPIRED"
        assert code_of(desk.open_spread(3, 3)) == "EXPIRED"
        assert isinstance(desk.settle(position, 10.0), Accepted)
        assert (desk.book.cash, desk.book.realized_pnl) == (9_300, -700)
        assert code_of(desk.settle(position, 10.0)) == "ALREADY_EXECUTED"
        assert desk.book.cash == 9_300

    @pytest.mark.parametrize("value", [-0.01, 10.01, float("nan"), float("inf")])
    def test_a_settlement_lies_within_the_width(self, desk: Desk, value: float) -> None:
        position = desk.open_spread(1, 3).events[-1].position_id or ""
        assert code_of(desk.settle(position, value)) == "INVALID_FILL_PRICE"
        assert list(desk.book.spreads) == [position]

    def test_a_void_returns_the_entry(self, desk: Desk) -> None:
        position = desk.open_spread(1, 3, fee="0.65").events[-1].position_id or ""
        desk.settle(position, None)
        assert (desk.book.cash, desk.book.realized_pnl, desk.book.trades_count) == (10_000, 0, 0)
        assert code_of(desk.settle("nobody", 1.0)) == "NO_POSITION"

    def test_two_spreads_on_the_same_strikes_are_two_positions(self, desk: Desk) -> None:
        first = desk.open_spread(1, 3).events[-1].position_id or ""
        second = desk.open_spread(2, 2).events[-1].position_id or ""
        desk.close_spread(3, first, 1)
        assert list(desk.book.spreads) == [second]
        assert desk.book.spreads[second].credit == 2.0

    def test_funds_are_asked_for_only_where_wanted(self, desk: Desk) -> None:
        assert code_of(desk.buy(1, 1, 10_001, require_cash=True)) == "no_funds"
        assert isinstance(desk.buy(2, 1, 9_100, require_cash=True), Accepted)  # 900 left
        assert code_of(desk.open_spread(3, 3, 2, require_cash=True)) == "no_funds"  # 1500 − 2000
        assert isinstance(desk.open_spread(4, 3, 1, require_cash=True), Accepted)  # 1200 − 1000
        assert code_of(desk.buy(5, 1, 201, require_cash=True)) == "no_funds"
        assert isinstance(desk.buy(6, 1, 200, require_cash=True), Accepted)
        assert isinstance(desk.buy(7, 1, 300), Accepted)

    # ------------------------------------------------------------------------ state, reading

    def test_the_state_survives_the_process(self, make: Make) -> None:
        desk = Desk(make())
        desk.buy(1, 1, 100)
        desk.open_spread(2, 3)
        desk.pause()
        desk.switch(True, "entries")
        state = desk.journal.state(WORKSPACE)
        desk.journal.close()
        assert make().state(WORKSPACE) == state

    def test_two_journals_on_one_storage_see_each_other(self, make: Make) -> None:
        here, there = Desk(make()), Desk(make())
        here.buy(1, 1, 100)
        there.buy(2, 1, 50)
        here.buy(3, 1, 25)
        assert here.book == there.book
        assert here.book.cash == 9_825
        assert code_of(there.buy(1, 1, 100)) == "ALREADY_EXECUTED"

    def test_the_state_is_the_fold_of_the_events(self, desk: Desk) -> None:
        self.busy(desk)
        events = desk.events()
        state = fold(fresh_state(WORKSPACE, Decimal(1)), events)
        assert state == desk.journal.state(WORKSPACE)
        assert desk.journal.verify(WORKSPACE).ok

    def busy(self, desk: Desk) -> None:
        """One of everything."""
        desk.evaluate(1, "open_long", 1)
        desk.buy(1, 1, 100)
        desk.buy(2, 1, 110)
        desk.close(3, 1, 1)
        desk.close(4, None, 120)
        position = desk.open_spread(5, 3, fee=1).events[-1].position_id or ""
        desk.pause()
        desk.buy(6, 1, 100)
        desk.pause(False)
        desk.switch(True)
        desk.settle(position, 2.5)
        desk.switch(False)
        desk.reset()
        desk.journal.reconcile(WORKSPACE, desk.now)
        desk.reset()
        desk.buy(7, 1, "0.1")
        desk.do(ReportRun(step="run_started", correlation_id="plan", facts={"n_variants": 3}))

    def test_reconciling_and_verifying_agree_with_the_state(self, desk: Desk) -> None:
        self.busy(desk)
        outcome = desk.journal.reconcile(WORKSPACE, desk.now)
        found = desk.journal.verify(WORKSPACE)
        assert found.outcome.verified
        assert (found.fault, found.clock_steps) == (None, 0)
        assert outcome.cash_after == found.outcome.cash_after == desk.book.cash
        assert outcome.last_seq == found.last_seq - 1  # its own event came after it had looked

    def test_the_same_commands_give_the_same_bytes(self, make: Make) -> None:
        desk, other = Desk(make()), Desk(MemoryJournal())
        self.busy(desk)
        self.busy(other)
        query = Query(workspace_id=WORKSPACE)
        assert desk.journal.records(query) == other.journal.records(query)

    def test_a_clock_that_steps_back_is_told_and_changes_nothing(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk.count = 100
        desk.buy(1, 1, 100)
        desk.count = 50
        desk.buy(2, 1, 100)
        assert "stepped back" in caplog.text
        assert [event.seq for event in desk.events()] == list(range(1, 14))
        assert desk.journal.verify(WORKSPACE).clock_steps == 1
        assert desk.journal.verify(WORKSPACE).ok

    def test_runs_are_journaled(self, desk: Desk) -> None:
        facts: dict[str, Any] = {"n_variants": 9, "objective": "sharpe", "dataset_ref": "a.csv"}
        desk.do(ReportRun(step="run_started", correlation_id="plan", facts=facts))
        (record,) = desk.journal.records(Query(types=("run_started",)))
        assert record.payload_json() == facts
        assert record.correlation_id == "plan"
        with pytest.raises(UnknownName, match="run_completed"):
            desk.do(ReportRun(step="run_complete", correlation_id="plan", facts={}))

    def test_records_are_found_by_their_columns(self, desk: Desk) -> None:
        desk.buy(1, 1, 100)
        desk.buy(2, 1, 100, symbol="ETH")
        desk.count = 3_600
        Desk.buy(desk, 3, 1, 100, symbol="ETH")
        Desk(desk.journal, OTHER).buy(9, 1, 100)

        def seqs(**values: Any) -> list[int]:
            return [r.seq for r in desk.journal.records(Query(workspace_id=WORKSPACE, **values))]

        assert seqs(types=("order_filled",)) == [6, 12, 18]
        assert seqs(types=("order_filled", "position_opened"), symbol="ETH") == [12, 13, 18]
        assert seqs(correlation_id="test-2") == [8, 9, 10, 11, 12, 13]
        assert seqs(intent_id=make_intent(3, "open_long").id, limit=2) == [14, 15]
        assert seqs(after=12, limit=2) == [13, 14]
        assert seqs(newest=True, limit=2, offset=1) == [18, 17]
        assert seqs(since=AT + timedelta(hours=1)) == list(range(14, 20))
        assert desk.journal.counts(Query(symbol="ETH")) == {
            "intent_approved": 2, "intent_emitted": 2, "order_filled": 2, "order_submitted": 2,
            "policy_evaluated": 2, "position_opened": 1, "position_scaled": 1,
        }  # fmt: skip
        assert len(desk.journal.records(Query())) == 19 + 7
        newest = desk.journal.records(Query(newest=True, limit=1))
        assert (newest[0].workspace_id, newest[0].seq) == (str(WORKSPACE), 19)
        assert event_of(newest[0]).strategy_entity_id == STRATEGY

    def test_switches_of_all_workspaces_are_a_workspace_of_their_own(self, desk: Desk) -> None:
        set_kill_switch(desk.journal, True, "all", AT, why="w", who="me")
        assert desk.journal.workspaces() == [ALL_WORKSPACES]
        assert desk.journal.state(ALL_WORKSPACES).last_event_at == datetime(
            2026, 1, 12, 14, 36, tzinfo=UTC
        )
