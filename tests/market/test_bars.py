"""One bar of a price series."""

from __future__ import annotations

from bt_gex.market.bars import Bar


def test_fields_stand_in_the_order_of_a_bar_file() -> None:
    bar = Bar(1_380_893_400_000_000_000, 167.6, 167.83, 167.53, 167.7, 1200.0)

    assert bar._asdict() == {
        "ts_ns": 1_380_893_400_000_000_000,
        "open": 167.6,
        "high": 167.83,
        "low": 167.53,
        "close": 167.7,
        "volume": 1200.0,
    }
