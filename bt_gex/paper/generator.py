"""Run plans: the variants of a specification that are to be tried, their ids and their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import Field, field_validator

from bt_gex.config.ids import VARIANT_DIGITS, canonical, short_hash
from bt_gex.errors import BadValue
from bt_gex.paper.requests import Strict, parsed
from bt_gex.paper.specs import ExecutionSpec
from bt_gex.stats.objectives import find_objective
from bt_gex.trades.intent import Json

# Workspaces of variants are named in it.
VARIANT_NAMESPACE = UUID("8f3c2a2e-9d9a-4b2e-9f6b-3c3a4c1e9a01")
DEFAULT_OBJECTIVE = "sharpe_dd_penalty"
MOST_VARIANTS = 200
# What a specification is called, not what it does: no part of a variant's id.
NAMELESS = ("instance_id", "created_at", "workspace_id")

Tag = Literal["baseline", "grid", "ablation"]


class Swept(NamedTuple):
    """A swept setting: its path in the specification, and its word in labels."""

    path: str
    word: str


SWEPT = (
    Swept("entry.lookback_days", "lookback"),
    Swept("risk.dollars_per_trade", "dollars"),
    Swept("risk.max_positions", "max_pos"),
)


class GeneratorConstraints(Strict):
    """Values to try; a setting without any keeps the specification's.

    include_ablations  also the first grid point with each setting in turn as in the specification
    """

    lookback_days_values: tuple[Annotated[int, Field(ge=0)], ...] = ()
    dollars_per_trade_values: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    max_positions_values: tuple[int, ...] = ()
    include_ablations: bool = True
    max_variants: Annotated[int, Field(ge=1, le=MOST_VARIANTS)] = 25
    objective: str = DEFAULT_OBJECTIVE

    @field_validator("objective")
    @classmethod
    def _known(cls, name: str) -> str:
        check_objective(name)
        return name

    @property
    def values(self) -> tuple[tuple[float, ...], ...]:
        """The lists in the order of SWEPT."""
        return (
            self.lookback_days_values, self.dollars_per_trade_values, self.max_positions_values,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVariant:
    """One variant: what it changes in the specification, by dotted path."""

    variant_id: str
    label: str
    tags: tuple[Tag, ...]
    overrides: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Variants of one specification, the baseline first; run_plan_id: the same for the same."""

    run_plan_id: UUID
    spec: ExecutionSpec
    dataset_ref: str
    objective: str
    variants: tuple[PlanVariant, ...]

    @property
    def workspace_id(self) -> UUID:
        return self.spec.workspace_id


def check_objective(name: str) -> None:
    """Raise ValueError for an objective that is none, so that a model names its place."""
    from bt_gex.errors import UnknownName

    try:
        find_objective(name)
    except UnknownName as error:
        raise ValueError(str(error)) from None


def plain_spec(spec: ExecutionSpec) -> dict[str, Json]:
    """A specification as JSON writes it."""
    return spec.model_dump(mode="json")


def hash_of(base: Mapping[str, object], overrides: Mapping[str, object]) -> str:
    """The id of what is changed in a base; numbers are taken as they are written."""
    return short_hash({"base": base, "overrides": overrides}, VARIANT_DIGITS)


def variant_id(spec: ExecutionSpec, overrides: Mapping[str, Json]) -> str:
    """The id of a variant of a specification, whatever the specification is called."""
    plain = plain_spec(spec)
    return hash_of({k: v for k, v in plain.items() if k not in NAMELESS}, overrides)


def variant_workspace(run_plan_id: UUID | str, variant: str) -> UUID:
    """The workspace a variant trades in."""
    return uuid5(VARIANT_NAMESPACE, f"{run_plan_id}:{variant}")


