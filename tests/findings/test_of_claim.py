"""Each finding fires where there is reason for it, and only there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from record_fakes import BOOTSTRAP, FOUND_BY, SHARPE, fake_session, fake_trade

from bt_gex.findings.finding import GRAVEST_FIRST, Finding
from bt_gex.findings.of_claim import findings_of_claim
from bt_gex.results.costs import CostRow, Costs
from bt_gex.stats.bootstrap import Bootstrap
from bt_gex.trades.records import SessionSummary, SpreadTrade

FIRST, SECOND, THIRD = "2026-01-12", "2026-01-13", "2026-01-14"
UNSURE = replace(BOOTSTRAP, total_pnl=(-5.0, 90.0), probability_of_loss=0.31)


def day(name: str, pnl: float, entries: int = 2) -> SessionSummary:
    return fake_session(name, entries=entries, trades_pnl_dollars=pnl)


DAYS = (day(FIRST, 25.0), day(SECOND, 20.0), day(THIRD, 15.0))


def traded(*pnls: float | None) -> list[SpreadTrade]:
    """Trades t1, t2, ... of the first session."""
    return [fake_trade(f"t{n}", pnl_dollars=pnl) for n, pnl in enumerate(pnls, start=1)]


def findings(
    pnls: list[float | None] | None = None,
    days: tuple[SessionSummary, ...] = DAYS,
    *,
    bootstrap: Bootstrap | None = BOOTSTRAP,
    sharpe: dict[str, Any] | None = None,
    **given: Any,
) -> list[Finding]:
    found = findings_of_claim(
        traded(*(pnls if pnls is not None else [20.0, 30.0, -10.0, 20.0])),
        sessions=days,
        bootstrap=bootstrap,
        sharpe=replace(SHARPE, **(sharpe or {})),
        **given,
    )
    for finding in found:
        assert finding.kind in GRAVEST_FIRST
        assert ": " in finding.text
        assert finding.text.endswith(".")
        assert finding.next_step.endswith(".")
    return found


def kinds(*args: Any, **given: Any) -> list[str]:
    return [finding.kind for finding in findings(*args, **given)]


def weight(finding: Finding) -> tuple[int | None, tuple[str, ...], float | None, float | None]:
    return finding.trades, finding.order_ids, finding.dollars, finding.share


NOTHING = (None, (), None, None)


def test_an_ordinary_profit_raises_none() -> None:
    assert kinds() == []
    assert kinds(sweep=FOUND_BY, changed=["exit.stop_loss"]) == []


class TestTooFew:
    def test_fires(self) -> None:
        assert kinds(bootstrap=UNSURE) == ["few_trades"]
        assert kinds(bootstrap=None) == ["few_trades"]

    @pytest.mark.parametrize(
        ("needed", "said"), [(120.2, "121 sessions"), (None, "Replay more sessions")]
    )
    def test_says_how_many_are_needed(self, needed: float | None, said: str) -> None:
        (found,) = findings(
            [5.0, None], bootstrap=UNSURE, sharpe={"min_track_record_sessions": needed}
        )
        assert found.kind == "few_trades"
        for value in ("1 trade", "40 sessions", "31 %"):
            assert value in found.text
        assert said in found.next_step
        assert weight(found) == (1, ("t1",), 5.0, 0.5)  # the other is unresolved

    def test_a_single_session(self) -> None:
        (found,) = findings([5.0, 1.5, -1.0, None], (), bootstrap=None)
        assert "3 trades" in found.text
        assert weight(found) == (3, ("t1", "t2", "t3"), 5.5, 0.75)

    def test_a_loss_is_no_claim(self) -> None:
        assert kinds([-5.0, 1.0], bootstrap=replace(BOOTSTRAP, total_pnl=(-9.0, 1.0))) == []
        assert kinds([], bootstrap=None) == []


class TestTooFewSessions:
    def test_fires_below_thirty(self) -> None:
        (found,) = findings(bootstrap=replace(BOOTSTRAP, sessions=29))
        assert found.kind == "few_sessions"
        assert "29 sessions" in found.text
        assert "30 sessions" in found.next_step
        assert weight(found) == NOTHING
        assert kinds(bootstrap=replace(BOOTSTRAP, sessions=30)) == []

    def test_a_loss_needs_no_sessions(self) -> None:
        assert kinds([-5.0, 1.0], bootstrap=replace(BOOTSTRAP, sessions=3)) == []


class TestOneStroke:
    def test_one_trade(self) -> None:
        (found,) = findings([-20.0, 100.0, -20.0, None])
        assert found.kind == "one_trade"
        for value in ("t2", "+$100.00", "other 2"):
            assert value in found.text
        assert "trade:t2" in found.next_step
        assert weight(found) == (1, ("t2",), 100.0, 0.25)

    def test_one_session(self) -> None:
        days = (day(FIRST, 60.0), day(SECOND, -10.0), day(THIRD, 10.0))
        trades = [
            fake_trade("a", pnl_dollars=-10.0, expiration=SECOND),
            fake_trade("b", pnl_dollars=30.0, expiration=FIRST),
            fake_trade("c", pnl_dollars=10.0, expiration=THIRD),
            fake_trade("d", pnl_dollars=30.0, expiration=FIRST),
        ]
        (found,) = findings_of_claim(trades, sessions=days, bootstrap=BOOTSTRAP, sharpe=SHARPE)
        assert found.kind == "one_session"
        for value in (FIRST, "+$60.00", "other 2"):
            assert value in found.text
        assert f"session:{FIRST}" in found.next_step
        assert weight(found) == (2, ("b", "d"), 60.0, 0.5)

    def test_neither(self) -> None:
        assert kinds([100.0, -20.0, 30.0]) == []
        assert kinds([5.0]) == []  # nothing to compare a single trade with
        assert kinds([30.0, 30.0], (day(FIRST, 60.0),)) == []
        assert kinds([30.0, 30.0, None]) == []


class TestFills:
    @staticmethod
    def costs(*pnls: float, delay: int = 0) -> list[tuple[float, float]]:
        """At no slippage, half the half-spread, and so on."""
        rows = [
            CostRow(
                slippage=n / 2,
                delay_bars=delay,
                total_pnl=pnl,
                total_trades=1,
                win_rate=0.0,
                profit_factor=None,
                max_drawdown=0.0,
            )
            for n, pnl in enumerate(pnls)
        ]
        return Costs(rows[::-1]).at_once

    def test_fires_where_the_sign_flips_below_natural(self) -> None:
        (found,) = findings(costs=self.costs(100.0, 20.0, -60.0))
        assert found.kind == "depends_on_fills"
        assert "62 %" in found.text  # 0.5 and a quarter of the way to 1
        assert weight(found) == NOTHING

    @pytest.mark.parametrize(
        "pnls", [(100.0, 50.0, 20.0, -5.0), (-5.0, -20.0, -50.0), (100.0, 50.0, 0.0)]
    )
    def test_not_beyond_it_nor_without_a_profit(self, pnls: tuple[float, ...]) -> None:
        assert kinds(costs=self.costs(*pnls)) == []

    def test_delays_are_another_question(self) -> None:
        assert kinds(costs=self.costs(100.0, -60.0, -80.0, delay=1)) == []


class TestChosen:
    def test_selection(self) -> None:
        (found,) = findings(sweep=FOUND_BY, sharpe={"deflated_sharpe": 0.6})
        assert found.kind == "selection"
        for value in ("40 variants", "60 %"):
            assert value in found.text
        assert "bt-gex walkforward" in found.next_step
        assert weight(found) == NOTHING
        assert kinds(sweep=FOUND_BY, sharpe={"deflated_sharpe": 0.96}) == []
        assert kinds(sharpe={"deflated_sharpe": 0.6}) == []  # no sweep, no choice

    def test_an_average_variant_beats_the_winner(self) -> None:
        assert kinds(sweep=replace(FOUND_BY, overfitting_probability=0.5)) == ["overfit_winner"]
        assert kinds(sweep=replace(FOUND_BY, overfitting_probability=0.49)) == []
        assert kinds(sweep=replace(FOUND_BY, overfitting_probability=None)) == []

    def test_a_baseline_was_not_picked(self) -> None:
        sweep = replace(FOUND_BY, is_baseline=True, overfitting_probability=0.9)
        assert kinds(sweep=sweep, sharpe={"deflated_sharpe": 0.1}) == []

    def test_edge(self) -> None:
        assert kinds(sweep=replace(FOUND_BY, edges={"exit.stop_loss": 0.4})) == ["edge"]


class TestParameters:
    def test_more_than_ten(self) -> None:
        swept = tuple(f"exit.x{n}" for n in range(6))
        changed = [f"setup.y{n}" for n in range(5)]
        assert kinds(sweep=replace(FOUND_BY, swept=swept), changed=changed) == ["many_parameters"]

    def test_fills_are_not_chosen(self) -> None:
        changed = [*(f"exit.x{n}" for n in range(10)), "fills.commission", "data.quote_max_age_s"]
        assert kinds(changed=changed) == []

    def test_ten_are_not_many(self) -> None:
        swept = tuple(f"exit.x{n}" for n in range(6))
        assert (
            kinds(sweep=replace(FOUND_BY, swept=swept), changed=[*swept, "a", "b", "c", "d"]) == []
        )
