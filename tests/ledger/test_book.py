"""What a fill does to an account: long positions exactly, spreads in cents."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, Inexact
from fractions import Fraction
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.errors import BadValue, LedgerError
from bt_gex.ledger.amounts import add, amount, multiply, text
from bt_gex.ledger.book import Book, booked, fresh_book, margin_after, spread_exit
from bt_gex.ledger.events import FillKind, LongFilled, SpreadFilled
from bt_gex.market.contracts import SpreadContract, make_spread

AT = datetime(2026, 1, 12, 14, 36, tzinfo=UTC)
DAY = date(2026, 1, 12)
CONDOR = SpreadContract("SPXW", DAY, make_spread("IC", (6070, 6080, 6030, 6020)), 100)
CALL = SpreadContract("SPXW", DAY, make_spread("CALL", (6065, 6070)), 100)


def long(
    side: Literal["buy", "sell"], qty: Any, price: Any, fees: Any = 0, symbol: str = "BTC"
) -> LongFilled:
    return LongFilled(
        order_id=f"{side} {qty} {price}", intent_id=None, symbol=symbol, side=side, qty=amount(qty),
        fill_price=amount(price), fees=amount(fees), ts=AT, mode="paper",
    )  # fmt: skip


def spread(
    side: Literal["buy", "sell"],
    net: float,
    qty: int = 1,
    fees: float = 0.0,
    kind: FillKind = "trade",
    position: str = "p1",
    contract: SpreadContract = CONDOR,
) -> SpreadFilled:
    return SpreadFilled(
        kind=kind, order_id=position, position_id=position, contract=contract, side=side, qty=qty,
        net=net, fees=fees, ts=AT,
    )  # fmt: skip


def after(*fills: LongFilled | SpreadFilled, start: Any = 10_000) -> Book:
    book = fresh_book(start)
    for fill in fills:
        book = booked(book, fill)
    return book


# --------------------------------------------------------------------------------- long positions


def test_a_purchase_may_exceed_the_cash() -> None:
    book = after(long("buy", 1, 50_000))
    assert (book.cash, book.orders_count, book.trades_count) == (-40_000, 1, 0)
    position = book.longs["BTC"]
    assert (position.quantity, position.avg_price, position.side) == (1, 50_000, "long")


def test_a_second_purchase_scales_the_position() -> None:
    book = after(long("buy", 1, 50_000), long("buy", 1, 52_000))
    assert book.longs["BTC"].quantity == 2
    assert book.longs["BTC"].avg_price == 51_000
    assert (book.cash, book.orders_count, book.trades_count) == (-92_000, 2, 0)
    assert book.longs["BTC"].order_ids == ("buy 1 50000", "buy 1 52000")


def test_a_sale_realises_the_profit() -> None:
    book = after(long("buy", 1, 50_000), long("buy", 1, 52_000), long("sell", 2, 53_000))
    assert (book.cash, book.realized_pnl, book.peak_equity) == (14_000, 4_000, 14_000)
    assert (book.orders_count, book.trades_count) == (3, 1)
    assert (book.longs["BTC"].quantity, book.longs["BTC"].side) == (0, None)


def test_both_fees_count() -> None:
    book = after(long("buy", 1, 100, fees=1), long("sell", 1, 110, fees=1))
    assert (book.cash, book.realized_pnl) == (10_008, 8)


def test_a_position_opened_again_starts_anew() -> None:
    book = after(long("buy", 1, 10), long("sell", 1, 12), long("buy", 1, 10), long("sell", 1, 9))
    assert book.longs["BTC"].realized_pnl == -1
    assert (book.realized_pnl, book.cash, book.peak_equity) == (1, 10_001, 10_002)


@pytest.mark.parametrize("sold", [1.00005, 0.5, 2])
def test_only_all_of_a_position_is_sold(sold: float) -> None:
    book = after(long("buy", 1, 100))
    with pytest.raises(LedgerError, match="SELL qty"):
        booked(book, long("sell", sold, 110))


def test_nothing_is_sold_without_a_position() -> None:
    with pytest.raises(LedgerError, match="no position"):
        after(long("sell", 1, 100))
    with pytest.raises(LedgerError, match="no position"):
        after(long("buy", 1, 100), long("sell", 1, 100), long("sell", 1, 100))


@pytest.mark.parametrize(("qty", "price"), [(-1, 100), (0, 100), (1, 0), (1, -5)])
def test_a_fill_without_quantity_or_price_is_refused(qty: int, price: int) -> None:
    with pytest.raises(LedgerError, match="Invalid payload"):
        after(long("buy", qty, price))


amounts = st.floats(1e-8, 1e6).map(lambda x: float(f"{x:.12g}"))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(amounts, amounts, st.sampled_from([0, 0.1, 1.005])), min_size=1, max_size=6),
    amounts,
)
def test_money_is_neither_made_nor_lost(
    buys: list[tuple[float, float, float]], exit_price: float
) -> None:
    """Against fractions: cash is what came in less what went out; flat, it is start + realised."""

    def exact(x: float) -> Fraction:
        return Fraction(repr(x))

    book, cash, held = fresh_book(10_000), Fraction(10_000), Fraction(0)
    for qty, price, fee in buys:
        book = booked(book, long("buy", qty, price, fee))
        cash -= exact(qty) * exact(price) + exact(fee)
        held += exact(qty)
        assert Fraction(book.cash) == cash
        assert Fraction(book.longs["BTC"].quantity) == held
    book = booked(book, long("sell", book.longs["BTC"].quantity, exit_price, 0.1))
    cash += held * exact(exit_price) - exact(0.1)
    assert Fraction(book.cash) == cash
    assert cash == 10_000 + Fraction(book.realized_pnl)


# --------------------------------------------------------------------------------- spreads


def test_a_spread_opens_and_closes_whole() -> None:
    """Credit 3.15, two condors, 0.65 a contract and leg: 630 − 5.20; bought back at 1.4."""
    book = after(spread("sell", 3.15, 2, fees=5.2), start=25_000)
    position = book.spreads["p1"]
    assert (book.cash, position.booked) == (Decimal("25624.80"), Decimal("624.80"))
    assert (book.reserved, book.buying_power) == (2_000, Decimal("23624.80"))
    closing = spread("buy", -1.4, 2, fees=5.2)
    assert spread_exit(position, closing) == (Decimal("339.60"), Decimal("-285.20"))
    book = booked(book, closing)
    assert (book.cash, book.realized_pnl) == (Decimal("25339.60"), Decimal("339.60"))
    assert (book.spreads, book.reserved, book.trades_count) == ({}, 0, 1)


def test_cents_are_rounded_half_to_even_at_each_fill() -> None:
    """12.345 dollars are 12.34; the exit's profit is rounded of the whole, not of the parts."""
    book = after(spread("sell", 0.12345, fees=0.006, contract=CALL), start=1_000)
    assert book.spreads["p1"].booked == Decimal("12.33")  # 12.34 less 0.01
    book = booked(book, spread("buy", -0.1, fees=0.004, contract=CALL))
    assert book.realized_pnl == Decimal("2.34")  # 2.345 − 0.01 = 2.335, to the even cent
    assert book.cash == Decimal("1002.34")


