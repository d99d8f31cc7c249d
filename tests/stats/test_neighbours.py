"""What the neighbours of the best make, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.stats.neighbours import Neighbours, neighbours

GRID: dict[str, list[Any]] = {"stop": [0.3, 0.1, 0.2], "times": ["a", "b", "c"]}


def row(stop: float, times: str, pnl: float | None, name: str | None = None) -> dict[str, Any]:
    named = {} if name is None else {"trades_id": name}
    return {"stop": stop, "times": times, "total_pnl": pnl, **named}


ROWS = [
    row(0.1, "a", 40.0), row(0.3, "a", -10.0), row(0.2, "b", 75.0),  # one step away
    row(0.2, "c", 99.0), row(0.1, "b", 98.0), row(0.2, "a", 100.0),  # two steps, and the best
    row(0.1, "c", None),
]  # fmt: skip


def test_one_step_in_one_setting() -> None:
    """(40 - 10 + 75) / 3 = 35 of 100: a spike. Numbers are taken in their order, texts as given."""
    found = neighbours(ROWS, GRID, row(0.2, "a", 100.0))
    assert found == Neighbours(
        best=100.0, number=3, average=35.0, lowest=-10.0, profitable=2, alike=0
    )
    assert not found.is_plateau


@pytest.mark.parametrize(("pnl", "plateau"), [(50.0, True), (49.99, False)])
def test_half_is_a_plateau(pnl: float, plateau: bool) -> None:
    found = neighbours([row(0.1, "a", pnl)], GRID, row(0.2, "a", 100.0))
    assert found
    assert found.is_plateau is plateau


def test_the_same_trades_say_nothing() -> None:
    rows = [row(0.1, "a", 100.0, "x"), row(0.3, "a", 20.0, "y")]
    found = neighbours(rows, GRID, row(0.2, "a", 100.0, "x"))
    assert found
    assert (found.number, found.average, found.alike) == (1, 20.0, 1)
    assert neighbours(rows[:1], GRID, row(0.2, "a", 100.0, "x")) is None


def test_a_value_off_the_grid_stands_between_its_neighbours() -> None:
    found = neighbours(ROWS[:2], GRID, row(0.15, "a", 10.0))
    assert found
    assert (found.number, found.average) == (1, 40.0)


def test_without_a_profit_there_is_nothing_to_stand_on() -> None:
    assert neighbours(ROWS, GRID, row(0.2, "a", 0.0)) is None
