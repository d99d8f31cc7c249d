"""A blackbox in PostgreSQL, over a real connection, replays as the same rows do in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from bt_gex import RunConfig, replay
from bt_gex.blackbox.schema import metadata

URL = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
SCHEMA = "bt_gex_replay_test"
SEARCH = f"{URL}?options=-csearch_path%3D{SCHEMA}"
START, END = "2026-01-12", "2026-01-13"
AS_TYPE = {
    "TIMESTAMP": None,
    "TIMESTAMPTZ": "timestamptz USING timestamp AT TIME ZONE 'UTC'",
    "TEXT": "text USING to_char(timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00'",
}


@pytest.fixture
def postgres() -> Iterator[Engine]:
    try:
        with create_engine(URL, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    except OperationalError:
        pytest.skip("no PostgreSQL listens on 127.0.0.1:5432")
    engine = create_engine(SEARCH, poolclass=NullPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()
    with create_engine(URL, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))


def copy(path: Path, engine: Engine) -> None:
    """All rows of a SQLite blackbox, stamps as datetimes."""
    with sqlite3.connect(path) as source, engine.begin() as target:
        source.row_factory = sqlite3.Row
        for name, table in metadata.tables.items():
            rows: list[dict[str, Any]] = [
                dict(row) for row in source.execute(f"SELECT * FROM {name}")
            ]
            for row in rows:
                row["timestamp"] = datetime.fromisoformat(row["timestamp"])
                if "is_competing" in row:
                    row["is_competing"] = bool(row["is_competing"])
            columns = set(table.c.keys())
            if rows:
                kept = [{k: v for k, v in row.items() if k in columns} for row in rows]
                target.execute(table.insert(), kept)


@pytest.mark.parametrize("kind", AS_TYPE)
def test_the_same_rows_replay_the_same(kind: str, postgres: Engine, tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    nasty.make(
        path, 3, start=START, end=END, nasty=nasty.only("null_bid", "crossed", "gaps", "quiet")
    )
    copy(path, postgres)
    if AS_TYPE[kind]:
        with postgres.begin() as connection:
            for name in metadata.tables:
                change = f"ALTER TABLE {name} ALTER COLUMN timestamp TYPE {AS_TYPE[kind]}"
                connection.execute(text(change))
    config = RunConfig(start=START, end=END)
    here, there = replay(path, config), replay(SEARCH, config)
    assert here.summary["total_trades"] > 0
    assert there.run_id == here.run_id
    assert there.to_json() == here.to_json()
