"""The product against an independent implementation of the replay rules, trade by trade.

`oracle` shares no line with the package: plain Python, exact fractions, one row at a time. It
replays markets made by its own generator, whose stamps, gaps and quotes are as bad as they come.
"""

from __future__ import annotations

import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from oracle import nasty, semantics
from typed_records import decisions_of, trades_of

from bt_gex import RunConfig, RunResult, replay
from bt_gex.blackbox.recording import Recording
from bt_gex.runs.replay import load_days

CompiledEngine: Any = None
if find_spec("numba"):
    from bt_gex.sweeps.compiled import CompiledEngine  # type: ignore[no-redef]

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
EXACT = (
    "timestamp_entry",
    "timestamp_exit",
    "strategy",
    "direction",
    "confidence",
    "quantity",
    "index_symbol",
    "expiration",
    "exit_reason",
    "distance",
    "pin",
)
CLOSE = ("entry_credit", "exit_value", "pnl_percent", "time_alive_minutes", "width")
COUNTS = ("unpriced_bars", "unpriced_by_kind")
CENTS = ("pnl_dollars", "commission_dollars", "mae_dollars", "mfe_dollars", "max_loss_dollars")


def both(
    path: Path, index: str, start: str, end: str, settings: dict[str, Any]
) -> tuple[RunResult, Any]:
    config = RunConfig(index=index, start=start, end=end, settings=settings)
    return replay(path, config), semantics.replay(path, index, start, end, settings)


def assert_same(ours: RunResult, theirs: Any) -> None:
    def told(decision: dict[str, Any]) -> tuple[str, ...]:
        reason = decision["reason"]  # the wording behind these is each side's own
        kind = next(
            (name for name in ("margin", "no quote", "session over") if reason.startswith(name)),
            reason,
        )
        return decision["timestamp"], decision["outcome"], kind

    assert [told(d) for d in decisions_of(ours)] == [told(d) for d in theirs.decisions]
    assert len(trades_of(ours)) == len(theirs.trades)
    for trade, oracle in zip(trades_of(ours), theirs.trades, strict=True):
        where = (trade["order_id"], trade, oracle)
        assert list(trade["strikes"]) == list(oracle["strikes"]), where
        for name in (*EXACT, *COUNTS):
            assert trade[name] == oracle[name], (name, *where)
        for name in CLOSE:
            assert trade[name] == pytest.approx(oracle[name], abs=1e-6), (name, *where)
        for name in CENTS:
            assert trade[name] == pytest.approx(oracle[name], abs=0.0051), (name, *where)
    for name in ("total_trades", "winners", "losers", "breakeven"):
        assert ours.summary[name] == theirs.summary[name], name
    # The oracle adds unrounded P&L, the product what it has written: cents.
    apart = 0.011 + 0.005 * len(theirs.trades)
    for name in ("total_pnl", "max_drawdown", "max_drawdown_mtm", "final_balance"):
        assert ours.summary[name] == pytest.approx(theirs.summary[name], abs=apart), name


