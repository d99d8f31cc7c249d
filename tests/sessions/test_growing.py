"""A session seen bar by bar is the recorded session, as long as its rows come in time."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.nasty import make

from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.tail import COLUMNS, Tail
from bt_gex.market.calendar import sessions
from bt_gex.market.contracts import make_spread
from bt_gex.market.indexes import find_index
from bt_gex.sessions.day import Day, LoadParams, load_day
from bt_gex.sessions.growing import GrowingDay, GrowingRows

SPX = find_index("SPX", {})
DAY = date(2026, 1, 12)


def seen_bar_by_bar(path: Path, params: LoadParams, asked: Any) -> tuple[GrowingDay, Day]:
    """The session as it grows, each row coming at its stamp, and the same one read whole."""
    (session,) = sessions(DAY, DAY)
    with Blackbox(path) as box, Tail(path, "SPX", session) as tail:
        whole = load_day(box.session_rows("SPX", session), SPX, params)
        rows = sorted(tail.read(), key=lambda row: (row.ns, row.id))
        seen = GrowingRows("test", "SPX", session, COLUMNS)
        growing = GrowingDay.of(seen, SPX, params)
        next_one = 0
        for row, ns in enumerate(growing.grid):
            first = next_one
            while next_one < len(rows) and rows[next_one].ns <= ns:
                next_one += 1
            seen.add(rows[first:next_one])
            growing.advance(row)
            if row == 0:
                asked(growing)
    return growing, whole


@pytest.mark.parametrize("seed", range(6))
def test_what_a_recorded_session_says_a_growing_one_says_too(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "market.db"
    make(path, seed, start=DAY, end=DAY)
    (session,) = sessions(DAY, DAY)
    with Blackbox(path) as box:
        options = load_day(box.session_rows("SPX", session), SPX, LoadParams()).options()
    strikes = sorted({strike for strike, _ in options})[:8]
    spread = make_spread("PUT", (strikes[-1], strikes[0])) if len(strikes) > 1 else None

    def asked(day: GrowingDay) -> None:
        for strike, right in options[:20]:
            day.leg(strike, right)
        if spread:
            day.path_of(spread)

    growing, whole = seen_bar_by_bar(path, LoadParams(use_competing_peaks=seed % 2 == 1), asked)
    for name in ("spot", "vix", "pin"):
        np.testing.assert_array_equal(getattr(growing, name), getattr(whole, name), name)
    for strike, right in options[:20]:
        for name in ("bid", "ask", "mid"):
            mine, theirs = (getattr(day.leg(strike, right), name) for day in (growing, whole))
            np.testing.assert_array_equal(mine, theirs, f"{strike} {right} {name}")
    if spread:
        for mine, theirs in zip(growing.path_of(spread), whole.path_of(spread), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert growing.settlement() == whole.settlement() or np.isnan(whole.settlement().price)
    assert growing.options() == whole.options()


def test_what_was_not_asked_for_is_missing_before(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    make(path, 3, start=DAY, end=DAY)
    growing, whole = seen_bar_by_bar(path, LoadParams(), lambda day: None)
    strike, right = whole.options()[0]
    late = growing.leg(strike, right)
    assert np.isnan(late.mid[:-1]).all()


def test_the_order_in_which_rows_come_does_not_matter(tmp_path: Path) -> None:
    """Rows that come late, or twice, take their place by instant and id."""
    path = tmp_path / "market.db"
    make(path, 3, start=DAY, end=DAY)
    (session,) = sessions(DAY, DAY)
    with Blackbox(path) as box, Tail(path, "SPX", session) as tail:
        whole = load_day(box.session_rows("SPX", session), SPX, LoadParams())
        rows = tail.read()
    random.Random(3).shuffle(rows)
    seen = GrowingRows("test", "SPX", session, COLUMNS)
    seen.add(rows)
    seen.add(rows[:50])
    growing = GrowingDay.of(seen, SPX, LoadParams())
    options = whole.options()
    for row in range(len(growing.grid)):
        growing.advance(row)
        for strike, right in options:
            growing.leg(strike, right)
    for name in ("spot", "vix", "pin"):
        np.testing.assert_array_equal(getattr(growing, name), getattr(whole, name), name)
    for strike, right in options:
        mine, theirs = (day.leg(strike, right).mid for day in (growing, whole))
        np.testing.assert_array_equal(mine, theirs, f"{strike} {right}")
    assert seen.whole().sha256 == whole.sha256
