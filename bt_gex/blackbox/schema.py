"""The recorder's five tables, as it writes them.

Column for column the schema of the gamma recorder: no column more, no constraint more. Its one
surprise is kept: quotes have neither an expiration nor a UNIQUE, so duplicates can happen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


class Stamp(TypeDecorator[Any]):
    """A timestamp column, handed over exactly as the database holds it.

    SQLite keeps text, and its readings differ (space or `T`, with or without an offset), so
    nothing is parsed here. Written values are naive UTC; on SQLite `YYYY-MM-DD HH:MM:SS[.ffffff]`.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime())

    def process_bind_param(self, value: object, dialect: Dialect) -> object:
        if isinstance(value, datetime):
            if value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            return value.isoformat(sep=" ") if dialect.name == "sqlite" else value
        return value


metadata = MetaData()

snapshots = Table(
    "options_snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("underlying_price", Float, nullable=False),
    Column("vix", Float),
    Column("expiration", Text, nullable=False),
    Column("chain_data", Text, nullable=False),
    UniqueConstraint("timestamp", "index_symbol", "expiration"),
    Index("idx_snapshots_time", "timestamp"),
    sqlite_autoincrement=True,
)
peaks = Table(
    "gex_peaks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("peak_rank", Integer, nullable=False),
    Column("strike", Float, nullable=False),
    Column("gex", Float, nullable=False),
    Column("distance_from_price", Float, nullable=False),
    Column("distance_pct", Float, nullable=False),
    Column("proximity_score", Float, nullable=False),
    UniqueConstraint("timestamp", "index_symbol", "peak_rank"),
    Index("idx_peaks_time", "timestamp"),
    sqlite_autoincrement=True,
)
competing = Table(
    "competing_peaks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("is_competing", Boolean, nullable=False),
    Column("peak1_strike", Float),
    Column("peak1_gex", Float),
    Column("peak2_strike", Float),
    Column("peak2_gex", Float),
    Column("score_ratio", Float),
    Column("adjusted_pin", Float),
    UniqueConstraint("timestamp", "index_symbol"),
    Index("idx_competing_time", "timestamp"),
    sqlite_autoincrement=True,
)
context = Table(
    "market_context",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("underlying_price", Float, nullable=False),
    Column("vix", Float),
    Column("spy_price", Float),
    Column("qqq_price", Float),
    UniqueConstraint("timestamp", "index_symbol"),
    Index("idx_context_time", "timestamp"),
    sqlite_autoincrement=True,
)
quotes = Table(
    "options_prices_live",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", Stamp, nullable=False),
    Column("index_symbol", Text, nullable=False),
    Column("strike", Float, nullable=False),
    Column("option_type", Text, nullable=False),
    Column("bid", Float),
    Column("ask", Float),
    Column("mid", Float),
    Column("last", Float),
    Column("volume", Integer),
    Column("open_interest", Integer),
    Index("idx_prices_time", "timestamp"),
    Index("idx_prices_symbol", "index_symbol"),
    sqlite_autoincrement=True,
)
