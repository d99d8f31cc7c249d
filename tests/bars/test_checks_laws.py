"""Laws of bad bars: order and repetition of rows are not part of the bars."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bars.bar_files import GOOD_ROWS, ns
from bt_gex.bars.checks import checked_bars
from bt_gex.bars.series import VALUES, BarSeries
from bt_gex.market.calendar import NS

OPEN = ns("2026-01-12 14:30")
Rows = list[tuple[int, tuple[float, ...]]]


def read(rows: Rows) -> BarSeries:
    table = np.array([values for _, values in rows], dtype=np.float64).reshape(-1, len(VALUES))
    columns: dict[str, Any] = {name: table[:, n] for n, name in enumerate(VALUES)}
    stamps = np.array([OPEN + minute * 60 * NS for minute, _ in rows], dtype=np.int64)
    return checked_bars("X", "1m", stamps, columns, "rows")


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Rows in order, and the same in any order with some repeated later on."""
    minutes = sorted(draw(st.sets(st.integers(-100, 500), max_size=25)))
    rows = [(minute, draw(st.sampled_from(GOOD_ROWS))) for minute in minutes]
    mixed = draw(st.permutations(rows))
    repeats = draw(st.lists(st.sampled_from(rows), max_size=10)) if rows else []
    for row in repeats:
        mixed.insert(draw(st.integers(mixed.index(row) + 1, len(mixed))), row)
    return rows, mixed


@given(shuffled())
def test_order_and_repetition_change_nothing(both: tuple[Rows, Rows]) -> None:
    rows, mixed = both
    ordered, found = read(rows), read(mixed)
    assert ordered.odd == {}
    assert found.bars() == ordered.bars()
    assert found.sha256() == ordered.sha256()
    assert found.odd.get("duplicate", 0) == len(mixed) - len(rows)
    assert "contradicting duplicate" not in found.odd
    drops = sum(later < earlier for (earlier, _), (later, _) in pairwise(mixed))
    assert found.odd.get("out of order", 0) == drops


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(GOOD_ROWS)), max_size=25))
def test_the_first_row_of_a_stamp_counts(rows: Rows) -> None:
    first: dict[int, tuple[float, ...]] = {}
    for minute, values in rows:
        first.setdefault(minute, values)
    found = read(rows)
    assert [bar[1:] for bar in found.bars()] == [first[minute] for minute in sorted(first)]
    equal = sum(first[minute] == values for minute, values in rows) - len(first)
    assert found.odd.get("duplicate", 0) == equal
    assert found.odd.get("contradicting duplicate", 0) == len(rows) - len(first) - equal
