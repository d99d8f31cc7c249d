"""The picture of a comparison: prices with entries and exits of each run, and their summed P&L."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import cycle
from typing import TYPE_CHECKING, Any

from bt_gex.reports.charts import drawing
from bt_gex.reports.charts.pictures import LINES
from bt_gex.reports.words import gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bt_gex.runs.session_comparison import ComparedRun, SessionComparison

MOST_SYMBOLS = 6


def comparison_figure(found: SessionComparison) -> Figure:
    """Prices by symbol over one time axis (UTC), below them the P&L of each run."""
    from matplotlib.figure import Figure

    symbols = list(found.prices)[:MOST_SYMBOLS]
    figure = Figure(figsize=(12, 3 + 2.4 * (len(symbols) or 1)), dpi=100, layout="constrained")
    panels = figure.subplots(len(symbols) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axes, symbol in zip(panels, symbols, strict=False):
        _prices(axes, symbol, found.prices[symbol])
        for run, (colour, _) in zip(found.runs, cycle(LINES), strict=False):
            _trades(axes, [p for p in run.positions if p["symbol"] == symbol], colour, run.label)
        drawing.plain_frame(axes)
    _profits(panels[-1], found.runs, found.recording)
    name = found.recording["strategy_name"]
    panels[0].set_title(
        drawing.plain(f"{name}: entries (triangles) and exits (crosses) of each run"), loc="left"
    )
    return figure


def _prices(axes: Axes, symbol: str, prices: Mapping[str, Any]) -> None:
    times = [_moment(text) for text in prices["times"]]
    closes = [float("nan") if close is None else close for close in prices["closes"]]
    axes.plot(times, closes, color=drawing.GREY, linewidth=0.8)
    axes.set_ylabel(drawing.plain(symbol))


def _trades(axes: Axes, positions: Sequence[Mapping[str, Any]], colour: str, label: str) -> None:
    for position in positions:
        entry, leave = position["entry_price"], position["exit_price"]
        if position["entry_time"] is None or entry is None or leave is None:
            continue
        times = [_moment(position["entry_time"]), _moment(position["exit_time"])]
        marker = "^" if position["direction"] == "LONG" else "v"
        axes.plot(times, [entry, leave], color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(times[:1], [entry], marker, color=colour, markersize=6)
        axes.plot(times[1:], [leave], "x", color=colour, markersize=6)


def _profits(axes: Axes, runs: Sequence[ComparedRun], recording: Mapping[str, Any]) -> None:
    first = recording["first_bar_time"]
    for run, (colour, dash) in zip(runs, cycle(LINES), strict=False):
        times = [_moment(p["exit_time"]) for p in run.positions]
        total, sums = 0.0, []
        for position in run.positions:
            total += position["pnl"]
            sums.append(total)
        start = [_moment(first)] if first else times[:1]
        axes.step(
            [*start, *times],
            [0.0, *sums][: len(start) + len(times)],
            where="post",
            color=colour,
            linestyle=dash,
            label=drawing.plain(f"{run.label}: {gain(total)}"),
        )
    axes.set_ylabel("summed P&L, dollars")
    axes.set_xlabel("UTC")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    drawing.plain_frame(axes)


def _moment(text: str) -> Any:
    """A time as matplotlib places it."""
    return datetime.fromisoformat(text)
