"""One variant on backtrader: its configuration over sessions that are loaded, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bt_gex.analyzers.account import rebuild_equity
from bt_gex.analyzers.trades import Marks
from bt_gex.config.run_config import RunConfig
from bt_gex.runs.replay import run
from bt_gex.sessions.day import Day
from bt_gex.stats.metrics import variant_metrics
from bt_gex.stats.summary import funnel, max_drawdown_dollars, pnl_cents, resolved
from bt_gex.sweeps.same_trades import TRADES_ID, trades_id_of
from bt_gex.trades.records import Decision, SpreadTrade

Metrics = dict[str, Any]
FUNNEL_METRICS = ("checks", "entries", "unpriced_bars", "clamped")
SESSION_PNL = "session_pnl_cents"  # P&L of each session with data; no column of a table


def evaluate(config: RunConfig, days: Sequence[Day], every_bar: bool = False) -> Metrics:
    """Replay a configuration over loaded sessions; its metrics."""
    played = [day for day in days if day.has_data]
    if not played:
        return metrics_of(config, [], [], [], [])
    return measure(config, played, run(config, played, every_bar))


def measure(config: RunConfig, days: Sequence[Day], strategy: Any) -> Metrics:
    """Metrics of a strategy that has run with the analyzers of a replay."""
    found = strategy.analyzers
    return metrics_of(config, days, found.trades.records, found.trades.marks, found.funnel.records)


def metrics_of(
    config: RunConfig,
    days: Sequence[Day],
    trades: Sequence[SpreadTrade],
    marks: Sequence[Marks],
    decisions: Sequence[Decision],
) -> Metrics:
    """Metrics of trades (in order of entry) over sessions."""
    pnls = [pnl_cents(trade) for trade in resolved(trades)]
    balance = config.account.balance
    bars = sum(day.session.bars for day in days)
    checks = funnel(decisions, trades, bars)
    return {
        **variant_metrics(
            np.array(pnls, dtype=np.int64),
            unresolved=len(trades) - len(pnls),
            balance=balance,
            max_drawdown_mtm=marked_drawdown(days, marks, balance),
        ),
        **{name: getattr(checks, name) for name in FUNNEL_METRICS},
        "contradictory_bars": checks.unpriced_by_kind.contradictory,
        SESSION_PNL: session_pnl_cents(days, trades),
        TRADES_ID: trades_id_of(trades, balance),
    }


def session_pnl_cents(days: Sequence[Day], trades: Sequence[SpreadTrade]) -> list[int]:
    """P&L of each session in order; unresolved trades count as nothing."""
    cents = dict.fromkeys((day.session.day for day in days), 0)
    for trade in trades:
        cents[trade.expiration] += pnl_cents(trade)
    return list(cents.values())


def marked_drawdown(days: Sequence[Day], marks: Sequence[Marks], balance: float) -> float:
    """Largest fall of the account marked at every tick; dollars."""
    stamps = np.concatenate([np.empty(0, np.int64), *(day.grid for day in days)])
    equity = np.round(rebuild_equity(stamps, marks, balance)["equity"], 2)
    return max_drawdown_dollars(np.append(balance, equity))
