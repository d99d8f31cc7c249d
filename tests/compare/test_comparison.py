"""Matching, explaining and attributing: every figure worked out by hand, in dollars or cents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_gex.compare.attribution import PARTS, Terms, explain
from bt_gex.compare.comparison import Comparison, Side, compare, hours_apart, match

EXACT = Terms()
SETTINGS = {"exit.stop_loss": 0.1, "fills.exit_slippage": 1.0, "entry.max_open": None}


def trade(**other: Any) -> dict[str, Any]:
    """A put spread sold at 09:36 New York, stopped out for (2.35 - 2.80) x 100 = -45 dollars."""
    return {
        "order_id": "one",
        "index_symbol": "SPX",
        "expiration": "2026-01-12",
        "timestamp_entry": "2026-01-12T14:36:00+00:00",
        "timestamp_exit": "2026-01-12T14:38:30+00:00",
        "strategy": "PUT",
        "strikes": [6955.0, 6945.0],
        "entry_credit": 2.35,
        "exit_value": 2.80,
        "quantity": 1,
        "pnl_dollars": -45.0,
        "commission_dollars": 0.0,
        "exit_reason": "Stop Loss",
        "pin": 6985.0,
        "spot_entry": 6962.16,
        "vix_entry": 14.62,
        **other,
    }


def side(*trades: dict[str, Any], **other: Any) -> Side:
    """A run of SPX over 2026-01-12."""
    facts = {
        "name": "run",
        "trades": trades,
        "multiplier": 100,
        "index": "SPX",
        "settings": SETTINGS,
        "sessions": {"2026-01-12": "traded"},
        "fingerprint": "0123456789abcdef",
    }
    return Side(**{**facts, **other})


def listed(*trades: dict[str, Any]) -> Side:
    return Side(name="list.csv", trades=trades, multiplier=100)


def skip(**other: Any) -> dict[str, Any]:
    return {
        "session": "2026-01-12",
        "timestamp": "2026-01-12T14:36:00+00:00",
        "outcome": "skip",
        "reason": "too far from pin",
        **other,
    }


# ---------------------------------------------------------------------------------- what changed

OTHER_SPREAD = {"strikes": [6950.0, 6940.0], "pnl_dollars": 215.0}
LATER = {
    "timestamp_exit": "2026-01-12T14:45:00+00:00",
    "exit_reason": "Profit Target",
    "exit_value": 1.00,
    "pnl_dollars": 135.0,
}


@pytest.mark.parametrize(
    ("other", "cause", "what", "cents"),
    [
        ({"pin": 6980.0, **OTHER_SPREAD}, "input", "pin 6985 -> 6980", 26_000),
        (
            {"spot_entry": 6950.5, "vix_entry": 15.1, **OTHER_SPREAD},
            "input",
            "spot 6962.16 -> 6950.5, VIX 14.62 -> 15.1",
            26_000,
        ),
        (OTHER_SPREAD, "setup rule", "PUT 6955/6945 -> PUT 6950/6940", 26_000),
        ({"entry_credit": 2.40, "pnl_dollars": -40.0}, "entry fill", "credit 2.35 -> 2.4", 500),
        (
            LATER,
            "exit rule",
            "exit 09:38:30 -> 09:45:00, Stop Loss -> Profit Target",
            18_000,
        ),
        ({"exit_value": 2.70, "pnl_dollars": -35.0}, "exit fill", "exit value 2.8 -> 2.7", 1_000),
        ({"quantity": 2, "pnl_dollars": -90.0}, "size", "contracts 1 -> 2", -4_500),
        (
            {"commission_dollars": 2.60, "pnl_dollars": -47.60},
            "commission",
            "commission 0.00 -> 2.60 dollars",
            -260,
        ),
        ({"pnl_dollars": -30.0}, "not explained", "P&L -45.00 -> -30.00 dollars", 1_500),
    ],
)
def test_one_cause(other: dict[str, Any], cause: str, what: str, cents: int) -> None:
    changes, parts = explain(trade(), trade(**other), EXACT)
    assert changes[0] == (cause, what)
    assert parts == {cause: cents}


def test_the_same_trade() -> None:
    assert explain(trade(), trade(order_id="two"), EXACT) == ((), {})


def test_an_input_that_changes_nothing_else_is_a_change_without_money() -> None:
    changes, parts = explain(trade(), trade(pin=6980.0), EXACT)
    assert changes == (("input", "pin 6985 -> 6980"),)
    assert parts == {}


def test_several_causes_share_the_difference() -> None:
    """B: 3 contracts, (2.45 - 1.00) x 100 x 3 - 7.80 = 427.20, that is 472.20 more than A.

    Entry 0.10 and exit 1.80 points of A's one contract are 10 and 180; commission -7.80; the two
    further contracts made 145 each.
    """
    other = LATER | {"entry_credit": 2.45, "quantity": 3, "commission_dollars": 7.80}
    changes, parts = explain(trade(), trade(**other | {"pnl_dollars": 427.20}), EXACT)
    assert [cause for cause, _ in changes] == ["entry fill", "exit rule", "size", "commission"]
    assert parts == {"entry fill": 1_000, "exit rule": 18_000, "commission": -780, "size": 29_000}


def test_a_cent_of_rounding_goes_to_the_biggest_part() -> None:
    """At 10 dollars a point: -4.667 -> -4.67 and -4.664 -> -4.66, a cent for 0.0003 points."""
    terms = Terms(multipliers=(10.0, 10.0))
    one = trade(entry_credit=2.3333, pnl_dollars=-4.67)
    two = trade(entry_credit=2.3336, pnl_dollars=-4.66)
    assert explain(one, two, terms)[1] == {"entry fill": 1}


def test_another_multiplier_is_another_size() -> None:
    """The same prices at 10 dollars a point lose 4.50 instead of 45."""
    terms = Terms(multipliers=(100.0, 10.0))
    changes, parts = explain(trade(), trade(pnl_dollars=-4.50), terms)
    assert changes == (("size", "dollars a point 100 -> 10"),)
    assert parts == {"size": 4_050}


def test_an_unresolved_trade_is_named_and_its_dollars_are_not_lost() -> None:
    open_end = {"pnl_dollars": None, "exit_value": None, "exit_reason": "Unresolved"}
    changes, parts = explain(trade(), trade(**open_end), EXACT)
    assert changes == (
        ("exit rule", "Stop Loss -> Unresolved"),
        ("unresolved", "no P&L in B"),
    )
    assert parts == {"unresolved": 4_500}
    assert explain(trade(**open_end), trade(**open_end), EXACT) == ((), {})


def test_what_a_list_does_not_tell_is_not_compared() -> None:
    keys = ("order_id", "index_symbol", "expiration", "timestamp_entry", "pnl_dollars")
    short = {key: value for key, value in trade().items() if key in keys}
    assert explain(trade(), short, EXACT) == ((), {})
    assert explain(short, trade(), EXACT) == ((), {})


def test_a_list_that_tells_when_but_not_at_what_value() -> None:
    """Everything but the exit is the same, so the exit made all of the 180 dollars."""
    short = {key: value for key, value in trade(**LATER).items() if key != "exit_value"}
    assert explain(trade(), short, EXACT)[1] == {"exit rule": 18_000}


def test_reasons_in_other_letters_and_strikes_in_another_order_are_the_same() -> None:
    other = trade(exit_reason="STOP_LOSS", strikes=[6945.0, 6955.0])
    assert explain(trade(), other, EXACT) == ((), {})


def test_a_price_written_rounded_is_the_same_price() -> None:
    """2.025 and 0.975 written as 2.02 and 0.98; without the slack each would be half a dollar."""
    exact = trade(entry_credit=2.025, exit_value=0.975, pnl_dollars=105.0)
    written = trade(entry_credit=2.02, exit_value=0.98, pnl_dollars=105.0)
    slack = {"entry_credit": 0.005, "exit_value": 0.005}
    assert explain(exact, written, Terms(slack=slack)) == ((), {})
    changes, parts = explain(exact, written, EXACT)
    assert [cause for cause, _ in changes] == ["entry fill", "exit fill", "not explained"]
    assert parts == {"entry fill": -50, "exit fill": -50, "not explained": 100}


def test_exit_times_within_the_seconds_are_the_same() -> None:
    other = trade(timestamp_exit="2026-01-12T14:39:12+00:00")
    assert explain(trade(), other, Terms(within_s=60)) == ((), {})
    assert explain(trade(), other, Terms(within_s=41))[0] == (
        ("exit rule", "exit 09:38:30 -> 09:39:12"),
    )


# ---------------------------------------------------------------------------------- matching


def at(clock: str, **other: Any) -> dict[str, Any]:
    """A trade entered at this UTC time."""
    return trade(timestamp_entry=f"2026-01-12T{clock}+00:00", **other)


def test_two_runs_match_by_the_exact_time() -> None:
    a = [at("14:36:00"), at("15:00:00")]
    b = [at("14:36:01"), at("15:00:00")]
    assert match(a, b, 0) == ([(1, 1)], [0], [0])


def test_the_nearest_goes_first_and_each_only_once() -> None:
    a = [at("14:36:00"), at("14:37:00")]
    b = [at("14:36:50")]
    assert match(a, b, 60) == ([(1, 0)], [0], [])
    assert match(a, [*b, at("14:36:59")], 60) == ([(0, 0), (1, 1)], [], [])
    assert match(a, [at("14:38:00")], 60) == ([(1, 0)], [0], [])
    assert match(a, [at("14:38:01")], 60) == ([], [0, 1], [0])


def test_of_equal_times_the_same_strikes_belong_together() -> None:
    low, high = [6900.0, 6890.0], [6955.0, 6945.0]
    a = [at("14:36:00", strikes=low), at("14:36:00", strikes=high)]
    b = [at("14:36:00", strikes=high), at("14:36:00", strikes=low)]
    assert match(a, b, 0) == ([(0, 1), (1, 0)], [], [])


def test_another_index_or_session_never_matches() -> None:
    assert match([trade()], [trade(index_symbol="NDX")], 60) == ([], [0], [0])
    assert match([trade()], [trade(expiration="2026-01-13")], 60) == ([], [0], [0])


def test_times_of_another_zone() -> None:
    run = [at("14:36:00"), at("15:00:00"), at("15:30:00"), at("16:00:00")]
    late = [at("19:36:11"), at("20:00:01"), at("20:30:07"), at("21:00:11")]
    assert hours_apart(run, late, 60) == -5
    assert hours_apart(run, run, 60) is None
    assert hours_apart(run, [at("14:50:00"), at("15:10:00")], 60) is None
    assert hours_apart(run, [at("19:36:11", index_symbol="NDX")], 60) is None
    assert hours_apart(run, [], 60) is None


# ---------------------------------------------------------------------------------- as a whole


def test_two_equal_runs_are_identical() -> None:
    found = compare(side(trade()), side(trade()))
    assert found.identical
    assert (len(found.same), found.difference_cents, set(found.parts.values())) == (1, 0, {0})


@pytest.mark.parametrize(
    "other",
    [
        {"settings": SETTINGS | {"exit.stop_loss": 0.2}},
        {"fingerprint": "f" * 16},
        {"sessions": {"2026-01-12": "traded", "2026-01-13": "no data"}},
    ],
)
def test_runs_of_the_same_trades_on_other_terms_are_not_identical(other: dict[str, Any]) -> None:
    found = compare(side(trade()), side(trade(), **other))
    assert not found.identical
    assert len(found.same) == 1


def test_what_two_runs_do_not_share_is_said() -> None:
    days = {"2026-01-12": "no data", "2026-01-13": "traded"}
    found = compare(side(), side(index="NDX", sessions=days, fingerprint="fedcba9876543210"))
    assert found.coverage == [
        "other index: SPX in A, NDX in B",
        "1 session only in B: 2026-01-13",
        "no data for 2026-01-12 in B",
    ]


def test_what_a_run_does_not_cover_of_a_list_is_said() -> None:
    outside = trade(expiration="2026-01-13", timestamp_entry="2026-01-13T14:36:00+00:00")
    assert compare(side(), listed(trade(), outside)).coverage == [
        "1 of the list's 2 sessions A does not cover: 2026-01-13"
    ]
    more = {"2026-01-12": "traded", "2026-01-13": "traded"}
    assert compare(listed(trade()), side(sessions=more)).coverage == [
        "B covers 2 sessions, the list has trades on 1 of them: 2026-01-12"
    ]


def test_settings_are_named_where_they_can_be_the_cause() -> None:
    other = SETTINGS | {"exit.stop_loss": 0.25, "fills.exit_slippage": 0.0}
    found = compare(side(trade()), side(trade(**LATER), settings=other))
    assert found.settings == {"exit.stop_loss": (0.1, 0.25), "fills.exit_slippage": (1.0, 0.0)}
    assert found.pairs[0].settings == {"exit.stop_loss": (0.1, 0.25)}
    cheaper = trade(exit_value=2.70, pnl_dollars=-35.0)
    found = compare(side(trade()), side(cheaper, settings=other))
    assert found.pairs[0].settings == {"fills.exit_slippage": (1.0, 0.0)}


@pytest.mark.parametrize(
    ("other", "decided"),
    [
        (side(decisions=[skip()]), "skipped: too far from pin"),
        (side(decisions=[skip(timestamp="2026-01-12T15:00:00+00:00")]), "no check at that time"),
        (side(index="NDX"), "it is a run of NDX"),
        (side(sessions={"2026-01-12": "no data"}), "no data of 2026-01-12"),
        (side(sessions={}), "does not run 2026-01-12"),
    ],
)
def test_what_the_other_run_decided(other: Side, decided: str) -> None:
    found = compare(side(trade()), other)
    assert [lone.decided for lone in found.only_a] == [decided]
    assert found.parts["only in A"] == 4_500
    turned = compare(other, side(trade()))
    assert [lone.decided for lone in turned.only_b] == [decided]
    assert turned.parts["only in B"] == -4_500


def test_a_list_that_has_a_trade_twice() -> None:
    entered = skip(outcome="entry", strategy="PUT", strikes=[6955.0, 6945.0])
    found = compare(side(trade(), decisions=[entered]), listed(trade(), trade()), within_s=60)
    assert [lone.decided for lone in found.only_b] == [
        "entered PUT 6955/6945, matched with another trade"
    ]
    assert compare(side(trade()), listed()).only_a[0].decided == "not in the list"


def test_trades_without_a_profit_are_outside_the_totals() -> None:
    open_end = trade(pnl_dollars=None, exit_value=None)
    found = compare(side(trade()), side(open_end))
    assert (found.a.total_cents, found.b.total_cents) == (-4_500, 0)
    assert [len(one.unresolved) for one in (found.a, found.b)] == [0, 1]
    assert found.parts["unresolved"] == 4_500
    lone = compare(side(open_end), side())
    assert (len(lone.only_a), lone.difference_cents, lone.parts["only in A"]) == (1, 0, 0)


CENTS = st.integers(-100_000, 100_000).map(lambda cents: cents / 100)
POINTS = st.integers(1, 20_000).map(lambda points: points / 1_000)
ANY_TRADE = st.fixed_dictionaries(
    {
        "index_symbol": st.sampled_from(["SPX", "NDX"]),
        "timestamp_entry": st.sampled_from(
            [f"2026-01-12T15:{minute:02}:00+00:00" for minute in range(4)]
        ),
        "strikes": st.sampled_from([[6955.0, 6945.0], [6950.0, 6940.0]]),
        "entry_credit": POINTS,
        "pnl_dollars": st.none() | CENTS,
    },
    optional={
        "exit_value": st.none() | POINTS,
        "quantity": st.integers(1, 50),
        "commission_dollars": CENTS.map(abs),
        "exit_reason": st.sampled_from(["Stop Loss", "Profit Target"]),
        "pin": st.sampled_from([6980.0, 6985.0]),
    },
).map(lambda known: {"order_id": "any", "expiration": "2026-01-12", "strategy": "PUT", **known})
MANY = st.lists(ANY_TRADE, max_size=8)


@given(a=MANY, b=MANY, within=st.sampled_from([0, 60, 120]), other_multiplier=st.booleans())
def test_the_parts_sum_to_the_difference_to_the_cent(
    a: list[dict[str, Any]], b: list[dict[str, Any]], within: int, other_multiplier: bool
) -> None:
    one, two = side(*a), side(*b)
    if other_multiplier:
        two = replace(two, multiplier=10)
    found: Comparison = compare(one, two, within_s=within)
    totals = [
        sum(round(100 * t["pnl_dollars"]) for t in trades if t["pnl_dollars"] is not None)
        for trades in (a, b)
    ]
    assert sum(found.parts.values()) == totals[1] - totals[0] == found.difference_cents
    assert set(found.parts) == set(PARTS)
    assert len(found.pairs) + len(found.only_a) == len(a)
    assert len(found.pairs) + len(found.only_b) == len(b)
    assert all(pair.changes or not pair.parts for pair in found.pairs)


@given(trades=MANY)
def test_a_run_against_itself_is_identical(trades: list[dict[str, Any]]) -> None:
    found = compare(side(*trades), side(*trades))
    assert found.identical
    assert len(found.same) == len(trades)


def test_other_data_of_the_same_sessions_is_told_by_the_fingerprint() -> None:
    """It is of all their rows, whatever the settings."""

    def told(a: Side, b: Side) -> list[str]:
        return [s for s in compare(a, b).coverage if s.startswith("other data")]

    stop = {"settings": SETTINGS | {"exit.stop_loss": 0.2}}
    assert told(side(fingerprint="f"), side(fingerprint="f", **stop)) == []
    assert told(side(fingerprint="f"), side(fingerprint="g", **stop)) == [
        "other data: fingerprint f in A, g in B"
    ]


def test_other_data_of_other_sessions_is_told_by_what_both_have_seen() -> None:
    """The fingerprints differ anyhow, so index price, VIX and pin of the common ones are compared
    where they were read in the same way."""

    def side(days: int, seen: str, age: float = 120.0) -> Side:
        return Side(
            name="r", trades=[], multiplier=100, index="SPX", fingerprint=str(days),
            settings={"data.quote_max_age_s": age}, market={"2026-01-12": seen},
            sessions={f"2026-01-{12 + n}": "traded" for n in range(days)},
        )  # fmt: skip

    def told(a: Side, b: Side) -> list[str]:
        return [s for s in compare(a, b, within_s=0).coverage if s.startswith("other data")]

    assert told(side(1, "x"), side(2, "x")) == []
    assert told(side(1, "x"), side(2, "y")) == [
        "other data: index price, VIX or pin of 2026-01-12 are not the same"
    ]
    assert told(side(1, "x"), side(2, "y", age=60.0)) == []
