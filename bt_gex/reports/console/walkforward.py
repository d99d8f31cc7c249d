"""A walk-forward in words, as a table, and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.text import Text

from bt_gex.reports.charts import drawing
from bt_gex.reports.console.run import colour, make_table, print_findings
from bt_gex.reports.console.sweep import GRAVEST, print_short, ranked_by, setting, terms
from bt_gex.reports.words import count, dollars, gain, percent
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.sweeps.judged import walkforward_findings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bt_gex.sweeps.records import Judgement, WalkForwardSummary, WindowResult
    from bt_gex.sweeps.walkforward_result import WalkForward

HALF = 0.5  # of the profit in sample: with less kept, the selection is mostly chance


def print_walkforward(result: WalkForward, console: Console) -> None:
    """The verdict, the gravest warnings, the windows, and how the picked settings moved."""
    summary = result.summary
    found = walkforward_findings(result)
    *sentences, judged = verdict(summary, found.doubt)
    console.print(
        Text(headline(result), style=f"bold {colour(summary.out_of_sample['total_pnl'])}")
    )
    console.print(Text(judged, style="bold"))
    ranked = ranked_by(summary.objective, summary.train)
    console.print(f"{count(summary.variants, 'variant')} {ranked}; {terms(result.plan)}")
    named = [("", finding) for finding in found.whole]
    print_findings(named[:GRAVEST], console)
    _print_windows(result, console)
    for name, one in summary.stability.items():
        console.print(
            f"{name}: {setting(one.value)} picked in {percent(one.share)} of the windows, "
            f"{count(one.distinct, 'value')} in all"
        )
    for sentence in sentences:
        console.print(sentence)
    print_findings(named[GRAVEST:], console, "more warning")
    by_window = zip(result.windows, found.windows, strict=True)
    print_short(((f"{w.test_start} to {w.test_end}", own) for w, own in by_window), console)


def _print_windows(result: WalkForward, console: Console) -> None:
    table = make_table(
        "Train", "Test", "Picked", ">In sample", ">Out of sample", ">Trades", ">Average variant",
        ">Baseline",
    )  # fmt: skip
    for window in result.windows:
        table.add_row(
            f"{window.train_start} {window.train_end}",
            f"{window.test_start} {window.test_end}",
            picked(window),
            gain(window.in_sample_pnl),
            gain(window.out_of_sample_pnl),
            f"{window.out_of_sample_trades:,}",
            gain(window.average_variant_pnl),
            gain(window.baseline_pnl),
        )
    console.print(table)


def picked(window: WindowResult) -> str:
    """The settings of a window's winner, without the sections they stand in."""
    if window.variant_id is None:
        return "none"
    return " ".join(f"{n.partition('.')[2]}={setting(v)}" for n, v in window.settings.items())


def headline(result: WalkForward) -> str:
    """The result in one line."""
    out, plan = result.summary.out_of_sample, result.plan
    return (
        f"{plan['index']} {plan['start']} to {plan['end']}: out of sample {gain(out['total_pnl'])} "
        f"in {count(result.summary.windows, 'window')}, "
        f"{count(out['total_trades'], 'trade')}, drawdown {dollars(out['max_drawdown_mtm'])}"
    )


def verdict(summary: WalkForwardSummary, doubt: str = "") -> list[str]:
    """What a trader should make of it: one sentence a point, the judgement last.

    doubt  what the profit out of sample rests on, see `resting_on`; empty when on nothing doubtful
    """
    out, windows = summary.out_of_sample, summary.windows
    found = [
        f"A session made {gain(summary.in_sample_a_session)} in sample and "
        f"{gain(summary.out_of_sample_a_session)} out of sample; "
        f"{summary.profitable_windows} of {count(windows, 'window')} made money.",
        f"The average variant made {gain(summary.average_variant_pnl)} on the same test "
        f"sessions, the baseline {gain(summary.baseline_pnl)}; the pick beat the average in "
        f"{summary.beat_average_windows} of {count(windows, 'window')}.",
    ]
    efficiency = summary.efficiency
    if efficiency is not None:
        found.append(f"Efficiency (out of sample over in sample, a session): {efficiency:.2f}.")
    if doubt:
        return [*found, f"Verdict: without its doubtful trades it loses: {doubt}."]
    return [*found, judgement(out["total_pnl"], efficiency, summary)]


def judgement(total_pnl: float, efficiency: float | None, others: Judgement) -> str:
    """The plain word, beside what the average variant and the baseline made."""
    average_pnl, baseline_pnl = others.average_variant_pnl, others.baseline_pnl
    if total_pnl <= 0:
        return (
            "Verdict: the picked settings made no money on sessions that did not pick them: "
            f"{gain(total_pnl)}."
        )
    if average_pnl is not None and average_pnl >= total_pnl:
        cost = gain(round(total_pnl - average_pnl, 2))
        return f"Verdict: picking the best made {cost} against the average variant: no benefit."
    if baseline_pnl is not None and baseline_pnl >= total_pnl:
        cost = gain(round(total_pnl - baseline_pnl, 2))
        return f"Verdict: picking the best made {cost} against the baseline left as it is."
    if efficiency is None:
        return "Verdict: no profit in sample, so the profit out of sample is chance."
    if efficiency < HALF:
        return "Verdict: less than half of what the sweep promised was kept out of sample."
    return f"Verdict: the picked settings held up out of sample: {gain(total_pnl)}."


def walkforward_figure(result: WalkForward) -> Figure:
    """The account over the test sessions, one window after the other, and its drawdown."""
    figure, top, bottom = drawing.two_panels("account ($)", "drawdown ($)")
    drawing.title(
        top, headline(result), verdict(result.summary, walkforward_findings(result).doubt)[-1]
    )
    table = result.equity
    if not table.num_rows:
        drawing.no_axis(bottom)
        drawing.say(top, "no session was traded")
        return figure
    stamps, marked = to_numpy(table["time"]), to_numpy(table["equity"])
    start = float(result.summary.out_of_sample["final_balance"]) - float(
        result.summary.out_of_sample["total_pnl"]
    )
    rows = np.arange(len(stamps))
    top.axhline(start, color=drawing.GREY, linewidth=0.8, linestyle=":", label="start")
    top.plot(
        *drawing.thinned(marked),
        color=drawing.BLUE, linewidth=1.2, label="account, open spreads at mid",
    )  # fmt: skip
    names = table["test_start"].to_pylist()
    edges = [n for n in range(1, len(names)) if names[n] != names[n - 1]]
    for n, edge in enumerate(edges):
        label = "next window, next pick" if n == 0 else None
        top.axvline(edge, color=drawing.ORANGE, linewidth=1.0, linestyle="--", label=label)
    drawing.draw_drawdown(bottom, rows, start, marked)
    drawing.session_axis(bottom, stamps)
    drawing.legend(top)
    return figure
