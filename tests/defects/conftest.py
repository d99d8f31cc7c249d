"""Markets of the defect tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade_market import Market


@pytest.fixture
def market(tmp_path: Path) -> Market:
    """An empty market on Monday 2026-01-12."""
    return Market(tmp_path)


@pytest.fixture
def known(market: Market) -> Market:
    """The same with index price, VIX and pin of the put spread all day."""
    market.known_all_day()
    return market
