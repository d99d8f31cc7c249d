"""The compiled engine against the replay on backtrader: the same trades, skips and figures."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty
from test_against_oracle import CHOICES, FILLS, RANGES

from bt_gex import RunConfig
from bt_gex.blackbox.recording import Recording
from bt_gex.errors import BadValue, EngineError
from bt_gex.market.money import to_cents
from bt_gex.runs.replay import load_days, run
from bt_gex.sessions.day import Day
from bt_gex.sweeps import compiler, kernel
from bt_gex.sweeps.compiled import CompiledEngine
from bt_gex.sweeps.evaluate import evaluate

pytest.importorskip("numba", reason="the compiled engine needs numba, which is not installed")

TRIES = int(os.environ.get("BT_GEX_COMPILED_TRIES", "30"))  # configurations a market
MARKETS = (  # seed, index, dates
    (1, "SPX", RANGES[0]),
    (2, "NDX", RANGES[1]),
    (3, "SPX", RANGES[2]),
    (4, "NDX", RANGES[3]),
    (5, "SPX", RANGES[4]),
    (6, "NDX", RANGES[4]),
)
MORE: dict[str, tuple[Any, ...]] = {
    "fills.latency_bars": (1, 2, 7, 60, 61, 300),
    "entry.times": ("09:36", "09:30,09:30:30,09:31,09:31:30", "10:00,12:00,12:30,15:00,15:29:30"),
    "account.sizing": ("half-kelly",),
    "account.balance": (400, 1_000, 5_000, 123_456.78),
    "account.quantity": (2, 7, 40),
    "kelly.window": (2, 5),
    "kelly.min_trades": (1, 3),
    "kelly.stop_below": (0.9, 1.0),
    "kelly.max_contracts": (1, 9),
}
READING = ("data.", "entry.use_competing_peaks")  # settings of the days, not of the engine


@pytest.fixture(scope="module", params=MARKETS, ids=lambda m: f"{m[1]}-{m[2][0]}")
def market(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunConfig, list[Day]]]:
    seed, index, (start, end) = request.param
    path = tmp_path_factory.mktemp("compiled") / "nasty.db"
    nasty.make(path, seed, indexes=(index,), start=start, end=end)
    config = RunConfig(
        index=index, start=start, end=end,
        settings={"entry.use_competing_peaks": seed % 2 == 0, "data.quote_max_age_s": 90 + seed},
    )  # fmt: skip
    with Recording(path) as recording:
        yield config, [day for day in load_days(recording, config) if day.has_data]


def random_changes(rng: random.Random) -> dict[str, Any]:
    choices = {k: v for k, v in {**CHOICES, **MORE}.items() if not k.startswith(READING)}
    changed = {name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.25}
    return {**rng.choice(FILLS), **changed}


def test_the_same_as_a_replay(market: tuple[RunConfig, list[Day]]) -> None:
    base, days = market
    engine = CompiledEngine(days)
    rng = random.Random(repr(base.resolved()))
    traded, skipped = 0, Counter[str]()
    for _ in range(TRIES):
        changes = random_changes(rng)
        config = base.with_settings(changes)
        ours, strategy = engine.run(config), run(config, days)
        theirs = strategy.analyzers.trades.records
        assert ours.records() == theirs, changes
        skips = Counter(r.kind for r in strategy.analyzers.funnel.records if r.kind)
        assert ours.skips_by_kind() == dict(skips), changes
        assert ours.metrics() == evaluate(config, days), changes
        traded += len(theirs)
        skipped += skips
    assert traded > TRIES  # or the comparison has compared nothing
    assert len(skipped) >= 3


def test_every_way_out_and_every_refusal_has_been_compared(
    tmp_path: Path, market: tuple[RunConfig, list[Day]]
) -> None:
    """Across the choices above the markets give exits and skips of most kinds."""
    base, days = market
    engine = CompiledEngine(days)
    reasons = {trade.exit_reason for trade in engine.run(base).records()}
    assert len(reasons) >= 2


def test_nothing_settles_without_a_price(
    market: tuple[RunConfig, list[Day]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unresolved trades: without a settlement price, and with exits that never come."""
    base, days = market
    settings = {
        "exit.profit_target_high": 1.0, "exit.profit_target_medium": 1.0, "exit.stop_loss": 100,
        "exit.emergency_stop": 100, "exit.end_of_day_minutes": 0, "account.sizing": "half-kelly",
    }  # fmt: skip
    config = base.with_settings(settings)
    from bt_gex.market.settlement import Settlement

    monkeypatch.setattr(Day, "settlement", lambda self: Settlement(float("nan"), "none"))
    ours = CompiledEngine(days).run(config)
    assert ours.records() == run(config, days).analyzers.trades.records
    assert ours.metrics() == evaluate(config, days)
    assert ours.metrics()["unresolved"] > 0


def test_the_loop_runs_uncompiled_too(market: tuple[RunConfig, list[Day]]) -> None:
    """What is compiled is what stands there."""
    base, days = market
    compiled = CompiledEngine(days[:1])
    plain = CompiledEngine(days[:1])
    plain._functions = {f.__name__: f for f in (kernel.simulate, kernel.marked_drawdown)}
    assert plain.run(base).records() == compiled.run(base).records()
    assert plain.run(base).metrics() == compiled.run(base).metrics()


@pytest.mark.parametrize("cents", [0.0, 2.345, 2.355, -382.775, 0.005, -0.005, 1e9 + 0.125, 2.5e-9])
def test_cents_are_rounded_alike(cents: float) -> None:
    assert compiler.compiled()["to_cents"](cents) == to_cents(cents)


def test_no_sessions(market: tuple[RunConfig, list[Day]]) -> None:
    run_of_nothing = CompiledEngine([]).run(market[0])
    assert run_of_nothing.records() == []
    assert run_of_nothing.metrics() == evaluate(market[0], [])


def test_an_amount_beyond_exact_arithmetic(market: tuple[RunConfig, list[Day]]) -> None:
    config = market[0].with_settings({"account.balance": 1e11})
    with pytest.raises(BadValue, match=r"counts up to .10,000,000,000 exactly"):
        CompiledEngine(market[1]).run(config)


def test_without_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler.compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(EngineError, match=r"install bt-gex\[fast\]"):
        compiler.compiled()
