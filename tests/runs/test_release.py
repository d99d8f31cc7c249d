"""A long run holds the quotes of the sessions it is in, not of those that are over."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import nasty

from bt_gex import RunConfig
from bt_gex.blackbox.recording import Recording
from bt_gex.runs.replay import load_days, run
from bt_gex.sessions.day import Day

Ref = weakref.ref[np.ndarray[Any, Any]]
CONFIG = RunConfig(start="2026-01-12", end="2026-01-15")  # type: ignore[arg-type]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("every_bar", [True, False])
def test_sessions_that_are_over_are_released(
    every_bar: bool, use_cache: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By counting references, as there is no garbage collection during a run."""
    path = tmp_path / "market.db"
    nasty.make(path, 21, indexes=("SPX",), start="2026-01-12", end="2026-01-15")
    with Recording(path, tmp_path / "cache", use_cache) as recording:
        days = load_days(recording, CONFIG)
        rows: list[list[Ref]] = []
        for day in days:
            assert day.rows
            q = day.rows.quotes
            rows.append([weakref.ref(array) for array in (q.stamps, q.bid, q.ask)])
        del day, q
        legs: list[dict[int, Ref]] = [{} for _ in days]
        numbers = {one.session.day: number for number, one in enumerate(days)}
        asked = Day.leg

        def noted(self: Day, *key: Any) -> Any:
            leg = asked(self, *key)
            legs[numbers[self.session.day]][id(leg.mid)] = weakref.ref(leg.mid)
            return leg

        monkeypatch.setattr(Day, "leg", noted)
        alive: list[tuple[list[int], list[int]]] = []

        def count(done: int, total: int) -> None:
            kept = [[one.values() for one in legs], rows]
            of_legs, of_rows = ([sum(r() is not None for r in refs) for refs in k] for k in kept)
            alive.append((of_legs, of_rows))

        strategy = run(CONFIG, days, every_bar, count, keep=False)
    assert len(alive) == len(days) == 4
    first = next(number for number, read in enumerate(legs) if read)
    assert sum(len(read) > 4 for read in legs) >= 2  # traded in several sessions
    for over, (of_legs, of_rows) in enumerate(alive):
        assert of_rows == [0] * (over + 1) + [3] * (3 - over)
        # The broker's pattern of an order is that of the first spread, of two or four legs.
        assert of_legs[first] <= 4 or first == over
        assert sum(of_legs[first + 1 : over]) == 0
    assert strategy.analyzers.trades.records
