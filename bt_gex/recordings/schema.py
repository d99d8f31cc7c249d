"""The tables of recorded sessions, for queries; `migrations` makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from bt_gex.recordings.values import aware


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz, on SQLite text that sorts by time."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None or dialect.name != "sqlite":
            return value
        return aware(value).isoformat(" ", "microseconds")

    def process_result_value(
        self, value: datetime | str | None, dialect: Dialect
    ) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return None if value is None else aware(value)


def _json(name: str, **options: Any) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), **options)


def _of_recording() -> Column[str]:
    return Column("recording_id", Text, nullable=False)


def _number() -> Column[int]:
    return Column("id", Integer, primary_key=True)


metadata = MetaData()
sessions = Table(
    "recorded_sessions",
    metadata,
    _number(),
    _of_recording(),
    Column("session_id", Text, nullable=False),
    Column("instance_id", Integer, nullable=False),
    Column("strategy_name", Text, nullable=False),
    Column("recording_start_time", Instant, nullable=False),
    Column("recording_end_time", Instant),
    Column("status", Text, nullable=False),
    _json("original_parameters"),
    Column("symbols_recorded", Text),
    Column("total_bars_recorded", Integer),
    Column("total_events_recorded", Integer),
    Column("original_trades", Integer),
    Column("original_pnl", Double),
    Column("original_win_rate", Double),
    Column("description", Text),
    Column("tags", Text),
    Column("created_at", Instant),
    Column("updated_at", Instant),
    Column("strategy_path", Text),
    _json("environment"),
    Column("schema_version", Integer),
    Column("first_bar_time", Instant),
    Column("last_bar_time", Instant),
    Column("heartbeat", Instant),
    _json("trigger"),
    Column("process", Text),
)
bars = Table(
    "recorded_market_data",
    metadata,
    _number(),
    _of_recording(),
    Column("symbol", Text, nullable=False),
    Column("timestamp", Instant, nullable=False),
    *(Column(name, Double) for name in ("open", "high", "low", "close", "volume")),
    _json("indicators"),
    Column("sequence", Integer, nullable=False),
    Column("created_at", Instant),
)
events = Table(
    "recorded_events",
    metadata,
    _number(),
    _of_recording(),
    Column("event_type", Text, nullable=False),
    Column("timestamp", Instant, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("symbol", Text),
    _json("event_data", nullable=False),
    _json("decision_metadata"),
    _json("market_state"),
    Column("wall_time", Instant, nullable=False),
    Column("bar_sequence", Integer),
    Column("created_at", Instant),
)
options = Table(
    "recorded_option_rows",
    metadata,
    _number(),
    _of_recording(),
    Column("sequence", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),
)
replays = Table(
    "replay_sessions",
    metadata,
    _number(),
    Column("replay_id", Text, nullable=False),
    _of_recording(),
    Column("replay_time", Instant, nullable=False),
    Column("status", Text, nullable=False),
    _json("modified_parameters", nullable=False),
    Column("total_trades", Integer),
    Column("winning_trades", Integer),
    Column("losing_trades", Integer),
    Column("total_pnl", Double),
    Column("win_rate", Double),
    Column("max_drawdown", Double),
    Column("sharpe_ratio", Double),
    Column("trades_diff", Integer),
    Column("pnl_diff", Double),
    Column("win_rate_diff", Double),
    _json("comparison_data"),
    _json("replay_events"),
    Column("description", Text),
    Column("created_at", Instant),
    Column("updated_at", Instant),
    Column("strategy_name", Text),
    _json("parameters"),
    Column("error", Text),
    Column("wall_seconds", Double),
    Column("code_version", Text),
)