def apply_overrides(base: Mapping[str, Json], overrides: Mapping[str, Json]) -> dict[str, Json]:
    """A copy of the base with values changed. Raises BadValue for a key or value that cannot be,
    KeyError for a path the base does not have."""
    found = deepcopy(dict(base))
    for key, value in overrides.items():
        check_override(key, value)
        *parents, leaf = key.split(".")
        place: Any = found
        for parent in parents:
            place = place[parent]
        if leaf not in place:
            raise KeyError(key)
        place[leaf] = value
    return found


def check_override(key: str, value: object) -> None:
    """Raise BadValue for a key without a section, and for a value that is no scalar."""
    if "." not in key:
        raise BadValue(f"override {key!r} must contain a dot, as in risk.dollars_per_trade")
    if not all(key.split(".")):
        raise BadValue(f"override {key!r} has an empty segment")
    if isinstance(value, (dict, list, tuple, set)):
        raise BadValue(f"override {key} must be a scalar, got {value!r}")


def spec_of(spec: ExecutionSpec, variant: PlanVariant) -> ExecutionSpec:
    """The specification of a variant. Raises BadValue when it is not allowed."""
    changed = apply_overrides(plain_spec(spec), variant.overrides)
    return parsed(lambda: ExecutionSpec.model_validate(changed), variant.label)


def generate_plan(
    spec: ExecutionSpec,
    constraints: GeneratorConstraints,
    *,
    dataset_ref: str = "",
    objective: str | None = None,
) -> RunPlan:
    """The baseline, the product of the values (the last setting fastest), the ablations.

    Each meaning once: what equals an earlier variant once it is put into the specification is left
    out. Then the first max_variants of them. Raises UnknownName for an objective that is none.
    """
    chosen = objective or constraints.objective
    find_objective(chosen)
    base = plain_spec(spec)
    found: dict[str, PlanVariant] = {}
    for variant in _variants(spec, base, constraints):
        found.setdefault(canonical(apply_overrides(base, variant.overrides)), variant)
    kept = tuple(found.values())[: constraints.max_variants]
    named = {k: v for k, v in base.items() if k not in ("instance_id", "created_at")}
    said = [named, dataset_ref, chosen, [variant.variant_id for variant in kept]]
    return RunPlan(
        run_plan_id=uuid5(VARIANT_NAMESPACE, canonical(said)),
        spec=spec,
        dataset_ref=dataset_ref,
        objective=chosen,
        variants=kept,
    )


def _variants(
    spec: ExecutionSpec, base: dict[str, Json], constraints: GeneratorConstraints
) -> Iterator[PlanVariant]:
    """In the order of a plan, with duplicates."""

    def made(overrides: Mapping[str, Json], label: str, tag: Tag) -> PlanVariant:
        return PlanVariant(
            variant_id=variant_id(spec, overrides), label=label, tags=(tag,), overrides=overrides
        )

    yield made({}, "baseline", "baseline")
    if not any(constraints.values):
        return
    own = [_at(base, swept.path) for swept in SWEPT]
    lists = [list(values) or [value] for values, value in zip(constraints.values, own, strict=True)]
    grid = [
        {swept.path: value for swept, value in zip(SWEPT, values, strict=True)}
        for values in product(*lists)
    ]
    for overrides in grid:
        label = ",".join(f"{swept.word}={overrides[swept.path]}" for swept in SWEPT)
        yield made(overrides, label, "grid")
    if constraints.include_ablations:
        for swept, value in zip(SWEPT, own, strict=True):
            label = f"ablation:{swept.word}={value}"
            yield made({**grid[0], swept.path: value}, label, "ablation")


def _at(base: Mapping[str, Any], path: str) -> Any:
    section, leaf = path.split(".")
    return base[section][leaf]


def request_hash(
    workspace_id: UUID, strategy_entity_id: UUID | None, objective_name: str, plan: dict[str, Json]
) -> str:
    """Names the content of a request for a plan."""
    said = {
        "workspace_id": str(workspace_id),
        "strategy_entity_id": str(strategy_entity_id) if strategy_entity_id else None,
        "objective_name": objective_name,
        "plan": plan,
    }
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:32]
