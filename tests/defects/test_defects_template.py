"""The defects of the harness template that this product grew from, one test each.

A test fails when its defect is put in. Markets and figures are made by hand, see
`handmade_market`: where nothing else is said it is the put spread 5980/5975, `MID` fills at mid.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from handmade_market import (
    AT_0936,
    FORMS,
    LONG,
    MID,
    MONDAY,
    SHORT,
    TWELVE,
    Market,
    Quote,
    entry_clocks,
    left,
    only_trade,
    put_spread,
    reasons,
)
from typed_records import decisions_of, trades_of

import bt_gex
from bt_gex.blackbox.schema import metadata
from bt_gex.errors import DataError
from bt_gex.market.calendar import sessions

TUESDAY = "2026-01-13"


def strict_json(text: str) -> dict[str, Any]:
    """JSON without NaN and Infinity, which are none."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    content: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return content


# ------------------------------------------------------------------------------- T1, T2: time


def test_T1_the_first_instant_is_processed(market: Market) -> None:
    market.context("09:30", 5990, 12)
    market.pin("09:30", 6000)
    market.quotes("09:30", "09:35", put_spread(1.2))
    result = market.run({"entry.times": ["09:30"], **MID})
    assert entry_clocks(result) == ["01-12 09:30:00"]
    assert len(result.equity) == 781  # every bar and the close
    assert result.summary["funnel"]["bars"] == 780


@pytest.mark.parametrize("late", FORMS)
def test_T2_context_and_peaks_are_compared_as_instants(market: Market, late: str) -> None:
    for early in ("space", "T +00:00"):
        market.rows.clear()
        market.form = FORMS[early]
        market.context("09:35", 5990, 12)
        market.pin("09:35", 6000)
        market.form = FORMS[late]
        market.context("09:36:30", 7000, 35)
        market.pin("09:36:30", 5000)
        market.quotes("09:31", "09:40", put_spread(1.2))
        trade = only_trade(market.run({**AT_0936, **MID}))
        assert (trade["spot_entry"], trade["vix_entry"], trade["pin"]) == (5990, 12, 6000)


# ------------------------------------------------------------------------------- T3-T9: prices

CONDOR: Mapping[tuple[float, str], Quote] = {
    (6020, "call"): (1.00, 1.10),
    (6025, "call"): (0.40, 0.50),
    (5980, "put"): (2.00, 2.10),
    (5975, "put"): (1.20, 1.30),
}


@pytest.mark.parametrize(
    ("call", "put"), [("call", "put"), ("CALL", "PUT"), ("Call", "Put"), ("C", "P"), ("c", "p")]
)
def test_T3_option_types_in_any_case(market: Market, call: str, put: str) -> None:
    market.known_all_day(spot=6000)
    names = {"call": call, "put": put}
    market.quotes("09:31", "15:59", {(k, names[kind]): q for (k, kind), q in CONDOR.items()})
    trade = only_trade(market.run(AT_0936))
    assert (trade["strategy"], trade["strikes"]) == ("IC", [6020, 6025, 5980, 5975])
    # (1.00 − 0.50) + (2.00 − 1.30)
    assert trade["entry_credit"] == pytest.approx(1.2)


def test_T4_each_leg_of_a_condor_is_priced_with_its_own_type(market: Market) -> None:
    market.known_all_day(spot=6000)
    other = {"call": "put", "put": "call"}
    wrong = {(strike, other[kind]): (3.0, 9.0) for strike, kind in CONDOR}
    market.quotes("09:31", "15:59", {**CONDOR, **wrong})
    trade = only_trade(market.run(AT_0936))
    assert trade["entry_credit"] == pytest.approx(1.2)
    # at mid 0.60 + 0.80 = 1.40 ≥ 1.32; bought back at (1.10 − 0.40) + (2.10 − 1.20) = 1.60
    assert left(trade) == ("Stop Loss", "09:36:30", pytest.approx(1.6), -40.0)


