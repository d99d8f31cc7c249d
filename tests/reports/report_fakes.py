"""A small result, written by hand, in the shape of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from record_fakes import fake_decision, fake_session, fake_statistics, fake_trade

from bt_gex.config.run_config import RunConfig
from bt_gex.results.result import RunResult
from bt_gex.stats.summary import SPREAD_GROUPINGS, grouped, summarise

CONFIG: dict[str, Any] = RunConfig(
    start=date(2026, 1, 12), end=date(2026, 1, 13), settings={"entry.times": ["09:36", "10:00"]}
).resolved()


WON = fake_trade(
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
LOST = fake_trade("SPX-lost", unpriced_bars=2, flags=["stale_settlement", "unpriced_bars"])
UNRESOLVED = fake_trade(
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

SESSIONS = (
    fake_session(
        "2026-01-12",
        notes=["peaks computed from the option chains"],
        quality={"quote rows": 4000, "crossed": 120},
    ),
    fake_session(
        "2026-01-13",
        status="no data",
        checks=0,
        entries=0,
        trades_pnl_dollars=0.0,
        bars=0,
        priced_pct=None,
        quality={},
    ),
)
QUALITY = {"quote rows": 4000, "crossed": 120, "NULL vix": 0}


REASONS = {
    "SPX 61pts from pin [zone] too far, skip (limit: 50pts)": 3,
    "SPX 52pts from pin": 1,
    "SPX 53pts from pin": 1,
    "SPX 54pts from pin": 1,
    "SPX 55pts from pin": 1,
}
DECISIONS = [
    *(fake_decision(reason=text) for text, times in REASONS.items() for _ in range(times)),
    *(fake_decision(kind="no quote", reason="no quote: 6955P") for _ in range(3)),
]


def two_trades() -> RunResult:
    """One winner of $215.00, one loser of $45.00, one session without data."""
    statistics = fake_statistics(
        funnel={"unpriced_bars": 2}, sessions=SESSIONS, data_quality=QUALITY
    )
    return RunResult(
        run_id="SPX-20260112-20260113-a1b2c3",
        config=CONFIG,
        source={},
        statistics=statistics,
        trade_records=[LOST, WON],
        decision_records=DECISIONS,
        equity_table=equity([("2026-01-12", 780)]),
        marks_table=marks("SPX-lost", "2026-01-12 14:36", [2.55, 2.30, None, None, 2.45, 2.75]),
        market_table=market([("2026-01-12", 780)]),
    )


def no_trades() -> RunResult:
    """Twelve checks, none of which became a trade."""
    result = two_trades()
    statistics = replace(
        result.statistics,
        totals=summarise([], balance=25_000.0),
        groups=grouped([], SPREAD_GROUPINGS),
        max_drawdown_mtm=0.0,
        funnel=replace(
            result.statistics.funnel,
            entries=0,
            skips=12,
            success_rate=0.0,
            skips_by_kind={"too far from pin": 9, "no quote": 3},
        ),
    )
    return replace(
        result,
        statistics=statistics,
        trade_records=[],
        equity_table=arrow(result.equity.assign(equity=25_000.0, closed_equity=25_000.0)),
        marks_table=result.marks_table.slice(0, 0),
    )


def with_statistics(result: RunResult, **changes: Any) -> RunResult:
    """The result with some of its statistics replaced."""
    return replace(result, statistics=replace(result.statistics, **changes))


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
