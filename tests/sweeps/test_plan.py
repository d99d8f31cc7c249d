"""Grids and plans: values, order, ids, duplicates; each result worked out by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from bt_gex import RunConfig
from bt_gex.config.ids import canonical
from bt_gex.errors import BadValue, UnknownName
from bt_gex.sweeps.grid import parse_grid
from bt_gex.sweeps.plan import Plan, make_plan, plan_to_yaml, read_plan, variant_config
from bt_gex.sweeps.result import write_yaml

BASE = RunConfig(start="2026-01-12", end="2026-01-16")


def labels(plan: Plan) -> list[str]:
    return [variant.label for variant in plan.variants]


class TestGrid:
    @pytest.mark.parametrize(
        ("word", "values"),
        [
            ("exit.stop_loss=0.1,0.15,0.2", (0.1, 0.15, 0.2)),
            ("fills.exit_slippage=0:1:0.25", (0, 0.25, 0.5, 0.75, 1)),
            ("exit.stop_loss=0.1:0.3:0.1", (0.1, 0.2, 0.3)),
            ("exit.stop_loss=0.1:0.35:0.1", (0.1, 0.2, 0.3)),
            ("exit.stop_loss=0,0.5:1:0.25", (0, 0.5, 0.75, 1)),
            ("exit.stop_loss=0.1,0.10,1e-1", (0.1,)),
            ("entry.max_open=none,1,2", (None, 1, 2)),
            ("setup.parity=true,false", (True, False)),
            ("entry.times=10:00;10:00,14:30", (["10:00"], ["10:00", "14:30"])),
            ("account.sizing=fixed,half-kelly", ("fixed", "half-kelly")),
            ("exit.stop_loss=-1,0.1,abc", ("-1", 0.1, "abc")),  # for the plan to refuse
        ],
    )
    def test_values(self, word: str, values: tuple[Any, ...]) -> None:
        (found,) = parse_grid([word]).values()
        assert found == values

    @pytest.mark.parametrize(
        ("word", "says"),
        [
            ("exit.stop_loss", "--grid takes NAME=VALUES"),
            ("=1", "--grid takes NAME=VALUES"),
            ("exit.stop_loss=", "--grid takes NAME=VALUES"),
            ("exit.stop_loss=1,,2", "has an empty value in '1,,2'"),
            ("exit.stop_loss=1:0:0.1", "the range 1:0:0.1 must go upwards"),
            ("exit.stop_loss=0:1:0", "must go upwards by a step above 0"),
            ("exit.stop_loss=0:1", "'0:1' is no range"),
            ("exit.stop_loss=0:inf:1", "'0:inf:1' is no range"),
            ("exit.stop_loss=0:1:0.000001", "has 1,000,001 values"),
        ],
    )
    def test_what_is_none(self, word: str, says: str) -> None:
        with pytest.raises(BadValue) as caught:
            parse_grid([word])
        assert says in str(caught.value)

    def test_unknown_and_twice(self) -> None:
        with pytest.raises(UnknownName, match=r"did you mean exit.stop_loss"):
            parse_grid(["exit.stop_los=1"])
        with pytest.raises(BadValue, match=r"exit.stop_loss is swept twice"):
            parse_grid(["exit.stop_loss=1", "exit.stop_loss=2"])


class TestOrder:
    def test_baseline_grid_ablations(self) -> None:
        """2 · 2 · 2 points and 3 ablations after the baseline, none equal: 12, as published."""
        grid = {
            "exit.stop_loss": [0.2, 0.3],
            "exit.profit_target_high": [0.6, 0.7],
            "entry.max_open": [1, 2],
        }
        plan = make_plan(BASE, grid, ablation=True)
        assert len(plan.variants) == 12
        first = "exit.stop_loss=0.2, exit.profit_target_high=0.6, entry.max_open="
        assert labels(plan)[:3] == ["baseline", f"{first}1", f"{first}2"]
        assert labels(plan)[-3:] == [
            "ablation:exit.stop_loss=0.1",
            "ablation:exit.profit_target_high=0.5",
            "ablation:entry.max_open=none",
        ]
        assert plan.variants[-1].overrides == {
            "exit.stop_loss": 0.2, "exit.profit_target_high": 0.6,
        }  # fmt: skip
        assert [v.tag for v in plan.variants] == ["baseline", *["grid"] * 8, *["ablation"] * 3]

    def test_duplicates_by_meaning(self) -> None:
        grid = {"exit.stop_loss": ["0.10", 0.1, 0.2], "account.quantity": [1, "1", 2]}
        plan = make_plan(BASE, grid, ablation=True)
        # (0.1, 1) is the baseline; the ablations of it are the baseline, too.
        assert labels(plan) == [
            "baseline",
            "exit.stop_loss=0.1, account.quantity=2",
            "exit.stop_loss=0.2, account.quantity=1",
            "exit.stop_loss=0.2, account.quantity=2",
        ]
        assert (plan.duplicates, plan.cut) == (3, 0)

    def test_cut(self) -> None:
        plan = make_plan(BASE, {"exit.stop_loss": [0.2, 0.3, 0.4]}, max_variants=3)
        assert (labels(plan)[1:], plan.cut) == (["exit.stop_loss=0.2", "exit.stop_loss=0.3"], 1)
        with pytest.raises(BadValue, match="max_variants must be at least 1, got 0"):
            make_plan(BASE, {}, max_variants=0)

    def test_nothing_swept(self) -> None:
        plan = make_plan(BASE, {}, ablation=True)
        assert (labels(plan), plan.duplicates) == (["baseline"], 0)

    def test_not_allowed(self) -> None:
        plan = make_plan(BASE, {"exit.stop_loss": [0.2, -1], "entry.max_open": [0, 1]})
        said = {variant.label: variant.invalid for variant in plan.variants}
        assert said["exit.stop_loss=0.2, entry.max_open=1"] is None
        both = said["exit.stop_loss=-1, entry.max_open=0"] or ""
        assert both.startswith("invalid parameters: exit.stop_loss must be a number from 0 to 100")
        assert "entry.max_open must be" in both
        assert len(said) == 5


class TestIds:
    def test_canonical_json(self) -> None:
        assert canonical({"z": {"b": 2, "a": 1}, "a": 1}) == '{"a":1,"z":{"a":1,"b":2}}'

    def test_the_id_is_the_hash_of_what_differs_from_the_defaults(self) -> None:
        variant = make_plan(BASE, {"exit.stop_loss": [0.2]}).variants[1]
        text = (
            '{"index":"SPX","index_facts":{},"semantics_version":2,'
            '"settings":{"exit.stop_loss":0.2}}'
        )
        assert variant.variant_id == hashlib.sha256(text.encode()).hexdigest()[:16]

    def test_dates_and_order_do_not_matter_but_meaning_does(self) -> None:
        def ids(base: RunConfig, *grids: dict[str, Any]) -> list[set[str]]:
            return [{v.variant_id for v in make_plan(base, grid).variants} for grid in grids]

        one = {"exit.stop_loss": [0.2], "entry.max_open": [1]}
        two = {"entry.max_open": [1.0], "exit.stop_loss": ["0.20"]}
        later = RunConfig(start="2026-02-02", end="2026-02-03")
        assert ids(BASE, one) == ids(BASE, two) == ids(later, one)
        other = BASE.with_settings({"fills.commission": 1})
        assert not ids(BASE, one)[0] & ids(other, one)[0]

    def test_the_configuration_of_a_variant(self) -> None:
        variant = make_plan(BASE, {"entry.times": "10:00;11:00"}).variants[-1]
        assert variant.overrides == {"entry.times": ["11:00"]}
        assert [t.hour for t in variant_config(BASE, variant).entry.times] == [11]

    def test_many(self) -> None:
        grid = {"exit.stop_loss": "0.01:1:0.01", "exit.profit_target_high": "0.005:1:0.005"}
        assert len(make_plan(BASE, grid).variants) == 100 * 200 - 1 + 1


class TestFile:
    def test_what_is_written_makes_the_same_variants(self, tmp_path: Path) -> None:
        base = RunConfig(
            index="SPY", start="2026-01-12", end="2026-01-16", settings={"exit.stop_loss": 0.3},
            indexes={"SPY": {"strike_increment": 1, "scale": 0.1}},
        )  # fmt: skip
        grid = {"entry.times": [["10:00"], ["10:00", "11:00"]], "entry.max_open": [None, 3]}
        plan = make_plan(base, grid, ablation=True, max_variants=4, objective="return")
        write_yaml(tmp_path / "plan.yaml", plan_to_yaml(plan))
        file = read_plan(tmp_path / "plan.yaml")
        again = make_plan(
            RunConfig(settings=file.base.settings, indexes=file.base.indexes, **file.base.plain),
            file.grid, ablation=file.ablation, max_variants=file.max_variants,
            objective=file.objective,
        )  # fmt: skip
        assert again.variants == plan.variants
        assert again.name_for("x") == plan.name_for("x")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("grid: [1]", "grid must hold values by setting name"),
            ("ablation: 1", "ablation must be true or false"),
            ("max_variants: many", "max_variants must be a whole number"),
            ("gird: {}", "did you mean grid"),
            ("search: {seed: 1}", "search must hold trials"),
            ("grid: {exit.stop: [1]}", "unknown setting 'exit.stop'"),
        ],
    )
    def test_what_is_wrong_with_it(self, text: str, says: str, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text(text, "utf-8")
        with pytest.raises((BadValue, UnknownName)) as caught:
            read_plan(tmp_path / "plan.yaml")
        assert says in str(caught.value)

    def test_an_unknown_objective(self) -> None:
        with pytest.raises(UnknownName, match="objective"):
            make_plan(BASE, {}, objective="luck")
