"""Walk-forward: pick the winner on past sessions, trade it on the next ones, and again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa

from bt_gex.analyzers.trades import Marks
from bt_gex.blackbox.recording import Recording
from bt_gex.errors import BadValue
from bt_gex.results.option_omega import journal_rows, write_rows
from bt_gex.results.result import versions
from bt_gex.runs.replay import equity_table, market_table, run
from bt_gex.sessions.day import Day
from bt_gex.stats.objectives import find_objective, rank
from bt_gex.stats.summary import max_drawdown_dollars, summarise
from bt_gex.storage.arrow_arrays import column_of
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.sweeps.engines import Sessions, make_engine, prepare
from bt_gex.sweeps.plan import Plan, Variant, config_of, plan_to_yaml
from bt_gex.sweeps.pool import run_variants
from bt_gex.sweeps.result import write_yaml
from bt_gex.sweeps.store import Outcome
from bt_gex.sweeps.sweep import CHUNK, SweepOptions, reading_apart
from bt_gex.sweeps.windows import Window, make_windows
from bt_gex.trades.codec import to_table
from bt_gex.trades.records import SpreadTrade

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class WalkForward:
    """What a walk-forward found.

    windows  one a window: its dates, the winner and what it made in and out of sample (dollars),
             and what the average variant and the baseline made on the test sessions
    trades   trade records of the winners on their test sessions, in order of time
    journal  the same as rows of a trade journal
    equity   the account over all test sessions, each window going on where the last one ended
    """

    name: str
    plan: dict[str, Any]
    source: dict[str, Any]
    summary: dict[str, Any]
    windows: list[dict[str, Any]]
    trades: list[SpreadTrade]
    journal: list[dict[str, Any]]
    equity: pa.Table
    folder: Path | None = None

    def save(self, out: Path, extras: Mapping[str, Writer] | None = None) -> WalkForward:
        """Write a folder of its own under `out`, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            import pyarrow.parquet as pq

            write_yaml(work / "plan.yaml", self.plan)
            content = {
                "name": self.name,
                **self.source,
                "summary": self.summary,
                "windows": self.windows,
            }
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
            (work / "summary.json").write_text(text, "utf-8")
            trades = to_table(SpreadTrade, self.trades)
            write_rows(work / "trades.csv", self.journal)
            pq.write_table(trades, work / "trades.parquet")
            pq.write_table(self.equity, work / "equity.parquet")
            for name, write_extra in (extras or {}).items():
                write_extra(work / name)

        return replace(self, folder=write_folder(out, self.name, write))


def run_walkforward(
    database: str | Path,
    plan: Plan,
    *,
    train: int,
    test: int,
    anchored: bool = False,
    embargo: int = 0,
    options: SweepOptions | None = None,
    progress: Progress | None = None,
) -> WalkForward:
    """Sweep each train window, trade its winner in the test window after it.

    train, test, embargo in sessions, see `make_windows`. Every window starts with the balance of
    the configuration. Raises BadValue when there are too few sessions.
    """
    how = options or SweepOptions()
    if plan.search:
        raise BadValue("walk-forward runs the whole grid in every window; leave out the search")
    with Recording(database, how.cache, how.use_cache) as recording:
        recording.require_index(plan.base.index)
        everything = Sessions(recording, plan.base)
        sessions = everything.with_data()
        windows = make_windows(
            len(sessions.rows), train=train, test=test, anchored=anchored, embargo=embargo
        )
        played: list[Played] = []
        for number, window in enumerate(windows):
            played.append(_play(plan, sessions, window, how))
            if progress:
                progress("windows", number + 1, len(windows))
        source = {
            "database": Path(recording.name).name,
            "fingerprint": everything.fingerprint(),
            "versions": versions(),
        }
        terms = {"train": train, "test": test, "anchored": anchored, "embargo": embargo}
        return _assemble(plan, terms, source, sessions, played)


@dataclass(frozen=True, kw_only=True)
class Played:
    """One window: the winner of its train sessions, and every variant on its test sessions."""

    window: Window
    winner: Variant | None
    in_sample: Mapping[str, Any]
    tested: Mapping[str, Outcome]
    days: Sequence[Day]
    trades: list[SpreadTrade]
    marks: list[Marks]
    journal: list[dict[str, Any]]


def _play(plan: Plan, sessions: Sessions, window: Window, how: SweepOptions) -> Played:
    trained = _outcomes(plan, sessions.part(window.train_from, window.train_to), how)
    tested = _outcomes(plan, sessions.part(window.test_from, window.test_to), how)
    winner = pick(plan, trained)
    days: Sequence[Day] = sessions.days(plan.base.load_params)[window.test_from : window.test_to]
    trades: list[SpreadTrade] = []
    marks: list[Marks] = []
    journal: list[dict[str, Any]] = []
    if winner is not None:
        config = config_of(plan.base, winner)
        days = sessions.days(config.load_params)[window.test_from : window.test_to]
        found = run(config, days).analyzers.trades
        trades, marks = found.records, found.marks
        journal = list(journal_rows(trades, config.resolved(), market_table(days)))
    return Played(
        window=window,
        winner=winner,
        in_sample=trained[winner.variant_id].metrics if winner else {},
        tested=tested,
        days=days,
        trades=trades,
        marks=marks,
        journal=journal,
    )


def _outcomes(plan: Plan, sessions: Sessions, how: SweepOptions) -> dict[str, Outcome]:
    engine = make_engine(how.engine, sessions)
    prepare(engine, (config_of(plan.base, v) for v in reading_apart(plan.variants)))
    found = run_variants(engine, plan.base, plan.variants, how.processes, CHUNK[how.engine])
    return {outcome.variant_id: outcome for outcome in found}


