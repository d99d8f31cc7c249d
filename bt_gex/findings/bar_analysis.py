"""Everything a report says of a symbol's backtest beyond what the run itself wrote down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bt_gex.findings.finding import Finding
from bt_gex.findings.of_bars import findings_of_backtest
from bt_gex.market.calendar import instant_ns
from bt_gex.results.bar_result import BarRecord
from bt_gex.stats.attribution import (
    Bucket,
    FactorEffect,
    RangeStatistics,
    factor_effects,
    range_statistics_of,
    score_buckets,
)
from bt_gex.stats.bar_stats import RIntervals, r_intervals
from bt_gex.stats.bootstrap import Bootstrap, SessionFigures, bootstrap, session_figures
from bt_gex.stats.r_metrics import DrawdownPeriod, drawdown_periods
from bt_gex.stats.sharpe import SharpeFigures, session_returns, sharpe_figures
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.trades.bar_trades import BarTrade

FACTORS = ("price_action", "rel_vol", "profile", "vwap", "adx")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarAnalysis:
    """Statistics of a symbol's trades, ready to be shown.

    bootstrap, intervals  in dollars, and in R; None where there is too little to resample
    effects, buckets, ranges  of the opening range; empty and None for other strategies
    drawdowns             in R, every stretch below the peak
    """

    bootstrap: Bootstrap | None
    intervals: RIntervals | None
    sharpe: SharpeFigures
    effects: list[FactorEffect]
    buckets: list[Bucket]
    ranges: RangeStatistics | None
    drawdowns: list[DrawdownPeriod]
    findings: list[Finding]


def analyse_bars(record: BarRecord) -> BarAnalysis:
    """Work out what a report says."""
    by_session = trades_by_session(record)
    intervals = None
    if record.has_r:
        intervals = r_intervals([[t.realized_r or 0.0 for t in own] for own in by_session.values()])
    return BarAnalysis(
        bootstrap=bootstrap(sessions_of(record, by_session), balance=record.balance),
        intervals=intervals,
        sharpe=sharpe_figures(
            session_returns(list(record.daily_pnl.values()), record.balance),
            trials=1,
            variance=None,
        ),
        **_of_ranges(record),
        drawdowns=drawdown_periods(rs_of(record.trade_records)) if record.has_r else [],
        findings=findings_of_backtest(record, intervals),
    )


def rs_of(trades: Sequence[BarTrade]) -> list[float]:
    """R of trades that all have one."""
    return [trade.realized_r or 0.0 for trade in trades]


def _of_ranges(record: BarRecord) -> dict[str, Any]:
    """Effects, buckets and ranges; nothing for a strategy without an opening range."""
    if not record.days:
        return {"effects": [], "buckets": [], "ranges": None}
    pairs = [(trade.range_entry, trade) for trade in record.trade_records]
    entries = [entry for entry, _ in pairs if entry is not None]
    rs = rs_of([trade for entry, trade in pairs if entry is not None])
    return {
        "effects": factor_effects(rs, [entry.factors for entry in entries], FACTORS),
        "buckets": score_buckets([float(entry.score) for entry in entries], rs),
        "ranges": range_statistics_of(
            [day.reason for day in record.days], [day.width_atr for day in record.days]
        ),
    }


def trades_by_session(record: BarRecord) -> dict[str, list[BarTrade]]:
    """Trades closed in each session, every session there."""
    stamps = to_numpy(record.bars_table["time"])
    names = record.bars_table["session"].to_pylist()
    found: defaultdict[str, list[BarTrade]] = defaultdict(list)
    for trade in record.trade_records:
        ns = instant_ns(trade.timestamp_exit)
        row = max(int(np.searchsorted(stamps, ns, side="right")) - 1, 0)
        found[names[row]].append(trade)
    return {
        row.session.isoformat(): found[row.session.isoformat()]
        for row in record.statistics.sessions
    }


def sessions_of(record: BarRecord, by_session: dict[str, list[BarTrade]]) -> list[SessionFigures]:
    """What each session adds to a path of the bootstrap."""
    rows = rows_by_name(record.equity_table["session"])
    equity = np.round(to_numpy(record.equity_table["equity"]) * 100).astype(np.int64)
    start = round(record.balance * 100)
    found = []
    for session, trades in by_session.items():
        levels = equity[rows[session]]
        found.append(session_figures(trades, levels - start))
        start = int(levels[-1])
    return found
