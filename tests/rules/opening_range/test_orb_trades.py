"""Entries, one bar of a trade, governance: the edges the worked scenarios leave open.

Range 100.0 to 100.5, triggers 100.52 and 99.98; a long at 100.52 has its stop at 99.95, risk 0.57
and targets 101.09, 101.38, 101.66.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from orb_tools import FIVE_MINUTES, OPEN, WINDOW, E, Q, at, daily_bar, merged, minutes, trade_row

from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.records import (
    EntryFilled,
    EntryOrdered,
    EntrySkipped,
    Event,
    ExitFilled,
    Locked,
    RangeSet,
    RangeTrade,
    SessionEnded,
    StopMoved,
    TradeClosed,
)
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.rules.opening_range.run import outcome, run_events

Row = Sequence[float] | None
NEXT_OPEN = {"trade": {"entry_mode": "next_open"}}
TARGETS_FIRST = {"backtest": {"conservative_fills": False}}
ATR_ONE = [
    daily_bar(date(2024, 1, 3) - timedelta(days=n), 100, 100.5, 99.5, 100) for n in range(20, 0, -1)
]
NO_FLATTEN = {"governance": {"flatten_at_session_end": False}}


def events_of(
    rows: Sequence[Row], *settings: dict[str, Any], days: Sequence[Any] = ()
) -> list[Event]:
    """After the range; `days`: rows of further sessions, whole."""
    bars = minutes([*WINDOW, *rows])
    for number, day in enumerate(days, start=1):
        bars += minutes(day, OPEN + timedelta(days=number))
    return run_events(bars, [], params_from(merged(FIVE_MINUTES, *settings)))


def trades_of(
    rows: Sequence[Row], *settings: dict[str, Any], days: Sequence[Any] = ()
) -> list[RangeTrade]:
    return outcome(events_of(rows, *settings, days=days)).trades


def only(rows: Sequence[Row], *settings: dict[str, Any], days: Sequence[Any] = ()) -> RangeTrade:
    [trade] = trades_of(rows, *settings, days=days)
    return trade


def fills(trade: RangeTrade) -> list[list[Any]]:
    return [fill[1:] for fill in trade_row(trade)["fills"]]


def skips(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(e.side, e.reason) for e in events if isinstance(e, EntrySkipped)]


# events
def test_events_of_a_trade_in_order() -> None:
    events = events_of([Q, E, (100.6, 101.2, 100.5, 101.0), (100.6, 100.6, 100.4, 100.5), Q])
    kinds = [type(event) for event in events]

    assert kinds == [
        RangeSet, EntryFilled, ExitFilled, StopMoved, ExitFilled, TradeClosed, SessionEnded,
    ]  # fmt: skip
    filled, moved = events[1], events[3]
    assert isinstance(filled, EntryFilled)
    assert isinstance(moved, StopMoved)
    assert (filled.ts_ns, filled.price, filled.stop) == (at("14:36"), 100.52, 99.95)
    assert [target.price for target in filled.targets] == [101.09, 101.38, 101.66]
    assert (moved.stop, moved.reason) == (100.53, "breakeven_stop")


def test_record_of_a_trade() -> None:
    settings = {"instrument": {"point_value": 50.0}, "backtest": {"contracts_per_trade": 3}}
    trade = only([Q, E, (100.6, 101.2, 100.5, 101.0), Q], settings)

    assert fills(trade) == [[101.09, 0.5, "target_1"], [100.3, 0.5, "breakeven_stop"]]
    assert (trade.or_high, trade.or_low, trade.or_minutes, trade.atr) == (100.5, 100.0, 5, None)
    assert trade.exit_price == 100.3
    assert trade.average_exit_price == pytest.approx(100.695)
    assert trade.pnl_dollars == pytest.approx(3 * 50 * 0.175)
    assert trade.realized_r == pytest.approx(0.175 / 0.57)


# entry
def test_open_at_the_trigger_is_a_fill_at_the_open() -> None:
    assert only([Q, (100.52, 100.6, 100.4, 100.55), Q]).gap_entry
    assert not only([Q, (100.51, 100.6, 100.4, 100.55), Q]).gap_entry


def test_close_at_the_trigger_is_no_longer_inside() -> None:
    assert trades_of([(100.4, 100.51, 100.4, 100.51), E, Q])
    at_trigger = [(100.4, 100.52, 100.4, 100.52), E, Q]
    assert [trade.entry_ns for trade in trades_of(at_trigger)] == [at("14:35")]
    late = {"governance": {"time_cutoff": "08:35"}}
    run = outcome(events_of(at_trigger, late))
    assert run.trades == []
    assert run.sessions[0].breaks == {"long": 1, "short": 0}


def test_first_bar_after_the_range_can_break_it() -> None:
    assert only([E, Q]).entry_ns == at("14:35")


def test_bars_of_the_range_never_break_it() -> None:
    wide = [(100.2, 100.5, 100.0, 100.2), (100.2, 103.0, 97.0, 100.2), *WINDOW[2:]]
    run = outcome(run_events(minutes([*wide, Q, Q]), [], params_from(FIVE_MINUTES)))
    assert run.sessions[0].breaks == {"long": 0, "short": 0}


def test_session_that_starts_after_its_range() -> None:
    """No bar in the window: the day is not traded, its breaks are not counted."""
    run = outcome(run_events(minutes([None] * 5 + [Q, E, Q]), [], params_from(FIVE_MINUTES)))
    [session] = run.sessions
    assert (session.reason, session.triggers, session.or_high) == ("no bars", None, None)
    assert session.breaks == {"long": 0, "short": 0}


def test_stop_bar_opens_no_other_position() -> None:
    """The bar stops the long and breaks the lower trigger."""
    rows = [Q, E, (100.5, 100.55, 99.9, 99.97), (99.97, 99.98, 99.5, 99.6)]
    events = events_of(rows)
    assert len(outcome(events).trades) == 1
    assert skips(events) == [("short", "position open")]


def test_higher_score_is_preferred() -> None:
    """Profile: the middle of yesterday's value area lies in the range, below it, above it."""
    both = [*WINDOW, (100.3, 100.4, 100.2, 100.3), (100.3, 100.7, 99.9, 100.3), Q]
    sides = []
    for low, high in ((95.0, 105.0), (94.0, 105.0), (96.0, 105.6)):
        prior = daily_bar(date(2024, 1, 2), low, high, low, high)
        settings = merged(FIVE_MINUTES, {"factors": {"price_action": {"enabled": False}}})
        events = run_events(minutes(both), [prior], params_from(settings))
        sides.append(outcome(events).trades[0].side)
        assert skips(events)[0][1] == "other side"
    assert sides == ["long", "long", "short"]


