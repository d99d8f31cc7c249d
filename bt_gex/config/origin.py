"""Where a configuration came from: what a sweep writes into its best.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from bt_gex.trades.codec import Json, from_json
from bt_gex.trades.records import STRICT, Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBy:
    """The sweep that found a configuration.

    is_baseline              whether the best variant changed nothing
    swept                    settings by dotted name
    session_sharpe_variance  of the Sharpe ratios a session among the variants
    edges                    swept settings whose best value is the first or last tried
    """

    __pydantic_config__ = STRICT

    name: str
    variants: Annotated[int, Ge(1), Le(10**9)]
    is_baseline: bool
    swept: tuple[str, ...]
    session_sharpe_variance: Annotated[float | int, Ge(0)] | None
    overfitting_probability: Annotated[float | int, Ge(0), Le(1)] | None
    best_total_pnl: Amount | None
    average_total_pnl: Amount | None
    edges: Mapping[str, str | bool | Amount | None]

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> FoundBy:
        """Read what a sweep has written; further keys are ignored. Raises BadValue."""
        return from_json(cls, json.dumps(stored), "sweep")
