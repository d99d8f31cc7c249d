"""Laws of the opening-range rules, on random markets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from orb_markets import random_market, random_settings
from orb_tools import at, merged, real_bars, real_daily

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.prices import opposite
from bt_gex.rules.opening_range.records import (
    EntryFilled,
    EntrySkipped,
    Event,
    ExitFilled,
    RangeTrade,
)
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.rules.opening_range.run import outcome, run_events, run_symbol
from bt_gex.rules.opening_range.session import MINUTE_NS

SEEDS = range(40)
CENTRE = 100.0


def garbage(rng: np.random.Generator, bar: Bar) -> Bar:
    prices = np.round(rng.uniform(0.7, 1.4, 4) * bar.open, 2)
    low, high = float(prices.min()), float(prices.max())
    return Bar(bar.ts_ns, float(prices[0]), high, low, float(prices[1]), float(rng.integers(9_999)))


def until(events: list[Event], ts_ns: int) -> list[Event]:
    """Entries and exits up to a bar."""
    fills = (event for event in events if isinstance(event, (EntryFilled, ExitFilled)))
    return [event for event in fills if stamp(event) <= ts_ns]


def stamp(event: EntryFilled | ExitFilled) -> int:
    return event.ts_ns if isinstance(event, EntryFilled) else event.fill.ts_ns


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_later_changes_nothing_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    settings = random_settings(rng)
    cut = int(rng.integers(20, len(bars) - 1))
    later = [*bars[: cut + 1], *(garbage(rng, bar) for bar in bars[cut + 1 :])]
    params = params_from(settings)

    before = run_events(bars, daily, params)
    after = run_events(later, daily, params)
    assert until(before, bars[cut].ts_ns) == until(after, bars[cut].ts_ns)
    machine = OpeningRangeMachine(params, daily)
    alone = [event for bar in bars[: cut + 1] for event in machine.step(bar)]
    assert alone == before[: len(alone)]


@pytest.mark.parametrize("symbol", ["SPY", "BAC"])
def test_what_comes_later_changes_nothing_before_on_real_days(symbol: str) -> None:
    rng = np.random.default_rng(3)
    bars, daily = list(real_bars(symbol)), real_daily(symbol)
    params = params_from({"scoring": {"base_required": 1, "weak_trend_required": 1}})
    whole = run_events(bars, daily, params)
    for cut in rng.integers(100, len(bars) - 1, 8):
        later = [*bars[: cut + 1], *(garbage(rng, bar) for bar in bars[cut + 1 :])]
        found = run_events(later, daily, params)
        assert until(whole, bars[cut].ts_ns) == until(found, bars[cut].ts_ns)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_entry_bars_own_close_and_volume_do_not_decide_its_entry(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    settings = merged(random_settings(rng), {"trade": {"entry_mode": "stop"}})
    params = params_from(settings)
    entries = [e for e in run_events(bars, daily, params) if isinstance(e, EntryFilled)]
    if not entries:
        return
    entry = entries[0]
    changed = [turned(bar, entry) if bar.ts_ns == entry.ts_ns else bar for bar in bars]
    found = [e for e in run_events(changed, daily, params) if isinstance(e, EntryFilled)]
    assert found[0] == entry


def turned(bar: Bar, entry: EntryFilled) -> Bar:
    """Closed at the extreme against the entry."""
    return bar._replace(close=bar.low if entry.side == "long" else bar.high, volume=1e6)


@pytest.mark.parametrize("seed", SEEDS)
def test_order_and_repetition_of_rows_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    params = params_from(random_settings(rng))
    rows = [
        bars[n] for n in rng.permutation(np.r_[np.arange(len(bars)), np.arange(0, len(bars), 7)])
    ]
    days = [daily[n] for n in rng.permutation(len(daily))]

    assert run_symbol(rows, days, params) == run_symbol(bars, daily, params)


def mirrored_bar(bar: Bar, centre: float = CENTRE) -> Bar:
    opened, high, low, close = (round(2 * centre - price, 10) for price in bar[1:5])
    return Bar(bar.ts_ns, opened, low, high, close, bar.volume)


def seen(trades: list[RangeTrade], *, mirror: bool) -> list[Any]:
    return [
        (
            opposite(trade.side) if mirror else trade.side,
            trade.entry_ns,
            trade.exit_ns,
            trade.exit_reason,
            trade.gap_entry,
            trade.factors,
            [(f.ts_ns, f.reason) for f in trade.fills],
            pytest.approx(trade.realized_r),
            pytest.approx(trade.mfe_r),
            pytest.approx(trade.mae_r),
        )
        for trade in trades
    ]


@pytest.mark.parametrize("seed", range(80))
def test_mirrored_prices_swap_long_and_short(seed: int) -> None:
    """Unless both sides break in one bar with the same score, which long wins. ADX is off: it
    compares moves of one tick exactly, which rounding turns around."""
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    settings: dict[str, Any] = merged(
        random_settings(rng),
        {"factors": {"adx": {"enabled": False}}, "scoring": {"weak_trend_required": 2}},
    )
    params = params_from(settings)
    events = run_events(bars, daily, params)
    if any(isinstance(e, EntrySkipped) and e.reason == "other side" for e in events):
        return
    days = [mirrored_bar(bar) for bar in daily]
    other = run_symbol([mirrored_bar(bar) for bar in bars], days, params)

    assert seen(outcome(events).trades, mirror=False) == seen(other.trades, mirror=True)
    for ours, theirs in zip(outcome(events).sessions, other.sessions, strict=True):
        assert ours.breaks["long"] == theirs.breaks["short"]
        assert (ours.signals, ours.lockout) == (theirs.signals, theirs.lockout)


@pytest.mark.parametrize("symbol", ["SPY", "IBM", "AIG", "BAC"])
def test_mirrored_real_days_swap_long_and_short(symbol: str) -> None:
    """One autumn, mirrored about its first close."""
    until_ns = at("00:00", date(2014, 1, 1))
    bars = [bar for bar in real_bars(symbol) if bar.ts_ns < until_ns]
    centre = bars[0].close
    start_ns = bars[0].ts_ns - 60 * 24 * 60 * MINUTE_NS
    daily = [bar for bar in real_daily(symbol) if start_ns < bar.ts_ns < until_ns]
    every = {"factors": {"vwap": {"enabled": True}, "adx": {"enabled": True}}}
    loose = {"scoring": {"base_required": 1, "weak_trend_required": 1}}
    found = 0
    for settings in ({}, every, loose, merged(loose, {"trade": {"entry_mode": "next_open"}})):
        params = params_from(settings)
        ours = run_symbol(bars, daily, params).trades
        theirs = run_symbol(
            [mirrored_bar(bar, centre) for bar in bars],
            [mirrored_bar(bar, centre) for bar in daily],
            params,
        ).trades
        assert seen(ours, mirror=False) == seen(theirs, mirror=True)
        found += len(ours)
    assert found > 0


@pytest.mark.parametrize("seed", range(20))
def test_what_holds_of_every_trade(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    for _ in range(5):
        for trade in run_symbol(bars, daily, params_from(random_settings(rng))).trades:
            assert sum(fill.fraction for fill in trade.fills) == pytest.approx(1.0)
            assert sum(target.fraction for target in trade.targets) == pytest.approx(1.0)
            assert trade.mae_r <= 0 <= trade.mfe_r
            assert trade.mae_r - 1e-9 <= trade.realized_r <= trade.mfe_r + 1e-9
            assert trade.entry_ns <= trade.fills[0].ts_ns
            assert trade.exit_ns == trade.fills[-1].ts_ns
            assert (trade.stop < trade.entry_price) == (trade.side == "long")


@pytest.mark.parametrize("seed", range(20))
def test_stop_first_is_never_better_on_the_same_trade(seed: int) -> None:
    """Without anything that depends on how earlier trades ended, the first trade of a session is
    the same in both modes, and stop first never makes more of it."""
    rng = np.random.default_rng(seed)
    bars, daily = random_market(rng)
    settings = merged(random_settings(rng), {"trade": {"trail_atr_mult": None}})
    careful = params_from(merged(settings, {"backtest": {"conservative_fills": True}}))
    hopeful = replace(careful, backtest=replace(careful.backtest, conservative_fills=False))
    first = run_symbol(bars, daily, careful).trades[:1]
    second = run_symbol(bars, daily, hopeful).trades[:1]
    for ours, theirs in zip(first, second, strict=True):
        assert ours.entry_ns == theirs.entry_ns
        if ours.fills[0].reason == "stop" and len(theirs.fills) > 1:
            assert ours.realized_r <= theirs.realized_r + 1e-9
