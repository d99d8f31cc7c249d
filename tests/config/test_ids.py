"""Ids depend on what is used, not on what exists: what is added later must leave them alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import make_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from bt_gex.config import run_config
from bt_gex.config.files import read_config, stored_run_config
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue
from bt_gex.market import indexes
from bt_gex.market.indexes import Index
from bt_gex.rules.gex import params
from bt_gex.rules.gex.params import EntryParams, ExitParams, SetupParams
from bt_gex.sweeps.plan import Search, make_plan, read_plan

DAYS = {"start": "2026-01-12", "end": "2026-01-16"}
SPY = {"SPY": {"strike_increment": 1, "scale": 0.1}}
USED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # what is asked for, and what of it differs from the defaults, worked out by hand
    ({}, {"index": "SPX", "index_facts": {}, "settings": {}}),
    (
        {"settings": {"exit.stop_loss": "0.10", "account.quantity": 1}},
        {"index": "SPX", "index_facts": {}, "settings": {}},
    ),
    (
        {"profile": "parity", "settings": {"exit.stop_loss": 0.25, "entry.times": "14:30,10:00"}},
        {
            "index": "SPX",
            "index_facts": {},
            "settings": {
                "entry.times": ["10:00", "14:30"], "exit.stop_loss": 0.25, "setup.parity": True,
            },
        },
    ),
    (
        {"index": "NDX", "indexes": {"NDX": {"scale": 4.0, "option_root": "NDXP"}}},
        {"index": "NDX", "index_facts": {"scale": 4}, "settings": {}},
    ),
    (
        {"index": "SPY", "indexes": SPY, "settings": {"account.balance": 10_000.0}},
        {
            "index": "SPY",
            "index_facts": {"scale": 0.1, "strike_increment": 1},
            "settings": {"account.balance": 10000},
        },
    ),
]  # fmt: skip


def independent_hash(values: dict[str, Any], digits: int) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:digits]


@pytest.mark.parametrize(("asked", "used"), USED)
def test_an_id_is_the_hash_of_what_differs(asked: dict[str, Any], used: dict[str, Any]) -> None:
    config = RunConfig(**DAYS, **asked)
    base = {**used, "semantics_version": 2}
    run = independent_hash({**base, **DAYS, "data": "abc"}, 10)
    assert config.run_id("abc") == f"{used['index']}-20260112-20260116-{run}"
    assert make_plan(config, {}).variants[0].variant_id == independent_hash(base, 16)


def test_literal_ids() -> None:
    """Folders on disk are found by them; they may only change with the version of the semantics."""
    config = RunConfig(**DAYS)
    other = config.with_settings({"exit.stop_loss": 0.2})
    grid = make_plan(config, {"exit.stop_loss": [0.2]}).ranked_on(20)
    assert config.run_id("abc") == "SPX-20260112-20260116-59be5f0857"
    assert other.run_id("abc") == "SPX-20260112-20260116-754ee31cc2"
    assert [v.variant_id for v in grid.variants] == ["31b92c6050e36d5b", "5a74cf3e24c0a9ad"]
    assert grid.name_for("abc") == "SPX-20260112-20260116-sweep-bc6c8b91ef"


def ids_of(*configs: RunConfig) -> list[str]:
    grid = {"exit.stop_loss": [0.2, 0.3], "entry.max_open": [None, 2]}
    found = []
    for config in configs:
        plan = make_plan(config, grid, ablation=True)
        search = make_plan(config, grid, search=Search(trials=3))
        found += [config.run_id("abc"), plan.name_for("abc"), search.name_for("abc")]
        found += [variant.variant_id for variant in plan.variants]
    return found


def test_a_setting_and_a_fact_added_later_change_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_ids() -> list[str]:
        return ids_of(*(RunConfig(**DAYS, **asked) for asked, _ in USED))

    before = all_ids()
    frozen: dict[str, Any] = {"frozen": True, "slots": True, "kw_only": True}
    trailing = make_dataclass("Exit", [("trailing", float, 0.5)], bases=(ExitParams,), **frozen)
    gaps = make_dataclass("Gaps", [("longest_s", float, 60.0)], **frozen)
    profile = make_dataclass(
        "Profile",
        [("setup", SetupParams), ("entry", EntryParams), ("exit", trailing)], **frozen,
    )  # fmt: skip
    settled = make_dataclass("Settled", [("settles", str, "close")], bases=(Index,), **frozen)
    sections = {**run_config.SECTIONS, "exit": trailing, "gaps": gaps}
    monkeypatch.setattr(run_config, "SECTIONS", MappingProxyType(sections))
    for module in (run_config, indexes):
        monkeypatch.setattr(module, "Index", settled)
    known = {
        symbol: settled(**{name: getattr(facts, name) for name in run_config.hints(Index)})
        for symbol, facts in indexes.BUILT_IN.items()
    }
    for module in (run_config, indexes):
        monkeypatch.setattr(module, "BUILT_IN", known)
    monkeypatch.setattr(
        params,
        "PROFILES",
        {
            "standard": profile(setup=SetupParams(), entry=EntryParams(), exit=trailing()),
            "parity": profile(setup=SetupParams(parity=True), entry=EntryParams(), exit=trailing()),
        },
    )
    config = RunConfig(**DAYS)
    assert config.resolved()["exit"]["trailing"] == 0.5
    assert config.resolved()["gaps"] == {"longest_s": 60}
    assert config.resolved()["index_facts"]["settles"] == "close"
    assert all_ids() == before
    uses = config.with_settings({"exit.trailing": 0.4})
    assert not set(ids_of(uses)) & set(before)


def test_the_order_of_a_grid_and_the_base_do_not_make_other_variants() -> None:
    def ids(base: RunConfig, grid: dict[str, Any]) -> set[str]:
        return {v.variant_id for v in make_plan(base, grid).variants}

    config = RunConfig(**DAYS)
    both = {"exit.stop_loss": [0.2, 0.1], "account.quantity": [1, 3]}
    other = config.with_settings({"exit.stop_loss": 0.2})
    assert ids(config, both) == ids(other, dict(reversed(both.items())))
    assert ids(config, {"account.quantity": [True]}) != ids(config, {"account.quantity": [1]})


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("account.quantity: 3", 3),  # by hand: of the current version
        ("account.quantity: 3\nsemantics_version: 1", 3),
        ("sweep: {}\nindex: SPX", 7),  # by a sweep that knew no version
        ("index_facts: {symbol: SPX}", 7),
        ("index_facts: {symbol: SPX}\nsemantics_version: 2", None),
        ("run_id: x\nconfig: {index: SPX, index_facts: {}}", 7),
        ("index: SPX\nsemantics_version: 1", 7),
        ("index: SPX", None),
    ],
)
def test_what_an_earlier_version_meant(
    text: str, quantity: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a setting that version 1 did not know."""
    monkeypatch.setattr("bt_gex.config.files.AS_IN_VERSION", {1: {"account.quantity": 7}})
    (tmp_path / "c.yaml").write_text(text, "utf-8")
    assert read_config(tmp_path / "c.yaml").settings.get("account.quantity") == quantity


