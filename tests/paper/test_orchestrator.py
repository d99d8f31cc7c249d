"""Plans that are run. Numbers G…: golden vectors; expected figures by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from paper.golden_bars import START, fifty_bars, flat, make_spec

from bt_gex.errors import BadValue, UsageError
from bt_gex.journal.base import Journal, Query
from bt_gex.journal.memory import MemoryJournal
from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.answers import PaperState
from bt_gex.paper.bars_csv import CsvBars, parse_csv
from bt_gex.paper.generator import GeneratorConstraints, PlanVariant, RunPlan, generate_plan
from bt_gex.paper.orchestrator import LEASE_S, Orchestrator, best_of
from bt_gex.paper.plan_runs import find_plan_run, plan_runs
from bt_gex.paper.specs import ExecutionSpec, MarketSnapshot, OHLCVBar, StrategyEvaluation
from bt_gex.paper.variant_run import (
    UNDEFINED,
    PlanSettings,
    VariantMetrics,
    VariantRun,
    metrics_of,
    run_variant,
    score_of,
    session_dates,
)
from bt_gex.trades.intent import Intent, IntentAction

GRID = GeneratorConstraints(
    lookback_days_values=(15, 20),
    dollars_per_trade_values=(500.0, 1000.0),
    max_positions_values=(2, 3),
    include_ablations=False,
)
BASELINE = PlanVariant(variant_id="b" * 16, label="baseline", tags=("baseline",), overrides={})


class Scripted:
    """Wants what a script says at each evaluation, in units at the close."""

    def __init__(self, script: dict[int, tuple[str, float]]) -> None:
        self.script, self.evaluations = script, 0

    def evaluate(
        self, spec: ExecutionSpec, snapshot: MarketSnapshot, state: PaperState
    ) -> StrategyEvaluation:
        wanted = self.script.get(self.evaluations)
        self.evaluations += 1
        name = uuid5(spec.workspace_id, str(snapshot.ts))
        intents: tuple[Intent, ...] = ()
        if wanted:
            action, quantity = wanted
            intents = (
                Intent(
                    id=name,
                    correlation_id=str(name),
                    workspace_id=spec.workspace_id,
                    action=IntentAction(action),
                    strategy_entity_id=spec.instance_id,
                    symbol=snapshot.symbol,
                    timeframe=spec.timeframe,
                    created_at=snapshot.ts,
                    quantity=Decimal(repr(quantity)),
                ),
            )
        return StrategyEvaluation(
            spec_id=spec.instance_id,
            symbol=snapshot.symbol,
            ts=snapshot.ts,
            evaluation_id=name,
            intents=intents,
        )


def scripted(
    bars: Sequence[OHLCVBar], script: dict[int, tuple[str, float]], equity: int = 10_000
) -> tuple[VariantRun, Scripted]:
    runner = Scripted(script)
    run = run_variant(
        make_spec(lookback=2),
        BASELINE,
        bars,
        run_plan_id=uuid5(make_spec().workspace_id, "test"),
        objective="return",
        settings=PlanSettings(starting_equity=Decimal(equity)),
        runner=runner,
    )
    return run, runner


def figures(run: VariantRun) -> tuple[int, float]:
    assert run.metrics is not None, run.error
    return run.metrics.trade_count, run.metrics.ending_equity


OPEN, CLOSE = ("open_long", 10.0), ("close_long", 10.0)


def test_g58_a_flat_round_trip_makes_nothing() -> None:
    run, runner = scripted(flat(10), {0: OPEN, 2: CLOSE})
    assert figures(run) == (1, 10_000.0)
    assert run.metrics is not None
    assert run.metrics.return_pct == 0.0
    assert runner.evaluations == 8


@pytest.mark.parametrize(("price", "made"), [(110.0, 100.0), (90.0, -100.0)])
def test_g58_profit_and_loss(price: float, made: float) -> None:
    run, _ = scripted(flat(5, price), {0: OPEN, 2: CLOSE})
    assert figures(run) == (1, 10_000.0 + made)


def test_g58_what_is_open_at_the_end_closes_at_the_last_close() -> None:
    run, _ = scripted(flat(6, 150.0), {0: OPEN})
    assert figures(run) == (1, 10_500.0)


def test_g58_no_fill_without_the_cash() -> None:
    run, _ = scripted(flat(6), {0: ("open_long", 50.0)}, equity=1_000)
    assert figures(run) == (0, 1_000.0)
    run, _ = scripted(flat(6), {0: ("open_long", 90.0), 1: ("open_long", 90.0)})
    assert figures(run) == (1, 10_000.0)


def test_g58_two_flat_round_trips() -> None:
    run, _ = scripted(flat(12), {0: OPEN, 2: CLOSE, 4: OPEN, 6: CLOSE})
    assert figures(run) == (2, 10_000.0)


def test_g57_a_variant_that_is_not_allowed_is_skipped() -> None:
    spec = make_spec()
    constraints = GeneratorConstraints(dollars_per_trade_values=(-100.0,), include_ablations=False)
    result = run_plan(MemoryJournal(), generate_plan(spec, constraints))
    skipped = result.runs[1]
    assert (skipped.status, skipped.error) == ("skipped", None)
    assert skipped.skip_reason is not None
    assert skipped.skip_reason.startswith("invalid_params: ")
    assert "dollars_per_trade" in skipped.skip_reason


def test_a_variant_that_raises_has_failed_and_the_others_go_on() -> None:
    class Broken(Scripted):
        def evaluate(self, *args: Any) -> StrategyEvaluation:
            if self.evaluations == 0:
                self.evaluations += 1
                raise ZeroDivisionError("no")
            return super().evaluate(*args)

    journal = MemoryJournal()
    result = run_plan(journal, plan(), runner=Broken({}))
    assert [run.status for run in result.runs] == ["failed"] + 7 * ["success"]
    assert result.runs[0].error == "ZeroDivisionError: no"
    found = find_plan_run(journal, result.run_plan_id)
    assert found is not None
    assert (found.status, found.ended["n_failed"], found.ended["n_success"]) == ("completed", 1, 7)


def plan(constraints: GeneratorConstraints = GRID) -> RunPlan:
    return generate_plan(make_spec(), constraints, dataset_ref="bars.csv")


def fifty() -> CsvBars:
    return parse_csv(fifty_bars())


def run_plan(
    journal: Journal,
    chosen: RunPlan,
    eod: Any = "session",
    clock: Any = lambda: START,
    runner: Any = None,
    **more: Any,
) -> Any:
    maker = Orchestrator(
        journal=journal, settings=PlanSettings(eod=eod), clock=clock, runner=runner
    )
    return maker.run(chosen, more.pop("data", fifty()), **more)


def test_g59_the_golden_file_with_one_end_of_data() -> None:
    """The original made +120.1256 of $1,000 and called the ending equity 11,120.13.

    Its P&L is of an unrounded quantity; an intent's is rounded down to 8 places.
    """
    result = run_plan(MemoryJournal(), plan(), "last_bar")
    baseline = result.runs[0].metrics
    assert baseline is not None
    bars = fifty().bars
    # By hand: the first close above the 20 highs before it, held to the last close.
    entry = next(
        row
        for row in range(20, 50)
        if bars[row].close > max(bar.high for bar in bars[row - 20 : row])
    )
    quantity = Decimal(int(Decimal(1000) / Decimal(repr(bars[entry].close)) * 10**8)) / 10**8
    made = quantity * (Decimal(repr(bars[-1].close)) - Decimal(repr(bars[entry].close)))
    assert baseline.ending_equity == pytest.approx(float(10_000 + made), abs=1e-9)
    assert baseline.ending_equity == pytest.approx(10_120.125634773966, abs=1e-4)
    assert baseline.return_pct == pytest.approx(1.2012563, abs=1e-6)
    assert [run.objective_score for run in result.runs] == 8 * [UNDEFINED]


def test_g59_ties_go_to_the_smaller_id() -> None:
    ids = ["899001d50921f078", "b05a7080746159d6", "800e789799ffc105", "e29a6f7fbda51c74"]
    made = metrics_of(Decimal(10_000), [Decimal(120)])
    runs = [
        VariantRun(
            variant_id=name, label="", status="success", metrics=made, objective_score=UNDEFINED
        )
        for name in ids
    ]
    best = best_of(runs)
    assert best is not None
    assert best.variant_id == "800e789799ffc105"


def test_sessions_end_with_each_daily_bar() -> None:
    """By a loop of its own: an entry at one daily bar is held to the next."""
    bars = fifty().bars
    trades, money, entry = 0, 10_000.0, 0.0
    for row in range(20, 50):
        close = bars[row].close
        if entry:
            trades, money, entry = trades + 1, money + 1000.0 * (close / entry - 1), 0.0
        elif close > max(bar.high for bar in bars[row - 20 : row]):
            entry = close
    result = run_plan(MemoryJournal(), plan())
    baseline = result.runs[0].metrics
    assert baseline is not None
    assert baseline.trade_count == trades
    assert baseline.ending_equity == pytest.approx(money, abs=1e-3)


@pytest.mark.parametrize(("lookback", "trades"), [(5, 0), (4, 1)])
def test_the_whole_look_back_counts(lookback: int, trades: int) -> None:
    """A high of 120 five bars before the last one, which closes at 110."""
    bars = list(flat(9, 110.0))
    bars[3] = replace(bars[3], high=120.0)
    run = run_variant(
        make_spec(lookback=lookback),
        BASELINE,
        bars,
        run_plan_id=uuid5(make_spec().workspace_id, "test"),
        objective="return",
        settings=PlanSettings(),
    )
    assert figures(run)[0] == trades


def test_session_dates_of_daily_and_of_minute_bars() -> None:
    daily = flat(3)
    assert [day.day for day in session_dates(daily)] == [1, 2, 3]
    late = [replace(bar, ts=bar.ts + timedelta(hours=1)) for bar in daily]
    assert [day.day for day in session_dates([*late, *daily])][:3] == [31, 1, 2]


# ------------------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("objective", "values", "expected"),
    [
        ("sharpe", {"sharpe": None}, -999.0),
        ("sharpe_dd_penalty", {"sharpe": None}, -999.0),
        ("sharpe_dd_penalty", {"sharpe": 2.0, "max_drawdown_pct": 10.0}, 1.95),
        ("return", {"return_pct": 15.5}, 15.5),
        ("return_dd_penalty", {"return_pct": 25.0, "max_drawdown_pct": 10.0}, 20.0),
        ("calmar", {"return_pct": 30.0, "max_drawdown_pct": 10.0}, 3.0),
        ("calmar", {"return_pct": 30.0, "max_drawdown_pct": 0.0}, 0.0),
    ],
)
def test_g54_objectives(objective: str, values: dict[str, Any], expected: float) -> None:
    made = replace(metrics_of(Decimal(100), []), **values)
    assert score_of(objective, made) == pytest.approx(expected)


def test_g55_metrics() -> None:
    none = metrics_of(Decimal(10_000), [])
    assert none == VariantMetrics(
        sharpe=None,
        return_pct=0.0,
        max_drawdown_pct=0.0,
        trade_count=0,
        win_rate=0.0,
        ending_equity=10_000.0,
        gross_profit=0.0,
        gross_loss=0.0,
        profit_factor=None,
    )
    won = metrics_of(Decimal(100), [Decimal(5), Decimal(5)])
    assert (won.profit_factor, won.gross_loss, won.win_rate) == (None, 0.0, 1.0)
    mixed = metrics_of(Decimal(100), [Decimal(10), Decimal(-5), Decimal(10)])
    assert mixed.win_rate == pytest.approx(0.667, abs=1e-3)
    assert (mixed.profit_factor, mixed.gross_loss) == (4.0, -5.0)
    # G52, G53: account 100, 110, 105, 115
    assert mixed.sharpe == pytest.approx(0.7399618050222317)
    assert mixed.max_drawdown_pct == pytest.approx(100 * 5 / 110)


def test_g56_the_best() -> None:
    def run(name: str, score: float, gained: float, fall: float) -> VariantRun:
        made = replace(metrics_of(Decimal(100), []), return_pct=gained, max_drawdown_pct=fall)
        return VariantRun(
            variant_id=name, label="", status="success", metrics=made, objective_score=score
        )

    failed = VariantRun(variant_id="0", label="", status="failed", error="x")
    assert best_of([failed]) is None
    runs = [run("c", 1.0, 5.0, 1.0), run("b", 2.0, 1.0, 9.0), failed]
    assert best_of(runs) == runs[1]
    tied = [run("d", 2.0, 1.0, 9.0), run("e", 2.0, 3.0, 9.0), run("f", 2.0, 3.0, 8.0)]
    assert best_of(tied) == tied[2]
    same = [run("bbb222", 2.0, 3.0, 8.0), run("aaa111", 2.0, 3.0, 8.0)]
    assert best_of(same) == same[1]


# ------------------------------------------------------------------------------ journal


def types_of(journal: Journal) -> list[str]:
    return [record.type for record in journal.records(Query())]


def test_a_plan_is_journaled_once() -> None:
    journal = MemoryJournal()
    result = run_plan(journal, plan())
    types = types_of(journal)
    assert (types.count("run_started"), types.count("run_completed")) == (1, 1)
    assert types.count("variant_completed") == 8
    found = find_plan_run(journal, result.run_plan_id)
    assert found is not None
    assert (found.started["bar_count"], found.started["objective"]) == (50, "sharpe_dd_penalty")
    assert found.ended == {
        "n_variants": 8,
        "n_success": 8,
        "n_skipped": 0,
        "n_failed": 0,
        "best_variant_id": result.best.variant_id,
        "best_objective_score": result.best.objective_score,
    }
    again = run_plan(journal, plan())
    assert types_of(journal) == types
    assert (again.runs, again.repeated) == (result.runs, 8)


def test_another_file_is_another_run() -> None:
    journal = MemoryJournal()
    first = run_plan(journal, plan())
    other = parse_csv(fifty_bars() + b"2023-03-01,1,1,1,1,1\r\n")
    second = run_plan(journal, plan(), data=other)
    assert first.run_plan_id != second.run_plan_id
    assert len(plan_runs(journal)) == 2


def test_a_plan_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    whole = run_plan(MemoryJournal(), plan())
    journal = SqlJournal(tmp_path / "j.db")

    class Cut(Exception):
        pass

    def cut(done: int, total: int) -> None:
        if done == 3:
            raise Cut

    with pytest.raises(Cut):
        run_plan(journal, plan(), progress=cut)
    with pytest.raises(UsageError, match=r"3 of 8 variants.*--resume"):
        run_plan(journal, plan())
    result = run_plan(journal, plan(), resume=True)
    assert (result.runs, result.repeated) == (whole.runs, 3)
    assert types_of(journal).count("variant_started") == 8
    (found,) = plan_runs(journal, statuses=("completed",))
    assert found.run_plan_id == result.run_plan_id
    journal.close()


def test_a_plan_without_an_event_for_long_is_taken_over() -> None:
    journal = MemoryJournal()

    def cut(done: int, total: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_plan(journal, plan(), progress=cut)
    at = START + timedelta(seconds=LEASE_S)
    with pytest.raises(UsageError):
        run_plan(journal, plan(), clock=lambda: at)
    run_plan(journal, plan(), clock=lambda: at + timedelta(seconds=1))
    types = types_of(journal)
    assert [t for t in types if t.startswith("run_")] == [
        "run_started", "run_failed", "run_started", "run_completed",
    ]  # fmt: skip


def test_a_plan_can_be_canceled_and_gone_on_with() -> None:
    journal = MemoryJournal()
    asked: list[int] = []

    def canceled() -> bool:
        asked.append(1)
        return len(asked) > 2

    result = run_plan(journal, plan(), canceled=canceled)
    assert len(result.runs) == 2
    found = find_plan_run(journal, result.run_plan_id)
    assert found is not None
    assert found.status == "canceled"
    assert len(run_plan(journal, plan()).runs) == 8


def test_listing_plans_by_age() -> None:
    journal = MemoryJournal()
    run_plan(journal, plan(), clock=lambda: START)
    run_plan(journal, plan(GeneratorConstraints()), clock=lambda: START + timedelta(days=9))
    newest = plan_runs(journal)
    assert [one.n_variants for one in newest] == [1, 8]
    assert len(plan_runs(journal, since=START + timedelta(days=1))) == 1
    assert plan_runs(journal, statuses=("failed",)) == []


def test_the_base_workspace_trades_nothing() -> None:
    journal = MemoryJournal()
    run_plan(journal, plan())
    state = journal.state(make_spec().workspace_id)
    assert (state.book.orders_count, state.book.cash) == (0, 10_000)
    assert journal.workspaces() == [make_spec().workspace_id]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(BadValue, match="starting_equity"):
        PlanSettings(starting_equity=Decimal(0))


def test_the_same_plan_gives_the_same_bytes() -> None:
    def records() -> list[Any]:
        journal = MemoryJournal()
        run_plan(journal, plan(), clock=lambda: datetime(2026, 1, 5, tzinfo=UTC))
        return journal.records(Query())

    assert records() == records()
