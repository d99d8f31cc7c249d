"""The outcome of a walk-forward, and its folder on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from bt_gex.errors import BtGexError, OutputError
from bt_gex.results.option_omega import TradeLogRow, read_rows, write_rows
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import UNREADABLE, first_line, part, read_table
from bt_gex.storage.schema import KEY
from bt_gex.sweeps.checks import read_checks, write_checks
from bt_gex.sweeps.records import WalkForwardSummary, WindowResult
from bt_gex.sweeps.result import CHECKS, write_yaml
from bt_gex.sweeps.saved import PLAN, SUMMARY, WALK_FORWARD, read_content
from bt_gex.trades.codec import from_json, from_table, to_json, to_table
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade


@dataclass(frozen=True, kw_only=True)
class WalkForward:
    """What a walk-forward found.

    windows  one a window
    trades   of the winners on their test sessions, in order of time
    trade_log  the same as rows of a trade log
    decisions, sessions  checks of the winners, and the test sessions; empty in what earlier
             versions wrote
    equity   the account over all test sessions, each window going on where the last one ended
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, object]
    summary: WalkForwardSummary
    windows: list[WindowResult]
    trades: list[SpreadTrade]
    trade_log: list[TradeLogRow]
    equity: pa.Table
    decisions: list[Decision] = field(default_factory=list)
    sessions: list[SessionSummary] = field(default_factory=list)
    folder: Path | None = None

    def save(self, out: Path, extras: Mapping[str, Writer] | None = None) -> WalkForward:
        """Write a folder of its own under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            write_yaml(work / PLAN, self.plan)
            content = {
                "name": self.name,
                KEY: WALK_FORWARD.version,
                **self.source,
                "summary": to_json(self.summary),
                "windows": [to_json(window) for window in self.windows],
            }
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / SUMMARY).write_text(text, "utf-8")
            write_rows(work / "trades.csv", self.trade_log)
            pq.write_table(to_table(SpreadTrade, self.trades), work / "trades.parquet")
            pq.write_table(self.equity, work / "equity.parquet")
            if self.sessions:
                write_checks(work / CHECKS, self.decisions, self.sessions)

        return replace(self, folder=write_folder(out, self.name, write, extras))

    @classmethod
    def load(cls, folder: str | Path) -> WalkForward:
        """Read a saved walk-forward again, also one of an earlier version. Raises OutputError."""
        place = Path(folder)
        try:
            return cls._read(place)
        except (BtGexError, *UNREADABLE) as e:
            raise OutputError(
                f"{place} is not the folder of a walk-forward: {first_line(e)}"
            ) from e

    @classmethod
    def _read(cls, place: Path) -> WalkForward:
        plan, about = read_content(place, WALK_FORWARD)
        windows = json.dumps(part(about, "windows", list, SUMMARY))
        known = ("name", "summary", "windows", KEY)
        trades = read_table(place / "trades.parquet")
        kept = (place / f"{CHECKS}.parquet").exists()
        decisions, sessions = read_checks(place / CHECKS) if kept else ([], [])
        return cls(
            name=about["name"],
            plan=plan,
            source={k: v for k, v in about.items() if k not in known},
            summary=from_json(
                WalkForwardSummary, json.dumps(about["summary"]), f"{SUMMARY}, summary"
            ),
            windows=from_json(list[WindowResult], windows, f"{SUMMARY}, window"),
            trades=from_table(SpreadTrade, trades, "trades.parquet, trade"),
            trade_log=read_rows(place / "trades.csv"),
            equity=read_table(place / "equity.parquet"),
            decisions=decisions,
            sessions=sessions,
            folder=place,
        )
