"""The picture of one trade."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from bt_gex.market.calendar import NEW_YORK, Stamps
from bt_gex.reports.charts.drawing import (
    BLUE,
    ORANGE,
    OUTCOMES,
    PALE,
    VERMILION,
    Numbers,
    legend,
    nanoseconds,
    outcome,
    plain,
    plain_frame,
    say,
    title,
)
from bt_gex.reports.words import count, gain, new_york_time, number, spread_of, thresholds
from bt_gex.trades.reasons import ExitReason
from bt_gex.trades.records import SpreadTrade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bt_gex.results.result import RunResult

RULES = {  # colour, line
    ExitReason.EMERGENCY_STOP: (VERMILION, "-."),
    ExitReason.STOP_LOSS: (ORANGE, "--"),
    ExitReason.PROFIT_TARGET: (BLUE, "--"),
}
NS_A_DAY = 86_400e9
LABEL_STEP = 0.075  # least distance of two labels, share of the height
DOTS = 120  # with more marks than this the line stands without


def draw(trade: SpreadTrade, stamps: Stamps, values: Numbers, result: RunResult) -> Figure:
    """The marks of a trade over time, its fills, and the values at which the rules close it.

    stamps, values  marks of this trade: instants, and points or NaN where it had no price
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    title(axes, *_title(trade))
    _shade_unpriced(axes, stamps, values)
    dots = "." if len(values) <= DOTS else ""
    axes.plot(
        stamps / NS_A_DAY, values, color="black", linewidth=1.2, marker=dots, label="value at mid"
    )
    if not len(values):
        say(axes, "no marks were kept for this trade")
    _draw_fills(axes, trade)
    _draw_levels(axes, trade, result)
    axes.set_ylabel("value of the spread (points)")
    plain_frame(axes)
    _clock_axis(axes, trade)
    legend(axes)
    return figure


def _title(trade: SpreadTrade) -> tuple[str, str]:
    made = gain(trade.pnl_dollars) if trade.pnl_dollars is not None else "no P&L"
    value = trade.exit_value
    sold = f"{count(trade.quantity, 'contract')} sold for {number(trade.entry_credit)}"
    ended = f"closed at {number(value)}" if value is not None else "no price to settle on"
    seen = [
        f"{name} {number(level)}"
        for name, level in (
            ("index", trade.spot_entry),
            ("pin", trade.pin),
            ("VIX", trade.vix_entry),
        )
        if level is not None
    ]
    return (
        f"{trade.order_id}: {spread_of(trade).label}, {made} ({trade.exit_reason})",
        "; ".join([f"{sold}, {ended}", *seen]),
    )


def _shade_unpriced(axes: Axes, stamps: Stamps, values: Numbers) -> None:
    """Grey over the bars without a value; a bar reaches to the next one."""
    edges = np.append(stamps, stamps[-1:]) / NS_A_DAY
    label = f"no valid quote ({count(int(np.isnan(values).sum()), 'bar')})"
    for missing, run in groupby(range(len(values)), key=lambda row: bool(np.isnan(values[row]))):
        rows = list(run)
        if missing:
            axes.axvspan(
                edges[rows[0]], edges[rows[-1] + 1], color=PALE, linewidth=0.0, label=label
            )
            label = ""


def _draw_fills(axes: Axes, trade: SpreadTrade) -> None:
    ends = [trade.timestamp_entry, trade.timestamp_exit]
    entry, leave = nanoseconds(ends) / NS_A_DAY
    credit, value = trade.entry_credit, trade.exit_value
    axes.scatter(
        [entry], [credit], marker="s", s=70, color="black", zorder=4,
        label=f"entry, credit {number(credit)}",
    )  # fmt: skip
    if value is None:
        return
    marker, colour = OUTCOMES[outcome(trade)]
    axes.scatter(
        [leave], [value], marker=marker, s=90, color=colour, zorder=4,
        label=f"exit, {trade.exit_reason} {number(value)}",
    )  # fmt: skip


def _draw_levels(axes: Axes, trade: SpreadTrade, result: RunResult) -> None:
    """Credit and thresholds, each named beside the axes with what closing there at mid makes."""
    point = trade.quantity * result.run_config.index_spec.multiplier
    credit = trade.entry_credit
    levels: dict[str, tuple[float, str, str]] = {"Credit": (credit, "black", ":")}
    for reason, value in thresholds(trade, result.run_config.exit).items():
        levels[reason] = (value, *RULES[reason])
    for value, colour, line in levels.values():
        axes.axhline(value, color=colour, linestyle=line, linewidth=1.0)
    axes.margins(y=0.08)
    axes.set_ylim(bottom=max(axes.get_ylim()[0], -0.02 * axes.get_ylim()[1]))
    low, high = axes.get_ylim()
    height = -math.inf
    for rule, (value, colour, _) in sorted(levels.items(), key=lambda item: item[1][0]):
        height = max((value - low) / (high - low), height + LABEL_STEP)  # never one over another
        made = "" if rule == "Credit" else f"\n{gain((credit - value) * point)} at mid"
        axes.text(
            1.01, height, plain(f"{rule} {number(value)}{made}"),
            color=colour, transform=axes.transAxes, va="center", fontsize=9,
        )  # fmt: skip


def _clock_axis(axes: Axes, trade: SpreadTrade) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    form = "%H:%M" if trade.time_alive_minutes > 10 else "%H:%M:%S"
    axes.xaxis.set_major_locator(AutoDateLocator(tz=NEW_YORK, minticks=4, maxticks=10))
    axes.xaxis.set_major_formatter(DateFormatter(form, tz=NEW_YORK))
    axes.set_xlabel(f"New York time, {new_york_time(trade.timestamp_entry):%a %Y-%m-%d}")