@pytest.mark.parametrize(("slippage", "trades"), [(0, 1), (2, 1)])
def test_slippage_worsens_the_entry(slippage: int, trades: int) -> None:
    settings = {"trade": {"slippage_ticks": slippage}}
    trade = only([Q, E, (100.55, 101.3, 100.5, 101.0), Q], settings)

    assert trade.entry_price == pytest.approx(100.52 + 0.01 * slippage)
    assert trade.risk == pytest.approx(0.57 + 0.01 * slippage)
    assert fills(trade)[0] == [pytest.approx(101.09 + 0.02 * slippage), 0.5, "target_1"]
    assert fills(trade)[1][0] == pytest.approx(100.3 - 0.01 * slippage)


def test_risk_below_a_tick_is_no_trade_and_no_signal() -> None:
    """A cap of 0 ATR puts the stop at the fill."""
    capped = {"trade": {"stop_mode": "atr_capped", "atr_stop_cap_mult": 0.0}}
    events = run_events(
        minutes([*WINDOW, Q, E, Q]), ATR_ONE, params_from(merged(FIVE_MINUTES, capped))
    )
    assert skips(events) == [("long", "risk below a tick")]
    [session] = outcome(events).sessions
    assert (session.signals, session.breaks["long"]) == (0, 1)


