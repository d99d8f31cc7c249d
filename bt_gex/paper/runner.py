"""The strategy runner: a specification, a snapshot and an account in, intents out.

It keeps nothing between evaluations and trades nothing; whoever calls it sends the intents to a
broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import NamedTuple
from uuid import UUID, uuid5

from bt_gex.errors import UnknownName
from bt_gex.paper.answers import PaperState
from bt_gex.paper.specs import (
    EvaluationFacts,
    ExecutionSpec,
    MarketSnapshot,
    StrategyEvaluation,
    price_of,
)
from bt_gex.rules.breakout import BreakoutDecision, BreakoutParams, HighHistory, decide_breakout
from bt_gex.trades.intent import Intent, IntentAction


class Held(NamedTuple):
    """What a strategy may know of the account: units of the symbol, open positions of all."""

    quantity: float
    open_positions: int


Strategy = Callable[[ExecutionSpec, MarketSnapshot, Held], BreakoutDecision]


def breakout_params(spec: ExecutionSpec) -> BreakoutParams:
    """The rule's parameters of a specification."""
    if spec.exit.type != "eod":
        raise UnknownName("exit type", spec.exit.type, ("eod",))
    return BreakoutParams(
        lookback_days=spec.entry.lookback_days,
        dollars_per_trade=spec.risk.dollars_per_trade,
        max_positions=spec.risk.max_positions,
        enabled=spec.enabled,
    )


def breakout_52w_high(
    spec: ExecutionSpec, snapshot: MarketSnapshot, held: Held
) -> BreakoutDecision:
    """Buy above the highest high of the bars before, sell all at the end of the session."""
    params = breakout_params(spec)
    history = HighHistory(params.lookback_days)
    last = len(snapshot.bars) - 1
    for row in range(max(0, last - params.lookback_days), last):
        history.push(snapshot.bars[row].high)
    return decide_breakout(
        last_price=price_of(snapshot),
        history=history,
        held_quantity=held.quantity,
        open_positions=held.open_positions,
        is_eod=snapshot.is_eod,
        params=params,
        high_52w=snapshot.high_52w,
    )


STRATEGIES: Mapping[str, Strategy] = {"breakout_52w_high": breakout_52w_high}


@dataclass(frozen=True, slots=True)
class StrategyRunner:
    """Evaluates specifications; strategies: by entry type."""

    strategies: Mapping[str, Strategy] = field(default_factory=lambda: STRATEGIES)

    def evaluate(
        self, spec: ExecutionSpec, snapshot: MarketSnapshot, state: PaperState
    ) -> StrategyEvaluation:
        """What the strategy of a specification wants at a snapshot, given the account.

        The same arguments give the same ids. Raises UnknownName for an entry type that is none.
        """
        if spec.entry.type not in self.strategies:
            raise UnknownName("entry type", spec.entry.type, self.strategies)
        evaluation_id = uuid5(spec.instance_id, f"{snapshot.symbol}|{snapshot.ts.isoformat()}")
        if snapshot.symbol not in spec.symbols:
            return StrategyEvaluation(
                spec_id=spec.instance_id,
                symbol=snapshot.symbol,
                ts=snapshot.ts,
                evaluation_id=evaluation_id,
                signals=("symbol_not_in_spec",),
            )
        decision = self.strategies[spec.entry.type](spec, snapshot, held_in(state, snapshot.symbol))
        return StrategyEvaluation(
            spec_id=spec.instance_id,
            symbol=snapshot.symbol,
            ts=snapshot.ts,
            evaluation_id=evaluation_id,
            intents=tuple(_intents(spec, snapshot, decision, evaluation_id)),
            signals=decision.signals,
            metadata=EvaluationFacts(
                high_52w=decision.high,
                last_price=decision.last_price,
                at_max_positions=decision.at_max_positions,
            ),
        )


def held_in(state: PaperState, symbol: str) -> Held:
    """What a strategy may know of an account."""
    own = state.positions.get(symbol)
    open_positions = sum(position.quantity > 0 for position in state.positions.values())
    return Held(own.quantity if own else 0.0, open_positions)


def _intents(
    spec: ExecutionSpec, snapshot: MarketSnapshot, decision: BreakoutDecision, evaluation_id: UUID
) -> Iterator[Intent]:
    if decision.action is None:
        return
    yield Intent(
        id=uuid5(evaluation_id, decision.action),
        correlation_id=str(evaluation_id),
        workspace_id=spec.workspace_id,
        action=IntentAction(decision.action),
        strategy_entity_id=spec.instance_id,
        symbol=snapshot.symbol,
        timeframe=spec.timeframe,
        created_at=snapshot.ts,
        quantity=Decimal(repr(decision.quantity)),
        price=Decimal(repr(decision.last_price)) if isfinite(decision.last_price) else None,
        reason=decision.reason,
    )
