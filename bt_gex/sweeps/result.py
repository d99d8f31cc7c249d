"""The outcome of a sweep, and its folder on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from bt_gex.config.ids import SEMANTICS_VERSION
from bt_gex.config.run_config import plain_value
from bt_gex.errors import BtGexError, OutputError
from bt_gex.findings.diagnoses import ASSUMED
from bt_gex.results.option_omega import journal_rows, read_rows, write_rows
from bt_gex.results.result import UNREADABLE
from bt_gex.runs.replay import market_table, run
from bt_gex.stats.objectives import find_objective, rank
from bt_gex.stats.overfitting import overfitting
from bt_gex.stats.sharpe import session_sharpes
from bt_gex.storage.arrow_arrays import column_of, to_arrow, to_numpy
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import first_line, refuse_constant
from bt_gex.sweeps.engines import Sessions
from bt_gex.sweeps.evaluate import SESSION_PNL
from bt_gex.sweeps.plan import Plan, Variant, config_of, plan_to_yaml
from bt_gex.sweeps.store import Outcome
from bt_gex.trades.codec import from_table, to_table
from bt_gex.trades.records import SpreadTrade

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3  # best variants whose trades are kept, besides the baseline's
OWN_COLUMNS = ("variant_id", "label", "tag", "status", "reason", "rank", "score")
COUNTS = (
    "total_trades", "winners", "losers", "breakeven", "unresolved", "checks", "entries",
    "unpriced_bars", "clamped",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a sweep found.

    plan      what was asked for, as in plan.yaml
    source    name and fingerprint of the data, versions of the software
    summary   how many variants there were, and how the best stands beside the others
    rows      one a variant in the order of the plan: OWN_COLUMNS, the swept settings by their
              dotted names, the metrics
    trades    trade records of the baseline and of the best, by variant id
    journals  the same trades as rows of a trade journal
    session_pnl  variant_id, and dollars of each variant that succeeded by session with data
    best      configuration of the best variant, usable as a configuration file; None without one
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, Any]
    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    trades: dict[str, list[SpreadTrade]]
    journals: dict[str, list[dict[str, Any]]]
    session_pnl: pa.Table
    best: dict[str, Any] | None
    folder: Path | None = None

    @cached_property
    def variants(self) -> pd.DataFrame:
        """The rows as a table."""
        return rows_table(self.rows, list(self.plan["grid"])).to_pandas()

    def save(self, out: Path, extras: Mapping[str, Writer] | None = None) -> SweepResult:
        """Write the sweep's folder under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            write_yaml(work / "plan.yaml", self.plan)
            table = rows_table(self.rows, list(self.plan["grid"]))
            pq.write_table(table, work / "variants.parquet")
            pq.write_table(self.session_pnl, work / "session_pnl.parquet")
            content = {"name": self.name, **self.source, "summary": self.summary}
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / "summary.json").write_text(text, "utf-8")
            if self.best is not None:
                write_yaml(work / "best.yaml", self.best)
            (work / "trades").mkdir()
            for variant_id, trades in self.trades.items():
                found = to_table(SpreadTrade, trades)
                pq.write_table(found, work / "trades" / f"{variant_id}.parquet")
                write_rows(work / "trades" / f"{variant_id}.csv", self.journals[variant_id])
            for name, write_extra in (extras or {}).items():
                write_extra(work / name)

        return replace(self, folder=write_folder(out, self.name, write))

    @classmethod
    def load(cls, folder: str | Path) -> SweepResult:
        """Read a finished sweep again. Raises OutputError when the folder is none."""
        import pyarrow.parquet as pq

        place = Path(folder)
        try:
            plan = yaml.safe_load((place / "plan.yaml").read_text("utf-8"))
            content = json.loads(
                (place / "summary.json").read_text("utf-8"), parse_constant=refuse_constant
            )
            best = place / "best.yaml"
            loaded = cls(
                name=content.pop("name"),
                summary=content.pop("summary"),
                plan=plan,
                source=content,
                rows=pq.read_table(place / "variants.parquet").to_pylist(),
                trades={
                    file.stem: from_table(SpreadTrade, pq.read_table(file), file.name)
                    for file in sorted((place / "trades").glob("*.parquet"))
                },
                journals={
                    file.stem: read_rows(file) for file in sorted((place / "trades").glob("*.csv"))
                },
                session_pnl=pq.read_table(place / "session_pnl.parquet"),
                best=yaml.safe_load(best.read_text("utf-8")) if best.exists() else None,
                folder=place,
            )
            from bt_gex.sweeps.saved import check_sweep_result

            check_sweep_result(loaded)
            return loaded
        except (KeyError, BtGexError, *UNREADABLE) as e:
            reason = first_line(e)
            raise OutputError(f"{place} is not the folder of a finished sweep: {reason}") from e


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
    by_rank = sorted((row for row in rows if row["status"] == "success"), key=lambda r: r["rank"])
    variants = {variant.variant_id: variant for variant in plan.variants}
    traded = any(row["total_trades"] for row in by_rank)
    winner = variants[by_rank[0]["variant_id"]] if traded else None
    shown = dict.fromkeys(
        row["variant_id"]
        for row in [*(r for r in by_rank if r["tag"] == "baseline"), *by_rank[:SHOWN]]
    )
    kept = {v: _trades(plan, variants[v], sessions) for v in shown}
    summary = {
        **summary_of(plan, rows, sessions),
        **luck_of(comparable(plan, winner, pnls), plan.base.account.balance),
        "edges": edges_of(plan, winner),
    }
    return SweepResult(
        name=name,
        plan=plan_to_yaml(plan),
        source=source,
        summary=summary,
        rows=rows,
        trades={v: trades for v, (trades, _) in kept.items()},
        journals={v: journal for v, (_, journal) in kept.items()},
        session_pnl=pnls,
        best=None
        if winner is None
        else {**best_config(plan, winner), "sweep": found_by(name, plan, summary)},
    )