def test_T5_the_index_reaches_the_rule(tmp_path: Path) -> None:
    """35 points from the pin are HIGH for NDX on a grid of 10, MEDIUM for SPX on a grid of 5."""
    market = Market(tmp_path, index="NDX")
    market.known_all_day(spot=21535, vix=15, pin=21500)
    ndx: dict[tuple[float, str], Quote] = {(21580, "call"): (6, 6), (21590, "call"): (4, 4)}
    spx: dict[tuple[float, str], Quote] = {(21545, "call"): (9, 9), (21555, "call"): (7, 7)}
    market.quotes("09:31", "15:59", {**ndx, **spx})
    trade = only_trade(market.run(AT_0936))
    assert (trade["strikes"], trade["confidence"], trade["width"]) == ([21580, 21590], "HIGH", 10)
    assert trade["index_symbol"] == "NDX"


@pytest.mark.parametrize("ask", [None, 0.0])
@pytest.mark.parametrize(("leg", "name"), [(SHORT, "5980P"), (LONG, "5975P")])
def test_T6_a_missing_ask_is_missing_never_free(
    known: Market, leg: tuple[float, str], name: str, ask: float | None
) -> None:
    known.quotes("09:31", "09:40", {**put_spread(1.2), leg: (0.0 if ask == 0 else 0.5, ask)})
    assert reasons(known.run(AT_0936)) == [f"no quote: {name}"]


def test_T6_a_leg_never_quoted_is_missing(known: Market) -> None:
    known.quotes("09:31", "09:40", {SHORT: put_spread(1.2)[SHORT]})
    assert reasons(known.run(AT_0936)) == ["no quote: 5975P"]


def test_T6_a_missing_bid_of_the_short_leg_brings_nothing(known: Market) -> None:
    known.quotes("09:31", "09:40", {SHORT: (None, 0.45), LONG: (0.35, 0.40)})
    assert reasons(known.run(AT_0936)) == ["credit not positive"]  # 0 − 0.40


def test_T6_an_option_that_is_dear_and_without_a_bid_has_no_quote(known: Market) -> None:
    known.quotes("09:31", "09:40", {SHORT: (None, 2.2), LONG: (0.95, 1.0)})
    assert reasons(known.run(AT_0936)) == ["no quote: 5980P"]
    first = known.run({**AT_0936, "data.one_sided_max_ask": None})
    assert reasons(first) == ["credit not positive"]  # 0 − 1.0


@pytest.mark.parametrize("bid", [None, 0.0])
def test_T7_a_worthless_spread_can_be_valued_and_closed(known: Market, bid: float | None) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2, 0.05))
    known.quotes("10:01", "15:59", {SHORT: (bid, 0.05), LONG: (bid, 0.05)})
    trade = only_trade(known.run(AT_0936))
    # credit 2.15 − 1.05; value 0.025 − 0.025 = 0; bought at 0.05, sold for nothing
    assert left(trade) == ("Profit Target", "10:01:00", 0.05, 105.0)
    assert trade["unpriced_bars"] == 0
    assert trade["mfe_dollars"] == 110.0


# recorded 2026-01-12 14:35:39Z: puts 6975 and 6970
LADDER: Mapping[tuple[float, str], Quote] = {
    (6975, "put"): (32.90, 33.50),
    (6970, "put"): (28.60, 29.10),
}


@pytest.mark.parametrize(
    ("fills", "credit", "expected"),
    [
        # natural both ways: 32.90 − 29.10 in, 33.50 − 28.60 out; 4.35 at mid is over 110 %
        ((1, 1), 3.80, ("Stop Loss", "09:36:30", 4.90, -110.0)),
        # in at the worst side, out at mid: the template's own asymmetry, now a choice
        ((1, 0), 3.80, ("Stop Loss", "09:36:30", 4.35, -55.0)),
        ((0, 0), 4.35, ("End of Day Auto-Close", "15:30:00", 4.35, 0.0)),
    ],
)
def test_T8_entry_and_exit_have_one_number_each(
    market: Market,
    fills: tuple[float, float],
    credit: float,
    expected: tuple[str, str, float, float],
) -> None:
    # pin 7000, index 6985: min(6985, 6977) → 6975, long 6970
    market.known_all_day(spot=6985, pin=7000)
    market.quotes("09:31", "15:59", LADDER)
    both = dict(zip(("fills.entry_slippage", "fills.exit_slippage"), fills, strict=True))
    trade = only_trade(market.run({**AT_0936, **both}))
    assert trade["strikes"] == [6975, 6970]
    assert trade["entry_credit"] == pytest.approx(credit)
    reason, clock, value, dollars = expected
    assert left(trade) == (reason, clock, pytest.approx(value), dollars)


