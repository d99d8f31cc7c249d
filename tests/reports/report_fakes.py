"""A small result, written by hand, in the shape of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from typed_records import spread_trade

from bt_gex.config.run_config import RunConfig
from bt_gex.results.result import RunResult
from bt_gex.trades.records import SpreadTrade

CONFIG: dict[str, Any] = RunConfig(
    start=date(2026, 1, 12), end=date(2026, 1, 13), settings={"entry.times": ["09:36", "10:00"]}
).resolved()


def trade(order_id: str, **other: Any) -> SpreadTrade:
    values = {
        "order_id": order_id,
        "timestamp_entry": "2026-01-12T14:36:00+00:00",
        "timestamp_exit": "2026-01-12T14:38:30+00:00",
        "strategy": "PUT",
        "direction": "BULLISH",
        "confidence": "MEDIUM",
        "strikes": [6955, 6945],
        "entry_credit": 2.35,
        "exit_value": 2.80,
        "quantity": 1,
        "index_symbol": "SPX",
        "expiration": "2026-01-12",
        "pnl_dollars": -45.0,
        "pnl_percent": -19.15,
        "exit_reason": "Stop Loss",
        "time_alive_minutes": 2.5,
        "pin": 6985.0,
        "spot_entry": 6962.16,
        "vix_entry": 14.62,
        "distance": -23,
        "width": 10.0,
        "commission_dollars": 0.0,
        "mae_dollars": -40.0,
        "mfe_dollars": 5.0,
        "max_loss_dollars": 765.0,
        "flags": [],
        "unpriced_bars": 0,
        "clamped_bars": 0,
        "spot_exit": 6960.5,
        "vix_exit": 15.01,
        "leg_quotes": [[5.1, 5.3, 5.4, 5.6], [2.55, 2.75, 2.8, 3.0]],
        **other,
    }
    return spread_trade(values)


WON = trade(
    "SPX-won",
    timestamp_entry="2026-01-12T15:00:00+00:00",
    timestamp_exit="2026-01-12T15:30:00+00:00",
    strategy="IC",
    direction="NEUTRAL",
    confidence="HIGH",
    strikes=[7000, 7010, 6960, 6950],
    entry_credit=4.25,
    exit_value=2.10,
    pnl_dollars=215.0,
    pnl_percent=50.59,
    exit_reason="Profit Target",
    time_alive_minutes=30.0,
    pin=6980.0,
    distance=3,
    max_loss_dollars=575.0,
    mae_dollars=-30.0,
    mfe_dollars=220.0,
    leg_quotes=[
        [4.0, 4.2, 2.0, 2.1],
        [1.9, 2.0, 1.0, 1.1],
        [3.9, 4.1, 1.8, 1.9],
        [1.6, 1.65, 0.8, 0.9],
    ],
)
LOST = trade("SPX-lost", unpriced_bars=2, flags=["stale_settlement", "unpriced_bars"])
UNRESOLVED = trade(
    "SPX-open",
    timestamp_entry="2026-01-13T15:00:00+00:00",
    timestamp_exit="2026-01-13T21:00:00+00:00",
    exit_value=None,
    pnl_dollars=None,
    pnl_percent=None,
    exit_reason="Unresolved",
    time_alive_minutes=360.0,
    spot_exit=None,
    leg_quotes=[[5.1, 5.3, None, None], [2.55, 2.75, None, None]],
)

SESSIONS: list[dict[str, Any]] = [
    {
        "session": "2026-01-12",
        "status": "traded",
        "checks": 12,
        "entries": 2,
        "trades_pnl_dollars": 170.0,
        "bars": 780,
        "priced_pct": 97.1,
        "notes": ["peaks computed from the option chains"],
        "quality": {"quote rows": 4000, "crossed": 120},
    },
    {
        "session": "2026-01-13",
        "status": "no data",
        "checks": 0,
        "entries": 0,
        "trades_pnl_dollars": 0.0,
        "bars": 0,
        "priced_pct": None,
        "notes": [],
        "quality": {},
    },
]
FUNNEL: dict[str, Any] = {
    "bars": 780,
    "checks": 12,
    "entries": 2,
    "skips": 10,
    "success_rate": 2 / 12,
    "skips_by_kind": {"too far from pin": 7, "no quote": 3},
    "skips_by_reason": {
        "SPX 61pts from pin [zone] too far, skip (limit: 50pts)": 3,
        "no quote: 6955P": 3,
        "SPX 52pts from pin": 1,
        "SPX 53pts from pin": 1,
        "SPX 54pts from pin": 1,
        "SPX 55pts from pin": 1,
    },
    "unpriced_bars": 2,
    "clamped": 0,
    "unresolved": 0,
}


def group(count: int, winners: int, pnl: float) -> dict[str, Any]:
    return {"count": count, "winners": winners, "win_rate": winners / count, "pnl": pnl}


def two_trades() -> RunResult:
    """One winner of $215.00, one loser of $45.00, one session without data."""
    summary = {
        "total_trades": 2,
        "winners": 1,
        "losers": 1,
        "breakeven": 0,
        "unresolved": 0,
        "win_rate": 0.5,
        "total_pnl": 170.0,
        "avg_win": 215.0,
        "avg_loss": 45.0,
        "max_win": 215.0,
        "max_loss": -45.0,
        "profit_factor": 215 / 45,
        "max_drawdown": 45.0,
        "max_drawdown_mtm": 60.0,
        "final_balance": 25_170.0,
        "return_pct": 0.68,
        "by_strategy": {"IC": group(1, 1, 215.0), "PUT": group(1, 0, -45.0)},
        "by_confidence": {"HIGH": group(1, 1, 215.0), "MEDIUM": group(1, 0, -45.0)},
        "by_exit_reason": {"Profit Target": group(1, 1, 215.0), "Stop Loss": group(1, 0, -45.0)},
        "by_entry_time": {"09:36": group(1, 0, -45.0), "10:00": group(1, 1, 215.0)},
        "by_weekday": {"Mon": group(2, 1, 170.0)},
        "funnel": FUNNEL,
        "sessions": SESSIONS,
        "warnings": ["1 of 2 sessions (50.0 %) had no data (2026-01-13): it covers less."],
        "data_quality": {"quote rows": 4000, "crossed": 120, "NULL vix": 0},
    }
    return RunResult(
        run_id="SPX-20260112-20260113-a1b2c3",
        config=CONFIG,
        source={},
        summary=summary,
        trade_records=[LOST, WON],
        decision_records=[],
        equity_table=equity([("2026-01-12", 780)]),
        marks_table=marks("SPX-lost", "2026-01-12 14:36", [2.55, 2.30, None, None, 2.45, 2.75]),
        market_table=market([("2026-01-12", 780)]),
    )


def no_trades() -> RunResult:
    """Twelve checks, none of which became a trade."""
    result = two_trades()
    zero: dict[str, Any] = {
        name: {} if isinstance(value, dict) else 0
        for name, value in result.summary.items()
        if name not in ("funnel", "sessions", "warnings", "data_quality")
    }
    kinds = {"too far from pin": 9, "no quote": 3}
    funnel = {"entries": 0, "skips": 12, "success_rate": 0.0, "skips_by_kind": kinds}
    summary = zero | {"profit_factor": None, "final_balance": 25_000.0, "funnel": FUNNEL | funnel}
    return replace(
        result,
        summary=result.summary | summary,
        trade_records=[],
        equity_table=arrow(result.equity.assign(equity=25_000.0, closed_equity=25_000.0)),
        marks_table=result.marks_table.slice(0, 0),
    )


def market(sessions: list[tuple[str, int]]) -> pa.Table:
    """An index price that rises by 0.01 a tick from 6960, VIX 14.6, pin 6980."""
    ticks = equity(sessions).select(["time", "session"])
    number = len(ticks)
    return (
        ticks.append_column("spot", pa.array(6960.0 + 0.01 * np.arange(number)))
        .append_column("vix", pa.array(np.full(number, 14.6)))
        .append_column("pin", pa.array(np.full(number, 6980.0)))
    )


def arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def equity(sessions: list[tuple[str, int]]) -> pa.Table:
    """Ticks of sessions of so many bars; $45 are lost at 09:38:30 and $215 won at 10:30."""
    frames = []
    for day, bars in sessions:
        first = pd.Timestamp(f"{day} 09:30", tz="America/New_York").tz_convert("UTC")
        times = pd.date_range(first, periods=bars + 1, freq="30s", unit="ns")
        frames.append(pd.DataFrame({"time": times, "session": day}))
    table = pd.concat(frames, ignore_index=True)
    row = np.arange(len(table))
    closed = 25_000.0 - np.where(row >= 17, 45.0, 0.0) + np.where(row >= 120, 215.0, 0.0)
    whole = table.assign(
        equity=np.where(row == 15, 24_940.0, closed),
        cash=closed,
        margin_dollars=0.0,
        closed_equity=closed,
        open_spreads=0,
    )
    return arrow(whole)


def marks(order_id: str, first: str, values: list[float | None]) -> pa.Table:
    times = pd.date_range(pd.Timestamp(first, tz="UTC"), periods=len(values), freq="30s").as_unit(
        "ns"
    )
    frame = {"order_id": order_id, "time": times, "value": np.array(values, dtype=float)}
    return arrow(pd.DataFrame(frame))