@pytest.mark.parametrize(("risk_pct", "contracts"), [(0.01, 175), (0.000057, 1), (0.000056, None)])
def test_size_by_risk(risk_pct: float, contracts: int | None) -> None:
    """10,000 dollars, risk 0.57 a contract: 100 dollars buy 175 of them."""
    sized = {"backtest": {"sizing": "risk_pct", "risk_pct": risk_pct, "initial_capital": 1e4}}
    events = events_of([Q, E, Q], sized)

    found = [event.contracts for event in events if isinstance(event, EntryFilled)]
    assert found == ([] if contracts is None else [contracts])
    assert skips(events) == ([("long", "size zero")] if contracts is None else [])


def test_size_follows_realised_dollars() -> None:
    """175 contracts lose 99.75 of 10,000 dollars: 1 % of the rest is 173 contracts."""
    sized = {
        "backtest": {"sizing": "risk_pct", "risk_pct": 0.01, "initial_capital": 1e4},
        "governance": {"lockout_after_losses": 5},
    }
    rows = [Q, E, (100.5, 100.55, 99.9, 100.2), E, (100.5, 100.55, 99.9, 100.2), Q]
    first, second = trades_of(rows, sized)

    assert first.pnl_dollars == pytest.approx(-175 * 0.57)
    assert second.contracts == 173


@pytest.mark.parametrize(
    ("contracts", "parts"),
    [
        (1, [1.0]),
        (2, [0.5, 0.5]),
        (3, [1 / 3, 2 / 3]),
        (4, [0.5, 0.25, 0.25]),
        (10, [0.5, 0.2, 0.3]),
    ],
)
def test_whole_contracts(contracts: int, parts: list[float]) -> None:
    settings = {"backtest": {"whole_contracts": True, "contracts_per_trade": contracts}}
    [filled] = [e for e in events_of([Q, E, Q], settings) if isinstance(e, EntryFilled)]

    assert [target.fraction for target in filled.targets] == pytest.approx(parts)
    assert filled.targets[-1].price == 101.66


# next_open
def test_next_open_tells_its_order_and_fills_at_the_open() -> None:
    events = events_of([Q, E, (100.58, 100.7, 100.5, 100.65), Q], NEXT_OPEN)
    [order] = [event for event in events if isinstance(event, EntryOrdered)]

    assert (order.ts_ns, order.side) == (at("14:36"), "long")
    trade = outcome(events).trades[0]
    assert (trade.entry_ns, trade.entry_price, trade.gap_entry) == (at("14:37"), 100.58, True)


def test_next_open_is_judged_by_the_cutoff_at_its_fill() -> None:
    cutoff = {"governance": {"time_cutoff": "08:37"}}
    events = events_of([Q, E, (100.58, 100.7, 100.5, 100.65)], NEXT_OPEN, cutoff)
    assert skips(events) == [("long", "cutoff")]


def test_next_open_fills_over_a_missing_minute() -> None:
    trade = only([Q, E, None, (100.58, 100.7, 100.5, 100.65)], NEXT_OPEN)
    assert trade.entry_ns == at("14:38")


def test_order_of_the_last_bar_dies_with_the_session() -> None:
    events = events_of([Q, E], NEXT_OPEN, NO_FLATTEN, days=[[*WINDOW, Q, Q]])
    assert outcome(events).trades == []
    assert skips(events) == [("long", "session over")]


def test_next_open_may_reverse_on_the_bar_that_stops_it() -> None:
    """Stopped by a bar that breaks the other side: flat at its close, short at the next open."""
    rows = [Q, E, (100.58, 100.6, 99.9, 99.95), (99.9, 99.97, 99.5, 99.6)]
    assert [trade.side for trade in trades_of(rows, NEXT_OPEN)] == ["long", "short"]


def test_entry_bar_of_next_open_is_managed_by_its_extremes() -> None:
    """Filled at the open, so that the low counts even with targets first."""
    rows = [Q, E, (100.58, 100.6, 99.9, 100.5), Q]
    assert fills(trades_of(rows, NEXT_OPEN, TARGETS_FIRST)[0]) == [[99.95, 1.0, "stop"]]