def test_T8_the_default_is_natural_both_ways(market: Market) -> None:
    market.known_all_day(spot=6985, pin=7000)
    market.quotes("09:31", "15:59", LADDER)
    assert only_trade(market.run(AT_0936))["pnl_dollars"] == -110.0


def test_T9_no_emergency_exit_on_the_entry_bar(known: Market) -> None:
    # credit 1.5 − 0.5 = 1.0, value 1.5 ≥ 1.4 at once, for every trade of the day
    known.quotes("09:31", "15:59", put_spread(1.5, 0.25))
    result = known.run()
    assert {t["exit_reason"] for t in trades_of(result)} == {"Emergency Stop"}
    assert {t["time_alive_minutes"] for t in trades_of(result)} == {0.5}


# ------------------------------------------------------------------------------- T10-T13: when


def test_T10_the_twelve_check_times_and_no_other(known: Market) -> None:
    known.quotes("09:30", "15:59", put_spread(1.2))
    result = known.run(MID)
    assert [check["time_et"] for check in decisions_of(result)] == TWELVE
    assert entry_clocks(result) == [f"01-12 {clock}:00" for clock in TWELVE]


@pytest.mark.parametrize(
    ("day", "times", "made"),
    [
        (MONDAY, ["15:00", "15:29:30", "15:30", "15:45"], ["15:00", "15:29"]),
        # closes 13:00, so open spreads are closed from 12:30 on
        ("2025-11-28", TWELVE, TWELVE[:6]),
        ("2025-11-28", ["12:29:30", "12:30", "12:59:30"], ["12:29"]),
    ],
)
def test_T11_no_entry_from_the_end_of_day_on(
    tmp_path: Path, day: str, times: list[str], made: list[str]
) -> None:
    market = Market(tmp_path, day)
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.2))
    result = market.run({"entry.times": times, **MID})
    assert [check["time_et"] for check in decisions_of(result)] == made
    assert all(t["time_alive_minutes"] > 0 for t in trades_of(result))


def test_T11_the_end_of_day_setting_moves_the_last_entry(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    result = known.run({**MID, "exit.end_of_day_minutes": 90})
    assert [check["time_et"] for check in decisions_of(result)] == TWELVE[:10]  # before 14:30


def three_days(market: Market) -> None:
    for day in ("2026-01-09", MONDAY, TUESDAY):
        market.on(day).known_all_day()
        market.quotes("09:31", "15:59", put_spread(1.2))


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (MONDAY, MONDAY, ["01-12"]),
        (MONDAY, TUESDAY, ["01-12", "01-13"]),
        ("2026-01-09", MONDAY, ["01-09", "01-12"]),
        ("2026-01-10", TUESDAY, ["01-12", "01-13"]),
        ("2026-01-10", "2026-01-11", []),
    ],
)
def test_T12_start_and_end_are_sessions_both_inclusive(
    market: Market, start: str, end: str, days: list[str]
) -> None:
    three_days(market)
    result = market.run({**AT_0936, **MID}, start=start, end=end)
    assert entry_clocks(result) == [f"{day} 09:36:00" for day in days]
    assert [row["session"][5:] for row in result.summary["sessions"]] == days


