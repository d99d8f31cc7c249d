"""Known defects of an earlier implementation of these rules, each as a test that fails with it.

Numbered as in its review, O1 to O33; defects of files, reports, web and fetching are not here.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from orb_markets import random_market
from orb_tools import FIVE_MINUTES, OPEN, WINDOW, E, Q, at, daily_bar, merged, minutes

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.params import WeightParams
from bt_gex.rules.opening_range.records import EntryFilled, StopMoved
from bt_gex.rules.opening_range.resolve import params_from, setting_names
from bt_gex.rules.opening_range.run import run_events, run_symbol
from bt_gex.rules.opening_range.scoring import Snapshot, score_of

ALL_ON: dict[str, Any] = {"factors": {"vwap": {"enabled": True}, "adx": {"enabled": True}}}
STOPPED = (100.5, 100.55, 99.9, 100.2)


def last_snapshot(bars: list[Bar], settings: dict[str, Any], daily: Any = ()) -> Snapshot:
    machine = OpeningRangeMachine(params_from(settings), daily)
    for bar in bars:
        machine.step(bar)
    assert machine.snapshot is not None
    return machine.snapshot


def test_o1_o2_a_range_is_made_and_traded_at_its_trigger() -> None:
    [trade] = run_symbol(minutes([*WINDOW, Q, E, Q]), [], params_from(FIVE_MINUTES)).trades
    assert (trade.or_high, trade.or_low, trade.entry_price) == (100.5, 100.0, 100.52)


def test_o3_every_session_starts_anew() -> None:
    """Volume 1000 yesterday, 5 today: the first bars of today have no relative volume, VWAP and
    ADX, and their range is today's."""
    first = minutes([Q] * 60)
    shifted = [tuple(price + 10 for price in row) for row in WINDOW]
    second = minutes(shifted, OPEN + timedelta(days=1), volumes=[5.0] * 5)
    machine = OpeningRangeMachine(params_from(merged(FIVE_MINUTES, ALL_ON)))
    for bar in [*first, *second]:
        machine.step(bar)

    now = machine.snapshot
    assert now is not None
    assert (now.bar_number, now.rel_vol, now.adx) == (4, None, None)
    assert now.vwap == pytest.approx((110.5 + 110.0 + 110.2) / 3)
    assert machine.session is not None
    assert (machine.session.or_high, machine.session.or_low) == (110.5, 110.0)


def test_o4_every_factor_can_be_active() -> None:
    rows = [(100 + 0.1 * n, 100.15 + 0.1 * n, 99.95 + 0.1 * n, 100.1 + 0.1 * n) for n in range(60)]
    volumes = [100.0] * 59 + [200.0]
    prior = [daily_bar(date(2024, 1, 2), 99.0, 100.0, 99.0, 99.9)]
    now = last_snapshot(minutes(rows, volumes=volumes), ALL_ON, prior)

    assert now.active["long"] == ("adx", "price_action", "profile", "rel_vol", "vwap")
    assert now.active["short"] == ("adx", "rel_vol")
    assert now.score == {"long": 5.0, "short": 2.0}


def test_o5_what_is_not_known_yet_is_not_active() -> None:
    now = last_snapshot(minutes([Q]), ALL_ON)
    assert (now.rel_vol, now.vwap, now.adx) == (None, None, None)
    assert now.active == {"long": (), "short": ()}
    assert (now.score["long"], now.required, now.passed["long"]) == (0.0, 3, False)


@pytest.mark.parametrize(("bars", "value"), [(20, None), (21, 1.0)])
def test_o6_relative_volume_starts_with_bar_21(bars: int, value: float | None) -> None:
    assert last_snapshot(minutes([Q] * bars), {}).rel_vol == value


