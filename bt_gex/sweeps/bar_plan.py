"""Which variants of a backtest over bars are run, in which order, under which names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bt_gex.config.bar_config import STRATEGIES, BarConfig
from bt_gex.config.bar_settings import INSTRUMENTS, flat, hint_of
from bt_gex.config.files import scalar
from bt_gex.config.ids import name_of, same_value, short_hash, variant_id
from bt_gex.errors import BadValue, BtGexError
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.resolve import nested
from bt_gex.stats.objectives import BAR_OBJECTIVES, Objective, default_objective, find_objective
from bt_gex.sweeps.grid import Grid, parse_grid
from bt_gex.sweeps.plan import Tag, Variant, VariantMaker


@dataclass(frozen=True, kw_only=True)
class BarPlan:
    """The variants of a sweep over bars, the baseline first.

    duplicates, cut  how many were left out as equal to an earlier one, or beyond max_variants
    """

    base: BarConfig
    grid: Grid
    ablation: bool
    objective: str
    max_variants: int | None
    variants: tuple[Variant, ...]
    duplicates: int
    cut: int

    @property
    def score(self) -> Objective:
        """What the best variant is best in."""
        return find_objective(self.objective, BAR_OBJECTIVES)

    def name_for(self, fingerprint: str, *more: object) -> str:
        """Name of a sweep of this plan over that data; the same for the same of both."""
        said = {
            "base": self.base.dated_identity(),
            "variants": [variant.variant_id for variant in self.variants],
            "objective": self.objective,
            "data": fingerprint,
            "more": more,
        }
        kind = "walkforward" if more else "sweep"
        base = self.base
        return name_of(base.own_section, base.start, base.end, f"{kind}-{short_hash(said)}")

    def to_yaml(self) -> dict[str, object]:
        """The plan in plain values."""
        return {
            "strategy": self.base.strategy,
            "symbols": list(self.base.symbols),
            "start": self.base.start.isoformat(),
            "end": self.base.end.isoformat(),
            "config": self.base.resolved(),
            "grid": {name: list(values) for name, values in self.grid.items()},
            "ablation": self.ablation,
            "max_variants": self.max_variants,
            "objective": self.objective,
            "variants": len(self.variants),
            "duplicates": self.duplicates,
            "cut": self.cut,
        }


def parse_bar_grid(words: Sequence[str], base: BarConfig) -> Grid:
    """Settings and their values from texts. Raises BadValue and UnknownName."""
    own = f"{base.own_section}."
    mine = [w for w in words if base.strategy not in STRATEGIES and w.startswith(own)]
    grid = parse_grid([word for word in words if word not in mine], hint_of)
    for word in mine:
        name, _, values = word.partition("=")
        grid[name] = tuple(scalar(value.strip()) for value in values.split(","))
    return grid


def make_bar_plan(
    base: BarConfig,
    grid: Grid,
    *,
    ablation: bool = False,
    max_variants: int | None = None,
    objective: str | None = None,
    sessions: int,
) -> BarPlan:
    """The baseline, then the grid, then the ablations; each meaning once, cut to max_variants.

    sessions  variants are ranked on, for the default objective

    A variant that is not allowed stays in the plan and says why. Raises BadValue, UnknownName.
    """
    chosen = objective or default_objective(sessions)
    find_objective(chosen, BAR_OBJECTIVES)
    found: dict[str, Variant] = {}
    tried = 0
    for variant in _variants(base, grid, ablation):
        tried += 1
        found.setdefault(variant.variant_id, variant)
    variants = tuple(found.values())
    kept = variants[:max_variants]
    others = [variant for variant in kept if variant.tag != "baseline"]
    if others and all(variant.invalid for variant in others):
        raise BadValue(f"no value of the grid is allowed: {others[0].label}: {others[0].invalid}")
    return BarPlan(
        base=base,
        grid=grid,
        ablation=ablation,
        objective=chosen,
        max_variants=max_variants,
        variants=kept,
        duplicates=tried - len(variants),
        cut=len(variants) - len(kept),
    )


def _variants(base: BarConfig, grid: Grid, ablation: bool) -> Iterator[Variant]:
    values = base_values(base, grid)
    label = VariantMaker.label
    yield _made(base, values, values, "baseline", "baseline")
    if not grid:
        return
    for chosen in product(*grid.values()):
        settings = dict(zip(grid, chosen, strict=True))
        yield _made(base, values, settings, "grid", label(settings))
    if ablation:
        first = {name: options[0] for name, options in grid.items()}
        for name in grid:
            settings = {**first, name: values[name]}
            yield _made(
                base, values, settings, "ablation", f"ablation:{label({name: values[name]})}"
            )


def base_values(base: BarConfig, grid: Mapping[str, object]) -> dict[str, object]:
    """What each swept setting is without the sweep."""
    known = {**flat(nested(OpeningRangeParams())), **flat(base.resolved())}
    return {name: known.get(name) for name in grid}


def _made(
    base: BarConfig,
    values: Mapping[str, object],
    settings: Mapping[str, object],
    tag: Tag,
    label: str,
) -> Variant:
    changed = {n: v for n, v in settings.items() if not same_value(v, values[n])}
    invalid = None
    try:
        identity = base.with_settings(changed).identity()
    except BtGexError as error:
        invalid = f"invalid parameters: {error}"
        identity = {**base.identity(), "changed": changed}
    return Variant(
        variant_id=variant_id(identity),
        label=label,
        tag=tag,
        overrides=changed,
        settings=dict(settings),
        invalid=invalid,
    )


def is_read_by(name: str) -> bool:
    """Whether a setting decides which rows are read."""
    return name.startswith(("instrument.", f"{INSTRUMENTS}.", "breakout_52w_high.lookback_days"))
