"""Matching, explaining and attributing: every figure worked out by hand, in dollars or cents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports.report_fakes import LOST
from typed_records import decision

from bt_gex.compare.attribution import Cause, Tolerances, explain
from bt_gex.compare.comparison import Comparison, compare
from bt_gex.compare.matching import hours_apart, match
from bt_gex.compare.records import ComparedTrade, Rounding, Side, compared, same_legs
from bt_gex.trades.records import Decision

EXACT = Tolerances()
MONDAY, TUESDAY = date(2026, 1, 12), date(2026, 1, 13)
SETTINGS = {"exit.stop_loss": 0.1, "fills.exit_slippage": 1.0, "entry.max_open": None}


def utc(clock: str, day: date = MONDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def trade(**other: Any) -> ComparedTrade:
    """A put spread sold at 09:36 New York, stopped out for (2.35 - 2.80) x 100 = -45 dollars."""
    known: dict[str, Any] = {
        "order_id": "one",
        "index_symbol": "SPX",
        "session": MONDAY,
        "timestamp_entry": utc("14:36:00"),
        "timestamp_exit": utc("14:38:30"),
        "strategy": "PUT",
        "strikes": (6955.0, 6945.0),
        "entry_credit": 2.35,
        "exit_value": 2.80,
        "quantity": 1,
        "pnl_dollars": -45.0,
        "commission_dollars": 0.0,
        "exit_reason": "Stop Loss",
        "pin": 6985.0,
        "spot_entry": 6962.16,
        "vix_entry": 14.62,
    }
    return ComparedTrade(**known | other)


def side(*trades: ComparedTrade, **other: Any) -> Side:
    """A run of SPX over 2026-01-12."""
    facts: dict[str, Any] = {
        "name": "run",
        "trades": trades,
        "multiplier": 100,
        "index": "SPX",
        "settings": SETTINGS,
        "sessions": {MONDAY: "traded"},
        "fingerprint": "0123456789abcdef",
    }
    return Side(**facts | other)


def listed(*trades: ComparedTrade) -> Side:
    return Side(name="list.csv", trades=trades, multiplier=100)


def check(**other: Any) -> Decision:
    """Of 09:36 New York, skipped."""
    known: dict[str, Any] = {
        "index_symbol": "SPX",
        "session": "2026-01-12",
        "timestamp": "2026-01-12T14:36:00+00:00",
        "time_et": "09:36",
        "outcome": "skip",
        "kind": "too far from pin",
        "reason": "too far from pin",
        **dict.fromkeys(("pin", "spot", "vix", "strategy", "distance", "width", "credit")),
        "strikes": [],
        "quantity": 0,
        "order_id": "",
    }
    return decision(known | other)


# ---------------------------------------------------------------------------------- what changed

OTHER_SPREAD = {"strikes": (6950.0, 6940.0), "pnl_dollars": 215.0}
LATER = {
    "timestamp_exit": utc("14:45:00"),
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
    one = trade(entry_credit=2.3333, pnl_dollars=-4.67)
    two = trade(entry_credit=2.3336, pnl_dollars=-4.66)
    assert explain(one, two, EXACT, (10.0, 10.0))[1] == {"entry fill": 1}


def test_another_multiplier_is_another_size() -> None:
    """The same prices at 10 dollars a point lose 4.50 instead of 45."""
    changes, parts = explain(trade(), trade(pnl_dollars=-4.50), EXACT, (100.0, 10.0))
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
    short = ComparedTrade(
        order_id="line 2",
        index_symbol="SPX",
        session=MONDAY,
        timestamp_entry=utc("14:36:00"),
        pnl_dollars=-45.0,
    )
    assert explain(trade(), short, EXACT) == ((), {})
    assert explain(short, trade(), EXACT) == ((), {})


def test_a_list_that_tells_when_but_not_at_what_value() -> None:
    """Everything but the exit is the same, so the exit made all of the 180 dollars."""
    assert explain(trade(), trade(**LATER | {"exit_value": None}), EXACT)[1] == {
        "exit rule": 18_000
    }


def test_how_many_contracts_a_list_has_is_told_by_the_run() -> None:
    """0.05 points of the run's 2 contracts are 10 dollars, whichever side the list is."""
    two = {"quantity": 2, "pnl_dollars": -90.0}
    short = trade(quantity=None, entry_credit=2.40, pnl_dollars=-80.0)
    assert explain(trade(**two), short, EXACT)[1] == {"entry fill": 1_000}
    assert explain(short, trade(**two), EXACT)[1] == {"entry fill": -1_000}


def test_reasons_in_other_letters_and_strikes_in_another_order_are_the_same() -> None:
    other = trade(exit_reason="STOP_LOSS", strikes=(6945.0, 6955.0))
    assert explain(trade(), other, EXACT) == ((), {})


