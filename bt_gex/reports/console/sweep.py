"""A sweep as a table for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from bt_gex.reports.console.run import colour, make_table, print_findings
from bt_gex.reports.words import count, dollars, fills, gain, percent, ratio
from bt_gex.stats.objectives import why_default
from bt_gex.sweeps.judged import base_config, sweep_findings
from bt_gex.sweeps.same_trades import SAME_AS, distinct

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.sweeps.plan import Plan
    from bt_gex.sweeps.records import InShort, SweepSummary
    from bt_gex.sweeps.result import SweepResult

BEST = 10  # rows of the table, besides the baseline
GRAVEST = 3  # warnings before the table
FAULTS = 5  # skipped and failed variants named
SAME = 5  # variants named beside the first one with their trades


def print_sweep(result: SweepResult, console: Console) -> None:
    """What was tried, the best variants with the baseline among them, and what to make of it."""
    summary = result.summary
    best = summary.best
    head = f"{result.plan['index']} {_dates(result.plan)}: {count(summary.variants, 'variant')}"
    made = f"best {gain(best.total_pnl)} ({best.label})" if best else "none could be run"
    found = sweep_findings(result)
    made += f"; without its doubtful trades it loses: {found.doubt}" if found.doubt else ""
    console.print(Text(f"{head}, {made}", style=f"bold {colour(best.total_pnl if best else 0)}"))
    console.print(_what_was_run(result))
    named = [("", finding) for finding in found.of_choice]
    print_findings(named[:GRAVEST], console)
    _print_table(result, console)
    _print_faults(result.rows, console)
    for sentence in verdict(summary):
        console.print(sentence)
    print_findings(named[GRAVEST:], console, "more warning")
    if not summary.best_is_baseline:
        print_short([("the baseline", found.baseline)], console)


def print_short(named: Iterable[tuple[str, Sequence[Finding]]], console: Console) -> None:
    """The findings of each part in a line: kind, trades and dollars."""
    for name, findings in named:
        if findings:
            said = "; ".join(in_short(finding) for finding in findings)
            console.print(Text(f"Warnings of {name}: {said}", style="yellow"))


def in_short(finding: Finding) -> str:
    """`clamped: 3 trades, +$2,700.00`, or the kind alone."""
    if finding.trades is None:
        return finding.kind
    return f"{finding.kind}: {count(finding.trades, 'trade')}, {gain(finding.dollars)}"


def print_plan(plan: Plan, estimate: Sequence[str], console: Console) -> None:
    """The variants of a plan, and what running them would take."""
    table = make_table(">", "Variant", "Kind", "Settings")
    for number, variant in enumerate(plan.variants, start=1):
        note = f"  ({variant.invalid})" if variant.invalid else ""
        table.add_row(str(number), variant.variant_id, variant.tag, f"{variant.label}{note}")
    console.print(table)
    left_out = f"{count(plan.duplicates, 'duplicate')} left out"
    cut = f", {count(plan.cut, 'variant')} cut off" if plan.cut else ""
    console.print(f"{count(len(plan.variants), 'variant')}, {left_out}{cut}")
    for line in estimate:
        console.print(line)


def verdict(summary: SweepSummary) -> list[str]:
    """How the best stands beside the others: one sentence a point."""
    best = summary.best
    if not best:
        return ["No variant could be run: nothing can be said."]
    found = _missing(summary)
    if not best.total_trades:
        return [*found, "The best variant made no trade: there is nothing to choose between."]
    found += _beside_the_others(summary, best)
    found += _overfitting(summary)
    if summary.best_is_baseline:
        found.append("No variant beats the baseline.")
    elif summary.ranked > 1:
        found.append(
            f"The best of {summary.ranked:,} tries is flattered by having been picked: trade it on "
            "sessions that did not pick it (bt-gex walkforward) before relying on it."
        )
    return found


def _beside_the_others(summary: SweepSummary, best: InShort) -> list[str]:
    found = [
        f"{count(summary.variants, 'variant')} tried: the best made {gain(best.total_pnl)}, "
        f"the average {gain(summary.average_total_pnl)}, and {summary.profitable:,} of "
        f"{summary.ranked:,} made money."
    ]
    if summary.average_score is not None:
        found.append(
            f"By {summary.objective} the best has {number(best.score)}, the average variant "
            f"{number(summary.average_score)}, the median {number(summary.median_score)}."
        )
    if summary.without_score:
        found.append(
            f"{count(summary.without_score, 'variant')} have no {summary.objective} "
            "(too few trades, or none lost) and rank last."
        )
    if best.total_pnl <= 0:
        found.append(
            f"The best by {summary.objective} made no money, though others did: rank by "
            "total_pnl or return."
            if summary.profitable
            else "No variant made money: the one ranked first is the best by "
            f"{summary.objective} only, and no setting to trade."
        )
    if summary.same_as_best:
        others = count(summary.same_as_best, "other variant")
        found.append(
            f"{others} made exactly the same: what they set otherwise changes nothing there."
        )
    return found


def _overfitting(summary: SweepSummary) -> list[str]:
    found = []
    if summary.assumed:
        found.append(
            f"{', '.join(summary.assumed)} is assumed, not chosen: overfitting is judged among the "
            f"{summary.comparable:,} variants that assume what the best does."
        )
    overfit = summary.overfitting
    if overfit:
        found.append(
            f"Probability of overfitting {percent(overfit.probability)}: how often the winner, "
            f"by Sharpe ratio, on one half of the sessions ranks at or below the middle of "
            f"all {overfit.variants:,} different ones on the other "
            f"({overfit.splits:,} ways to halve {overfit.blocks} blocks)."
        )
    return found


def _missing(summary: SweepSummary) -> list[str]:
    """What the dates do not hold."""
    sessions, with_data = summary.sessions, summary.sessions_with_data
    if not sessions:
        return ["The dates hold no session (weekends or holidays)."]
    if with_data < sessions:
        return [f"{sessions - with_data} of {count(sessions, 'session')} had no data."]
    return []


def number(value: float | None) -> str:
    """A score: three significant decimals, or none."""
    return "none" if value is None else f"{value:,.3f}"


def _what_was_run(result: SweepResult) -> str:
    summary = result.summary
    parts = [count(summary.success, "variant") + " run"]
    faulty = (("skipped", summary.skipped), ("failed", summary.failed))
    parts += [f"{many:,} {name}" for name, many in faulty if many]
    if summary.folded:
        parts.append(f"{summary.folded:,} with the trades of another, counted once")
    if summary.duplicates:
        parts.append(f"{count(summary.duplicates, 'duplicate')} left out")
    parts += [f"{summary.cut:,} cut off by the limit"] if summary.cut else []
    ranked = ranked_by(summary.objective, summary.sessions_with_data)
    return f"{', '.join(parts)}; {ranked}; {terms(result.plan)}"


def ranked_by(objective: str, sessions: int) -> str:
    """The objective, and why where it is the default for so many sessions."""
    why = why_default(objective, sessions)
    return f"ranked by {objective}{f' ({why})' if why else ''}"


def terms(plan: Mapping[str, Any]) -> str:
    """Fills and commission of the baseline of a stored plan."""
    config = base_config(plan)
    paid = f"fills {fills(config.fills)}, commission {dollars(config.fills.commission)}"
    swept = any(name.startswith("fills.") for name in plan["grid"])
    return f"{paid}{', of the baseline' if swept else ''}"


def _dates(plan: Mapping[str, object]) -> str:
    start, end = str(plan["start"]), str(plan["end"])
    return start if start == end else f"{start} to {end}"


def _print_table(result: SweepResult, console: Console) -> None:
    swept = list(result.plan["grid"])
    table = make_table(">Rank", "Settings", ">Score", ">P&L", ">Trades", ">Won", ">PF", ">Drawdown")
    for column in table.columns[2:]:
        column.no_wrap = True
    ranked = sorted(distinct(result.rows), key=lambda row: int(row["rank"]))
    shown = ranked[:BEST]
    shown += [row for row in ranked[BEST:] if row["tag"] == "baseline"]
    for row in shown:
        table.add_row(
            str(row["rank"]),
            "\n".join([named(row, swept), *same_trades(row, result.rows, swept)]),
            number(row["score"]),
            gain(row["total_pnl"]),
            f"{row['total_trades']:,}",
            percent(row["win_rate"]),
            ratio(row["profit_factor"]),
            dollars(row["max_drawdown_mtm"]),
        )
    if shown:
        console.print(table)
    if len(ranked) > len(shown):
        console.print(f"... {count(len(ranked) - len(shown), 'more row')}, see variants.parquet")


def named(row: Mapping[str, Any], settings: Iterable[str]) -> str:
    """A variant by the values of settings, without the sections they stand in."""
    values = " ".join(f"{name.partition('.')[2]}={setting(row[name])}" for name in settings)
    return f"baseline {values}".strip() if row["tag"] == "baseline" else values


def same_trades(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], swept: Sequence[str]
) -> list[str]:
    """A line that names the variants with the same trades, each by what it sets otherwise."""
    same = [
        named(other, [name for name in swept if other[name] != row[name]])
        for other in rows
        if other.get(SAME_AS) == row["variant_id"]
    ]
    more = [f"{len(same) - SAME:,} more"] if len(same) > SAME else []
    return [f"same trades: {'; '.join([*same[:SAME], *more])}"] if same else []


def setting(value: Any) -> str:
    """A setting's value as a person types it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_faults(rows: Sequence[Mapping[str, object]], console: Console) -> None:
    for status in ("failed", "skipped"):
        faulty = [row for row in rows if row["status"] == status]
        for row in faulty[:FAULTS]:
            console.print(f"{status}: {row['label']}: {row['reason']}")
        if len(faulty) > FAULTS:
            console.print(f"{status}: and {len(faulty) - FAULTS:,} more, see variants.parquet")
