from __future__ import annotations

from pathlib import Path

import pytest

from .book import DATE, Book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "b.db", DATE)
    made.context("09:35:10", 6000.0, 12.0)
    made.peak("09:35:10", 6000)
    return made