def test_a_price_written_rounded_is_the_same_price() -> None:
    """2.025 and 0.975 written as 2.02 and 0.98; without rounding each would be half a dollar."""
    exact = trade(entry_credit=2.025, exit_value=0.975, pnl_dollars=105.0)
    written = trade(entry_credit=2.02, exit_value=0.98, pnl_dollars=105.0)
    rounding = Rounding(entry_credit=0.005, exit_value=0.005)
    assert explain(exact, written, Tolerances(rounding=rounding)) == ((), {})
    changes, parts = explain(exact, written, EXACT)
    assert [cause for cause, _ in changes] == ["entry fill", "exit fill", "not explained"]
    assert parts == {"entry fill": -50, "exit fill": -50, "not explained": 100}


def test_exit_times_within_the_seconds_are_the_same() -> None:
    other = trade(timestamp_exit=utc("14:39:12"))
    assert explain(trade(), other, Tolerances(within_s=60)) == ((), {})
    assert explain(trade(), other, Tolerances(within_s=41))[0] == (
        ("exit rule", "exit 09:38:30 -> 09:39:12"),
    )


# ---------------------------------------------------------------------------------- matching


def at(clock: str, **other: Any) -> ComparedTrade:
    """A trade entered at this UTC time."""
    return trade(timestamp_entry=utc(clock), **other)


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
    low, high = (6900.0, 6890.0), (6955.0, 6945.0)
    a = [at("14:36:00", strikes=low), at("14:36:00", strikes=high)]
    b = [at("14:36:00", strikes=high), at("14:36:00", strikes=low)]
    assert match(a, b, 0) == ([(0, 1), (1, 0)], [], [])


def test_another_index_or_session_never_matches() -> None:
    assert match([trade()], [trade(index_symbol="NDX")], 60) == ([], [0], [0])
    assert match([trade()], [trade(session=TUESDAY)], 60) == ([], [0], [0])


MOMENTS = st.integers(0, 240).map(lambda s: utc("15:00:00") + timedelta(seconds=s))
ENTRIES = st.lists(
    st.builds(
        trade,
        timestamp_entry=MOMENTS,
        strikes=st.sampled_from([(), (6955.0, 6945.0), (6945.0, 6955.0), (6950.0, 6940.0)]),
        index_symbol=st.sampled_from(["SPX", "NDX"]),
    ),
    max_size=12,
)


@given(a=ENTRIES, b=ENTRIES, within_s=st.sampled_from([0, 1, 30, 240]))
def test_matching_takes_the_best_of_all_pairs_again_and_again(
    a: list[ComparedTrade], b: list[ComparedTrade], within_s: int
) -> None:
    """Against every pair tried: the nearest, then the same spread, then the first."""
    possible = sorted(
        (abs(two.timestamp_entry - one.timestamp_entry), not same_legs(one.legs, two.legs),
         one.timestamp_entry, place, other)
        for place, one in enumerate(a)
        for other, two in enumerate(b)
        if one.index_symbol == two.index_symbol
        and abs(two.timestamp_entry - one.timestamp_entry) <= timedelta(seconds=within_s)
    )  # fmt: skip
    pairs: list[tuple[int, int]] = []
    for *_, place, other in possible:
        if all(place != one and other != two for one, two in pairs):
            pairs.append((place, other))
    found = match(a, b, within_s)
    assert found.pairs == sorted(pairs)
    assert sorted([*found.only_a, *(one for one, _ in pairs)]) == list(range(len(a)))
    assert sorted([*found.only_b, *(two for _, two in pairs)]) == list(range(len(b)))


def test_the_seconds_are_exact_to_the_microsecond() -> None:
    a = [trade(timestamp_entry=utc("14:36:00.000001"))]
    assert match(a, [trade(timestamp_entry=utc("14:37:00.000001"))], 60).pairs == [(0, 0)]
    assert match(a, [trade(timestamp_entry=utc("14:37:00.000002"))], 60).pairs == []


def test_times_of_another_zone() -> None:
    run = [at("14:36:00"), at("15:00:00"), at("15:30:00"), at("16:00:00")]
    late = [at("19:36:11"), at("20:00:01"), at("20:30:07"), at("21:00:11")]
    assert hours_apart(run, late, 60) == -5
    assert hours_apart(run, run, 60) is None
    assert hours_apart(run, [at("14:50:00"), at("15:10:00")], 60) is None
    assert hours_apart(run, [at("19:36:11", index_symbol="NDX")], 60) is None
    assert hours_apart(run, [], 60) is None
    assert hours_apart(run[:2], late, 60) == -5  # half of the list
    assert hours_apart(run[:1], late, 60) is None


def test_what_is_compared_of_a_runs_trade() -> None:
    assert compared(LOST) == trade(order_id="SPX-lost")


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
        {"sessions": {MONDAY: "traded", TUESDAY: "no data"}},
    ],
)
def test_runs_of_the_same_trades_by_other_settings_or_data_are_not_identical(
    other: dict[str, Any],
) -> None:
    found = compare(side(trade()), side(trade(), **other))
    assert not found.identical
    assert len(found.same) == 1


def test_what_two_runs_do_not_share_is_said() -> None:
    days = {MONDAY: "no data", TUESDAY: "traded"}
    found = compare(side(), side(index="NDX", sessions=days, fingerprint="fedcba9876543210"))
    assert found.coverage == [
        "other index: SPX in A, NDX in B",
        "1 session only in B: 2026-01-13",
        "no data for 2026-01-12 in B",
    ]