def test_next_open_is_scored_by_its_own_close() -> None:
    """The engulfing candle of the break is closed when it is decided on; entry mode stop may not
    know it."""
    scored = {
        "scoring": {"enabled": True, "base_required": 1, "weak_trend_required": 1},
        "factors": {
            "price_action": {"enable_structure": False},
            "rel_volume": {"enabled": False},
            "profile_proxy": {"enabled": False},
        },
    }
    rows = [(100.4, 100.45, 100.2, 100.3), (100.25, 100.6, 100.2, 100.55), E, Q]

    assert only(rows, scored, NEXT_OPEN).factors == ("price_action",)
    assert skips(events_of(rows, scored)) == [("long", "score")]


# one bar of a trade
def test_open_at_the_stop_is_a_gap() -> None:
    assert fills(only([Q, E, (99.95, 100.2, 99.9, 100.1)])) == [[99.95, 1.0, "stop"]]


def test_low_at_the_stop_is_a_stop() -> None:
    assert fills(only([Q, E, (100.5, 100.6, 99.95, 100.1)])) == [[99.95, 1.0, "stop"]]
    assert only([Q, E, (100.5, 100.6, 99.96, 100.1)]).exit_reason == "end_of_day"


def test_target_gap_fills_at_the_open() -> None:
    trade = only([Q, E, (101.5, 101.7, 101.4, 101.6)])
    assert fills(trade) == [
        [101.5, 0.5, "target_1"],
        [101.5, 0.25, "target_2"],
        [101.66, 0.25, "target_3"],
    ]
    assert trade.exit_reason == "targets"


def test_targets_first_on_the_entry_bar_goes_by_the_close() -> None:
    """The low of an entry bar may lie before the fill; its close cannot."""
    survives = [Q, (100.4, 100.6, 99.9, 99.96), (100.2, 100.3, 100.1, 100.2)]
    assert only(survives, TARGETS_FIRST).exit_reason == "end_of_day"
    stopped = [Q, (100.4, 101.1, 99.9, 99.95), Q]
    assert fills(only(stopped, TARGETS_FIRST)) == [[101.09, 0.5, "target_1"], [99.95, 0.5, "stop"]]


def test_best_and_worst_of_a_trade() -> None:
    """Entry bar: 100.6 and its close 100.55 count, not its low; then 100.3 and 100.9; the stop
    bar only with its fill."""
    trade = only([Q, E, (100.5, 100.9, 100.3, 100.5), (100.5, 101.0, 99.9, 100.0)])

    assert trade.mfe_r == pytest.approx(0.38 / 0.57)
    assert trade.mae_r == pytest.approx(-1.0)
    down = only([Q, (100.4, 100.6, 100.0, 100.4), (100.5, 100.9, 100.45, 100.5)])
    assert down.mae_r == pytest.approx(-0.12 / 0.57)


def test_best_and_worst_of_a_bar_that_ends_at_targets() -> None:
    trade = only([Q, E, (100.6, 102.5, 100.0, 102.4)])
    assert trade.mfe_r == pytest.approx(1.14 / 0.57)
    assert trade.mae_r == pytest.approx(-0.52 / 0.57)


def test_best_and_worst_of_a_bar_that_ends_by_time() -> None:
    trade = only([Q, E, (100.6, 100.9, 100.3, 100.65)], {"trade": {"max_minutes": 1}})
    assert (trade.exit_reason, fills(trade)) == ("time_stop", [[100.65, 1.0, "time_stop"]])
    assert trade.mfe_r == pytest.approx(0.38 / 0.57)
    assert trade.mae_r == pytest.approx(-0.22 / 0.57)


def test_age_is_counted_on_the_clock() -> None:
    """Two minutes missing: the first bar at or after the limit."""
    rows = [Q, E, None, None, (100.5, 100.6, 100.4, 100.5), Q]
    assert only(rows, {"trade": {"max_minutes": 2}}).exit_ns == at("14:39")


