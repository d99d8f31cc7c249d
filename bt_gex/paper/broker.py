"""A paper broker: an intent and a price in, a journaled fill or a refusal out.

It decides nothing itself: `ledger.decide` does, on the state that the journal holds at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from uuid import UUID

from bt_gex.brokers.fills import HalfSpreadFill
from bt_gex.errors import UsageError
from bt_gex.journal.base import Journal, Query
from bt_gex.journal.records import event_of
from bt_gex.ledger.amounts import amount
from bt_gex.ledger.commands import (
    PAPER,
    Accepted,
    Command,
    Decision,
    Evaluate,
    Execute,
    Known,
    NoPrice,
    PauseStrategy,
    PolicyInputs,
    Price,
    Refused,
    Reset,
    SetKillSwitch,
    Settle,
    derived_ids,
    events_recorded,
)
from bt_gex.ledger.decide import decide
from bt_gex.ledger.encoding import request_hash
from bt_gex.ledger.events import (
    Event,
    IntentApproved,
    IntentRejected,
    LegFill,
    LongFilled,
    PolicyEvaluated,
    PositionClosed,
    PositionOpened,
    PositionScaled,
    Scope,
    SpreadFilled,
)
from bt_gex.ledger.fold import LedgerState
from bt_gex.market.contracts import LONG, SpreadContract
from bt_gex.market.quotes import clamp
from bt_gex.paper.answers import (
    ExecutionResult,
    PaperPosition,
    PaperState,
    PolicyAnswer,
    PositionAction,
    ReconciliationResult,
    long_answer,
    number,
    positions_of,
    reconciliation_answer,
    spread_answer,
    state_answer,
)
from bt_gex.paper.requests import LegQuote, QuotedFill
from bt_gex.rules.policy import Policy, PolicyState
from bt_gex.trades.intent import Intent, IntentAction

ACTIONS: dict[type, PositionAction] = {
    PositionOpened: "opened", PositionScaled: "scaled", PositionClosed: "closed",
}  # fmt: skip


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class PaperBroker:
    """Executes intents against a journal.

    policy        rules every intent must pass; the kill switch is asked whatever they are
    inputs        what the policy is told beyond the account
    fee_rate      dollars a unit, or a contract, leg and side of a spread
    require_cash  refuse what the buying power does not cover
    clock         gives the instant of each command, aware
    """

    journal: Journal
    policy: Policy = field(default_factory=Policy)
    inputs: PolicyInputs = field(default_factory=PolicyInputs)
    fee_rate: Decimal = Decimal(0)
    require_cash: bool = False
    clock: Callable[[], datetime] = utc_now

    def execute(
        self, intent: Intent, fill_price: Decimal | float | QuotedFill, mode: str = PAPER
    ) -> ExecutionResult:
        """Trade an intent at a price, whole or not at all.

        fill_price  dollars a unit; points of a spread; or quotes of its legs to fill it at

        A refusal is an answer with its error_code (docs/paper.md). Raises BadValue for an intent
        without sense, JournalError when nothing is known to be written; sent again, an intent is
        executed once.
        """
        price = self._price(intent, fill_price)
        command = Execute(
            intent=intent,
            price=price,
            policy=self.policy,
            inputs=self.inputs,
            mode=mode,
            fee_rate=self.fee_rate,
            require_cash=self.require_cash,
        )
        decision = self._do(intent.workspace_id, command)
        return self._answer(intent, decision)

    def evaluate(
        self, intent: Intent, given: PolicyState | None = None, *, dry_run: bool = False
    ) -> PolicyAnswer:
        """Ask the policy about an intent; trades nothing. Journaled unless dry_run.

        given  judge by these figures instead of the account's; a kill switch counts anyway
        """
        command = Evaluate(intent=intent, given=given, policy=self.policy, inputs=self.inputs)
        workspace, now, began = intent.workspace_id, self.clock(), perf_counter()
        if dry_run:
            known = Known(halts=self.journal.halts())
            ids = derived_ids(workspace, command)
            decision = decide(self.journal.state(workspace), command, now, ids, known)
        else:
            decision = self.journal.execute(workspace, command, now)
        return _policy_answer(decision.events, now, 1000 * (perf_counter() - began))

    def state(self, workspace_id: UUID) -> PaperState:
        """The account; a fresh one when nothing has happened to it."""
        return state_answer(self.journal.state(workspace_id))

    def positions(self, workspace_id: UUID) -> list[PaperPosition]:
        """What is held now."""
        held = positions_of(self.journal.state(workspace_id)).values()
        return [position for position in held if position.quantity > 0]

    def reconcile(self, workspace_id: UUID) -> ReconciliationResult:
        """Rebuild the account from its fills and compare; after a reset it is shown again."""
        return reconciliation_answer(
            workspace_id, self.journal.reconcile(workspace_id, self.clock())
        )

    def reset(self, workspace_id: UUID) -> None:
        """Show a fresh account; the events stay. Raises UsageError where that is forbidden."""
        decision = self._do(workspace_id, Reset())
        if isinstance(decision, Refused):
            raise UsageError(decision.error)

    def switch(self, workspace_id: UUID, on: bool, scope: Scope, *, why: str, who: str) -> None:
        """Set or lift a kill switch of a workspace."""
        self._do(workspace_id, SetKillSwitch(on=on, scope=scope, why=why, who=who))

    def pause(self, workspace_id: UUID, strategy: UUID, paused: bool, *, why: str) -> None:
        """Pause a strategy of a workspace, or let it go on."""
        self._do(workspace_id, PauseStrategy(strategy_entity_id=strategy, why=why, paused=paused))

    def settle(self, workspace_id: UUID, position_id: str, value: float | None) -> Decision:
        """Settle an open spread; value: points it is worth, None takes the entry back."""
        return self._do(workspace_id, Settle(position_id=position_id, value=value))

    def _do(self, workspace_id: UUID, command: Command) -> Decision:
        return self.journal.execute(workspace_id, command, self.clock())

    def _price(self, intent: Intent, given: Decimal | float | QuotedFill) -> Price | NoPrice:
        if not isinstance(given, QuotedFill):
            return Price(price=amount(given, "fill_price"))
        opening = intent.action is IntentAction.OPEN_SPREAD
        contract = intent.contract
        if not opening:
            held = self.journal.state(intent.workspace_id).book.spreads.get(
                intent.position_id or ""
            )
            contract = held.contract if held else contract
        if contract is None:  # the ledger says what is missing
            return Price(price=amount(1))
        return quoted_price(contract, given, opening=opening)

    def _answer(self, intent: Intent, decision: Decision) -> ExecutionResult:
        if isinstance(decision, Accepted):
            state = self.journal.state(intent.workspace_id)
            return _result(intent.id, intent.correlation_id, decision.events, state)
        result = ExecutionResult(
            success=False,
            intent_id=intent.id,
            events_recorded=events_recorded(decision),
            correlation_id=intent.correlation_id,
            error=decision.error,
            error_code=decision.code,
        )
        return self._repeated(intent, decision.prior, result) if decision.prior else result

    def _repeated(self, intent: Intent, prior: Event, result: ExecutionResult) -> ExecutionResult:
        """What is known of the first execution of an intent that is sent again."""
        emitted = self.journal.records(
            Query(
                workspace_id=intent.workspace_id,
                types=("intent_emitted",),
                intent_id=intent.id,
                newest=True,
                limit=1,
            )
        )
        same = [r.payload_json().get("request_hash") == request_hash(intent) for r in emitted]
        body = prior.body
        assert isinstance(body, (LongFilled, SpreadFilled))
        return result.model_copy(
            update={
                "correlation_id": prior.correlation_id,
                "order_id": prior.order_id,
                "fill_price": _fill_price(body),
                "request_matches": same[0] if same else None,
            }
        )

    def first_result(self, workspace_id: UUID, intent_id: UUID) -> ExecutionResult:
        """The answer that the execution of an intent once got, from the journal.

        Raises UsageError when it was not executed.
        """
        found = self.journal.records(Query(workspace_id=workspace_id, intent_id=intent_id))
        events = [event_of(record) for record in found]
        fill = next((event for event in events if event.type == "order_filled"), None)
        if fill is None:
            raise UsageError(f"intent {intent_id} was not executed in workspace {workspace_id}")
        batch = [event for event in events if event.batch == fill.batch]
        return _result(intent_id, fill.correlation_id, batch, None)


def quoted_price(contract: SpreadContract, given: QuotedFill, *, opening: bool) -> Price | NoPrice:
    """The net price of a spread at quotes of its legs; the cost of a close within 0 and the width.

    A leg without a valid quote makes no price. Raises UsageError for quotes of other legs.
    """
    model = HalfSpreadFill(entry_slippage=given.entry_slippage, exit_slippage=given.exit_slippage)
    quotes = {quote.leg: quote for quote in given.quotes}
    spread = contract.spread
    unknown = sorted(set(quotes) - {leg.label for leg in spread.legs})
    if unknown:
        raise UsageError(f"quote of {unknown[0]}, which is no leg of {contract.label}")
    total = 0.0
    fills: list[LegFill] = []
    for leg in spread.legs:
        quote = _valid(quotes.get(leg.label))
        if quote is None:
            return NoPrice(why=f"no quote: {leg.label}")
        bid, ask = quote
        price = model.price(bid, ask, bought=(leg.side == LONG) == opening, opening=opening)
        assert price is not None
        total -= leg.side * price
        fills.append(
            LegFill(
                symbol=contract.root,
                right=leg.right,
                strike=leg.strike,
                expiration=contract.expiration,
                side=leg.side,
                ratio=1,
                price=price,
                bid=bid,
                ask=ask,
            )
        )
    net = total if opening else clamp(total, spread.width)
    return Price(price=amount(net, "fill_price"), legs=tuple(fills))


def _valid(quote: LegQuote | None) -> tuple[float, float] | None:
    """Bid and ask of a quote that can be traded at; no bid is 0."""
    if quote is None or quote.ask is None or quote.ask <= 0:
        return None
    bid = quote.bid or 0.0
    return (bid, quote.ask) if bid <= quote.ask else None


def _result(
    intent_id: UUID, correlation_id: str | None, events: Sequence[Event], state: LedgerState | None
) -> ExecutionResult:
    """The answer to a filled intent; state: after the fill, for the position."""
    fill = next(e.body for e in events if isinstance(e.body, (LongFilled, SpreadFilled)))
    actions = [ACTIONS[type(e.body)] for e in events if type(e.body) in ACTIONS]
    return ExecutionResult(
        success=True,
        intent_id=intent_id,
        order_id=fill.order_id,
        fill_price=_fill_price(fill),
        quantity_filled=float(fill.qty),
        fees=float(fill.fees),
        position_action=actions[0],
        position=_position(fill, state) if state else None,
        events_recorded=events_recorded(Accepted(tuple(events))),
        correlation_id=correlation_id,
    )


def _policy_answer(events: Sequence[Event], now: datetime, took_ms: float) -> PolicyAnswer:
    bodies = [event.body for event in events]
    judged = next(body for body in bodies if isinstance(body, PolicyEvaluated))
    said = next(body for body in bodies if isinstance(body, (IntentApproved, IntentRejected)))
    return PolicyAnswer(
        approved=isinstance(said, IntentApproved),
        reason=said.reason,
        reason_details=said.reason_details,
        rules_evaluated=judged.rules_evaluated,
        rules_passed=judged.rules_passed,
        rules_failed=judged.rules_failed,
        modified_quantity=number(judged.modified_quantity),
        warnings=judged.warnings,
        evaluated_at=now,
        evaluation_ms=took_ms,
    )


def _fill_price(fill: LongFilled | SpreadFilled) -> float:
    return abs(fill.net) if isinstance(fill, SpreadFilled) else float(fill.fill_price)


def _position(fill: LongFilled | SpreadFilled, state: LedgerState) -> PaperPosition | None:
    """What is held after a fill; a closed spread is gone, as is what another process has reset."""
    name = state.workspace_id
    if isinstance(fill, LongFilled):
        long = state.book.longs.get(fill.symbol)
        return long_answer(name, long) if long else None
    held = state.book.spreads.get(fill.position_id)
    return spread_answer(name, held) if held else None
