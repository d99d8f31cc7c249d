"""From the outcomes of variants to the result of a sweep: ranks, best, selection statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bt_gex.config.run_config import plain_value
from bt_gex.findings.of_claim import ASSUMED
from bt_gex.findings.of_terms import stop_is_idle
from bt_gex.results.option_omega import TradeLogRow, trade_log_rows
from bt_gex.runs.replay import market_table, run, session_summaries
from bt_gex.stats.objectives import rank
from bt_gex.stats.overfitting import Overfitting, overfitting
from bt_gex.stats.sharpe import session_sharpes
from bt_gex.storage.arrow_arrays import column_of, to_arrow, to_numpy
from bt_gex.sweeps.engines import Sessions
from bt_gex.sweeps.evaluate import SESSION_PNL
from bt_gex.sweeps.plan import Plan, Variant, plan_to_yaml, variant_config
from bt_gex.sweeps.records import InShort, SweepSummary
from bt_gex.sweeps.result import SweepResult, is_number
from bt_gex.sweeps.same_trades import SAME_AS, distinct, folded
from bt_gex.sweeps.store import Outcome
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade

if TYPE_CHECKING:
    from bt_gex.sweeps.bar_plan import BarPlan

IsSame = Callable[[Mapping[str, object], Mapping[str, object]], bool]
SHOWN = 3  # best variants whose trades are kept, besides the baseline's


def assemble(
    name: str,
    plan: Plan,
    source: dict[str, Any],
    outcomes: Sequence[Outcome],
    sessions: Sessions,
) -> SweepResult:
    """Rank the outcomes, in the order of the variants; replay the best for their trades."""
    rows = ranked_rows(plan, outcomes)
    pnls = session_pnl_table(outcomes, sessions)
    by_rank = sorted(distinct(rows), key=lambda row: row["rank"])
    variants = {variant.variant_id: variant for variant in plan.variants}
    traded = any(row["total_trades"] for row in by_rank)
    winner = variants[by_rank[0]["variant_id"]] if traded else None
    pool = comparable(plan, winner, rows, pnls)
    selection = selection_statistics(pool, plan.base.account.balance)
    summary = summary_of(
        plan,
        rows,
        sessions=len(sessions.rows),
        with_data=len(sessions.with_data().rows),
        selection=selection,
        edges=edges_of(plan, winner),
    )
    return SweepResult(
        name=name,
        plan=plan_to_yaml(plan),
        source=source,
        summary=summary,
        rows=rows,
        session_pnl=pnls,
        **_records(plan, by_rank, sessions),
        best=None
        if winner is None or summary.best is None
        else {
            **best_config(plan, winner),
            "sweep": found_by(name, plan, summary, summary.best),
        },
    )


def ranked_rows(plan: Plan, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row a variant, with its score and its rank among those that succeeded (1 is the best).

    Variants with the same trades are ranked once: the later ones name the first, and have its rank.
    """
    objective = plan.score
    same_as = folded((outcome.variant_id, outcome.metrics) for outcome in outcomes)
    rows: list[dict[str, Any]] = []
    for variant, outcome in zip(plan.variants, outcomes, strict=True):
        done = outcome.status == "success"
        rows.append(
            {
                "variant_id": variant.variant_id,
                "label": variant.label,
                "tag": variant.tag,
                "status": outcome.status,
                "reason": outcome.reason,
                "rank": None,
                "score": objective(outcome.metrics) if done else None,
                SAME_AS: same_as.get(variant.variant_id),
                **variant.settings,
                **{name: v for name, v in outcome.metrics.items() if name != SESSION_PNL},
            }
        )
    for row, place in zip(rows, ranks_of(rows), strict=True):
        row["rank"] = place
    return rows


def ranks_of(rows: Sequence[Mapping[str, object]]) -> list[int | None]:
    """The rank of each row; None for one that did not succeed."""
    ranked = distinct(rows)
    places = {ranked[n]["variant_id"]: place for place, n in enumerate(rank(ranked), start=1)}
    return [places.get(row.get(SAME_AS) or row["variant_id"]) for row in rows]


