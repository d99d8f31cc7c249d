"""Payloads as 0.1.0 stored them are read for ever: one history with every type of event."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bt_gex.errors import BadValue, LedgerError
from bt_gex.journal.records import Record, event_of
from bt_gex.journal.verify import verified
from bt_gex.ledger.decoding import CLASSES, body_of
from bt_gex.ledger.encoding import canonical, payload_of, plain, request_hash
from bt_gex.ledger.events import IntentEmitted, SpreadFilled, StrategyPaused
from bt_gex.ledger.fold import fold, fresh_state

SAMPLES = Path(__file__).with_name("samples_v1.jsonl")
WORKSPACE = UUID("11111111-1111-1111-1111-111111111111")


def samples() -> list[Record]:
    found = []
    for line in SAMPLES.read_text("utf-8").splitlines():
        values: dict[str, Any] = json.loads(line)
        found.append(Record(**(values | {"payload": canonical(values["payload"])})))
    return found


def test_every_type_has_a_sample() -> None:
    assert {record.type for record in samples()} == CLASSES.keys() | {"run_started"}


def test_samples_fold_to_what_they_were() -> None:
    """10,000 + 4.90 on a unit bought at 0.1 and sold at 5, + 630 − 5.20 for two condors."""
    state = fold(fresh_state(WORKSPACE, 1), (event_of(record) for record in samples()))
    assert (state.seq, state.epoch, state.profile) == (63, 2, "paper")
    assert (state.book.cash, state.book.realized_pnl) == (Decimal("10629.70"), Decimal("4.9"))
    (spread,) = state.book.spreads.values()
    assert (spread.credit, spread.quantity, spread.booked) == (3.15, 2, Decimal("624.80"))
    assert state.halted("entries")
    assert not state.halted("all")
    assert state.paused == frozenset()
    assert verified(WORKSPACE, samples()).ok


def test_samples_are_written_as_they_were_read() -> None:
    for record in samples():
        assert canonical(payload_of(event_of(record).body)) == record.payload


def test_an_intent_is_the_same_after_storing() -> None:
    intents = [e.body for e in map(event_of, samples()) if isinstance(e.body, IntentEmitted)]
    assert len(intents) == 9
    for body in intents:
        assert request_hash(body.intent) == body.request_hash
    changed = replace(intents[-1].intent, quantity=Decimal(7))
    assert request_hash(changed) != intents[-1].request_hash


def test_legs_come_back_with_their_quotes() -> None:
    fills = [e.body for e in map(event_of, samples()) if isinstance(e.body, SpreadFilled)]
    (leg,) = fills[-1].legs
    assert (leg.strike, leg.side, leg.price, leg.bid, leg.ask) == (6070.0, -1, 1.5, 1.25, 1.75)


def test_old_payloads_are_upcast_step_by_step() -> None:
    steps = {
        ("strategy_paused", -1): lambda payload: {"reason": payload["text"]},
        ("strategy_paused", 0): lambda payload: {"why": payload["reason"]},
    }
    body = body_of("strategy_paused", -1, {"text": "late"}, steps)
    assert body == StrategyPaused(why="late")


@pytest.mark.parametrize(
    ("kind", "version", "payload"),
    [("strategy_paused", 2, {"why": "x"}), ("strategy_paused", 0, {"why": "x"}),
     ("order_partially_filled", 1, {}), ("strategy_paused", 1, {}),
     ("strategy_paused", 1, {"why": "x", "who": "y"}), ("strategy_paused", 1, {"why": 5}),
     ("workspace_opened", 1, {"starting_equity": "NaN"}),
     ("order_filled", 1, {"position_id": "p"})],
)  # fmt: skip
def test_unknown_payloads_are_refused(kind: str, version: int, payload: dict[str, Any]) -> None:
    with pytest.raises(LedgerError):
        body_of(kind, version, payload)


def test_what_has_no_json_form_is_refused() -> None:
    for value in (float("nan"), Decimal("Infinity")):
        with pytest.raises(BadValue):
            plain(value)
    with pytest.raises(BadValue):
        canonical({"x": float("inf")})
    with pytest.raises(TypeError):
        plain(object())
