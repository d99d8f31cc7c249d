"""A sweep as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bt_gex.reports.charts.sweep import best_cell, cells_of
from bt_gex.reports.charts.variants import sessions_figure
from bt_gex.reports.console.sweep import (
    named,
    number,
    ranked_by,
    same_trades,
    setting,
)
from bt_gex.reports.console.sweep import verdict as sentences
from bt_gex.reports.html import variants
from bt_gex.reports.html.parts import Card
from bt_gex.reports.html.template import Picture, heat_class, picture, rendered
from bt_gex.reports.words import NOTHING, count, dollars, gain, odds, percent, ratio
from bt_gex.stats.neighbours import Neighbours, neighbours
from bt_gex.sweeps.judged import SweepFindings, base_config, sweep_findings
from bt_gex.sweeps.same_trades import distinct

if TYPE_CHECKING:
    from bt_gex.sweeps.records import SweepSummary
    from bt_gex.sweeps.result import SweepResult
    from bt_gex.trades.records import SpreadTrade

Row = Mapping[str, Any]
MOST_ROWS = 200
LIKELY_OVERFIT = 0.5
SECTIONS = (
    ("verdict", "Verdict"),
    ("doubtful", "Doubtful trades"),
    ("beside", "Beside the others"),
    ("maps", "Heat maps"),
    ("overfitting", "Overfitting"),
    ("variants", "Variants"),
    ("parameters", "Parameters"),
    ("assumptions", "Assumptions"),
)
VARIANT_HEAD = (
    "rank", "settings", "score", "P&L", "trades", "won", "profit factor", "drawdown per bar",
)  # fmt: skip


BESIDE: Mapping[str, Callable[[Row], str]] = {
    "rank": lambda row: str(row["rank"]),
    "P&L": lambda row: gain(row["total_pnl"]),
    "trades": lambda row: f"{row['total_trades']:,}",
    "won": lambda row: percent(row["win_rate"]),
    "profit factor": lambda row: ratio(row["profit_factor"]),
    "drawdown per bar": lambda row: dollars(row["max_drawdown_mtm"]),
    "Sharpe ratio, trade by trade": lambda row: number(row.get("sharpe")),
}


class Cell(NamedTuple):
    """A cell of a heat map."""

    text: str
    style: str
    is_best: bool


class HeatMap(NamedTuple):
    """The objective over two settings, or over one: then there is a single line."""

    title: str
    across: list[str]
    lines: list[tuple[str, list[Cell]]]


def sweep_report(result: SweepResult) -> str:
    """The page; the same sweep gives the same text."""
    found = sweep_findings(result)
    near = surroundings(result)
    best = best_row(result)
    trades = _trades_of_best(result)
    doubtful, made, others = variants.split(trades)
    base = base_config(result.plan)
    interval_head, interval_rows = variants.claim_rows(found.claim)
    return rendered(
        "sweep.html.jinja",
        title=f"bt_gex {result.name}",
        kind=f"bt_gex report, sweep {result.name}",
        sections=SECTIONS,
        verdict=verdict_sentence(result, found, near),
        terms=_terms(result),
        cards=_cards(result, found, near),
        findings=found.of_choice,
        baseline_findings=[] if result.summary.best_is_baseline else found.baseline,
        no_findings=variants.NO_FINDINGS,
        doubtful_head=variants.DOUBTFUL_HEAD,
        doubtful_rows=variants.doubtful_rows(doubtful),
        doubtful_words=_doubtful_words(len(doubtful), len(trades), made, others),
        beside_head=("", "best", "baseline", "middle rank"),
        beside_rows=_beside(result),
        neighbour_words=neighbour_words(near),
        sessions=_sessions(result),
        maps=heat_maps(result),
        map_words=_map_words(result),
        sentences=sentences(result.summary),
        doubt=found.doubt,
        claim_words=variants.claim_words(found.claim),
        interval_head=interval_head,
        interval_rows=interval_rows,
        variant_head=VARIANT_HEAD,
        variant_rows=variant_rows(result),
        left_out=max(0, len(distinct(result.rows)) - MOST_ROWS),
        faults=_faults(result),
        parameters=variants.parameter_rows(base, result.plan["grid"], best or {}),
        assumptions=variants.assumption_rows(base),
        versions=variants.versions(result.source),
    )  # fmt: skip


def _trades_of_best(result: SweepResult) -> list[SpreadTrade]:
    best = result.summary.best
    return result.trades.get(best.variant_id, []) if best else []


def _sessions(result: SweepResult) -> Picture | None:
    """What the variants made session by session, where there is a session and a variant."""
    if len(result.session_pnl.column_names) < 2 or not len(result.session_pnl):
        return None
    caption = "P&L since the start at the close of each session."
    return picture("sessions", sessions_figure(result), caption)


def _faults(result: SweepResult) -> list[Sequence[str]]:
    """Variants that were skipped or failed, and why."""
    faulty = [row for row in result.rows if row["status"] != "success"]
    return [(row["label"], row["status"], row["reason"]) for row in faulty[:MOST_ROWS]]


def best_row(result: SweepResult) -> Row | None:
    """The row of the best variant."""
    return next((row for row in result.rows if row["rank"] == 1), None)


def surroundings(result: SweepResult) -> Neighbours | None:
    """What the neighbours of the best make."""
    best = best_row(result)
    done = [row for row in result.rows if row["status"] == "success"]
    return neighbours(done, result.plan["grid"], best) if best and best["total_trades"] else None


def verdict_sentence(result: SweepResult, found: SweepFindings, near: Neighbours | None) -> str:
    """What to make of the sweep in one sentence; the gravest reason decides."""
    summary, best = result.summary, result.summary.best
    if best is None:
        return "No variant could be run: nothing can be said."
    if not best.total_trades:
        return "No variant made a trade: there is nothing to choose between."
    tried = f"The best of {count(summary.ranked, 'variant')}"
    if best.total_pnl <= 0:
        return f"{tried} loses: it made {gain(best.total_pnl)} ({best.label})."
    if found.doubt:
        return f"{tried} loses without its doubtful trades: {found.doubt}."
    made = f"{tried} made {gain(best.total_pnl)}"
    if summary.best_is_baseline:
        return f"No variant beats the baseline, which made {gain(best.total_pnl)}."
    return _of_a_profit(made, summary, near)


def _of_a_profit(made: str, summary: SweepSummary, near: Neighbours | None) -> str:
    """Of a best variant with a profit that beats the baseline; made: what it made, in words."""
    odds_of = summary.overfitting
    if odds_of and odds_of.probability >= LIKELY_OVERFIT:
        return (
            f"{made}, but is likely overfit: picked on one half of the sessions, the winner is "
            f"no better than the middle on the other in {percent(odds_of.probability)} of splits."
        )
    beside = (
        f"the baseline {gain(summary.baseline.total_pnl)}" if summary.baseline else "no baseline"
    )
    if near is not None and not near.is_plateau:
        return (
            f"{made} ({beside}), but is a spike: its {count(near.number, 'neighbour')} made "
            f"{gain(near.average)} on average."
        )
    return f"{made}, {beside}: not yet tested on sessions that did not pick it."


def neighbour_words(near: Neighbours | None) -> str:
    """Plateau or spike."""
    if near is None:
        return (
            "Plateau or spike cannot be told: the best made no profit, or no variant one step away "
            "trades otherwise."
        )
    what = "a plateau" if near.is_plateau else "a spike"
    alike = f" {near.alike:,} more trade as the best does and say nothing." if near.alike else ""
    return (
        f"The best stands on {what}: of the {count(near.number, 'variant')} one step away in one "
        f"setting {near.profitable:,} made money, {gain(near.average)} on average and "
        f"{gain(near.lowest)} at the least, where the best made {gain(near.best)}. A plateau keeps "
        f"at least half.{alike}"
    )


def _terms(result: SweepResult) -> str:
    summary, plan = result.summary, result.plan
    ranked = ranked_by(summary.objective, summary.sessions_with_data)
    return (
        f"{plan['index']} {plan['start']} to {plan['end']}, "
        f"{count(summary.sessions_with_data, 'session')} with data; "
        f"{count(summary.variants, 'variant')} {ranked}. "
        f"{variants.terms(plan, result.source)}"
    )


def _cards(result: SweepResult, found: SweepFindings, near: Neighbours | None) -> list[Card]:
    summary = result.summary
    best, baseline, overfit = summary.best, summary.baseline, summary.overfitting
    best_pnl = best.total_pnl if best else None
    base_pnl = baseline.total_pnl if baseline else None
    deflated = found.claim.sharpe.deflated_sharpe if found.claim else None
    return [
        Card("best", "Best variant", gain(best_pnl), best.label if best else "",
             variants.tone(best_pnl)),
        Card("baseline", "Baseline", gain(base_pnl), "the configuration as it was",
             variants.tone(base_pnl)),
        Card("median", "Median variant", gain(summary.median_total_pnl),
             f"average {gain(summary.average_total_pnl)}",
             variants.tone(summary.median_total_pnl)),
        Card("profitable", "Variants that made money",
             f"{summary.profitable:,} of {summary.ranked:,}",
             f"{summary.folded:,} more with the trades of another" if summary.folded else ""),
        Card("neighbours", "Neighbours of the best", gain(near.average) if near else NOTHING,
             ("plateau" if near.is_plateau else "spike") if near else "none to compare",
             variants.tone(near.average if near else None)),
        Card("overfitting", "Probability of overfitting",
             percent(overfit.probability if overfit else None),
             "winner of half the sessions at or below the middle on the other half"),
        Card("deflated", "Deflated Sharpe ratio", odds(deflated),
             "probability of being better than the best of so many without skill"),
    ]  # fmt: skip


def _doubtful_words(number_of: int, of_all: int, made: float, others: float) -> str:
    if not number_of:
        return "No trade of the best variant rests on a doubtful price."
    return (
        f"{variants.share_of(number_of, of_all)} trades of the best variant rest on doubtful "
        f"prices: they made {gain(made)}, all others {gain(others)}."
    )


def _beside(result: SweepResult) -> list[Sequence[str]]:
    """The best, the baseline and the variant in the middle of the ranks, figure by figure."""
    ranked = sorted(distinct(result.rows), key=lambda row: int(row["rank"]))
    if not ranked:
        return []
    baseline = next((row for row in ranked if row["tag"] == "baseline"), None)
    shown = (ranked[0], baseline, ranked[len(ranked) // 2])
    swept = list(result.plan["grid"])
    words: Mapping[str, Callable[[Row], str]] = {
        "settings": lambda row: named(row, swept),
        result.summary.objective: lambda row: number(row["score"]),
        **BESIDE,
    }
    return [
        (name, *(said(row) if row else NOTHING for row in shown)) for name, said in words.items()
    ]


def variant_rows(result: SweepResult) -> list[Sequence[str]]:
    """One row for all variants with the same trades, the best first."""
    swept = list(result.plan["grid"])
    ranked = sorted(distinct(result.rows), key=lambda row: int(row["rank"]))
    return [
        (
            str(row["rank"]),
            " - ".join([named(row, swept), *same_trades(row, result.rows, swept)]),
            number(row["score"]),
            gain(row["total_pnl"]),
            f"{row['total_trades']:,}",
            percent(row["win_rate"]),
            ratio(row["profit_factor"]),
            dollars(row["max_drawdown_mtm"]),
        )
        for row in ranked[:MOST_ROWS]
    ]  # fmt: skip


def _map_words(result: SweepResult) -> str:
    dollars_said = ", in dollars" if result.summary.objective == "total_pnl" else ""
    return (
        f"{result.summary.objective}{dollars_said}, averaged over the settings not shown; gains "
        "are blue, losses brown, the best is framed. Look for broad areas of one colour: a lone "
        "bright cell is a spike."
    )


def heat_maps(result: SweepResult) -> list[HeatMap]:
    """The objective over each pair of swept settings; over the one where only one is swept."""
    grid = {name: values for name, values in result.plan["grid"].items() if len(values) > 1}
    rows = [row for row in result.rows if row["score"] is not None and row["tag"] != "ablation"]
    if not rows:
        return []
    pairs: list[tuple[tuple[str, Sequence[Any]], tuple[str, Sequence[Any]]]]
    if len(grid) == 1:
        ((name, values),) = grid.items()
        pairs = [((name, values), ("", [None]))]
        rows = [{**row, "": None} for row in rows]
    else:
        pairs = list(combinations(grid.items(), 2))
    found = [_heat_map(rows, across, down, result.summary.objective) for across, down in pairs]
    return [one for one in found if one is not None]


def _heat_map(
    rows: Sequence[Row],
    across: tuple[str, Sequence[Any]],
    down: tuple[str, Sequence[Any]],
    objective: str,
) -> HeatMap | None:
    cells = cells_of(rows, [across, down])
    if not cells:
        return None
    table = np.full((len(down[1]), len(across[1])), np.nan)
    for (x, y), value in cells.items():
        table[y, x] = value
    framed = best_cell(rows, across, down, table)
    most = float(np.nanmax(np.abs(table)))

    def cell(y: int, x: int) -> Cell:
        value = float(table[y, x])
        if np.isnan(value):
            return Cell("", "", is_best=False)
        text = gain(value).removesuffix(".00") if objective == "total_pnl" else number(value)
        return Cell(text, heat_class(value, most), is_best=(y, x) == framed)

    lines = [
        (setting(value) if down[0] else objective, [cell(y, x) for x in range(len(across[1]))])
        for y, value in enumerate(down[1])
    ]
    title = f"{across[0]} across, {down[0]} down" if down[0] else across[0]
    return HeatMap(title, [setting(value) for value in across[1]], lines)
