"""Pictures of results: the account, one trade, several indexes.

matplotlib is imported when the first picture is drawn, and pyplot never.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bt_gex.errors import UnknownName
from bt_gex.reports.charts import drawing
from bt_gex.reports.charts import trade as trade_drawing
from bt_gex.reports.words import (
    count,
    dates,
    fills,
    find_trade,
    gain,
    verdict,
    why_no_trades,
)
from bt_gex.storage.arrow_arrays import to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bt_gex.results.result import RunResult

LINES = (
    (drawing.BLUE, "-"),
    (drawing.VERMILION, "--"),
    (drawing.GREEN, "-."),
    (drawing.PURPLE, ":"),
    (drawing.ORANGE, "-"),
    (drawing.SKY, "--"),
)


def equity_figure(result: RunResult) -> Figure:
    """The account bar by bar and at closes, each trade at its exit, and the drawdown below."""
    figure, top, bottom = drawing.two_panels("account ($)", "drawdown ($)")
    drawing.title(top, verdict(result), f"fills {fills(result.run_config.fills)}")
    equity = result.equity_table
    start = float(result.config["account"]["balance"])
    top.axhline(start, color=drawing.GREY, linewidth=0.8, linestyle=":", label="start")
    if len(equity):
        rows = np.arange(len(equity))
        closed, marked = (to_numpy(equity[name]) for name in ("closed_equity", "equity"))
        top.plot(
            *drawing.thinned(marked),
            color=drawing.SKY, linewidth=1.0, label="account, open spreads at mid",
        )  # fmt: skip
        top.plot(
            *drawing.thinned(closed),
            color="black", linewidth=1.3, drawstyle="steps-post", label="closed only",
        )  # fmt: skip
        stamps = to_numpy(equity["time"])
        drawing.mark_exits(top, result.trade_records, stamps, closed)
        drawing.draw_drawdown(bottom, rows, start, marked)
        drawing.session_axis(bottom, stamps)
    else:
        drawing.no_axis(bottom)
    if not result.trade_records:
        drawing.say(top, f"no trades: {why_no_trades(result.statistics)}")
    drawing.legend(top)
    return figure


def combined_figure(results: Sequence[RunResult]) -> Figure:
    """Profit and loss since the start of each index and of all together, with their drawdown."""
    from bt_gex.results.portfolio import combined_equity

    figure, top, bottom = drawing.two_panels("profit and loss ($)", "drawdown\nof the total ($)")
    equity = combined_equity(results)
    starts = {result.index_symbol: result.balance for result in results}
    total = equity["total"].to_numpy(np.float64) - sum(starts.values())
    made = gain(total[-1] if len(total) else 0.0)
    trades = sum(len(result.trade_records) for result in results)
    what = f"{' + '.join(starts)} {dates(results[0])}: {made} with {count(trades, 'trade')}"
    drawing.title(top, what, f"fills {fills(results[0].run_config.fills)}")
    top.axhline(0.0, color=drawing.GREY, linewidth=0.8, linestyle=":")
    rows = np.arange(len(equity))
    for (name, start), (colour, line) in zip(starts.items(), cycle(LINES), strict=False):
        values = equity[name].to_numpy(np.float64) - start
        label = drawing.plain(f"{name} {gain(values[-1] if len(values) else 0.0)}")
        top.plot(rows, values, color=colour, linestyle=line, linewidth=1.2, label=label)
    top.plot(rows, total, color="black", linewidth=1.8, label=drawing.plain(f"total {made}"))
    if len(equity):
        drawing.draw_drawdown(bottom, rows, 0.0, total)
        stamps = equity["time"].to_numpy("datetime64[ns]").astype(np.int64)
        drawing.session_axis(bottom, stamps)
    else:
        drawing.no_axis(bottom)
    if not trades:
        drawing.say(top, "no trades")
    drawing.legend(top)
    return figure


def trade_figure(result: RunResult, order_id: str) -> Figure:
    """The value of one spread while it was open, with the values at which the rules close it.

    Raises UnknownName when the result has no such trade.
    """
    trade = find_trade(result, order_id)
    names, times, values = (result.marks_table[name] for name in ("order_id", "time", "value"))
    own = np.array(names.to_pylist(), dtype=object) == order_id
    stamps = to_numpy(times)[own]
    return trade_drawing.draw(trade, stamps, to_numpy(values)[own], result)


def figure_by_name(result: RunResult, name: str) -> Figure:
    """A picture by the name the plot verb knows it by: equity, one of PICTURES,
    session:DATE or trade:ID. Raises UnknownName."""
    from bt_gex.reports.charts.run import PICTURES
    from bt_gex.reports.charts.session import session_figure

    kind, _, which = name.partition(":")
    if which and kind == "session":
        return session_figure(result, which)
    if which and kind == "trade":
        return trade_figure(result, which)
    if name == "equity":
        return equity_figure(result)
    if name not in PICTURES:
        raise UnknownName("picture", name, ["equity", *PICTURES, "session:DATE", "trade:ID"])
    figure: Figure = PICTURES[name](result)
    return figure


def picture_bytes(figure: Figure, suffix: str) -> bytes:
    """The picture in the form of a file's ending: .png or .svg; the same figure, the same bytes."""
    if suffix == ".svg":
        from bt_gex.reports.charts.svg import svg_bytes

        return svg_bytes(figure)
    return png_bytes(figure)


def png_bytes(figure: Figure) -> bytes:
    """The picture as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # Level 3 takes a third of the time of the default for files a tenth larger.
    options = {"compress_level": 3}
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs=options)
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path) -> None:
    """Write the picture; the file appears whole or not at all. Raises OutputError."""
    from bt_gex.storage.atomic import write_bytes

    write_bytes(Path(path), png_bytes(figure))
