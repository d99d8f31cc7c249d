"""Sessions of bars, unsound bars, history before a session, ATRs."""

from __future__ import annotations

import math
from datetime import date, time, timedelta

import pytest
from orb_tools import FIVE_MINUTES, OPEN, WINDOW, E, Q, at, daily_bar, merged, minutes

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.rules.opening_range.history import (
    History,
    day_of,
    intraday_atr,
    norm_vol,
    reference_atr,
    session_row,
)
from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.params import InstrumentParams, RangeParams
from bt_gex.rules.opening_range.range import window_problems
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.rules.opening_range.run import run_symbol
from bt_gex.rules.opening_range.session import (
    MINUTE_NS,
    SessionClock,
    check_bar,
    exchange_early_closes,
    in_order,
)

START = instant_ns(OPEN)
WEDNESDAY = date(2024, 1, 10)


def flat(day: date, close: float = 100.0) -> Bar:
    """High and low half a point from the close."""
    return daily_bar(day, close, close + 0.5, close - 0.5, close)


def days_before(day: date, number: int, close: float = 100.0) -> list[Bar]:
    return [flat(day - timedelta(days=back), close) for back in range(number, 0, -1)]


# sessions
@pytest.mark.parametrize(
    ("utc_time", "inside"),
    [("14:29", False), ("14:30", True), ("20:59", True), ("21:00", False), ("23:00", False)],
)
def test_bars_of_a_session(utc_time: str, inside: bool) -> None:
    window = SessionClock(InstrumentParams()).window_of(at(utc_time))
    assert (window is not None) is inside
    assert window is None or window.day == date(2024, 1, 3)


def test_clocks_change_between_two_sessions() -> None:
    clock = SessionClock(InstrumentParams())
    friday, monday = clock.window(date(2008, 3, 7)), clock.window(date(2008, 3, 10))

    assert f"{utc(friday.start_ns):%H:%M}" == "14:30"
    assert f"{utc(monday.start_ns):%H:%M}" == "13:30"


def test_early_close_ends_the_session() -> None:
    closes = ((date(2015, 12, 24), time(12, 0)),)
    clock = SessionClock(InstrumentParams(early_closes=closes))

    assert clock.window_of(at("17:59", date(2015, 12, 24))) is not None
    assert clock.window_of(at("18:00", date(2015, 12, 24))) is None
    assert clock.window_of(at("18:00", date(2015, 12, 23))) is not None
    assert clock.regular_minutes == 390


def test_local_date_is_the_sessions_not_that_of_utc() -> None:
    """Tokyo's morning lies on the day before in UTC."""
    tokyo = InstrumentParams(timezone="Asia/Tokyo", session_start=time(8), session_end=time(15))
    window = SessionClock(tokyo).window_of(at("23:00", date(2024, 1, 3)))

    assert window is not None
    assert window.day == date(2024, 1, 4)


def test_early_closes_of_the_exchange() -> None:
    found = exchange_early_closes(date(2015, 11, 1), date(2015, 12, 31), "America/Chicago")
    assert found == ((date(2015, 11, 27), time(12, 0)), (date(2015, 12, 24), time(12, 0)))


# unsound bars
@pytest.mark.parametrize(
    ("row", "named"),
    [
        ((100.0, 100.2, 100.1, 100.1, 5.0), "low"),
        ((100.0, 100.2, 99.9, 99.8, 5.0), "low"),
        ((100.3, 100.2, 99.9, 100.0, 5.0), "high"),
        ((100.0, 100.2, 99.9, 100.3, 5.0), "high"),
        ((math.nan, 100.2, 99.9, 100.0, 5.0), "open"),
        ((100.0, math.inf, 99.9, 100.0, 5.0), "high"),
        ((100.0, 100.2, 99.9, 100.0, math.nan), "volume"),
        ((100.0, 100.2, 99.9, 100.0, -1.0), "volume"),
    ],
)
def test_unsound_bar_stops_the_run(row: tuple[float, ...], named: str) -> None:
    bar = Bar(START, *row)
    with pytest.raises(DataError, match=f"2024-01-03 14:30 UTC: {named}"):
        check_bar(bar)
    with pytest.raises(DataError):
        run_symbol([bar], [], params_from({}))


def test_unsound_bar_outside_the_session_is_passed_over() -> None:
    """The first pre-market minute after a split mixes both price bases."""
    bad = Bar(START - MINUTE_NS, 645.0, 92.0, 92.0, 645.0, 5.0)
    assert run_symbol([bad], [], params_from({})).sessions == []


def test_sorted_and_the_first_of_equal_stamps() -> None:
    one, two, again = (
        Bar(START + n * MINUTE_NS, p, p, p, p, 1.0) for n, p in ((0, 1), (1, 2), (0, 3))
    )
    assert in_order([two, one, again]) == [one, two]


