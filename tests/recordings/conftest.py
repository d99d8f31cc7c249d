"""Databases for recordings: a file, and a schema of its own in a local PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from journal.postgres import schema

from bt_gex.recordings.store import RecordingStore


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/recordings.db"
    else:
        with schema() as place:
            yield place


@pytest.fixture
def store(url: str) -> Iterator[RecordingStore]:
    """On both databases."""
    with RecordingStore(url) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[RecordingStore]:
    """On SQLite only, where the database makes no difference."""
    with RecordingStore(tmp_path / "recordings.db") as opened:
        yield opened