def ranked_rows(plan: Plan, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row a variant, with its score and its rank among those that succeeded (1 is the best)."""
    objective = find_objective(plan.objective)
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
                **variant.settings,
                **{name: v for name, v in outcome.metrics.items() if name != SESSION_PNL},
            }
        )
    for place, number in enumerate(rank(rows), start=1):
        if rows[number]["status"] == "success":
            rows[number]["rank"] = place
    return rows


def summary_of(plan: Plan, rows: Sequence[Mapping[str, Any]], sessions: Sessions) -> dict[str, Any]:
    """How many variants there were, and how the best stands beside the average and the baseline."""
    counts = {
        status: sum(1 for row in rows if row["status"] == status)
        for status in ("success", "skipped", "failed")
    }
    done = [row for row in rows if row["status"] == "success"]
    scores = [row["score"] for row in done if row["score"] is not None]
    pnls = [row["total_pnl"] for row in done]
    best = min(done, key=lambda row: row["rank"], default=None)
    baseline = next((row for row in done if row["tag"] == "baseline"), None)
    return {
        "objective": plan.objective,
        "sessions": len(sessions.rows),
        "sessions_with_data": sum(1 for one in sessions.rows if not one.is_empty),
        "variants": len(rows),
        **counts,
        "duplicates": plan.duplicates,
        "cut": plan.cut,
        "best": _in_short(best),
        "baseline": _in_short(baseline),
        "average_score": fmean(scores) if scores else None,
        "median_score": median(scores) if scores else None,
        "without_score": len(done) - len(scores),
        "average_total_pnl": round(fmean(pnls), 2) if pnls else None,
        "profitable": sum(1 for pnl in pnls if pnl > 0),
        "same_as_best": sum(1 for row in done if best and _same_figures(row, best)) - bool(best),
        "assumed": [name for name in plan.grid if name.startswith(ASSUMED)],
    }


def _same_figures(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two variants made the same of everything."""
    names = ("score", "total_pnl", "total_trades", "winners", "max_drawdown_mtm", "final_balance")
    return all(one[name] == other[name] for name in names)


def _in_short(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("variant_id", "label", "score", "total_pnl", "total_trades", "max_drawdown_mtm")
    return None if row is None else {name: row[name] for name in names}


def best_config(plan: Plan, winner: Variant) -> dict[str, Any]:
    """The winner as a configuration file: where it was found, and every changed setting."""
    base = plan.base
    return {
        "index": base.index,
        "start": base.start.isoformat(),
        "end": base.end.isoformat(),
        "profile": base.profile,
        "semantics_version": SEMANTICS_VERSION,
        **({"indexes": dict(base.indexes)} if base.indexes else {}),
        **{name: plain_value(value) for name, value in base.settings.items()},
        **winner.overrides,
    }


def _trades(
    plan: Plan, variant: Variant, sessions: Sessions
) -> tuple[list[SpreadTrade], list[dict[str, Any]]]:
    """Trades of a variant, and the same as rows of a journal."""
    config = config_of(plan.base, variant)
    days = [day for day in sessions.days(config.load_params) if day.has_data]
    if not days:
        return [], []
    records: list[SpreadTrade] = run(config, days).analyzers.trades.records
    return records, list(journal_rows(records, config.resolved(), market_table(days)))


def session_pnl_table(outcomes: Sequence[Outcome], sessions: Sessions) -> pa.Table:
    """variant_id, and a column of dollars for each session with data."""
    done = [outcome for outcome in outcomes if outcome.status == "success"]
    days = [rows.session.day.isoformat() for rows in sessions.rows if not rows.is_empty]
    cents = np.array([outcome.metrics[SESSION_PNL] for outcome in done], dtype=np.int64)
    dollars = cents.reshape(len(done), len(days)) / 100
    ids = column_of([outcome.variant_id for outcome in done], pa.string())
    columns = {day: to_arrow(dollars[:, n].copy()) for n, day in enumerate(days)}
    return pa.table({"variant_id": ids, **columns})


def comparable(plan: Plan, winner: Variant | None, pnls: pa.Table) -> pa.Table:
    """The variants that assume the same fills and ages of data as the winner: with others the
    better fill would pass for the better choice."""
    if winner is None:
        return pnls
    assumed = {n: value for n, value in winner.settings.items() if n.startswith(ASSUMED)}
    same = [
        variant.variant_id
        for variant in plan.variants
        if all(variant.settings[name] == value for name, value in assumed.items())
    ]
    return pnls.filter(pc.is_in(pnls["variant_id"], pa.array(same)))


def luck_of(pnls: pa.Table, balance: float) -> dict[str, Any]:
    """How far the ratios of the variants lie apart, and how often the winner of some sessions is
    a poor one on the others; None where there are too few of either."""
    days = pnls.column_names[1:]
    table = np.array([to_numpy(pnls[day]) for day in days]).reshape(len(days), len(pnls))
    if table.size:
        table = np.unique(table, axis=1)  # what made the same in every session is one
    sharpes = session_sharpes(table, balance) if len(days) and len(pnls) else np.empty(0)
    known = sharpes[~np.isnan(sharpes)]
    found = overfitting(table) if len(days) else None
    return {
        "comparable": len(pnls),
        "different": table.shape[1],
        "session_sharpe_variance": float(known.var(ddof=1)) if len(known) > 1 else None,
        "overfitting": asdict(found) if found else None,
    }


def found_by(name: str, plan: Plan, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of the winner must know of the sweep it came from."""
    overfit = summary["overfitting"] or {}
    return {
        "name": name,
        "variants": max(summary["different"], 1),
        "is_baseline": bool(summary["baseline"])
        and summary["best"]["variant_id"] == summary["baseline"]["variant_id"],
        "swept": [setting for setting in plan.grid if not setting.startswith(ASSUMED)],
        "session_sharpe_variance": summary["session_sharpe_variance"],
        "overfitting_probability": overfit.get("probability"),
        "best_total_pnl": summary["best"]["total_pnl"],
        "average_total_pnl": summary["average_total_pnl"],
        "edges": summary["edges"],
    }


def edges_of(plan: Plan, winner: Variant | None) -> dict[str, Any]:
    """Swept settings whose best value is the smallest or largest tried, of three or more; fills and
    ages of data are not for the trader to choose."""
    if winner is None:
        return {}
    exits = config_of(plan.base, winner).exit
    idle = {"exit.stop_loss"} if exits.stop_loss >= exits.emergency_stop else set()
    return {
        setting: plain_value(winner.settings[setting])
        for setting, values in plan.grid.items()
        if not setting.startswith(ASSUMED)
        and setting not in idle
        and at_edge(winner.settings[setting], values)
    }


def at_edge(value: Any, values: Sequence[Any]) -> bool:
    """Whether a number is the smallest or the largest of three or more numbers."""
    if len(values) < 3 or not all(_is_number(v) and v is not None for v in values):
        return False
    return value in (min(values), max(values))


def rows_table(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> pa.Table:
    """Rows as columns: numbers where all values are numbers, else text; None is null."""
    names = [
        *OWN_COLUMNS,
        *swept,
        *dict.fromkeys(n for row in rows for n in row if n not in (*OWN_COLUMNS, *swept)),
    ]
    columns: dict[str, pa.Array] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in (*COUNTS, "rank"):
            kind = pa.int64()
        elif name not in OWN_COLUMNS[:5] and all(_is_number(v) for v in values):
            kind = pa.float64()
        else:
            kind = pa.string()
            values = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
        columns[name] = column_of(values, kind)
    return pa.table(columns)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def write_plan(folder: Path, plan: Plan) -> None:
    """Write plan.yaml into the folder of a sweep that is under way. Raises OutputError."""
    try:
        write_yaml(folder / "plan.yaml", plan_to_yaml(plan))
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain values as YAML, in their order."""
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True), "utf-8")