def test_a_plan_of_an_earlier_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bt_gex.config.files.AS_IN_VERSION", {1: {"account.quantity": 7}})
    for text, settings in (
        ("variants: 3", {"account.quantity": 7}),
        ("variants: 3\nsettings: {account.quantity: 2}", {"account.quantity": 2}),
        ("variants: 3\nsemantics_version: 2", {}),
        ("grid: {}", {}),
    ):
        (tmp_path / "plan.yaml").write_text(text, "utf-8")
        assert read_plan(tmp_path / "plan.yaml").base.settings == settings


def test_version_1_believed_every_quote(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stored = RunConfig(**DAYS).resolved()
    for name in ("one_sided_max_ask", "trade_contradictions"):
        del stored["data"][name]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**stored, "semantics_version": 1}), "utf-8")
    found = read_config(tmp_path / "c.yaml")
    data = RunConfig(settings=found.settings, **DAYS).data
    assert (data.one_sided_max_ask, data.trade_contradictions) == (None, True)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "data.one_sided_max_ask none, data.trade_contradictions true" in record.getMessage()


@pytest.mark.parametrize("version", [3, 0, True, "2", [1], None])
def test_a_version_that_is_not_known(version: Any) -> None:
    with pytest.raises(BadValue, match="semantics_version must be 1 or 2"):
        stored_run_config({**RunConfig(**DAYS).resolved(), "semantics_version": version})