def pick(plan: Plan, outcomes: Mapping[str, Outcome]) -> Variant | None:
    """The best variant by the plan's objective, ties broken as in a sweep; None when all failed."""
    objective = find_objective(plan.objective)
    rows = [
        {
            "variant_id": variant.variant_id,
            "status": outcomes[variant.variant_id].status,
            "score": objective(outcomes[variant.variant_id].metrics)
            if outcomes[variant.variant_id].status == "success"
            else None,
            **outcomes[variant.variant_id].metrics,
        }
        for variant in plan.variants
    ]
    best = rank(rows)[0]
    return plan.variants[best] if rows[best]["status"] == "success" else None


def _assemble(
    plan: Plan,
    terms: dict[str, Any],
    source: dict[str, Any],
    sessions: Sessions,
    played: Sequence[Played],
) -> WalkForward:
    windows = [_window_row(plan, sessions, one) for one in played]
    trades = [trade for one in played for trade in one.trades]
    balance = plan.base.account.balance
    equity = stitched_equity(played, balance)
    dollars = equity["equity"].to_pylist()
    summary = {
        "objective": plan.objective,
        "variants": len(plan.variants),
        **terms,
        "windows": len(windows),
        **judge(windows, plan.grid),
        "out_of_sample": {
            **summarise(trades, balance=balance),
            "max_drawdown_mtm": max_drawdown_dollars([balance, *dollars]),
        },
    }
    return WalkForward(
        name="walkforward-" + plan.name_for(source["fingerprint"] + json.dumps(terms)),
        plan={**plan_to_yaml(plan), "walkforward": terms},
        source=source,
        summary=summary,
        windows=windows,
        trades=trades,
        journal=[row for one in played for row in one.journal],
        equity=equity,
    )


def _window_row(plan: Plan, sessions: Sessions, one: Played) -> dict[str, Any]:
    days = [rows.session.day.isoformat() for rows in sessions.rows]
    w = one.window
    done = [o.metrics["total_pnl"] for o in one.tested.values() if o.status == "success"]
    baseline = one.tested[plan.variants[0].variant_id]
    out = one.tested[one.winner.variant_id].metrics if one.winner else {}
    return {
        "train_start": days[w.train_from],
        "train_end": days[w.train_to - 1],
        "test_start": days[w.test_from],
        "test_end": days[w.test_to - 1],
        "train_sessions": w.train_to - w.train_from,
        "test_sessions": w.test_to - w.test_from,
        "variant_id": one.winner.variant_id if one.winner else None,
        "label": one.winner.label if one.winner else "",
        "settings": dict(one.winner.settings) if one.winner else {},
        "in_sample_pnl": one.in_sample.get("total_pnl"),
        "out_of_sample_pnl": out.get("total_pnl"),
        "out_of_sample_trades": out.get("total_trades", 0),
        "average_variant_pnl": round(fmean(done), 2) if done else None,
        "baseline_pnl": baseline.metrics.get("total_pnl"),
    }


def judge(windows: Sequence[Mapping[str, Any]], swept: Mapping[str, Any]) -> dict[str, Any]:
    """What the windows say together; dollars a session where not said otherwise.

    efficiency  profit a session out of sample over that in sample; None where in sample none was
                made
    stability   by setting: the value picked most often, and in what share of the windows
    """
    won = [w for w in windows if w["out_of_sample_pnl"] is not None]
    inside = sum(w["in_sample_pnl"] for w in won)
    outside = sum(w["out_of_sample_pnl"] for w in won)
    inside_sessions = sum(w["train_sessions"] for w in won)
    outside_sessions = sum(w["test_sessions"] for w in won)
    a_session_in = inside / inside_sessions if won else None
    a_session_out = outside / outside_sessions if won else None
    known = [w for w in won if w["average_variant_pnl"] is not None]
    return {
        "in_sample_a_session": _cents(a_session_in),
        "out_of_sample_a_session": _cents(a_session_out),
        "efficiency": a_session_out / a_session_in
        if a_session_in is not None and a_session_out is not None and a_session_in > 0
        else None,
        "profitable_windows": sum(1 for w in won if w["out_of_sample_pnl"] > 0),
        "average_variant_pnl": _cents(sum(w["average_variant_pnl"] for w in known)),
        "beat_average_windows": sum(
            1 for w in known if w["out_of_sample_pnl"] > w["average_variant_pnl"]
        ),
        "baseline_pnl": _cents(sum(w["baseline_pnl"] or 0.0 for w in won)),
        "winners": len({w["variant_id"] for w in won}),
        "stability": {name: _favourite([w["settings"][name] for w in won]) for name in swept}
        if won
        else {},
    }


def _favourite(values: Sequence[Any]) -> dict[str, Any]:
    texts = Counter(json.dumps(value) for value in values)
    text, times = min(texts.items(), key=lambda item: (-item[1], item[0]))
    return {"value": json.loads(text), "share": times / len(values), "distinct": len(texts)}


def _cents(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 2) + 0.0


def stitched_equity(played: Sequence[Played], balance: float) -> pa.Table:
    """The account over all test sessions; each window goes on where the last one ended; dollars."""
    start = balance
    parts: list[pa.Table] = []
    for one in played:
        table = equity_table(one.days, one.marks, start)
        parts.append(table.append_column("test_start", _names(one, table.num_rows)))
        start = round(start + sum(t["pnl_dollars"] or 0.0 for t in one.trades), 2)
    return pa.concat_tables(parts)


def _names(one: Played, rows: int) -> pa.Array:
    first = one.days[0].session.day.isoformat() if one.days else ""
    return column_of([first] * rows, pa.string())