RANGES = (
    ("2024-11-27", "2024-12-02"),  # an early close
    ("2025-03-06", "2025-03-11"),  # the clocks go forward
    ("2024-07-02", "2024-07-05"),  # an early close and a holiday
    ("2025-12-23", "2025-12-26"),  # an early close and a holiday
    ("2026-01-12", "2026-01-14"),
)
FILLS = (
    {},
    {"fills.exit_slippage": 0.0},
    {"fills.entry_slippage": 0.0, "fills.exit_slippage": 0.0},
    {"fills.entry_slippage": 0.66, "fills.exit_slippage": 0.33},
    {"fills.entry_slippage": 1.25, "fills.exit_slippage": 1.5},
)
CHOICES: dict[str, tuple[Any, ...]] = {
    "fills.commission": (0.65, 1.0, 0.333),
    "fills.latency_bars": (1, 3, 60, 90),
    "exit.stop_loss": (0.05, 0.15, 0.3, 1.0),
    "exit.emergency_stop": (0.2, 0.6, 2.0),
    "exit.profit_target_high": (0.1, 0.3, 0.8, 1.0),
    "exit.profit_target_medium": (0.2, 0.9),
    "exit.end_of_day_minutes": (0, 5, 60, 120),
    "setup.ic_buffer": (5, 10, 15, 30),
    "setup.near_pin_max": (0, 3, 12),
    "setup.moderate_max": (10, 20),
    "setup.far_max": (30, 80),
    "setup.far_pin_buffer": (15, 35),
    "setup.far_spot_buffer": (5, 20),
    "setup.moderate_pin_buffer": (10, 20),
    "setup.moderate_spot_buffer": (4, 12),
    "setup.vix_threshold": (15.0, 30.0),
    "setup.parity": (True,),
    "entry.use_competing_peaks": (True,),
    "entry.max_open": (1, 2),
    "entry.min_credit": (0.5, 1.0),
    "data.quote_max_age_s": (45, 300),
    "data.context_max_age_s": (600, 7200),
    "data.one_sided_max_ask": (None, 0.05, 1.0),
    "data.max_spread_pct": (8, 60),
    "data.max_leg_age_gap_s": (0, 31, 62),
    "data.trade_contradictions": (True,),
    "account.quantity": (2, 7),
    "account.balance": (1000, 5000),
}


def random_settings(rng: random.Random) -> dict[str, Any]:
    changed = {name: rng.choice(values) for name, values in CHOICES.items() if rng.random() < 0.2}
    return {**rng.choice(FILLS), **changed}


@pytest.mark.parametrize("seed", range(int(os.environ.get("BT_GEX_ORACLE_SEEDS", "10"))))
def test_nasty_markets(seed: int, tmp_path: Path) -> None:
    """Ten by default; BT_GEX_ORACLE_SEEDS=500 for a night."""
    rng = random.Random(seed)
    start, end = RANGES[seed % len(RANGES)]
    path = tmp_path / "nasty.db"
    index = rng.choice(("SPX", "NDX"))
    nasty.make(path, seed, indexes=(index,), start=start, end=end)
    for settings in ({}, random_settings(rng)):
        ours, theirs = both(path, index, start, end, settings)
        assert_same(ours, theirs)
        if CompiledEngine is not None:
            config = RunConfig(index=index, start=start, end=end, settings=settings)
            with Recording(path) as recording:
                days = [day for day in load_days(recording, config) if day.has_data]
            assert CompiledEngine(days).run(config).records() == ours.trade_records


@pytest.mark.parametrize("seed", range(100, 105))
def test_visiting_every_bar_changes_nothing(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    start, end = RANGES[seed % len(RANGES)]
    path = tmp_path / "nasty.db"
    nasty.make(path, seed, start=start, end=end)
    for _ in range(3):
        config = RunConfig(start=start, end=end, settings=random_settings(rng))
        some, every = replay(path, config), replay(path, config, every_bar=True)
        assert some.run_id == every.run_id
        assert some.to_json() == every.to_json()
        assert some.decision_records == every.decision_records
        pd.testing.assert_frame_equal(some.equity, every.equity, check_exact=True)
        pd.testing.assert_frame_equal(some.marks, every.marks, check_exact=True)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("blackbox_spx_20180105.db", "2018-01-05", "2018-01-05"),
        ("blackbox_spxw_lean_202101.db", "2021-01-04", "2021-01-08"),
    ],
)
@pytest.mark.parametrize(
    "settings",
    [*FILLS, {"setup.ic_buffer": 5}, {"setup.vix_threshold": 40, "entry.max_open": 1}],
    ids=str,
)
def test_real_days(name: str, start: str, end: str, settings: dict[str, Any]) -> None:
    if not (REAL / name).exists():
        pytest.skip(f"the recorded day {name} is not on this machine")
    assert_same(*both(REAL / name, "SPX", start, end, settings))
