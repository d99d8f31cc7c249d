"""Each finding appears when there is reason for it, and only then; five trades, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from record_fakes import fake_session, fake_statistics, fake_trade

from bt_gex.findings.finding import GRAVEST_FIRST, Finding, heaviest_first, resting_on
from bt_gex.findings.of_run import findings_of_run

FIVE = ("t1", "t2", "t3", "t4", "t5")
FEW_SKIPS = {"checks": 12, "skips": 7, "skips_by_kind": {"too far from pin": 7}}
SESSION = fake_session()
EMPTY = fake_session(status="no data")


def findings(**given: Any) -> list[Finding]:
    """About three winners and two losers on clean data, with the given changes.

    trade  changes of the last trade, t5
    """
    statistics = fake_statistics(
        totals={"total_trades": 5, "winners": 3, **given.get("totals", {})},
        funnel={**FEW_SKIPS, **given.get("funnel", {})},
        sessions=given.get("sessions", (SESSION,)),
        max_drawdown_mtm=given.get("drawdown", 110.0),
    )
    same = {"pnl_dollars": 10.0, "time_alive_minutes": 15.0}
    last = {**same, **given.get("trade", {})}
    return findings_of_run(
        statistics, [*(fake_trade(name, **same) for name in FIVE[:4]), fake_trade("t5", **last)]
    )


def of_quality(**quality: int) -> tuple[Any, ...]:
    return (fake_session(quality={"quote rows": 1000, **quality}),)


def test_an_ordinary_result_raises_none() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("given", "kind", "said", "dollars"),
    [
        (
            {"trade": {"time_alive_minutes": 0.0, "exit_reason": "Profit Target"}},
            "instant_exits", ("1 of 5 trades (20.0 %)", "the minute of entry"), 10.0,
        ),
        (
            {"trade": {"time_alive_minutes": 0.5}},
            "stopped_at_once", ("1 of 5 trades (20.0 %)", "first bar"), 10.0,
        ),
        (
            {"trade": {"flags": ["stale_settlement"], "pnl_dollars": -765.0}},
            "settlement", ("1 of 5 trades (20.0 %)", "120 s"), -765.0,
        ),
        (
            {"trade": {"flags": ["parity_settlement"]}},
            "settlement", ("1 of 5 trades (20.0 %)", "put-call parity"), 10.0,
        ),
        (
            {"trade": {"pnl_dollars": None, "exit_reason": "Unresolved"}},
            "unresolved", ("1 of 5 trades (20.0 %)",), None,
        ),
        (
            {
                "trade": {
                    "pnl_dollars": -5.0,
                    "leg_quotes": [[5.0, 5.2, 3.0, 3.1], [1.0, 1.2, 0.0, 0.5]],
                }
            },
            "no_bid", ("1 of 5 trades (20.0 %)", "0.50", "-$5.00, all others together +$40.00."),
            -5.0,
        ),
        (
            {"trade": {"leg_quotes": [[0, 2.0, None, None], [0.0, 0.1, None, None]]}},
            "no_bid", ("+$10.00", "+$40.00", "up to 2.00"), 10.0,
        ),
        (
            {"trade": {"leg_quotes": [[1, 1.1, 0.5, 0.6], [0.5, 0.6, 0.0, 0.05]]}},
            "no_bid", ("up to 0.05",), 10.0,
        ),
        (
            {"trade": {"pnl_dollars": -5.0, "exit_reason": "Profit Target"}},
            "target_lost", ("1 of 1 trade (100.0 %)", "profit target"), -5.0,
        ),
        (
            {"funnel": {"clamped": 2}, "trade": {"flags": ["clamped_exit"]}},
            "clamped", ("2 spread prices", "in 1 of 5 trades", "It made +$10.00, all others"), 10.0,
        ),
        (
            {"funnel": {"clamped": 1}, "trade": {"flags": ["clamped_value"]}},
            "clamped", ("1 spread price ",), 10.0,
        ),
        (  # 5 trades of 15 minutes are 150 bars
            {"funnel": {"unpriced_bars": 90}, "trade": {"flags": ["unpriced_bars"]}},
            "unpriced", ("90 of 150 bars (60.0 %)",), 10.0,
        ),
    ],
)  # fmt: skip
def test_of_the_last_trade(
    given: dict[str, Any], kind: str, said: tuple[str, ...], dollars: float
) -> None:
    """Each finding is about t5 alone, a fifth of the trades."""
    (found,) = findings(**given)
    says(found, kind, said)
    assert (found.trades, found.order_ids, found.share) == (1, ("t5",), 0.2)
    assert found.dollars == dollars


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"totals": {"winners": 5}}, "all_winners", ("All 5 trades won",)),
        ({"drawdown": 0.0}, "no_drawdown", ("5 trades",)),
    ],
)
def test_of_all_trades(given: dict[str, Any], kind: str, said: tuple[str, ...]) -> None:
    (found,) = findings(**given)
    says(found, kind, said)
    assert (found.trades, found.order_ids, found.share) == (5, FIVE, 1.0)
    assert found.dollars == 50.0


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (
            {"sessions": (SESSION, EMPTY)},
            "no_data", ("1 of 2 sessions (50.0 %)", "2026-01-12"),
        ),
        (
            {"sessions": of_quality(crossed=120)},
            "bad_quotes", ("120 of 1,000 recorded quotes (12.0 %)", "'crossed'"),
        ),
        (
            {"sessions": of_quality(**{"duplicate quotes": 300})},
            "bad_quotes", ("300 of 1,000 recorded quotes (30.0 %)", "'duplicate quotes'"),
        ),
        (
            {"funnel": {"skips_by_kind": {"no quote": 4, "too far from pin": 3}}},
            "missing_data", ("4 of 12 checks (33.3 %)", "no quote 4"),
        ),
        (
            {"funnel": {"skips": 11, "skips_by_kind": {"too far from pin": 11}}},
            "refused", ("11 of 12 checks (91.7 %)", "'too far from pin' (11)"),
        ),
    ],
)  # fmt: skip
def test_of_no_trades(given: dict[str, Any], kind: str, said: tuple[str, ...]) -> None:
    (found,) = findings(**given)
    says(found, kind, said)
    assert (found.trades, found.order_ids) == (None, ())
    assert (found.dollars, found.share) == (None, None)


@pytest.mark.parametrize(
    ("minutes", "says"),
    [
        ((300, 300, 0), "2 of 3 sessions (66.7 %) the quotes end 5 hours before the close"),
        ((305, 295, 0), "end 5 hours before the close"),
        ((306, 300, 0), ""),
        ((300, 0, 0), ""),
        ((300, 240, 0), ""),
        ((120, 120, 120), ""),
        ((360, 360, 360), "3 of 3 sessions (100.0 %) the quotes end 6 hours"),
    ],
)
def test_a_time_zone_is_doubtful(minutes: tuple[int, ...], says: str) -> None:
    """In more than half of the sessions with data quotes lack whole hours of an offset."""
    name = "minutes without a quote to the close"
    sessions = [fake_session(quality={"quote rows": 1000, name: n}) for n in minutes]
    found = [f for f in findings(sessions=(*sessions, EMPTY)) if f.kind != "no_data"]
    assert [one.kind for one in found] == (["time_zone"] if says else [])
    if says:
        assert says in found[0].text
        assert "UTC" in found[0].next_step
    early = [replace(s, quality={"minutes without a quote from the open": n})
             for s, n in zip(sessions, minutes, strict=True)]  # fmt: skip
    assert any("begin" in f.text for f in findings(sessions=tuple(early))) is bool(says)


def test_contradictory_quotes_are_told_by_trade_and_bar() -> None:
    """Three bars of one trade and two of another; a third only lacked a quote."""
    kinds = {
        "a": {"contradictory": 3, "no_quote": 1}, "b": {"contradictory": 2}, "c": {"no_quote": 5},
    }  # fmt: skip
    trades = [
        fake_trade(name, pnl_dollars=10.0, unpriced_bars=sum(kind.values()), unpriced_by_kind={
            "no_quote": 0, "leg_ages_apart": 0, "contradictory": 0, **kind})
        for name, kind in kinds.items()
    ]  # fmt: skip
    found = findings_of_run(fake_statistics(funnel=FEW_SKIPS), trades)
    (one,) = [finding for finding in found if finding.kind == "contradictory"]
    assert "2 of 3 trades (66.7 %)" in one.text
    assert "on 5 bars" in one.text
    assert (one.order_ids, one.dollars) == (("a", "b"), 20.0)
    many = fake_statistics(funnel={**FEW_SKIPS, "unpriced_bars": 90})
    (one,) = [f for f in findings_of_run(many, trades) if f.kind == "unpriced"]
    assert "a leg without a valid quote 6, quotes that contradict each other 5" in one.text


def says(found: Finding, kind: str, said: tuple[str, ...]) -> None:
    assert found.kind == kind
    assert found.kind in GRAVEST_FIRST
    for part in said:
        assert part in found.text
    assert ": " in found.text  # what: why it matters
    assert found.text.endswith(".")
    assert found.next_step.endswith(".")
    assert str(found) == f"{found.text} {found.next_step}"


def test_what_the_others_made_is_not_said_without_others() -> None:
    (found,) = findings(totals={"winners": 5})
    assert "all others" not in found.text
    assert "all others" not in findings(trade={"pnl_dollars": None})[0].text


@pytest.mark.parametrize(
    ("kind", "pnls", "says"),
    [
        ("clamped", {"a": 26_800.0, "b": 70.0, "c": -5_520.0},
         "2 of 3 trades on clamped prices made +$26,870.00, all others -$5,520.00"),
        ("no_bid", {"a": 5.0, "b": 0.0, "c": 0.0},
         "2 of 3 trades on a leg without a bid made +$5.00, all others $0.00"),
        ("clamped", {"a": 4.99, "b": 0.0, "c": 0.01}, ""),
        ("clamped", {"a": 5.0, "b": 0.0, "c": -6.0}, ""),
        ("few_trades", {"a": 5.0, "b": 0.0, "c": 0.0}, ""),
    ],
)  # fmt: skip
def test_what_a_profit_rests_on(kind: str, pnls: dict[str, float], says: str) -> None:
    """The finding is about a and b."""
    found = weighing(kind, "a", "b", pnls=pnls)
    assert resting_on([found], [fake_trade(n, pnl_dollars=p) for n, p in pnls.items()]) == says


def weighing(kind: str, *names: str, pnls: dict[str, float]) -> Finding:
    return Finding(kind=kind, text="", next_step="", trades=len(names), order_ids=names,
                   dollars=sum(pnls[name] for name in names))  # fmt: skip


def test_doubtful_trades_of_two_kinds_may_make_a_profit_only_together() -> None:
    """Without a it is 10, without b and c 5, without all three -5; b is of both kinds."""
    pnls = {"a": 10.0, "b": 5.0, "c": 10.0, "d": -5.0}
    trades = [fake_trade(name, pnl_dollars=pnl) for name, pnl in pnls.items()]
    two = [weighing("no_bid", "b", "c", pnls=pnls), weighing("clamped", "a", "b", pnls=pnls)]
    assert resting_on(two, trades) == (
        "3 of 4 trades on doubtful prices made +$25.00, all others -$5.00"
    )
    assert resting_on(two[:1], trades) == ""


def test_the_heaviest_come_first() -> None:
    """A loss weighs as much as a profit; what has no dollars comes last, the gravest first."""
    weights = {
        "refused": None,
        "unresolved": None,
        "clamped": 20.0,
        "no_bid": -30.0,
        "mid_fills": 5,
    }
    unsorted = [
        Finding(kind=kind, text="", next_step="", dollars=dollars)
        for kind, dollars in weights.items()
    ]
    assert [finding.kind for finding in heaviest_first(unsorted)] == [
        *("no_bid", "clamped", "mid_fills", "unresolved", "refused"),
    ]


def test_targets_that_were_kept_are_not_lost() -> None:
    trades = [
        fake_trade(name, pnl_dollars=pnl, exit_reason="Profit Target")
        for name, pnl in (("a", 141.0), ("b", -5.0))
    ]
    (found,) = findings_of_run(fake_statistics(funnel=FEW_SKIPS), trades)
    assert "1 of 2 trades (50.0 %)" in found.text
    assert (found.kind, found.trades, found.order_ids) == ("target_lost", 1, ("b",))
    assert (found.dollars, found.share) == (-5.0, 0.5)


def test_several_trades_are_summed_in_cents() -> None:
    """0.1 + 0.2 is 0.3, not 0.30000000000000004; two of three trades."""
    trades = [
        fake_trade("a", pnl_dollars=0.1, flags=["stale_settlement"]),
        fake_trade("b", pnl_dollars=-7.0),
        fake_trade("c", pnl_dollars=0.2, flags=["stale_settlement"]),
    ]
    (found,) = findings_of_run(fake_statistics(funnel=FEW_SKIPS), trades)
    assert (found.kind, found.trades, found.order_ids) == ("settlement", 2, ("a", "c"))
    assert (found.dollars, found.share) == (0.3, pytest.approx(2 / 3))


def test_clamped_prices_of_no_flagged_trade_make_nothing() -> None:
    (found,) = findings(funnel={"clamped": 1})
    assert found.kind == "clamped"
    assert "1 spread price " in found.text
    assert "made" not in found.text
    assert found.order_ids == ()


@pytest.mark.parametrize(
    "given",
    [
        {"totals": {"total_trades": 4, "winners": 4}, "drawdown": 0.0},
        {"funnel": {"unpriced_bars": 15}},
        {"trade": {"time_alive_minutes": 1.0}},
        {"trade": {"time_alive_minutes": 0.5, "exit_reason": "Profit Target"}},
        {"sessions": of_quality(crossed=10)},
        {"funnel": {"checks": 11, "skips": 11}},
        {"trade": {"leg_quotes": [[0.05, 0.1, 0.05, 0.45], [None, None, None, None]]}},
        {"trade": {"pnl_dollars": 0.0, "exit_reason": "Profit Target"}},
        {"sessions": ()},
    ],
)
def test_little_is_no_finding(given: dict[str, Any]) -> None:
    assert findings(**given) == []
