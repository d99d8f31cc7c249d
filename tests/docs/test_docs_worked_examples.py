"""Worked examples of the replay rules, and the rules that have no test elsewhere.

Markets are made by hand: the put spread 5980/5975 of `handmade_market`, in points.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from defects.handmade_market import AT_0936, MID, Market, left, only_trade, put_spread
from typed_records import decisions_of, trades_of

from bt_gex.market.money import rounded, to_cents

TWO_CHECKS = {"entry.times": ["09:36", "10:00"]}


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


@pytest.fixture
def known(market: Market) -> Market:
    market.known_all_day()
    return market


def seen(market: Market, settings: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """Index price, VIX and pin of each check."""
    checks = decisions_of(market.run(settings))
    return [(check["spot"], check["vix"], check["pin"]) for check in checks]


# ------------------------------------------------------------------------------- fills, stops


def test_the_example_of_a_fill(known: Market) -> None:
    """5980P 2.10/2.30 and 5975P 0.90/1.10."""
    assert put_spread(1.2, 0.1) == {(5980, "put"): (2.1, 2.3), (5975, "put"): (0.9, 1.1)}
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    no_stops = {"exit.stop_loss": 9, "exit.emergency_stop": 9}
    for slippage, credit, cost, pnl in (
        (0, 1.2, 1.2, 0.0),
        (0.5, 1.1, 1.3, -20.0),
        (1, 1.0, 1.4, -40.0),
    ):
        fills = {"fills.entry_slippage": slippage, "fills.exit_slippage": slippage}
        trade = only_trade(known.run({**AT_0936, **no_stops, **fills}))
        assert trade["entry_credit"] == pytest.approx(credit)
        assert trade["exit_value"] == pytest.approx(cost)
        assert trade["pnl_dollars"] == pnl


@pytest.mark.parametrize(
    ("half", "reason", "clock", "pnl"),
    [
        # H = 2 · half; 1.20 · 0.1 / 1.1 = 0.109 and 1.20 · 0.4 / 1.4 = 0.343 are the limits
        (0.05, "End of Day Auto-Close", "15:30:00", -20.0),
        (0.06, "Stop Loss", "09:36:30", -24.0),
        (0.10, "Stop Loss", "09:36:30", -40.0),
        (0.17, "Stop Loss", "09:36:30", -68.0),
        (0.18, "Emergency Stop", "09:36:30", -72.0),
    ],
)
def test_the_half_spread_alone_trips_a_stop(
    known: Market, half: float, reason: str, clock: str, pnl: float
) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2, half))  # the quotes never move
    trade = only_trade(known.run(AT_0936))
    assert trade["entry_credit"] == pytest.approx(1.2 - 2 * half)
    cost = pytest.approx(1.2 + 2 * half)
    assert left(trade) == (reason, clock, cost, pnl)


def test_commission_is_paid_for_each_contract_leg_and_side(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    trade = only_trade(
        known.run({**AT_0936, **MID, "fills.commission": 0.65, "account.quantity": 3})
    )
    assert trade["commission_dollars"] == 7.8  # 0.65 · 3 contracts · 2 legs · 2 sides
    assert (trade["pnl_dollars"], trade["pnl_percent"]) == (-7.8, 0.0)


# ------------------------------------------------------------------------------- within a bar


@pytest.mark.parametrize("limit", [{"entry.max_open": 1}, {"account.balance": 460}])
def test_a_spread_closed_on_a_bar_frees_place_and_margin_on_it(
    known: Market, limit: dict[str, Any]
) -> None:
    """At 10:00 the first spread is bought back for 0.50 (+70); the next one needs 450 dollars."""
    known.quotes("09:31", "09:59", put_spread(1.2))
    known.quotes("10:00", "15:59", put_spread(0.5))
    one, two = trades_of(known.run({**TWO_CHECKS, **MID, **limit}))
    assert left(one)[:2] == ("Profit Target", "10:00:00")
    assert one["timestamp_exit"] == two["timestamp_entry"]


@pytest.mark.parametrize(
    ("balance", "commission", "why"),
    [
        (760, 0.0, ""),  # twice (5 − 1.20) · 100
        (759.99, 0.0, "margin: needs $380.00, $379.99 free"),
        (760, 0.01, "margin: needs $380.02, $379.98 free"),
    ],
)
def test_a_spread_reserves_what_it_can_lose(
    known: Market, balance: float, commission: float, why: str
) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    costs = {"account.balance": balance, "fills.commission": commission}
    first, second = decisions_of(known.run({**TWO_CHECKS, **MID, **costs}))
    assert (first["outcome"], second["reason"]) == ("entry", why)
    assert second["kind"] == ("margin" if why else "")


# ------------------------------------------------------------------------------- what is known


def test_price_and_vix_each_fall_back_to_the_snapshots(market: Market) -> None:
    market.context("09:31", 5990, None)
    market.chain("09:30", 5000, 11)
    market.chain("09:32", 5001, 13)
    market.chain("10:00", 5002, None)  # no value: the VIX of 09:32 stands
    market.pin("10:05", 6000)
    times = {"entry.times": ["09:36", "10:06", "10:06:30", "10:07:30"]}
    assert seen(market, times) == [
        (5990, 13, None),
        (5990, 13, 6000),  # 09:31 is 2,100 s ago: usable, and before any snapshot
        (5002, 13, 6000),
        (5002, None, 6000),  # 09:32 is 2,130 s ago
    ]


def test_a_null_vix_is_no_value(market: Market) -> None:
    market.context("09:31", 5990, 12)
    market.context("09:32", 5991, None)
    assert seen(market, AT_0936) == [(5991, 12, None)]


def call(strike: float, open_interest: int, gamma: float = 0.01) -> dict[str, Any]:
    return {
        "strike": strike,
        "option_type": "call",
        "open_interest": open_interest,
        "greeks": {"gamma": gamma},
    }


def test_pins_are_computed_where_a_session_has_no_peak(market: Market) -> None:
    market.chain("09:32", 5990, 12, [call(6000, 100), call(6060, 100)])
    market.chain("09:33", 5990, 12, [call(5970, 9000)], expiration="2026-01-13")
    market.chain("09:34", 5990, 12, [])  # no peak in it: the older one stands
    assert seen(market, AT_0936) == [(5990, 12, 6000)]
    market.pin("15:00", 6010, rank=2)  # nobody knows of it before
    assert seen(market, AT_0936) == [(5990, 12, 6000)]


def test_pins_are_recorded_from_the_first_peak_on(market: Market) -> None:
    times = {"entry.times": ["09:36", "10:00", "10:30", "15:00"]}
    for clock in ("09:32", "09:59:59", "10:29", "14:59"):
        market.chain(clock, 5990, 12, [call(6000, 100)])
    assert seen(market, times) == [(5990, 12, 6000)] * 4
    market.pin("10:00", 6010, rank=2)  # one peak of any rank: recorded pins only, from now on
    assert seen(market, times) == [(5990, 12, 6000), *[(5990, 12, None)] * 3]
    market.pin("10:29:59", 5985)
    assert seen(market, times) == [
        (5990, 12, 6000), (5990, 12, None), (5990, 12, 5985), (5990, 12, None),
    ]  # fmt: skip
    assert market.run(times).summary["sessions"][0]["notes"][0] == (
        "peaks computed from chains until the first recorded one"
    )


def test_a_peak_at_15_01_changes_nothing_before(market: Market) -> None:
    """It took away the twelve entries of the session: none of them had a pin any more."""
    market.known_all_day(pin=None)
    for half_hour in range(13):
        minutes = 9 * 60 + 31 + 30 * half_hour
        clock = f"{minutes // 60:02}:{minutes % 60:02}"
        market.chain(clock, 5990, 12, [call(6000, 100), call(6060, 100)])
    market.quotes("09:31", "15:59", put_spread(1.2, 0.05))
    before = market.run()
    assert before.summary["funnel"]["entries"] == 12
    market.pin("15:01", 5900)
    after = market.run()
    assert after.trade_records == before.trade_records
    assert after.decision_records == before.decision_records
    assert after.run_id != before.run_id  # other data


def test_checks_are_made_before_the_first_row(market: Market) -> None:
    market.context("10:05", 5990, 12)
    result = market.run({"entry.times": ["09:36", "10:00", "10:30"]})
    kinds = [decision.kind for decision in result.decision_records]
    assert kinds == ["no index price", "no index price", "no gex peak"]


@pytest.mark.parametrize(
    ("flag", "middle", "pin"),
    [(1, 6007.5, 6010), (1, 6002.5, 6000), (0, 6007.5, 6005), (1, None, 6005)],
)
def test_competing_peaks_replace_the_pin_when_asked(
    market: Market, flag: int, middle: float | None, pin: float
) -> None:
    market.context("09:31", 5990, 12)
    market.pin("09:31", 6005)
    market.put("competing_peaks", "09:31", is_competing=flag, adjusted_pin=middle)
    market.put("competing_peaks", "09:31:01", is_competing=1, adjusted_pin=5950)  # another instant
    assert seen(market, {**AT_0936, "entry.use_competing_peaks": True}) == [(5990, 12, pin)]
    assert seen(market, AT_0936) == [(5990, 12, 6005)]


def test_competing_peaks_of_computed_pins_come_from_the_chain(market: Market) -> None:
    market.chain("09:31", 6000, 12, [call(6010, 1000), call(5985, 1500)])
    competing = {**AT_0936, "entry.use_competing_peaks": True}
    assert seen(market, AT_0936)[0][2] == 5985
    # the midpoint 5997.5, to the even multiple of 5
    assert seen(market, competing)[0][2] == 6000
    market.put("competing_peaks", "09:31", is_competing=1, adjusted_pin=5950)
    assert seen(market, AT_0936)[0][2] == 5985
    assert seen(market, competing)[0][2] == 5950


# ------------------------------------------------------------------------------- figures


def test_marks_are_carried_over_bars_without_a_price(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "10:01", put_spread(1.3))
    known.quotes("11:00", "15:59", put_spread(1.25))
    result = known.run({**AT_0936, **MID})
    marks = result.marks.set_index("time")["value"]
    equity = result.equity.set_index("time")["equity"]
    noon, later = "2026-01-12 15:30:00+00:00", "2026-01-12 16:00:00+00:00"  # 10:30 and 11:00
    assert math.isnan(marks[noon])
    assert equity[noon] == 24_990.0
    assert equity[later] == 24_995.0
    assert only_trade(result)["unpriced_bars"] == 113  # 10:03:30 … 10:59:30


def test_extremes_start_at_the_mark_of_the_entry_bar(known: Market) -> None:
    """Credit 1.00, marked at 1.20 from the first moment: the best of it is a loss."""
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    trade = only_trade(known.run({**AT_0936, "fills.commission": 1}))
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (-20.0, -20.0)
    assert trade["pnl_dollars"] == -44.0


@pytest.mark.parametrize(
    ("amount", "cents"),
    [(0.125, 0.12), (0.135, 0.14), (-382.775, -382.78), (2.4999999999, 2.5), (1.005, 1.0)],
)
def test_cents_are_rounded_as_on_paper(amount: float, cents: float) -> None:
    assert to_cents(amount) == cents
    assert rounded(2.5, 0) == 2.0


def test_the_run_id_follows_from_configuration_and_data(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    name = known.run(AT_0936).run_id
    assert name.startswith("SPX-20260112-20260112-")
    assert known.run({**AT_0936, "exit.stop_loss": 0.10}).run_id == name  # the default
    assert known.run({**AT_0936, "exit.stop_loss": 0.11}).run_id != name
    known.quote("12:00", 5500, "put", 1.0, 1.1)  # an option nobody asks for is data, too
    assert known.run(AT_0936).run_id != name


def test_a_session_without_rows_is_listed(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2))
    known.on("2026-01-14").put("competing_peaks", "10:00", is_competing=0)  # a row is a row
    result = known.run({**AT_0936, **MID}, start="2026-01-12", end="2026-01-14")
    found = [(r["session"], r["status"], r["checks"]) for r in result.summary["sessions"]]
    assert found == [
        ("2026-01-12", "traded", 1),
        ("2026-01-13", "no data", 0),
        ("2026-01-14", "no trades", 1),
    ]
    assert len(result.equity) == 2 * 781
    json.loads(result.to_json())
