"""What a saved run must hold before anything is made of it: a file edited or damaged is refused
with its fault named, never read halfway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import (
    ConfigDict,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from bt_gex.config.files import config_of
from bt_gex.config.origin import check_sweep
from bt_gex.errors import BadValue, BtGexError
from bt_gex.stats.summary import summarise
from bt_gex.storage.arrow_arrays import to_numpy
from bt_gex.storage.shapes import (
    MOST,
    AtLeast0,
    Count,
    Number,
    Share,
    validated,
)
from bt_gex.trades.records import Decision, SpreadTrade

LEGS = {"IC": 4, "CALL": 2, "PUT": 2}


@with_config(ConfigDict(strict=True))
class SavedFunnel(TypedDict):
    """From checks to trades."""

    bars: Count
    checks: Count
    entries: Count
    skips: Count
    success_rate: Share
    skips_by_kind: dict[str, Count]
    skips_by_reason: dict[str, Count]
    unpriced_bars: Count
    clamped: Count
    unresolved: Count


@with_config(ConfigDict(strict=True))
class SavedSession(TypedDict):
    """One session of the summary."""

    session: str
    status: Literal["traded", "no trades", "no data"]
    checks: Count
    entries: Count
    trades_pnl_dollars: Number
    bars: Count
    priced_pct: Number | None
    notes: list[str]
    quality: dict[str, Count]


@with_config(ConfigDict(strict=True))
class SavedSummary(TypedDict):
    """What the summary says besides what follows from the trades."""

    max_drawdown_mtm: AtLeast0
    funnel: SavedFunnel
    sessions: list[SavedSession]
    data_quality: dict[str, Count]
    warnings: list[str]


SUMMARY = TypeAdapter(SavedSummary)


class StoredRun(Protocol):
    """The parts of a run that were read from its folder."""

    @property
    def run_id(self) -> str: ...
    @property
    def config(self) -> dict[str, Any]: ...
    @property
    def source(self) -> dict[str, Any]: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def trade_records(self) -> list[SpreadTrade]: ...
    @property
    def decision_records(self) -> list[Decision]: ...
    @property
    def equity_table(self) -> pa.Table: ...
    @property
    def marks_table(self) -> pa.Table: ...
    @property
    def market_table(self) -> pa.Table: ...

    @property
    def balance(self) -> float: ...


def check_saved(result: StoredRun) -> None:
    """Raise BadValue or UnknownName where a part of a saved run is not what a run writes."""
    _check_config(result)
    if "sweep" in result.source:
        check_sweep(result.source["sweep"])
    _check_trades(result.trade_records)
    _check_summary(result)
    ticks = _ticks(result.summary["sessions"])
    for name, table in (("equity", result.equity_table), ("market", result.market_table)):
        _check_sessions(f"{name}.parquet", table, ticks)
    numbers = [n for n in result.equity_table.column_names if n not in ("time", "session")]
    _check_numbers("equity.parquet", result.equity_table, numbers)
    for name in ("spot", "vix", "pin"):
        _check_floats("market.parquet", result.market_table, name)
    _check_marks(result.marks_table)


def _check_config(result: StoredRun) -> None:
    try:
        whole = config_of(result.config).resolved()
    except (KeyError, TypeError, AttributeError) as error:
        raise BadValue(f"config.yaml: {error!s:.80}") from error
    except BtGexError as error:
        raise BadValue(f"config.yaml: {error}") from error
    for name in {**whole, **result.config}:
        if whole.get(name) != result.config.get(name):
            raise BadValue(f"config.yaml does not hold all of {name} as a run writes it")
    for name in ("database", "fingerprint"):
        if not isinstance(result.source.get(name, ""), str):
            raise BadValue(f"config.yaml: {name} must be text")
    if not isinstance(result.run_id, str):
        raise BadValue("trades.json: run_id must be text")
    named = result.source.get("versions", {})
    if not isinstance(named, Mapping) or not all(isinstance(v, str) for v in named.values()):
        raise BadValue(f"config.yaml: versions must be texts by name, got {named!r:.60}")


def _check_trades(trades: Sequence[SpreadTrade]) -> None:
    names = [trade.order_id for trade in trades]
    for number, trade in enumerate(trades):
        unknown = {
            value is None for value in (trade.pnl_dollars, trade.pnl_percent, trade.exit_value)
        }
        if len(unknown) > 1:
            raise BadValue(
                f"trades.json, trade {number}: P&L, its percentage and the exit value are known "
                "together or not at all"
            )
        legs = LEGS[trade.strategy]
        for part, found in (("strikes", trade.strikes), ("leg_quotes", trade.leg_quotes)):
            if len(found) != legs:
                raise BadValue(
                    f"trades.json, trade {number}: {trade.strategy} has {legs} {part}, "
                    f"got {len(found)}"
                )
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadValue(f"trades.json: trade {twice} is there twice")


def _check_summary(result: StoredRun) -> None:
    """A summary says what follows from the trades, and no other number."""
    validated(SUMMARY, result.summary, "trades.json, summary")
    funnel = result.summary["funnel"]
    if funnel["entries"] + funnel["skips"] != funnel["checks"]:
        raise BadValue("trades.json: entries and skips of the funnel are not its checks")
    follows = summarise(result.trade_records, balance=result.balance)
    for name, value in follows.items():
        if result.summary.get(name) != value:
            raise BadValue(f"trades.json: {name} of the summary does not follow from the trades")


def _ticks(sessions: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Ticks of each session with data: its bars and the close."""
    return {
        str(row["session"]): int(row["bars"]) + 1 for row in sessions if row["status"] != "no data"
    }


def _check_sessions(name: str, table: pa.Table, ticks: Mapping[str, int]) -> None:
    column = table["session"]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise BadValue(f"{name}: session is {column.type}, not text")
    _check_time(name, table)
    counted = pc.value_counts(column).to_pylist()
    found = {one["values"]: one["counts"] for one in counted}
    if found != dict(ticks):
        other = next(n for n in [*ticks, *found] if ticks.get(n) != found.get(n))
        raise BadValue(
            f"{name} has {found.get(other, 0)} rows of session {other}, "
            f"the run {ticks.get(other, 0)}"
        )


def _check_time(name: str, table: pa.Table) -> None:
    kind = table["time"].type
    if kind != pa.timestamp("ns", "UTC") or table["time"].null_count:
        raise BadValue(f"{name}: time must hold instants, timestamp[ns, UTC], got {kind}")


def _check_numbers(name: str, table: pa.Table, columns: Sequence[str]) -> None:
    for column in columns:
        values = table[column]
        kind = values.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)) or values.null_count:
            raise BadValue(f"{name}: {column} must hold numbers, got {kind}")
        if not (np.abs(to_numpy(values)) <= MOST).all():
            raise BadValue(f"{name}: {column} holds a value that is no finite number")


def _check_marks(table: pa.Table) -> None:
    name = "marks.parquet"
    _check_time(name, table)
    ids = table["order_id"]
    if ids.null_count or not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
        raise BadValue(f"{name}: order_id must hold texts, got {ids.type}")
    _check_floats(name, table, "value")


def _check_floats(name: str, table: pa.Table, column: str) -> None:
    values = table[column]
    if values.type != pa.float64() or (np.abs(to_numpy(values)) > MOST).any():
        raise BadValue(f"{name}: {column} must hold numbers or NaN, got {values.type}")
