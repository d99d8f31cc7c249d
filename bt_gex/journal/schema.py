"""The tables of a journal, for queries; `migrations` makes them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, Table, Text

from bt_gex.journal.records import COLUMNS

NUMBERS = frozenset({"seq", "batch", "of", "v"})
KEY = frozenset({"workspace_id", "seq"})
REQUIRED = KEY | {"batch", "of", "at", "type", "v", "payload", "prev", "hash"}

metadata = MetaData()
events = Table(
    "trade_events",
    metadata,
    *(
        Column(
            name,
            Integer if name in NUMBERS else Text,
            primary_key=name in KEY,
            nullable=name not in REQUIRED,
            autoincrement=False,
        )
        for name in COLUMNS
    ),
)
meta = Table(
    "journal_meta",
    metadata,
    Column("schema_version", Integer, nullable=False),
    Column("hash_algo", Text, nullable=False),
)
