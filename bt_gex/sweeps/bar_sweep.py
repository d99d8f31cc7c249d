"""A sweep over bars: a plan of variants in, one table of their figures out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bt_gex.errors import OutputError
from bt_gex.results.result import versions
from bt_gex.storage.arrow_arrays import column_of, to_arrow
from bt_gex.storage.atomic import check_writable, write_folder
from bt_gex.storage.reading import read_mapping, read_table
from bt_gex.storage.schema import KEY, Schema
from bt_gex.sweeps.assemble import at_edge, ranks_of, selection_statistics, summary_of
from bt_gex.sweeps.bar_engine import BarEngine
from bt_gex.sweeps.bar_plan import BarPlan
from bt_gex.sweeps.evaluate import SESSION_PNL
from bt_gex.sweeps.plan import Variant
from bt_gex.sweeps.pool import run_variants
from bt_gex.sweeps.records import SweepSummary
from bt_gex.sweeps.result import csv_bytes, rows_table, write_yaml
from bt_gex.sweeps.same_trades import SAME_AS, distinct, folded
from bt_gex.sweeps.store import Outcome, OutcomeLog
from bt_gex.trades.codec import from_json, to_json

Progress = Callable[[str, int, int], None]
PLAN, SUMMARY, VARIANTS = "plan.yaml", "summary.json", "variants.parquet"
SCHEMA = Schema(kind="sweep over bars")


@dataclass(frozen=True, kw_only=True)
class BarSweep:
    """What a sweep over bars found.

    plan     what was asked for, as in plan.yaml
    rows     one a variant in the order of the plan
    best     configuration of the best, usable as a configuration file; None without one
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, object]
    summary: SweepSummary
    rows: list[dict[str, Any]]
    session_pnl: pa.Table
    best: dict[str, Any] | None
    folder: Path | None = None

    def save(self, out: Path) -> BarSweep:
        """Write its folder under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            write_yaml(work / PLAN, self.plan)
            table = rows_table(self.rows, list(self.plan["grid"]))
            pq.write_table(table, work / VARIANTS)
            (work / "variants.csv").write_bytes(csv_bytes(table))
            pq.write_table(self.session_pnl, work / "session_pnl.parquet")
            content = {"name": self.name, KEY: SCHEMA.version, **self.source}
            content["summary"] = to_json(self.summary)
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / SUMMARY).write_text(text, "utf-8")
            if self.best is not None:
                write_yaml(work / "best.yaml", self.best)

        return replace(self, folder=write_folder(out, self.name, write))

    @classmethod
    def load(cls, place: Path) -> BarSweep:
        """Read it again. Raises OutputError."""
        from bt_gex.errors import BtGexError
        from bt_gex.storage.reading import UNREADABLE, first_line

        try:
            stored = read_mapping(place / SUMMARY)
            about = SCHEMA.migrated(stored, stored.get(KEY), SUMMARY)
            best = place / "best.yaml"
            return cls(
                name=about["name"],
                plan=read_mapping(place / PLAN),
                source={k: v for k, v in about.items() if k not in ("name", "summary", KEY)},
                summary=from_json(SweepSummary, json.dumps(about["summary"]), SUMMARY),
                rows=read_table(place / VARIANTS).to_pylist(),
                session_pnl=read_table(place / "session_pnl.parquet"),
                best=read_mapping(best) if best.exists() else None,
                folder=place,
            )
        except (BtGexError, *UNREADABLE) as error:
            raise OutputError(f"{place} is no readable sweep: {first_line(error)}") from error


def run_bar_sweep(
    engine: BarEngine,
    plan: BarPlan,
    out: str | Path = "sweeps",
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
) -> BarSweep:
    """Run the variants of a plan that are not done yet, and write the sweep's folder.

    Each finished variant is stored at once. Raises OutputError when there is an unfinished sweep of
    the same plan and data and it is not to be resumed.
    """
    check_writable(Path(out))
    data = engine.fingerprint(plan.base)
    name = plan.name_for(data)
    partial = Path(out) / f"{name}.partial"
    with OutcomeLog(partial) as stored:
        if stored.outcomes and not resume:
            raise OutputError(
                f"{partial} holds {len(stored.outcomes)} of {len(plan.variants)} variants of this "
                "sweep; go on with --resume, or delete it to begin anew"
            )
        todo = [v for v in plan.variants if v.variant_id not in stored.outcomes]
        for outcome in run_all(engine, plan, todo, workers):
            stored.add(outcome)
            if progress:
                progress("variants", len(stored.outcomes), len(plan.variants))
        outcomes = [stored.outcomes[variant.variant_id] for variant in plan.variants]
    source = {"fingerprint": data, "versions": versions()}
    result = assemble_bars(name, plan, source, outcomes, engine).save(Path(out))
    shutil.rmtree(partial)
    return result


def run_all(
    engine: BarEngine, plan: BarPlan, variants: Sequence[Variant], workers: int
) -> list[Outcome]:
    """The outcome of each variant; workers share what is loaded."""
    engine.parts(plan.base)
    found = run_variants(cast(Any, engine), cast(Any, plan.base), variants, workers, 1)
    return list(found)


def assemble_bars(
    name: str,
    plan: BarPlan,
    source: dict[str, Any],
    outcomes: Sequence[Outcome],
    engine: BarEngine,
) -> BarSweep:
    """Rank the outcomes, in the order of the variants."""
    rows = bar_rows(plan, outcomes)
    done = sorted(distinct(rows), key=lambda row: row["rank"])
    variants = {variant.variant_id: variant for variant in plan.variants}
    traded = any(row["total_trades"] for row in done)
    winner = variants[done[0]["variant_id"]] if traded else None
    days = [day.isoformat() for day in engine.sessions(plan.base)]
    pnls = _session_table(outcomes, days)
    known = [row["variant_id"] for row in done]
    pool = pnls.filter(pc.is_in(pnls["variant_id"], pa.array(known, pa.string())))
    return BarSweep(
        name=name,
        plan=plan.to_yaml(),
        source=source,
        summary=summary_of(
            plan,
            rows,
            sessions=len(days),
            with_data=len(days),
            selection=selection_statistics(pool, engine.balance(plan.base)),
            edges=_edges(plan, winner),
            is_same=_has_its_trades,
        ),
        rows=rows,
        session_pnl=pnls,
        best=None if winner is None else _best(plan, winner, name),
    )


def bar_rows(plan: BarPlan, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row a variant, with its score and rank; those with the same trades are ranked once."""
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
                "score": plan.score(outcome.metrics) if done else None,
                SAME_AS: same_as.get(variant.variant_id),
                **variant.settings,
                **{n: v for n, v in outcome.metrics.items() if n != SESSION_PNL},
            }
        )
    for row, place in zip(rows, ranks_of(rows), strict=True):
        row["rank"] = place
    return rows


