"""Units held long or short: what fills do to cash and profit, exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_gex.errors import LedgerError
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.units import UnitsFilled

NOW = datetime(2026, 1, 12, 15, 0, tzinfo=UTC)


def fill(side: Any, qty: str, price: str, *, opening: bool, **more: Any) -> UnitsFilled:
    return UnitsFilled(
        order_id="1", symbol="ES", side=side, opening=opening, qty=Decimal(qty),
        fill_price=Decimal(price), ts=NOW, **more,
    )  # fmt: skip


def after(*fills: UnitsFilled) -> Book:
    book = fresh_book(10_000)
    for one in fills:
        book = booked(book, one)
    return book


def test_a_long_position_closed_in_parts() -> None:
    enter = fill("buy", "2", "100.5", opening=True, point_value=Decimal(50), fees=Decimal(3))
    book = after(enter)
    assert (book.cash, book.realized_pnl) == (Decimal(10_000 - 10_050 - 3), Decimal(-3))
    assert book.marked({"ES": Decimal("100.5")}, {}) == Decimal(9_997)
    assert book.marked({"ES": Decimal("101.5")}, {}) == Decimal(10_097)
    more = {"point_value": Decimal(50)}
    half = fill("sell", "0.5", "102", opening=False, **more)
    book = booked(book, half)
    assert book.realized_pnl == Decimal("34.5")
    assert book.units["ES"].quantity == Decimal("1.5")
    book = booked(book, fill("sell", "1.5", "100", opening=False, **more))
    assert book.units == {}
    assert (book.realized_pnl, book.cash) == (Decimal(-3), Decimal(9_997))
    assert (book.orders_count, book.trades_count) == (3, 1)
    assert book.peak_equity == Decimal("10034.5")


def test_a_short_position() -> None:
    book = after(fill("sell", "10", "20", opening=True))
    assert book.cash == Decimal(10_200)
    assert book.marked({"ES": Decimal(21)}, {}) == Decimal(9_990)
    book = booked(book, fill("buy", "10", "19", opening=False))
    assert (book.realized_pnl, book.cash) == (Decimal(10), Decimal(10_010))


@pytest.mark.parametrize(
    "wrong",
    [
        fill("buy", "1", "20", opening=True),  # open already
        fill("buy", "1", "20", opening=False),  # the same side
        fill("sell", "2", "20", opening=False),  # more than is held
        fill("sell", "0", "20", opening=False),
        fill("sell", "NaN", "20", opening=False),
        fill("sell", "1", "Infinity", opening=False),
    ],
)
def test_what_does_not_fit_is_refused(wrong: UnitsFilled) -> None:
    book = after(fill("buy", "1", "20", opening=True))
    with pytest.raises(LedgerError):
        booked(book, wrong)


def test_nothing_can_be_closed_where_nothing_is_held() -> None:
    with pytest.raises(LedgerError, match="nothing"):
        after(fill("sell", "1", "20", opening=False))


PRICES = st.decimals("0.01", "5000", places=4)
PARTS = st.lists(st.tuples(st.integers(1, 50), PRICES), min_size=1, max_size=5)


@given(is_long=st.booleans(), entry=PRICES, parts=PARTS, value=st.sampled_from(["1", "0.1", "50"]))
def test_cash_is_start_plus_profit_when_flat(
    is_long: bool, entry: Decimal, parts: list[tuple[int, Decimal]], value: str
) -> None:
    """In fractions: the profit of each part is its quantity times the move."""
    whole, worth = sum(qty for qty, _ in parts), Decimal(value)
    sides = ("buy", "sell") if is_long else ("sell", "buy")
    fills = [fill(sides[0], str(whole), str(entry), opening=True, point_value=worth)]
    fills += [
        fill(sides[1], str(qty), str(price), opening=False, point_value=worth)
        for qty, price in parts
    ]
    book = after(*fills)
    sign = 1 if is_long else -1
    made = sum(
        sign * qty * (Fraction(price) - Fraction(entry)) * Fraction(value) for qty, price in parts
    )
    assert Fraction(book.realized_pnl) == made
    assert book.cash == book.starting_equity + book.realized_pnl
