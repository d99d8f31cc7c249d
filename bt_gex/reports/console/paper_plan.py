"""Run plans and what they came to, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from bt_gex.paper.generator import RunPlan
from bt_gex.paper.orchestrator import PlanResult
from bt_gex.paper.variant_run import UNDEFINED, VariantRun
from bt_gex.reports.console.run import make_table
from bt_gex.reports.words import NOTHING, count, dollars, percent


def print_plan(plan: RunPlan, console: Console) -> None:
    """The variants of a plan."""
    table = make_table(">", "Variant", "Kind", "Settings")
    for number, variant in enumerate(plan.variants, start=1):
        table.add_row(str(number), variant.variant_id, ", ".join(variant.tags), variant.label)
    console.print(table)
    console.print(f"{count(len(plan.variants), 'variant')}, by {plan.objective}")


def print_result(result: PlanResult, console: Console) -> None:
    """Every variant, and the best of them."""
    table = make_table(
        ">", "Variant", "Settings", "Status", ">Score", ">Trades", ">Won", ">Return", ">Equity"
    )
    for number, run in enumerate(result.runs, start=1):
        settings = run.label.replace(",", ", ")
        table.add_row(str(number), run.variant_id, settings, run.status, *_figures(run))
    console.print(table)
    for run in result.runs:
        if why := run.error or run.skip_reason:
            console.print(f"{run.variant_id}: {why}")
    best = result.best
    if best is None or best.metrics is None:
        console.print("No variant succeeded")
        return
    console.print(
        f"Best by {result.objective}: {best.variant_id} ({best.label}), "
        f"return {best.metrics.return_pct:.2f} %"
    )
    if best.objective_score == UNDEFINED:
        console.print(
            f"No variant has a {result.objective}: it needs two trades and some deviation; "
            "the best is the one with the highest return"
        )
    if result.repeated:
        console.print(f"{count(result.repeated, 'variant')} had been run before")
    console.print(f"Run plan {result.run_plan_id}, workspace {result.workspace_id}")


def _figures(run: VariantRun) -> tuple[str, ...]:
    metrics = run.metrics
    if metrics is None:
        return ("", "", "", "", "")
    score = run.objective_score
    return (
        NOTHING if score is None or score == UNDEFINED else f"{score:.4f}",
        str(metrics.trade_count),
        percent(metrics.win_rate),
        f"{metrics.return_pct:.2f} %",
        dollars(metrics.ending_equity),
    )


def plan_json(plan: RunPlan) -> dict[str, object]:
    """A plan as the documented answer."""
    return {
        "run_plan_id": str(plan.run_plan_id),
        "workspace_id": str(plan.workspace_id),
        "n_variants": len(plan.variants),
        "objective": plan.objective,
        "variants": [
            {"variant_id": one.variant_id, "label": one.label, "tags": list(one.tags)}
            for one in plan.variants
        ],
    }


def result_json(result: PlanResult) -> dict[str, object]:
    """The results of a plan as the documented answer, and why variants did not succeed."""
    best = result.best
    return {
        "run_plan_id": str(result.run_plan_id),
        "n_variants": len(result.runs),
        "results": [
            {
                "variant_id": run.variant_id,
                "label": run.label,
                "status": run.status,
                "objective_score": run.objective_score,
                "metrics": asdict(run.metrics) if run.metrics else None,
                "error": run.error,
                "skip_reason": run.skip_reason,
            }
            for run in result.runs
        ],
        "best_variant_id": best.variant_id if best else None,
        "best_score": best.objective_score if best else None,
    }
