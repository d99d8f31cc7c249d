"""Statistics of trades, against figures worked out by hand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_fakes import fake_decision, fake_group, fake_trade

from bt_gex.errors import DataError
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    Funnel,
    Totals,
    drawdown_dollars,
    funnel,
    grouped,
    max_drawdown_dollars,
    profit_factor,
    summarise,
)
from bt_gex.trades.codec import to_json
from bt_gex.trades.records import Decision, SpreadTrade, UnpricedBars


def trade(pnl: float | None, **other: Any) -> SpreadTrade:
    return fake_trade(pnl_dollars=pnl, **{"confidence": "HIGH", **other})


def day_trade(entry: str, leave: str, pnl: float, reason: str, **other: Any) -> SpreadTrade:
    return trade(
        pnl,
        timestamp_entry=f"2026-01-12T{entry}+00:00",
        timestamp_exit=f"2026-01-12T{leave}+00:00",
        exit_reason=reason,
        **other,
    )


# Five recorded trades of 2026-01-12 (Monday); stamps are UTC, New York is five hours behind.
FIVE = [
    day_trade("14:36:11", "14:51:12", 215.0, "Profit Target"),
    day_trade("14:36:11", "14:43:57", 110.0, "Trailing Stop", confidence="MEDIUM"),
    day_trade("15:00:01", "15:05:13", -45.0, "Stop Loss"),
    day_trade("15:30:07", "15:35:18", -65.0, "Stop Loss"),
    day_trade("16:00:11", "16:16:15", 105.0, "Profit Target", strategy="IC"),
]


class TestSummary:
    def test_five_recorded_trades(self) -> None:
        found = summarise(FIVE, balance=25_000)
        assert found == Totals(
            total_trades=5,
            winners=3,
            losers=2,
            breakeven=0,
            unresolved=0,
            win_rate=0.6,
            total_pnl=320.0,
            avg_win=143.33,
            avg_loss=55.0,
            max_win=215.0,
            max_loss=-65.0,
            profit_factor=pytest.approx(3.909, abs=5e-4),  # 430 / 110
            max_drawdown=110.0,
            final_balance=25_320.0,
            return_pct=1.28,
        )

    def test_five_recorded_trades_in_groups(self) -> None:
        found = grouped(FIVE, SPREAD_GROUPINGS)
        assert found["by_strategy"] == {
            "IC": fake_group(1, 1, 105.0),
            "PUT": fake_group(4, 2, 215.0),
        }
        assert found["by_confidence"] == {
            "HIGH": fake_group(4, 2, 210.0),
            "MEDIUM": fake_group(1, 1, 110.0),
        }
        assert found["by_exit_reason"] == {
            "Profit Target": fake_group(2, 2, 320.0),
            "Stop Loss": fake_group(2, 0, -110.0),
            "Trailing Stop": fake_group(1, 1, 110.0),
        }
        assert found["by_entry_time"] == {
            "09:36": fake_group(2, 2, 325.0),
            "10:00": fake_group(1, 0, -45.0),
            "10:30": fake_group(1, 0, -65.0),
            "11:00": fake_group(1, 1, 105.0),
        }
        assert found["by_weekday"] == {"Mon": fake_group(5, 3, 320.0)}

    def test_no_trades_gives_zeros_and_nulls(self) -> None:
        found = summarise([], balance=25_000)
        assert (found.profit_factor, found.final_balance) == (None, 25_000.0)
        rest = replace(found, profit_factor=0.0, final_balance=0.0)
        assert set(asdict(rest).values()) == {0}
        groups = grouped([], SPREAD_GROUPINGS)
        assert set(groups) == set(SPREAD_GROUPINGS)
        assert not any(groups.values())

    def test_one_loser_has_a_profit_factor_of_zero(self) -> None:
        found = summarise([trade(-45.0)], balance=1_000)
        assert (found.profit_factor, found.max_drawdown) == (0.0, 45.0)
        assert (found.avg_win, found.max_win, found.max_loss) == (0.0, 0.0, -45.0)
        assert (found.return_pct, found.final_balance) == (-4.5, 955.0)

    def test_winners_only_have_no_profit_factor(self) -> None:
        found = summarise([trade(10.0), trade(0.01)], balance=1_000)
        assert found.profit_factor is None
        assert (found.win_rate, found.avg_loss, found.max_loss) == (1.0, 0.0, 0.0)
        assert (found.avg_win, found.max_drawdown) == (5.0, 0.0)  # 5.005: even cents

    def test_losers_only(self) -> None:
        found = summarise([trade(-10.0), trade(-20.0)], balance=1_000)
        assert (found.winners, found.losers, found.win_rate) == (0, 2, 0.0)
        assert (found.avg_loss, found.max_loss, found.max_drawdown) == (15.0, -20.0, 30.0)

    def test_a_trade_at_zero_is_neither_won_nor_lost(self) -> None:
        found = summarise([trade(0.0), trade(50.0)], balance=1_000)
        assert (found.winners, found.losers, found.breakeven) == (1, 0, 1)
        assert (found.win_rate, found.profit_factor) == (0.5, None)

    def test_unresolved_trades_are_counted_and_otherwise_left_out(self) -> None:
        lost = trade(None, exit_reason="Unresolved", exit_value=None)
        found = summarise([lost, *FIVE], balance=25_000)
        assert found.unresolved == 1
        assert found.total_trades == 5
        groups = grouped([lost, *FIVE], SPREAD_GROUPINGS)
        assert "Unresolved" not in groups["by_exit_reason"]

    def test_drawdown_follows_the_order_of_exit(self) -> None:
        # exits: +100, -60, -50 -> from 1,100 down to 990; in order of entry it would be 60
        trades = [
            day_trade("15:00:00", "17:00:00", -50.0, "Stop Loss"),
            day_trade("15:10:00", "16:00:00", 100.0, "Profit Target"),
            day_trade("15:20:00", "16:30:00", -60.0, "Stop Loss"),
        ]
        assert summarise(trades, balance=1_000).max_drawdown == 110.0

    def test_sums_of_cents_are_exact(self) -> None:
        found = summarise([trade(0.1)] * 3 + [trade(-0.3)], balance=0.3)
        assert (found.total_pnl, found.final_balance) == (0.0, 0.3)
        assert found.profit_factor == 1.0

    def test_entry_times_follow_new_york_through_the_year(self) -> None:
        summer = trade(1.0, timestamp_entry="2026-07-14T13:36:00+00:00")
        winter = trade(1.0, timestamp_entry="2026-01-14T14:36:00+00:00")
        friday = trade(1.0, timestamp_entry="2026-01-16T14:36:00+00:00")
        found = grouped([winter, friday, summer], SPREAD_GROUPINGS)
        assert list(found["by_entry_time"]) == ["09:36"]
        assert list(found["by_weekday"]) == ["Tue", "Wed", "Fri"]  # week order, not alphabetical

    def test_an_empty_account_has_no_return(self) -> None:
        assert summarise([trade(1.0)], balance=0).return_pct is None

    @pytest.mark.parametrize("pnl", [float("nan"), float("inf")])
    def test_a_pnl_that_is_no_number_stops(self, pnl: float) -> None:
        with pytest.raises(DataError, match="SPX-1"):
            summarise([replace(trade(1.0), pnl_dollars=pnl)], balance=1_000)

    def test_a_time_without_zone_stops(self) -> None:
        naive = datetime(2026, 1, 12, 14, 36)
        with pytest.raises(DataError, match="SPX-1: 2026-01-12 14:36:00 has no zone"):
            summarise([replace(trade(1.0), timestamp_exit=naive)], balance=1_000)
        with pytest.raises(DataError, match="SPX-1: 2026-01-12 14:36:00 has no zone"):
            grouped([replace(trade(1.0), timestamp_entry=naive)], SPREAD_GROUPINGS)


cents = st.integers(-100_000, 100_000).map(lambda n: n / 100)
pnls = st.lists(st.one_of(cents, st.none()), max_size=30)


@given(pnls, st.integers(1, 10_000_000))
def test_laws_of_a_summary(values: list[float | None], balance: int) -> None:
    trades = [trade(pnl) for pnl in values]
    found = summarise(trades, balance=balance)
    json.dumps(to_json(found), allow_nan=False)
    known = [pnl for pnl in values if pnl is not None]
    total = sum(round(pnl * 100) for pnl in known)
    assert round(found.total_pnl * 100) == total
    assert round(found.final_balance * 100) == balance * 100 + total
    assert found.winners + found.losers + found.breakeven == found.total_trades
    assert found.total_trades + found.unresolved == len(values)
    groups = grouped(trades, SPREAD_GROUPINGS)
    for name in ("by_strategy", "by_confidence", "by_exit_reason", "by_entry_time", "by_weekday"):
        assert sum(row.count for row in groups[name].values()) == len(known)
        assert sum(round(row.pnl * 100) for row in groups[name].values()) == total
    lost = -sum(round(pnl * 100) for pnl in known if pnl < 0)
    assert max(0, -total) <= round(found.max_drawdown * 100) <= lost


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=40))
def test_drawdown_is_the_worst_of_all_pairs(equity: list[int]) -> None:
    worst = max(a - b for n, a in enumerate(equity) for b in equity[n:])
    assert max_drawdown_dollars(equity) == worst


class TestDrawdown:
    def test_distance_to_the_high_so_far(self) -> None:
        assert list(drawdown_dollars([10, 12, 9, 12, 13, 13])) == [0, 0, 3, 0, 0, 0]

    def test_nothing_is_no_drawdown(self) -> None:
        assert max_drawdown_dollars([]) == 0.0

    def test_is_rounded_to_cents(self) -> None:
        assert max_drawdown_dollars([25_000.1, 24_999.9]) == 0.2

    def test_a_gap_stops(self) -> None:
        with pytest.raises(DataError, match="nan at row 1"):
            max_drawdown_dollars([1.0, float("nan")])


def test_profit_factor_of_plain_numbers() -> None:
    assert profit_factor([300.0, -100.0, -50.0, 0.0]) == 2.0
    assert profit_factor([300.0]) is None
    assert profit_factor([]) is None


def check(outcome: str, kind: str = "", reason: str = "") -> Decision:
    return fake_decision(outcome=outcome, kind=kind, reason=reason or kind)


class TestFunnel:
    def test_every_check_is_an_entry_or_a_skip(self) -> None:
        decisions = [
            check("entry"),
            check("skip", "no vix"),
            check("skip", "no quote", "no quote: 6070C"),
            check("skip", "no quote", "no quote: 6060C"),
            check("skip", "no gex peak"),
        ]
        taken = [
            trade(
                1.0,
                unpriced_bars=3,
                unpriced_by_kind={"no_quote": 1, "contradictory": 2},
                clamped_bars=2,
                flags=["clamped_exit"],
            ),
            trade(None, unpriced_bars=4),  # as a run without kinds has it
        ]
        assert funnel(decisions, taken, 780) == Funnel(
            bars=780,
            checks=5,
            entries=1,
            skips=4,
            success_rate=0.2,
            skips_by_kind={"no quote": 2, "no gex peak": 1, "no vix": 1},
            skips_by_reason={
                "no gex peak": 1,
                "no quote: 6060C": 1,
                "no quote: 6070C": 1,
                "no vix": 1,
            },
            unpriced_bars=7,
            unpriced_by_kind=UnpricedBars(no_quote=5, contradictory=2),
            clamped=3,
            unresolved=1,
        )

    def test_frequent_reasons_come_first(self) -> None:
        decisions = [check("skip", "a"), check("skip", "c"), check("skip", "b"), check("skip", "c")]
        assert list(funnel(decisions, [], 1).skips_by_kind.items()) == [
            ("c", 2),
            ("a", 1),
            ("b", 1),
        ]

    def test_nothing_checked(self) -> None:
        found = funnel([], [], 0)
        assert (found.checks, found.success_rate, found.skips_by_kind) == (0, 0.0, {})
