"""A workspace on a journal, driven with short words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from bt_gex.journal.base import Journal
from bt_gex.ledger.amounts import amount
from bt_gex.ledger.book import Book
from bt_gex.ledger.commands import (
    Decision,
    Evaluate,
    Execute,
    NoPrice,
    PauseStrategy,
    PolicyInputs,
    Price,
    Reset,
    SetKillSwitch,
    Settle,
)
from bt_gex.ledger.events import Event, Scope
from bt_gex.market.contracts import SpreadContract, make_spread
from bt_gex.rules.policy import KillSwitch, Policy
from bt_gex.trades.intent import Intent, IntentAction

WORKSPACE = UUID("11111111-1111-1111-1111-111111111111")
STRATEGY = UUID("22222222-2222-2222-2222-222222222222")
NAMES = UUID("33333333-3333-3333-3333-333333333333")
AT = datetime(2026, 1, 12, 14, 36, tzinfo=UTC)
CONDOR = SpreadContract("SPXW", date(2026, 1, 12), make_spread("IC", (6070, 6080, 6030, 6020)), 100)
NO_RULES = Policy([KillSwitch()])


def number(value: Any) -> Decimal | None:
    return None if value is None else amount(value)


def make_intent(
    name: Any, action: str, qty: Any = None, symbol: str = "BTC", **values: Any
) -> Intent:
    fields: dict[str, Any] = {
        "id": uuid5(NAMES, str(name)),
        "correlation_id": f"test-{name}",
        "workspace_id": WORKSPACE,
        "action": IntentAction(action),
        "strategy_entity_id": STRATEGY,
        "symbol": symbol,
        "timeframe": "1d",
        "created_at": AT,
        "quantity": number(qty),
    }
    return Intent(**(fields | values))


class Desk:
    """Commands to one workspace; every command comes a second after the one before."""

    def __init__(self, journal: Journal, workspace: UUID = WORKSPACE) -> None:
        self.journal, self.workspace, self.count = journal, workspace, 0

    @property
    def book(self) -> Book:
        return self.journal.state(self.workspace).book

    @property
    def now(self) -> datetime:
        return AT + timedelta(seconds=self.count)

    def do(self, command: Any, **more: Any) -> Decision:
        self.count += 1
        return self.journal.execute(self.workspace, command, self.now, **more)

    def trade(
        self, name: Any, action: str, qty: Any = None, fill: Any = 100, *,
        symbol: str = "BTC", policy: Policy = NO_RULES, inputs: PolicyInputs | None = None,
        mode: str = "paper", fee: Any = 0, require_cash: bool = False, **values: Any,
    ) -> Decision:  # fmt: skip
        values = {"workspace_id": self.workspace} | values
        intent = make_intent(name, action, qty, symbol, **values)
        found = fill if isinstance(fill, (NoPrice, Price)) else Price(price=amount(fill))
        return self.do(
            Execute(
                intent=intent, price=found, policy=policy, inputs=inputs or PolicyInputs(),
                mode=mode, fee_rate=amount(fee), require_cash=require_cash,
            )
        )  # fmt: skip

    def buy(self, name: Any, qty: Any, price: Any, **more: Any) -> Decision:
        return self.trade(name, "open_long", qty, price, **more)

    def close(self, name: Any, qty: Any, price: Any, **more: Any) -> Decision:
        return self.trade(name, "close_long", qty, price, **more)

    def open_spread(self, name: Any, credit: Any, qty: Any = 1, **more: Any) -> Decision:
        more = {"contract": CONDOR, "symbol": CONDOR.label} | more
        return self.trade(name, "open_spread", qty, credit, **more)

    def close_spread(self, name: Any, position_id: str, cost: Any, **more: Any) -> Decision:
        return self.trade(name, "close_spread", more.pop("qty", None), cost,
                          position_id=position_id, **more)  # fmt: skip

    def settle(self, position_id: str, value: float | None) -> Decision:
        return self.do(Settle(position_id=position_id, value=value))

    def evaluate(self, name: Any, action: str, qty: Any = None, **more: Any) -> Decision:
        intent = make_intent(name, action, qty, workspace_id=self.workspace)
        return self.do(Evaluate(intent=intent, **more))

    def switch(self, on: bool, scope: Scope = "all") -> Decision:
        return self.do(SetKillSwitch(on=on, scope=scope, why="test", who="tester"))

    def pause(self, paused: bool = True) -> Decision:
        return self.do(PauseStrategy(strategy_entity_id=STRATEGY, why="test", paused=paused))

    def reset(self) -> Decision:
        return self.do(Reset())

    def events(self, after: int = 0) -> list[Event]:
        return self.journal.events(self.workspace, after)

    def types(self, after: int = 0) -> list[str]:
        return [event.type for event in self.events(after)]
