"""One-sided and contradicting quotes, planted: every engine makes the same trades of them.

Each session sells the put spread at 09:36 for 1.20 - 0.10 points. From 09:37 to 09:39 its legs
contradict each other, from 09:40 to 09:42 the short leg has an ask and no bid; at 09:43 it stands
at 0.40 and the profit is taken: 0.40 + 0.10 is paid, a profit of $60. At 10:00 the legs contradict
each other again, at 10:30 the short leg has no bid: two skips. As version 1 read them, the spread
was bought back at 09:37 for nothing, a profit of $110.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from defects.handmade_market import LONG, SHORT, Market, put_spread

from bt_gex import RunConfig, RunResult, replay
from bt_gex.sweeps.plan import make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import run_walkforward

SESSIONS = ("2026-01-12", "2026-01-13", "2026-01-14", "2026-01-15")
DATES: dict[str, Any] = {"start": SESSIONS[0], "end": SESSIONS[-1]}
SETTINGS = {"entry.times": ["09:36", "10:00", "10:30"]}
AS_VERSION_1 = {"data.one_sided_max_ask": None, "data.trade_contradictions": True}
GRID: dict[str, Any] = {"exit.profit_target_high": [0.5, 0.4]}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = Market(tmp_path_factory.mktemp("doubtful"))
    contradiction = put_spread(-0.5, 0.05)
    for day in SESSIONS:
        found.on(day).known_all_day(until="11:00")
        found.quotes("09:36", "09:36", put_spread(1.2, 0.05))
        found.quotes("09:37", "09:39", contradiction)
        found.quotes("09:40", "09:42", {SHORT: (0.0, 1.8), LONG: (0.8, 0.9)})
        found.quotes("09:43", "09:50", put_spread(0.4, 0.05))
        found.quotes("10:00", "10:00", contradiction)
        found.quotes("10:30", "10:30", {SHORT: (None, 2.2), LONG: (0.95, 1.0)})
    return found.save()


def run(market: Path, settings: dict[str, Any]) -> RunResult:
    config = RunConfig(settings={**SETTINGS, **settings}, **DATES)
    return replay(market, config, use_cache=False)


def swept(market: Path, out: Path, settings: dict[str, Any], **how: Any) -> SweepResult:
    plan = make_plan(RunConfig(settings={**SETTINGS, **settings}, **DATES), GRID)
    folder = run_sweep(market, plan, out, SweepOptions(use_cache=False, **how)).folder
    assert folder
    return SweepResult.load(folder)


def test_by_hand(market: Path) -> None:
    result = run(market, {})
    assert [trade.pnl_dollars for trade in result.trade_records] == [60.0] * 4
    for trade in result.trade_records:
        kinds = trade.unpriced_by_kind
        assert kinds
        # bars from 09:37:00 to 09:39:30, and to 09:42:30
        assert (kinds.contradictory, kinds.no_quote, kinds.leg_ages_apart) == (6, 6, 0)
    assert result.statistics.funnel.skips_by_kind == {"contradictory quotes": 4, "no quote": 4}
    first = run(market, AS_VERSION_1)
    assert [t.pnl_dollars for t in first.trade_records[:1]] == [110.0]


@pytest.mark.parametrize("settings", [{}, AS_VERSION_1], ids=["now", "version 1"])
def test_every_engine_agrees(market: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    alone = swept(market, tmp_path / "alone", settings, workers=1)
    pool = swept(market, tmp_path / "pool", settings, workers=2)
    compiled = swept(market, tmp_path / "compiled", settings, workers=1, engine="compiled")
    assert alone.rows == pool.rows == compiled.rows
    result = run(market, settings)
    baseline = next(row for row in alone.rows if row["tag"] == "baseline")
    assert baseline["total_pnl"] == result.statistics.totals.total_pnl
    kinds = result.statistics.funnel.unpriced_by_kind
    assert baseline["contradictory_bars"] == kinds.contradictory
    for found in (alone, pool, compiled):
        assert found.trades[baseline["variant_id"]] == result.trade_records


def test_a_walk_forward_makes_the_trades_of_runs(market: Path) -> None:
    plan = make_plan(RunConfig(settings=SETTINGS, **DATES), GRID)
    options = SweepOptions(workers=1, use_cache=False)
    walked = run_walkforward(market, plan, train=2, test=1, options=options)
    tested = [
        trade for trade in run(market, {}).trade_records if str(trade.expiration) > "2026-01-13"
    ]
    assert walked.trades == tested
