"""What a trade's record says of the time it was open; by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bt_gex.analyzers.account import rebuild_equity
from bt_gex.analyzers.trades import Marks, flags_of, life
from bt_gex.market.contracts import make_spread
from bt_gex.rules.gex.entry import NO_QUOTE, PASSED
from bt_gex.sessions.day import SpreadPath
from bt_gex.trades.events import SpreadClosed, SpreadSettled
from bt_gex.trades.reasons import TradeFlag

NAN = float("nan")


class Named:
    name = "a spread"
    spread = make_spread("PUT", (5980, 5975))


def settled(value: float | None, source: str = "index") -> SpreadSettled:
    return SpreadSettled(
        at_ns=0, instrument=Named(), quantity=1, value=value, pnl_dollars=None,
        commission_dollars=0.0, source=source,
    )  # fmt: skip


def closed(clamped: bool = False) -> SpreadClosed:
    return SpreadClosed(
        at_ns=0, instrument=Named(), quantity=1, value=0.5, pnl_dollars=70.0,
        commission_dollars=0.0, reason="Profit Target", clamped=clamped,
    )  # fmt: skip


def path(values: list[float], clamped: tuple[int, ...] = ()) -> SpreadPath:
    """Values, and NaN where a leg had no quote."""
    value = np.array(values)
    unpriced = np.where(np.isnan(value), NO_QUOTE, PASSED).astype(np.int8)
    return SpreadPath(value, np.isin(np.arange(len(values)), clamped), unpriced)


def lived(values: list[float], end: Any, clamped: tuple[int, ...] = ()) -> tuple[float, ...]:
    found = life(path(values, clamped), 1.2, end)
    assert found.unpriced.no_quote == found.unpriced_bars
    return (found.worst, found.best, found.unpriced_bars, found.clamps)


def test_a_closed_trade_counts_the_value_on_its_last_bar() -> None:
    found = lived([1.0, NAN, 1.5, 0.5], closed(), clamped=(2,))
    assert found == pytest.approx((1.2 - 1.5, 1.2 - 0.5, 1, 1))
    assert lived([1.0, 1.1, NAN], closed())[2] == 1


def test_a_settled_trade_counts_its_settlement_and_not_the_quotes_at_the_close() -> None:
    values = [1.0, NAN, 1.5, 4.9]  # the last one is the closing tick
    assert lived(values, settled(0.2)) == pytest.approx((1.2 - 1.5, 1.2 - 0.2, 1, 0))
    assert lived([1.0, 1.1, NAN], settled(0.2))[2] == 0  # no exit was asked for at the close
    assert lived(values, settled(None)) == pytest.approx((1.2 - 1.5, 1.2 - 1.0, 1, 0))


@pytest.mark.parametrize(
    ("end", "values", "clamped", "flags"),
    [
        (closed(), [1.0, 0.5], (), ()),
        (closed(clamped=True), [1.0, 0.5], (), (TradeFlag.CLAMPED_EXIT,)),
        (closed(), [1.0, NAN, 0.5], (1,), (TradeFlag.UNPRICED_BARS, TradeFlag.CLAMPED_VALUE)),
        (settled(0.2, "parity"), [1.0, 0.5], (), (TradeFlag.PARITY_SETTLEMENT,)),
        (settled(0.2, "stale index"), [1.0, 0.5], (), (TradeFlag.STALE_SETTLEMENT,)),
        (settled(None, "none"), [1.0, 0.5], (), (TradeFlag.UNRESOLVED,)),
    ],
)
def test_flags(end: Any, values: list[float], clamped: tuple[int, ...], flags: Any) -> None:
    assert flags_of(life(path(values, clamped), 1.2, end), end) == flags


def test_the_account_from_trades_alone() -> None:
    """Two trades that overlap on the third tick; the first cannot be priced there."""
    stamps = np.arange(5, dtype=np.int64) * 30
    marks = [
        Marks(order_id="a", stamps=stamps[1:4], values=np.array([1.0, NAN, 0.5]), dollars=100.0,
              booked=120.0, pnl=70.0, margin=380.0),
        Marks(order_id="b", stamps=stamps[2:5], values=np.array([2.0, 2.5, 3.0]), dollars=200.0,
              booked=500.0, pnl=-100.0, margin=500.0),
    ]  # fmt: skip
    found = {name: list(values) for name, values in rebuild_equity(stamps, marks, 1000.0).items()}
    assert found == {
        "cash": [1000.0, 1120.0, 1620.0, 1570.0, 970.0],
        "equity": [1000.0, 1020.0, 1120.0, 1070.0, 970.0],
        "margin": [0.0, 380.0, 880.0, 500.0, 0.0],
        "open_spreads": [0, 1, 2, 1, 0],
        "closed_equity": [1000.0, 1000.0, 1000.0, 1070.0, 970.0],
    }
