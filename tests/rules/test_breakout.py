"""Breakout: entries above the high before, exits that nothing blocks, ends of sessions."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pytest

from bt_gex.errors import BadValue
from bt_gex.rules.breakout import (
    BreakoutDecision,
    BreakoutParams,
    HighHistory,
    decide_breakout,
    first_evaluation,
    round_quantity,
    session_ends,
)
from bt_gex.rules.settings import validated


def history(*highs: float, lookback: int = 2) -> HighHistory:
    found = HighHistory(lookback)
    for high in highs:
        found.push(high)
    return found


def decide(last: float = 105.0, highs: tuple[float, ...] = (100.0, 102.0), **given: Any) -> Any:
    params = BreakoutParams(**{"lookback_days": 2, "dollars_per_trade": 1000, **given.pop("p", {})})
    return decide_breakout(
        **{
            "last_price": last,
            "history": history(*highs, lookback=params.lookback_days),
            "held_quantity": 0.0,
            "open_positions": 0,
            "is_eod": False,
            "params": params,
            **given,
        }
    )


def test_a_close_above_the_high_before_opens() -> None:
    assert decide() == BreakoutDecision(
        action="open_long",
        quantity=9.52380952,
        reason="Breakout: 105.00 > 52w high 102.00",
        signals=("breakout_entry_triggered",),
        high=102.0,
        last_price=105.0,
        at_max_positions=False,
    )


@pytest.mark.parametrize("last", [101.0, 102.0])
def test_at_or_below_the_high_there_is_no_entry(last: float) -> None:
    found = decide(last)
    assert (found.action, found.quantity, found.signals) == (None, 0.0, ())


def test_a_position_is_not_added_to() -> None:
    found = decide(held_quantity=10.0, open_positions=1)
    assert (found.action, found.signals) == (None, ())


def test_the_end_of_the_session_closes_the_whole_position() -> None:
    found = decide(held_quantity=10.0, open_positions=1, is_eod=True)
    assert (found.action, found.quantity, found.reason) == ("close_long", 10.0, "EOD exit")
    assert found.signals == ("eod_exit_triggered",)


def test_the_end_of_the_session_is_nothing_to_a_flat_account() -> None:
    assert decide(101.0, is_eod=True).action is None
    assert decide(is_eod=True).action == "open_long"  # held to the next end


def test_the_current_bar_is_no_history() -> None:
    """Highs 100, 102, 103, 104 before, the bar's own 110 not: 105 breaks out of 104."""
    found = decide(105.0, (100.0, 102.0, 103.0, 104.0), p={"lookback_days": 5})
    assert (found.action, found.high) == ("open_long", 104.0)
    assert found.signals == ("lookback_partial_4_of_5", "breakout_entry_triggered")


def test_the_high_of_a_provider_counts_instead() -> None:
    assert decide(high_52w=110.0).action is None
    assert decide(101.5, high_52w=101.0).action == "open_long"
    assert decide(105.0, (), high_52w=104.0).action == "open_long"


def test_only_the_look_back_counts() -> None:
    assert decide(101.0, (200.0, 100.0, 99.0)).action == "open_long"
    assert decide(101.0, (200.0, 100.0, 99.0), p={"lookback_days": 3}).action is None


def test_a_full_account_opens_nothing_and_closes_everything() -> None:
    found = decide(open_positions=2, p={"max_positions": 2})
    assert (found.action, found.quantity, found.at_max_positions) == (None, 0.0, True)
    assert found.signals == ("breakout_entry_triggered", "entry_blocked_max_positions")
    nothing = decide(101.0, open_positions=2, p={"max_positions": 2})
    assert (nothing.signals, nothing.at_max_positions) == ((), True)
    closing = decide(held_quantity=1.0, open_positions=2, is_eod=True, p={"max_positions": 2})
    assert closing.action == "close_long"
    assert decide(open_positions=1, p={"max_positions": 2}).action == "open_long"