def test_what_a_run_does_not_cover_of_a_list_is_said() -> None:
    outside = trade(session=TUESDAY, timestamp_entry=utc("14:36:00", TUESDAY))
    assert compare(side(), listed(trade(), outside)).coverage == [
        "1 of the list's 2 sessions A does not cover: 2026-01-13"
    ]
    more = {MONDAY: "traded", TUESDAY: "traded"}
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
        (side(decisions=[check()]), "skipped: too far from pin"),
        (side(decisions=[check(timestamp="2026-01-12T15:00:00+00:00")]), "no check at that time"),
        (side(index="NDX"), "it is a run of NDX"),
        (side(sessions={MONDAY: "no data"}), "no data of 2026-01-12"),
        (side(sessions={}), "does not run 2026-01-12"),
    ],
)
def test_what_the_other_run_decided(other: Side, decided: str) -> None:
    found = compare(side(trade()), other)
    assert [one.decided for one in found.only_a] == [decided]
    assert found.parts[Cause.ONLY_A] == 4_500
    turned = compare(other, side(trade()))
    assert [one.decided for one in turned.only_b] == [decided]
    assert turned.parts[Cause.ONLY_B] == -4_500


def test_a_list_that_has_a_trade_twice() -> None:
    entered = check(outcome="entry", strategy="PUT", strikes=[6955.0, 6945.0])
    found = compare(side(trade(), decisions=[entered]), listed(trade(), trade()), within_s=60)
    assert [one.decided for one in found.only_b] == [
        "entered PUT 6955/6945, matched with another trade"
    ]
    assert compare(side(trade()), listed()).only_a[0].decided == "not in the list"


def test_trades_without_a_profit_are_outside_the_totals() -> None:
    open_end = trade(pnl_dollars=None, exit_value=None)
    found = compare(side(trade()), side(open_end))
    assert (found.a.total_cents, found.b.total_cents) == (-4_500, 0)
    assert [len(one.unresolved) for one in (found.a, found.b)] == [0, 1]
    assert found.parts[Cause.UNRESOLVED] == 4_500
    alone = compare(side(open_end), side())
    assert (len(alone.only_a), alone.difference_cents, alone.parts[Cause.ONLY_A]) == (1, 0, 0)


CENTS = st.integers(-100_000, 100_000).map(lambda cents: cents / 100)
POINTS = st.integers(1, 20_000).map(lambda points: points / 1_000)
ANY_TRADE = st.builds(
    ComparedTrade,
    order_id=st.just("any"),
    session=st.just(MONDAY),
    index_symbol=st.sampled_from(["SPX", "NDX"]),
    timestamp_entry=st.sampled_from([utc(f"15:{minute:02}:00") for minute in range(4)]),
    timestamp_exit=st.none(),
    strategy=st.just("PUT"),
    strikes=st.sampled_from([(6955.0, 6945.0), (6950.0, 6940.0)]),
    entry_credit=POINTS,
    exit_value=st.none() | POINTS,
    quantity=st.none() | st.integers(1, 50),
    pnl_dollars=st.none() | CENTS,
    commission_dollars=st.none() | CENTS.map(abs),
    exit_reason=st.sampled_from([None, "Stop Loss", "Profit Target"]),
    pin=st.sampled_from([None, 6980.0, 6985.0]),
    spot_entry=st.none(),
    vix_entry=st.none(),
)
MANY = st.lists(ANY_TRADE, max_size=8)


@given(a=MANY, b=MANY, within=st.sampled_from([0, 60, 120]), other_multiplier=st.booleans())
def test_the_parts_sum_to_the_difference_to_the_cent(
    a: list[ComparedTrade], b: list[ComparedTrade], within: int, other_multiplier: bool
) -> None:
    one, two = side(*a), side(*b)
    if other_multiplier:
        two = replace(two, multiplier=10)
    found: Comparison = compare(one, two, within_s=within)
    totals = [
        sum(round(100 * one.pnl_dollars) for one in trades if one.pnl_dollars is not None)
        for trades in (a, b)
    ]
    assert sum(found.parts.values()) == totals[1] - totals[0] == found.difference_cents
    assert set(found.parts) == set(Cause)
    assert len(found.pairs) + len(found.only_a) == len(a)
    assert len(found.pairs) + len(found.only_b) == len(b)
    assert all(pair.changes or not pair.parts for pair in found.pairs)


@given(trades=MANY)
def test_a_run_against_itself_is_identical(trades: list[ComparedTrade]) -> None:
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
            settings={"data.quote_max_age_s": age}, market={MONDAY: seen},
            sessions={MONDAY + timedelta(n): "traded" for n in range(days)},
        )  # fmt: skip

    def told(a: Side, b: Side) -> list[str]:
        return [s for s in compare(a, b, within_s=0).coverage if s.startswith("other data")]

    assert told(side(1, "x"), side(2, "x")) == []
    assert told(side(1, "x"), side(2, "y")) == [
        "other data: index price, VIX or pin of 2026-01-12 are not the same"
    ]
    assert told(side(1, "x"), side(2, "y", age=60.0)) == []