def test_stop_moves_only_for_the_next_bar() -> None:
    """1 R is reached, then 100.53, in one bar: the old stop holds there."""
    trade = only([Q, E, (100.6, 101.1, 100.3, 100.6), (100.6, 100.7, 100.53, 100.6)])
    assert fills(trade)[1:] == [[100.53, 0.5, "breakeven_stop"]]
    assert trade.exit_ns == at("14:38")


def test_trail_never_loosens_and_names_its_stop() -> None:
    trail = {
        "trade": {"trail_atr_mult": 0.6, "trail_start_r": 1.0, "partials": False, "primary_r": 9}
    }
    rows = [
        Q,
        E,
        (100.6, 101.10, 100.6, 101.0),
        (101.0, 101.3, 100.9, 101.2),
        (101.2, 101.2, 100.95, 101),
    ]
    events = run_events(
        minutes([*WINDOW, *rows, (101.0, 101.0, 100.6, 100.7)]),
        ATR_ONE,
        params_from(merged(FIVE_MINUTES, trail)),
    )
    moves = [(e.stop, e.reason) for e in events if isinstance(e, StopMoved)]
    # 101.10 - 0.6 = 100.50 is looser than breakeven
    assert moves == [(100.53, "breakeven_stop"), (100.70, "trail_stop")]
    assert outcome(events).trades[0].exit_reason == "trail_stop"


def test_position_kept_overnight_goes_on() -> None:
    second = [*WINDOW, (100.3, 100.7, 100.2, 100.6), (100.6, 101.7, 100.6, 101.6)]
    events = events_of([Q, E, Q], NO_FLATTEN, days=[second])
    trade = outcome(events).trades[0]

    assert fills(trade)[-1] == [101.66, 0.25, "target_3"]
    first, last = outcome(events).sessions
    assert (first.signals, first.day_r, last.signals) == (1, 0.0, 0)
    assert last.day_r == pytest.approx(trade.realized_r)
    assert last.breaks["long"] == 1


def test_trail_overnight_keeps_the_best_price_and_takes_the_new_sessions_atr() -> None:
    """Best 101.60 yesterday, at an ATR of 1: 101.00. Yesterday's row has no range, so that today's
    ATR is 13/14: 101.60 - 0.6 * 13/14 = 101.042857."""
    trail = {"trade": {"trail_atr_mult": 0.6, "partials": False, "primary_r": 9.0}}
    quiet = daily_bar(date(2024, 1, 3), 100.0, 100.0, 100.0, 100.0)
    today = [(101.2, 101.3, 101.1, 101.2)] * 2
    events = run_events(
        minutes([*WINDOW, Q, E, (100.6, 101.6, 100.6, 101.5)])
        + minutes(today, OPEN + timedelta(days=1)),
        [*ATR_ONE, quiet],
        params_from(merged(FIVE_MINUTES, NO_FLATTEN, trail)),
    )
    moves = [(e.stop, e.reason) for e in events if isinstance(e, StopMoved)]
    assert moves == [(101.0, "trail_stop"), (101.04, "trail_stop")]


def test_position_open_at_the_end_of_the_data() -> None:
    trade = only([Q, E, (100.5, 100.8, 100.4, 100.7)], NO_FLATTEN, {"trade": {"slippage_ticks": 2}})
    assert fills(trade) == [[100.68, 1.0, "end_of_data"]]


def test_prices_between_ticks() -> None:
    """Recorded prices below a cent: trigger up, stop down, target up to the grid."""
    window = [(100.2, 100.5001, 100.0004, 100.2)] * 5
    bars = minutes([*window, Q, (100.4, 100.6, 100.35, 100.55), Q])
    [filled] = [
        e for e in run_events(bars, [], params_from(FIVE_MINUTES)) if isinstance(e, EntryFilled)
    ]
    assert (filled.price, filled.stop) == (100.53, 99.95)
    assert filled.risk == pytest.approx(0.58)
    gap = minutes([*window, Q, (100.5333, 100.6, 100.5, 100.55), Q])
    [filled] = [
        e for e in run_events(gap, [], params_from(FIVE_MINUTES)) if isinstance(e, EntryFilled)
    ]
    assert filled.price == 100.5333
    assert [t.price for t in filled.targets] == [101.12, 101.41, 101.7]


