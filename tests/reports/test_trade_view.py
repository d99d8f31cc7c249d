"""One trade, told so that its loss can be explained."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from report_fakes import LOST, UNRESOLVED, two_trades
from typed_records import changed

from bt_gex.errors import UnknownName
from bt_gex.reports.console.run import make_console
from bt_gex.reports.console.trade import print_trade


def told(order_id: str = "SPX-lost", **changes: Any) -> list[str]:
    """Lines about a trade, without what only aligns them."""
    result = two_trades()
    trades = [changed(t, **changes) if t.order_id == order_id else t for t in result.trade_records]
    file = io.StringIO()
    print_trade(replace(result, trade_records=[*trades, UNRESOLVED]), order_id, make_console(file))
    assert max(map(len, file.getvalue().splitlines())) <= 100
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "SPX-lost: PUT 6955/6945, -$45.00 (-19.15 % of credit), Stop Loss",
        "What was seen, Mon 2026-01-12 09:36:00 New York",
        "Index price 6,962.16",
        "Pin 6,985.00, the gamma peak that price is drawn to",
        "Distance -23: the index stood 23 points below the pin",
        "VIX 14.62",
        "BULLISH, confidence MEDIUM.",
        "sold put 6955 -7.16 5.10 / 5.30, 4 s old 5.40 / 5.60, 6 s old",
        "bought put 6945 -17.16 2.55 / 2.75, 4 s old 2.80 / 3.00, 6 s old",
        "Credit 2.35 points, $235.00",
        "Most it could lose 7.65 points, $765.00",
        "Profit Target at or below 0.94 +$141.00",  # 40 % of 2.35 is left at MEDIUM
        "Stop Loss at or above 2.585 -$23.50",
        "Emergency Stop at or above 3.29 -$94.00",
        "End of Day Auto-Close anything, 30 minutes before the close",
        "Marks 4 values, 2 bars without a price",
        "Best value 2.30 at 09:36:30",
        "Worst value 2.75 at 09:38:30",
        "Best P&L at mid +$5.00",
        "Worst P&L at mid -$40.00",
        "Time 09:38:30 New York, after 2.5 minutes",
        "Value bought back at 2.80 points (the mid then: 2.75)",
        "P&L (2.35 - 2.80) x $100 x 1 - $0.00 commission = -$45.00",
    ],
)
def test_has_the_line(line: str) -> None:
    assert line in told()


def test_flags_are_put_in_words() -> None:
    lines = told()
    said = " ".join(lines[lines.index("Warnings") :])
    assert "stale_settlement settled on an index price more than 120 s older" in said
    assert "unpriced_bars on some bars a leg had no valid quote" in said


def test_an_iron_condor_has_four_legs() -> None:
    lines = told("SPX-won")
    start = lines.index("sold call 7000 +37.84 4.00 / 4.20 2.00 / 2.10")
    assert lines[start : start + 4] == [
        "sold call 7000 +37.84 4.00 / 4.20 2.00 / 2.10",
        "bought call 7010 +47.84 1.90 / 2.00 1.00 / 1.10",
        "sold put 6960 -2.16 3.90 / 4.10 1.80 / 1.90",
        "bought put 6950 -12.16 1.60 / 1.65 0.80 / 0.90",
    ]
    assert "Profit Target at or below 2.125 +$212.50" in lines  # 50 % of 4.25 at HIGH
    assert "Warnings" not in lines


def test_a_settled_trade() -> None:
    lines = told(exit_reason="Expiration Settlement", exit_value=10.0, pnl_dollars=-765.0)
    assert "Value settled in cash at 10.00 points (the mid then: 2.75)" in lines


def test_an_unresolved_trade() -> None:
    lines = told("SPX-open")
    assert lines[0] == "SPX-open: PUT 6955/6945, P&L unknown, Unresolved"
    assert "P&L unknown: there was no price to settle on; outside all figures" in lines
    assert "Marks 0 values, 0 bars without a price" in lines


def test_a_trade_that_was_not_entered_by_the_rules() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("direction", "confidence", "pin", "spot_entry", "vix_entry", "distance")
    )
    lines = told(**nothing)
    assert "not recorded: this trade was not entered by the rules" in lines
    assert "sold put 6955 n/a 5.10 / 5.30, 4 s old 5.40 / 5.60, 6 s old" in lines
    assert "What would close it" not in lines


def test_an_unknown_trade_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean SPX-lost"):
        print_trade(two_trades(), "SPX-last", make_console(io.StringIO()))


def test_the_sample_is_consistent() -> None:
    assert LOST.exit_value is not None
    assert (LOST.entry_credit - LOST.exit_value) * 100 == pytest.approx(LOST.pnl_dollars)


def test_ages_of_quotes_and_kinds_of_unpriced_bars() -> None:
    quotes = [[5.1, 5.3, 5.4, 5.6, 0.0, 30.0], [2.55, 2.75, 2.8, 3.0, 90.0, None]]
    kinds = {"no_quote": 1, "leg_ages_apart": 0, "contradictory": 1}
    lines = told(leg_quotes=quotes, unpriced_by_kind=kinds)
    assert "sold put 6955 -7.16 5.10 / 5.30, 0 s old 5.40 / 5.60, 30 s old" in lines
    assert "bought put 6945 -17.16 2.55 / 2.75, 90 s old 2.80 / 3.00" in lines
    text = " ".join(lines)
    assert "2 bars without a price (1 no quote, 1 contradictory quotes)" in text


def test_a_leg_without_a_bid_is_named() -> None:
    shown = told(leg_quotes=[[5.1, 5.3, 5.4, 5.6], [2.55, 2.75, 0.0, 0.95]])
    assert "bought put 6945 -17.16 2.55 / 2.75 no bid / 0.95" in shown
    assert any(line.startswith("no_bid a leg had no bid when") for line in shown)
