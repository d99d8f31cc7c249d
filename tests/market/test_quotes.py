"""Arithmetic on quotes: as-of lookups, which quotes count, what a spread is worth."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.market.calendar import NS, Stamps
from bt_gex.market.contracts import LONG, SHORT
from bt_gex.market.quotes import as_of, clamp, clean, intrinsic, newest_row, spread_value

NAN = math.nan
NOON = 1_768_237_200 * NS


def stamps(*offsets_ns: int) -> Stamps:
    return NOON + np.array(offsets_ns, dtype=np.int64)


def column(*values: float) -> npt.NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def listed(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(v) else float(v) for v in values]


class TestAge:
    @pytest.mark.parametrize(
        ("age_ns", "usable"),
        [
            (0, True),
            (1, True),
            (119 * NS, True),
            (120 * NS, True),
            (120 * NS + 1, False),
            (121 * NS, False),
            (-1, False),  # a nanosecond in the future
            (-30 * NS, False),
        ],
    )
    def test_a_quote_of_exactly_120_seconds_is_usable(self, age_ns: int, usable: bool) -> None:
        found = as_of(stamps(-age_ns), column(7.0), stamps(0), 120.0)
        assert listed(found) == [7.0 if usable else None]

    @pytest.mark.parametrize(("over_ns", "usable"), [(0, True), (1, False)])
    def test_context_of_exactly_2100_seconds_is_usable(self, over_ns: int, usable: bool) -> None:
        found = as_of(stamps(-2100 * NS - over_ns), column(7.0), stamps(0), 2100)
        assert listed(found) == [7.0 if usable else None]

    def test_an_age_of_zero_asks_for_the_same_instant(self) -> None:
        assert newest_row(stamps(0), stamps(0, 1), 0).tolist() == [0, -1]

    def test_fractions_of_a_second(self) -> None:
        grid = stamps(0)
        assert newest_row(stamps(-1_500_000_000), grid, 1.5).tolist() == [0]
        assert newest_row(stamps(-1_500_000_001), grid, 1.5).tolist() == [-1]


def test_the_newest_row_at_or_before() -> None:
    rows = stamps(-90 * NS, -30 * NS, -1, 0, 1, 30 * NS)
    values = column(1, 2, 3, 4, 5, 6)
    grid = stamps(-100 * NS, -90 * NS, -1, 0, 1, 30 * NS, 151 * NS)
    assert listed(as_of(rows, values, grid, 120)) == [None, 1, 3, 4, 5, 6, None]


def test_of_equal_stamps_the_last_row_counts() -> None:
    """Rows come sorted by instant and then by id, so the last one has the highest id."""
    assert newest_row(stamps(0, 0, 0, 60 * NS), stamps(0, 30 * NS), 120).tolist() == [2, 2]


def test_no_rows() -> None:
    assert newest_row(stamps(), stamps(0, 1), 120).tolist() == [-1, -1]
    assert listed(as_of(stamps(), column(), stamps(0, 1), 120)) == [None, None]


def test_a_missing_value_is_not_replaced_by_an_older_one() -> None:
    assert listed(as_of(stamps(-60 * NS, 0), column(1, NAN), stamps(0), 120)) == [None]


@settings(deadline=None)
@given(
    st.lists(st.integers(-300, 300), max_size=20),
    st.lists(st.integers(-300, 300), min_size=1, max_size=10),
    st.integers(0, 200),
)
def test_newest_row_against_a_plain_search(
    seconds: list[int], instants: list[int], age: int
) -> None:
    rows, grid = sorted(seconds), sorted(instants)
    found = newest_row(stamps(*(s * NS for s in rows)), stamps(*(t * NS for t in grid)), age)
    for t, row in zip(grid, found, strict=True):
        known = [n for n, s in enumerate(rows) if t - age <= s <= t]
        assert row == (known[-1] if known else -1)


@settings(deadline=None)
@given(
    st.lists(st.integers(-300, 300), max_size=20),
    st.lists(st.integers(1, 300), max_size=5),
    st.integers(0, 200),
)
def test_rows_of_the_future_change_nothing(past: list[int], future: list[int], age: int) -> None:
    rows = sorted(s for s in past if s <= 0)
    more = rows + sorted(future)
    now = stamps(0)
    one = newest_row(stamps(*(s * NS for s in rows)), now, age)
    two = newest_row(stamps(*(s * NS for s in more)), now, age)
    assert one.tolist() == two.tolist()


@pytest.mark.parametrize(
    ("bid", "ask", "valid", "bid_taken"),
    [
        (1.0, 1.1, True, 1.0),
        (0.0, 0.05, True, 0.0),  # a bid of 0 is a price
        (NAN, 0.05, True, 0.0),  # a NULL bid counts as 0
        (1.1, 1.1, True, 1.1),  # locked
        (-0.05, 0.05, True, -0.05),  # bid ≤ ask is all that is asked of it
        (1.11, 1.1, False, None),  # crossed
        (1.0, NAN, False, None),  # no ask: missing, never free
        (NAN, NAN, False, None),
        (0.0, 0.0, False, None),
        (NAN, 0.0, False, None),
        (-1.0, -0.5, False, None),
    ],
)
def test_validity(bid: float, ask: float, valid: bool, bid_taken: float | None) -> None:
    bids, asks = clean(column(bid), column(ask))
    assert listed(bids) == [bid_taken]
    assert listed(asks) == [ask if valid else None]


def test_validity_is_decided_row_by_row() -> None:
    bids, asks = clean(column(1, NAN, 2), column(1.1, 0.1, NAN))
    assert listed(bids) == [1, 0, None]
    assert listed(asks) == [1.1, 0.1, None]


def test_spread_value() -> None:
    assert spread_value([1.5, 0.5], [SHORT, LONG]) == 1.0
    assert spread_value([0.5, 1.5], [SHORT, LONG]) == -1.0
    # a condor: (1.05 + 1.15) − (0.45 + 0.35)
    assert spread_value([1.05, 0.45, 1.15, 0.35], [SHORT, LONG] * 2) == pytest.approx(1.4)
    assert spread_value([NAN, 0.5], [SHORT, LONG]) != spread_value([NAN, 0.5], [SHORT, LONG])
    with pytest.raises(ValueError):
        spread_value([1.0], [SHORT, LONG])


@pytest.mark.parametrize(
    ("value", "width", "clamped"),
    [(-0.3, 5, 0), (0, 5, 0), (4.99, 5, 4.99), (5, 5, 5), (5.2, 5, 5), (12, 10, 10)],
)
def test_clamp(value: float, width: float, clamped: float) -> None:
    assert clamp(value, width) == clamped


@pytest.mark.parametrize(
    ("strike", "right", "price", "value"),
    [
        (6000, "C", 6003.5, 3.5),
        (6000, "C", 6000, 0),
        (6000, "C", 5990, 0),
        (6000, "P", 5990, 10),
        (6000, "P", 6000, 0),
        (6000, "P", 6003.5, 0),
    ],
)
def test_intrinsic(strike: float, right: str, price: float, value: float) -> None:
    assert intrinsic(strike, right, price) == value
