"""Schema versions of what sweeps store, and the shape a reader needs.

Content of a sweep and of a walk-forward is a mapping: `plan` (plan.yaml), `about` (summary.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.errors import BadValue
from bt_gex.results.migrations import with_first_semantics
from bt_gex.storage.reading import part, read_mapping
from bt_gex.storage.schema import KEY, Content, Schema
from bt_gex.storage.shapes import AtLeast0, Count, Number, Share, checked_content

PLAN, SUMMARY = "plan.yaml", "summary.json"


def _of_version_1(content: Content) -> Content:
    """Plans did not say of which version of the rules they are: it was the first."""
    return {**content, "plan": with_first_semantics(content["plan"])}


SWEEP = Schema(kind="sweep", version=2, migrations={1: _of_version_1})
WALK_FORWARD = Schema(kind="walk-forward", version=2, migrations={1: _of_version_1})


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


ROWS = TypeAdapter(list[SavedRow])
FIGURES = ("rank", "total_pnl", "total_trades", "win_rate", "max_drawdown_mtm")


def read_content(place: Path, schema: Schema) -> tuple[dict[str, Any], dict[str, Any]]:
    """plan.yaml and summary.json as the current version has them. Raises BadValue."""
    plan, about = read_mapping(place / PLAN), read_mapping(place / SUMMARY)
    found = schema.migrated({"plan": plan, "about": about}, about.get(KEY), SUMMARY)
    plan, about = found["plan"], found["about"]
    for name, kind in (("index", str), ("start", str), ("end", str), ("grid", dict)):
        part(plan, name, kind, PLAN)
    for name, values in plan["grid"].items():
        if not isinstance(values, list):
            raise BadValue(f"{PLAN}: grid.{name} must be a list of values, got {values!r:.60}")
    for name, kind in (("name", str), ("summary", dict)):
        part(about, name, kind, SUMMARY)
    return plan, about


def check_rows(rows: Sequence[Mapping[str, object]], swept: Mapping[str, object]) -> None:
    """Raise BadValue where the row of a variant is not whole."""
    file = "variants.parquet"
    checked_content(ROWS, rows, f"{file}, row")
    for row in rows:
        known = row["status"] == "success"
        if any((row[name] is not None) != known for name in FIGURES) or not set(swept) <= set(row):
            raise BadValue(f"{file}: variant {row['variant_id']} is not whole")
