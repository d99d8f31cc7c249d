"""Whether what a sweep or a walk-forward has stored agrees with itself, see `results.verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bt_gex.config.ids import SEMANTICS_VERSION
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BtGexError
from bt_gex.results.statistics import totals_json
from bt_gex.results.verify import Faults, csv_faults, differing, equity_faults
from bt_gex.stats.objectives import find_objective
from bt_gex.stats.summary import max_drawdown_dollars
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.storage.reading import read_mapping, read_table
from bt_gex.sweeps.assemble import (
    comparable,
    edges_of,
    ranks_of,
    selection_statistics,
    summary_of,
)
from bt_gex.sweeps.plan import Plan, make_plan, read_plan, variant_config
from bt_gex.sweeps.records import WindowResult
from bt_gex.sweeps.result import CHECKS, SweepResult, csv_bytes
from bt_gex.sweeps.same_trades import SAME_AS, TRADES_ID, folded, trades_id_of
from bt_gex.sweeps.saved import PLAN, SUMMARY
from bt_gex.sweeps.walkforward import judge, name_of
from bt_gex.sweeps.walkforward_result import WalkForward
from bt_gex.trades.codec import to_json
from bt_gex.trades.records import Decision, SpreadTrade

ROWS = "variants.parquet"


def verify_sweep(place: Path) -> Faults:
    """Of the folder of a finished sweep. Raises OutputError when it is none or cannot be read."""
    result = SweepResult.load(place)
    if place.resolve().name != result.name:
        yield f"{place.name}: the folder is not named by its sweep {result.name}"
    yield from _csv(place)
    yield from _same_trades(result)
    yield from _ranks(result)
    yield from _session_pnl(result)
    yield from _checks(result)
    for name, trades in result.trades.items():
        yield from _kept_trades(place, result, name, trades)
    try:
        plan = _plan_of(place)
    except BtGexError as error:
        yield f"{PLAN}: {error}"
        return
    if plan.search is None:  # which variants a search tries is known by running it only
        yield from _plan(result, plan)


def _plan_of(place: Path) -> Plan:
    file = read_plan(place / PLAN)
    base = RunConfig(settings=file.base.settings, indexes=file.base.indexes, **file.base.plain)
    return make_plan(
        base,
        file.grid,
        ablation=file.ablation,
        max_variants=file.max_variants,
        objective=file.objective,
        search=file.search,
    )


def _csv(place: Path) -> Faults:
    """The CSV against the table; earlier versions wrote none."""
    file = place / "variants.csv"
    if file.exists() and file.read_bytes() != csv_bytes(read_table(place / ROWS)):
        yield f"{file.name} differs from {ROWS}"


def _ranks(result: SweepResult) -> Faults:
    """Scores from the metrics, ranks from the scores."""
    objective = find_objective(result.summary.objective)
    for row in result.rows:
        if row["status"] == "success" and objective(row) != row["score"]:
            yield f"{ROWS}, {row['label']}: score is {row['score']}, computed {objective(row)}"
    for row, place in zip(result.rows, ranks_of(result.rows), strict=True):
        if row["rank"] != place:
            yield f"{ROWS}, {row['label']}: rank is {row['rank']}, computed {place}"


def _same_trades(result: SweepResult) -> Faults:
    """Which variants have the same trades; earlier versions did not look."""
    if not any(TRADES_ID in row for row in result.rows):
        return
    same_as = folded((row["variant_id"], row) for row in result.rows)
    for row in result.rows:
        computed = same_as.get(row["variant_id"])
        if row[SAME_AS] != computed:
            yield f"{ROWS}, {row['label']}: {SAME_AS} is {row[SAME_AS]}, computed {computed}"


def _session_pnl(result: SweepResult) -> Faults:
    """The P&L of the sessions adds up to that of the variant."""
    table = result.session_pnl
    done = {row["variant_id"]: row for row in result.rows if row["status"] == "success"}
    ids = table["variant_id"].to_pylist()
    if sorted(ids) != sorted(done):
        yield f"session_pnl.parquet: has {len(ids)} variants, {ROWS} {len(done)} that succeeded"
        return
    days = [to_numpy(table[day]) for day in table.column_names[1:]]
    sums = np.sum(days, axis=0) if days else np.zeros(len(ids))
    for name, made in zip(ids, sums, strict=True):
        total = done[name]["total_pnl"]
        if abs(made - total) > 0.005:
            yield f"session_pnl.parquet: {done[name]['label']} makes {made:.2f}, in {ROWS} {total}"


def _kept_trades(
    place: Path, result: SweepResult, name: str, trades: Sequence[SpreadTrade]
) -> Faults:
    row = next((row for row in result.rows if row["variant_id"] == name), None)
    if row is None:
        yield f"trades/{name}.parquet: no variant of {ROWS} has this id"
        return
    found = totals_json(trades, balance=1.0)
    same = {key: found[key] for key in ("total_trades", "total_pnl", "winners", "unresolved")}
    yield from differing(f"{ROWS}, {row['label']}, trades/{name}.parquet", row, same)
    yield from csv_faults(place / "trades" / f"{name}.csv", csv_columns(trades))


def _checks(result: SweepResult) -> Faults:
    """Kept checks against the figures of their variant; earlier versions kept none."""
    rows = {row["variant_id"]: row for row in result.rows}
    for name, decisions in result.decisions.items():
        if name not in rows:
            yield f"{CHECKS}/{name}.parquet: no variant of {ROWS} has this id"
            continue
        made = {"checks": len(decisions), "entries": _entries(decisions)}
        what = f"{ROWS}, {rows[name]['label']}, {CHECKS}/{name}.parquet"
        yield from differing(what, rows[name], made)


def _entries(decisions: Sequence[Decision]) -> int:
    return sum(1 for decision in decisions if decision.outcome == "entry")


def csv_columns(trades: Sequence[SpreadTrade]) -> list[dict[str, str]]:
    """What of a trade log follows from the trades alone."""
    return [
        {
            "Premium": str(round(trade.entry_credit * _multiplier(trade), 2)),
            "Reason For Close": str(trade.exit_reason),
            "P/L": "" if trade.pnl_dollars is None else str(trade.pnl_dollars),
            "No. of Contracts": str(trade.quantity),
        }
        for trade in trades
    ]


def _multiplier(trade: SpreadTrade) -> float:
    """Dollars a point, from what the trade can lose."""
    return round(trade.max_loss_dollars / (trade.width - trade.entry_credit) / trade.quantity)


def _plan(result: SweepResult, plan: Plan) -> Faults:
    """Variants and figures from the plan anew."""
    labels = [variant.label for variant in plan.variants]
    if labels != [row["label"] for row in result.rows]:
        yield f"{ROWS}: its variants are not those of {PLAN}"
        return
    if result.plan["semantics_version"] == SEMANTICS_VERSION:
        yield from _plan_ids(result, plan)
    variants = tuple(
        replace(variant, variant_id=row["variant_id"])
        for variant, row in zip(plan.variants, result.rows, strict=True)
    )
    plan = replace(plan, variants=variants)
    best = next((n for n, row in enumerate(result.rows) if row["rank"] == 1), None)
    traded = any(row["total_trades"] for row in result.rows)
    winner = variants[best] if traded and best is not None else None
    pnls = result.session_pnl
    pool = comparable(plan, winner, result.rows, pnls)
    computed = summary_of(
        plan,
        result.rows,
        sessions=result.summary.sessions,
        with_data=len(pnls.column_names) - 1,
        selection=selection_statistics(pool, plan.base.account.balance),
        edges=edges_of(plan, winner),
    )
    stored = read_mapping(result.folder / SUMMARY)["summary"] if result.folder else {}
    yield from differing(f"{SUMMARY}, summary", stored, to_json(computed))
    yield from _trades_ids(result, plan)
    yield from _best(result)


def _plan_ids(result: SweepResult, plan: Plan) -> Faults:
    for row, variant in zip(result.rows, plan.variants, strict=True):
        name = variant.variant_id
        if row["variant_id"] != name:
            yield f"{ROWS}, {row['label']}: id is {row['variant_id']}, of this plan {name}"
    name = plan.name_for(str(result.source.get("fingerprint")))
    if name != result.name:
        yield f"{SUMMARY}: name is {result.name}, of this plan and data {name}"


def _trades_ids(result: SweepResult, plan: Plan) -> Faults:
    """Of the variants whose trades are kept."""
    variants = {variant.variant_id: variant for variant in plan.variants}
    for row in result.rows:
        name = row["variant_id"]
        if name not in result.trades or not row.get(TRADES_ID):
            continue
        balance = variant_config(plan.base, variants[name]).account.balance
        computed = trades_id_of(result.trades[name], balance)
        if row[TRADES_ID] != computed:
            yield f"{ROWS}, {row['label']}: {TRADES_ID} is {row[TRADES_ID]}, computed {computed}"


def _best(result: SweepResult) -> Faults:
    found: Mapping[str, Any] = (result.best or {}).get("sweep") or {}
    if result.best is None or result.summary.best is None:
        return
    same = {
        "name": result.name,
        "best_total_pnl": result.summary.best.total_pnl,
        "average_total_pnl": result.summary.average_total_pnl,
        "is_baseline": result.summary.best_is_baseline,
    }
    yield from differing("best.yaml, sweep", found, same)


def verify_walkforward(place: Path) -> Faults:
    """Of the folder of a walk-forward. Raises OutputError when it is none or cannot be read."""
    result = WalkForward.load(place)
    if place.resolve().name != result.name:
        yield f"{place.name}: the folder is not named by its walk-forward {result.name}"
    yield from _windows(result)
    yield from csv_faults(place / "trades.csv", csv_columns(result.trades))
    if result.sessions and _entries(result.decisions) != len(result.trades):
        entered = _entries(result.decisions)
        yield f"{CHECKS}.parquet: {entered} checks entered, trades.parquet has {len(result.trades)}"
    try:
        plan = _plan_of(place)
    except BtGexError as error:
        yield f"{PLAN}: {error}"
        return
    balance = plan.base.account.balance
    yield from equity_faults(result.equity, result.trades, balance)
    out = totals_json(result.trades, balance=balance)
    marked = np.append(balance, to_numpy(result.equity["equity"]))
    out["max_drawdown_mtm"] = max_drawdown_dollars(marked)
    yield from differing(f"{SUMMARY}, out_of_sample", result.summary.out_of_sample, out)
    judged = {
        **to_json(judge(result.windows, plan.grid)),
        "windows": len(result.windows),
        "variants": len(plan.variants),
        "objective": plan.objective,
    }
    yield from differing(f"{SUMMARY}, summary", to_json(result.summary), judged)
    window_settings = result.plan.get("walkforward", {})
    if result.plan["semantics_version"] == SEMANTICS_VERSION:
        name = name_of(plan, str(result.source.get("fingerprint")), window_settings)
        if name != result.name:
            yield f"{SUMMARY}: name is {result.name}, of this plan and data {name}"


def _windows(result: WalkForward) -> Faults:
    """Each window against the trades of its test sessions."""
    for window in result.windows:
        trades = [t for t in result.trades if _is_tested(window, str(t.expiration))]
        made = totals_json(trades, balance=1.0)
        what = f"{SUMMARY}, window from {window.test_start}"
        if window.out_of_sample_pnl is not None:
            same = {
                "out_of_sample_pnl": made["total_pnl"],
                "out_of_sample_trades": made["total_trades"],
            }
            yield from differing(what, to_json(window), same)
        elif trades:
            yield f"{what}: nothing was picked, but {len(trades)} trades were made"
    tested = sum(
        1 for t in result.trades if any(_is_tested(w, str(t.expiration)) for w in result.windows)
    )
    if tested != len(result.trades):
        yield f"trades.parquet: {len(result.trades) - tested} trades lie in no test window"


def _is_tested(window: WindowResult, session: str) -> bool:
    return window.test_start <= session <= window.test_end
