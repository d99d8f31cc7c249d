"""Settings of the opening-range rules: defaults, ranges, what must hold between them."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError
from datetime import date, time
from typing import Any

import pytest
from orb_tools import merged

from bt_gex.errors import BadValue, UnknownName
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.resolve import nested, params_from, setting_names
from bt_gex.rules.settings import check_clock

SCORING_OFF = {"scoring": {"enabled": False}}

# name, lowest, highest allowed value and one beyond each; None where there is no bound
LIMITS: list[tuple[str, Any, Any, Any, Any]] = [
    ("orb.base_minutes", 4, 5, 60, 61),
    ("orb.short_or_minutes", 4, 5, 14, 31),
    ("orb.long_or_minutes", 14, 15, 60, 61),
    ("orb.atr_period", 4, 5, 50, 51),
    ("orb.low_norm_vol", -0.1, 0, 0.8, 2.1),
    ("orb.high_norm_vol", -0.1, 0.4, 2, 2.1),
    ("buffers.atr_mult", -0.1, 0, 0.5, 0.51),
    ("factors.rel_volume.lookback", 4, 5, 100, 101),
    ("factors.rel_volume.spike_mult", 0.9, 1, 5, 5.1),
    ("factors.price_action.pivot_len", 1, 2, 10, 11),
    ("factors.adx.period", 4, 5, 50, 51),
    ("factors.adx.threshold", -1, 0, 50, 51),
    ("scoring.weights.vwap", -0.1, 0, 7, None),
    ("scoring.base_required", -1, 0, 2, 11),
    ("scoring.weak_trend_required", -1, 2, 3, 11),
    ("trade.t1_pct", 0, 0.01, 0.75, 1.1),
    ("trade.atr_stop_cap_mult", -0.1, 0, 3, 3.1),
    ("trade.primary_r", 0, 0.1, 5, None),
    ("trade.slippage_ticks", -1, 0, 5, None),
    ("trade.max_minutes", 0, 1, 390, None),
    ("governance.max_signals_per_day", 0, 1, 10, 11),
    ("governance.lockout_after_losses", 0, 1, 10, 11),
    ("governance.second_chance_minutes", -1, 0, 120, 121),
    ("governance.max_daily_loss_r", 0, 0.1, 50, None),
    ("instrument.tick_size", 0, 0.0001, 5, None),
    ("backtest.contracts_per_trade", 0, 1, 100, None),
]

CONTRADICTIONS: list[tuple[str, dict[str, Any]]] = [
    ("orb.min_atr_mult", {"orb": {"min_atr_mult": 1.75}}),
    ("orb.low_norm_vol", {"orb": {"low_norm_vol": 0.85}}),
    ("orb.short_or_minutes", {"orb": {"short_or_minutes": 30}}),
    ("buffers.fixed", {"buffers": {"fixed": 0.0}}),
    (
        "price_action",
        {"factors": {"price_action": {"enable_engulfing": False, "enable_structure": False}}},
    ),
    ("val_pct", {"factors": {"profile_proxy": {"val_pct": 0.75}}}),
    ("base_required", {"scoring": {"base_required": 3, "weak_trend_required": 2}}),
    ("enabled factors", {"scoring": {"weak_trend_required": 4}}),
    ("enabled factors", {"factors": {"rel_volume": {"enabled": False}}}),
    ("t1_pct", {"trade": {"t1_pct": 0.8}}),
    ("trade.t1_r", {"trade": {"t1_r": 1.5}}),
    ("trade.t2_r", {"trade": {"t2_r": 2.0}}),
    ("runner_r", {"trade": {"t1_r": 0.5, "t2_r": 1.0, "runner_r": 1.5}}),
    ("session_start", {"instrument": {"session_start": "15:01"}}),
    ("timezone", {"instrument": {"timezone": "America/Chikago"}}),
]

ALLOWED: list[dict[str, Any]] = [
    {"orb": {"adaptive": False, "low_norm_vol": 0.9, "short_or_minutes": 30}},
    {"buffers": {"fixed": 0.0, "use_atr": True}},
    {"scoring": {"enabled": False, "base_required": 5, "weak_trend_required": 4}},
    {"trade": {"partials": False, "t1_pct": 1.0, "t2_pct": 1.0, "runner_r": 1.0}},
    {"trade": {"t1_pct": 0.75, "t2_pct": 0.25}},
    {"instrument": {"session_start": "15:00"}},
    {
        "factors": {
            "price_action": {"enabled": False, "enable_engulfing": False, "enable_structure": False}
        },
        "scoring": {"weak_trend_required": 2},
    },
]


def table(name: str, value: Any) -> dict[str, Any]:
    first, *rest = reversed(name.split("."))
    result: dict[str, Any] = {first: value}
    for part in rest:
        result = {part: result}
    return result


def value_of(params: Any, name: str) -> Any:
    for part in name.split("."):
        params = getattr(params, part)
    return params


@pytest.mark.parametrize(("name", "below", "lowest", "highest", "above"), LIMITS)
def test_limits(name: str, below: Any, lowest: Any, highest: Any, above: Any) -> None:
    for value in (lowest, highest):
        settings = merged(SCORING_OFF, table(name, value))
        assert value_of(params_from(settings), name) == value
    for value in (below, above):
        if value is not None:
            with pytest.raises(BadValue, match=name):
                params_from(merged(SCORING_OFF, table(name, value)))


@pytest.mark.parametrize(("named", "settings"), CONTRADICTIONS)
def test_contradictions(named: str, settings: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=named):
        params_from(settings)


@pytest.mark.parametrize("settings", ALLOWED)
def test_what_is_no_contradiction(settings: dict[str, Any]) -> None:
    params_from(settings)


@pytest.mark.parametrize(
    ("settings", "wrong", "near"),
    [
        ({"orb": {"or_length_minutes": 15}}, "orb.or_length_minutes", "minutes"),
        ({"trade": {"stop_mod": "swing"}}, "trade.stop_mod", "trade.stop_mode"),
        ({"factors": {"adx": {"periods": 5}}}, "factors.adx.periods", "factors.adx.period"),
        ({"scoring": {"weights": {"rel_volume": 2}}}, "weights.rel_volume", "rel_vol"),
        ({"governence": {"carry_losses": True}}, "governence", "governance"),
    ],
)
def test_unknown_settings(settings: dict[str, Any], wrong: str, near: str) -> None:
    with pytest.raises(UnknownName) as error:
        params_from(settings)
    assert wrong in str(error.value)
    assert near in str(error.value).split(";")[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"orb": 15},
        {"orb": {"adaptive": "perhaps"}},
        {"orb": {"base_minutes": True}},
        {"orb": {"base_minutes": 7.5}},
        {"orb": {"min_atr_mult": float("nan")}},
        {"trade": {"stop_mode": "fixed"}},
        {"instrument": {"early_closes": ["2015-12-24"]}},
        {"instrument": {"early_closes": {"24.12.2015": "12:00"}}},
        {"instrument": {"early_closes": {"2015-12-24": 720}}},
    ],
)
def test_values_of_another_kind(settings: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        params_from(settings)


@pytest.mark.parametrize("value", ["13:30", "13:30:00", " 13:30 ", time(13, 30)])
def test_clock(value: Any) -> None:
    params = params_from({"governance": {"time_cutoff": value}})
    assert params.governance.time_cutoff == time(13, 30)


@pytest.mark.parametrize("value", [810, 13.5, "1330", "25:00", "13:60", "", True, date(2024, 1, 2)])
def test_what_is_no_clock(value: Any) -> None:
    """An unquoted 13:30 in YAML is the number 810."""
    with pytest.raises(BadValue, match=r"governance\.time_cutoff"):
        params_from({"governance": {"time_cutoff": value}})
    with pytest.raises(BadValue):
        check_clock(value, "x")


@pytest.mark.parametrize("value", [None, "none"])
def test_no_clock(value: Any) -> None:
    assert params_from({"governance": {"time_cutoff": value}}).governance.time_cutoff is None
    with pytest.raises(BadValue):
        params_from({"instrument": {"session_start": value}})


def test_settings_lie_over_a_base() -> None:
    base = params_from({"trade": {"partials": False, "primary_r": 3.0}, "orb": {"adaptive": False}})
    found = params_from({"trade": {"primary_r": 2.0}, "scoring": None}, base)

    assert (found.trade.partials, found.trade.primary_r) == (False, 2.0)
    assert found.orb == base.orb
    assert found.scoring == base.scoring


def test_early_closes_and_the_way_back() -> None:
    settings = {"2015-12-24": "12:00", date(2015, 11, 27): time(12, 0, 30)}
    params = params_from({"instrument": {"early_closes": settings}})

    assert params.instrument.early_closes == (
        (date(2015, 11, 27), time(12, 0, 30)),
        (date(2015, 12, 24), time(12, 0)),
    )
    assert params_from(nested(params)) == params
    assert nested(params)["instrument"]["early_closes"]["2015-11-27"] == "12:00:30"
    assert params_from(nested(OpeningRangeParams())) == OpeningRangeParams()


def test_names_of_settings() -> None:
    names = list(setting_names())

    assert len(names) == len(set(names))
    assert {"orb.base_minutes", "factors.adx.period", "scoring.weights.adx"} < set(names)
    assert all(value_of(OpeningRangeParams(), name) is not ... for name in names)


def test_parameters_are_frozen_hashable_and_travel_between_processes() -> None:
    params = params_from({"instrument": {"early_closes": {"2015-12-24": "12:00"}}})

    assert pickle.loads(pickle.dumps(params)) == params
    assert hash(params) == hash(params_from(nested(params)))
    with pytest.raises(FrozenInstanceError):
        params.orb.base_minutes = 20  # type: ignore[misc]


def test_the_rules_need_neither_engine_nor_pandas() -> None:
    import subprocess
    import sys

    code = (
        "import sys, bt_gex.rules.opening_range.run; "
        "print([n for n in ('backtrader', 'pandas', 'sqlalchemy', 'pydantic') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
