"""Trades, equity, sessions and factors of bar strategies as tables, and the CSV of all trades."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from bt_gex.market.calendar import instant_ns
from bt_gex.stats.r_metrics import TOLERANCE
from bt_gex.storage.arrow_arrays import column_of, to_arrow
from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay
from bt_gex.trades.codec import plain, to_json

UTC_TIME = pa.timestamp("ns", "UTC")
FACTORS = ("price_action", "rel_vol", "profile", "vwap", "adx")
TEXT, NUMBER, WHOLE, TRUTH = pa.string(), pa.float64(), pa.int64(), pa.bool_()

TRADE_COLUMNS: Mapping[str, pa.DataType] = {
    "trade_id": TEXT, "symbol": TEXT, "direction": TEXT, "quantity": NUMBER,
    "entry_timestamp": UTC_TIME, "exit_timestamp": UTC_TIME, "entry_price": NUMBER,
    "exit_price": NUMBER, "avg_exit_price": NUMBER, "initial_stop": NUMBER, "risk": NUMBER,
    "realized_r": NUMBER, "pnl": NUMBER, "mfe_r": NUMBER, "mae_r": NUMBER, "exit_reason": TEXT,
}  # fmt: skip
RANGE_COLUMNS: Mapping[str, pa.DataType] = {
    "gap_entry": TRUTH, "score": NUMBER, "required": WHOLE, "or_high": NUMBER, "or_low": NUMBER,
    "or_minutes": WHOLE, "atr": NUMBER, **{f"factor_{name}": TRUTH for name in FACTORS},
}  # fmt: skip
LAST_COLUMNS: Mapping[str, pa.DataType] = {"fills": TEXT}
CSV_FIRST = (
    "symbol", "direction", "quantity", "entry_timestamp", "entry_price", "exit_timestamp",
    "exit_price", "exit_reason", "pnl", "realized_r",
)  # fmt: skip
EQUITY_COLUMNS: Mapping[str, pa.DataType] = {
    "trade_number": WHOLE, "trade_id": TEXT, "symbol": TEXT, "entry_timestamp": UTC_TIME,
    "exit_timestamp": UTC_TIME, "realized_r": NUMBER, "cumulative_r": NUMBER,
    "running_max": NUMBER, "drawdown_r": NUMBER, "pnl": NUMBER, "cumulative_pnl": NUMBER,
}  # fmt: skip


def columns_of(has_range: bool) -> dict[str, pa.DataType]:
    """Columns of a table of trades."""
    return {**TRADE_COLUMNS, **(RANGE_COLUMNS if has_range else {}), **LAST_COLUMNS}


def trade_row(trade: BarTrade, has_range: bool) -> dict[str, object]:
    """A trade by column; instants as datetimes."""
    row: dict[str, object] = {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "direction": trade.direction,
        "quantity": trade.quantity,
        "entry_timestamp": trade.timestamp_entry,
        "exit_timestamp": trade.timestamp_exit,
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "avg_exit_price": trade.average_exit_price,
        "initial_stop": trade.initial_stop,
        "risk": trade.risk,
        "realized_r": trade.realized_r,
        "pnl": trade.pnl_dollars,
        "mfe_r": trade.mfe_r,
        "mae_r": trade.mae_r,
        "exit_reason": trade.exit_reason,
        "fills": json.dumps([_fill_json(plain(fill)) for fill in trade.fills]),
    }
    entry = trade.range_entry
    if has_range and entry is not None:
        row |= {name: getattr(entry, name) for name in RANGE_COLUMNS if hasattr(entry, name)}
        row |= {f"factor_{name}": name in entry.factors for name in FACTORS}
    return row


def _fill_json(fill: Any) -> Any:
    return {**fill, "timestamp": zulu(datetime.fromisoformat(fill["timestamp"]))}


def trade_table(trades: Sequence[BarTrade], has_range: bool) -> pa.Table:
    """Trades as columns."""
    columns = columns_of(has_range)
    return table_of([trade_row(trade, has_range) for trade in trades], columns)


def table_of(rows: Sequence[Mapping[str, object]], columns: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows as columns of these types."""
    return pa.table(
        {name: _column([row.get(name) for row in rows], kind) for name, kind in columns.items()}
    )


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == UTC_TIME:
        return to_arrow(np.array([instant_ns(v) for v in values], dtype=np.int64), kind)
    if kind == TRUTH:
        known = [value is not None for value in values]
        bits = [_bits([bool(value) for value in values])]
        return pa.Array.from_buffers(kind, len(values), [_bits(known), *bits])
    return column_of(values, kind)