def test_a_settlement_pays_no_commission() -> None:
    book = after(spread("sell", 3.0, fees=2.6), spread("buy", -10.0, kind="settlement"))
    assert book.realized_pnl == Decimal("-702.60")
    assert book.cash == Decimal("9297.40")
    with pytest.raises(LedgerError, match="no commission"):
        after(spread("sell", 3.0), spread("buy", -1.0, fees=1.0, kind="settlement"))


def test_a_void_gives_the_entry_back() -> None:
    book = after(spread("sell", 3.0, fees=2.6), spread("buy", -3.0, kind="void"))
    assert (book.cash, book.realized_pnl, book.trades_count) == (10_000, 0, 0)
    assert (book.spreads, book.orders_count) == ({}, 2)


def test_the_same_strikes_can_be_two_positions() -> None:
    book = after(spread("sell", 3.0, position="a"), spread("sell", 2.0, position="b"))
    assert {name: held.credit for name, held in book.spreads.items()} == {"a": 3.0, "b": 2.0}
    assert book.reserved == 2_000
    with pytest.raises(LedgerError, match="open already"):
        booked(book, spread("sell", 1.0, position="a"))


def test_a_spread_closes_whole_or_not_at_all() -> None:
    book = after(spread("sell", 3.0, 2))
    for wrong in (spread("buy", -1.0, 1), spread("buy", -1.0, 2, contract=CALL)):
        with pytest.raises(LedgerError, match="whole"):
            booked(book, wrong)
    with pytest.raises(LedgerError, match="no position"):
        booked(book, spread("buy", -1.0, 2, position="other"))
    with pytest.raises(LedgerError, match="Invalid payload"):
        booked(book, spread("buy", float("nan"), 2))


