"""The picture of one session: index price, pin, strikes held, entries, exits, the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_gex.errors import UnknownName
from bt_gex.market.contracts import SHORT
from bt_gex.reports.charts import drawing
from bt_gex.reports.charts.drawing import BLUE, GREEN, GREY, OUTCOMES, PURPLE, SKY, VERMILION
from bt_gex.reports.words import count, fills, gain, spread_of
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.trades.records import Decision, SpreadTrade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bt_gex.results.result import RunResult

FEW = 6  # trades that are still named in the picture
RIGHTS = {"C": (VERMILION, "call"), "P": (GREEN, "put")}


def session_figure(result: RunResult, session: str) -> Figure:
    """One session on one time axis. Raises UnknownName when it is none of the result."""
    known = [str(row.session) for row in result.statistics.sessions]
    if session not in known:
        raise UnknownName("session", session, known)
    trades = [trade for trade in result.trade_records if trade.expiration.isoformat() == session]
    figure, top, bottom = drawing.two_panels("index price (points)", "P&L of the\nsession ($)")
    top.yaxis.set_major_formatter(lambda points, _: drawing.axis_points(points))
    pnl = result.daily_pnl.get(session)
    made = "no data" if pnl is None else f"{gain(pnl)} with {count(len(trades), 'trade')}"
    head = f"{result.index_symbol} {session}: {made}"
    drawing.title(top, head, f"fills {fills(result.run_config.fills)}")
    market, account = (
        _rows(table, session) for table in (result.market_table, result.equity_table)
    )
    if not len(market["time"]):
        drawing.no_axis(bottom)
        drawing.say(top, "no data was recorded for this session")
        return figure
    stamps = market["time"]
    rows = np.arange(len(stamps))
    top.plot(rows, market["spot"], color="black", linewidth=1.3, drawstyle="steps-post",
             label="index")  # fmt: skip
    top.plot(rows, market["pin"], color=PURPLE, linewidth=1.6, linestyle="--",
             drawstyle="steps-post", label="pin")  # fmt: skip
    _strikes(top, trades, stamps)
    _entries_and_exits(top, trades, stamps, market["spot"])
    if not trades:
        drawing.say(top, "no trades: " + _why(result.decision_records, session))
    _account(bottom, rows, account["equity"], _start(result, session))
    drawing.session_axis(bottom, stamps)
    drawing.legend(top, columns=12)
    return figure


def _rows(table: Any, session: str) -> dict[str, Any]:
    """Columns of a table in one session."""
    own = np.array(table["session"].to_pylist(), dtype=object) == session
    return {name: to_numpy(table[name])[own] for name in table.column_names if name != "session"}


def _strikes(axes: Axes, trades: Sequence[SpreadTrade], stamps: Any) -> None:
    """A line at each strike while it was held: thick what was sold, thin what was bought."""
    labelled: set[str] = set()
    for trade in trades:
        ends = drawing.nanoseconds([trade.timestamp_entry, trade.timestamp_exit])
        first, last = np.searchsorted(stamps, ends)
        for leg in spread_of(trade).legs:
            colour, name = RIGHTS[leg.right]
            sold = leg.side == SHORT
            label = f"{name} {'sold' if sold else 'bought'}"
            axes.plot(
                [first, max(last, first + 2)], [leg.strike] * 2, color=colour, alpha=0.8,
                linewidth=2.4 if sold else 1.0, linestyle="-" if sold else ":",
                solid_capstyle="butt", label=None if label in labelled else label,
            )  # fmt: skip
            labelled.add(label)


def _entries_and_exits(
    axes: Axes, trades: Sequence[SpreadTrade], stamps: Any, spot: drawing.Numbers
) -> None:
    entries = drawing.nanoseconds(trade.timestamp_entry for trade in trades)
    rows = np.minimum(np.searchsorted(stamps, entries), len(stamps) - 1)
    if len(rows):
        axes.scatter(rows, spot[rows], marker="D", s=34, color=BLUE, edgecolors="white",
                     linewidths=0.6, zorder=4, label=f"entry ({len(rows)})")  # fmt: skip
    for kind, (marker, colour) in OUTCOMES.items():
        own = [trade for trade in trades if drawing.outcome(trade) == kind]
        ends = drawing.nanoseconds(trade.timestamp_exit for trade in own)
        rows = np.minimum(np.searchsorted(stamps, ends), len(stamps) - 1)
        if own:
            axes.scatter(rows, spot[rows], marker=marker, s=48, color=colour, edgecolors="white",
                         linewidths=0.6, zorder=5, label=f"exit, {kind} ({len(own)})")  # fmt: skip
        if len(trades) <= FEW:
            for row, trade in zip(rows, own, strict=True):
                axes.annotate(
                    drawing.plain(gain(trade.pnl_dollars).removesuffix(".00")),
                    (row, spot[row]), xytext=(4, 6), textcoords="offset points", fontsize=8,
                )  # fmt: skip


def _account(axes: Axes, rows: Any, equity: drawing.Numbers, start: float) -> None:
    made = equity - start
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.plot(rows, made, color=SKY, linewidth=1.3)
    axes.fill_between(rows, made, 0.0, color=SKY, alpha=0.3, linewidth=0.0)


def _start(result: RunResult, session: str) -> float:
    """The account before the session, dollars."""
    earlier = (pnl for day, pnl in result.daily_pnl.items() if day < session)
    return round(result.balance + sum(earlier), 2)


def _why(decisions: Sequence[Decision], session: str) -> str:
    own = [d for d in decisions if d.session.isoformat() == session]
    kinds = Counter(decision.kind for decision in own)
    named = ", ".join(f"{kind} ({times})" for kind, times in kinds.items())
    return f"{count(len(own), 'check')}, all skipped: {named}" if own else "no check was made"
