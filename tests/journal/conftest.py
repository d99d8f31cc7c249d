"""Databases for journals: a file, and a schema of its own in a local PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journal.places import Place
from journal.postgres import schema


@pytest.fixture
def sqlite_place() -> Iterator[Place]:
    """In memory where the system has such a folder: killing a process loses nothing of it."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        place = Place(f"sqlite:///{folder}/journal.db")
        yield place
        place.close()


@pytest.fixture
def postgres_place() -> Iterator[Place]:
    with schema() as url:
        place = Place(url)
        yield place
        place.close()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    found = request.getfixturevalue(f"{request.param}_place")
    assert isinstance(found, Place)
    return found
