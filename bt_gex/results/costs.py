"""What a configuration makes at other slippages and delays, as kept beside its run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from bt_gex.errors import BadValue, OutputError
from bt_gex.results.migrations import COSTS as COSTS_SCHEMA
from bt_gex.stats.breakdown import break_even
from bt_gex.stats.summary import sum_dollars
from bt_gex.storage.atomic import write_text
from bt_gex.storage.reading import part, read_mapping
from bt_gex.storage.schema import KEY
from bt_gex.trades.codec import from_json, to_json
from bt_gex.trades.records import MOST, STRICT, Amount, Count

FILE = "costs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """One row of costs.json.

    slippage       share of the half-spread that is paid, at entry and exit
    delay_bars     `fills.latency_bars`
    doubtful_pnl   of the trades on doubtful prices, and how many they are; None: not known
    """

    __pydantic_config__: ClassVar = STRICT

    slippage: Annotated[float | int, Ge(0), Le(10)]
    delay_bars: Annotated[int, Ge(0), Le(780)]
    total_pnl: Amount
    total_trades: Count
    win_rate: Annotated[float | int, Ge(0), Le(1)]
    profit_factor: Annotated[float | int, Ge(0), Le(MOST)] | None
    max_drawdown: Annotated[float | int, Ge(0), Le(MOST)]
    doubtful_trades: Count | None = None
    doubtful_pnl: Amount | None = None

    @property
    def step(self) -> tuple[float, int]:
        """Which slippage and delay it is of."""
        return self.slippage, self.delay_bars


def read_rows(stored: list[Any]) -> list[CostRow]:
    """Rows of costs, one for every slippage and delay. Raises BadValue."""
    rows = from_json(list[CostRow], json.dumps(stored), "costs")
    steps = {row.step for row in rows}
    grid = len({slippage for slippage, _ in steps}) * len({delay for _, delay in steps})
    if not rows or len(steps) != len(rows) or len(rows) != grid:
        raise BadValue("costs: every slippage and delay must be there once")
    return rows


@dataclass(frozen=True, slots=True)
class Costs:
    """What a configuration makes at each slippage and delay."""

    rows: list[CostRow]

    def break_even(self, delay_bars: int) -> float | None:
        """The slippage at which the profit falls to 0; None where it isn't, or there is none."""
        points = [
            (row.slippage, row.total_pnl) for row in self.rows if row.delay_bars == delay_bars
        ]
        return break_even(sorted(points))

    def sound_break_even(self, delay_bars: int) -> float | None:
        """The same without the trades on doubtful prices; None also where these are not known."""
        rows = [row for row in self.rows if row.delay_bars == delay_bars]
        points = [
            (row.slippage, sum_dollars([row.total_pnl, -row.doubtful_pnl]))
            for row in rows
            if row.doubtful_pnl is not None
        ]
        return break_even(sorted(points)) if len(points) == len(rows) else None

    @property
    def at_once(self) -> list[tuple[float, float]]:
        """Slippage and P&L in dollars of the runs without a delay, by slippage."""
        return sorted((row.slippage, row.total_pnl) for row in self.rows if not row.delay_bars)

    @property
    def delays(self) -> list[int]:
        """The delays tried, in bars."""
        return sorted({row.delay_bars for row in self.rows})

    @property
    def slippages(self) -> list[float]:
        """The slippages tried."""
        return sorted({row.slippage for row in self.rows})

    def at(self, slippage: float, delay_bars: int) -> CostRow:
        """The row of a slippage and a delay."""
        return next(row for row in self.rows if row.step == (slippage, delay_bars))

    def as_dict(self) -> dict[str, object]:
        """The break-even slippage by delay, and the rows, as costs.json has them."""
        breaks = {str(delay): self.break_even(delay) for delay in self.delays}
        return {
            KEY: COSTS_SCHEMA.version,
            "break_even_slippage_by_delay_bars": breaks,
            "rows": [to_json(row) for row in self.rows],
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
