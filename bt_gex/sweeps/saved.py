"""What the folder of a finished sweep must hold before anything is said of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.errors import BadValue
from bt_gex.storage.shapes import AtLeast0, Count, Number, Share, validated


@with_config(ConfigDict(strict=True))
class InShort(TypedDict):
    """A variant as the summary names it."""

    variant_id: str
    label: str
    score: Number | None
    total_pnl: Number
    total_trades: Count
    max_drawdown_mtm: AtLeast0


@with_config(ConfigDict(strict=True))
class SavedOverfitting(TypedDict):
    """The odds of overfitting."""

    probability: Share
    loss_probability: Share
    mean_in: Number | None
    mean_out: Number | None
    blocks: Count
    splits: Annotated[int, Field(ge=1)]
    sessions: Count
    variants: Count


@with_config(ConfigDict(strict=True))
class SavedSweep(TypedDict):
    """summary.json of a sweep."""

    objective: str
    sessions: Count
    sessions_with_data: Count
    variants: Count
    success: Count
    skipped: Count
    failed: Count
    duplicates: Count
    cut: Count
    best: InShort | None
    baseline: InShort | None
    average_score: Number | None
    median_score: Number | None
    without_score: Count
    average_total_pnl: Number | None
    profitable: Count
    same_as_best: Count
    assumed: list[str]
    comparable: Count
    different: Count
    session_sharpe_variance: AtLeast0 | None
    overfitting: SavedOverfitting | None
    edges: dict[str, Any]


@with_config(ConfigDict(strict=True))
class SavedRow(TypedDict):
    """What the table on screen needs of a variant."""

    variant_id: str
    label: str
    tag: Literal["baseline", "grid", "ablation", "search"]
    status: Literal["success", "skipped", "failed"]
    reason: str
    rank: Annotated[int, Field(ge=1)] | None
    score: Number | None
    total_pnl: Number | None
    total_trades: Count | None
    win_rate: Share | None
    profit_factor: AtLeast0 | None
    max_drawdown_mtm: AtLeast0 | None


SUMMARY = TypeAdapter(SavedSweep)
ROWS = TypeAdapter(list[SavedRow])


class StoredSweep(Protocol):
    """The parts of a sweep that were read from its folder."""

    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def plan(self) -> dict[str, Any]: ...
    @property
    def rows(self) -> list[dict[str, Any]]: ...


def check_sweep_result(result: StoredSweep) -> None:
    """Raise BadValue where a part of a saved sweep is not what a sweep writes."""
    validated(SUMMARY, result.summary, "summary.json")
    grid = result.plan["grid"]
    if not isinstance(grid, dict) or not all(isinstance(v, list) for v in grid.values()):
        raise BadValue(f"plan.yaml: grid must hold lists of values by setting, got {grid!r:.60}")
    for name in ("index", "start", "end"):
        if not isinstance(result.plan[name], str):
            raise BadValue(f"plan.yaml: {name} must be text, got {result.plan[name]!r:.60}")
    validated(ROWS, result.rows, "variants.parquet, row")
    for row in result.rows:
        known = row["status"] == "success"
        figures = ("rank", "total_pnl", "total_trades", "win_rate", "max_drawdown_mtm")
        if any((row[name] is not None) != known for name in figures) or not set(grid) <= set(row):
            raise BadValue(f"variants.parquet: variant {row['variant_id']} is not whole")
    found = sum(1 for row in result.rows if row["status"] == "success")
    if (len(result.rows), found) != (result.summary["variants"], result.summary["success"]):
        raise BadValue("summary.json does not count the variants of variants.parquet")
