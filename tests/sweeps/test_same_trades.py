"""Variants with the same trades count once, in every engine and in walk-forward training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import nasty
from record_fakes import fake_trade

from bt_gex import RunConfig, replay
from bt_gex.stats.objectives import find_objective
from bt_gex.sweeps.plan import Plan, make_plan, variant_config
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.same_trades import UNRESOLVED, trades_id, trades_id_of
from bt_gex.sweeps.store import Outcome
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import pick, run_walkforward
from bt_gex.trades.records import SpreadTrade

START, END = "2026-01-12", "2026-01-15"
# An emergency stop at 0.4 is looked at before any stop, so that the last three trade alike.
GRID: dict[str, Any] = {"exit.stop_loss": [0.1, 0.4, 0.8, 1.5], "account.balance": [25_000, 30_000]}
STOPS = [n for stop in GRID["exit.stop_loss"] for n in (stop, stop)]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("same") / "market.db"
    nasty.make(path, 41, indexes=("SPX",), start=START, end=END, nasty=nasty.only("quiet"))
    return path


def plan_of(grid: dict[str, Any] = GRID) -> Plan:
    return make_plan(RunConfig(start=START, end=END), grid, objective="total_pnl")


@pytest.fixture(scope="module")
def swept(market: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    place = tmp_path_factory.mktemp("pool")
    return run_sweep(market, plan_of(), place, SweepOptions(workers=1))


def orders(trades: list[SpreadTrade]) -> list[tuple[Any, ...]]:
    return [
        (t.timestamp_entry, t.timestamp_exit, t.strikes, t.quantity, t.pnl_dollars) for t in trades
    ]


def test_same_is_what_replays_trade_alike(market: Path, swept: SweepResult) -> None:
    plan = plan_of()
    made: dict[str, str] = {}
    expected: dict[str, str | None] = {}
    for variant in plan.variants:
        config = variant_config(plan.base, variant)
        trades = replay(market, config).trade_records
        key = repr((config.account.balance, orders(trades)))
        expected[variant.variant_id] = made.get(key)
        made.setdefault(key, variant.variant_id)
    assert {row["variant_id"]: row["same_as"] for row in swept.rows} == expected
    assert sum(1 for name in expected.values() if name) >= 4  # 0.8 and 1.5 on both accounts


def test_they_have_one_rank_and_count_once(swept: SweepResult) -> None:
    first = [row for row in swept.rows if row["same_as"] is None]
    assert sorted(row["rank"] for row in first) == list(range(1, len(first) + 1))
    ranks = {row["variant_id"]: row["rank"] for row in swept.rows}
    assert all(row["rank"] == ranks[row["same_as"]] for row in swept.rows if row["same_as"])
    summary = swept.summary
    assert summary.folded == len(swept.rows) - len(first)
    pnls = [row["total_pnl"] for row in first]
    assert summary.average_total_pnl == pytest.approx(sum(pnls) / len(pnls), abs=0.005)
    assert summary.profitable == sum(1 for pnl in pnls if pnl > 0)
    assert summary.comparable == len(first)
    assert summary.best
    assert summary.best.variant_id == next(r["variant_id"] for r in swept.rows if r["rank"] == 1)
    assert set(swept.trades) <= {row["variant_id"] for row in first}


@pytest.mark.parametrize(
    "options",
    [
        SweepOptions(workers=2),
        SweepOptions(workers=2, optimizer="cerebro"),
        SweepOptions(workers=1, engine="compiled"),
        SweepOptions(workers=1, cluster="local"),
    ],
    ids=["pool", "cerebro", "compiled", "cluster"],
)
def test_every_engine_folds_the_same(
    options: SweepOptions, market: Path, swept: SweepResult, tmp_path: Path
) -> None:
    if options.engine == "compiled":
        pytest.importorskip("numba", reason="numba is not installed")
    if options.cluster:
        pytest.importorskip("distributed", reason="Dask is not installed")
    found = run_sweep(market, plan_of(), tmp_path, options)
    assert (found.rows, found.summary) == (swept.rows, swept.summary)


def test_they_stay_in_the_table(swept: SweepResult) -> None:
    assert swept.folder
    read = SweepResult.load(swept.folder)
    assert [row["same_as"] for row in read.rows] == [row["same_as"] for row in swept.rows]
    header = (swept.folder / "variants.csv").read_text("utf-8").splitlines()[0]
    assert {'"same_as"', '"trades_id"'} <= set(header.split(","))


def metrics(pnl: float, name: str) -> dict[str, Any]:
    return {"total_pnl": pnl, "return_pct": pnl, "max_drawdown_pct": 0.0, "trades_id": name}


def test_training_picks_the_first_of_the_same() -> None:
    """Of equal scores the lowest id would win; the same trades are one choice."""
    plan = plan_of({"exit.stop_loss": [0.1, 0.4, 0.8, 1.5]})
    first, *same = plan.variants[1:]
    names = [variant.variant_id for variant in same]
    order = [first.variant_id, *sorted(names, reverse=True)]  # the highest id stands first
    variants = {variant.variant_id: variant for variant in plan.variants}
    plan = replace(plan, variants=(plan.variants[0], *(variants[name] for name in order)))
    outcomes = {
        variant.variant_id: Outcome(
            variant_id=variant.variant_id,
            status="success",
            metrics=metrics(9.0, "same") if variant.variant_id in names else metrics(1.0, str(n)),
        )
        for n, variant in enumerate(plan.variants)
    }
    picked = pick(plan, outcomes)
    assert picked
    assert picked.variant_id == max(names)
    assert find_objective("total_pnl")(outcomes[picked.variant_id].metrics) == 9.0


def test_the_average_variant_of_a_window_counts_them_once(market: Path) -> None:
    plan = plan_of({"exit.stop_loss": [0.1, 0.4, 0.8, 1.5]})
    walked = run_walkforward(market, plan, train=2, test=2, options=SweepOptions(workers=1))
    (window,) = walked.windows
    pnls = {}
    for variant in plan.variants:
        settings = variant_config(plan.base, variant).settings
        dates = {"start": window.test_start, "end": window.test_end}
        trades = replay(market, RunConfig(settings=settings, **dates)).trade_records
        pnls[repr(orders(trades))] = sum(trade.pnl_dollars or 0.0 for trade in trades)
    assert len(pnls) < len(plan.variants)
    average = sum(pnls.values()) / len(pnls)
    assert window.average_variant_pnl == pytest.approx(average, abs=0.005)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp_entry": "2026-01-12T14:36:30+00:00"},
        {"timestamp_exit": "2026-01-12T14:39:00+00:00"},
        {"strikes": [6955, 6950]},
        {"strategy": "IC", "strikes": [6955, 6945, 6900, 6890]},
        {"quantity": 2},
        {"pnl_dollars": -45.01},
        {"pnl_dollars": None},
    ],
)
def test_what_tells_trades_apart(change: dict[str, Any]) -> None:
    one = trades_id_of([fake_trade("a")], 25_000.0)
    assert trades_id_of([fake_trade("a", **change)], 25_000.0) != one


def test_what_does_not() -> None:
    one = trades_id_of([fake_trade("a")], 25_000.0)
    assert trades_id_of([fake_trade("a", exit_reason="Emergency Stop")], 25_000.0) == one
    assert trades_id_of([fake_trade("a")], 30_000.0) != one
    assert trades_id_of([], 25_000.0) != one


def test_from_arrays_and_from_records_alike() -> None:
    """14:36:00 and 14:38:30 on 2026-01-12 UTC, typed by hand; the second is unresolved."""
    entry = np.datetime64("2026-01-12T14:36:00", "ns").astype(np.int64)
    leave = np.datetime64("2026-01-12T14:38:30", "ns").astype(np.int64)
    found = trades_id(
        entries_ns=np.array([entry, entry]),
        exits_ns=np.array([leave, leave]),
        strikes=np.array([[6955.0, 6945.0, 0.0, 0.0]] * 2),
        quantities=np.array([1, 1]),
        cents=np.array([-4500, UNRESOLVED]),
        balance=25_000.0,
    )
    trades = [fake_trade("a"), fake_trade("b", pnl_dollars=None)]
    assert found == trades_id_of(trades, 25_000.0)