@pytest.mark.parametrize("last", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_none_enters_nothing(last: float) -> None:
    found = decide(last)
    assert (found.action, found.signals) == (None, ("entry_skipped_invalid_price",))


def test_too_few_dollars_buy_nothing() -> None:
    found = decide(p={"dollars_per_trade": 1e-9})
    assert (found.action, found.signals) == (None, ("entry_skipped_zero_qty",))


def test_without_history_there_is_no_entry() -> None:
    for highs, lookback in (((), 2), ((100.0, 102.0), 0)):
        found = decide(105.0, highs, p={"lookback_days": lookback})
        assert (found.action, found.signals) == (None, ("entry_skipped_no_history",))
        assert found.high is None


def test_a_partial_look_back_is_said() -> None:
    found = decide(99.0, (100.0, 101.0, 102.0, 103.0), p={"lookback_days": 252})
    assert found.signals == ("lookback_partial_4_of_252",)


@pytest.mark.parametrize(
    "given",
    [
        {"last": 0.0},
        {"last": math.nan},
        {"highs": ()},
        {"p": {"enabled": False}},
        {"p": {"max_positions": 1}, "open_positions": 1},
    ],
    ids=str,
)
def test_nothing_blocks_an_exit(given: dict[str, Any]) -> None:
    """The original's exits stood behind the checks of an entry."""
    found = decide(**{"held_quantity": 3.0, "is_eod": True, **given})
    assert (found.action, found.quantity) == ("close_long", 3.0)


def test_a_disabled_rule_enters_nothing() -> None:
    found = decide(p={"enabled": False})
    assert (found.action, found.signals) == (None, ("spec_disabled",))


@pytest.mark.parametrize(
    ("quantity", "places", "rounded"),
    [
        (0.123456789, 8, 0.12345678),
        (0.12999, 2, 0.12),
        (1e-9, 8, 0.0),
        (8.2, 8, 8.2),
        (3e-8, 8, 3e-8),
        (0.29, 2, 0.29),
        (4.35, 2, 4.35),
        (1e12, 8, 1e12),
        (1e300, 8, 1e300),
    ],
)
def test_quantities_are_rounded_down_in_decimals(
    quantity: float, places: int, rounded: float
) -> None:
    assert round_quantity(quantity, places) == rounded


@pytest.mark.parametrize(
    ("lookback", "partial", "first"),
    [(252, False, 252), (2, False, 2), (1, False, 2), (0, False, 2), (252, True, 1)],
)
def test_the_first_evaluation(lookback: int, partial: bool, first: int) -> None:
    """A look-back of 2 leaves 8 evaluations of 10 bars."""
    params = BreakoutParams(lookback_days=lookback, allow_partial_lookback=partial)
    assert first_evaluation(params) == first


MONDAY = date(2026, 1, 12)


def test_each_session_ends_on_its_last_bar() -> None:
    days = [MONDAY, MONDAY, MONDAY + timedelta(1), MONDAY + timedelta(1), MONDAY + timedelta(2)]
    assert session_ends(days, BreakoutParams()) == [False, True, False, True, True]
    last = session_ends(days, BreakoutParams(eod="last_bar"))
    assert last == [False, False, False, False, True]
    assert session_ends([], BreakoutParams()) == []


def test_daily_bars_hold_from_one_end_to_the_next() -> None:
    """An entry at an end of session is not closed by the same end, and the bar that closes it opens
    nothing."""
    params = BreakoutParams(lookback_days=2, dollars_per_trade=1000)
    closes = [100.0, 100.0, 101.0, 102.0, 103.0, 103.0]
    ends = session_ends([MONDAY + timedelta(n) for n in range(6)], params)
    seen, before, held = [], HighHistory(2), 0.0
    for row, close in enumerate(closes):
        if row >= first_evaluation(params):
            found = decide_breakout(
                last_price=close,
                history=before,
                held_quantity=held,
                open_positions=int(held > 0),
                is_eod=ends[row],
                params=params,
            )
            seen.append(found.action)
            held = found.quantity if found.action == "open_long" else 0.0
        before.push(close)
    assert seen == ["open_long", "close_long", "open_long", "close_long"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lookback_days", -1),
        ("dollars_per_trade", 0),
        ("max_positions", 0),
        ("enabled", "maybe"),
        ("eod", "close"),
    ],
)
def test_ranges(name: str, value: Any) -> None:
    with pytest.raises(BadValue, match=f"breakout.{name} must be"):
        validated(BreakoutParams, {name: value}, "breakout")


def test_defaults() -> None:
    params = BreakoutParams()
    assert (params.lookback_days, params.max_positions, params.eod) == (252, 5, "session")
    assert (params.enabled, params.allow_partial_lookback) == (True, False)
