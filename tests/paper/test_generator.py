"""Plans: ids, order, labels, overrides. Numbers G…: golden vectors, made by the original."""

from __future__ import annotations

import copy
from typing import Any
from uuid import UUID

import pytest
from paper.golden_bars import make_spec
from pydantic import ValidationError

from bt_gex.config.ids import canonical
from bt_gex.errors import BadValue, UnknownName
from bt_gex.paper.generator import (
    GeneratorConstraints,
    RunPlan,
    apply_overrides,
    generate_plan,
    hash_of,
    plain_spec,
    request_hash,
    spec_of,
    variant_id,
    variant_workspace,
)
from bt_gex.paper.specs import ExecutionSpec

TWO = ("AAPL", "MSFT")


def plan(
    spec: ExecutionSpec, lookbacks: Any = (), dollars: Any = (), most: Any = (), **more: Any
) -> RunPlan:
    constraints = GeneratorConstraints(
        lookback_days_values=lookbacks,
        dollars_per_trade_values=dollars,
        max_positions_values=most,
        **more,
    )
    return generate_plan(spec, constraints)


def original_ids(found: RunPlan) -> list[str]:
    """Ids as the original computes them: names of the specification are part of its base."""
    return [hash_of(plain_spec(found.spec), one.overrides) for one in found.variants]


def test_g42_canonical_json() -> None:
    assert canonical({"z": {"b": 2, "a": 1}, "a": 1}) == '{"a":1,"z":{"a":1,"b":2}}'
    assert canonical(["é", 5, 5.0]) == '["\\u00e9",5,5.0]'


@pytest.mark.parametrize(
    ("base", "overrides", "expected"),
    [
        ({}, {}, "dd521f47565c8a76"),
        ({"x": 1}, {"y.z": 2}, "521515823b22ded7"),
        (
            {"strategy": "bb_reversal", "params": {"window": 20}},
            {"params.window": 30, "risk.stop_loss": 0.02},
            "9644c02166b7603d",
        ),
        ({"strategy": "bb_reversal"}, {"params.window": 20}, "e2bacc18056ed9ba"),
    ],
)
def test_g43_hashes(base: Any, overrides: Any, expected: str) -> None:
    assert hash_of(base, overrides) == expected


def test_g44_a_grid_without_ablations() -> None:
    """The original's ninth variant, d657356a3b2d0580, is the baseline again and left out here."""
    found = plan(make_spec(), [15, 20], [500.0, 1000.0], [2, 3], include_ablations=False)
    assert original_ids(found) == [
        "899001d50921f078", "b05a7080746159d6", "4f9b5d688cd9de74", "800e789799ffc105",
        "e29a6f7fbda51c74", "ebf1c0742b90486c", "63f44db6e86a5100", "bdd05a6d6a9a0c2a",
    ]  # fmt: skip
    last = {"entry.lookback_days": 20, "risk.dollars_per_trade": 1000.0, "risk.max_positions": 3}
    assert hash_of(plain_spec(make_spec()), last) == "d657356a3b2d0580"
    assert [one.tags for one in found.variants] == [("baseline",)] + 7 * [("grid",)]
    assert found.variants[0].label == "baseline"
    assert found.variants[1].label == "lookback=15,dollars=500.0,max_pos=2"


def test_g45_a_grid_with_ablations() -> None:
    found = plan(make_spec(TWO, 252, 1000.0, 5), [126, 180], [500.0, 750.0], [3, 4])
    ids = original_ids(found)
    assert len(ids) == 12
    assert ids[:2] == ["f99e732d8c372ff9", "2e41378e8c9062bb"]
    assert ids[9:] == ["aa74eb07fae94132", "905f4b1891044e2f", "97460e9de37f6b51"]
    assert [one.label for one in found.variants[9:]] == [
        "ablation:lookback=252", "ablation:dollars=1000.0", "ablation:max_pos=5",
    ]  # fmt: skip


def test_g46_a_grid_that_is_the_baseline_is_one_variant() -> None:
    found = plan(make_spec(TWO, 252, 1000.0, 5), [252], [1000.0], [5])
    assert original_ids(found) == ["f99e732d8c372ff9"]
    same = {"entry.lookback_days": 252, "risk.dollars_per_trade": 1000.0, "risk.max_positions": 5}
    assert hash_of(plain_spec(found.spec), same) == "5633a200567d9368"