def _bits(values: Sequence[bool]) -> pa.Buffer:
    """Truth values as arrow keeps them; pyarrow's own way would load pandas."""
    packed = np.packbits(np.array(values, dtype=np.bool_), bitorder="little")
    return pa.py_buffer(packed.tobytes())


def trades_csv(trades: Sequence[BarTrade], has_range: bool) -> str:
    """Trades as CSV: what every strategy has first; prices unrounded, instants ISO in UTC."""
    names = [*CSV_FIRST, *(name for name in columns_of(has_range) if name not in CSV_FIRST)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for trade in trades:
        row = trade_row(trade, has_range)
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return zulu(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value


def zulu(moment: datetime) -> str:
    """2013-10-08T14:48:00Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def equity_by_trade(trades: Sequence[BarTrade]) -> pa.Table:
    """The course of R and dollars trade by trade; the peak starts at 0, before the first."""
    rows: list[dict[str, object]] = []
    total, peak, dollars = 0.0, 0.0, 0.0
    for number, trade in enumerate(trades, start=1):
        known = trade.realized_r is not None
        total += trade.realized_r or 0.0
        peak, dollars = max(peak, total), dollars + trade.pnl_dollars
        rows.append(
            {
                "trade_number": number,
                "trade_id": trade.trade_id,
                "symbol": trade.symbol,
                "entry_timestamp": trade.timestamp_entry,
                "exit_timestamp": trade.timestamp_exit,
                "realized_r": trade.realized_r,
                "cumulative_r": total if known else None,
                "running_max": peak if known else None,
                "drawdown_r": total - peak if known else None,
                "pnl": trade.pnl_dollars,
                "cumulative_pnl": dollars,
            }
        )
    return table_of(rows, EQUITY_COLUMNS)


DAY_COLUMNS: Mapping[str, pa.DataType] = {
    "date": TEXT, "or_minutes": WHOLE, "norm_vol": NUMBER, "atr": NUMBER, "or_high": NUMBER,
    "or_low": NUMBER, "long_trigger": NUMBER, "short_trigger": NUMBER, "reason": TEXT,
    "breaks_long": WHOLE, "breaks_short": WHOLE, "signals": WHOLE, "day_r": NUMBER, "lockout": TEXT,
}  # fmt: skip


def day_table(days: Sequence[RangeDay]) -> pa.Table:
    """Sessions of the opening range as columns."""
    return table_of([{**to_json(day), "date": str(day.session)} for day in days], DAY_COLUMNS)


SAMPLE_COLUMNS: Mapping[str, pa.DataType] = {
    "timestamp": UTC_TIME, "bar_number": WHOLE, "rel_vol": NUMBER, "vwap": NUMBER, "adx": NUMBER,
    "price_action_long": TRUTH, "price_action_short": TRUTH, "profile_long": TRUTH,
    "profile_short": TRUTH, "score_long": NUMBER, "score_short": NUMBER, "required": WHOLE,
}  # fmt: skip


def sample_table(samples: Sequence[FactorSample]) -> pa.Table:
    """Factors as columns."""
    rows = [{name: getattr(one, name) for name in SAMPLE_COLUMNS} for one in samples]
    return table_of(rows, SAMPLE_COLUMNS)


def is_win(trade: BarTrade) -> bool:
    """By R where it has one, else by dollars."""
    made = trade.pnl_dollars if trade.realized_r is None else trade.realized_r
    return made > TOLERANCE