SIMPLE = {
    "orb": {"base_minutes": 5, "adaptive": False, "enable_validity_filter": False},
    "scoring": {"enabled": False},
    "governance": {"time_cutoff": None, "max_signals_per_day": 10, "lockout_after_losses": 10},
}
SCORED = merged(
    SIMPLE, {"scoring": {"enabled": True, "base_required": 1, "weak_trend_required": 1}}
)
SPIKES = merged(
    SCORED, {"factors": {"price_action": {"enabled": False}, "rel_volume": {"lookback": 5}}}
)
WITH_ADX = merged(
    SCORED,
    {
        "factors": {"adx": {"enabled": True, "period": 5}},
        "scoring": {"base_required": 1, "weak_trend_required": 3},
    },
)
WITH_VWAP = merged(
    SCORED,
    {
        "factors": {"vwap": {"enabled": True}},
        "scoring": {"base_required": 2, "weak_trend_required": 2},
    },
)
ADAPTIVE = merged(SIMPLE, {"orb": {"adaptive": True, "atr_period": 5}})
RARELY_LONG = merged(ADAPTIVE, {"orb": {"high_norm_vol": 2.0}})
MOSTLY_SHORT = merged(RARELY_LONG, {"orb": {"low_norm_vol": 1.9}})
MOSTLY_LONG = merged(ADAPTIVE, {"orb": {"low_norm_vol": 0.0, "high_norm_vol": 0.1}})
LOCKED = merged(SIMPLE, {"governance": {"lockout_after_losses": 2}})
FILTERED = merged(SIMPLE, {"orb": {"enable_validity_filter": True, "atr_period": 5}})
CAPPED = merged(SIMPLE, {"trade": {"stop_mode": "atr_capped", "atr_stop_cap_mult": 0.1}})
TRAILED = merged(SIMPLE, {"trade": {"trail_atr_mult": 0.1}})
SWING = merged(SIMPLE, {"trade": {"stop_mode": "swing"}})
SINGLE = merged(SIMPLE, {"trade": {"partials": False}})
BY_ATR = merged(SIMPLE, {"buffers": {"use_atr": True}})
WHOLE = merged(SIMPLE, {"backtest": {"contracts_per_trade": 3}})
BY_RISK = merged(SIMPLE, {"backtest": {"sizing": "risk_pct"}})
# name, settings in which it has a say, two values that must make a difference
EFFECTS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("instrument.timezone", SIMPLE, "America/Chicago", "America/Denver"),
    ("instrument.session_start", SIMPLE, "08:30", "08:40"),
    ("instrument.session_end", SIMPLE, "15:00", "09:30"),
    ("instrument.early_closes", SIMPLE, {}, {"2024-01-04": "09:10"}),
    ("instrument.tick_size", SIMPLE, 0.01, 0.05),
    ("instrument.point_value", SIMPLE, 1.0, 50.0),
    ("orb.base_minutes", SIMPLE, 5, 10),
    ("orb.adaptive", ADAPTIVE, True, False),
    ("orb.low_norm_vol", RARELY_LONG, 0.0, 1.9),
    ("orb.high_norm_vol", ADAPTIVE, 0.4, 2.0),
    ("orb.short_or_minutes", MOSTLY_SHORT, 5, 10),
    ("orb.long_or_minutes", MOSTLY_LONG, 15, 30),
    ("orb.atr_period", CAPPED, 5, 11),
    ("orb.intraday_minutes", ADAPTIVE, 1, 10),
    ("orb.norm_vol", ADAPTIVE, "scaled", "raw"),
    ("orb.enable_validity_filter", FILTERED, True, False),
    ("orb.min_atr_mult", FILTERED, 0.0, 0.5),
    ("orb.max_atr_mult", FILTERED, 0.3, 2.0),
    ("buffers.fixed", SIMPLE, 0.01, 0.1),
    ("buffers.use_atr", SIMPLE, False, True),
    ("buffers.atr_mult", BY_ATR, 0.0, 0.2),
    ("factors.rel_volume.enabled", SPIKES, True, False),
    ("factors.rel_volume.lookback", SPIKES, 5, 20),
    ("factors.rel_volume.spike_mult", SPIKES, 1.0, 2.0),
    ("factors.price_action.enabled", SCORED, True, False),
    ("factors.price_action.pivot_len", SCORED, 2, 5),
    ("factors.price_action.enable_engulfing", SCORED, True, False),
    ("factors.price_action.enable_structure", SCORED, True, False),
    ("factors.profile_proxy.enabled", SCORED, True, False),
    ("factors.profile_proxy.val_pct", SCORED, 0.0, 0.7),
    ("factors.profile_proxy.vah_pct", SCORED, 0.3, 1.0),
    ("factors.vwap.enabled", WITH_VWAP, True, False),
    ("factors.vwap.reset_mode", WITH_VWAP, "session", "or_end"),
    ("factors.vwap.min_bars", WITH_VWAP, 1, 50),
    ("factors.adx.enabled", WITH_ADX, True, False),
    ("factors.adx.period", WITH_ADX, 5, 14),
    ("factors.adx.threshold", WITH_ADX, 5, 40),
    ("scoring.enabled", SCORED, True, False),
    ("scoring.base_required", merged(SCORED, {"scoring": {"weak_trend_required": 3}}), 0, 2),
    ("scoring.weak_trend_required", WITH_ADX, 1, 4),
    ("scoring.weights.price_action", SCORED, 0.0, 1.0),
    ("scoring.weights.rel_vol", SPIKES, 0.0, 1.0),
    ("scoring.weights.profile", SCORED, 0.0, 1.0),
    ("scoring.weights.vwap", WITH_VWAP, 0.0, 1.0),
    ("scoring.weights.adx", WITH_ADX, 0.0, 1.0),
    ("trade.entry_mode", SIMPLE, "stop", "next_open"),
    ("trade.stop_mode", SIMPLE, "or_opposite", "swing"),
    ("trade.extra_stop_buffer", SIMPLE, 0.0, 0.2),
    ("trade.atr_stop_cap_mult", CAPPED, 0.1, 0.3),
    ("trade.partials", SIMPLE, True, False),
    ("trade.t1_r", SIMPLE, 0.2, 1.0),
    ("trade.t1_pct", SIMPLE, 0.3, 0.6),
    ("trade.t2_r", SIMPLE, 1.1, 1.9),
    ("trade.t2_pct", SIMPLE, 0.1, 0.5),
    ("trade.runner_r", SIMPLE, 1.6, 4.0),
    ("trade.primary_r", SINGLE, 0.5, 2.0),
    ("trade.move_be_at_r", SIMPLE, 0.2, 3.0),
    ("trade.be_buffer", SIMPLE, 0.0, 0.1),
    ("trade.trail_atr_mult", SIMPLE, None, 0.1),
    ("trade.trail_start_r", TRAILED, 0.0, 2.0),
    ("trade.max_minutes", SIMPLE, None, 10),
    ("trade.slippage_ticks", SIMPLE, 0, 1),
    ("governance.max_signals_per_day", SIMPLE, 1, 10),
    ("governance.lockout_after_losses", SIMPLE, 1, 10),
    ("governance.max_daily_loss_r", SIMPLE, None, 0.5),
    ("governance.time_cutoff", SIMPLE, None, "09:00"),
    ("governance.second_chance_minutes", SIMPLE, 0, 60),
    ("governance.flatten_at_session_end", SIMPLE, True, False),
    ("governance.carry_losses", LOCKED, True, False),
    ("backtest.conservative_fills", SIMPLE, True, False),
    ("backtest.contracts_per_trade", SIMPLE, 1, 3),
    ("backtest.whole_contracts", WHOLE, True, False),
    ("backtest.sizing", SIMPLE, "fixed", "risk_pct"),
    ("backtest.risk_pct", BY_RISK, 0.01, 0.02),
    ("backtest.initial_capital", BY_RISK, 1e4, 1e5),
]  # fmt: skip
NOT_HERE = {
    "data.or_invalid",  # needs the window check: test_day_with_a_bad_window
    "factors.sample_every",  # of what is kept, not of what is decided
    "backtest.random_seed",  # of synthetic bars
}