def test_T13_a_long_range_is_not_cut_short(market: Market) -> None:
    """138 sessions are 200 days, 576 000 steps around the clock and 107 000 bars: over 100 000."""
    first, last = "2025-01-02", "2025-07-22"
    days = [str(s.day) for s in sessions(date.fromisoformat(first), date.fromisoformat(last))]
    for day in days:
        market.on(day).context("12:00", 5990, 12)
    for day in (days[0], days[-1]):
        market.on(day).known_all_day(until="09:35")
        market.quotes("09:35", "09:45", put_spread(1.2))
    result = market.run({**AT_0936, **MID}, start=first, end=last)
    assert entry_clocks(result) == ["01-02 09:36:00", "07-22 09:36:00"]
    # 2025-07-03 closes at 13:00
    assert result.summary["funnel"]["bars"] == 780 * (len(days) - 1) + 420
    assert result.summary["funnel"]["bars"] > 100_000
    assert {check["session"] for check in decisions_of(result)} == set(days)


# ------------------------------------------------------------------------------- T14-T18: the end


def test_T14_every_session_has_its_line_the_last_one_too(market: Market) -> None:
    three_days(market)
    market.on(TUESDAY).quotes("10:00:30", "10:05:30", put_spread(0.5))
    result = market.run({**AT_0936, **MID}, start="2026-01-09", end=TUESDAY)
    lines = [
        (r["session"], r["entries"], r["trades_pnl_dollars"]) for r in result.summary["sessions"]
    ]
    assert lines == [("2026-01-09", 1, 0.0), (MONDAY, 1, 0.0), (TUESDAY, 1, 70.0)]


def test_T15_open_positions_can_be_limited(known: Market) -> None:
    known.quotes("09:31", "10:15", put_spread(1.2))
    known.quotes("10:16", "10:29", put_spread(0.5))  # the first one is closed
    known.quotes("10:30", "15:59", put_spread(1.2))
    times = {"entry.times": ["09:36", "10:00", "10:30", "11:00"]}
    free = known.run({**times, **MID})
    assert reasons(free) == ["entry"] * 4
    limited = known.run({**times, **MID, "entry.max_open": 1})
    assert reasons(limited) == ["entry", "max open positions", "entry", "max open positions"]


