"""Databases for recordings: a file, and a schema of its own in a local PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journal.postgres import schema

from bt_gex.recordings.store import RecordingStore


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the system has such a folder: killing a process loses nothing of it."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/recordings.db"
    else:
        with schema() as place:
            yield place


@pytest.fixture
def store(url: str) -> Iterator[RecordingStore]:
    """On both databases."""
    with RecordingStore(url) as opened:
        yield opened


@pytest.fixture
def file_store(folder: Path) -> Iterator[RecordingStore]:
    """On SQLite only, where the database makes no difference."""
    with RecordingStore(folder / "recordings.db") as opened:
        yield opened
