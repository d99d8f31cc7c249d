"""How much the fills decide: one configuration again and again, at other slippages and delays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bt_gex.blackbox.recording import Recording
from bt_gex.errors import BadValue, DataError, OutputError
from bt_gex.runs.files import config_of
from bt_gex.runs.replay import fingerprint_of, load_days, run
from bt_gex.runs.result import RunResult, write_text
from bt_gex.stats.breakdown import break_even
from bt_gex.stats.summary import summarise

SLIPPAGES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
DELAYS = (0, 1, 2)
FILE = "costs.json"
FIGURES = ("total_pnl", "total_trades", "win_rate", "profit_factor", "max_drawdown")


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
        from bt_gex.runs.saved import check_costs

        try:
            rows = json.loads(path.read_text("utf-8"))["rows"]
            check_costs(rows)
            return cls(rows)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BadValue) as error:
            raise OutputError(
                f"{path} is not readable: {error!s:.200}; make it anew with bt-gex costs"
            ) from error


def count_costs(
    database: str | Path,
    result: RunResult,
    *,
    slippages: Sequence[float] = SLIPPAGES,
    delays: Sequence[int] = DELAYS,
    cache: str | Path | None = None,
    use_cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Costs:
    """Run the configuration of a result at every slippage and delay.

    Raises DataError when the database does not give the result again: it is another, or has
    changed.
    """
    config = config_of(result.config)
    with Recording(database, cache, use_cache) as recording:
        everything = load_days(recording, config)
    days = [day for day in everything if day.has_data]
    if days:
        run(config, days)  # which reads what the run has read
    if config.run_id(fingerprint_of(everything)) != result.run_id:
        raise DataError(
            f"{database} does not give {result.run_id} again: it is not the database of that run, "
            f"or has changed since; run bt-gex run on it first"
        )
    rows = []
    steps = [(slippage, delay) for delay in delays for slippage in slippages]
    for number, (slippage, delay) in enumerate(steps):
        changed = config.with_settings(
            {"fills.entry_slippage": slippage, "fills.exit_slippage": slippage}
        )
        trades = run(changed, days, delay_bars=delay).analyzers.trades.records if days else []
        found = summarise(trades, balance=config.account.balance)
        rows.append(
            {
                "slippage": slippage,
                "delay_bars": delay,
                **{name: found[name] for name in FIGURES},
            }
        )
        if progress:
            progress(number + 1, len(steps))
    return Costs(rows)
