"""Run plans: which variants of a configuration are run, in which order, under which names."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

from bt_gex.config.files import ConfigFile, read_yaml, sort_out
from bt_gex.config.ids import (
    canonical,
    differing,
    name_of,
    same_value,
    short_hash,
    variant_id,
)  # fmt: skip
from bt_gex.config.run_config import TIMEZONE, RunConfig, plain_defaults
from bt_gex.errors import BadValue
from bt_gex.stats.objectives import Objective, default_objective, find_objective
from bt_gex.sweeps.grid import Grid, problem, read_grid

PLAN_KEYS = ("grid", "ablation", "max_variants", "objective", "settings", "search")
INFORMATIVE = ("variants", "duplicates", "cut", "walkforward")  # written, not read

Tag = Literal["baseline", "grid", "ablation", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One configuration of a plan.

    overrides  what differs from the base, by dotted name in plain values
    settings   the value of every swept setting
    invalid    why it can't be run; None when it can
    """

    variant_id: str
    label: str
    tag: Tag
    overrides: dict[str, object]
    settings: dict[str, object]
    invalid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A sampler over the grid instead of all of it: so many trials, the same for the same seed."""

    trials: int
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (("trials", self.trials, 1), ("seed", self.seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadValue(f"{name} must be a whole number from {least}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The variants of a sweep, the baseline first.

    objective        None: by the number of sessions, see `ranked_on`
    duplicates, cut  how many were left out as equal to an earlier one, or beyond max_variants
    """

    base: RunConfig
    grid: Grid
    ablation: bool
    objective: str | None
    max_variants: int | None
    variants: tuple[Variant, ...]
    duplicates: int
    cut: int
    search: Search | None = None

    def ranked_on(self, sessions: int) -> Plan:
        """The same with an objective, where none is given the default for so many sessions."""
        return replace(self, objective=self.objective or default_objective(sessions))

    @property
    def score(self) -> Objective:
        """The objective of a plan that has one."""
        assert self.objective is not None, "ranked_on has not been called"
        return find_objective(self.objective)

    def name_for(self, fingerprint: str) -> str:
        """Name of a sweep of this plan over that data; the same for the same of both."""
        ids = [] if self.search else [variant.variant_id for variant in self.variants]
        said: dict[str, object] = {
            "base": self.base.dated_identity(),
            "variants": ids,
            "objective": self.objective,
            "data": fingerprint,
        }
        if self.search:
            said["search"] = {"trials": self.search.trials, "seed": self.search.seed}
            said["grid"] = [[name, list(values)] for name, values in self.grid.items()]
        return name_of(self.base.index, self.base.start, self.base.end, f"sweep-{short_hash(said)}")


def variant_config(base: RunConfig, variant: Variant) -> RunConfig:
    """The configuration of a variant."""
    return base.with_settings(variant.overrides)


def make_plan(
    base: RunConfig,
    grid: Mapping[str, Sequence[object]],
    *,
    ablation: bool = False,
    max_variants: int | None = None,
    objective: str | None = None,
    search: Search | None = None,
) -> Plan:
    """The baseline, then the grid, then the ablations; each meaning once, cut to max_variants.

    grid          values by dotted name; their product in the order given, the last name fastest
    search        leave the grid to a sampler; the plan then has the baseline only
    ablation      also the first grid point with each swept setting in turn set back to the base's

    A variant that is not allowed stays in the plan and says why. Raises BadValue, UnknownName.
    """
    if objective is not None:
        find_objective(objective)
    if max_variants is not None and max_variants < 1:
        raise BadValue(f"max_variants must be at least 1, got {max_variants}")
    if TIMEZONE in grid:
        raise BadValue(f"{TIMEZONE} says how the database is read and can't be swept; use --set")
    maker = VariantMaker(base, read_grid(grid))
    found: dict[str, Variant] = {}
    tried = 0
    for variant in maker.all_variants(ablation, whole=search is None):
        tried += 1
        found.setdefault(variant.variant_id, variant)
    variants = tuple(found.values())
    kept = variants[:max_variants]
    return Plan(
        base=base,
        grid=maker.grid,
        ablation=ablation,
        objective=objective,
        max_variants=max_variants,
        variants=kept,
        duplicates=tried - len(variants),
        cut=len(variants) - len(kept),
        search=search,
    )


def check_runnable(plan: Plan) -> None:
    """Raise BadValue where nothing but the baseline can be run, though other values are given."""
    others = [variant for variant in plan.variants if variant.tag != "baseline"]
    if others and all(variant.invalid for variant in others):
        raise BadValue(f"no value of the grid is allowed: {others[0].label}: {others[0].invalid}")


