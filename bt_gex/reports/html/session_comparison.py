"""A comparison of runs on one recorded session, as one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bt_gex.reports.charts.recordings import comparison_figure
from bt_gex.reports.html.template import picture, rendered
from bt_gex.reports.words import count, dollars, gain
from bt_gex.runs.session_comparison import ComparedRun, SessionComparison

SECTIONS = (
    ("runs", "Runs"),
    ("picture", "Prices and P&L"),
    ("pairs", "Pairs"),
    ("trades", "Trades"),
)
CAPTION = (
    "Closes of each symbol; a triangle is an entry, a cross its exit, a colour for each run. "
    "Below, the P&L of the closed trades, summed."
)


def comparison_page(found: SessionComparison) -> str:
    """The page; the same comparison gives the same text."""
    about = found.recording
    best = max(found.runs, key=lambda run: float(run.figures["total_pnl"]))
    return rendered(
        "session_comparison.html.jinja",
        title=f"bt_gex {about['recording_id']}",
        kind=f"bt_gex comparison, recording {about['recording_id']}",
        sections=SECTIONS,
        verdict=f"{best.label} made most of {count(len(found.runs), 'run')}: "
        f"{gain(best.figures['total_pnl'])}",
        terms=(
            f"{about['strategy_name']} on {', '.join(about['symbols'])}, "
            f"{count(about['total_bars_recorded'], 'bar')} from {about['first_bar_time']} to "
            f"{about['last_bar_time']}."
        ),
        runs=[_run(run) for run in found.runs],
        warnings=[f"{run.label}: {text}" for run in found.runs for text in run.warnings],
        picture=picture("comparison", comparison_figure(found), CAPTION),
        pairs=[_pair(pair) for pair in found.pairs],
        trades=[
            {"label": run.label, "rows": [_trade(trade) for trade in run.positions]}
            for run in found.runs
            if run.positions
        ],
    )


def _run(run: ComparedRun) -> Sequence[str]:
    figures = run.figures
    return (
        run.label, str(figures["total_trades"]), f"{figures['win_rate']:.1f}",
        gain(figures["total_pnl"]), dollars(figures["max_drawdown"]),
        f"{figures['sharpe_ratio']:.3f}",
    )  # fmt: skip


def _pair(pair: Mapping[str, Any]) -> Sequence[str]:
    return (pair["a"], pair["b"], *(str(number) for number in pair["counts"].values()))


def _trade(trade: Mapping[str, Any]) -> Sequence[str]:
    prices = (trade["quantity"], trade["entry_price"], trade["exit_price"])
    times = ((trade[name] or "")[:19].replace("T", " ") for name in ("entry_time", "exit_time"))
    words = (trade["symbol"], trade["direction"], trade["exit_reason"])
    return (
        *times,
        *(word or "" for word in words),
        *("" if price is None else f"{price:.10g}" for price in prices),
        gain(trade["pnl"]),
    )
