"""The price an expiring spread settles on, and what it is worth there."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_gex.market.calendar import NS
from bt_gex.market.contracts import make_spread
from bt_gex.market.settlement import Settlement, settled_value, settlement_price

CLOSE = 1_768_251_600 * NS  # 2026-01-12 21:00 UTC


def settle(age_ns: int, implied: Iterable[float] = (), price: float = 5977.0) -> Settlement:
    return settlement_price(
        last_price=price,
        last_price_ns=CLOSE - age_ns,
        close_ns=CLOSE,
        parity=lambda _: implied,
    )


@pytest.mark.parametrize("age_ns", [0, 1, 60 * NS, 120 * NS])
def test_a_fresh_index_price_settles(age_ns: int) -> None:
    assert settle(age_ns, [5900.0]) == Settlement(5977.0, "index")


@pytest.mark.parametrize(
    ("implied", "price"),
    [
        ([5979.5], 5979.5),
        ([5979.0, 5983.0], 5981.0),  # the mean of the two middle ones
        ([5990.0, 5979.0, 5983.0], 5983.0),  # in whatever order
        ([9999.0, 5979.0, 5983.0, 1.0], 5981.0),  # a median, not a mean
    ],
)
@pytest.mark.parametrize("age_ns", [120 * NS + 1, 3600 * NS])
def test_otherwise_parity(age_ns: int, implied: list[float], price: float) -> None:
    assert settle(age_ns, implied) == Settlement(price, "parity")
    assert settle(age_ns, iter(implied)) == Settlement(price, "parity")


def test_otherwise_the_old_price() -> None:
    assert settle(120 * NS + 1) == Settlement(5977.0, "stale index")


def test_without_any_price_nothing() -> None:
    found = settle(0, [5900.0], price=math.nan)
    assert math.isnan(found.price)
    assert found.source == "none"


def test_parity_is_told_the_last_price_and_asked_only_when_needed() -> None:
    asked: list[float] = []

    def parity(price: float) -> list[float]:
        asked.append(price)
        return [6000.0]

    for age in (120 * NS, 120 * NS + 1):
        settlement_price(
            last_price=5977.0, last_price_ns=CLOSE - age, close_ns=CLOSE, parity=parity
        )
    assert asked == [5977.0]


@pytest.mark.parametrize(
    ("strategy", "strikes", "price", "value"),
    [
        ("PUT", [5980, 5975], 5990, 0),
        ("PUT", [5980, 5975], 5980, 0),
        ("PUT", [5980, 5975], 5977, 3),
        ("PUT", [5980, 5975], 5975, 5),
        ("PUT", [5980, 5975], 5900, 5),
        ("CALL", [6065, 6070], 6060, 0),
        ("CALL", [6065, 6070], 6066.25, 1.25),
        ("CALL", [6065, 6070], 6500, 5),
        ("IC", [6020, 6025, 5980, 5975], 6000, 0),
        ("IC", [6020, 6025, 5980, 5975], 6022, 2),
        ("IC", [6020, 6025, 5980, 5975], 5978.5, 1.5),
        ("IC", [6020, 6025, 5980, 5975], 7000, 5),
        ("IC", [6020, 6025, 5980, 5960], 5900, 20),  # the put side is the wider one
    ],
)
def test_settled_value(strategy: str, strikes: list[float], price: float, value: float) -> None:
    spread = make_spread(strategy, strikes)  # type: ignore[arg-type]
    found, clamped = settled_value(spread, price)
    assert found == pytest.approx(value)
    assert not clamped


def test_overlapping_sides_are_clamped_and_say_so() -> None:
    # shorts 6000C and 6030P at 6015: 15 + 15, longs 6010C: 5 and 6020P: 5, so 20 on a width of 10
    spread = make_spread("IC", [6000, 6010, 6030, 6020])
    assert settled_value(spread, 6015) == (10, True)


@settings(deadline=None)
@given(
    st.sampled_from(["CALL", "PUT"]),
    st.integers(100, 2000),
    st.integers(1, 8),
    st.floats(0, 12_000),
)
def test_a_vertical_is_worth_from_0_to_its_width(
    strategy: str, steps: int, width: int, price: float
) -> None:
    short = steps * 5
    long = short + width * 5 if strategy == "CALL" else short - width * 5
    value, clamped = settled_value(make_spread(strategy, [short, long]), price)  # type: ignore[arg-type]
    assert 0 <= value <= width * 5
    assert not clamped
