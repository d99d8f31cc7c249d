"""Walk-forward over bars: pick the winner on past sessions, trade it on the next, and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Any

from bt_gex.config.bar_config import BarConfig
from bt_gex.errors import BtGexError, OutputError
from bt_gex.results.bar_result import in_order
from bt_gex.results.bar_tables import equity_by_trade, trades_csv
from bt_gex.results.result import versions
from bt_gex.stats.objectives import rank
from bt_gex.stats.summary import Totals, summarise
from bt_gex.storage.atomic import write_folder
from bt_gex.storage.reading import UNREADABLE, first_line, read_mapping
from bt_gex.storage.schema import KEY, Schema
from bt_gex.sweeps.bar_engine import BarEngine
from bt_gex.sweeps.bar_plan import BarPlan
from bt_gex.sweeps.bar_sweep import PLAN, SUMMARY, run_all
from bt_gex.sweeps.plan import Variant
from bt_gex.sweeps.records import Judgement, WindowResult
from bt_gex.sweeps.result import write_yaml
from bt_gex.sweeps.store import Outcome
from bt_gex.sweeps.walkforward import judge
from bt_gex.sweeps.windows import Window, make_windows
from bt_gex.trades.bar_trades import BarTrade
from bt_gex.trades.codec import from_json, to_json

Progress = Callable[[str, int, int], None]
SCHEMA = Schema(kind="walk-forward over bars")


@dataclass(frozen=True, kw_only=True)
class BarWalkForward:
    """What a walk-forward over bars found.

    judged         what the windows say together
    out_of_sample  of all trades of the winners on their test sessions; total_r where they have R
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, object]
    windows: list[WindowResult]
    judged: Judgement
    out_of_sample: Totals
    total_r: float | None
    trades: list[BarTrade]
    folder: Path | None = None

    def save(self, out: Path) -> BarWalkForward:
        """Write its folder under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            has_range = any(trade.range_entry is not None for trade in self.trades)
            write_yaml(work / PLAN, self.plan)
            (work / "all_trades.csv").write_text(trades_csv(self.trades, has_range), "utf-8")
            pq.write_table(equity_by_trade(self.trades), work / "combined_equity.parquet")
            content = {
                "name": self.name,
                KEY: SCHEMA.version,
                **self.source,
                "judged": to_json(self.judged),
                "out_of_sample": to_json(self.out_of_sample),
                "total_r": self.total_r,
                "windows": [to_json(window) for window in self.windows],
                "trades": [to_json(trade) for trade in self.trades],
            }
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / SUMMARY).write_text(text, "utf-8")

        return replace(self, folder=write_folder(out, self.name, write))

    @classmethod
    def load(cls, place: Path) -> BarWalkForward:
        """Read it again. Raises OutputError."""
        try:
            stored = read_mapping(place / SUMMARY)
            about = SCHEMA.migrated(stored, stored.get(KEY), SUMMARY)

            def part(kind: Any, name: str) -> Any:
                return from_json(kind, json.dumps(about[name]), f"{SUMMARY}, {name}")

            return cls(
                name=about["name"],
                plan=read_mapping(place / PLAN),
                source={name: about[name] for name in ("fingerprint", "versions")},
                windows=part(list[WindowResult], "windows"),
                judged=part(Judgement, "judged"),
                out_of_sample=part(Totals, "out_of_sample"),
                total_r=about["total_r"],
                trades=part(list[BarTrade], "trades"),
                folder=place,
            )
        except (BtGexError, *UNREADABLE) as error:
            raise OutputError(
                f"{place} is no readable walk-forward: {first_line(error)}"
            ) from error


def run_bar_walkforward(
    engine: BarEngine,
    plan: BarPlan,
    *,
    train: int,
    test: int,
    anchored: bool = False,
    embargo: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> BarWalkForward:
    """Sweep each train window, trade its winner in the test window after it; in sessions.

    Rows before a window are history, as everywhere. Raises BadValue when there are too few
    sessions.
    """
    days = engine.sessions(plan.base)
    asked = {"train": train, "test": test, "anchored": anchored, "embargo": embargo}
    windows = make_windows(len(days), train=train, test=test, anchored=anchored, embargo=embargo)
    results: list[WindowResult] = []
    trades: list[BarTrade] = []
    for number, window in enumerate(windows):
        found, own = _play(engine, plan, days, window, workers)
        results.append(found)
        trades += own
        if progress:
            progress("windows", number + 1, len(windows))
    rs = [trade.realized_r for trade in trades]
    data = engine.fingerprint(plan.base)
    return BarWalkForward(
        name=plan.name_for(data, asked),
        plan={**plan.to_yaml(), "walkforward": asked},
        source={"fingerprint": data, "versions": versions()},
        windows=results,
        judged=judge(results, plan.grid),
        out_of_sample=summarise(trades, balance=engine.balance(plan.base)),
        total_r=sum(r for r in rs if r is not None) if None not in rs else None,
        trades=in_order(trades),
    )


def _play(
    engine: BarEngine, plan: BarPlan, days: Sequence[date], window: Window, workers: int
) -> tuple[WindowResult, list[BarTrade]]:
    trained_on = days[window.train_from : window.train_to]
    tested_on = days[window.test_from : window.test_to]
    trained = _outcomes(engine, plan, trained_on, workers)
    tested = _outcomes(engine, plan, tested_on, workers)
    winner = pick(plan, trained)
    trades: list[BarTrade] = []
    if winner is not None:
        config = _within(plan.base, tested_on).with_settings(winner.overrides)
        trades = engine.trades(config)
    won = {} if winner is None else trained[winner.variant_id].metrics
    out: Mapping[str, Any] = {} if winner is None else tested[winner.variant_id].metrics
    done = [one.metrics["total_pnl"] for one in tested.values() if one.status == "success"]
    return WindowResult(
        train_start=trained_on[0].isoformat(),
        train_end=trained_on[-1].isoformat(),
        test_start=tested_on[0].isoformat(),
        test_end=tested_on[-1].isoformat(),
        train_sessions=len(trained_on),
        test_sessions=len(tested_on),
        variant_id=winner.variant_id if winner else None,
        label=winner.label if winner else "",
        settings=winner.settings if winner else {},
        in_sample_pnl=won.get("total_pnl"),
        out_of_sample_pnl=out.get("total_pnl"),
        out_of_sample_trades=out.get("total_trades", 0),
        average_variant_pnl=round(fmean(done), 2) if done else None,
        baseline_pnl=tested[plan.variants[0].variant_id].metrics.get("total_pnl"),
    ), trades


def _within(base: BarConfig, days: Sequence[date]) -> BarConfig:
    return replace(base, start=days[0], end=days[-1])


def _outcomes(
    engine: BarEngine, plan: BarPlan, days: Sequence[date], workers: int
) -> dict[str, Outcome]:
    part = replace(plan, base=_within(plan.base, days))
    return {one.variant_id: one for one in run_all(engine, part, plan.variants, workers)}


def pick(plan: BarPlan, outcomes: Mapping[str, Outcome]) -> Variant | None:
    """The best variant by the plan's objective, ties broken as in a sweep; None when all failed."""
    rows = [
        {
            "variant_id": variant.variant_id,
            "status": (one := outcomes[variant.variant_id]).status,
            "score": plan.score(one.metrics) if one.status == "success" else None,
            **one.metrics,
        }
        for variant in plan.variants
    ]
    best = rank(rows)[0]
    return plan.variants[best] if rows[best]["status"] == "success" else None
