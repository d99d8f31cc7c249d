"""The worked vectors of the specification, typed in, part by part."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from orb_tools import FIVE_MINUTES, OPEN, WINDOW, E, Q, daily_bar, merged, minutes

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns
from bt_gex.rules.opening_range.factors import (
    NEITHER,
    Adx,
    Flags,
    Vwap,
    price_action,
    profile,
    relative_volume,
)
from bt_gex.rules.opening_range.history import range_minutes
from bt_gex.rules.opening_range.params import (
    BufferParams,
    FactorParams,
    OpeningRangeParams,
    PriceActionParams,
    ProfileParams,
    RangeParams,
    ScoringParams,
    TradeParams,
    WeightParams,
)
from bt_gex.rules.opening_range.plan import first_stop, newest_pivot, planned, target_parts
from bt_gex.rules.opening_range.prices import Side
from bt_gex.rules.opening_range.range import (
    OpeningRange,
    no_trade_reason,
    opening_range,
    triggers,
)
from bt_gex.rules.opening_range.records import StopMoved
from bt_gex.rules.opening_range.resolve import params_from
from bt_gex.rules.opening_range.run import run_events, run_symbol
from bt_gex.rules.opening_range.scoring import required_score, score_of
from bt_gex.rules.opening_range.session import MINUTE_NS

START = instant_ns(OPEN)
RANGE = OpeningRange(high=100.5, low=100.0)
DAY = date(2024, 1, 2)


def candles(*rows: tuple[float, float]) -> list[Bar]:
    """Bars of (open, close)."""
    return minutes([(o, max(o, c), min(o, c), c) for o, c in rows])


def spans(highs: list[float], lows: list[float]) -> list[Bar]:
    return minutes([(low, high, low, low) for high, low in zip(highs, lows, strict=True)])


# 1, 2: the range
def test_range_of_fifteen_bars() -> None:
    inside = spans([100.5, 101, 100.8, 101.2, 100.9] * 3, [100, 100.3, 100.2, 100.5, 100.1] * 3)
    found = opening_range(inside, START, START + 15 * MINUTE_NS)

    assert found is not None
    assert (found.high, found.low) == (101.2, 100.0)
    assert found.width == pytest.approx(1.2)


def test_range_takes_no_bar_from_outside_its_window() -> None:
    inside = spans([100.5] * 15, [100.0] * 15)
    before = Bar(START - MINUTE_NS, 105.0, 105.0, 95.0, 100.0, 1.0)
    after = Bar(START + 15 * MINUTE_NS, 105.0, 105.0, 95.0, 100.0, 1.0)
    found = opening_range([before, *inside, after], START, START + 15 * MINUTE_NS)

    assert found == RANGE


def test_range_of_rising_minutes() -> None:
    bars = spans([100 + 0.1 * i for i in range(30)], [99.5 + 0.1 * i for i in range(30)])
    found = opening_range(bars, START, START + 15 * MINUTE_NS)

    assert found is not None
    assert (found.high, found.low) == (pytest.approx(101.4), 99.5)
    assert RANGE.midpoint == 100.25


# 3, 4, 5: length, validity, buffers
@pytest.mark.parametrize(
    ("volatility", "length"), [(0.2, 10), (0.35, 15), (0.5, 15), (0.85, 15), (1.2, 30), (None, 15)]
)
def test_length_by_volatility(volatility: float | None, length: int) -> None:
    assert range_minutes(volatility, RangeParams()) == length
    assert range_minutes(volatility, RangeParams(adaptive=False)) == 15


@pytest.mark.parametrize(
    ("width", "reason"),
    [(0.2, "too narrow"), (0.25, None), (0.5, None), (1.75, None), (2.0, "too wide")],
)
def test_validity_at_an_atr_of_one(width: float, reason: str | None) -> None:
    found = OpeningRange(high=100.0 + width, low=100.0)

    assert no_trade_reason(found, 1.0, OpeningRangeParams()) == reason
    filter_off = OpeningRangeParams(orb=RangeParams(enable_validity_filter=False))
    assert no_trade_reason(found, 1.0, filter_off) is None
    assert no_trade_reason(found, None, OpeningRangeParams()) is None


def test_history_without_any_range_makes_every_range_too_wide() -> None:
    assert no_trade_reason(RANGE, 0.0, OpeningRangeParams()) == "too wide"


@pytest.mark.parametrize(
    "buffers",
    [
        BufferParams(fixed=0.05),
        BufferParams(fixed=0.0, use_atr=True, atr_mult=0.05),
        BufferParams(fixed=0.03, use_atr=True, atr_mult=0.02),
    ],
)
def test_triggers(buffers: BufferParams) -> None:
    assert triggers(RANGE, 1.0, buffers, 0.01) == {"long": 100.55, "short": 99.95}


# 6: relative volume
def test_relative_volume() -> None:
    assert relative_volume([1000.0] * 20 + [1250.0], 20) == 1.25
    assert relative_volume([1000.0] * 19 + [5000.0], 20) is None
    five = [1000.0, 1100.0, 1000.0, 1050.0, 1025.0, 1100.0]
    assert relative_volume(five, 5) == pytest.approx(1.062802, abs=5e-7)
    assert relative_volume([1000.0] * 5 + [3000.0], 5) == 3.0
    assert relative_volume([0.0] * 5 + [3000.0], 5) is None


@pytest.mark.parametrize(("spike", "flag"), [(1.5, False), (1.0, True)])
def test_spike(spike: float, flag: bool) -> None:
    """L=5: value 1.062802 of the sixth bar."""
    volumes = [1000.0, 1100.0, 1000.0, 1050.0, 1025.0, 1100.0]
    params = params_from(
        merged(FIVE_MINUTES, {"factors": {"rel_volume": {"lookback": 5, "spike_mult": spike}}})
    )
    events = last_snapshot(minutes([*WINDOW, Q], volumes=volumes), params)

    assert events.rel_vol == pytest.approx(1.062802, abs=5e-7)
    assert ("rel_vol" in events.active["long"]) is flag
    assert ("rel_vol" in events.active["short"]) is flag


# 7, 8: price action
ENGULFING = PriceActionParams(enable_structure=False)
STRUCTURE = PriceActionParams(pivot_len=2, enable_engulfing=False)


@pytest.mark.parametrize(
    ("before", "now", "flags"),
    [
        ((100.5, 100.0), (99.0, 101.5), Flags(True, False)),
        ((100.0, 100.5), (101.5, 99.0), Flags(False, True)),
        ((100.5, 100.0), (99.5, 100.5), NEITHER),
        ((100.0, 100.5), (99.0, 101.5), NEITHER),
    ],
)
def test_engulfing(before: tuple[float, float], now: tuple[float, float], flags: Flags) -> None:
    assert price_action(candles(before, now), ENGULFING) == flags
    assert price_action(candles(now), ENGULFING) == NEITHER
    assert price_action(candles(before, now), STRUCTURE) == NEITHER


def test_structure() -> None:
    highs, lows = [100.0, 101.0, 102.0, 103.0], [98.0, 99.0, 100.0, 101.0]

    assert price_action(spans(highs, lows), STRUCTURE) == Flags(True, False)
    assert price_action(spans(highs[::-1], lows[::-1]), STRUCTURE) == Flags(False, True)
    assert price_action(spans(highs[:2], lows[:2]), PriceActionParams()) == NEITHER
    assert price_action(spans(highs, lows[::-1]), STRUCTURE) == NEITHER


def test_both_sides_of_price_action_may_be_true() -> None:
    """Engulfed upwards, two bars after a higher high and low."""
    bars = minutes([(105, 106, 104, 105), (100.5, 100.6, 99.9, 100.0), (99.0, 101.6, 98.9, 101.5)])

    assert price_action(bars, PriceActionParams(pivot_len=2)) == Flags(True, True)


# 9: profile
@pytest.mark.parametrize(
    ("close", "high", "low", "flags"),
    [
        (108, 107, 106, Flags(True, False)),
        (101, 103, 102, Flags(False, True)),
        (104, 107, 106, Flags(True, False)),
        (106, 104, 103, Flags(False, True)),
        (107.5, 107, 106, NEITHER),
        (102.5, 104, 103, NEITHER),
        (105, 106, 104, NEITHER),
    ],
)
def test_profile(close: float, high: float, low: float, flags: Flags) -> None:
    prior = daily_bar(DAY, 105.0, 110.0, 100.0, 105.0)
    found = OpeningRange(high=high, low=low)

    assert profile(close, found, prior, ProfileParams()) == flags
    assert profile(close, found, None, ProfileParams()) == NEITHER


# 10: VWAP
def test_vwap() -> None:
    vwap = Vwap(min_bars=2)
    vwap.add(Bar(START, 100, 100, 100, 100, 1000))
    assert vwap.value is None
    vwap.add(Bar(START + MINUTE_NS, 110, 110, 110, 110, 500))
    assert vwap.value == pytest.approx(103.3333, abs=5e-5)


def test_vwap_without_volume() -> None:
    vwap = Vwap(min_bars=1)
    vwap.add(Bar(START, 100, 100, 100, 100, 0))
    assert vwap.value is None


# 11: ADX
def test_adx_of_eight_bars() -> None:
    rows = [
        (10, 9, 9.5),
        (10.5, 9.4, 10.2),
        (10.6, 9.8, 10),
        (10.2, 9.2, 9.4),
        (9.9, 9.1, 9.8),
        (10.9, 9.7, 10.8),
        (11.4, 10.6, 11.2),
        (11.3, 10.7, 10.9),
    ]
    adx, values, indexes = Adx(3), [], []
    for n, (high, low, close) in enumerate(rows):
        adx.add(Bar(START + n * MINUTE_NS, close, high, low, close, 1.0))
        values.append(adx.value)
        indexes.append(adx.dx)

    assert values[:5] == [None] * 5
    assert values[5:] == pytest.approx([23.148148, 39.309167, 50.083180], abs=5e-7)
    assert indexes[:3] == [None] * 3
    assert indexes[3:6] == pytest.approx([0.0, 11.1111, 58.3333], abs=5e-5)


def test_adx_of_a_flat_market_is_zero() -> None:
    adx = Adx(5)
    for n in range(20):
        adx.add(Bar(START + n * MINUTE_NS, 10.0, 10.0, 10.0, 10.0, 1.0))
    assert adx.value == 0.0


@pytest.mark.parametrize("decimals", [2, 9])
def test_adx_is_backtraders(decimals: int) -> None:
    import backtrader as bt
    import pandas as pd

    rng = np.random.default_rng(7)
    close = np.round(100 + np.cumsum(rng.normal(0, 0.05, 200)), decimals)
    high = np.round(close + rng.uniform(0, 0.05, 200), decimals)
    low = np.round(close - rng.uniform(0, 0.05, 200), decimals)
    index = pd.date_range("2024-01-03 14:30", periods=200, freq="min")
    frame = pd.DataFrame({"open": close, "high": high, "low": low, "close": close}, index=index)
    theirs: list[float] = []

    class Read(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.adx = bt.ind.ADX(period=14)

        def next(self) -> None:
            theirs.append(self.adx[0])

    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, volume=None, openinterest=None))
    cerebro.addstrategy(Read)
    cerebro.run()
    adx, ours = Adx(14), []
    for n in range(200):
        adx.add(Bar(START + n * MINUTE_NS, close[n], high[n], low[n], close[n], 1.0))
        ours.append(adx.value)

    assert ours[:27] == [None] * 27
    assert len(theirs) == 200 - 27
    assert ours[27:] == pytest.approx(theirs, abs=1e-10)


# 12: score
def test_score_is_a_sum_of_weights() -> None:
    assert score_of(("price_action", "rel_vol", "vwap", "adx"), WeightParams()) == 4
    weights = WeightParams(price_action=2.0, rel_vol=1.5)
    assert score_of(("price_action", "rel_vol"), weights) == 3.5
    assert score_of((), weights) == 0


def test_required_score_in_a_weak_trend() -> None:
    off, on = FactorParams(), params_from({"factors": {"adx": {"enabled": True}}}).factors
    scoring = ScoringParams()

    assert required_score(None, off, scoring) == 2
    assert required_score(None, on, scoring) == 3
    assert required_score(17.9, on, scoring) == 3
    assert required_score(18.0, on, scoring) == 2


# 13: stops
def stop(side: Side, fill: float, found: OpeningRange, bars: list[Bar], **trade: object) -> float:
    return first_stop(side, fill, found, 1.0, bars, params_from({"trade": trade}))


def test_stop_at_the_other_side_of_the_range() -> None:
    assert stop("long", 100.6, RANGE, []) == 99.95
    assert stop("short", 99.9, RANGE, []) == 100.55


def test_swing_stop() -> None:
    low = spans([101.0] * 7, [100.0, 99.9, 99.8, 99.5, 99.8, 99.9, 100.0])
    high = spans([100.0, 100.2, 100.4, 101.0, 100.4, 100.2, 100.0], [99.0] * 7)

    assert stop("long", 100.6, RANGE, low, stop_mode="swing") == 99.45
    assert stop("short", 99.9, RANGE, high, stop_mode="swing") == 101.05
    assert stop("long", 100.6, RANGE, low[:-1], stop_mode="swing") == 99.95
    assert stop("long", 99.5, RANGE, low, stop_mode="swing") == 99.95


def test_newest_pivot_on_the_stops_side_of_the_fill_counts() -> None:
    lows = [5.0, 4.0, 5.0, 6.0, 5.5, 6.0, 6.0]
    bars = spans([9.0] * 7, lows)

    assert newest_pivot("long", 8.0, bars, 1) == 5.5
    assert newest_pivot("long", 5.5, bars, 1) == 4.0
    assert newest_pivot("long", 4.0, bars, 1) is None
    assert newest_pivot("long", 8.0, spans([9.0] * 3, [4.0, 4.0, 5.0]), 1) is None


def test_stop_capped_by_the_atr() -> None:
    far = OpeningRange(high=100.5, low=95.0)
    capped = {"stop_mode": "atr_capped", "atr_stop_cap_mult": 0.8}

    assert stop("long", 100.6, RANGE, [], **capped) == 99.95
    assert stop("long", 100.6, far, [], **capped) == 99.8
    assert stop("short", 94.0, far, [], **capped) == 94.8


# 14: targets
def test_targets() -> None:
    def prices(side: Side, fill: float, **trade: object) -> list[tuple[float, float]]:
        low = OpeningRange(high=101.0 - 0.05, low=99.0 + 0.05)
        plan = planned(side, fill, low, None, [], 1.0, params_from({"trade": trade}))
        return [(target.price, target.fraction) for target in plan.targets]  # type: ignore[union-attr]

    assert prices("long", 100.0) == [(101, 0.5), (101.5, 0.25), (102, 0.25)]
    assert prices("short", 100.0) == [(99, 0.5), (98.5, 0.25), (98, 0.25)]
    assert prices("long", 100.0, partials=False) == [(101.5, 1.0)]


def test_runner_without_a_rest_is_left_out() -> None:
    assert target_parts(TradeParams(t1_pct=0.5, t2_pct=0.5), None) == [(1.0, 0.5), (1.5, 0.5)]


def test_fill_at_the_stop_is_no_trade() -> None:
    at_stop = OpeningRange(high=100.5, low=100.05)
    plan = planned("long", 100.0, at_stop, None, [], 1.0, OpeningRangeParams())
    assert plan == "risk below a tick"


# 15: breakeven
@pytest.mark.parametrize(
    ("best", "moves"),
    [(100.80, []), (101.08, []), (101.10, [100.57])],
)
def test_breakeven(best: float, moves: list[float]) -> None:
    """Fill 100.52, risk 0.57: 1 R at 101.09."""
    params = params_from(merged(FIVE_MINUTES, {"trade": {"be_buffer": 0.05, "t1_r": 1.2}}))
    bars = minutes([*WINDOW, Q, E, (100.6, best, 100.6, 100.7), (100.7, best, 100.6, 100.7)])
    events = run_events(bars, [], params)

    assert [event.stop for event in events if isinstance(event, StopMoved)] == moves


def test_breakeven_of_a_short() -> None:
    params = params_from(merged(FIVE_MINUTES, {"trade": {"be_buffer": 0.05}}))
    down = [(100.1, 100.15, 99.9, 99.95), (99.95, 99.97, 99.40, 99.50)]
    bars = minutes([*WINDOW, (100.1, 100.2, 100.05, 100.1), *down])
    events = run_events(bars, [], params)

    assert [event.stop for event in events if isinstance(event, StopMoved)] == [99.93]


# 16: daily cap, on trades as they come
@pytest.mark.parametrize(
    ("cap", "results", "lockouts"),
    [
        (5.0, [-2.0, -2.0, -1.5], [None, None, "daily loss cap"]),
        (5.0, [-2.0, -3.0], [None, "daily loss cap"]),
        (5.0, [-2.0, -2.99], [None, None]),
        (3.0, [2.0, -3.0, 1.0, -3.5], [None, None, None, "daily loss cap"]),
    ],
)
def test_daily_loss_cap(cap: float, results: list[float], lockouts: list[str | None]) -> None:
    from bt_gex.rules.opening_range.governance import Governance
    from bt_gex.rules.opening_range.params import GovernanceParams

    [sample] = run_symbol(
        minutes([*WINDOW, Q, E, Q]), [], params_from(FIVE_MINUTES)
    ).trades  # closed at the day's end: no full stop
    governance = Governance(GovernanceParams(max_daily_loss_r=cap))
    governance.start_session()
    found = []
    for r in results:
        governance.closed(replace(sample, realized_r=r))
        found.append(governance.lockout)

    assert found == lockouts
    assert governance.day_r == pytest.approx(sum(results))
    governance.start_session()
    assert (governance.lockout, governance.day_r) == (None, 0.0)


def last_snapshot(bars: list[Bar], params: OpeningRangeParams):  # type: ignore[no-untyped-def]
    from bt_gex.rules.opening_range.machine import OpeningRangeMachine

    machine = OpeningRangeMachine(params)
    for bar in bars:
        machine.step(bar)
    assert machine.snapshot is not None
    return machine.snapshot
