"""A sweep and a walk-forward over bars as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from bt_gex.config.run_config import setting_text
from bt_gex.reports.bar_words import in_r
from bt_gex.reports.console.run import colour, coloured, make_table
from bt_gex.reports.console.sweep import number, ranked_by, verdict
from bt_gex.reports.words import count, dollars, gain, percent, ratio
from bt_gex.sweeps.same_trades import SAME_AS, distinct

if TYPE_CHECKING:
    from bt_gex.sweeps.bar_plan import BarPlan
    from bt_gex.sweeps.bar_sweep import BarSweep
    from bt_gex.sweeps.bar_walkforward import BarWalkForward

BEST = 10


def print_bar_plan(plan: BarPlan, console: Console) -> None:
    """The variants of a plan."""
    table = make_table(">", "Variant", "Kind", "Settings")
    for place, variant in enumerate(plan.variants, start=1):
        note = f"  ({variant.invalid})" if variant.invalid else ""
        table.add_row(str(place), variant.variant_id, variant.tag, f"{variant.label}{note}")
    console.print(table)
    console.print(
        f"{count(len(plan.variants), 'variant')}, {count(plan.duplicates, 'duplicate')} left out, "
        f"{plan.cut} cut off; ranked by {plan.objective}"
    )


def print_bar_sweep(result: BarSweep, console: Console) -> None:
    """The best variants with the baseline among them, and what to make of it."""
    summary = result.summary
    best = summary.best
    head = f"{_head(result.plan)}: {count(summary.variants, 'variant')}"
    made = f"best {gain(best.total_pnl)} ({best.label})" if best else "none could be run"
    console.print(Text(f"{head}, {made}", style=f"bold {colour(best.total_pnl if best else 0)}"))
    ranked = ranked_by(summary.objective, summary.sessions_with_data)
    console.print(f"{count(summary.sessions, 'session')}; {ranked}; no commission")
    _print_variants(result, console)
    for row in result.rows:
        if row["status"] != "success":
            console.print(Text(f"{row['label']}: {row['status']}: {row['reason']}", style="yellow"))
    for sentence in verdict(summary):
        console.print(sentence)


def _print_variants(result: BarSweep, console: Console) -> None:
    table = make_table(
        ">Rank", "Settings", ">Score", ">R", ">P&L", ">Trades", ">Won", ">PF", ">Drawdown"
    )
    rows = sorted(distinct(result.rows), key=lambda row: row["rank"])
    shown = [row for n, row in enumerate(rows) if n < BEST or row["tag"] == "baseline"]
    for row in shown:
        same = sum(1 for other in result.rows if other.get(SAME_AS) == row["variant_id"])
        also = f" (and {count(same, 'variant')} with the same trades)" if same else ""
        table.add_row(
            str(row["rank"]),
            f"{_settings(result.plan, row)}{also}",
            number(row["score"]),
            in_r(row.get("total_r")),
            coloured(row["total_pnl"]),
            f"{row['total_trades']:,}",
            percent(row["win_rate"] if row["total_trades"] else None),
            ratio(row["profit_factor"]),
            dollars(row["max_drawdown_mtm"]),
            style="bold" if row["tag"] == "baseline" else "",
        )
    console.print(table)
    if len(rows) > len(shown):
        console.print(Text(f"{len(rows) - len(shown)} more in variants.csv", style="dim"))


def _head(plan: Mapping[str, Any]) -> str:
    dates = f"{plan['start']} to {plan['end']}"
    return f"{plan['strategy']} {' '.join(plan['symbols'])} {dates}"


def _settings(plan: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name}={setting_text(row[name])}" for name in plan["grid"])
    return f"{said} (baseline)" if row["tag"] == "baseline" else said


def print_bar_walkforward(result: BarWalkForward, console: Console) -> None:
    """Each window's winner, and what they made out of sample."""
    totals = result.out_of_sample
    r = f"{in_r(result.total_r)}, " if result.total_r is not None else ""
    head = f"{_head(result.plan)}: {count(len(result.windows), 'window')}"
    made = f"{r}{gain(totals.total_pnl)} out of sample, {count(totals.total_trades, 'trade')}"
    console.print(Text(f"{head}, {made}", style=f"bold {colour(totals.total_pnl)}"))
    table = make_table(
        "Train", "Test", "Picked", ">In sample", ">Out of sample", ">Trades", ">Average variant"
    )
    for w in result.windows:
        table.add_row(
            f"{w.train_start} to {w.train_end}",
            f"{w.test_start} to {w.test_end}",
            w.label,
            gain(w.in_sample_pnl),
            gain(w.out_of_sample_pnl),
            f"{w.out_of_sample_trades:,}",
            gain(w.average_variant_pnl),
        )
    console.print(table)
    j = result.judged
    console.print(
        f"{j.profitable_windows} of {count(len(result.windows), 'window')} made money; "
        f"{j.beat_average_windows} beat the average variant, which made "
        f"{gain(j.average_variant_pnl)}; the baseline made {gain(j.baseline_pnl)}."
    )
    if j.efficiency is not None:
        console.print(
            f"A session out of sample made {percent(j.efficiency)} of one in sample "
            f"({gain(j.out_of_sample_a_session)} of {gain(j.in_sample_a_session)})."
        )
    for name, favourite in j.stability.items():
        console.print(
            f"{name}: {setting_text(favourite.value)} picked in {percent(favourite.share)} of the "
            f"windows, {favourite.distinct} different values."
        )
