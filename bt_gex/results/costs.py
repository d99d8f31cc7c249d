"""What a configuration makes at other slippages and delays, as kept beside its run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.errors import BadValue, OutputError
from bt_gex.stats.breakdown import break_even
from bt_gex.storage.atomic import write_text
from bt_gex.storage.shapes import AtLeast0, Count, Number, Share, validated

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


def check_costs(rows: Any) -> None:
    """Raise BadValue unless these are rows of costs, one for every slippage and delay."""
    validated(COSTS, rows, "costs")
    steps = [(row["slippage"], row["delay_bars"]) for row in rows]
    grid = len({slippage for slippage, _ in steps}) * len({delay for _, delay in steps})
    if len(set(steps)) != len(steps) or len(steps) != grid:
        raise BadValue("costs: every slippage and delay must be there once")


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
        """The break-even slippage by delay, and the rows."""
        breaks = {str(delay): self.break_even(delay) for delay in self.delays}
        return {"break_even_slippage_by_delay_bars": breaks, "rows": self.rows}

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
            rows = json.loads(path.read_text("utf-8"))["rows"]
            check_costs(rows)
            return cls(rows)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BadValue) as error:
            raise OutputError(
                f"{path} is not readable: {error!s:.200}; make it anew with bt-gex costs"
            ) from error
