"""What a configuration makes at other slippages and delays, as kept beside its run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.errors import BadValue, OutputError
from bt_gex.results.migrations import COSTS as COSTS_SCHEMA
from bt_gex.stats.breakdown import break_even
from bt_gex.storage.atomic import write_text
from bt_gex.storage.reading import part, read_mapping
from bt_gex.storage.schema import KEY
from bt_gex.storage.shapes import AtLeast0, Count, Number, Share, checked_content

FILE = "costs.json"


@with_config(ConfigDict(strict=True))
class CostRow(TypedDict):
    """One row of costs.json."""

    slippage: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
    delay_bars: Annotated[int, Field(ge=0, le=780)]
    total_pnl: Number
    total_trades: Count
    win_rate: Share
    profit_factor: AtLeast0 | None
    max_drawdown: AtLeast0


COSTS = TypeAdapter(Annotated[list[CostRow], Field(min_length=1)])


def read_rows(stored: list[Any]) -> list[dict[str, Any]]:
    """Rows of costs, one for every slippage and delay. Raises BadValue."""
    rows: list[dict[str, Any]] = checked_content(COSTS, stored, "costs")
    steps = [(row["slippage"], row["delay_bars"]) for row in rows]
    grid = len({slippage for slippage, _ in steps}) * len({delay for _, delay in steps})
    if len(set(steps)) != len(steps) or len(steps) != grid:
        raise BadValue("costs: every slippage and delay must be there once")
    return rows


@dataclass(frozen=True, slots=True)
class Costs:
    """What a configuration makes at each slippage and delay.

    rows  slippage (share of the half-spread, at entry and exit), delay_bars and FIGURES
    """

    rows: list[dict[str, Any]]

    def break_even(self, delay_bars: int) -> float | None:
        """The slippage at which the profit is gone; None where it isn't, or there is none."""
        points = [
            (row["slippage"], row["total_pnl"])
            for row in self.rows
            if row["delay_bars"] == delay_bars
        ]
        return break_even(sorted(points))

    @property
    def at_once(self) -> list[tuple[float, float]]:
        """Slippage and P&L in dollars of the runs without a delay, by slippage."""
        rows = (row for row in self.rows if not row["delay_bars"])
        return sorted((row["slippage"], row["total_pnl"]) for row in rows)

    @property
    def delays(self) -> list[int]:
        """The delays tried, in bars."""
        return sorted({row["delay_bars"] for row in self.rows})

    @property
    def slippages(self) -> list[float]:
        """The slippages tried."""
        return sorted({row["slippage"] for row in self.rows})

    def at(self, slippage: float, delay_bars: int) -> dict[str, Any]:
        """The row of a slippage and a delay."""
        return next(
            row
            for row in self.rows
            if row["slippage"] == slippage and row["delay_bars"] == delay_bars
        )

    def as_dict(self) -> dict[str, Any]:
        """The break-even slippage by delay, and the rows, as costs.json has them."""
        breaks = {str(delay): self.break_even(delay) for delay in self.delays}
        return {
            KEY: COSTS_SCHEMA.version,
            "break_even_slippage_by_delay_bars": breaks,
            "rows": self.rows,
        }

    def save(self, folder: Path) -> Path:
        """Write costs.json into a run's folder; whole or not at all. Raises OutputError."""
        path = folder / FILE
        write_text(path, json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")
        return path

    @classmethod
    def load(cls, folder: Path) -> Costs | None:
        """What was saved there; None when nothing was. Raises OutputError."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            stored = read_mapping(path)
            content = COSTS_SCHEMA.migrated(stored, stored.get(KEY), FILE)
            rows = part(content, "rows", list, FILE)
            return cls(read_rows(rows))
        except BadValue as error:
            raise OutputError(
                f"{path} is not readable: {error!s:.200}; make it anew with bt-gex costs"
            ) from error
