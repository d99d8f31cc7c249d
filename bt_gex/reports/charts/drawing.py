"""The parts that pictures are made of.

Time axes are New York time; sessions stand side by side, so that nights and weekends take no
room. Colours can be told apart by colour-blind readers and never carry a meaning alone.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bt_gex.market.calendar import NS, Stamps, instant_ns, new_york
from bt_gex.reports.words import count, dollars, gain
from bt_gex.stats.summary import drawdown_dollars
from bt_gex.trades.records import Trade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = (
    "#0072B2", "#D55E00", "#009E73", "#B97A00", "#CC79A7", "#56B4E9",
)  # fmt: skip
GREY, PALE = "#6B6B6B", "#D9D9D9"
OUTCOMES = {  # marker, colour
    "won": ("^", BLUE),
    "lost": ("v", VERMILION),
    "even": ("o", GREY),
    "unresolved": ("X", "#000000"),
}
MOST_MARKS = 600  # on the account; more would cover it. More dots are drawn as an image
MOST_POINTS = 2_400  # of a line; a wide picture has fewer columns
MAX_DATES = 10  # labels on a time axis
CROWD = 250  # trades too many to mark on the account
TITLE_WIDTH = 120  # characters
NIGHT_NS = 3_600 * NS  # more than this between two ticks, and a session begins


def two_panels(upper: str, lower: str) -> tuple[Figure, Axes, Axes]:
    """A figure with a large panel over a small one, both in dollars over one time axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=100, layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for axes, name in zip(panels, (upper, lower), strict=True):
        axes.set_ylabel(name)
        axes.yaxis.set_major_formatter(lambda amount, _: axis_dollars(amount))
        plain_frame(axes)
    panels[1].set_xlabel("New York time")
    return figure, panels[0], panels[1]


def plain_frame(axes: Axes) -> None:
    """Horizontal grid lines, and no frame at the top and right."""
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """Words with dollars in them, as they are: two dollar signs would enclose a formula."""
    return text.replace("$", r"\$")


def title(axes: Axes, first: str, second: str) -> None:
    """Two lines at the left, with room for the legend below them."""
    lines = [textwrap.fill(text, TITLE_WIDTH) for text in (first, second)]
    axes.set_title(plain("\n".join(lines)), loc="left", fontsize=11, pad=28)