def _same_figures(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two variants made the same of everything."""
    names = ("score", "total_pnl", "total_trades", "winners", "max_drawdown_mtm", "final_balance")
    return all(one[name] == other[name] for name in names)


def summary_of(
    plan: Plan | BarPlan,
    rows: Sequence[Mapping[str, Any]],
    *,
    sessions: int,
    with_data: int,
    selection: SelectionStatistics,
    edges: Mapping[str, object],
    is_same: IsSame = _same_figures,
) -> SweepSummary:
    """How many variants there were, and how the best stands beside the average and the baseline.

    sessions, with_data  number of sessions, and of those with rows
    is_same              whether a variant is no other than the best; by default by their figures
    """
    status = Counter(row["status"] for row in rows)
    done = distinct(rows)
    scores = [row["score"] for row in done if row["score"] is not None]
    pnls = np.array([row["total_pnl"] for row in done])
    best = min(done, key=lambda row: row["rank"], default=None)
    baseline = next((row for row in done if row["tag"] == "baseline"), None)
    return SweepSummary(
        objective=plan.objective or "",
        sessions=sessions,
        sessions_with_data=with_data,
        variants=len(rows),
        success=status["success"],
        folded=status["success"] - len(done),
        skipped=status["skipped"],
        failed=status["failed"],
        duplicates=plan.duplicates,
        cut=plan.cut,
        best=_in_short(best),
        baseline=_in_short(baseline),
        average_score=fmean(scores) if scores else None,
        median_score=median(scores) if scores else None,
        without_score=len(done) - len(scores),
        average_total_pnl=round(fmean(pnls), 2) if done else None,
        median_total_pnl=round(float(np.median(pnls)), 2) if done else None,
        profitable=int((pnls > 0).sum()),
        same_as_best=_same_as(best, [row for row in rows if row["status"] == "success"], is_same),
        assumed=_assumed(plan),
        comparable=selection.comparable,
        different=selection.different,
        session_sharpe_variance=selection.session_sharpe_variance,
        overfitting=selection.overfitting,
        edges=edges,
    )


def _assumed(plan: Plan | BarPlan) -> tuple[str, ...]:
    return tuple(name for name in plan.grid if name.startswith(ASSUMED))


def _same_as(
    best: Mapping[str, object] | None, done: Sequence[Mapping[str, object]], is_same: IsSame
) -> int:
    """How many others are the same as the best."""
    if best is None:
        return 0
    return sum(1 for row in done if row is not best and is_same(row, best))


def _in_short(row: Mapping[str, Any] | None) -> InShort | None:
    return None if row is None else InShort(**{f.name: row[f.name] for f in fields(InShort)})


def best_config(plan: Plan, winner: Variant) -> dict[str, object]:
    """The winner as a configuration file: where it was found, and every changed setting."""
    base = plan.base
    return {
        **base.head(),
        **({"indexes": dict(base.indexes)} if base.indexes else {}),
        **base.changed(),
        **winner.overrides,
    }


def _records(
    plan: Plan, by_rank: Sequence[Mapping[str, Any]], sessions: Sessions
) -> dict[str, Any]:
    """Trades of the baseline and the best variants; checks and sessions of baseline and winner."""
    variants = {variant.variant_id: variant for variant in plan.variants}
    baseline = [row["variant_id"] for row in by_rank if row["tag"] == "baseline"]
    best = [row["variant_id"] for row in by_rank[:SHOWN]]
    kept = {v: _kept(plan, variants[v], sessions) for v in dict.fromkeys([*baseline, *best])}
    judged = {v: kept[v] for v in dict.fromkeys([*baseline, *best[:1]])}
    return {
        "trades": {v: one.trades for v, one in kept.items()},
        "trade_logs": {v: one.trade_log for v, one in kept.items()},
        "decisions": {v: one.decisions for v, one in judged.items()},
        "sessions": {v: one.sessions for v, one in judged.items()},
    }


class Kept(NamedTuple):
    """What is kept of a variant: its trades, the same as rows of a trade log, checks, sessions."""

    trades: list[SpreadTrade]
    trade_log: list[TradeLogRow]
    decisions: list[Decision]
    sessions: list[SessionSummary]


def _kept(plan: Plan, variant: Variant, sessions: Sessions) -> Kept:
    config = variant_config(plan.base, variant)
    every = sessions.days(config.load_params)
    days = [day for day in every if day.has_data]
    if not days:
        return Kept([], [], [], list(session_summaries(every, [], [], [])))
    found = run(config, days).analyzers
    trades, decisions = found.trades.records, found.funnel.records
    return Kept(
        trades,
        list(trade_log_rows(trades, config.resolved(), market_table(days))),
        decisions,
        list(session_summaries(every, decisions, trades, found.trades.marks)),
    )


def session_pnl_table(outcomes: Sequence[Outcome], sessions: Sessions) -> pa.Table:
    """variant_id, and a column of dollars for each session with data."""
    done = [outcome for outcome in outcomes if outcome.status == "success"]
    days = [rows.session.day.isoformat() for rows in sessions.rows if not rows.is_empty]
    cents = np.array([outcome.metrics[SESSION_PNL] for outcome in done], dtype=np.int64)
    dollars = cents.reshape(len(done), len(days)) / 100
    ids = column_of([outcome.variant_id for outcome in done], pa.string())
    columns = {day: to_arrow(dollars[:, n].copy()) for n, day in enumerate(days)}
    return pa.table({"variant_id": ids, **columns})


def comparable(
    plan: Plan, winner: Variant | None, rows: Iterable[Mapping[str, object]], pnls: pa.Table
) -> pa.Table:
    """The variants that assume the same fills and ages of data as the winner: with others the
    better fill would pass for the better choice. Those with the same trades count once."""
    assumed = (
        {n: value for n, value in winner.settings.items() if n.startswith(ASSUMED)}
        if winner
        else {}
    )
    known = {row["variant_id"] for row in distinct(rows)}
    same = [
        variant.variant_id
        for variant in plan.variants
        if variant.variant_id in known
        and all(variant.settings[name] == value for name, value in assumed.items())
    ]
    return pnls.filter(pc.is_in(pnls["variant_id"], pa.array(same, pa.string())))


class SelectionStatistics(NamedTuple):
    """See `SweepSummary`."""

    comparable: int
    different: int
    session_sharpe_variance: float | None
    overfitting: Overfitting | None


def selection_statistics(pnls: pa.Table, balance: float) -> SelectionStatistics:
    """Variance of the variants' Sharpe ratios, and probability of overfitting; None with too few
    variants or sessions."""
    days = pnls.column_names[1:]
    table = np.array([to_numpy(pnls[day]) for day in days]).reshape(len(days), len(pnls))
    if table.size:
        table = np.unique(table, axis=1)  # variants with equal P&L in every session count once
    sharpes = session_sharpes(table, balance) if len(days) and len(pnls) else np.empty(0)
    known = sharpes[~np.isnan(sharpes)]
    return SelectionStatistics(
        comparable=len(pnls),
        different=table.shape[1],
        session_sharpe_variance=float(known.var(ddof=1)) if len(known) > 1 else None,
        overfitting=overfitting(table) if len(days) else None,
    )


def found_by(name: str, plan: Plan, summary: SweepSummary, best: InShort) -> dict[str, object]:
    """What a run of the winner must know of the sweep it came from."""
    odds = summary.overfitting
    return {
        "name": name,
        "variants": max(summary.different, 1),
        "is_baseline": summary.best_is_baseline,
        "swept": [setting for setting in plan.grid if not setting.startswith(ASSUMED)],
        "session_sharpe_variance": summary.session_sharpe_variance,
        "overfitting_probability": odds.probability if odds else None,
        "best_total_pnl": best.total_pnl,
        "average_total_pnl": summary.average_total_pnl,
        "edges": dict(summary.edges),
    }


def edges_of(plan: Plan, winner: Variant | None) -> dict[str, object]:
    """Swept settings whose best value is the smallest or largest tried, of three or more; fills and
    ages of data are not for the trader to choose."""
    if winner is None:
        return {}
    exits = variant_config(plan.base, winner).exit
    idle = {"exit.stop_loss"} if stop_is_idle(exits) else set()
    return {
        setting: plain_value(winner.settings[setting])
        for setting, values in plan.grid.items()
        if not setting.startswith(ASSUMED)
        and setting not in idle
        and at_edge(winner.settings[setting], values)
    }


def at_edge(value: object, values: Sequence[Any]) -> bool:
    """Whether a number is the smallest or the largest of three or more numbers."""
    if len(values) < 3 or not all(is_number(v) and v is not None for v in values):
        return False
    return value in (min(values), max(values))
