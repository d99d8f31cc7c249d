"""Settings: the table of defaults, suggestions for wrong names, ranges for wrong values."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from datetime import date, datetime, time
from typing import Any

import pytest

from bt_gex.config.run_config import RunConfig, parse_fills, setting_defaults
from bt_gex.errors import BadValue, BtGexError, UnknownName, UsageError
from bt_gex.rules.gex.params import PROFILES, EntryParams, ExitParams, SetupParams, find_profile
from bt_gex.rules.settings import check_times, validated

DAY = {"start": date(2026, 1, 12), "end": date(2026, 1, 12)}
TWELVE = (
    time(9, 36),
    time(10, 0),
    time(10, 30),
    time(11, 0),
    time(11, 30),
    time(12, 0),
    time(12, 30),
    time(13, 0),
    time(13, 30),
    time(14, 0),
    time(14, 30),
    time(15, 0),
)

# The published defaults, typed off
LAW: dict[str, Any] = {
    "setup.near_pin_max": 6,
    "setup.moderate_max": 15,
    "setup.far_max": 50,
    "setup.ic_buffer": 20,
    "setup.moderate_pin_buffer": 15,
    "setup.moderate_spot_buffer": 8,
    "setup.far_pin_buffer": 25,
    "setup.far_spot_buffer": 12,
    "setup.vix_threshold": 20.0,
    "setup.parity": False,
    "entry.times": TWELVE,
    "entry.use_competing_peaks": False,
    "entry.max_open": None,
    "entry.min_credit": None,
    "exit.profit_target_high": 0.50,
    "exit.profit_target_medium": 0.60,
    "exit.emergency_stop": 0.40,
    "exit.stop_loss": 0.10,
    "exit.end_of_day_minutes": 30,
    "fills.entry_slippage": 1.0,
    "fills.exit_slippage": 1.0,
    "fills.commission": 0.0,
    "data.quote_max_age_s": 120,
    "data.context_max_age_s": 2100,
    "account.balance": 25000,
    "account.quantity": 1,
}


def config(settings: dict[str, Any] | None = None, **rest: Any) -> RunConfig:
    return RunConfig(**{**DAY, "settings": settings or {}, **rest})


def value_of(run: RunConfig, name: str) -> Any:
    section, _, field = name.partition(".")
    return getattr(getattr(run, section), field)


@pytest.mark.parametrize("name", LAW)
def test_defaults(name: str) -> None:
    assert value_of(config(), name) == LAW[name]
    assert setting_defaults()[name] == LAW[name]
    assert isinstance(value_of(config(), name), bool) == isinstance(LAW[name], bool)


def test_standard_is_the_default_profile() -> None:
    assert config().profile == "standard"
    assert find_profile("standard").setup == SetupParams()
    assert find_profile("standard").entry == EntryParams()
    assert find_profile("standard").exit == ExitParams()


# A value that is allowed, as Python and as text from a command line.
CHANGES: list[tuple[str, Any, Any]] = [
    ("setup.near_pin_max", 7, 7),
    ("setup.moderate_max", "12.5", 12.5),
    ("setup.far_max", 0, 0),
    ("setup.ic_buffer", "30", 30),
    ("setup.moderate_pin_buffer", 10, 10),
    ("setup.moderate_spot_buffer", 10, 10),
    ("setup.far_pin_buffer", 10, 10),
    ("setup.far_spot_buffer", 10, 10),
    ("setup.vix_threshold", "25", 25.0),
    ("setup.parity", "true", True),
    ("entry.times", "10:00,09:36", (time(9, 36), time(10))),
    ("entry.use_competing_peaks", True, True),
    ("entry.max_open", "3", 3),
    ("entry.max_open", "none", None),
    ("entry.max_open", None, None),
    ("entry.min_credit", 0.4, 0.4),
    ("entry.min_credit", "none", None),
    ("exit.profit_target_high", 1, 1),
    ("exit.profit_target_medium", 0, 0),
    ("exit.emergency_stop", "0.25", 0.25),
    ("exit.stop_loss", "0.15", 0.15),
    ("exit.end_of_day_minutes", 5, 5),
    ("fills.entry_slippage", 0, 0),
    ("fills.exit_slippage", 1.5, 1.5),
    ("fills.commission", "0.65", 0.65),
    ("data.quote_max_age_s", 60, 60),
    ("data.context_max_age_s", "300", 300),
    ("account.balance", 100_000, 100_000),
    ("account.quantity", "2", 2),
]


@pytest.mark.parametrize(("name", "given", "taken"), CHANGES)
def test_every_setting_can_be_changed(name: str, given: Any, taken: Any) -> None:
    changed = config({name: given})
    assert value_of(changed, name) == taken
    assert type(value_of(changed, name)) is not str
    for other in LAW:
        if other != name:
            assert value_of(changed, other) == LAW[other]


def test_every_setting_of_the_law_is_tried() -> None:
    assert {name for name, _, _ in CHANGES} == set(LAW)
    assert set(LAW) <= set(setting_defaults())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("exit.stoploss", "exit.stop_loss"),
        ("exit.stop_los", "exit.stop_loss"),
        ("exits.stop_loss", "exit.stop_loss"),
        ("Exit.Stop_Loss", "exit.stop_loss"),
        ("stop_loss", "exit.stop_loss"),
        ("setup.vix_treshold", "setup.vix_threshold"),
        ("entry.time", "entry.times"),
        ("entry.max_opne", "entry.max_open"),
        ("fills.slippage", "fills.exit_slippage"),
        ("data.quote_max_age", "data.quote_max_age_s"),
        ("account.ballance", "account.balance"),
        ("account.qty", "account.quantity"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownName) as caught:
        config({name: 1})
    message = str(caught.value)
    assert name in message
    assert f"did you mean {near}?" in message
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    "name", [1, None, "", ".", "exit", "exit.", ".stop_loss", "exit.stop_loss.x", "x.y"]
)
def test_names_that_are_none(name: Any) -> None:
    with pytest.raises(UnknownName):
        config({name: 1})


WRONG: list[tuple[str, Any, str]] = [
    *(
        (f"setup.{name}", value, "must be a number from 0 to 100000, got")
        for name in ("near_pin_max", "moderate_max", "far_max", "ic_buffer")
        for value in (-1, 100_001, "six", None, True, [6], math.nan, math.inf, "nan")
    ),
    *(
        (f"setup.{name}", -0.5, "must be a number from 0 to 100000, got -0.5")
        for name in ("moderate_pin_buffer", "moderate_spot_buffer")
    ),
    *(
        (f"setup.{name}", -0.5, "must be a number from 0 to 100000, got -0.5")
        for name in ("far_pin_buffer", "far_spot_buffer")
    ),
    *(
        ("setup.vix_threshold", value, "must be a number from 0 to 1000, got")
        for value in (-1, 1001, {"SPX": 20}, "high", math.nan, None, False)
    ),
    *(("setup.parity", value, "must be true or false, got") for value in ("maybe", 2, None, 0.5)),
    *(
        ("entry.use_competing_peaks", value, "must be true or false, got")
        for value in ("maybe", 2, None)
    ),
    *(
        ("entry.max_open", value, "must be a whole number from 1 or none, got")
        for value in (0, -1, 1.5, "many", True)
    ),
    *(
        ("entry.min_credit", value, "must be a number from 0 or none, got")
        for value in (-0.01, "much", True, math.nan, math.inf)
    ),
    *(
        (f"exit.profit_target_{level}", value, "must be a number from 0 to 1, got")
        for level in ("high", "medium")
        for value in (-0.1, 1.01, 50, "half", None, True)
    ),
    *(
        (f"exit.{name}", value, "must be a number from 0 to 100, got")
        for name in ("emergency_stop", "stop_loss")
        for value in (-0.1, 101, "little", None, True)
    ),
    *(
        ("exit.end_of_day_minutes", value, "must be a number from 0 to 390, got")
        for value in (-1, 391, "15:30", None)
    ),
    *(
        (f"fills.{name}", value, "must be a number from 0 to 10, got")
        for name in ("entry_slippage", "exit_slippage")
        for value in (-0.1, 10.1, "mid", None)
    ),
    *(("fills.commission", value, "must be a number from 0 to 1000, got") for value in (-1, "x")),
    *(
        (f"data.{name}", value, "must be a number from 0 to 86400, got")
        for name in ("quote_max_age_s", "context_max_age_s")
        for value in (-1, 86_401, "2min", None, math.inf)
    ),
    *(
        ("account.balance", value, "must be a number above 0 to 1e+12, got")
        for value in (0, -5, "rich", None, math.nan, 1e13)
    ),
    *(
        ("account.quantity", value, "must be a whole number from 1 to 100000, got")
        for value in (0, -1, 1.5, "two", None, True)
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_value_is_answered_with_the_range(name: str, value: Any, message: str) -> None:
    with pytest.raises(BadValue) as caught:
        config({name: value})
    assert f"{name} {message}" in str(caught.value)
    assert str(caught.value).endswith(f"got {value!r}")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, BtGexError)


class TestTimes:
    @pytest.mark.parametrize(
        "given", ["09:36,10:00", ["10:00", "09:36"], (time(9, 36), time(10)), "10:00, 09:36,10:00"]
    )
    def test_sorted_and_each_once(self, given: Any) -> None:
        assert config({"entry.times": given}).entry.times == (time(9, 36), time(10))

    @pytest.mark.parametrize("given", ["09:30", "15:59:30", "09:36:30", "15:30"])
    def test_on_the_grid(self, given: str) -> None:
        assert config({"entry.times": given}).entry.times == (time.fromisoformat(given),)

    @pytest.mark.parametrize(
        "given",
        [
            "09:36:15",  # off the grid
            "09:36:01",
            "09:29:30",  # before the first bar
            "16:00",  # the close is no bar
            "20:00",
            "24:00",
            "9:36",
            "0936",
            "noon",
            "",
            [],
            936,
            None,
            ["09:36", "10:00:10"],
            [time(9, 36, 0, 1)],
            [time(9, 36, 15)],
            [datetime(2026, 1, 12, 9, 36)],
        ],
    )
    def test_off_the_grid(self, given: Any) -> None:
        with pytest.raises(BadValue, match=r"^entry\.times must ") as caught:
            config({"entry.times": given})
        assert "30-second grid" in str(caught.value) or "at least one time" in str(caught.value)

    def test_the_time_at_fault_is_named(self) -> None:
        with pytest.raises(BadValue, match=r"got '10:00:10'$"):
            check_times("09:36,10:00:10", "entry.times")


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_known_by_name(profile: str) -> None:
    assert config(profile=profile).setup == PROFILES[profile].setup


def test_an_unknown_profile_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean standard"):
        config(profile="standart")


def test_a_profile_is_the_base_of_the_changes() -> None:
    changed = config({"setup.far_max": 40}, profile="parity")
    assert (changed.setup.parity, changed.setup.far_max) == (True, 40)


@pytest.mark.parametrize(
    ("text", "entry", "leave"),
    [
        ("natural", 1, 1),
        ("exit-mid", 1, 0),
        ("mid", 0, 0),
        ("0.66", 0.66, 0.66),
        ("1,0.5", 1, 0.5),
        ("0,0", 0, 0),
        ("1.5", 1.5, 1.5),
    ],
)
def test_fills(text: str, entry: float, leave: float) -> None:
    fills = config(parse_fills(text)).fills
    assert (fills.entry_slippage, fills.exit_slippage) == (entry, leave)


@pytest.mark.parametrize("text", ["", "natral", "1,2,3", "1;2", ","])
def test_wrong_fills(text: str) -> None:
    with pytest.raises(BadValue, match="fills must be natural, exit-mid, mid"):
        parse_fills(text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "11"])
def test_fills_out_of_range(text: str) -> None:
    with pytest.raises(BadValue, match=r"must be a number from 0 to 10"):
        config(parse_fills(text))


class TestIndexes:
    def test_an_own_index(self) -> None:
        facts = {"strike_increment": "1", "scale": 0.1, "option_root": "SPY"}
        run = config(index="SPY", indexes={"SPY": facts})
        assert run.index_spec.strike_increment == 1
        assert (run.index_spec.scale, run.index_spec.multiplier) == (0.1, 100)

    def test_unknown(self) -> None:
        with pytest.raises(UnknownName, match="did you mean SPX"):
            config(index="SPXX")

    @pytest.mark.parametrize(
        ("facts", "message"),
        [
            ({"strike_increment": 0}, r"indexes\.SPY\.strike_increment must be a number above 0"),
            ({"scale": -1}, r"indexes\.SPY\.scale must be a number above 0"),
            ({"multiplier": 0}, r"indexes\.SPY\.multiplier must be a whole number from 1"),
            ({"scale": True}, r"indexes\.SPY\.scale must be a number"),
            ({"strike_incremnt": 1}, r"did you mean indexes\.SPY\.strike_increment"),
            (5, r"indexes\.SPY must name the facts"),
        ],
    )
    def test_wrong_facts(self, facts: Any, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            config(index="SPY", indexes={"SPY": facts})


class TestDates:
    def test_text_and_dates(self) -> None:
        assert config(start="2026-01-12", end="2026-01-16").end == date(2026, 1, 16)

    @pytest.mark.parametrize("given", ["12.01.2026", "2026-13-01", "", None, 20260112])
    def test_wrong(self, given: Any) -> None:
        with pytest.raises(BadValue, match="start must be a date YYYY-MM-DD"):
            config(start=given)

    def test_end_before_start(self) -> None:
        with pytest.raises(BadValue, match="end 2026-01-09 lies before start 2026-01-12"):
            config(start="2026-01-12", end="2026-01-09")


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        config().index = "NDX"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        config().exit.stop_loss = 0.2  # type: ignore[misc]


def test_changing_the_given_mapping_later_changes_nothing() -> None:
    given = {"exit.stop_loss": 0.2}
    run = config(given)
    given["exit.stop_loss"] = 0.9
    assert run.exit.stop_loss == 0.2
    assert run.settings == {"exit.stop_loss": 0.2}


def test_equal_settings_make_equal_runs() -> None:
    assert config({"exit.stop_loss": "0.10"}) == config()
    assert config().run_id("x") == config({"exit.stop_loss": 0.1}).run_id("x")
    assert config({"exit.stop_loss": 0.11}).run_id("x") != config().run_id("x")
    assert config().run_id("y") != config().run_id("x")


def test_validated_over_a_base() -> None:
    base = ExitParams(stop_loss=0.3)
    assert validated(ExitParams, {"emergency_stop": 0.5}, "exit", base) == ExitParams(
        stop_loss=0.3, emergency_stop=0.5
    )
