"""Further pictures of a run: drawdown, calendar, entry times, trades, margin, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_gex.market.calendar import WEEKDAYS
from bt_gex.reports.charts import drawing
from bt_gex.reports.charts.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    OUTCOMES,
    PALE,
    PURPLE,
    VERMILION,
)
from bt_gex.reports.words import count, dates, dollars, fills, gain, percent
from bt_gex.stats.breakdown import time_by_weekday
from bt_gex.stats.summary import drawdown_dollars, resolved
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from bt_gex.results.costs import Costs
    from bt_gex.results.result import RunResult

DARK = 0.5  # luma of a colour below which white can be read on it
MOST_WEEKS = 53  # of one panel of a calendar
MOST_SESSIONS = 60  # of a picture by bar; of more the margin is drawn by session
ROOM_FOR_WORDS = 12  # columns of a calendar or table that still hold amounts
TRADING_DAYS = WEEKDAYS[:5]
DELAY_STYLES = ((BLUE, "-", "o"), (VERMILION, "--", "s"), (PURPLE, ":", "^"), (GREEN, "-.", "D"))
LOSS_AND_GAIN = ("#B35806", "#F1A340", "#FEE0B6", "#F7F7F7", "#D1E5F0", "#67A9CF", "#2166AC")


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """One panel; inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    drawing.plain_frame(axes)
    return figure, axes


def head(result: RunResult, what: str) -> tuple[str, str]:
    """The two lines over a picture."""
    return (
        f"{result.index_symbol} {dates(result)}: {what}",
        f"fills {fills(result.run_config.fills)}",
    )


def drawdown_figure(result: RunResult) -> Figure:
    """How far the account stood below its highest value, marked per bar and at closes."""
    figure, axes = new_figure(11, 4.5)
    worst, closed = result.statistics.max_drawdown_mtm, result.statistics.totals.max_drawdown
    drawing.title(axes, *head(result, f"drawdown, worst {dollars(worst)} marked per bar"))
    axes.set_ylabel("drawdown ($)")
    axes.yaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    table = result.equity_table
    if not len(table):
        drawing.no_axis(axes)
        drawing.say(axes, "no session with data")
        return figure
    stamps = to_numpy(table["time"])
    for name, label, colour, line in (
        ("equity", "open spreads at mid", VERMILION, "-"),
        ("closed_equity", "at closes", "black", "--"),
    ):
        below = -drawdown_dollars([result.balance, *to_numpy(table[name])])[1:]
        rows, values = drawing.thinned(below)
        axes.plot(rows, values, label=label, color=colour, linestyle=line, linewidth=1.0)
        if name == "equity":
            axes.fill_between(rows, values, 0.0, color=VERMILION, alpha=0.25, linewidth=0.0)
    drawing.session_axis(axes, stamps)
    drawing.legend(axes)
    if worst == closed == 0:
        axes.set_yticks([0.0])
    return figure


