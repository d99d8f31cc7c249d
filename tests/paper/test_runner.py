"""The strategy runner. Numbers G…: golden vectors of the original."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from paper.golden_bars import START, make_spec

from bt_gex.errors import BadValue, UnknownName
from bt_gex.journal.memory import MemoryJournal
from bt_gex.paper.answers import PaperState
from bt_gex.paper.broker import PaperBroker
from bt_gex.paper.runner import StrategyRunner
from bt_gex.paper.specs import (
    EntrySpec,
    ExecutionSpec,
    MarketSnapshot,
    OHLCVBar,
    StrategyEvaluation,
)
from bt_gex.rules.breakout import round_quantity
from bt_gex.trades.intent import Intent, IntentAction

LAST = 105.0


def bars(*highs: float, last: float = LAST, high: float | None = None) -> tuple[OHLCVBar, ...]:
    values = [*highs, high or last]
    return tuple(
        OHLCVBar(ts=START + timedelta(days=n), open=90, high=h, low=80, close=last, volume=1)
        for n, h in enumerate(values)
    )


def snapshot(*highs: float, last: float = LAST, **more: Any) -> MarketSnapshot:
    found = bars(*(highs or (100.0, 102.0)), last=last, high=more.pop("high", None))
    values = {"symbol": "BTC", "ts": found[-1].ts, "timeframe": "daily", "bars": found} | more
    return MarketSnapshot(**values)


def account(spec: ExecutionSpec, **held: float) -> PaperState:
    """An account that holds these units."""
    broker = PaperBroker(journal=MemoryJournal(), clock=lambda: START)
    for n, (symbol, quantity) in enumerate(held.items()):
        intent = Intent(
            id=spec.instance_id.__class__(int=n + 1),
            correlation_id="made",
            workspace_id=spec.workspace_id,
            action=IntentAction.OPEN_LONG,
            strategy_entity_id=spec.instance_id,
            symbol=symbol,
            timeframe="daily",
            created_at=START,
            quantity=Decimal(repr(quantity)),
        )
        assert broker.execute(intent, 100.0).success
    return broker.state(spec.workspace_id)


def evaluate(
    shot: MarketSnapshot | None = None, spec: ExecutionSpec | None = None, **held: float
) -> StrategyEvaluation:
    chosen = spec or make_spec()
    return StrategyRunner().evaluate(chosen, shot or snapshot(), account(chosen, **held))


def test_g32_a_breakout_opens() -> None:
    found = evaluate()
    (intent,) = found.intents
    assert (intent.action, intent.quantity) == (IntentAction.OPEN_LONG, Decimal("9.52380952"))
    assert intent.reason is not None
    assert "Breakout:" in intent.reason
    assert intent.correlation_id == str(found.evaluation_id)
    assert (intent.strategy_entity_id, intent.workspace_id) == (
        make_spec().instance_id,
        make_spec().workspace_id,
    )
    assert found.metadata.high_52w == 102.0


def test_g33_g34_no_breakout_and_no_second_entry() -> None:
    assert evaluate(snapshot(last=101.0)).intents == ()
    assert evaluate(BTC=10.0).intents == ()


def test_g35_g36_the_end_of_the_session() -> None:
    found = evaluate(snapshot(is_eod=True), BTC=10.0)
    (intent,) = found.intents
    assert (intent.action, intent.quantity, intent.reason) == (
        IntentAction.CLOSE_LONG,
        Decimal(10),
        "EOD exit",
    )
    assert "eod_exit_triggered" in found.signals
    assert evaluate(snapshot(last=101.0, is_eod=True)).intents == ()


def test_g37_the_current_bar_is_no_history() -> None:
    spec = make_spec(lookback=5)
    found = evaluate(snapshot(100.0, 102.0, 103.0, 104.0, high=110.0), spec)
    assert (found.metadata.high_52w, len(found.intents)) == (104.0, 1)


def test_g38_a_given_high_counts() -> None:
    assert evaluate(snapshot(high_52w=110.0)).intents == ()


def test_g39_a_full_account() -> None:
    spec = make_spec(most=2)
    found = evaluate(None, spec, ETH=1.0, SOL=1.0)
    assert (found.intents, found.metadata.at_max_positions) == ((), True)
    assert "entry_blocked_max_positions" in found.signals
    closing = evaluate(snapshot(is_eod=True), spec, BTC=1.0, ETH=1.0)
    assert [one.action for one in closing.intents] == [IntentAction.CLOSE_LONG]


def test_a_closed_position_fills_no_place() -> None:
    spec = make_spec(most=1)
    broker = PaperBroker(journal=MemoryJournal(), clock=lambda: START)
    for number, action in enumerate((IntentAction.OPEN_LONG, IntentAction.CLOSE_LONG)):
        intent = Intent(
            id=spec.instance_id.__class__(int=number),
            correlation_id="made",
            workspace_id=spec.workspace_id,
            action=action,
            strategy_entity_id=spec.instance_id,
            symbol="ETH",
            timeframe="daily",
            created_at=START,
            quantity=Decimal(1),
        )
        assert broker.execute(intent, 100.0).success
    found = StrategyRunner().evaluate(spec, snapshot(), broker.state(spec.workspace_id))
    assert len(found.intents) == 1


def test_g40_signals_of_what_is_not_traded() -> None:
    tiny = make_spec(dollars=1e-9)
    assert evaluate(None, tiny).signals[-1] == "entry_skipped_zero_qty"
    for last in (0.0, -1.0, math.nan):
        assert evaluate(snapshot(last_price=last)).signals == ("entry_skipped_invalid_price",)
    assert evaluate(None, make_spec(lookback=0)).signals == ("entry_skipped_no_history",)
    partial = evaluate(snapshot(100, 101, 102, 103, last=99.0), make_spec(lookback=252))
    assert partial.signals == ("lookback_partial_4_of_252",)
    assert evaluate(snapshot(symbol="ETH")).signals == ("symbol_not_in_spec",)


def test_g40_what_cannot_be_evaluated() -> None:
    spec = make_spec()
    other = spec.model_copy(update={"entry": EntrySpec(type="moonshot")})
    with pytest.raises(UnknownName, match="moonshot"):
        evaluate(None, other)
    two = bars(100.0)
    with pytest.raises(BadValue, match="at least 2 bars"):
        snapshot(bars=two[:1])
    with pytest.raises(BadValue, match="cannot exceed snapshot ts"):
        snapshot(bars=two, ts=START)
    with pytest.raises(BadValue, match="timezone-aware"):
        OHLCVBar(ts=datetime(2026, 1, 1), open=1, high=1, low=1, close=1, volume=1)
    with pytest.raises(BadValue, match="timezone-aware"):
        snapshot(ts=datetime(2030, 1, 1))


@pytest.mark.parametrize(
    ("quantity", "places", "expected"),
    [
        (0.123456789, 8, 0.12345678),
        (0.12999, 2, 0.12),
        (1e-9, 8, 0.0),
        (8.2, 8, 8.2),
        (3e-8, 8, 3e-8),
        (4.35, 2, 4.35),
    ],
)
def test_g41_quantities_are_rounded_down_as_written(
    quantity: float, places: int, expected: float
) -> None:
    assert round_quantity(quantity, places) == expected


def test_a_disabled_specification_only_closes() -> None:
    spec = make_spec().model_copy(update={"enabled": False})
    assert evaluate(None, spec).signals == ("spec_disabled",)
    assert len(evaluate(snapshot(is_eod=True), spec, BTC=1.0).intents) == 1


def test_the_same_evaluation_has_the_same_ids() -> None:
    one, other = evaluate(), evaluate()
    assert one == other
    later = snapshot(ts=datetime(2030, 1, 1, tzinfo=UTC))
    assert evaluate(later).evaluation_id != one.evaluation_id
