"""Pictures of a backtest over bars: the account in R and dollars, how trades went, one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_gex.errors import UnknownName
from bt_gex.market.calendar import Stamps, instant_ns
from bt_gex.reports.bar_words import bar_dates, in_r
from bt_gex.reports.charts import drawing
from bt_gex.reports.charts.drawing import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, VERMILION
from bt_gex.reports.words import count, gain
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.trades.bar_trades import BarTrade, RangeDay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bt_gex.results.bar_result import BarRecord

Numbers = drawing.Numbers
LONG, SHORT = ("^", BLUE), ("v", VERMILION)
MOST_CANDLES = 900  # of a session; more bars are drawn as a line
ROOM = 1.0  # rows beyond the last bar of a box


def _one_panel(width: float = 9.0, height: float = 4.2) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    drawing.plain_frame(axes)
    return figure, axes


def bar_equity_figure(record: BarRecord) -> Figure:
    """The account bar by bar in dollars, and under it how far it stood below its peak."""
    figure, top, bottom = drawing.two_panels("account ($)", "drawdown ($)")
    totals = record.statistics.totals
    made = f"{gain(totals.total_pnl)} with {count(totals.total_trades, 'trade')}"
    drawing.title(top, f"{record.strategy} {record.symbol} {bar_dates(record)}: {made}", "")
    stamps = to_numpy(record.equity_table["time"])
    equity = to_numpy(record.equity_table["equity"])
    if not len(stamps):
        drawing.no_axis(bottom)
        return figure
    rows = np.arange(len(stamps))
    places, values = drawing.thinned(equity)
    top.plot(rows[places], values, color=BLUE, linewidth=1.4, label="marked per bar")
    places, values = drawing.thinned(to_numpy(record.equity_table["closed_equity"]))
    top.plot(rows[places], values, color=GREY, linewidth=1.0, linestyle="--", label="at closes")
    drawing.mark_exits(top, record.trade_records, stamps, equity)
    drawing.draw_drawdown(bottom, rows, record.balance, equity)
    drawing.session_axis(bottom, stamps)
    if not record.trade_records:
        drawing.say(top, f"no trades: {record.why_no_trades}")
    drawing.legend(top)
    return figure


def r_curve_figure(record: BarRecord) -> Figure:
    """R trade by trade."""
    figure, axes = _one_panel()
    rs = _rs(record)
    curve = np.cumsum([0.0, *rs])
    axes.set_title(f"R trade by trade, {in_r(float(curve[-1]))} in all", loc="left", fontsize=11)
    axes.plot(np.arange(len(curve)), curve, color=BLUE, drawstyle="steps-post", linewidth=1.5)
    peaks = np.maximum.accumulate(curve)
    axes.fill_between(
        np.arange(len(curve)), curve, peaks, step="post", color=VERMILION, alpha=0.25, linewidth=0
    )
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set_xlabel("trades by exit")
    axes.set_ylabel("R")
    return figure


def r_distribution_figure(record: BarRecord) -> Figure:
    """How often trades made how much, in R."""
    figure, axes = _one_panel(6.5)
    axes.set_title("How often trades made how much", loc="left", fontsize=11)
    rs = np.array(_rs(record))
    if not len(rs):
        drawing.no_axis(axes)
        drawing.say(axes, "no trades")
        return figure
    edges = np.arange(np.floor(rs.min() * 4) / 4, np.ceil(rs.max() * 4) / 4 + 0.5, 0.25)
    heights, _ = np.histogram(rs, edges)
    colours = [VERMILION if edge < 0 else BLUE for edge in edges[:-1]]
    axes.bar(edges[:-1], heights, width=0.23, align="edge", color=colours)
    axes.axvline(float(rs.mean()), color="black", linestyle="--", linewidth=1.0,
                 label=f"mean {in_r(float(rs.mean()), 3)}")  # fmt: skip
    axes.set_xlabel("R")
    axes.set_ylabel("trades")
    axes.legend(frameon=False, fontsize=9)
    return figure


def score_figure(record: BarRecord) -> Figure:
    """Mean R by score."""
    from bt_gex.stats.attribution import score_buckets

    figure, axes = _one_panel(6.5)
    axes.set_title("Mean R by score", loc="left", fontsize=11)
    pairs = [
        (float(t.range_entry.score), t.realized_r or 0.0)
        for t in record.trade_records
        if t.range_entry is not None
    ]
    buckets = score_buckets([score for score, _ in pairs], [r for _, r in pairs])
    if not buckets:
        drawing.no_axis(axes)
        drawing.say(axes, "no scored trades")
        return figure
    places = np.arange(len(buckets))
    colours = [BLUE if bucket.avg_r >= 0 else VERMILION for bucket in buckets]
    axes.bar(places, [bucket.avg_r for bucket in buckets], color=colours, width=0.6)
    names = [f"{b.low:g} to {b.high:g}\n{count(b.count, 'trade')}" for b in buckets]
    axes.set_xticks(places, names)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set_ylabel("mean R")
    return figure


def width_figure(record: BarRecord) -> Figure:
    """Opening ranges by their width in ATRs."""
    figure, axes = _one_panel(6.5)
    axes.set_title("Opening ranges by width", loc="left", fontsize=11)
    widths = {
        "traded": [d.width_atr for d in record.days if d.width_atr is not None and not d.reason],
        "not traded": [d.width_atr for d in record.days if d.width_atr is not None and d.reason],
    }
    every = [width for found in widths.values() for width in found]
    if not every:
        drawing.no_axis(axes)
        drawing.say(axes, "no range with an ATR")
        return figure
    edges = np.arange(0.0, max(every) + 0.2, 0.1)
    axes.hist(
        list(widths.values()), edges.tolist(), stacked=True, color=[BLUE, PALE], label=list(widths),
        rwidth=0.9,
    )  # fmt: skip
    axes.set_xlabel("width, daily ATRs")
    axes.set_ylabel("sessions")
    axes.legend(frameon=False, fontsize=9)
    return figure


def _rs(record: BarRecord) -> list[float]:
    return [trade.realized_r or 0.0 for trade in record.trade_records]


BAR_FIGURES: Mapping[str, Callable[[BarRecord], Figure]] = {
    "equity": bar_equity_figure,
    "r-curve": r_curve_figure,
    "r-distribution": r_distribution_figure,
    "score": score_figure,
    "range-width": width_figure,
}


def bar_figure_by_name(record: BarRecord, name: str) -> Figure:
    """A picture by the name the plot verb knows it by. Raises UnknownName."""
    kind, _, which = name.partition(":")
    if which and kind == "session":
        return bar_session_figure(record, which)
    if which and kind == "trade":
        trade = find_bar_trade(record, which)
        return bar_session_figure(record, str(trade.session))
    if name not in BAR_FIGURES:
        raise UnknownName("picture", name, [*BAR_FIGURES, "session:DATE", "trade:ID"])
    return BAR_FIGURES[name](record)


def find_bar_trade(record: BarRecord, name: str) -> BarTrade:
    """A trade by its id, with or without the symbol. Raises UnknownName."""
    for trade in record.trade_records:
        if name in (trade.order_id, trade.trade_id):
            return trade
    raise UnknownName("trade", name, [trade.order_id for trade in record.trade_records])


# ------------------------------------------------------------------------------------- session


def bar_session_figure(record: BarRecord, session: str) -> Figure:
    """One session: bars, range box, triggers, entries, exits, stop steps; the account below."""
    known = [str(row.session) for row in record.statistics.sessions]
    if session not in known:
        raise UnknownName("session", session, known)
    figure, top, bottom = drawing.two_panels("price", "P&L of the\nsession ($)")
    top.yaxis.set_major_formatter("{x:,.2f}")
    own = np.array(record.bars_table["session"].to_pylist(), dtype=object) == session
    bars = {name: to_numpy(record.bars_table[name])[own] for name in ("time", *PRICES)}
    stamps = bars["time"]
    trades = [trade for trade in record.trade_records if _touches(trade, stamps)]
    row = record.statistics.sessions[known.index(session)]
    made = gain(float(row.trades_pnl_dollars)) if row.trades else "no trades"
    why = f" ({row.reason})" if row.reason else ""
    drawing.title(top, f"{record.symbol} {session}: {made}{why}", record.strategy)
    _draw_bars(top, bars)
    day = next((day for day in record.days if str(day.session) == session), None)
    if day is not None:
        _draw_range(top, day, stamps)
    for trade in trades:
        _draw_trade(top, trade, stamps)
    _legend_of(top, trades, day)
    equity = to_numpy(record.equity_table["equity"])
    mine = equity[own]
    before = np.flatnonzero(own)[0]
    start = equity[before - 1] if before else record.balance
    bottom.axhline(0.0, color=GREY, linewidth=0.8)
    bottom.plot(np.arange(len(mine)), mine - start, color=BLUE, linewidth=1.3)
    drawing.session_axis(bottom, stamps)
    return figure


PRICES = ("open", "high", "low", "close")


def _touches(trade: BarTrade, stamps: Stamps) -> bool:
    first, last = instant_ns(trade.timestamp_entry), instant_ns(trade.timestamp_exit)
    return bool(first <= stamps[-1] + 86_400 * 10**9 and last >= stamps[0]) and bool(
        len(stamps) == 1 or (first <= stamps[-1] and last >= stamps[0])
    )


def _draw_bars(axes: Axes, bars: Mapping[str, Numbers]) -> None:
    """Bars from low to high with ticks at open and close; a line where there are too many."""
    rows = np.arange(len(bars["time"]))
    if len(rows) > MOST_CANDLES:
        axes.plot(rows, bars["close"], color="black", linewidth=1.0, label="close")
        return
    axes.vlines(rows, bars["low"], bars["high"], color=GREY, linewidth=0.9)
    axes.hlines(bars["close"], rows, rows + 0.45, color="black", linewidth=0.9, label="bars")
    axes.hlines(bars["open"], rows - 0.45, rows, color=GREY, linewidth=0.9)


def _draw_range(axes: Axes, day: RangeDay, stamps: Stamps) -> None:
    """The box of the range over its minutes, and both triggers from its end on."""
    if day.or_high is None or day.or_low is None:
        return
    end = int(np.searchsorted(stamps, stamps[0] + day.or_minutes * 60 * 10**9))
    from matplotlib.patches import Rectangle

    low, high = float(day.or_low), float(day.or_high)
    box = Rectangle(
        (-0.5, low), end, high - low, facecolor=ORANGE, alpha=0.18, edgecolor=ORANGE,
        label=f"opening range, {day.or_minutes} minutes",
    )  # fmt: skip
    axes.add_patch(box)
    last = len(stamps) - 1 + ROOM
    for trigger, colour in ((day.long_trigger, BLUE), (day.short_trigger, VERMILION)):
        if trigger is not None:
            axes.hlines(float(trigger), end, last, color=colour, linewidth=1.0, linestyle="--")


def _draw_trade(axes: Axes, trade: BarTrade, stamps: Stamps) -> None:
    """Entry, exits, targets, and the stop as it moved."""
    marker, colour = LONG if trade.direction == "long" else SHORT
    first = _row(stamps, trade.timestamp_entry)
    last = _row(stamps, trade.timestamp_exit)
    axes.scatter([first], [trade.entry_price], marker=marker, s=70, color=colour, zorder=5,
                 edgecolors="white", linewidths=0.6)  # fmt: skip
    for fill in trade.fills:
        axes.scatter([_row(stamps, fill.timestamp)], [fill.price], marker="X", s=55, zorder=5,
                     color="black", edgecolors="white", linewidths=0.6)  # fmt: skip
    for target in trade.targets:
        axes.hlines(float(target), first, last + ROOM, color=GREEN, linewidth=0.9, linestyle=":")
    steps = [*trade.stops]
    for number, step in enumerate(steps):
        begin = _row(stamps, step.timestamp)
        end = _row(stamps, steps[number + 1].timestamp) if number + 1 < len(steps) else last
        axes.hlines(float(step.stop), begin, max(end, begin + 1), color=PURPLE, linewidth=1.4)
        if number:
            before = float(steps[number - 1].stop)
            axes.vlines(begin, before, float(step.stop), color=PURPLE, linewidth=1.4)
    made = in_r(trade.realized_r) if trade.realized_r is not None else gain(trade.pnl_dollars)
    axes.annotate(drawing.plain(made), (last, trade.exit_price), xytext=(6, 6),
                  textcoords="offset points", fontsize=9)  # fmt: skip


def _row(stamps: Stamps, moment: datetime) -> int:
    row = int(np.searchsorted(stamps, instant_ns(moment), side="right")) - 1
    return min(max(row, 0), len(stamps) - 1)


def _legend_of(axes: Axes, trades: Sequence[BarTrade], day: RangeDay | None) -> None:
    """One entry for each kind of thing that is drawn."""
    from matplotlib.lines import Line2D

    marks: list[Any] = []
    sides = {trade.direction for trade in trades}
    for direction, (marker, colour) in (("long", LONG), ("short", SHORT)):
        if direction in sides:
            marks.append(Line2D([], [], linestyle="", marker=marker, color=colour,
                                label=f"entry, {direction}"))  # fmt: skip
    if trades:
        marks.append(Line2D([], [], linestyle="", marker="X", color="black", label="exit"))
    if any(trade.stops for trade in trades):
        marks.append(Line2D([], [], color=PURPLE, label="stop"))
    if any(trade.targets for trade in trades):
        marks.append(Line2D([], [], color=GREEN, linestyle=":", label="target"))
    if day is not None and day.long_trigger is not None:
        marks.append(Line2D([], [], color=BLUE, linestyle="--", label="long trigger"))
        marks.append(Line2D([], [], color=VERMILION, linestyle="--", label="short trigger"))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        [*handles, *marks], [*labels, *(mark.get_label() for mark in marks)],
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=9, fontsize=9, frameon=False,
        borderaxespad=0.2, columnspacing=0.9, handletextpad=0.5,
    )  # fmt: skip
