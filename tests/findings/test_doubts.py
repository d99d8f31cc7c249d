"""Each doubt appears when there is reason for it, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.findings.doubts import Doubt, warnings

SESSION = {"session": "2026-01-12", "status": "traded", "quality": {"quote rows": 1000}}


def doubts(**given: Any) -> list[Doubt]:
    """Doubts about three winners and two losers on clean data, with the given changes."""
    summary = {"total_trades": 5, "winners": 3} | given.get("summary", {})
    funnel = {
        "checks": 12,
        "skips": 7,
        "skips_by_kind": {"too far from pin": 7},
        "unpriced_bars": 0,
        "clamped": 0,
    } | given.get("funnel", {})
    trade = {
        "pnl_dollars": 10.0,
        "time_alive_minutes": 15.0,
        "exit_reason": "Stop Loss",
        "flags": [],
    }
    trades = [trade] * 4 + [trade | given.get("trade", {})]
    sessions = given.get("sessions", [SESSION])
    return warnings(summary, funnel, sessions, given.get("drawdown", 110.0), trades=trades)


def test_an_ordinary_result_raises_none() -> None:
    assert doubts() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"summary": {"winners": 5}}, "All 5 trades won"),
        ({"drawdown": 0.0}, "never fell below an earlier high in 5 trades"),
        (
            {"trade": {"time_alive_minutes": 0.0, "exit_reason": "Profit Target"}},
            "1 of 5 trades (20.0 %) closed in the minute",
        ),
        (
            {"trade": {"time_alive_minutes": 0.5}},
            "1 of 5 trades (20.0 %) stopped out on the first bar",
        ),
        ({"trade": {"flags": ["stale_settlement"]}}, "1 of 5 trades (20.0 %) settled on an index"),
        ({"trade": {"flags": ["parity_settlement"]}}, "1 of 5 trades (20.0 %) settled on a price"),
        (
            {"trade": {"pnl_dollars": None, "exit_reason": "Unresolved"}},
            "1 of 5 trades (20.0 %) could not be resolved",
        ),
        (
            {
                "trade": {
                    "pnl_dollars": -5.0,
                    "leg_quotes": [[5.0, 5.2, 3.0, 3.1], [1.0, 1.2, 0.0, 0.5]],
                }
            },
            "1 of 5 trades (20.0 %) opened or closed on a bar on which a leg had no bid and an ask "
            "of 0.50 or more, so that its mid was half its ask: they made -$5.00, all others "
            "together +$40.00.",
        ),
        (
            {"trade": {"leg_quotes": [[0, 2.0, None, None], [0.0, 0.1, None, None]]}},
            "they made +$10.00, all others together +$40.00.",
        ),
        (
            {"trade": {"pnl_dollars": -5.0, "exit_reason": "Profit Target"}},
            "1 of 1 trade (100.0 %) closed at the profit target lost money",
        ),
        (
            {"funnel": {"clamped": 2}, "trade": {"flags": ["clamped_exit"]}},
            "2 spread prices lay outside 0 to width and had to be clamped: the quotes of the legs "
            "contradict each other there; the 1 trade made +$10.00.",
        ),
        # 5 trades of 15 minutes are 150 bars
        ({"funnel": {"unpriced_bars": 90}}, "not be priced on 90 of 150 bars (60.0 %)"),
        ({"funnel": {"clamped": 1}}, "1 spread price lay outside 0 to width"),
        (
            {"sessions": [SESSION, {**SESSION, "status": "no data"}]},
            "1 of 2 sessions (50.0 %) had no data (2026-01-12)",
        ),
        (
            {"sessions": [{**SESSION, "quality": {"quote rows": 1000, "crossed": 120}}]},
            "120 of 1,000 recorded quotes (12.0 %) have the fault 'crossed'",
        ),
        (
            {"sessions": [{**SESSION, "quality": {"quote rows": 1000, "duplicate quotes": 300}}]},
            "300 of 1,000 recorded quotes (30.0 %) have the fault 'duplicate quotes'",
        ),
        (
            {"funnel": {"skips_by_kind": {"no quote": 4, "too far from pin": 3}}},
            "4 of 12 checks (33.3 %) failed for want of data (no quote 4)",
        ),
        (
            {"funnel": {"skips": 11, "skips_by_kind": {"too far from pin": 11}}},
            "11 of 12 checks (91.7 %) made no entry, most often for 'too far from pin' (11)",
        ),
    ],
)
def test_says_what_and_how_many(given: dict[str, Any], said: str) -> None:
    (doubt,) = doubts(**given)
    assert said in doubt.what
    assert ": " in doubt.what  # what: why it matters
    assert doubt.what.endswith(".")
    assert doubt.next_step.endswith(".")
    assert str(doubt) == f"{doubt.what} {doubt.next_step}"


@pytest.mark.parametrize(
    "given",
    [
        {"summary": {"total_trades": 4, "winners": 4}, "drawdown": 0.0},
        {"funnel": {"unpriced_bars": 15}},
        {"trade": {"time_alive_minutes": 1.0}},
        {"trade": {"time_alive_minutes": 0.5, "exit_reason": "Profit Target"}},
        {"sessions": [{**SESSION, "quality": {"quote rows": 1000, "crossed": 10}}]},
        {"funnel": {"checks": 11, "skips": 11}},
        {"trade": {"leg_quotes": [[0.05, 0.1, 0.0, 0.45], [None, None, None, None]]}},
        {"trade": {"pnl_dollars": 0.0, "exit_reason": "Profit Target"}},
        {"sessions": []},
    ],
)
def test_little_is_no_reason_for_doubt(given: dict[str, Any]) -> None:
    assert doubts(**given) == []
