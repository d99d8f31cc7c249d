"""Where a configuration came from: what a sweep writes into its best.yaml."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.storage.shapes import AtLeast0, Number, Share, validated


@with_config(ConfigDict(strict=True, extra="ignore"))
class FoundBy(TypedDict):
    """What a sweep writes into its best.yaml."""

    name: str
    variants: Annotated[int, Field(ge=1, le=10**9)]
    is_baseline: bool
    swept: list[str]
    session_sharpe_variance: AtLeast0 | None
    overfitting_probability: Share | None
    best_total_pnl: Number | None
    average_total_pnl: Number | None
    edges: dict[str, str | bool | Number | None]


FOUND_BY = TypeAdapter(FoundBy)


def found_by_sweep(facts: Any) -> FoundBy:
    """The facts a sweep writes into its best.yaml; further ones are left out. Raises BadValue."""
    found: FoundBy = validated(FOUND_BY, facts, "sweep")
    return found