def legend(axes: Axes, columns: int = 8) -> None:
    """One row under the title, where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, fontsize=9, frameon=False,
        borderaxespad=0.2, columnspacing=1.6 if columns <= 8 else 0.9, handletextpad=0.5,
    )  # fmt: skip


def say(axes: Axes, text: str) -> None:
    """Words in an otherwise empty picture."""
    words = plain(textwrap.fill(text, 70))
    axes.text(0.5, 0.75, words, transform=axes.transAxes, ha="center", va="center", fontsize=12)


def no_axis(axes: Axes) -> None:
    """No ticks where there is no time."""
    axes.set_xticks([])
    axes.set_yticks([0.0])


def nanoseconds(moments: Iterable[datetime]) -> Stamps:
    """Instants as nanoseconds since 1970 UTC."""
    return np.array([instant_ns(moment) for moment in moments], dtype=np.int64)


def outcome(trade: Trade) -> str:
    """Which of OUTCOMES a trade is."""
    pnl = trade.pnl_dollars
    if pnl is None:
        return "unresolved"
    return "won" if pnl > 0 else "lost" if pnl < 0 else "even"


def mark_exits(axes: Axes, trades: Sequence[Trade], stamps: Rows, heights: Numbers) -> None:
    """A marker for each trade at its exit; many trades stand in a strip at the foot, too many
    are left out."""
    if len(trades) > MOST_MARKS:
        return
    crowd = len(trades) > CROWD
    axes.margins(y=0.15 if crowd else 0.05)
    for strip, (name, (marker, colour)) in enumerate(OUTCOMES.items()):
        exits = [t.timestamp_exit for t in trades if outcome(t) == name]
        if not exits:
            continue
        found = np.searchsorted(stamps, nanoseconds(exits))
        rows = np.minimum(found, len(stamps) - 1)
        axes.scatter(
            rows,
            np.full(len(rows), 0.08 - 0.025 * strip) if crowd else heights[rows],
            transform=axes.get_xaxis_transform() if crowd else axes.transData,
            s=14 if crowd else 60 if len(trades) <= CROWD / 4 else 25,
            marker=marker,
            color=colour,
            edgecolors="white",
            linewidths=0.0 if crowd else 0.5,
            zorder=3,
            label=f"{name} ({len(exits):,})",
        )


def draw_drawdown(axes: Axes, rows: Rows, start: float, equity: Numbers) -> None:
    """The distance to the highest equity so far, downwards; the worst point is named."""
    below = -drawdown_dollars([start, *equity])[1:]
    places, values = thinned(below)
    axes.fill_between(rows[places], values, 0.0, color=VERMILION, alpha=0.35, linewidth=0.0)
    axes.plot(rows[places], values, color=VERMILION, linewidth=0.8)
    worst = int(below.argmin())
    if below[worst] >= 0:
        axes.set_yticks([0.0])
        return
    axes.plot([worst], below[[worst]], color=VERMILION, marker="o", markersize=5)
    axes.annotate(
        plain(f"worst {gain(float(below[worst]))}"),
        (worst, float(below[worst])),
        xytext=(8 if worst < len(below) / 2 else -8, 8),
        textcoords="offset points",
        ha="left" if worst < len(below) / 2 else "right",
        fontsize=9,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )


def thinned(values: Numbers, most: int = MOST_POINTS) -> tuple[Rows, Numbers]:
    """Rows and values of a line that looks the same with fewer points: of each stretch the first,
    the lowest, the highest and the last. Short lines stay as they are."""
    if len(values) <= most:
        return np.arange(len(values)), values
    edges = np.linspace(0, len(values), most // 4 + 1).astype(np.int64)
    kept: set[int] = set()
    for first, after in pairwise(edges.tolist()):
        part = values[first:after]
        kept |= {first, first + int(part.argmin()), first + int(part.argmax()), after - 1}
    rows = np.array(sorted(kept), dtype=np.int64)
    return rows, values[rows]


def session_axis(axes: Axes, stamps: Stamps) -> None:
    """Label the rows of ticks: dates at the starts of sessions, hours where there is room."""
    starts = np.flatnonzero(np.diff(stamps, prepend=0) > NIGHT_NS)
    minute = (stamps // (60 * NS)) % 60  # New York's minutes are UTC's
    hours = np.flatnonzero((minute == 0) & (stamps % (60 * NS) == 0))
    axes.set_xlim(0, max(len(stamps) - 1, 1))
    if len(starts) == 1:
        ticks = np.append(0, hours)
        axes.set_xticks(ticks, _labels(stamps[ticks], "%H:%M"))
        axes.set_xlabel(f"New York time, {new_york(int(stamps[0])):%a %Y-%m-%d}")
        return
    every = math.ceil(len(starts) / MAX_DATES)
    shown = starts[::every]
    form = "%a\n%Y-%m-%d" if every == 1 else "%Y-%m-%d"
    axes.set_xticks(shown, _labels(stamps[shown], form), ha="left")
    if len(starts) <= 5:
        midday = [new_york(int(stamps[row])).hour in (12, 14) for row in hours]
        ticks = hours[np.array(midday, dtype=bool)]
        axes.set_xticks(ticks, _labels(stamps[ticks], "%H:%M"), minor=True)
        axes.tick_params(axis="x", which="minor", labelsize=8, labelcolor=GREY)
    for panel in axes.figure.axes:
        for row in starts if len(starts) <= 30 else shown:
            panel.axvline(row, color=PALE, linewidth=0.8, zorder=0)
    axes.set_xlabel(f"New York time, {count(len(starts), 'session')} side by side")


def _labels(stamps: Stamps, form: str) -> list[str]:
    return [new_york(int(ns)).strftime(form) for ns in stamps]


def axis_dollars(amount: float) -> str:
    """A tick of a dollar axis."""
    return plain(dollars(amount).removesuffix(".00"))


def axis_points(points: float) -> str:
    """A tick of an axis of index points, with the decimals it has: 6,952.5, 6,955."""
    return f"{points:,.10g}"