class VariantMaker:
    """Makes the variants of one base configuration."""

    def __init__(self, base: RunConfig, grid: Grid) -> None:
        self.grid = grid
        resolved = base.resolved()
        self._base_values = {name: _setting(resolved, name) for name in grid}
        self._identity = base.identity()
        self._defaults = plain_defaults()
        self._problems = {
            (name, canonical([value])): text
            for name, values in grid.items()
            for value in values
            if (text := problem(name, value))
        }

    def all_variants(self, ablation: bool, whole: bool = True) -> Iterator[Variant]:
        """In the order of a plan, with duplicates; the baseline only unless `whole`."""
        yield self.make(self._base_values, "baseline", "baseline")
        if not self.grid or not whole:
            return
        for values in product(*self.grid.values()):
            settings = dict(zip(self.grid, values, strict=True))
            yield self.make(settings, "grid", self.label(settings))
        if ablation:
            first = {name: values[0] for name, values in self.grid.items()}
            for name in self.grid:
                settings = {**first, name: self._base_values[name]}
                yield self.make(
                    settings, "ablation", f"ablation:{self.label({name: settings[name]})}"
                )

    @staticmethod
    def label(settings: Mapping[str, object]) -> str:
        """Settings as a person types them."""
        return ", ".join(f"{name}={_text(value)}" for name, value in settings.items())

    def make(self, settings: Mapping[str, object], tag: Tag, label: str) -> Variant:
        """A variant of these settings; equal settings have one id, whatever base they changed."""
        overrides = {
            name: value
            for name, value in settings.items()
            if not same_value(value, self._base_values[name])
        }
        used = differing({**self._identity["settings"], **settings}, self._defaults)
        wrong = [
            self._problems[key]
            for name, value in settings.items()
            if self._problems and (key := (name, canonical([value]))) in self._problems
        ]
        return Variant(
            variant_id=variant_id({**self._identity, "settings": used}),
            label=label,
            tag=tag,
            overrides=overrides,
            settings=dict(settings),
            invalid=f"invalid parameters: {'; '.join(wrong)}" if wrong else None,
        )


def _setting(resolved: Mapping[str, Any], name: str) -> object:
    section, _, rest = name.partition(".")
    return resolved[section][rest]


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return str(value)


def plan_to_yaml(plan: Plan) -> dict[str, object]:
    """The plan in plain values; reading it gives the same variants."""
    base = plan.base
    return {
        **base.head(),
        "settings": base.changed(),
        **({"indexes": {k: dict(v) for k, v in base.indexes.items()}} if base.indexes else {}),
        "grid": {name: list(values) for name, values in plan.grid.items()},
        "ablation": plan.ablation,
        "max_variants": plan.max_variants,
        "objective": plan.objective,
        **({"search": asdict(plan.search)} if plan.search else {}),
        "variants": len(plan.variants),
        "duplicates": plan.duplicates,
        "cut": plan.cut,
    }


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """What a plan file says; where it is silent, the defaults."""

    base: ConfigFile = field(default_factory=ConfigFile)
    grid: Grid = field(default_factory=dict)
    ablation: bool = False
    max_variants: int | None = None
    objective: str | None = None
    search: Search | None = None


def read_plan(path: str | Path) -> PlanFile:
    """Read a plan file: the keys of a configuration file, and grid, ablation, max_variants and
    objective. Raises DataError when it cannot be read, UnknownName and BadValue for what it says.
    """
    content = read_yaml(path)
    rest = {k: v for k, v in content.items() if k not in (*PLAN_KEYS, *INFORMATIVE)}
    if "variants" in content:  # a sweep has written it, the first ones without a version
        rest.setdefault("semantics_version", 1)
    settings, grid = content.get("settings") or {}, content.get("grid") or {}
    for key, value in (("settings", settings), ("grid", grid)):
        if not isinstance(value, Mapping):
            raise BadValue(f"{path}: {key} must hold values by setting name, got {value!r}")
    ablation, most = content.get("ablation", False), content.get("max_variants")
    if not isinstance(ablation, bool):
        raise BadValue(f"{path}: ablation must be true or false, got {ablation!r}")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise BadValue(f"{path}: max_variants must be a whole number, got {most!r}")
    return PlanFile(
        base=sort_out({**rest, **settings}, also=PLAN_KEYS, told=logging.WARNING),
        grid=read_grid(grid),
        ablation=ablation,
        max_variants=most,
        objective=str(content["objective"]) if content.get("objective") else None,
        search=_search(path, content.get("search")),
    )


def _search(path: str | Path, content: object) -> Search | None:
    if content is None:
        return None
    if not isinstance(content, Mapping) or not {"trials"} <= set(content) <= {"trials", "seed"}:
        raise BadValue(f"{path}: search must hold trials and perhaps seed, got {content!r}")
    return Search(**content)
