"""The rules against a second implementation, on random markets and random settings.

Set BT_GEX_ORB_MARKETS for more of them than the default 60.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from orb_markets import random_market, random_settings
from orb_oracle import Oracle
from orb_tools import merged, real_bars, real_daily, rounded, session_row, trade_row

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import utc
from bt_gex.rules.opening_range.resolve import nested, params_from
from bt_gex.rules.opening_range.run import SymbolRun, run_symbol

MARKETS = int(os.environ.get("BT_GEX_ORB_MARKETS", "60"))


def oracle_rows(
    settings: dict[str, Any], bars: list[Bar], daily: list[Bar]
) -> tuple[list[Any], list[Any]]:
    oracle = Oracle(
        settings,
        [(utc(bar.ts_ns), *bar[1:]) for bar in bars],
        [(utc(row.ts_ns).date(), *row[1:5]) for row in daily],
    ).run()
    trades = [
        {
            "direction": t["side"],
            "gap_entry": t["gap"],
            "entry_timestamp": f"{t['ts']:%Y-%m-%dT%H:%M:%SZ}",
            "entry_price": t["fill"],
            "initial_stop": t["stop0"],
            "risk": t["risk"],
            "targets": t["targets"],
            "fills": t["fills"],
            "exit_reason": t["reason"],
            "realized_r": t["r"],
            "mfe_r": t["mfe"],
            "mae_r": t["mae"],
            "score": float(t["score"]),
            "required": t["required"],
            "factors": t["factors"],
        }
        for t in oracle.trades
    ]
    return rounded(trades), rounded(oracle.days)


def ours(run: SymbolRun, names: set[str]) -> tuple[list[Any], list[Any]]:
    trades = [
        {name: value for name, value in trade_row(trade).items() if name in names}
        for trade in run.trades
    ]
    return trades, [session_row(session) for session in run.sessions]


def assert_same(settings: dict[str, Any], bars: list[Bar], daily: list[Bar]) -> SymbolRun:
    params = params_from(settings)
    run = run_symbol(bars, daily, params)
    trades, days = oracle_rows(nested(params), bars, daily)
    found_trades, found_days = ours(run, set(trades[0]) if trades else set())

    assert found_days == days
    assert found_trades == trades
    return run


def test_random_markets() -> None:
    seen: set[str] = set()
    trades = 0
    for seed in range(MARKETS):
        rng = np.random.default_rng(seed)
        bars, daily = random_market(rng)
        for _ in range(3):
            run = assert_same(random_settings(rng), bars, daily)
            trades += len(run.trades)
            seen |= {trade.exit_reason for trade in run.trades}
            seen |= {str(session.reason) for session in run.sessions}
    assert trades > MARKETS
    assert seen >= {
        "stop", "breakeven_stop", "targets", "time_stop", "end_of_day", "end_of_data",
        "no ATR", "too narrow", "too wide",
    }  # fmt: skip


@pytest.mark.parametrize("symbol", ["SPY", "IBM", "AIG", "SHY", "TWX"])
def test_real_days_without_recorded_answers(symbol: str) -> None:
    """Settings no answers are recorded for: every factor on, and the tight ones."""
    every = {"factors": {"vwap": {"enabled": True}, "adx": {"enabled": True}}}
    tight = {
        "trade": {
            "stop_mode": "atr_capped",
            "atr_stop_cap_mult": 0.1,
            "trail_atr_mult": 0.15,
            "max_minutes": 60,
        },
        "governance": {"max_daily_loss_r": 1.5, "carry_losses": True},
        "scoring": {"enabled": False},
    }
    for settings in (every, tight, merged(tight, {"backtest": {"conservative_fills": False}})):
        daily = [row for row in real_daily(symbol) if utc(row.ts_ns).year >= 2013]
        assert_same(settings, list(real_bars(symbol)), daily)
