"""Whether the best of a grid stands on a plateau or is a spike: what its neighbours make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bt_gex.stats.summary import sum_dollars

KEPT = 0.5  # of the best's profit by its average neighbour: with less it is a spike


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Grid points one step from the best in one setting; dollars.

    alike   further ones that made the same trades as the best, and so say nothing
    """

    best: float
    number: int
    average: float
    lowest: float
    profitable: int
    alike: int

    @property
    def is_plateau(self) -> bool:
        """Whether the average neighbour keeps at least half of the best's profit."""
        return self.average >= KEPT * self.best


def neighbours(
    rows: Sequence[Mapping[str, Any]],
    grid: Mapping[str, Sequence[object]],
    best: Mapping[str, Any],
) -> Neighbours | None:
    """Of a variant with a profit; None without one, and where no neighbour was run.

    rows  variants: the values of the grid's settings and total_pnl; trades_id where it is known
    """
    if best["total_pnl"] <= 0:
        return None
    near = [row for row in rows if row["total_pnl"] is not None and _is_near(row, best, grid)]
    own = best.get("trades_id")
    others = [row["total_pnl"] for row in near if own is None or row.get("trades_id") != own]
    if not others:
        return None
    return Neighbours(
        best=best["total_pnl"],
        number=len(others),
        average=round(sum_dollars(others) / len(others), 2),
        lowest=min(others),
        profitable=sum(1 for pnl in others if pnl > 0),
        alike=len(near) - len(others),
    )


def _is_near(
    row: Mapping[str, object], best: Mapping[str, object], grid: Mapping[str, Sequence[object]]
) -> bool:
    """Whether one setting is one step away and all others are the same."""
    differing = [name for name in grid if row[name] != best[name]]
    if len(differing) != 1:
        return False
    (name,) = differing
    values = _ordered(grid[name], best[name], row[name])
    return abs(values.index(row[name]) - values.index(best[name])) == 1


def _ordered(values: Sequence[object], *also: object) -> list[object]:
    """The values in their order, numbers ascending; with further ones that are not among them."""
    every = [*values, *(value for value in also if value not in values)]
    numbers = [v for v in every if isinstance(v, int | float) and not isinstance(v, bool)]
    return [*sorted(numbers)] if len(numbers) == len(every) else every
