"""Each diagnosis fires where there is reason for it, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.findings.diagnoses import diagnose
from bt_gex.findings.doubts import GRAVEST_FIRST

LUCK = {"total_pnl": [10.0, 90.0], "sessions": 40, "probability_of_loss": 0.02}
SHARPE = {
    "min_track_record_sessions": 120.2,
    "deflated_sharpe": None,
    "sharpe_a_session": 0.4,
}
SWEEP = {
    "variants": 40,
    "is_baseline": False,
    "swept": ["exit.stop_loss"],
    "overfitting_probability": 0.1,
    "edges": {},
}


def trade(pnl: float | None, name: str = "a") -> dict[str, Any]:
    stamp = "2026-01-12T15:00:00+00:00"
    times = {"timestamp_entry": stamp, "timestamp_exit": stamp}
    return {"order_id": name, "pnl_dollars": pnl, **times}


def day(name: str, pnl: float, entries: int = 2) -> dict[str, Any]:
    return {"session": name, "entries": entries, "trades_pnl_dollars": pnl}


def names(
    pnls: list[float | None] | None = None,
    days: list[dict[str, Any]] | None = None,
    **given: Any,
) -> list[str]:
    found = diagnose(
        [trade(pnl) for pnl in (pnls if pnls is not None else [20.0, 30.0, -10.0, 20.0])],
        sessions=days or [day("d1", 25.0), day("d2", 20.0), day("d3", 15.0)],
        luck=given.pop("luck", LUCK),
        sharpe={**SHARPE, **given.pop("sharpe", {})},
        **given,
    )
    for doubt in found:
        assert doubt.name in GRAVEST_FIRST
        assert ": " in doubt.what
        assert doubt.what.endswith(".")
        assert doubt.next_step.endswith(".")
    return [doubt.name for doubt in found]


def test_an_ordinary_profit_raises_none() -> None:
    assert names() == []
    assert names(sweep=SWEEP, changed=["exit.stop_loss"]) == []


class TestTooFew:
    def test_fires(self) -> None:
        assert names(luck={**LUCK, "total_pnl": [-5.0, 90.0]}) == ["few_trades"]
        assert names(luck=None) == ["few_trades"]

    def test_says_how_many_are_needed(self) -> None:
        luck = {**LUCK, "total_pnl": [-5.0, 90.0], "probability_of_loss": 0.31}
        for needed, said in ((120.2, "121 sessions"), (None, "Replay more sessions")):
            sharpe = {**SHARPE, "min_track_record_sessions": needed}
            (doubt,) = diagnose([trade(5.0)], sessions=[], luck=luck, sharpe=sharpe)
            assert said in doubt.next_step
            assert "1 trade in 40 sessions" in doubt.what
            assert "31 %" in doubt.what

    def test_a_loss_is_no_claim(self) -> None:
        assert names([-5.0, 1.0], luck={**LUCK, "total_pnl": [-9.0, 1.0]}) == []
        assert names([], luck=None) == []


class TestTooFewSessions:
    def test_fires_below_thirty(self) -> None:
        assert names(luck={**LUCK, "sessions": 29}) == ["few_sessions"]
        assert names(luck={**LUCK, "sessions": 30}) == []

    def test_a_loss_needs_no_sessions(self) -> None:
        assert names([-5.0, 1.0], luck={**LUCK, "sessions": 3}) == []


class TestAssumedFills:
    FILLS = {"entry_slippage": 1.0, "exit_slippage": 1.0, "commission": 0.65}

    def done(self, pnl: float = 20.0, **fills: float) -> list[Any]:
        traded = {"quantity": 2, "strikes": [1, 2], "exit_reason": "Stop Loss"}
        settled = {**traded, "exit_reason": "Expiration Settlement"}
        trades = [trade(pnl) | traded, trade(30.0) | settled]
        days = [day("d1", 30.0), day("d2", 20.0)]
        assumed = {**self.FILLS, **fills}
        return diagnose(trades, sessions=days, luck=LUCK, sharpe=SHARPE, fills=assumed)

    def test_natural_fills_and_a_commission_are_fine(self) -> None:
        assert self.done() == []
        assert self.done(entry_slippage=0.5) == []

    @pytest.mark.parametrize("side", ["entry_slippage", "exit_slippage"])
    def test_better_than_half_the_half_spread(self, side: str) -> None:
        (doubt,) = self.done(**{side: 0.49})
        assert doubt.name == "mid_fills"
        assert "49 %" in doubt.what

    def test_no_commission(self) -> None:
        """Two legs of two contracts in and out, and in only: 8 + 4 times $0.65."""
        (doubt,) = self.done(commission=0.0)
        assert doubt.name == "no_commission"
        assert "$7.80 of $50.00" in doubt.what

    def test_a_loss_rests_on_nothing(self) -> None:
        assert self.done(-90.0, commission=0.0, entry_slippage=0.0) == []


class TestIdleStop:
    @pytest.mark.parametrize(("stop", "fires"), [(0.39, False), (0.4, True), (0.5, True)])
    def test_fires_from_the_emergency_stop_on(self, stop: float, fires: bool) -> None:
        exits = {"stop_loss": stop, "emergency_stop": 0.4}
        assert names(exits=exits) == (["idle_stop"] if fires else [])


class TestOneStroke:
    def test_one_trade(self) -> None:
        assert names([100.0, -20.0, -20.0]) == ["one_trade"]

    def test_one_session(self) -> None:
        days = [day("d1", 60.0), day("d2", -10.0), day("d3", 10.0)]
        assert names([30.0, 30.0, -10.0, 10.0], days) == ["one_session"]

    def test_neither(self) -> None:
        assert names([100.0, -20.0, 30.0]) == []
        assert names([5.0]) == []  # nothing to compare a single trade with
        assert names([30.0, 30.0], [day("d1", 60.0)]) == []
        assert names([30.0, 30.0, None]) == []


class TestFills:
    @staticmethod
    def costs(*pnls: float, delay: int = 0) -> list[dict[str, Any]]:
        return [
            {"slippage": n / 2, "delay_bars": delay, "total_pnl": pnl} for n, pnl in enumerate(pnls)
        ]

    def test_fires_where_the_sign_flips_below_natural(self) -> None:
        assert names(costs=self.costs(100.0, 20.0, -60.0)) == ["depends_on_fills"]

    @pytest.mark.parametrize(
        "pnls", [(100.0, 50.0, 20.0, -5.0), (-5.0, -20.0, -50.0), (100.0, 50.0, 0.0)]
    )
    def test_not_beyond_it_nor_without_a_profit(self, pnls: tuple[float, ...]) -> None:
        assert names(costs=self.costs(*pnls)) == []

    def test_delays_are_another_question(self) -> None:
        assert names(costs=self.costs(100.0, -60.0, -80.0, delay=1)) == []


class TestChosen:
    def test_selection(self) -> None:
        assert names(sweep=SWEEP, sharpe={"deflated_sharpe": 0.6}) == ["selection"]
        assert names(sweep=SWEEP, sharpe={"deflated_sharpe": 0.96}) == []
        assert names(sharpe={"deflated_sharpe": 0.6}) == []  # no sweep, no choice

    def test_an_average_variant_beats_the_winner(self) -> None:
        assert names(sweep={**SWEEP, "overfitting_probability": 0.5}) == ["overfit_winner"]
        assert names(sweep={**SWEEP, "overfitting_probability": 0.49}) == []
        assert names(sweep={**SWEEP, "overfitting_probability": None}) == []

    def test_a_baseline_was_not_picked(self) -> None:
        sweep = {**SWEEP, "is_baseline": True, "overfitting_probability": 0.9}
        assert names(sweep=sweep, sharpe={"deflated_sharpe": 0.1}) == []

    def test_edge(self) -> None:
        assert names(sweep={**SWEEP, "edges": {"exit.stop_loss": 0.4}}) == ["edge"]


class TestParameters:
    def test_more_than_ten(self) -> None:
        swept = [f"exit.x{n}" for n in range(6)]
        changed = [f"setup.y{n}" for n in range(5)]
        assert names(sweep={**SWEEP, "swept": swept}, changed=changed) == ["many_parameters"]

    def test_fills_are_not_chosen(self) -> None:
        changed = [*(f"exit.x{n}" for n in range(10)), "fills.commission", "data.quote_max_age_s"]
        assert names(changed=changed) == []

    def test_ten_are_not_many(self) -> None:
        swept = [f"exit.x{n}" for n in range(6)]
        assert names(sweep={**SWEEP, "swept": swept}, changed=[*swept, "a", "b", "c", "d"]) == []
