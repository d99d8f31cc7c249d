"""Walk-forward: pick the winner on past sessions, trade it on the next ones, and again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa

from bt_gex.analyzers.trades import Marks
from bt_gex.blackbox.recording import Recording
from bt_gex.errors import BadValue
from bt_gex.results.option_omega import TradeLogRow, trade_log_rows
from bt_gex.results.result import versions
from bt_gex.results.statistics import totals_json
from bt_gex.runs.replay import equity_table, market_table, run, session_summaries
from bt_gex.sessions.day import Day
from bt_gex.stats.objectives import rank
from bt_gex.stats.summary import max_drawdown_dollars
from bt_gex.storage.arrow_arrays import column_of
from bt_gex.sweeps.engines import Sessions, make_engine, prepare
from bt_gex.sweeps.plan import Plan, Variant, check_runnable, plan_to_yaml, variant_config
from bt_gex.sweeps.pool import run_variants
from bt_gex.sweeps.records import Favourite, Judgement, WalkForwardSummary, WindowResult
from bt_gex.sweeps.same_trades import folded
from bt_gex.sweeps.store import Outcome
from bt_gex.sweeps.sweep import CHUNK, SweepOptions, reading_apart
from bt_gex.sweeps.walkforward_result import WalkForward
from bt_gex.sweeps.windows import Window, make_windows
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade

Progress = Callable[[str, int, int], None]


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
    plan = plan.ranked_on(train)
    if plan.search:
        raise BadValue("walk-forward runs the whole grid in every window; leave out the search")
    check_runnable(plan)
    with Recording(database, how.cache, how.use_cache, plan.base.naive_zone) as recording:
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
        window_settings = {"train": train, "test": test, "anchored": anchored, "embargo": embargo}
        empty = everything.without_data().days(plan.base.load_params)
        return _assemble(plan, window_settings, source, sessions, played, empty)


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
    trade_log: list[TradeLogRow]
    decisions: list[Decision]


def _play(plan: Plan, sessions: Sessions, window: Window, how: SweepOptions) -> Played:
    trained = _outcomes(plan, sessions.part(window.train_from, window.train_to), how)
    tested = _outcomes(plan, sessions.part(window.test_from, window.test_to), how)
    winner = pick(plan, trained)
    days: Sequence[Day] = sessions.days(plan.base.load_params)[window.test_from : window.test_to]
    trades: list[SpreadTrade] = []
    marks: list[Marks] = []
    trade_log: list[TradeLogRow] = []
    decisions: list[Decision] = []
    if winner is not None:
        config = variant_config(plan.base, winner)
        days = sessions.days(config.load_params)[window.test_from : window.test_to]
        found = run(config, days).analyzers
        trades, marks = found.trades.records, found.trades.marks
        decisions = found.funnel.records
        trade_log = list(trade_log_rows(trades, config.resolved(), market_table(days)))
    return Played(
        window=window,
        winner=winner,
        in_sample=trained[winner.variant_id].metrics if winner else {},
        tested=tested,
        days=days,
        trades=trades,
        marks=marks,
        trade_log=trade_log,
        decisions=decisions,
    )


def _outcomes(plan: Plan, sessions: Sessions, how: SweepOptions) -> dict[str, Outcome]:
    engine = make_engine(how.engine, sessions)
    prepare(engine, (variant_config(plan.base, v) for v in reading_apart(plan.variants)))
    found = run_variants(engine, plan.base, plan.variants, how.processes, CHUNK[how.engine])
    return {outcome.variant_id: outcome for outcome in found}


def pick(plan: Plan, outcomes: Mapping[str, Outcome]) -> Variant | None:
    """The best variant by the plan's objective, ties broken as in a sweep; None when all failed.

    Of variants with the same trades the first is picked.
    """
    objective = plan.score
    ids = [variant.variant_id for variant in plan.variants]
    same_as = folded((name, outcomes[name].metrics) for name in ids)
    variants = [variant for variant in plan.variants if variant.variant_id not in same_as]
    rows = [
        {
            "variant_id": variant.variant_id,
            "status": outcomes[variant.variant_id].status,
            "score": objective(outcomes[variant.variant_id].metrics)
            if outcomes[variant.variant_id].status == "success"
            else None,
            **outcomes[variant.variant_id].metrics,
        }
        for variant in variants
    ]
    best = rank(rows)[0]
    return variants[best] if rows[best]["status"] == "success" else None


def _assemble(
    plan: Plan,
    window_settings: dict[str, Any],
    source: dict[str, Any],
    sessions: Sessions,
    played: Sequence[Played],
    empty: Sequence[Day],
) -> WalkForward:
    windows = [_window_result(plan, sessions, one) for one in played]
    trades = [trade for one in played for trade in one.trades]
    balance = plan.base.account.balance
    equity = stitched_equity(played, balance)
    dollars = equity["equity"].to_pylist()
    judged = judge(windows, plan.grid)
    summary = WalkForwardSummary(
        objective=plan.objective or "",
        variants=len(plan.variants),
        **window_settings,
        windows=len(windows),
        **{f.name: getattr(judged, f.name) for f in fields(Judgement)},
        out_of_sample={
            **totals_json(trades, balance=balance),
            "max_drawdown_mtm": max_drawdown_dollars([balance, *dollars]),
        },
    )
    return WalkForward(
        name=name_of(plan, source["fingerprint"], window_settings),
        plan={**plan_to_yaml(plan), "walkforward": window_settings},
        source=source,
        summary=summary,
        windows=windows,
        trades=trades,
        trade_log=[row for one in played for row in one.trade_log],
        equity=equity,
        decisions=[decision for one in played for decision in one.decisions],
        sessions=_tested_sessions(played, empty),
    )


def _tested_sessions(played: Sequence[Played], empty: Sequence[Day]) -> list[SessionSummary]:
    """The test sessions, and those among them that have no data; in order of time."""
    found = [
        session
        for one in played
        for session in session_summaries(one.days, one.decisions, one.trades, one.marks)
    ]
    days = [session.session for session in found]
    missing = [day for day in empty if days and min(days) <= day.session.day <= max(days)]
    found += session_summaries(missing, [], [], [])
    return sorted(found, key=lambda session: session.session)


def name_of(plan: Plan, fingerprint: str, window_settings: Mapping[str, object]) -> str:
    """Name of a walk-forward's folder: the same for the same plan, data and windows."""
    return "walkforward-" + plan.name_for(fingerprint + json.dumps(window_settings))


