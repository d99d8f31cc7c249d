"""Run, sweep and walk-forward agree to the cent about what rests on bad quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeps.planted import (
    AT_STOP,
    BY_LUCK,
    CONTRADICTING,
    DATES,
    GRID,
    LUCKY,
    SESSIONS,
    SETTINGS,
    planted_market,
)

from bt_gex import RunConfig, replay
from bt_gex.findings.analysis import analyse
from bt_gex.findings.finding import Finding, resting_on
from bt_gex.reports.as_json import sweep_content, walkforward_content
from bt_gex.sweeps.judged import sweep_findings, walkforward_findings
from bt_gex.sweeps.plan import make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import run_walkforward
from bt_gex.sweeps.walkforward_result import WalkForward

HOW = SweepOptions(workers=1, use_cache=False)
OF_TRADES = ("no_bid", "spread_cost", "no_commission", "one_session", "one_trade", "target_lost")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_market(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def swept(market: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    plan = make_plan(RunConfig(**DATES, settings=SETTINGS), GRID)
    folder = run_sweep(market, plan, tmp_path_factory.mktemp("swept"), HOW).folder
    assert folder
    return SweepResult.load(folder)


@pytest.fixture(scope="module")
def walked(market: Path, tmp_path_factory: pytest.TempPathFactory) -> WalkForward:
    plan = make_plan(RunConfig(**DATES, settings=SETTINGS), GRID)
    found = run_walkforward(market, plan, train=3, test=3, options=HOW)
    folder = found.save(tmp_path_factory.mktemp("walked")).folder
    assert folder
    return WalkForward.load(folder)


def of_kind(findings: list[Finding], kind: str) -> Finding:
    (found,) = [finding for finding in findings if finding.kind == kind]
    return found


def run_of(market: Path, settings: dict[str, Any], start: str, end: str) -> list[Finding]:
    result = replay(market, RunConfig(start=start, end=end, settings=settings), use_cache=False)
    return analyse(result).findings


def test_what_rests_on_them_by_hand(market: Path, swept: SweepResult, walked: WalkForward) -> None:
    """Twelve trades in all, nine of them in test windows; each lucky one made $235."""
    best = sweep_findings(swept)
    whole = walkforward_findings(walked)
    run = run_of(market, {**SETTINGS, "exit.stop_loss": 0.05}, **DATES)
    for findings, others in (
        (run, 9 * AT_STOP),
        (best.best, 9 * AT_STOP),
        (whole.whole, 6 * AT_STOP),
    ):
        found = of_kind(findings, "no_bid")
        assert (found.trades, found.dollars) == (3, 3 * BY_LUCK)
        assert [name[4:12] for name in found.order_ids] == [day.replace("-", "") for day in LUCKY]
        assert f"all others together -${-others:,.2f}" in found.text
    assert best.doubt == (
        "3 of 12 trades on a leg without a bid made +$705.00, all others -$225.00"
    )
    assert whole.doubt == "3 of 9 trades on a leg without a bid made +$705.00, all others -$150.00"
    assert swept.summary.best
    assert swept.summary.best.total_pnl == 3 * BY_LUCK + 9 * AT_STOP
    assert walked.summary.out_of_sample["total_pnl"] == 3 * BY_LUCK + 6 * AT_STOP


def test_the_best_of_a_sweep_is_told_what_its_run_is_told(market: Path, swept: SweepResult) -> None:
    findings = sweep_findings(swept)
    assert swept.best
    settings = {n: v for n, v in swept.best.items() if "." in n}
    run = {finding.kind: finding for finding in run_of(market, settings, **DATES)}
    best = {finding.kind: finding for finding in findings.best}
    for kind in OF_TRADES:
        assert best.get(kind) == run.get(kind)
    assert {"no_bid", "no_commission"} <= set(best)
    baseline = {f.kind: f for f in run_of(market, SETTINGS, **DATES)}
    own = {finding.kind: finding for finding in findings.baseline}
    assert own == baseline  # which a sweep does not choose


def test_each_window_is_told_what_its_run_is_told(market: Path, walked: WalkForward) -> None:
    windows = walkforward_findings(walked).windows
    assert [w.test_start for w in walked.windows] == [SESSIONS[3], SESSIONS[6], SESSIONS[9]]
    for window, findings in zip(walked.windows, windows, strict=True):
        settings = {**SETTINGS, **window.settings}
        run = {f.kind: f for f in run_of(market, settings, window.test_start, window.test_end)}
        own = {finding.kind: finding for finding in findings}
        assert {"no_bid", "no_commission"} <= set(own)
        assert all(run[kind] == finding for kind, finding in own.items())
        chance = {"few_trades", "few_sessions", "one_trade", "one_session"}
        assert set(run) - set(own) <= chance  # a window is no claim


def test_contradictions_are_told_alike(
    market: Path, swept: SweepResult, walked: WalkForward
) -> None:
    """One bar on each of three days, all of them tested; each of these trades lost $25."""
    run = run_of(market, {**SETTINGS, "exit.stop_loss": 0.05}, **DATES)
    whole, windows = walkforward_findings(walked).whole, walkforward_findings(walked).windows
    for findings in (run, sweep_findings(swept).best, whole):
        found = of_kind(findings, "contradictory")
        assert "on 3 bars" in found.text
        assert (found.trades, found.dollars) == (3, 3 * AT_STOP)
        days = [day.replace("-", "") for day in CONTRADICTING]
        assert [name[4:12] for name in found.order_ids] == days
    assert [of_kind(findings, "contradictory").trades for findings in windows[:1]] == [2]


def test_windows_add_up_to_the_whole(walked: WalkForward) -> None:
    found = walkforward_findings(walked)
    for kind in ("no_bid", "no_commission"):
        parts = [of_kind(findings, kind) for findings in found.windows]
        whole = of_kind(found.whole, kind)
        assert whole.trades == sum(part.trades or 0 for part in parts)
        assert round(whole.dollars or 0, 2) == round(sum(part.dollars or 0 for part in parts), 2)
        assert whole.order_ids == tuple(name for part in parts for name in part.order_ids)


def test_json_says_the_same(swept: SweepResult, walked: WalkForward) -> None:
    content: Any = sweep_content(swept)
    of_best = [one["dollars"] for one in content["summary"]["best"]["warnings"]]
    assert of_best == [finding.dollars for finding in sweep_findings(swept).best]
    (found,) = [one for one in content["warnings"] if one["kind"] == "same_trades"]
    assert "exit.stop_loss at 0.4 and 0.6" in found["text"]
    content = walkforward_content(walked)
    (whole,) = [one for one in content["warnings"] if one["kind"] == "no_bid"]
    assert (whole["trades"], whole["dollars"], whole["share"]) == (3, 705.0, 3 / 9)
    for window in content["windows"]:
        (own,) = [one for one in window["warnings"] if one["kind"] == "no_bid"]
        assert (own["trades"], own["dollars"]) == (1, 235.0)
        day = own["order_ids"][0][4:12]
        assert window["test_start"].replace("-", "") <= day
        assert day <= window["test_end"].replace("-", "")


def test_a_profit_that_stands_without_them_rests_on_nothing(walked: WalkForward) -> None:
    (found,) = [f for f in walkforward_findings(walked).whole if f.kind == "no_bid"]
    lucky = [trade for trade in walked.trades if trade.order_id in found.order_ids]
    assert resting_on([found], lucky) == (
        "3 of 3 trades on a leg without a bid made +$705.00, all others $0.00"
    )


def test_test_sessions_without_data_are_named(tmp_path: Path) -> None:
    """The first window tests 01-15, 01-20 and 01-21; 01-16 between them was not recorded."""
    market = planted_market(tmp_path, without="2026-01-16")
    plan = make_plan(RunConfig(**DATES, settings=SETTINGS), GRID)
    found = walkforward_findings(run_walkforward(market, plan, train=3, test=3, options=HOW))
    assert "1 of 9 sessions (11.1 %) had no data (2026-01-16)" in (
        of_kind(found.whole, "no_data").text
    )
    assert "1 of 4 sessions (25.0 %)" in of_kind(found.windows[0], "no_data").text
    assert all(one.kind != "no_data" for findings in found.windows[1:] for one in findings)
