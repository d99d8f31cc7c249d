"""What a command does to a workspace: the events of one batch, or a refusal. Pure.

The order of the checks of an execution: mode and action, whether it was executed before, paused
strategy, policy on the present state, price, quantity, position, funds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bt_gex.errors import BadValue, UnknownName
from bt_gex.ledger.amounts import amount
from bt_gex.ledger.book import Book, booked
from bt_gex.ledger.commands import (
    PAPER,
    Accepted,
    Command,
    Decision,
    Evaluate,
    Execute,
    Ids,
    Known,
    PauseStrategy,
    PolicyInputs,
    Price,
    Reconcile,
    Refused,
    ReportRun,
    Reset,
    SetKillSwitch,
    Settle,
)
from bt_gex.ledger.encoding import plain, request_hash
from bt_gex.ledger.events import (
    RUN_TYPES,
    Body,
    EpochStarted,
    Event,
    Fill,
    IntentApproved,
    IntentEmitted,
    IntentRejected,
    KillSwitchActivated,
    KillSwitchDeactivated,
    OrderSubmitted,
    PolicyEvaluated,
    RunReported,
    SpreadFilled,
    StateReset,
    StrategyPaused,
    StrategyResumed,
    WorkspaceOpened,
)
from bt_gex.ledger.fold import LedgerState
from bt_gex.ledger.orders import SUPPORTED, Order, order_of
from bt_gex.ledger.positions import position_after
from bt_gex.rules.policy import KillSwitch, Policy, PolicyDecision, PolicyState, risk_budget
from bt_gex.trades.intent import Intent

Columns = dict[str, Any]


def decide(
    state: LedgerState, command: Command, now: datetime, ids: Ids, known: Known | None = None
) -> Decision:
    """The batch a command leads to on this state, or why it leads to none.

    now  aware; the instant the events are stamped with and days and expirations are judged by

    Raises BadValue when the command itself makes no sense.
    """
    if now.tzinfo is None:
        raise BadValue(f"the instant of a command must be aware, got {now}")
    batch = Batch(state, now.astimezone(UTC), known or Known())
    match command:
        case Execute():
            return _execute(batch, command, ids)
        case Evaluate():
            return _evaluate(batch, command)
        case Settle():
            return _settle(batch, command, ids)
        case SetKillSwitch():
            kind = KillSwitchActivated if command.on else KillSwitchDeactivated
            body = kind(scope=command.scope, why=command.why, who=command.who)
            return Accepted(batch.events([(body, {})]))
        case PauseStrategy():
            change = StrategyPaused if command.paused else StrategyResumed
            columns = {"strategy_entity_id": command.strategy_entity_id}
            return Accepted(batch.events([(change(why=command.why), columns)]))
        case Reset():
            return _reset(batch)
        case Reconcile():
            return Accepted(batch.events([(command.outcome, {})]) if state.seq else ())
        case ReportRun():
            if command.step not in RUN_TYPES:
                raise UnknownName("step of a run", command.step, RUN_TYPES)
            report = RunReported(step=command.step, facts=command.facts)
            return Accepted(batch.events([(report, {"correlation_id": command.correlation_id})]))


@dataclass(frozen=True, slots=True)
class Batch:
    """What the events of one command share."""

    state: LedgerState
    now: datetime
    known: Known

    def events(self, bodies: Sequence[tuple[Body, Columns]]) -> tuple[Event, ...]:
        """Numbered events of these bodies; the first of a workspace opens it."""
        state = self.state
        all_bodies = [*self._opening(), *bodies]
        first = state.seq + 1
        return tuple(
            Event(
                workspace_id=state.workspace_id,
                seq=first + n,
                batch=first,
                of=len(all_bodies),
                at=self.now,
                body=body,
                **columns,
            )
            for n, (body, columns) in enumerate(all_bodies)
        )

    def _opening(self) -> Iterator[tuple[Body, Columns]]:
        if self.state.seq == 0:
            equity, profile = self.known.starting_equity, self.known.profile
            yield WorkspaceOpened(starting_equity=equity, profile=profile), {}

    def epoch(self) -> Iterator[tuple[Body, Columns]]:
        """The event that begins a new book when the present one is hidden by a reset."""
        if self.state.hidden is not None:
            equity = self.state.book.starting_equity
            yield EpochStarted(epoch=self.state.epoch + 1, starting_equity=equity), {}

    def filled(self, fill: Fill, columns: Columns) -> list[tuple[Body, Columns]]:
        """A fill and the position after it. Raises LedgerError when the fill does not fit."""
        before: Book = self.state.book
        position = position_after(before, booked(before, fill), fill)
        return [(fill, columns), (position, columns)]


def _checked(command: Execute | Evaluate, state: LedgerState) -> None:
    """Raise BadValue for numbers that are none, instants without a zone, another's intent."""
    intent = command.intent
    if intent.workspace_id != state.workspace_id:
        raise BadValue(f"intent of workspace {intent.workspace_id} sent to {state.workspace_id}")
    numbers = ("quantity", "price", "stop_loss", "take_profit", "signal_strength")
    for name in numbers:
        value = getattr(intent, name)
        if value is not None:
            amount(value, name)
    if isinstance(command, Execute):
        amount(command.fee_rate, "fee_rate")
        if isinstance(command.price, Price):
            amount(command.price.price, "fill_price")
    if intent.created_at.tzinfo is None:
        raise BadValue(f"created_at must be aware, got {intent.created_at}")