def test_g47_fewer_variants_and_fewer_lists() -> None:
    spec = make_spec(TWO, 252, 1000.0, 5)
    lists: list[Any] = [[126, 180], [500.0, 750.0], [3, 4]]
    whole = plan(spec, *lists)
    assert plan(spec, *lists, max_variants=3).variants == whole.variants[:3]
    assert GeneratorConstraints(max_variants=200).max_variants == 200
    for refused in (0, -1, 201):
        with pytest.raises(ValidationError):
            GeneratorConstraints(max_variants=refused)
    assert [one.label for one in plan(spec).variants] == ["baseline"]
    assert [one.label for one in plan(spec, [126], [500.0]).variants] == [
        "baseline",
        "lookback=126,dollars=500.0,max_pos=5",
        "ablation:lookback=252",
        "ablation:dollars=1000.0",
    ]


def test_g48_workspaces_of_variants() -> None:
    one = UUID("00000000-0000-0000-0000-000000000001")
    assert variant_workspace(one, "abc123") == UUID("7344bb3d-7726-5d04-a48b-f80987de9362")
    expected = UUID("58793d8d-7057-5e82-8204-4a14a8943ca1")
    assert variant_workspace(one, "f99e732d8c372ff9") == expected


def test_g49_ids_do_not_depend_on_names() -> None:
    found = plan(make_spec(TWO, 252, 1000.0, 5), [126, 180], [500.0, 750.0], [3, 4])
    ids = [one.variant_id for one in found.variants]
    assert ids[:2] == ["65fe46739a919045", "cd9dcf950a0ac8c1"]
    renamed = found.spec.model_copy(
        update={"instance_id": UUID(int=5), "workspace_id": UUID(int=6)}
    )
    assert variant_id(renamed, {}) == "65fe46739a919045"


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("nodot", 1, "must contain a dot"),
        ("risk..x", 1, "empty segment"),
        (".x", 1, "empty segment"),
        ("risk.x", {"a": 1}, "scalar"),
    ],
)
def test_g50_overrides_that_cannot_be(key: str, value: Any, word: str) -> None:
    with pytest.raises(BadValue, match=word):
        apply_overrides({"risk": {"x": 1}}, {key: value})


def test_g50_overrides_change_a_copy() -> None:
    base = {"risk": {"x": 1}, "other": {"y": [1]}}
    before = copy.deepcopy(base)
    for missing in ("stop.x", "risk.y"):
        with pytest.raises(KeyError):
            apply_overrides(base, {missing: 1})
    changed = apply_overrides(base, {"risk.x": 2})
    changed["other"]["y"].append(2)
    assert (changed["risk"]["x"], base) == (2, before)


def test_g51_request_hash() -> None:
    workspace = UUID("12345678-1234-5678-1234-567812345678")
    found = request_hash(workspace, None, "sharpe", {"inputs": {"symbol": "BTC"}, "resolved": {}})
    assert found == "75bb7d391be02e839a3c9ca4f09871f8"


def test_a_variant_is_put_into_the_specification() -> None:
    found = plan(make_spec(), [15], [500.0], [2])
    own = spec_of(found.spec, found.variants[1])
    assert (own.entry.lookback_days, own.risk.dollars_per_trade, own.risk.max_positions) == (
        15,
        500.0,
        2,
    )
    assert own.symbols == found.spec.symbols


def test_whole_and_broken_numbers_of_a_float_setting_are_one_variant() -> None:
    assert len(plan(make_spec(), [], [1000, 1000.0], []).variants) == 1


def test_the_same_plan_has_the_same_id() -> None:
    spec = make_spec()
    other = spec.model_copy(update={"instance_id": UUID(int=5)})
    assert plan(spec, [15]).run_plan_id == plan(other, [15]).run_plan_id
    assert plan(spec, [15]).run_plan_id != plan(spec, [16]).run_plan_id


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(ValidationError, match="sharp"):
        GeneratorConstraints(objective="sharp")
    with pytest.raises(UnknownName, match="nosuch"):
        generate_plan(make_spec(), GeneratorConstraints(), objective="nosuch")


def test_misspelt_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="lookback_days_value"):
        GeneratorConstraints.model_validate({"lookback_days_value": [5]})
    with pytest.raises(ValidationError, match="dolars"):
        ExecutionSpec.model_validate({**plain_spec(make_spec()), "dolars": 5})
