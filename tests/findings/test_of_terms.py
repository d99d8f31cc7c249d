"""What the terms of trading do: fills, commission, stops, the account. Amounts by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from record_fakes import FUNNEL, TOTALS, fake_decision, fake_trade

from bt_gex.config.run_config import FillParams
from bt_gex.findings.evidence import Evidence
from bt_gex.findings.finding import GRAVEST_FIRST, Finding
from bt_gex.findings.of_terms import findings_of_terms
from bt_gex.rules.gex.params import ExitParams
from bt_gex.trades.records import Decision, SpreadTrade

PAID = FillParams(commission=0.65)


def findings(
    trades: list[SpreadTrade], decisions: tuple[Decision, ...] = (), **given: Any
) -> list[Finding]:
    evidence = Evidence(
        trades=trades, decisions=decisions, totals=TOTALS, funnel=FUNNEL, sessions=(),
        max_drawdown_mtm=1.0, balance=25_000.0, multiplier=100.0,
    )  # fmt: skip
    found = findings_of_terms(replace(evidence, **given))
    for finding in found:
        assert finding.kind in GRAVEST_FIRST
        assert finding.text.endswith(".")
        assert finding.next_step.endswith(".")
    return found


def weight(finding: Finding) -> tuple[int | None, tuple[str, ...], float | None, float | None]:
    return finding.trades, finding.order_ids, finding.dollars, finding.share


class TestAssumedFills:
    def done(self, pnl: float = 20.0, **fills: float) -> list[Finding]:
        """Two contracts of two legs each: t1 stopped out, t2 settled."""
        trades = [
            fake_trade("t1", pnl_dollars=pnl, quantity=2, exit_reason="Stop Loss"),
            fake_trade("t2", pnl_dollars=30.0, quantity=2, exit_reason="Expiration Settlement"),
        ]
        return findings(trades, fills=FillParams(**{"commission": 0.65, **fills}))

    def test_natural_fills_and_a_commission_are_fine(self) -> None:
        assert self.done() == []
        assert self.done(entry_slippage=0.5) == []

    @pytest.mark.parametrize("side", ["entry_slippage", "exit_slippage"])
    def test_better_than_half_the_half_spread(self, side: str) -> None:
        (found,) = self.done(**{side: 0.49})
        assert found.kind == "mid_fills"
        assert "49 %" in found.text
        assert "--fills natural" in found.next_step
        assert weight(found) == (2, ("t1", "t2"), 50.0, 1.0)

    def test_no_commission_weighs_what_it_would_have_cost(self) -> None:
        """Two legs of two contracts in and out, and in only: 8 + 4 times $0.65."""
        (found,) = self.done(commission=0.0)
        assert found.kind == "no_commission"
        assert "$7.80 of $50.00" in found.text
        assert "--commission" in found.next_step
        assert weight(found) == (2, ("t1", "t2"), -7.8, 1.0)

    def test_a_loss_rests_on_nothing(self) -> None:
        assert self.done(-90.0, commission=0.0, entry_slippage=0.0) == []


class TestSpreadCost:
    """Half-spreads of 0.10 and 0.15 at entry, 0.20 and 0.05 at exit; a credit of 2.35 points."""

    QUOTES: Any = ([5.1, 5.3, 5.4, 5.8], [2.5, 2.8, 2.8, 2.9])

    def test_against_the_credit(self) -> None:
        """Two contracts: $50 in and $50 out of $470, 21 %."""
        trade = fake_trade("a", quantity=2, leg_quotes=self.QUOTES)
        (found,) = findings([trade], fills=PAID)
        assert found.kind == "spread_cost"
        for said in ("$100.00", "21 %", "$470.00", "$50.00 at entry", "$50.00 at exit"):
            assert said in found.text
        assert weight(found) == (1, ("a",), -100.0, 1.0)
        assert "entry.min_credit" in found.next_step

    def test_only_what_is_paid_counts(self) -> None:
        """At mid there is nothing to pay; a settled trade pays at its entry only."""
        trade = fake_trade("a", leg_quotes=self.QUOTES)
        assert findings([trade], fills=replace(PAID, exit_slippage=0.85)) == []
        settled = [[5.1, 5.3, None, None], [2.5, 2.8, None, None]]
        assert findings([fake_trade("a", leg_quotes=settled)], fills=PAID) == []

    def test_a_leg_without_a_bid_pays_half_its_ask(self) -> None:
        """(0.6 + 0.4) / 2 = 0.50 points of 2.35."""
        trade = fake_trade("a", leg_quotes=[[0.0, 0.6, 0.1, 0.1], [0.0, 0.4, 0.1, 0.1]])
        (found,) = findings([trade], fills=PAID)
        assert found.dollars == -50.0


class TestStops:
    @pytest.mark.parametrize(("stop", "fires"), [(0.39, False), (0.4, True), (0.5, True)])
    def test_from_the_emergency_stop_on_it_never_acts(self, stop: float, fires: bool) -> None:
        exits = ExitParams(stop_loss=stop, emergency_stop=0.4)
        kinds = [found.kind for found in findings([fake_trade("a")], exits=exits)]
        assert kinds == (["idle_stop"] if fires else [])

    @pytest.mark.parametrize(
        ("credit", "fires"),
        [(5.0, False), (5.01, True)],  # at a loss of 100 % the stop is at 10.00 and 10.02 of 10
    )
    def test_beyond_the_width_it_can_never_fire(self, credit: float, fires: bool) -> None:
        exits = ExitParams(stop_loss=1.0, emergency_stop=1.5)
        found = findings([fake_trade("a", entry_credit=credit)], exits=exits)
        assert [one.kind for one in found] == (["never_stopped"] if fires else [])

    def test_the_nearer_of_both_stops_counts(self) -> None:
        exits = ExitParams(stop_loss=9.0, emergency_stop=0.5)
        found = findings([fake_trade("a", entry_credit=6.0)], exits=exits)
        assert [one.kind for one in found] == ["idle_stop"]

    def test_a_tenth_of_the_trades_is_no_finding(self) -> None:
        trades = [fake_trade(f"t{n}", entry_credit=2.0) for n in range(9)]
        exits = ExitParams(stop_loss=1.0, emergency_stop=1.5)
        far = [fake_trade(f"far{n}", entry_credit=6.0) for n in range(2)]
        assert findings([*trades, far[0]], exits=exits) == []
        (found,) = findings([*trades, *far], exits=exits)
        assert weight(found) == (2, ("far0", "far1"), -90.0, 2 / 11)
        assert "2 of 11 trades (18.2 %)" in found.text
        assert "they made -$90.00, all others together -$405.00" in found.text.replace(
            "They", "they"
        )


def refused(day: str, credit: float = 2.0, **plain: Any) -> Decision:
    """A check at 11:00 New York that found a spread 10 points wide."""
    return fake_decision(
        **{
            "session": day, "timestamp": f"{day}T16:00:00+00:00", "kind": "margin",
            "reason": "margin: needs $800.00", "width": 10.0, "credit": credit, **plain,
        }
    )  # fmt: skip


def entered(day: str) -> Decision:
    return fake_decision(session=day, timestamp=f"{day}T14:36:00+00:00", outcome="entry", kind="")


class TestUsedUp:
    """An account of $1,000: a trade on Monday loses $300, and $700 carry no spread that can lose
    $800."""

    LOST = fake_trade("a", pnl_dollars=-300.0)
    TERMS: Any = {"balance": 1_000.0, "fills": PAID}

    def test_from_the_first_refusal_on(self) -> None:
        decisions = (
            entered("2026-01-12"), refused("2026-01-12"), refused("2026-01-13"),
            fake_decision(session="2026-01-14", timestamp="2026-01-14T16:00:00+00:00"),
            refused("2026-01-15"),
        )  # fmt: skip
        (found,) = findings([self.LOST], decisions, **self.TERMS)
        assert found.kind == "used_up"
        for said in ("2026-01-12", "$700.00 of $1,000.00", "3 checks refused since"):
            assert said in found.text
        assert weight(found) == (1, ("a",), -300.0, 1.0)

    def test_not_while_it_still_trades(self) -> None:
        decisions = (entered("2026-01-12"), refused("2026-01-12"), entered("2026-01-13"))
        assert findings([self.LOST], decisions, **self.TERMS) == []

    def test_not_where_only_open_spreads_bind_the_money(self) -> None:
        """Of $1,000 the refused spread needs $800: with nothing open it would have been sold."""
        later = fake_trade("a", pnl_dollars=-300.0, timestamp_exit="2026-01-12T18:00:00+00:00")
        assert findings([later], (entered("2026-01-12"), refused("2026-01-12")), **self.TERMS) == []

    def test_contracts_count(self) -> None:
        decisions = (entered("2026-01-12"), refused("2026-01-12", credit=4.0))  # needs $600
        assert findings([self.LOST], decisions, **self.TERMS) == []
        (found,) = findings([self.LOST], decisions, contracts=2, **self.TERMS)
        assert found.kind == "used_up"

    def test_by_the_stop_of_the_sizer(self) -> None:
        decisions = (entered("2026-01-12"), refused("2026-01-13", kind="size zero"))
        (found,) = findings([self.LOST], decisions, **self.TERMS)
        assert "2026-01-13" in found.text
        assert "1 check refused since" in found.text

    def test_nothing_left_needs_no_refusal(self) -> None:
        lost = fake_trade("a", pnl_dollars=-1_000.0)
        (found,) = findings([lost], **self.TERMS)
        assert "$0.00 of $1,000.00" in found.text
        assert "not recorded" in found.text

    def test_accounts_that_begin_anew_are_not_used_up(self) -> None:
        lost = fake_trade("a", pnl_dollars=-1_000.0)
        assert findings([lost], one_account=False, **self.TERMS) == []