def columns_of(intent: Intent, mode: str) -> Columns:
    """The columns all events about an intent carry."""
    return {
        "correlation_id": intent.correlation_id,
        "intent_id": intent.id,
        "strategy_entity_id": intent.strategy_entity_id,
        "symbol": intent.contract.label if intent.contract else intent.symbol,
        "timeframe": intent.timeframe,
        "mode": mode,
    }


def policy_state(
    state: LedgerState, intent: Intent, inputs: PolicyInputs, now: datetime, known: Known
) -> PolicyState:
    """What the rules may know: the account as folded, and what the caller adds."""
    today, book = state.today(now), state.book
    return PolicyState(
        kill_switch_active=state.halted("all") or "all" in known.halts,
        entries_halted=state.halted("entries") or "entries" in known.halts,
        trading_enabled=inputs.trading_enabled,
        account_equity=book.equity,
        daily_pnl=today.realized_pnl,
        max_drawdown_today=today.drawdown_pct,
        current_regime=inputs.current_regime,
        regime_distance_z=inputs.regime_distance_z,
        risk_budget_dollars=risk_budget(
            intent, inputs.eval_profile, inputs.risk_budget_dollars, book.equity, book.peak_equity
        ),
        risk_multiplier=inputs.risk_multiplier,
    )


def _judged(
    batch: Batch, policy: Policy, intent: Intent, known: PolicyState
) -> tuple[PolicyDecision, PolicyEvaluated]:
    if not any(rule.name == KillSwitch().name for rule in policy.rules):
        policy = policy.with_rule(KillSwitch())  # a kill switch holds whatever else is asked
    decision = policy.evaluate(intent, known)
    seen = plain(known)
    assert isinstance(seen, dict)
    return decision, PolicyEvaluated(
        rules_evaluated=decision.rules_evaluated,
        rules_passed=decision.rules_passed,
        rules_failed=decision.rules_failed,
        warnings=decision.warnings,
        modified_quantity=decision.modified_quantity,
        inputs={"state_seq": batch.state.seq, **seen},
    )


def _emitted(batch: Batch, intent: Intent) -> list[Body]:
    """The intent as received, unless this very one is in the journal already."""
    name = request_hash(intent)
    if batch.known.prior_hash == name:
        return []
    return [IntentEmitted(intent=intent, request_hash=name)]


def _answer(decision: PolicyDecision, mode: str) -> Body:
    if not decision.approved:
        return IntentRejected(
            reason=decision.reason,
            reason_details=decision.reason_details,
            rules_failed=decision.rules_failed,
            mode=mode,
        )
    return IntentApproved(
        reason=decision.reason,
        reason_details=decision.reason_details,
        mode=mode,
        modified_quantity=decision.modified_quantity,
    )


def _evaluate(batch: Batch, command: Evaluate) -> Decision:
    _checked(command, batch.state)
    known = policy_state(batch.state, command.intent, command.inputs, batch.now, batch.known)
    if command.given is not None:
        known = replace(
            command.given,
            kill_switch_active=known.kill_switch_active or command.given.kill_switch_active,
            entries_halted=known.entries_halted,
            risk_budget_dollars=known.risk_budget_dollars
            if command.given.risk_budget_dollars is None
            else command.given.risk_budget_dollars,
        )
    decision, evaluated = _judged(batch, command.policy, command.intent, known)
    emitted = IntentEmitted(intent=command.intent, request_hash=request_hash(command.intent))
    columns = columns_of(command.intent, command.mode)
    bodies: list[Body] = [emitted, evaluated, _answer(decision, command.mode)]
    return Accepted(batch.events([(body, columns) for body in bodies]))