# governance
STOPPED = (100.5, 100.55, 99.9, 100.2)


def test_two_full_stops_lock_the_session_and_the_next_is_free() -> None:
    day = [*WINDOW, Q, E, STOPPED, E, STOPPED, E, Q]
    events = events_of(day[5:], days=[day])
    first, second = outcome(events).sessions

    assert [e.reason for e in events if isinstance(e, Locked)] == ["consecutive losses: 2"] * 2
    assert (first.signals, first.breaks["long"], first.lockout) == (2, 3, "consecutive losses: 2")
    assert second.signals == 2
    assert ("long", "locked") in skips(events)


def test_a_win_ends_the_row_of_losses() -> None:
    win = (100.6, 102.5, 100.5, 102.4)
    rows = [Q, E, STOPPED, E, win, Q, E, STOPPED, Q]
    [session] = outcome(events_of(rows)).sessions
    assert (session.signals, session.lockout) == (3, None)


def test_neither_partials_nor_the_days_end_touch_the_row_of_losses() -> None:
    """Loss after a first target (runner stopped by a gap below it all): no full stop."""
    partial = [(100.6, 101.1, 100.5, 101.0), (98.0, 98.1, 97.9, 98.0)]
    rows = [Q, E, *partial, Q, E, STOPPED, Q]
    first, second = (trade.realized_r for trade in trades_of(rows))
    assert first < 0
    assert second == pytest.approx(-1.0)
    [session] = outcome(events_of(rows)).sessions
    assert session.lockout is None


def test_limit_of_signals() -> None:
    one = {"governance": {"max_signals_per_day": 1}}
    events = events_of([Q, E, STOPPED, E, Q], one)
    assert len(outcome(events).trades) == 1
    assert skips(events)[-1] == ("long", "signal limit")


def test_both_locks_count() -> None:
    """A stop that reaches the daily cap still counts as a loss for the next session."""
    carried = {
        "governance": {"max_daily_loss_r": 1.0, "carry_losses": True, "second_chance_minutes": 0}
    }
    day = [*WINDOW, Q, E, STOPPED, Q]
    sessions = outcome(events_of(day[5:], carried, days=[day, day])).sessions

    assert [session.lockout for session in sessions] == ["daily loss cap"] * 3
    free = {"governance": {"max_daily_loss_r": 1.5, "carry_losses": True}}
    sessions = outcome(events_of(day[5:], free, days=[day, day])).sessions
    assert [s.lockout for s in sessions] == [None, "consecutive losses: 2", "consecutive losses: 3"]


# driving
def test_sessions_may_be_ended_early_or_by_the_next_bar() -> None:
    day = [*WINDOW, Q, E, (100.55, 101.2, 100.5, 101.0)]
    bars = minutes(day) + minutes(day, OPEN + timedelta(days=1))
    params = params_from(FIVE_MINUTES)
    told, untold = OpeningRangeMachine(params), OpeningRangeMachine(params)
    events: list[Event] = []
    for bar in bars:
        events += told.step(bar)
        if bar in (bars[7], bars[-1]):
            events += told.end_session()
    assert told.position is None
    assert told.end_session() == []

    silent = [event for bar in bars for event in untold.step(bar)]
    assert untold.position is not None
    assert events == silent + untold.finish()


def test_machine_shows_its_session() -> None:
    machine = OpeningRangeMachine(params_from(FIVE_MINUTES))
    assert machine.snapshot is None
    assert machine.session is None
    for bar in minutes([*WINDOW, Q, E]):
        machine.step(bar)
    assert machine.session is not None
    assert machine.snapshot is not None
    assert (machine.session.signals, machine.session.or_high) == (1, 100.5)
    assert (machine.snapshot.bar_number, machine.snapshot.ts_ns) == (6, at("14:36"))
    machine.end_session()
    assert machine.session is None


def test_nothing_comes_of_nothing() -> None:
    assert OpeningRangeMachine(params_from({})).finish() == []
