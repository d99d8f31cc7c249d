"""Pictures of a sweep: the objective over each pair of settings, and all settings side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bt_gex.reports.charts import drawing
from bt_gex.reports.console.sweep import number, setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bt_gex.sweeps.result import SweepResult

WRITTEN = 12  # rows or columns of a heatmap up to which each cell says its value
LINES = 1_000  # of parallel coordinates: the best, and the others evenly thinned out
COLOURS = "viridis"  # one lightness for one value, for every kind of eye

Row = Mapping[str, Any]


def sweep_pictures(result: SweepResult) -> dict[str, Figure]:
    """File name without its ending -> picture; none where nothing was swept or nothing ran."""
    grid = {name: values for name, values in result.plan["grid"].items() if len(values) > 1}
    rows = [row for row in result.rows if row["score"] is not None and row["tag"] != "ablation"]
    if not grid or not rows:
        return {}
    objective = result.plan["objective"]
    pictures: dict[str, Figure] = {}
    if len(grid) == 1:
        ((name, values),) = grid.items()
        pictures[f"objective-{name}"] = curve(rows, name, values, objective)
    for (x, x_values), (y, y_values) in combinations(grid.items(), 2):
        pictures[f"heatmap-{x}-{y}"] = heatmap(rows, (x, x_values), (y, y_values), objective)
    if len(grid) > 1:
        pictures["parallel"] = parallel(rows, grid, objective)
    return pictures


def curve(rows: Sequence[Row], name: str, values: Sequence[object], objective: str) -> Figure:
    """The objective over one setting."""
    figure, axes = _panel((9, 5.5))
    cells = cells_of(rows, [(name, values)])
    heights = [cells.get((n,), np.nan) for n in range(len(values))]
    axes.plot(range(len(values)), heights, marker="o", color=drawing.BLUE)
    axes.set_xticks(range(len(values)), [setting(value) for value in values])
    axes.set_xlabel(name)
    axes.set_ylabel(objective)
    drawing.plain_frame(axes)
    axes.set_title(f"{objective} by {name}", loc="left", fontsize=11)
    return figure


def heatmap(
    rows: Sequence[Row],
    across: tuple[str, Sequence[Any]],
    upwards: tuple[str, Sequence[Any]],
    objective: str,
) -> Figure:
    """The objective over two settings, averaged over the others; the best cell is framed."""
    figure, axes = _panel((9, 6.5))
    cells = cells_of(rows, [across, upwards])
    table = np.full((len(upwards[1]), len(across[1])), np.nan)
    for (x, y), value in cells.items():
        table[y, x] = value
    image = axes.imshow(table, origin="lower", aspect="auto", cmap=COLOURS)
    figure.colorbar(image, ax=axes, label=objective)
    for axis, (name, values) in ((axes.xaxis, across), (axes.yaxis, upwards)):
        step = -(-len(values) // 20)
        axis.set_ticks(range(0, len(values), step), [setting(v) for v in values[::step]])
        axis.set_label_text(name)
    if max(table.shape) <= WRITTEN:
        _write_values(axes, table)
    _frame_best(axes, best_cell(rows, across, upwards, table))
    others = "" if len(cells) == len(rows) else ", averaged over the other settings"
    axes.set_title(f"{objective} by {across[0]} and {upwards[0]}{others}", loc="left", fontsize=11)
    return figure


def best_cell(
    rows: Sequence[Row],
    across: tuple[str, Sequence[Any]],
    upwards: tuple[str, Sequence[Any]],
    table: npt.NDArray[np.float64],
) -> tuple[int, int]:
    """Row and column of the highest value; of several that of the variant ranked highest."""
    highest = np.nanmax(table)
    for row in sorted(rows, key=lambda row: int(row["rank"])):
        if row[upwards[0]] in upwards[1] and row[across[0]] in across[1]:
            y, x = (list(v).index(row[n]) for n, v in (upwards, across))
            if table[y, x] == highest:
                return y, x
    place = np.unravel_index(np.nanargmax(table), table.shape)
    return int(place[0]), int(place[1])


def parallel(rows: Sequence[Row], grid: Mapping[str, Sequence[object]], objective: str) -> Figure:
    """A line a variant through its settings to its score; bright lines score high."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure, axes = _panel((max(9.0, 2.2 * len(grid) + 3), 6))
    ordered = sorted(rows, key=lambda row: -int(row["rank"]))  # the best last
    shown = ordered[:: -(-len(ordered) // LINES)]
    if shown[-1] is not ordered[-1]:
        shown.append(ordered[-1])
    low, high = float(ordered[0]["score"]), float(ordered[-1]["score"])
    colours = ScalarMappable(Normalize(low, high if high > low else low + 1), colormaps[COLOURS])
    for row in shown:
        points = [_position(row[name], values) for name, values in grid.items()]
        if np.isnan(points).any():  # the baseline may lie off the grid
            continue
        best = row is shown[-1]
        axes.plot(
            range(len(points) + 1),
            [*points, (row["score"] - low) / (high - low) if high > low else 0.5],
            color=drawing.VERMILION if best else colours.to_rgba(row["score"]),
            linewidth=2.5 if best else 0.8,
            alpha=1.0 if best else 0.5,
            zorder=3 if best else 2,
        )
    for place, values in enumerate(grid.values()):
        _draw_axis(axes, place, [setting(value) for value in values])
        axes.axvline(place, color=drawing.GREY, linewidth=0.8)
    axes.axvline(len(grid), color=drawing.GREY, linewidth=0.8)
    axes.set_xticks(range(len(grid) + 1), [*(n.replace(".", ".\n", 1) for n in grid), objective])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    figure.colorbar(colours, ax=axes, label=objective)
    axes.set_title(
        f"{len(shown):,} of {len(rows):,} variants; the thick line is the best, "
        f"{objective} {number(high)}",
        loc="left",
        fontsize=11,
    )
    return figure


def cells_of(
    rows: Sequence[Row], settings: Sequence[tuple[str, Sequence[object]]]
) -> dict[tuple[int, ...], float]:
    """Average score by the positions of these settings' values in their lists."""
    found: dict[tuple[int, ...], list[float]] = {}
    for row in rows:
        try:
            where = tuple(values.index(row[name]) for name, values in settings)
        except ValueError:  # the baseline may lie off the grid
            continue
        found.setdefault(where, []).append(float(row["score"]))
    return {where: fmean(scores) for where, scores in found.items()}


def _panel(size: tuple[float, float]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    return figure, figure.subplots()


def _position(value: object, values: Sequence[object]) -> float:
    """From 0 for the first value to 1 for the last; NaN for one that is not among them."""
    if value not in values:
        return np.nan
    return list(values).index(value) / (len(values) - 1)


def _draw_axis(axes: Axes, place: int, labels: Sequence[str]) -> None:
    step = -(-len(labels) // 12)
    for n in range(0, len(labels), step):
        axes.annotate(
            labels[n], (place, n / (len(labels) - 1)), xytext=(5, 0),
            textcoords="offset points", fontsize=8, va="center",
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            zorder=4,
        )  # fmt: skip


def _write_values(axes: Axes, table: npt.NDArray[np.float64]) -> None:
    low, high = np.nanmin(table), np.nanmax(table)
    for (y, x), value in np.ndenumerate(table):
        if np.isnan(value):
            continue
        dark = high > low and (value - low) / (high - low) < 0.6
        axes.text(
            x, y, number(value), ha="center", va="center", fontsize=8,
            color="white" if dark else "black",
        )  # fmt: skip


def _frame_best(axes: Axes, place: tuple[int, int]) -> None:
    from matplotlib.patches import Rectangle

    y, x = place
    frame = Rectangle(
        (x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=drawing.VERMILION, linewidth=2.5
    )
    axes.add_patch(frame)
