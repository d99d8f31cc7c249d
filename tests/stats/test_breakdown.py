"""Where a result comes from, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from record_fakes import fake_decision, fake_group, fake_session, fake_trade

from bt_gex.stats import breakdown
from bt_gex.stats.breakdown import BestAndWorst, Extreme, FullProfits, Streaks
from bt_gex.trades.records import Decision, SpreadTrade

ZONES = (6.0, 15.0, 50.0)


def trade(pnl: float | None, **other: Any) -> SpreadTrade:
    values = {
        "timestamp_entry": "2026-01-12T14:36:00+00:00",  # 09:36, Monday
        "timestamp_exit": "2026-01-12T15:00:00+00:00",
        "pnl_dollars": pnl,
        "vix_entry": 14.0,
        "distance": 0,
        "entry_credit": 2.0,
        "exit_value": 1.0,
        "width": 10.0,
        **other,
    }
    return fake_trade(f"o{pnl}", **values)


def test_bands_hold_their_lower_edge() -> None:
    found = breakdown.by_vix(
        [trade(10.0, vix_entry=13.99), trade(-4.0, vix_entry=14.0), trade(1.0, vix_entry=15.9),
         trade(2.0, vix_entry=25.0), trade(3.0, vix_entry=None), trade(None, vix_entry=9.0)]
    )  # fmt: skip
    assert {name: (group.count, group.pnl) for name, group in found.items()} == {
        "12 to 14": (1, 10.0),
        "14 to 16": (2, -3.0),
        "from 25": (1, 2.0),
        "unknown": (1, 3.0),
    }
    assert found["14 to 16"].win_rate == 0.5


def test_zones_hold_their_upper_end_and_know_the_side() -> None:
    at = [6, -6, 7, -15, 15, 16, -50, 51, None]
    found = breakdown.by_distance([trade(1.0, distance=d) for d in at], ZONES)
    assert {name: group.count for name, group in found.items()} == {
        "up to 6": 2, "6 to 15 below": 1, "6 to 15 above": 2, "15 to 50 below": 1,
        "15 to 50 above": 1, "beyond 50": 1, "unknown": 1,
    }  # fmt: skip
    assert list(breakdown.by_distance([trade(1.0, distance=30)], [5 * end for end in ZONES])) == [
        "up to 30"
    ]


def test_times_and_weekdays_are_new_yorks() -> None:
    evening = trade(5.0, timestamp_entry="2026-07-01T14:00:00+00:00")  # 10:00, Wednesday, summer
    found = breakdown.time_by_weekday([trade(10.0), trade(-4.0), evening])
    assert found == {
        "09:36": {"Mon": fake_group(2, 1, 6.0)},
        "10:00": {"Wed": fake_group(1, 1, 5.0)},
    }


@pytest.mark.parametrize(
    ("pnls", "win", "loss", "current"),
    [
        ([], 0, 0, 0),
        ([1, 1, -1, 1], 2, 1, 1),
        ([-1, -1, -1], 0, 3, -3),
        ([1, 0, 1], 1, 0, 1),
        ([1, 1, 0], 2, 0, 0),
        ([1, None, 1], 2, 0, 2),
    ],
)
def test_streaks(pnls: list[float | None], win: int, loss: int, current: int) -> None:
    trades = [
        trade(pnl, timestamp_exit=f"2026-01-12T15:{n:02}:00+00:00") for n, pnl in enumerate(pnls)
    ]
    assert breakdown.streaks(trades[::-1]) == Streaks(win, loss, current)


def test_capture_is_the_share_of_all_that_could_be_made() -> None:
    # $200 and 3 x $100 could be made, $100 - $60 were.
    trades = [trade(100.0), trade(-60.0, entry_credit=1.0, quantity=3), trade(None)]
    assert breakdown.capture_rate(trades, 100.0) == pytest.approx(40 / 500)
    assert breakdown.capture_rate([trade(None)], 100.0) is None


def test_worthless_and_lost_whole() -> None:
    clamped = trade(200.0, exit_value=0.0, flags=["clamped_exit"])
    gone = trade(200.0, exit_value=0.0, leg_quotes=[[1.0, 1.1, 0.0, 0.9]])
    trades = [trade(200.0, exit_value=0.0), trade(-800.0, exit_value=10.0), clamped, gone]
    assert breakdown.full_profits(trades) == FullProfits(0.25, 0.25)
    assert breakdown.full_profits([]) == FullProfits(None, None)


def test_best_and_worst() -> None:
    days = [
        fake_session("2026-01-12", entries=1, trades_pnl_dollars=5.0),
        fake_session("2026-01-13", entries=0, trades_pnl_dollars=0.0),
    ]
    found = breakdown.best_and_worst([trade(5.0), trade(-3.0), trade(None)], days)
    assert found == BestAndWorst(
        best_trade=Extreme("o5.0", 5.0),
        best_session=Extreme("2026-01-12", 5.0),
        worst_trade=Extreme("o-3.0", -3.0),
        worst_session=Extreme("2026-01-12", 5.0),
    )
    assert breakdown.best_and_worst([], []) == BestAndWorst(
        best_trade=None, best_session=None, worst_trade=None, worst_session=None
    )


@pytest.mark.parametrize(
    ("points", "edge"),
    [
        ([(0.0, 100.0), (1.0, -100.0)], 0.5),
        ([(0.0, 100.0), (0.5, 50.0), (1.0, -150.0)], 0.625),
        ([(0.0, 100.0), (1.0, 0.0)], 1.0),
        ([(0.0, 100.0), (1.0, 1.0)], None),
        ([(0.0, -1.0), (1.0, -5.0)], None),
        ([], None),
    ],
)
def test_where_the_profit_is_gone(points: list[tuple[float, float]], edge: float | None) -> None:
    assert breakdown.break_even(points) == edge


def test_stages_from_bars_to_trades() -> None:
    def check(kind: str, credit: float | None = None) -> Decision:
        return fake_decision(kind=kind, credit=credit, outcome="skip" if kind else "entry")

    checks = [
        check("no vix"), check("too far from pin"), check("no quote"), check("margin", 2.0),
        check("credit not positive", -0.1), check("", 1.0),
    ]  # fmt: skip
    assert breakdown.stages(checks, 780) == [
        ("bars", 780), ("checks", 6), ("setups", 4), ("priced", 3), ("filled", 1),
    ]  # fmt: skip