def table(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    result: dict[str, Any] = value
    return result


@pytest.mark.parametrize(("name", "settings", "one", "other"), EFFECTS)
def test_o7_o8_o29_every_setting_has_an_effect(
    name: str, settings: dict[str, Any], one: Any, other: Any
) -> None:
    first = params_from(merged(settings, table(name, one)))
    second = params_from(merged(settings, table(name, other)))
    for seed in range(40):
        bars, daily = random_market(np.random.default_rng(seed))
        if run_symbol(bars, daily, first).trades != run_symbol(bars, daily, second).trades:
            return
    pytest.fail(f"{name} changes no trade")


def test_o7_o8_no_setting_is_left_out() -> None:
    assert {name for name, *_ in EFFECTS} | NOT_HERE == set(setting_names())


def test_o9_an_open_trade_does_not_vanish() -> None:
    kept = {"governance": {"flatten_at_session_end": False}}
    bars = minutes([*WINDOW, Q, E])
    for settings, reason in (({}, "end_of_day"), (kept, "end_of_data")):
        [trade] = run_symbol(bars, [], params_from(merged(FIVE_MINUTES, settings))).trades
        assert (trade.exit_reason, trade.exit_price) == (reason, 100.55)


def test_o10_o13_gaps_fill_at_the_open() -> None:
    bars = minutes([*WINDOW, Q, (100.7, 100.8, 100.65, 100.75), (99.5, 99.6, 99.4, 99.5)])
    [trade] = run_symbol(bars, [], params_from(FIVE_MINUTES)).trades
    assert (trade.entry_price, trade.exit_price) == (100.7, 99.5)


def test_o11_no_entry_at_a_price_long_gone() -> None:
    """Stopped by a bar that closes back above the trigger: only a new cross is a break."""
    beyond = (100.7, 100.75, 100.6, 100.7)
    bars = minutes([*WINDOW, Q, E, (100.5, 100.8, 99.9, 100.7), beyond, beyond])
    run = run_symbol(bars, [], params_from(FIVE_MINUTES))
    assert [trade.entry_ns for trade in run.trades] == [at("14:36")]
    assert run.sessions[0].breaks["long"] == 1


def test_o12_the_entry_bars_stop_is_checked() -> None:
    bars = minutes([*WINDOW, Q, (100.4, 100.6, 99.9, 100.3), Q])
    [trade] = run_symbol(bars, [], params_from(FIVE_MINUTES)).trades
    assert (trade.exit_reason, trade.exit_ns) == ("stop", trade.entry_ns)


def test_o22_o25_the_cutoff_and_the_day_are_local() -> None:
    """08:36 in Chicago is 14:36 UTC: no cutoff at 13:30, one at 08:36."""
    bars = minutes([*WINDOW, Q, E, Q])
    for cutoff, trades in (("13:30", 1), ("08:37", 1), ("08:36", 0)):
        settings = merged(FIVE_MINUTES, {"governance": {"time_cutoff": cutoff}})
        assert len(run_symbol(bars, [], params_from(settings)).trades) == trades
    tokyo = merged(
        FIVE_MINUTES,
        {
            "instrument": {
                "timezone": "Asia/Tokyo",
                "session_start": "23:30",
                "session_end": "23:59",
            }
        },
    )
    [session] = run_symbol(bars, [], params_from(tokyo)).sessions
    assert session.day == date(2024, 1, 3)


def test_o27_stops_are_named_and_extremes_are_those_of_the_bars() -> None:
    bars = minutes([*WINDOW, Q, E, (100.6, 101.2, 100.55, 100.9), (100.9, 100.9, 100.5, 100.6)])
    [trade] = run_symbol(bars, [], params_from(FIVE_MINUTES)).trades
    assert trade.exit_reason == "breakeven_stop"
    assert trade.realized_r > 0
    assert trade.mfe_r == pytest.approx(0.68 / 0.57)


def test_o28_the_break_bars_volume_does_not_fill_it() -> None:
    settings = merged(
        FIVE_MINUTES,
        {
            "scoring": {"enabled": True, "base_required": 1, "weak_trend_required": 1},
            "factors": {
                "rel_volume": {"lookback": 5},
                "price_action": {"enabled": False},
                "profile_proxy": {"enabled": False},
            },
        },
    )
    rows = [*WINDOW, Q, E, Q]
    on_break, before = [1000.0] * 6 + [9000.0, 0.0], [1000.0] * 5 + [9000.0, 1000.0, 0.0]
    assert run_symbol(minutes(rows, volumes=on_break), [], params_from(settings)).trades == []
    assert len(run_symbol(minutes(rows, volumes=before), [], params_from(settings)).trades) == 1


def test_o29_the_default_buffer_is_traded() -> None:
    assert params_from({}).buffers.fixed == 0.02


def test_o31_a_lock_by_the_daily_cap_still_counts_the_loss() -> None:
    settings = merged(
        FIVE_MINUTES,
        {"governance": {"max_daily_loss_r": 1.0, "carry_losses": True, "lockout_after_losses": 2}},
    )
    loose = merged(settings, {"governance": {"max_daily_loss_r": 5.0}})
    day = [*WINDOW, Q, E, STOPPED]
    params = params_from(settings)
    machine = OpeningRangeMachine(params)
    for bar in minutes(day):
        machine.step(bar)
    assert machine.session is not None
    assert machine.session.lockout == "daily loss cap"
    bars = minutes(day) + minutes(day, OPEN + timedelta(days=1))
    assert [s.lockout for s in run_symbol(bars, [], params_from(loose)).sessions] == [
        None,
        "consecutive losses: 2",
    ]


def test_o32_breakeven_never_loosens_the_stop() -> None:
    """A trail above breakeven stays when 1 R is reached later."""
    daily = [
        daily_bar(date(2024, 1, 3) - timedelta(days=n), 100, 100.5, 99.5, 100)
        for n in range(20, 0, -1)
    ]
    settings = merged(
        FIVE_MINUTES,
        {
            "trade": {
                "trail_atr_mult": 0.1,
                "trail_start_r": 0.5,
                "partials": False,
                "primary_r": 9.0,
            }
        },
    )
    rows = [Q, E, (100.6, 100.95, 100.6, 100.9), (100.9, 101.1, 100.9, 101.0)]
    events = run_events(minutes([*WINDOW, *rows]), daily, params_from(settings))
    assert [e.stop for e in events if isinstance(e, StopMoved)] == [100.85, 101.0]
    assert [type(e) for e in events].count(EntryFilled) == 1


def test_o33_scores_are_sums() -> None:
    assert score_of(("adx", "vwap"), WeightParams(adx=2.0, vwap=1.5)) == 3.5