def test_margin_counts_the_width_and_the_cash_of_the_entry() -> None:
    book = after(spread("sell", 3.0, 2), start=2_000)  # 2,600 in cash, 2,000 reserved
    assert margin_after(book, CALL, 1, Decimal("150.00")) == 250
    assert margin_after(book, CALL, 2, Decimal("-0.01")) == Decimal("-400.01")


def test_equity_is_unchanged_by_a_fill_at_the_mark() -> None:
    prices, values = {"BTC": Decimal(120)}, {"p1": Decimal("3.25"), "p2": Decimal("1.5")}
    fills = [
        long("buy", 2, 120), spread("sell", 3.25, 2), spread("sell", 1.5, 1, position="p2"),
        long("buy", "0.5", 120), spread("buy", -3.25, 2), long("sell", "2.5", 120),
    ]  # fmt: skip
    for count in range(len(fills) + 1):
        assert after(*fills[:count]).marked(prices, values) == 10_000
    assert after(*fills[:2]).marked({"BTC": Decimal(121)}, {"p1": Decimal("3.00")}) == 10_052
    with pytest.raises(LedgerError, match="no mark for p1"):
        after(*fills[:2]).marked(prices, {})


@settings(max_examples=80)
@given(
    st.integers(1, 1_000).map(lambda n: n / 100),
    st.integers(0, 1_000).map(lambda n: n / 100),
    st.integers(1, 50),
    st.sampled_from([0.0, 0.65, 1.035, 0.0049]),
)
def test_a_spread_against_fractions(credit: float, value: float, qty: int, rate: float) -> None:
    """Hand arithmetic in whole numbers: round half to even is Python's own of a Fraction."""

    def to_cents(dollars: Fraction) -> Fraction:
        return Fraction(round(dollars * 100), 100)

    fee = qty * rate * 4
    book = after(spread("sell", credit, qty, fee), spread("buy", -value, qty, fee), start=25_000)
    gross = (Fraction(repr(credit)) - Fraction(repr(value))) * 100 * qty
    pnl = to_cents(gross - 2 * Fraction(repr(rate)) * 4 * qty)
    assert Fraction(book.realized_pnl) == pnl
    assert Fraction(book.cash) == 25_000 + pnl


# --------------------------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("value", "written"),
    [(10_000.0, "10000"), (1e-8, "0.00000001"), (0.1 + 0.2, "0.30000000000000004"), (-0.0, "0"),
     ("12.50", "12.5"), (5, "5"), (Decimal("1E+4"), "10000")],
)  # fmt: skip
def test_amounts_are_written_in_one_way(value: Any, written: str) -> None:
    assert text(amount(value)) == written


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "-Infinity", "abc", "", 1e15, 1e-31, True]
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(BadValue):
        amount(value)


def test_exact_arithmetic_raises_rather_than_rounds() -> None:
    tiny = Decimal("1e-200")
    assert multiply(tiny, tiny) == Decimal("1e-400")
    with pytest.raises(Inexact):
        add(Decimal(1), multiply(tiny, tiny))
