"""The trades of a run as data for the page that shows them: compact, as a year holds thousands."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_gex.reports.charts.drawing import Numbers
from bt_gex.reports.console.trade import REASONING
from bt_gex.reports.words import FLAGS, flags_of, new_york_time, thresholds
from bt_gex.stats.summary import unpriced_by_kind
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.trades.codec import to_json
from bt_gex.trades.reasons import ExitReason
from bt_gex.trades.records import SpreadTrade

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult

FIELDS = (
    "id", "entry", "exit", "index", "strategy", "confidence", "strikes", "credit", "value",
    "quantity", "pnl", "pnl_pct", "reason", "minutes", "pin", "spot", "vix", "spot_exit",
    "vix_exit", "distance", "width", "commission", "mae", "mfe", "max_loss", "flags", "legs",
    "levels", "path", "bars", "unpriced",
)  # fmt: skip
SAME_NAME = {
    "id": "order_id", "index": "index_symbol", "strategy": "strategy", "confidence": "confidence",
    "strikes": "strikes", "quantity": "quantity", "pnl": "pnl_dollars", "pnl_pct": "pnl_percent",
    "reason": "exit_reason", "minutes": "time_alive_minutes", "pin": "pin", "spot": "spot_entry",
    "vix": "vix_entry", "spot_exit": "spot_exit", "vix_exit": "vix_exit", "distance": "distance",
    "width": "width", "commission": "commission_dollars", "mae": "mae_dollars",
    "mfe": "mfe_dollars", "max_loss": "max_loss_dollars",
}  # fmt: skip
LEVELS = (ExitReason.PROFIT_TARGET, ExitReason.STOP_LOSS, ExitReason.EMERGENCY_STOP)
MOST_POINTS = 90_000  # of all paths together
FEWEST_POINTS, ENOUGH_POINTS = 16, 160  # of one


def trade_data(result: RunResult) -> str:
    """JSON for a script element of the page."""
    trades = result.trade_records
    paths = _paths(result)
    most = MOST_POINTS // max(len(trades), 1)
    points = min(ENOUGH_POINTS, max(FEWEST_POINTS, most))
    fills = result.run_config.fills
    content = {
        "fields": FIELDS,
        "multiplier": result.run_config.index_spec.multiplier,
        "settlement": ExitReason.SETTLEMENT,
        "levels": LEVELS,
        "flags": FLAGS,
        "reasoning": REASONING,
        "slippage": [fills.entry_slippage, fills.exit_slippage],
        "fill_words": "Rules look at the value at mid; closing paid "
        f"{100 * fills.exit_slippage:g} % of each leg's half-spread on top of it.",
        "trades": [_trade(trade, paths.get(trade.order_id), result, points) for trade in trades],
    }
    return script_json(content)


def script_json(content: object) -> str:
    """JSON that can stand in a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", "")


def _trade(
    trade: SpreadTrade, path: Numbers | None, result: RunResult, points: int
) -> list[object]:
    named = {name: _plain(getattr(trade, key)) for name, key in SAME_NAME.items()}
    bars, values = thinned_path(np.empty(0) if path is None else path, points)
    levels = thresholds(trade, result.run_config.exit)
    named |= {
        "flags": flags_of(trade),
        "entry": f"{new_york_time(trade.timestamp_entry):%Y-%m-%d %H:%M:%S}",
        "exit": f"{new_york_time(trade.timestamp_exit):%Y-%m-%d %H:%M:%S}",
        "credit": _plain(trade.entry_credit, 6),
        "value": _plain(trade.exit_value, 6),
        "legs": [[_plain(price) for price in leg] for leg in trade.leg_quotes],
        "levels": [_plain(levels[name]) for name in LEVELS if name in levels],
        "path": values,
        "bars": bars,
        "unpriced": _unpriced(trade),
    }
    return [named[name] for name in FIELDS]


def _unpriced(trade: SpreadTrade) -> dict[str, object]:
    """Bars without a price by what the quotes lacked, those with any."""
    kinds = to_json(unpriced_by_kind([trade]))
    return {name: times for name, times in kinds.items() if times}


def thinned_path(path: Numbers, points: int) -> tuple[list[int] | None, list[float | None]]:
    """Bars since the entry and the values on them; None for the bars when none is left out.

    Of each stretch the first, the lowest, the highest and the last value are kept, and where the
    values end and begin again.
    """
    if len(path) <= points:
        return None, [_plain(value) for value in path.tolist()]
    edges = np.linspace(0, len(path), max(points // 4, 1) + 1).astype(int).tolist()
    kept = {0, len(path) - 1}
    gaps = np.flatnonzero(np.diff(np.isnan(path)))
    kept |= {int(row) for gap in gaps for row in (gap, gap + 1)}
    for first, after in pairwise(edges):
        part = path[first:after]
        if len(part) and not np.isnan(part).all():
            kept |= {first, first + int(np.nanargmin(part)), first + int(np.nanargmax(part))}
    rows = sorted(kept)
    return rows, [_plain(value) for value in path[rows].tolist()]


def _paths(result: RunResult) -> dict[str, Numbers]:
    """Marks by order id, in order of time."""
    table = result.marks_table
    if not len(table):
        return {}
    values = to_numpy(table["value"])
    return {name: values[rows] for name, rows in rows_by_name(table["order_id"]).items()}


def _plain(value: object, decimals: int = 4) -> Any:
    """A number as short as it is; NaN is none."""
    if isinstance(value, float):
        if value != value:
            return None
        cut = round(value, decimals)
        return int(cut) if cut.is_integer() else cut
    return value