def _execute(batch: Batch, command: Execute, ids: Ids) -> Decision:
    intent, mode, prior = command.intent, command.mode, batch.known.prior
    if mode != PAPER:
        return Refused(code="UNSUPPORTED_MODE", error="Only paper mode supported")
    if intent.action not in SUPPORTED:
        allowed = ", ".join(sorted(SUPPORTED))
        error = f"Unsupported action {intent.action.value}; supported: {allowed}"
        return Refused(code="UNSUPPORTED_ACTION", error=error)
    if prior is not None:
        error = f"Intent {intent.id} was executed by order {prior.order_id}"
        return Refused(code="ALREADY_EXECUTED", error=error, prior=prior)
    _checked(command, batch.state)
    columns = columns_of(intent, mode)
    bodies = _emitted(batch, intent)

    def refused(code: str, error: str, *more: Body) -> Refused:
        events = batch.events([(body, columns) for body in (*bodies, *more)])
        return Refused(code=code, error=error, events=events)

    if intent.strategy_entity_id in batch.state.paused:
        details = f"strategy {intent.strategy_entity_id} is paused"
        body = IntentRejected(reason="STRATEGY_PAUSED", reason_details=details, mode=mode)
        return refused("STRATEGY_PAUSED", f"Strategy {intent.strategy_entity_id} is paused", body)
    known = policy_state(batch.state, intent, command.inputs, batch.now, batch.known)
    decision, evaluated = _judged(batch, command.policy, intent, known)
    bodies += [evaluated, _answer(decision, mode)]
    if not decision.approved:
        return refused("POLICY_REJECTED", f"Policy rejected: {decision.reason}")
    order = order_of(batch.state.book, command, decision.modified_quantity, batch.now)
    if not isinstance(order, Order):
        return refused(order.error_code, order.error, order)
    columns |= {"symbol": order.symbol}
    placed = columns | {"order_id": ids.order_id}
    fill = order.fill(ids.order_id, intent.id, batch.now, mode)
    position_id = order.position_id or f"{batch.state.workspace_id}:{order.symbol}"
    if isinstance(fill, SpreadFilled):
        position_id = fill.position_id
    submitted = OrderSubmitted(
        action=intent.action.value, quantity=order.quantity, legs=order.leg_names
    )
    trail: list[tuple[Body, Columns]] = [(body, columns) for body in bodies]
    trail.append((submitted, placed))
    done = batch.filled(fill, placed | {"position_id": position_id})
    return Accepted(batch.events([*batch.epoch(), *trail, *done]))


def _settle(batch: Batch, command: Settle, ids: Ids) -> Decision:
    prior = batch.known.prior
    if prior is not None:
        error = f"Position {command.position_id} was settled by order {prior.order_id}"
        return Refused(code="ALREADY_EXECUTED", error=error, prior=prior)
    position = batch.state.book.spreads.get(command.position_id)
    if position is None:
        return Refused(code="NO_POSITION", error=f"No open spread {command.position_id}")
    value = position.credit if command.value is None else command.value
    width = position.contract.spread.width
    if not 0.0 <= value <= width:
        return Refused(
            code="INVALID_FILL_PRICE", error=f"Invalid value {value}; allowed: 0 to {width:g}"
        )
    fill = SpreadFilled(
        kind="void" if command.value is None else "settlement",
        order_id=ids.order_id,
        position_id=command.position_id,
        contract=position.contract,
        side="buy",
        qty=position.quantity,
        net=0.0 - value,
        fees=0.0,
        ts=batch.now,
        legs=command.legs,
    )
    columns = {
        "order_id": ids.order_id,
        "position_id": command.position_id,
        "symbol": position.contract.label,
        "mode": PAPER,
        "correlation_id": command.position_id,
    }
    return Accepted(batch.events(batch.filled(fill, columns)))


def _reset(batch: Batch) -> Decision:
    if "production" in (batch.state.profile, batch.known.profile):
        return Refused(code="RESET_FORBIDDEN", error="A workspace in production cannot be reset")
    return Accepted(batch.events([(StateReset(), {})]) if batch.state.seq else ())