def _session_table(outcomes: Sequence[Outcome], days: Sequence[str]) -> pa.Table:
    done = [outcome for outcome in outcomes if outcome.status == "success"]
    cents = np.array([outcome.metrics[SESSION_PNL] for outcome in done], dtype=np.int64)
    dollars = cents.reshape(len(done), len(days)) / 100
    ids = column_of([outcome.variant_id for outcome in done], pa.string())
    columns = {day: to_arrow(dollars[:, n].copy()) for n, day in enumerate(days)}
    return pa.table({"variant_id": ids, **columns})


def _has_its_trades(row: Mapping[str, object], best: Mapping[str, object]) -> bool:
    return row.get(SAME_AS) == best["variant_id"]


def _edges(plan: BarPlan, winner: Variant | None) -> dict[str, object]:
    """Swept settings whose best value is the smallest or largest tried."""
    if winner is None:
        return {}
    return {
        name: winner.settings[name]
        for name, values in plan.grid.items()
        if at_edge(winner.settings[name], values)
    }


def _best(plan: BarPlan, winner: Variant, name: str) -> dict[str, object]:
    """The winner as a configuration file of bt-gex backtest."""
    config = plan.base.with_settings(winner.overrides).resolved()
    return {**config, "sweep": {"name": name, "variants": len(plan.variants)}}