def test_machine_refuses_a_bar_that_comes_late() -> None:
    machine = OpeningRangeMachine(params_from({}))
    first, second = minutes([Q, Q])
    machine.step(second)
    for bar in (first, second):
        with pytest.raises(DataError, match="14:31"):
            machine.step(bar)


def test_machine_refuses_a_bar_of_a_session_that_was_ended() -> None:
    machine = OpeningRangeMachine(params_from({}))
    first, second = minutes([Q, Q])
    machine.step(first)
    machine.end_session()
    with pytest.raises(DataError, match="2024-01-03"):
        machine.step(second)


# history
def test_history_is_what_lies_before_the_day() -> None:
    history = History(days_before(WEDNESDAY + timedelta(days=3), 8))
    found = history.before(WEDNESDAY, 100.0, 99)

    days = [WEDNESDAY - timedelta(days=n) for n in range(5, 0, -1)]
    assert [day_of(row) for row in found] == days
    assert [day_of(row) for row in history.before(WEDNESDAY, 100.0, 2)] == days[-2:]


@pytest.mark.parametrize(("gap", "rows"), [(5, 3), (6, 0)])
def test_gap_before_the_day(gap: int, rows: int) -> None:
    history = History(days_before(WEDNESDAY - timedelta(days=gap - 1), 3))
    assert len(history.before(WEDNESDAY, 100.0, 99)) == rows


def test_gap_inside_the_history() -> None:
    old = days_before(WEDNESDAY - timedelta(days=10), 3)
    assert len(History([*old, *days_before(WEDNESDAY, 4)]).before(WEDNESDAY, 100.0, 99)) == 4


@pytest.mark.parametrize(("open_", "rows"), [(50.0, 3), (49.9, 0), (200.0, 3), (200.1, 0)])
def test_price_that_halves_or_doubles_breaks_the_history(open_: float, rows: int) -> None:
    assert len(History(days_before(WEDNESDAY, 3)).before(WEDNESDAY, open_, 99)) == rows


def test_split_inside_the_history() -> None:
    old = days_before(WEDNESDAY - timedelta(days=2), 3, 645.0)
    history = History([*old, *days_before(WEDNESDAY, 2, 92.0)])
    assert len(history.before(WEDNESDAY, 92.0, 99)) == 2


def test_step_between_two_rows_is_from_close_to_close() -> None:
    """A row that opens on the old price base and closes on the new one."""
    mixed = daily_bar(date(2024, 1, 9), 645.0, 645.0, 92.0, 92.0)
    history = History([*days_before(date(2024, 1, 9), 3, 645.0), mixed])
    assert history.before(WEDNESDAY, 92.0, 99) == [mixed]


def test_a_session_stands_in_for_a_missing_daily_row_only() -> None:
    history = History([flat(date(2024, 1, 8))])
    for day, close in ((date(2024, 1, 8), 120.0), (date(2024, 1, 9), 110.0)):
        history.add(day, flat(day, close))

    assert [row.close for row in history.before(WEDNESDAY, 110.0, 9)] == [100.0, 110.0]


def test_a_row_from_minutes() -> None:
    bars = minutes([(1, 4, 1, 2), (2, 9, 2, 3), (3, 5, 0.5, 4)])
    assert session_row(WEDNESDAY, bars) == Bar(at("00:00", WEDNESDAY), 1, 9, 0.5, 4, 3000.0)


@pytest.mark.parametrize(
    "rows",
    [
        [daily_bar(WEDNESDAY, 1, math.nan, 1, 1)],
        [daily_bar(WEDNESDAY, 1, 2, 1.5, 2)],
        [daily_bar(WEDNESDAY, 1, 2, 1, 3)],
        [flat(WEDNESDAY), flat(WEDNESDAY, 101.0)],
    ],
)
def test_unsound_daily_rows(rows: list[Bar]) -> None:
    with pytest.raises(DataError, match="2024-01-10"):
        History(rows)


def test_the_same_daily_row_twice_is_one() -> None:
    assert len(History([flat(WEDNESDAY), flat(WEDNESDAY)]).before(date(2024, 1, 11), 100.0, 9)) == 1


# ATRs
def test_reference_atr_by_hand() -> None:
    """Ranges 2, |12 - 9| = 3 against the close before, |7 - 12| = 5."""
    rows = [
        daily_bar(date(2024, 1, 1), 9, 10, 8, 9),
        daily_bar(date(2024, 1, 2), 9, 10, 8, 9),
        daily_bar(date(2024, 1, 3), 11, 12, 11, 12),
        daily_bar(date(2024, 1, 4), 8, 9, 7, 8),
    ]
    assert reference_atr(rows, 3) == pytest.approx((2 + 3 + 5) / 3)
    assert reference_atr(rows, 2) == pytest.approx((3 + 5) / 2)
    assert reference_atr(rows, 4) is None


