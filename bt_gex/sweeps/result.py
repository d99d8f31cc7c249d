"""The outcome of a sweep, and its folder on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from bt_gex.errors import BtGexError, OutputError
from bt_gex.results.option_omega import TradeLogRow, read_rows, write_rows
from bt_gex.storage.arrow_arrays import column_of, data_frame
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import UNREADABLE, first_line, read_mapping, read_table
from bt_gex.storage.schema import KEY
from bt_gex.sweeps.checks import read_checks, write_checks
from bt_gex.sweeps.plan import Plan, plan_to_yaml
from bt_gex.sweeps.records import SweepSummary
from bt_gex.sweeps.same_trades import SAME_AS, TRADES_ID
from bt_gex.sweeps.saved import PLAN, SUMMARY, SWEEP, check_rows, read_content
from bt_gex.trades.codec import from_json, from_table, to_json, to_table
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade

if TYPE_CHECKING:
    import pandas as pd

OWN_COLUMNS = (
    "variant_id", "label", "tag", "status", "reason", "rank", "score", SAME_AS,
)  # fmt: skip
TEXTS = ("variant_id", "label", "tag", "status", "reason", SAME_AS, TRADES_ID)
CHECKS = "checks"  # folder
COUNTS = (
    "total_trades", "winners", "losers", "breakeven", "unresolved", "checks", "entries",
    "unpriced_bars", "contradictory_bars", "clamped",
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
    trade_logs  the same trades as rows of a trade log
    decisions, sessions  checks and sessions of the baseline and of the best, by variant id; empty
              in what earlier versions wrote
    session_pnl  variant_id, and dollars of each variant that succeeded by session with data
    best      configuration of the best variant, usable as a configuration file; None without one
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, object]
    summary: SweepSummary
    rows: list[dict[str, Any]]
    trades: dict[str, list[SpreadTrade]]
    trade_logs: dict[str, list[TradeLogRow]]
    session_pnl: pa.Table
    best: dict[str, Any] | None
    decisions: dict[str, list[Decision]] = field(default_factory=dict)
    sessions: dict[str, list[SessionSummary]] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def variants(self) -> pd.DataFrame:
        """The rows as a table."""
        return data_frame(rows_table(self.rows, list(self.plan["grid"])))

    def save(self, out: Path, extras: Mapping[str, Writer] | None = None) -> SweepResult:
        """Write the sweep's folder under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            write_yaml(work / PLAN, self.plan)
            table = rows_table(self.rows, list(self.plan["grid"]))
            pq.write_table(table, work / "variants.parquet")
            (work / "variants.csv").write_bytes(csv_bytes(table))
            pq.write_table(self.session_pnl, work / "session_pnl.parquet")
            content = {"name": self.name, KEY: SWEEP.version, **self.source}
            content["summary"] = to_json(self.summary)
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / SUMMARY).write_text(text, "utf-8")
            if self.best is not None:
                write_yaml(work / "best.yaml", self.best)
            (work / "trades").mkdir()
            for variant_id, trades in self.trades.items():
                found = to_table(SpreadTrade, trades)
                pq.write_table(found, work / "trades" / f"{variant_id}.parquet")
                write_rows(work / "trades" / f"{variant_id}.csv", self.trade_logs[variant_id])
            if self.decisions:
                (work / CHECKS).mkdir()
            for variant_id, decisions in self.decisions.items():
                place = work / CHECKS / variant_id
                write_checks(place, decisions, self.sessions[variant_id])

        return replace(self, folder=write_folder(out, self.name, write, extras))

    @classmethod
    def load(cls, folder: str | Path) -> SweepResult:
        """Read a finished sweep again, also one of an earlier version. Raises OutputError."""
        place = Path(folder)
        try:
            return cls._read(place)
        except (BtGexError, *UNREADABLE) as e:
            reason = first_line(e)
            raise OutputError(f"{place} is not the folder of a finished sweep: {reason}") from e

    @classmethod
    def _read(cls, place: Path) -> SweepResult:
        plan, about = read_content(place, SWEEP)
        rows = read_table(place / "variants.parquet").to_pylist()
        check_rows(rows, plan["grid"])
        rows = [_as_swept(row, plan["grid"]) for row in rows]
        trades = {
            file.stem: read_table(file) for file in sorted((place / "trades").glob("*.parquet"))
        }
        trade_logs = sorted((place / "trades").glob("*.csv"))
        best = place / "best.yaml"
        checks = {
            file.stem: read_checks(file.with_suffix(""))
            for file in sorted((place / CHECKS).glob("*.parquet"))
        }
        return cls(
            name=about["name"],
            summary=from_json(SweepSummary, json.dumps(about["summary"]), f"{SUMMARY}, summary"),
            plan=plan,
            source={k: v for k, v in about.items() if k not in ("name", "summary", KEY)},
            rows=rows,
            trades={
                name: from_table(SpreadTrade, table, f"trades/{name}.parquet, trade")
                for name, table in trades.items()
            },
            trade_logs={file.stem: read_rows(file) for file in trade_logs},
            session_pnl=read_table(place / "session_pnl.parquet"),
            best=read_mapping(best) if best.exists() else None,
            decisions={name: decisions for name, (decisions, _) in checks.items()},
            sessions={name: sessions for name, (_, sessions) in checks.items()},
            folder=place,
        )


def rows_table(rows: Sequence[Mapping[str, object]], swept: Sequence[str]) -> pa.Table:
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
        elif name not in TEXTS and all(is_number(v) for v in values):
            kind = pa.float64()
        else:
            kind = pa.string()
            values = [_as_text(value) for value in values]
        columns[name] = column_of(values, kind)
    return pa.table(columns)


def csv_bytes(table: pa.Table) -> bytes:
    """The rows of variants.parquet as CSV with a line of headers; null is an empty cell."""
    import pyarrow.csv

    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink)
    return bytes(sink.getvalue())


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _as_swept(row: Mapping[str, object], grid: Mapping[str, Sequence[object]]) -> dict[str, Any]:
    """A row with the values of the grid where the table holds their texts."""
    return {name: _from_text(v, grid[name]) if name in grid else v for name, v in row.items()}


def _from_text(value: object, swept: Sequence[object]) -> object:
    if not isinstance(value, str):
        return value
    for one in swept:
        if _as_text(one) == value:
            return one
    try:  # the baseline's value need not be swept
        return json.loads(value)
    except ValueError:
        return value


def is_number(value: object) -> bool:
    """Whether a value is a number, or not known."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def write_plan(folder: Path, plan: Plan) -> None:
    """Write plan.yaml into the folder of a sweep that is under way. Raises OutputError."""
    try:
        write_yaml(folder / "plan.yaml", plan_to_yaml(plan))
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def write_yaml(path: Path, content: Mapping[str, object]) -> None:
    """Write plain values as YAML, in their order."""
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True), "utf-8")