def calendar_figure(result: RunResult) -> Figure:
    """P&L of each session in its week, gains blue and losses brown; a panel a year where the run
    is longer than one."""
    from matplotlib.figure import Figure

    pnls = {date.fromisoformat(day): pnl for day, pnl in result.daily_pnl.items()}
    days = [row.session for row in result.statistics.sessions]
    spans = _spans(days or [result.run_config.start])
    weeks = max(number for _, number in spans)
    size = (max(6.5, min(14.0, 2.0 + 0.75 * weeks)), 1.4 + 2.4 * len(spans))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    panels = figure.subplots(len(spans), 1, squeeze=False)[:, 0]
    total = gain(result.statistics.totals.total_pnl)
    drawing.title(panels[0], *head(result, f"P&L by session ($), {total} in all"))
    most = max((abs(pnl) for pnl in pnls.values()), default=0.0)
    for axes, (monday, number) in zip(panels, spans, strict=True):
        drawing.plain_frame(axes)
        table = np.full((len(TRADING_DAYS), number), np.nan)
        for day in days:
            week = (day - monday).days // 7
            if not 0 <= week < number or (len(spans) > 1 and day.year != _year_of(monday)):
                continue
            if day in pnls:
                table[day.weekday(), week] = pnls[day]
            else:
                _hatch(axes, week, day.weekday())
        image = _coloured_table(figure, axes, table, "P&L ($)", most)
        axes.set_yticks(range(len(TRADING_DAYS)), TRADING_DAYS)
        every = -(-number // ROOM_FOR_WORDS)
        shown = range(0, number, every)
        form = "%b %d" if len(spans) == 1 else "%Y-%m-%d"
        axes.set_xticks(shown, [f"{monday + timedelta(weeks=n):{form}}" for n in shown])
        if number <= ROOM_FOR_WORDS:
            _amounts(axes, table, image, partial(_short, table))
    panels[-1].set_xlabel("week beginning on Monday; hatched: no data")
    return figure


def _short(table: drawing.Numbers, row: int, column: int) -> str:
    """The amount of a cell, without cents where there are none."""
    return gain(float(table[row, column])).replace(".00", "")


def _spans(days: Sequence[date]) -> list[tuple[date, int]]:
    """First Monday and number of weeks of each panel: one, or one a year."""
    first, last = min(days), max(days)
    years = range(first.year, last.year + 1)
    whole = (last - first).days // 7 + 2 <= MOST_WEEKS
    ends = [(first, last)] if whole else [(date(year, 1, 1), date(year, 12, 31)) for year in years]
    found = []
    for start, end in ends:
        monday = start - timedelta(days=start.weekday())
        found.append((monday, (end - monday).days // 7 + 1))
    return found


def _year_of(monday: date) -> int:
    """The year of a panel: that of the end of its first week."""
    return (monday + timedelta(days=6)).year


def entry_times_figure(result: RunResult) -> Figure:
    """P&L by New York time of entry and weekday, with the number of trades."""
    cells = time_by_weekday(result.trade_records)
    times = list(cells)
    columns = [day for day in WEEKDAYS if any(day in row for row in cells.values())]
    figure, axes = new_figure(7.5, max(3.0, 1.6 + 0.36 * len(times)))
    drawing.title(axes, *head(result, "P&L by entry time and weekday ($)"))
    if not times:
        drawing.no_axis(axes)
        drawing.say(axes, "no trade with a P&L")
        return figure
    table = np.full((len(times), len(columns)), np.nan)
    for row, when in enumerate(times):
        for column, day in enumerate(columns):
            if day in cells[when]:
                table[row, column] = cells[when][day].pnl
    image = _coloured_table(figure, axes, table, "P&L ($)", float(np.nanmax(np.abs(table))))

    def words(row: int, column: int) -> str:
        cell = cells[times[row]][columns[column]]
        return f"{gain(cell.pnl).removesuffix('.00')} ({cell.count})"

    _amounts(axes, table, image, words)
    axes.set_yticks(range(len(times)), times)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_ylabel("New York time of entry")
    axes.set_xlabel("in brackets: number of trades")
    return figure


def mae_mfe_figure(result: RunResult) -> Figure:
    """Worst and best mark of each trade against what it made."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=100, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    drawing.title(panels[0], *head(result, "how far each trade went, and what it made"))
    done = resolved(result.trade_records)
    for axes, name, label in zip(
        panels,
        ("mae_dollars", "mfe_dollars"),
        ("worst mark while open: MAE ($ at mid)", "best mark while open: MFE ($ at mid)"),
        strict=True,
    ):
        drawing.plain_frame(axes)
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        axes.set_xlabel(label)
        for kind in ("won", "lost", "even"):
            marker, colour = OUTCOMES[kind]
            own = [trade for trade in done if drawing.outcome(trade) == kind]
            if own:
                axes.scatter(
                    [getattr(trade, name) for trade in own],
                    [trade.pnl_dollars for trade in own],
                    marker=marker, color=colour, s=22, alpha=0.7, linewidths=0.0,
                    rasterized=len(done) > drawing.MOST_MARKS,
                    label=f"{kind} ({len(own):,})",
                )  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    panels[0].set_ylabel("P&L of the trade ($)")
    if done:
        drawing.legend(panels[0])
    else:
        drawing.say(panels[0], "no trade with a P&L")
    return figure


def distribution_figure(result: RunResult) -> Figure:
    """How often trades made how much."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(7.5, 4)
    drawing.title(axes, *head(result, "distribution of the P&L of trades"))
    axes.set_xlabel("P&L of the trade ($)")
    axes.set_ylabel("trades")
    axes.xaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    pnls = np.array([trade.pnl_dollars for trade in resolved(result.trade_records)])
    if not len(pnls):
        drawing.say(axes, "no trade with a P&L")
        return figure
    edges = np.histogram_bin_edges(pnls, bins=min(40, max(5, len(pnls) // 4))).tolist()
    for kind, own in (("won", pnls[pnls > 0]), ("lost", pnls[pnls < 0]), ("even", pnls[pnls == 0])):
        if len(own):
            axes.hist(own, bins=edges, color=OUTCOMES[kind][1], label=f"{kind} ({len(own):,})",
                      edgecolor="white", linewidth=0.4,
                      hatch="//" if kind == "lost" else None)  # fmt: skip
    mean = float(pnls.mean())
    label = drawing.plain(f"mean {gain(round(mean, 2))}")
    axes.axvline(mean, color="black", linewidth=1.2, linestyle="--", label=label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    drawing.legend(axes)
    return figure


def margin_figure(result: RunResult) -> Figure:
    """Dollars reserved for what the open spreads can lose."""
    figure, axes = new_figure(11, 3.6)
    table = result.equity_table
    margin = to_numpy(table["margin_dollars"])
    most = float(margin.max()) if len(margin) else 0.0
    share = percent(most / result.balance)
    words = f"margin used, at most {dollars(most)} ({share} of the start)"
    drawing.title(axes, *head(result, words))
    axes.set_ylabel("margin ($)")
    axes.yaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    if not len(margin):
        drawing.no_axis(axes)
        drawing.say(axes, "no session with data")
        return figure
    sessions = rows_by_name(table["session"])
    if len(sessions) > MOST_SESSIONS:
        rows = np.array([own[0] for own in sessions.values()])
        values = np.array([margin[own].max() for own in sessions.values()])
    else:
        rows, values = drawing.thinned(margin)
    axes.fill_between(rows, values, 0.0, color=ORANGE, alpha=0.3, linewidth=0.0, step="post")
    axes.plot(rows, values, color=ORANGE, linewidth=0.9, drawstyle="steps-post")
    drawing.session_axis(axes, to_numpy(table["time"]))
    return figure


def costs_figure(result: RunResult, costs: Costs) -> Figure:
    """P&L over the share of the half-spread that fills cost, a line a delay."""
    figure, axes = new_figure(8, 4.5)
    edge = costs.break_even(min(costs.delays)) if costs.delays else None
    first = costs.at(costs.slippages[0], costs.delays[0]).total_pnl if costs.rows else 0.0
    words = (
        f"the profit is gone at {100 * edge:.0f} % of the half-spread"
        if edge is not None
        else "no profit at any fill"
        if first <= 0
        else "still a profit at the worst fill tried"
    )
    what = f"{result.index_symbol} {dates(result)}: {words}"
    drawing.title(axes, what, "slippage at entry and exit alike")
    for delay, (colour, line, marker) in zip(costs.delays, DELAY_STYLES, strict=False):
        rows = [costs.at(slippage, delay) for slippage in costs.slippages]
        axes.plot(
            [100 * row.slippage for row in rows], [row.total_pnl for row in rows],
            color=colour, linestyle=line, marker=marker,
            label=f"entry {count(delay, 'bar')} later" if delay else "entry at once",
        )  # fmt: skip
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.axvline(100.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xlabel("slippage (% of the half-spread; 0 mid, 100 natural)")
    axes.set_ylabel("P&L ($)")
    axes.yaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    drawing.legend(axes)
    return figure


def _coloured_table(
    figure: Figure, axes: Axes, table: drawing.Numbers, label: str, most: float
) -> QuadMesh:
    """Cells coloured around zero, with a scale beside them; gives the coloured cells.

    most  the largest absolute value of the scale
    """
    from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

    most = max(most, 1.0)
    colours = LinearSegmentedColormap.from_list("loss-gain", LOSS_AND_GAIN)
    image = axes.pcolormesh(
        np.arange(table.shape[1] + 1) - 0.5, np.arange(table.shape[0] + 1) - 0.5,
        np.ma.masked_invalid(table), cmap=colours, norm=TwoSlopeNorm(0.0, -most, most),
        edgecolors="white", linewidth=1.5,
    )  # fmt: skip
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    scale = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    scale.set_label(label)
    scale.ax.yaxis.set_major_formatter(lambda amount, _: drawing.axis_dollars(amount))
    scale.outline.set_visible(False)
    return image


def _amounts(axes: Axes, table: drawing.Numbers, image: Any, words: Any) -> None:
    """An amount in each cell that has one, in a colour that can be read on that of the cell."""
    for row, column in zip(*np.nonzero(~np.isnan(table)), strict=True):
        red, green, blue, _ = image.cmap(image.norm(table[row, column]))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < DARK
        axes.text(
            column, row, drawing.plain(words(int(row), int(column))), ha="center", va="center",
            fontsize=8.5, color="#FEFEFE" if dark else "#111111",
        )  # fmt: skip


def _hatch(axes: Axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5),
            1,
            1,
            hatch="///",
            facecolor="none",
            edgecolor=PALE,
            linewidth=0.0,
        )
    )


PICTURES: Mapping[str, Any] = {
    "drawdown": drawdown_figure,
    "calendar": calendar_figure,
    "entry-times": entry_times_figure,
    "mae-mfe": mae_mfe_figure,
    "distribution": distribution_figure,
    "margin": margin_figure,
}