def test_intraday_atr_by_hand() -> None:
    """Buckets of 5 minutes: 100-101, none, 103-104 after 101, 99-100 after 103.5."""
    rows = [(100, 101, 100, 101)] * 5 + [None] * 5
    bars = minutes([*rows, (103, 104, 103, 103.5), None, None, None, None, (99.5, 100, 99, 99.5)])

    assert intraday_atr(bars, START, 5, 3) == pytest.approx((1 + 3 + 4.5) / 3)
    assert intraday_atr(bars, START, 5, 2) == pytest.approx((3 + 4.5) / 2)
    assert intraday_atr(bars, START, 5, 4) is None


def test_buckets_start_with_the_session_not_with_the_first_bar() -> None:
    """Minutes 4 and 5 lie in different buckets."""
    bars = minutes([None] * 4 + [(100, 101, 100, 100), (100, 102, 100, 100)])
    assert intraday_atr(bars, START, 5, 2) == pytest.approx((1 + 2) / 2)


def test_norm_vol() -> None:
    scaled, raw = RangeParams(), RangeParams(norm_vol="raw")

    assert norm_vol(0.2, 1.0, 390, scaled) == pytest.approx(0.2 * math.sqrt(78))
    assert norm_vol(0.2, 1.0, 390, raw) == 0.2
    assert norm_vol(None, 1.0, 390, scaled) is None
    assert norm_vol(0.2, None, 390, scaled) is None
    assert norm_vol(0.2, 0.0, 390, scaled) is None


def test_yesterdays_minutes_count_only_when_they_are_of_the_last_daily_row() -> None:
    """A daily row newer than the minutes: they are not of the session before."""
    params = params_from({"orb": {"atr_period": 5}})
    first = [(100, 100.2, 99.9, 100)] * 390
    bars = minutes(first) + minutes([Q], OPEN + timedelta(days=2))
    daily = days_before(date(2024, 1, 4), 9)

    with_gap = run_symbol(bars, [*daily, flat(date(2024, 1, 4))], params).sessions[1]
    without = run_symbol(bars, daily, params).sessions[1]
    assert with_gap.atr == without.atr == 1.0
    assert with_gap.norm_vol is None
    assert without.norm_vol == pytest.approx(0.3 * math.sqrt(78))


def test_nothing_of_the_day_itself_is_in_its_history() -> None:
    rows = days_before(date(2024, 1, 3), 20)
    wild = daily_bar(date(2024, 1, 3), 1.0, 500.0, 1.0, 400.0)
    bars = minutes([*WINDOW, Q, E, Q])
    params = params_from(merged(FIVE_MINUTES, {"orb": {"enable_validity_filter": True}}))

    assert run_symbol(bars, [*rows, wild], params) == run_symbol(bars, rows, params)


# window of the opening range
@pytest.mark.parametrize(
    ("missing", "problems"),
    [
        ([], []),
        ([14], []),
        ([0], ["first bar"]),
        ([7], ["1 gaps"]),
        ([12, 13, 14], ["12 bars of 15, 13 needed"]),
        (list(range(15)), ["no bars"]),
    ],
)
def test_window_problems(missing: list[int], problems: list[str]) -> None:
    bars = minutes([None if n in missing else Q for n in range(20)])
    found = window_problems(bars, START, 15)

    assert len(found) == len(problems)
    for text, part in zip(found, problems, strict=True):
        assert part in text


@pytest.mark.parametrize(
    ("check", "invalid", "reason", "problems"),
    [(False, "skip", None, 0), (True, "warn", None, 1), (True, "skip", "or window", 1)],
)
def test_day_with_a_bad_window(
    check: bool, invalid: str, reason: str | None, problems: int
) -> None:
    params = params_from(merged(FIVE_MINUTES, {"data": {"or_invalid": invalid}}))
    bars = minutes([WINDOW[0], WINDOW[1], None, *WINDOW[3:], Q, E, Q])
    [session] = run_symbol(bars, [], params, check_window=check).sessions

    assert session.reason == reason
    assert len(session.window_problems) == problems
    assert session.breaks["long"] == (1 if reason is None else 0)


def test_zone_of_the_template_changes_nothing_but_the_clock() -> None:
    new_york = {
        "instrument": {
            "timezone": "America/New_York",
            "session_start": "09:30",
            "session_end": "16:00",
        },
        "governance": {"time_cutoff": "14:30"},
    }
    bars = minutes([*WINDOW, Q, E, (100.55, 101.2, 100.5, 101.1), Q])
    loose = merged(FIVE_MINUTES, {"governance": {"time_cutoff": "13:30"}})

    chicago = run_symbol(bars, [], params_from(loose))
    assert chicago.trades
    assert run_symbol(bars, [], params_from(merged(loose, new_york))) == chicago