def _window_result(plan: Plan, sessions: Sessions, one: Played) -> WindowResult:
    days = [rows.session.day.isoformat() for rows in sessions.rows]
    w = one.window
    tested = [one.tested[variant.variant_id] for variant in plan.variants]
    same_as = folded((outcome.variant_id, outcome.metrics) for outcome in tested)
    done = [
        outcome.metrics["total_pnl"]
        for outcome in tested
        if outcome.status == "success" and outcome.variant_id not in same_as
    ]
    baseline = one.tested[plan.variants[0].variant_id]
    out = one.tested[one.winner.variant_id].metrics if one.winner else {}
    return WindowResult(
        train_start=days[w.train_from],
        train_end=days[w.train_to - 1],
        test_start=days[w.test_from],
        test_end=days[w.test_to - 1],
        train_sessions=w.train_to - w.train_from,
        test_sessions=w.test_to - w.test_from,
        variant_id=one.winner.variant_id if one.winner else None,
        label=one.winner.label if one.winner else "",
        settings=dict(one.winner.settings) if one.winner else {},
        in_sample_pnl=one.in_sample.get("total_pnl"),
        out_of_sample_pnl=out.get("total_pnl"),
        out_of_sample_trades=out.get("total_trades", 0),
        average_variant_pnl=round(fmean(done), 2) if done else None,
        baseline_pnl=baseline.metrics.get("total_pnl"),
    )


def judge(windows: Sequence[WindowResult], swept: Iterable[str]) -> Judgement:
    """What the windows say together."""
    won = [w for w in windows if w.out_of_sample_pnl is not None]
    inside = _a_session([(w.in_sample_pnl, w.train_sessions) for w in won])
    outside = _a_session([(w.out_of_sample_pnl, w.test_sessions) for w in won])
    return Judgement(
        in_sample_a_session=_cents(inside),
        out_of_sample_a_session=_cents(outside),
        efficiency=_efficiency(inside, outside),
        profitable_windows=sum(1 for w in won if _dollars(w.out_of_sample_pnl) > 0),
        average_variant_pnl=_sum([w.average_variant_pnl for w in won]),
        beat_average_windows=sum(1 for w in won if _beats_average(w)),
        baseline_pnl=_sum([w.baseline_pnl for w in won]),
        winners=len({w.variant_id for w in won}),
        stability=_stability(won, swept),
    )


def _beats_average(window: WindowResult) -> bool:
    average = window.average_variant_pnl
    return average is not None and _dollars(window.out_of_sample_pnl) > average


def _stability(won: Sequence[WindowResult], swept: Iterable[str]) -> dict[str, Favourite]:
    """By setting the value that was picked most often; none where nothing was picked."""
    return {name: _favourite([w.settings[name] for w in won]) for name in swept if won}


def _a_session(windows: Sequence[tuple[float | None, int]]) -> float | None:
    """Dollars a session of windows given by dollars and sessions; None without one."""
    sessions = sum(count for _, count in windows)
    return sum(_dollars(pnl) for pnl, _ in windows) / sessions if sessions else None


def _efficiency(inside: float | None, outside: float | None) -> float | None:
    if inside is None or outside is None or inside <= 0:
        return None
    return outside / inside


def _dollars(amount: float | None) -> float:
    return 0.0 if amount is None else amount


def _sum(amounts: Sequence[float | None]) -> float:
    """Dollars, rounded to cents; what is not known counts as nothing."""
    return round(sum(map(_dollars, amounts)), 2) + 0.0


def _favourite(values: Sequence[object]) -> Favourite:
    texts = Counter(json.dumps(value) for value in values)
    text, times = min(texts.items(), key=lambda item: (-item[1], item[0]))
    return Favourite(value=json.loads(text), share=times / len(values), distinct=len(texts))


def _cents(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 2) + 0.0


def stitched_equity(played: Sequence[Played], balance: float) -> pa.Table:
    """The account over all test sessions; each window goes on where the last one ended; dollars."""
    start = balance
    parts: list[pa.Table] = []
    for one in played:
        table = equity_table(one.days, one.marks, start)
        parts.append(table.append_column("test_start", _names(one, table.num_rows)))
        start = round(start + sum(trade.pnl_dollars or 0.0 for trade in one.trades), 2)
    return pa.concat_tables(parts)


def _names(one: Played, rows: int) -> pa.Array:
    first = one.days[0].session.day.isoformat() if one.days else ""
    return column_of([first] * rows, pa.string())
