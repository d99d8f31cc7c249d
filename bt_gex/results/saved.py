"""The shape of what a run has stored: what a reader needs is there and of the right kind.

Whether the figures agree with each other is what `results.verify` looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from bt_gex.config.origin import FoundBy
from bt_gex.errors import BadValue
from bt_gex.results.statistics import RunStatistics, account_json, totals_json
from bt_gex.stats.summary import unpriced_by_kind
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.storage.schema import note_unknown
from bt_gex.storage.shapes import MOST, checked_content
from bt_gex.trades.codec import plain, to_json
from bt_gex.trades.records import SessionSummary, SpreadTrade

LEGS = {"IC": 4, "CALL": 2, "PUT": 2}
INSTANT = pa.timestamp("ns", "UTC")
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "equity": {
        "time": "instants", "session": "texts", "equity": "numbers", "cash": "numbers",
        "margin_dollars": "numbers", "closed_equity": "numbers", "open_spreads": "numbers",
    },
    "marks": {"order_id": "texts", "time": "instants", "value": "numbers or NaN"},
    "market": {
        "time": "instants", "session": "texts", "spot": "numbers or NaN",
        "vix": "numbers or NaN", "pin": "numbers or NaN",
    },
}  # fmt: skip
TABLES = tuple(COLUMNS)


@with_config(ConfigDict(strict=True))
class SavedSource(TypedDict, total=False):
    """Where the data and the settings came from."""

    database: str
    fingerprint: str
    versions: dict[str, str]


SOURCE = TypeAdapter(SavedSource)


def read_source(about: Mapping[str, Any], file: str) -> dict[str, Any]:
    """What a run says of its data and its settings. Raises BadValue."""
    note_unknown(
        about, (*SavedSource.__annotations__, "sweep", "run_id", "config", "schema_version"), file
    )
    checked = checked_content(SOURCE, dict(about), file)
    found: dict[str, object] = dict(checked)
    if "sweep" in about:
        found["sweep"] = to_json(FoundBy.from_json(about["sweep"]))
    return found


def read_statistics(
    stored: Mapping[str, Any],
    trades: Sequence[SpreadTrade],
    equity: pa.Table,
    *,
    balance: float,
    multiplier: float,
    file: str,
) -> RunStatistics:
    """A stored summary; a statistic it lacks is computed from trades and account. Raises BadValue.

    balance     dollars before the first trade
    multiplier  dollars a point
    """
    what = f"{file}, summary"
    computed = {
        **totals_json(trades, balance=balance),
        **account_json(trades, equity, balance=balance, multiplier=multiplier),
        **stored,
    }
    if isinstance(funnel := stored.get("funnel"), Mapping):
        kinds = plain(unpriced_by_kind(trades))
        computed["funnel"] = {"unpriced_by_kind": kinds, **funnel}
    found = RunStatistics.from_json(computed, what)
    note_unknown(stored, found.to_json(), what)
    return found


def check_trades(trades: Sequence[SpreadTrade], file: str) -> None:
    """Raise BadValue where a trade is not whole."""
    for number, trade in enumerate(trades):
        what = f"{file}, trade {number}"
        legs = LEGS[trade.strategy]
        for part, count in (("strikes", len(trade.strikes)), ("leg_quotes", len(trade.leg_quotes))):
            if count != legs:
                raise BadValue(f"{what}: {trade.strategy} has {legs} {part}, got {count}")
        if len({trade.pnl_dollars is None, trade.exit_value is None}) > 1:
            raise BadValue(f"{what}: P&L and exit value are known together or not at all")


def check_table(name: str, table: pa.Table) -> None:
    """Raise BadValue unless a table has the columns of its name, each of its kind."""
    file = f"{name}.parquet"
    for column, kind in COLUMNS[name].items():
        if column not in table.column_names:
            raise BadValue(f"{file}: {column} is missing in it")
        if not _is_of_kind(table[column], kind):
            raise BadValue(f"{file}: {column} must hold {kind}, got {table[column].type}")
    note_unknown(table.column_names, COLUMNS[name], file)


def check_ticks(sessions: Sequence[SessionSummary], equity: pa.Table, market: pa.Table) -> None:
    """Raise BadValue unless both tables have rows of each session with data, as many as the other:
    they are drawn over one axis. How many there must be is no matter of shape."""
    account, prices = (rows_by_name(table["session"]) for table in (equity, market))
    for session in (row.session.isoformat() for row in sessions if row.status != "no data"):
        rows = [len(found.get(session, ())) for found in (account, prices)]
        if not rows[0] or rows[0] != rows[1]:
            raise BadValue(
                f"equity.parquet has {rows[0]} rows of session {session}, "
                f"market.parquet {rows[1]}; both need all its bars"
            )


def _is_of_kind(values: pa.ChunkedArray, kind: str) -> bool:
    """Instants, texts and numbers are never null; numbers are finite."""
    is_number = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
    if kind == "numbers or NaN":
        return bool(values.type == pa.float64()) and not (np.abs(to_numpy(values)) > MOST).any()
    if values.null_count:
        return False
    if kind == "instants":
        return bool(values.type == INSTANT)
    if kind == "texts":
        return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))
    return is_number and bool((np.abs(to_numpy(values)) <= MOST).all())
