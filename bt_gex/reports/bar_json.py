"""What the verbs print of a backtest over bars with --json."""

from __future__ import annotations

from bt_gex.compare.bars import BarComparison
from bt_gex.findings.bar_analysis import BarAnalysis, analyse_bars
from bt_gex.reports.as_json import warnings_of
from bt_gex.results.bar_folder import plain_metrics
from bt_gex.results.bar_result import BacktestRecord, BarRecord
from bt_gex.trades.codec import Json, plain, to_json


def symbol_content(record: BarRecord, analysis: BarAnalysis | None = None) -> dict[str, Json]:
    """One symbol: figures, trades, sessions, intervals, warnings."""
    known = analysis or analyse_bars(record)
    return {
        "run_id": record.run_id,
        "symbol": record.symbol,
        "strategy": record.strategy,
        "summary": record.statistics.to_json(),
        "trades": plain(record.trade_records),
        "days": plain(record.days),
        "bootstrap": to_json(known.bootstrap) if known.bootstrap else None,
        "r_intervals": to_json(known.intervals) if known.intervals else None,
        "warnings": warnings_of(known.findings),
    }


def backtest_content(run: BacktestRecord) -> dict[str, Json]:
    """All symbols, and what they come to together."""
    trades = run.trades
    return {
        "run_id": run.run_id,
        "strategy": str(run.config["strategy"]),
        "config": plain(run.config),
        "failed_symbols": dict(run.failed),
        "metrics": {one.symbol: plain_metrics(one.statistics) for one in run.symbols},
        "aggregated": {
            "total_symbols": len(run.symbols),
            "total_trades": len(trades),
            "total_r": run.total_r,
            "average_r": run.total_r / len(trades) if trades and run.total_r is not None else None,
            "total_pnl": sum(trade.pnl_dollars for trade in trades),
        },
        "symbols": [symbol_content(one) for one in run.symbols],
    }


def comparison_content(found: BarComparison) -> dict[str, Json]:
    """Two backtests: settings, data, and the trades that differ."""
    return {
        "a": found.name_a,
        "b": found.name_b,
        "identical": found.identical,
        "same": len(found.pairs) - len(found.changed),
        "difference_dollars": found.difference_cents / 100,
        "settings": {name: [plain(a), plain(b)] for name, (a, b) in found.settings.items()},
        "data": list(found.data),
        "changed": [
            {
                "order_id": pair.a.order_id,
                "changes": {name: [plain(a), plain(b)] for name, (a, b) in pair.changes.items()},
            }
            for pair in found.changed
        ],
        "only_a": plain(found.only_a),
        "only_b": plain(found.only_b),
    }
