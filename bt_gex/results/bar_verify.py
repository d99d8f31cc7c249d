"""Whether what a backtest over bars has stored agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bt_gex.results.bar_folder import (
    ALL_TRADES,
    RUN,
    TRADES,
    folder_of,
    is_backtest,
    plain_metrics,
    read_backtest,
    read_symbol,
)
from bt_gex.results.bar_result import BacktestRecord, BarRecord, statistics_of
from bt_gex.results.bar_tables import equity_by_trade, trade_table, trades_csv
from bt_gex.results.verify import differing
from bt_gex.stats.summary import max_drawdown_dollars
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.storage.reading import read_mapping, read_table

Faults = Iterator[str]
EXACT = 1e-6


def verify_backtest(place: Path) -> Faults:
    """Of the folder of a run, or of one symbol. Raises OutputError when it cannot be read."""
    if not is_backtest(place):
        yield from verify_symbol(place, read_symbol(place))
        return
    run = read_backtest(place)
    for one in run.symbols:
        for line in verify_symbol(place / folder_of(one.symbol), one):
            yield f"{one.symbol}: {line}"
        yield from _beside(place, one)
    yield from _whole(place, run)


def verify_symbol(place: Path, record: BarRecord) -> Faults:
    """Statistics, tables and the account against the trades."""
    stored = record.statistics
    equity = to_numpy(record.equity_table["equity"])
    again = statistics_of(
        record.trade_records,
        stored.sessions,
        stored.skips,
        record.balance,
        max_drawdown_dollars(np.append(record.balance, equity)),
    )
    yield from differing(f"{TRADES}, summary", stored.to_json(), again.to_json())
    yield from _trades(record)
    has_range = bool(record.days)
    if read_table(place / "trades.parquet") != trade_table(record.trade_records, has_range):
        yield f"trades.parquet differs from {TRADES}"
    if (place / "trades.csv").read_text("utf-8") != trades_csv(record.trade_records, has_range):
        yield f"trades.csv differs from {TRADES}"
    closed = to_numpy(record.equity_table["closed_equity"])
    made = record.balance + sum(trade.pnl_dollars for trade in record.trade_records)
    if len(closed) and abs(closed[-1] - made) > 0.005 + EXACT:
        yield f"equity.parquet: ends at {closed[-1]:.2f}, the trades at {made:.2f}"
    in_sessions = sum(row.trades for row in stored.sessions)
    if in_sessions != len(record.trade_records):
        yield f"{TRADES}: sessions have {in_sessions} trades, there are {len(record.trade_records)}"


def _trades(record: BarRecord) -> Faults:
    """Each trade's quantities, profit and R against its fills."""
    for trade in record.trade_records:
        what = f"{TRADES}, trade {trade.order_id}"
        sold = sum(fill.quantity for fill in trade.fills)
        worth = trade.sign * trade.point_value
        made = sum(worth * f.quantity * (f.price - trade.entry_price) for f in trade.fills)
        if abs(sold - trade.quantity) > EXACT * trade.quantity:
            yield f"{what}: {sold:g} closed of {trade.quantity:g}"
        own_costs = trade.risk is None  # of a strategy whose broker may take a commission
        if not own_costs and abs(made - trade.pnl_dollars) > EXACT * max(1.0, abs(made)):
            yield f"{what}: pnl_dollars is {trade.pnl_dollars:g}, by its fills {made:g}"
        if trade.risk is not None and trade.realized_r is not None:
            r = trade.pnl_dollars / (trade.risk * trade.quantity * trade.point_value)
            if abs(r - trade.realized_r) > EXACT:
                yield f"{what}: realized_r is {trade.realized_r:g}, by its dollars {r:g}"


def _beside(place: Path, one: BarRecord) -> Faults:
    """The files of a symbol in the folder of the run."""
    name = folder_of(one.symbol)
    stored = read_mapping(place / f"{name}_metrics.json")
    yield from differing(f"{name}_metrics.json", stored, plain_metrics(one.statistics))
    table = trade_table(one.trade_records, bool(one.days))
    if read_table(place / f"{name}_trades.parquet") != table:
        yield f"{name}_trades.parquet differs from {name}/{TRADES}"
    if read_table(place / f"{name}_equity.parquet") != equity_by_trade(one.trade_records):
        yield f"{name}_equity.parquet differs from {name}/{TRADES}"


def _whole(place: Path, run: BacktestRecord) -> Faults:
    """The files of all symbols together."""
    trades = run.trades
    has_range = any(one.days for one in run.symbols)
    if (place / ALL_TRADES).read_text("utf-8") != trades_csv(trades, has_range):
        yield f"{ALL_TRADES} differs from the trades of the symbols"
    if read_table(place / "combined_equity.parquet") != equity_by_trade(trades):
        yield "combined_equity.parquet differs from the trades of the symbols"
    about = read_mapping(place / RUN)
    if about.get("config_hash") != run.run_config.config_hash:
        found = run.run_config.config_hash
        yield f"{RUN}: config_hash is {about.get('config_hash')}, of this configuration {found}"
