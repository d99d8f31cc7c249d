"""Pictures of variants side by side: what each made session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bt_gex.reports.charts import drawing
from bt_gex.reports.charts.run import new_figure
from bt_gex.reports.words import count, gain
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.sweeps.same_trades import distinct

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bt_gex.sweeps.result import SweepResult

OTHERS = 60  # variants drawn beside the best and the baseline, evenly thinned out by rank


def sessions_figure(result: SweepResult) -> Figure:
    """P&L since the start at the close of each session: the best, the baseline, the others."""
    figure, axes = new_figure(11, 4.8)
    table, days = result.session_pnl, result.session_pnl.column_names[1:]
    made = np.array([to_numpy(table[day]) for day in days]).reshape(len(days), len(table))
    paths = dict(zip(table["variant_id"].to_pylist(), made.cumsum(axis=0).T, strict=True))
    ranked = [r["variant_id"] for r in sorted(distinct(result.rows), key=lambda r: int(r["rank"]))]
    named = [short for short in (result.summary.best, result.summary.baseline) if short]
    others = [name for name in ranked if name not in {short.variant_id for short in named}]
    shown = others[:: max(1, -(-len(others) // OTHERS))]
    x = np.arange(1, len(days) + 1)
    for n, name in enumerate(shown):
        label = _named(len(shown), len(others)) if n == 0 else None
        axes.plot(
            x, paths[name], color=drawing.GREY, alpha=0.45, linewidth=0.7, zorder=1, label=label
        )
    styles = {"best": (drawing.BLUE, "-", 2.2), "baseline": ("black", "--", 1.4)}
    if result.summary.best_is_baseline:
        named, styles = named[:1], {"baseline, the best": (drawing.BLUE, "-", 2.2)}
    for short, (name, (colour, line, width)) in zip(named, styles.items(), strict=False):
        label = drawing.plain(f"{name} {gain(short.total_pnl)}")
        axes.plot(
            x, paths[short.variant_id], color=colour, linestyle=line, linewidth=width, zorder=3,
            label=label,
        )  # fmt: skip
    axes.axhline(0.0, color=drawing.GREY, linewidth=0.8, linestyle=":")
    step = max(1, -(-len(days) // drawing.MAX_DATES))
    axes.set_xticks(x[::step], days[::step])
    axes.set_ylabel("P&L since the start ($)")
    axes.yaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    drawing.legend(axes)
    return figure


def _named(shown: int, others: int) -> str:
    every = count(others, "other variant")
    return every if shown == others else f"{shown:,} of {every}"