def test_T15_no_check_trades_twice(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    twice = known.run({"entry.times": ["09:36", "09:36", "09:36:00"], **MID})
    assert entry_clocks(twice) == ["01-12 09:36:00"]
    names = [t["order_id"] for t in trades_of(known.run(MID))]
    assert len(set(names)) == len(names) == 12


def test_T16_a_trade_that_cannot_be_priced_at_the_end_is_settled_and_reported(
    known: Market,
) -> None:
    known.quotes("09:31", "15:20", put_spread(1.2))
    known.quotes("15:21", "15:59", {SHORT: put_spread(1.2)[SHORT]})  # the long leg has gone
    known.context("15:59", 5990, 12)
    result = known.run({**AT_0936, **MID})
    trade = only_trade(result)
    assert left(trade) == ("Expiration Settlement", "16:00:00", 0.0, 120.0)
    assert result.summary["total_trades"] == result.summary["winners"] == 1
    assert result.summary["by_exit_reason"]["Expiration Settlement"]["count"] == 1
    written = strict_json(result.to_json())["trades"]
    assert [t["order_id"] for t in written] == [trade["order_id"]]
    # 15:22:30 … 15:59:30 are 75 bars
    assert trade["unpriced_bars"] == result.summary["funnel"]["unpriced_bars"] == 75


def test_T17_quotes_are_carried_for_two_minutes_only(known: Market) -> None:
    known.quotes("09:36", "09:40", put_spread(1.2))
    known.quotes("11:00", "15:59", put_spread(1.4))
    trade = only_trade(known.run({**AT_0936, **MID}))
    # known until 09:42:00; 09:42:30 … 10:59:30 are 155 bars without a price
    assert trade["unpriced_bars"] == 155
    assert left(trade) == ("Stop Loss", "11:00:00", 1.4, -20.0)


@pytest.mark.parametrize(
    ("clock", "reason"), [("09:31", "entry"), ("09:30:30", "no index price"), ("09:25", None)]
)
def test_T17_context_is_carried_for_35_minutes_only(
    market: Market, clock: str, reason: str | None
) -> None:
    """10:06 is 2 100 s after 09:31."""
    if reason:
        market.context(clock, 5990, 12)
    market.pin("10:05", 6000)
    market.quotes("10:05", "10:06", put_spread(1.2))
    found = reasons(market.run({"entry.times": ["10:06"], **MID}))
    assert found == [reason or "no index price"]


def test_T17_nothing_is_carried_overnight_or_from_before_the_open(market: Market) -> None:
    """Not even when the ages allowed reach back a day."""
    market.known_all_day()
    market.quotes("15:50", "15:59", put_spread(1.2))
    market.on(TUESDAY).quotes("09:00", "09:29", put_spread(1.2))
    market.context("09:29:59.999999", 5990, 12)
    market.pin("09:29:59", 6000)
    market.quotes("09:29:59", "09:29:59", put_spread(1.2))
    market.context("10:00", 5990, 12)
    market.pin("10:30", 6000)
    market.quotes("11:00", "11:00", put_spread(1.2))
    # Most of its quotes lie before the open, which is no other zone here.
    ages = {
        "data.quote_max_age_s": 86_400,
        "data.context_max_age_s": 86_400,
        "data.timezone": "UTC",
    }
    result = market.run({**MID, **ages, "entry.times": TWELVE[:4]})
    assert reasons(result) == ["no index price", "no gex peak", "no quote: 5980P", "entry"]


@pytest.mark.parametrize(
    ("index", "value"), [(5990, 0.0), (5980, 0.0), (5977, 3.0), (5975, 5.0), (5900, 5.0)]
)
def test_T18_what_is_open_at_the_close_settles_on_the_index(
    known: Market, index: float, value: float
) -> None:
    known.quotes("09:31", "15:20", put_spread(1.2))
    known.context("15:58", index, 12)  # exactly 120 s old at the close
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == (
        "Expiration Settlement",
        "16:00:00",
        value,
        pytest.approx(100 * (1.2 - value)),
    )
    assert "stale_settlement" not in trade["flags"]
    assert trade["commission_dollars"] == 0.0


def test_T18_a_settlement_pays_no_commission(known: Market) -> None:
    known.quotes("09:31", "15:20", put_spread(1.2))
    known.context("15:59", 5977, 12)
    trade = only_trade(known.run({**AT_0936, **MID, "fills.commission": 0.5}))
    # two legs in, none out: (1.2 − 3) · 100 − 1
    assert (trade["commission_dollars"], trade["pnl_dollars"]) == (1.0, -181.0)


# Near the close; implied = strike + call mid − put mid
PARITY: dict[tuple[float, str], Quote] = {
    (5970, "call"): (9.0, 9.2),  # 5970 + 9.1 − 1.1 = 5978
    (5970, "put"): (1.0, 1.2),
    (5965, "call"): (15.0, 15.2),  # 5965 + 15.1 − 1.1 = 5979
    (5965, "put"): (1.0, 1.2),
    (5985, "call"): (1.0, 1.2),  # 5985 + 1.1 − 7.2 = 5978.9, the median
    (5985, "put"): (7.0, 7.4),
    (6050, "call"): (90.0, 91.0),  # beyond 1 % of 5990, which is 6049.9
    (6050, "put"): (1.0, 1.1),
    (5960, "call"): (99.0, 99.0),  # crossed put: not two valid quotes
    (5960, "put"): (1.0, 0.9),
    (5955, "call"): (99.0, 99.0),  # no put at all
}


@pytest.mark.parametrize(
    ("clock", "value", "flag"),
    [
        ("15:58", 1.1, "parity_settlement"),
        ("16:00", 1.1, "parity_settlement"),
        ("15:57:59.999999", 0.0, "stale_settlement"),  # quotes too old: the index of 15:31
        ("16:00:00.000001", 0.0, "stale_settlement"),
    ],
)
def test_T18_without_a_fresh_index_price_the_options_say_where_it_is(
    known: Market, clock: str, value: float, flag: str
) -> None:
    known.quotes("09:31", "15:20", put_spread(1.2))
    known.quotes(clock, clock, PARITY)
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == (
        "Expiration Settlement",
        "16:00:00",
        pytest.approx(value),
        pytest.approx(100 * (1.2 - value)),
    )
    assert flag in trade["flags"]


def test_T18_early_closes(tmp_path: Path) -> None:
    """2025-11-28 closes at 13:00: out at 12:30, or settled at 13:00 on the price of then."""
    market = Market(tmp_path, "2025-11-28")
    market.known_all_day()
    market.quotes("09:31", "12:59", put_spread(1.2))
    assert left(only_trade(market.run({**AT_0936, **MID}))) == (
        "End of Day Auto-Close",
        "12:30:00",
        1.2,
        0.0,
    )
    (tmp_path / "b").mkdir()
    market = Market(tmp_path / "b", "2025-11-28")
    market.known_all_day()
    market.quotes("09:31", "12:00", put_spread(1.2))
    market.quotes("13:30", "15:59", put_spread(0.1))  # after the close
    market.context("12:59", 5977, 12)
    market.context("15:59", 5990, 12)
    trade = only_trade(market.run({**AT_0936, **MID}))
    assert left(trade) == ("Expiration Settlement", "13:00:00", 3.0, -180.0)
    assert trade["timestamp_exit"] == "2025-11-28T18:00:00+00:00"


def test_T18_after_half_past_three_every_bar_counts(known: Market) -> None:
    """Hour and minute are one time, not two conditions; the last bar is one to close on, too."""
    known.quotes("09:31", "15:20", put_spread(1.2))
    known.quotes("15:59:30", "15:59:30", put_spread(1.1))
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == ("End of Day Auto-Close", "15:59:30", 1.1, 10.0)


# ------------------------------------------------------------------------------- T19-T28


def test_T19_weekends_holidays_and_nights_are_no_sessions(market: Market) -> None:
    for day in ("2026-01-16", "2026-01-17", "2026-01-18", "2026-01-19", "2026-01-20"):
        market.on(day).known_all_day()
        market.quotes("09:31", "15:59", put_spread(1.2))
        market.context("20:00", 5000, 50)
        market.pin("20:00", 5000)
    result = market.run({**AT_0936, **MID}, start="2026-01-16", end="2026-01-20")
    # Saturday, Sunday, Martin Luther King's day
    assert entry_clocks(result) == ["01-16 09:36:00", "01-20 09:36:00"]
    assert len(result.equity) == 2 * 781


def test_T20_open_spreads_are_marked_at_their_value_now(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "10:30", put_spread(1.3))
    known.quotes("10:31", "11:59", put_spread(1.1))
    known.quotes("12:00", "15:59", put_spread(0.5))
    result = known.run({**AT_0936, **MID})
    assert left(only_trade(result)) == ("Profit Target", "12:00:00", 0.5, 70.0)
    by_clock = result.equity.set_index("time")["equity"]
    marks = [by_clock[f"{MONDAY}T{clock}:00+00:00"] for clock in ("14:59", "15:15", "16:30")]
    assert marks == [25_000.0, 24_990.0, 25_010.0]  # 10 down, then 10 up: not at the worst ever
    assert result.summary["max_drawdown"] == 0.0
    assert result.summary["max_drawdown_mtm"] == 10.0


def test_T20_drawdown_also_while_a_losing_trade_is_open(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "10:29", put_spread(2.2))
    known.quotes("10:30", "15:59", put_spread(1.3))
    no_stops = {"exit.stop_loss": 9, "exit.emergency_stop": 9}
    summary = known.run({**AT_0936, **MID, **no_stops}).summary
    assert (summary["max_drawdown"], summary["max_drawdown_mtm"]) == (10.0, 100.0)


def test_T21_no_infinity_in_the_file(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "15:59", put_spread(0.5))
    result = known.run({**AT_0936, **MID})
    assert result.summary["winners"] == 1
    content = strict_json(result.to_json())
    assert content["summary"]["profit_factor"] is None


def test_T22_names_say_what_was_traded_and_never_change(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    settings = {"entry.times": ["09:36", "10:00"], **MID}
    one, two = known.run(settings), known.run(settings)
    assert [t["order_id"] for t in trades_of(one)] == [
        "SPX-20260112-093600-PUT-5980-5975",
        "SPX-20260112-100000-PUT-5980-5975",
    ]
    assert one.to_json() == two.to_json()
    assert one.run_id == two.run_id


class TestT23:
    """An error is an error, not a report without trades."""

    def test_T23_no_database(self, market: Market) -> None:
        with pytest.raises(DataError, match="no such database file"):
            bt_gex.replay(
                market.path.with_name("none.db"),
                bt_gex.RunConfig(start=MONDAY, end=MONDAY),  # type: ignore[arg-type]
            )

    def test_T23_an_unreadable_stamp(self, known: Market) -> None:
        known.form = lambda moment: "yesterday"
        known.quote("09:36", *SHORT, 1.0, 1.1)
        with pytest.raises(DataError, match="'yesterday' is not readable"):
            known.run(AT_0936)

    def test_T23_an_unreadable_price(self, known: Market) -> None:
        known.quotes("09:31", "09:40", put_spread(1.2))
        known.quote("09:41", *SHORT, "cheap", 1.1)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="bid 'cheap' is not a number"):
            known.run(AT_0936)

    def test_T23_a_mistake_in_the_rules(
        self, known: Market, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any, **__: Any) -> str:
            raise ZeroDivisionError("a mistake")

        monkeypatch.setattr("bt_gex.rules.gex.entry.get_gex_trade_setup", broken)
        known.quotes("09:31", "09:40", put_spread(1.2))
        with pytest.raises(ZeroDivisionError, match="a mistake"):
            known.run(AT_0936)

    def test_T23_the_command_ends_with_a_status(
        self, market: Market, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from bt_gex.cli.main import main

        with pytest.raises(SystemExit) as caught:
            main(["run", "--db", str(market.path), "--start", MONDAY, "--end", MONDAY])
        assert caught.value.code == 1
        assert "no such database file" in capsys.readouterr().err


@pytest.mark.parametrize("why", ["weekend", "no data", "all skipped"])
def test_T24_a_run_without_trades_has_all_its_figures(known: Market, why: str) -> None:
    day = {"weekend": "2026-01-10", "no data": TUESDAY, "all skipped": MONDAY}[why]
    result = known.run(start=day, end=day)
    zeros: tuple[str, ...] = (
        "total_trades",
        "winners",
        "losers",
        "breakeven",
        "win_rate",
        "total_pnl",
    )
    zeros += ("avg_win", "avg_loss", "max_win", "max_loss", "max_drawdown", "max_drawdown_mtm")
    assert {name: result.summary[name] for name in zeros} == dict.fromkeys(zeros, 0)
    assert result.summary["profit_factor"] is None
    assert result.summary["final_balance"] == 25_000
    assert result.summary["return_pct"] == 0
    assert strict_json(result.to_json())["trades"] == []
    checks = 12 if why == "all skipped" else 0
    assert result.summary["funnel"]["checks"] == result.summary["funnel"]["skips"] == checks


def test_T24b_total_pnl_is_the_sum_of_all_days(market: Market) -> None:
    for day, value in (("2026-01-09", 0.5), (MONDAY, 1.5), (TUESDAY, 0.6)):
        market.on(day).known_all_day()
        market.quotes("09:31", "10:00", put_spread(1.2))
        market.quotes("10:01", "15:59", put_spread(value))
    result = market.run({**AT_0936, **MID}, start="2026-01-09", end=TUESDAY)
    assert [t["pnl_dollars"] for t in trades_of(result)] == [70.0, -30.0, 60.0]
    assert result.summary["total_pnl"] == 100.0
    assert result.summary["final_balance"] == 25_100.0
    assert result.equity["equity"].iloc[-1] == 25_100.0
    assert [r["trades_pnl_dollars"] for r in result.summary["sessions"]] == [70.0, -30.0, 60.0]


def test_T25_extremes_of_a_trade_never_priced_again_are_finite(known: Market) -> None:
    known.quotes("09:36", "09:36", put_spread(1.2, 0.05))
    known.quotes("09:36:20", "15:59", {SHORT: (2.0, None)})
    known.context("15:59", 5990, 12)
    result = known.run(AT_0936)
    trade = only_trade(result)
    # credit 1.1, marked 1.2 at its entry and 0 at the settlement
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (-10.0, 110.0)
    assert trade["unpriced_bars"] == 767  # all from 09:36:30 to 15:59:30
    strict_json(result.to_json())


# Folders of a machine; addresses of a web service look like places, too.
ABSOLUTE = re.compile(r"/(home|Users|root|tmp|var|opt|mnt|srv|data|etc|usr)/|~/|[A-Z]:\\")


def test_T26_no_place_is_built_in(known: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    database = inspect.signature(bt_gex.replay).parameters["database"]
    assert database.default is inspect.Parameter.empty
    for file in Path(bt_gex.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not ABSOLUTE.match(node.value), f"{file}: {node.value}"
    here = known.path.with_name("here")
    here.mkdir()
    monkeypatch.chdir(here)
    known.quotes("09:31", "10:00", put_spread(1.2))
    assert known.run(AT_0936).folder is None
    assert list(here.iterdir()) == []  # a run that is not saved leaves nothing


def test_T27_units(market: Market) -> None:
    for day, value in ((MONDAY, 0.5), (TUESDAY, 1.4)):
        market.on(day).known_all_day()
        market.quotes("09:31", "10:00", put_spread(1.2))
        market.quotes("10:01", "15:59", put_spread(value))
    result = market.run({**AT_0936, **MID}, start=MONDAY, end=TUESDAY)
    won, lost = trades_of(result)
    # names that end in _pct or _percent are percents, the others fractions
    assert (won["pnl_percent"], lost["pnl_percent"]) == (58.33, -16.67)
    assert result.summary["win_rate"] == 0.5
    assert result.summary["by_strategy"]["PUT"]["win_rate"] == 0.5
    assert result.summary["return_pct"] == pytest.approx(0.2)  # 50 of 25 000
    assert result.summary["profit_factor"] == pytest.approx(3.5)
    assert result.summary["funnel"]["success_rate"] == 1.0
    assert (result.summary["avg_win"], result.summary["avg_loss"]) == (70.0, 20.0)
    assert (result.summary["max_win"], result.summary["max_loss"]) == (70.0, -20.0)


def test_T28_each_session_starts_anew_also_over_a_change_of_the_clocks(market: Market) -> None:
    """Friday 2026-03-06 is UTC−5, Monday 2026-03-09 is UTC−4."""
    for day in ("2026-03-06", "2026-03-09"):
        market.on(day).known_all_day()
        market.quotes("09:31", "15:59", put_spread(1.2))
    result = market.run(MID, start="2026-03-06", end="2026-03-09")
    assert entry_clocks(result) == [
        f"{day} {clock}:00" for day in ("03-06", "03-09") for clock in TWELVE
    ]
    entries = [t["timestamp_entry"] for t in trades_of(result)]
    assert (entries[0], entries[12]) == ("2026-03-06T14:36:00+00:00", "2026-03-09T13:36:00+00:00")
    exits = {t["timestamp_exit"] for t in trades_of(result)}
    assert exits == {"2026-03-06T20:30:00+00:00", "2026-03-09T19:30:00+00:00"}
    assert [row["checks"] for row in result.summary["sessions"]] == [12, 12]


def test_the_builder_writes_the_recorders_schema(known: Market) -> None:
    import sqlite3

    connection = sqlite3.connect(known.save())
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    assert {name for (name,) in tables} - {"sqlite_sequence"} == set(metadata.tables)
