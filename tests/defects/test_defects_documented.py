"""The defects the authors of the original harness found in it, one test each.

A test fails when its defect is put in. Markets are made by hand, and so are the figures: where
nothing else is said it is the put spread 5980/5975 of `handmade_market`, credit and value in
points, dollars = points · 100. `MID` fills at mid, otherwise at the natural side.
"""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from handmade_market import (
    AT_0936,
    FORMS,
    LONG,
    MID,
    MONDAY,
    NEW_YORK,
    SHORT,
    TWELVE,
    Book,
    Market,
    entry_clocks,
    left,
    only_trade,
    put_spread,
    reasons,
)
from typed_records import trades_of

import bt_gex
from bt_gex import get_gex_trade_setup
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.errors import BadValue
from bt_gex.market.calendar import instant_ns
from bt_gex.market.settlement import Settlement
from bt_gex.rules.gex.exits import decide_exit
from bt_gex.rules.gex.params import ExitParams, find_profile
from bt_gex.rules.gex.sizing import KellyParams, half_kelly_size

PAIRS = [(form, "space") for form in FORMS] + [("space", form) for form in FORMS][1:]


@pytest.mark.parametrize(("early", "late"), PAIRS)
def test_D1_no_look_ahead_through_the_text_of_stamps(known: Market, early: str, late: str) -> None:
    known.form = FORMS[early]
    known.quotes("09:35:30", "09:44:30", put_spread(1.2, 0.05))
    known.form = FORMS[late]
    known.quotes("09:45:30", "15:59:30", put_spread(2.0, 0.05))
    trade = only_trade(known.run(AT_0936))
    # sold at 2.15 − 1.05; the quotes of the afternoon would have brought 2.95 − 1.05 = 1.90
    assert trade["entry_credit"] == 1.1
    # 1.2 < 1.21 until 09:45:30, then 2.0 ≥ 1.54; bought back at 3.05 − 0.95
    assert left(trade) == ("Emergency Stop", "09:45:30", 2.1, -100.0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-12 14:36:00",
        "2026-01-12T14:36:00",
        "2026-01-12T14:36:00Z",
        "2026-01-12 14:36:00.000000+00:00",
        "2026-01-12T09:36:00-05:00",
        "2026-01-12 20:06:00+05:30",
    ],
)
def test_D1b_an_offset_is_converted_not_cut_off(text: str) -> None:
    assert stamp_ns(text, "") == instant_ns(datetime(2026, 1, 12, 14, 36, tzinfo=UTC))


def test_D1b_aware_datetimes_are_converted_and_naive_ones_are_utc() -> None:
    moment = datetime(2026, 1, 12, 14, 36)
    expected = instant_ns(moment.replace(tzinfo=UTC))
    assert stamp_ns(moment, "") == expected
    assert stamp_ns(moment.replace(tzinfo=UTC).astimezone(NEW_YORK), "") == expected


def test_D1b_rows_stamped_in_new_york_time(market: Market) -> None:
    """Cut off, the offset would put 14:31 New York's rows (14:31 as UTC) on 09:31 New York."""
    market.form = FORMS["New York"]
    market.known_all_day(until="13:59")
    market.quotes("09:31", "13:59", put_spread(1.2, 0.05))
    market.context("14:31", 5980, 25)
    market.pin("14:31", 5990)
    market.quotes("14:31", "14:40", put_spread(3.0, 0.05))
    trade = only_trade(market.run(AT_0936))
    assert (trade["spot_entry"], trade["vix_entry"], trade["pin"]) == (5990, 12, 6000)
    assert trade["entry_credit"] == 1.1
    assert left(trade) == ("Emergency Stop", "14:31:00", 3.1, -200.0)


def test_D2_no_exit_on_the_entry_bar(known: Market) -> None:
    # credit 1.2 − 0.2 = 1.0 and value 1.2 ≥ 1.1 at once: but the exit is looked at a bar later
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    trade = only_trade(known.run(AT_0936))
    assert left(trade) == ("Stop Loss", "09:36:30", 1.4, -40.0)
    assert trade["time_alive_minutes"] == 0.5


def test_D2_no_profit_is_taken_on_the_entry_bar(known: Market) -> None:
    # credit and value are 1.2: with a target of 0 % a profit of 0 suffices at once
    known.quotes("09:31", "15:59", put_spread(1.2))
    trade = only_trade(known.run({**AT_0936, **MID, "exit.profit_target_high": 0}))
    assert left(trade)[:2] == ("Profit Target", "09:36:30")


@pytest.mark.parametrize(
    ("entry", "leave", "credit", "cost"),
    [(1, 1, 1.0, 1.4), (0, 0, 1.2, 1.2), (1, 0, 1.0, 1.2), (0.5, 0.5, 1.1, 1.3), (2, 2, 0.8, 1.6)],
)
def test_D3_slippage_is_paid_on_both_ways(
    known: Market, entry: float, leave: float, credit: float, cost: float
) -> None:
    """Half-spread 0.1 a leg, two legs: each way costs slippage · 0.2."""
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    fills = {"fills.entry_slippage": entry, "fills.exit_slippage": leave}
    trade = only_trade(
        known.run({**AT_0936, **fills, "exit.stop_loss": 9, "exit.emergency_stop": 9})
    )
    assert trade["entry_credit"] == pytest.approx(credit)
    assert left(trade) == (
        "End of Day Auto-Close",
        "15:30:00",
        pytest.approx(cost),
        pytest.approx(100 * (credit - cost)),
    )


def test_D3_the_default_is_the_natural_side(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    trade = only_trade(known.run(AT_0936))
    assert (trade["entry_credit"], trade["exit_value"]) == (1.0, 1.4)


def test_D4_credit_and_exit_value_have_one_unit(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(0.35))
    known.quotes("10:01", "15:59", put_spread(0.45))
    trade = only_trade(known.run({**AT_0936, **MID}))
    # 0.385 ≤ 0.45 < 0.49: a stop that loses ten dollars, not a win at 0.0045
    assert trade["entry_credit"] == 0.35
    assert left(trade) == ("Stop Loss", "10:01:00", 0.45, -10.0)
    assert trade["pnl_percent"] == -28.57


def test_D5_strikes_come_from_the_live_rule(market: Market) -> None:
    """The real snapshot of 2026-01-12 15:30:07Z: PUT 6950/6940, not pin −5 and −15."""
    market.known_all_day(spot=6960.66, vix=15.49, pin=6980)
    right: Book = {
        (6950, "put"): (5.00, 5.10),
        (6940, "put"): (2.50, 2.55),
    }
    wrong: Book = {
        (6975, "put"): (20.0, 20.1),
        (6965, "put"): (15.9, 16.0),
    }
    market.quotes("09:31", "15:59", {**right, **wrong})
    trade = only_trade(market.run({"entry.times": ["10:30"]}))
    assert trade["strikes"] == [6950, 6940]
    assert trade["entry_credit"] == pytest.approx(2.45)
    expected = get_gex_trade_setup(6980, 6960.66, 15.49)
    assert trade["strikes"] == list(expected.strikes)
    assert (trade["strategy"], trade["confidence"]) == ("PUT", "MEDIUM")
    assert (trade["distance"], trade["width"]) == (-19, 10)


def test_D6_one_trade_at_each_check_time_and_no_more(known: Market) -> None:
    for minute in range(391):
        clock = f"{9 + (30 + minute) // 60:02d}:{(30 + minute) % 60:02d}:20"
        for rank, strike in enumerate((6000, 6010, 5985), 1):
            known.pin(clock, strike, rank)
    known.quotes("09:31", "15:59", put_spread(1.2, 0.05))
    result = known.run()
    assert entry_clocks(result) == [f"01-12 {clock}:00" for clock in TWELVE]
    assert {tuple(t["strikes"]) for t in trades_of(result)} == {(5980, 5975)}


def test_D7_only_the_peak_of_rank_1_is_the_pin(known: Market) -> None:
    known.pin("09:35", 6020, rank=2)
    known.pin("09:35:30", 5950, rank=3)
    known.quotes("09:31", "15:59", put_spread(1.2, 0.05))
    trade = only_trade(known.run(AT_0936))
    assert (trade["pin"], trade["strikes"]) == (6000, [5980, 5975])


def test_D7_other_ranks_alone_are_no_pin(market: Market) -> None:
    market.context("09:31", 5990, 12)
    market.pin("09:31", 6000, rank=2)
    market.quotes("09:31", "09:40", put_spread(1.2, 0.05))
    assert reasons(market.run(AT_0936)) == ["no gex peak"]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (0.10, ("Stop Loss", "11:00:00", 1.12, -12.0)),
        (0.15, ("End of Day Auto-Close", "15:30:00", 1.0, 0.0)),
    ],
)
def test_D8_a_bounce_of_the_mid_trips_ten_percent_and_the_stop_is_a_setting(
    known: Market, stop: float, expected: tuple[str, str, float, float]
) -> None:
    known.quotes("09:31", "10:59", put_spread(1.0))
    known.quotes("11:00", "11:00", put_spread(1.12))
    known.quotes("11:01", "15:59", put_spread(1.0))
    trade = only_trade(known.run({**AT_0936, **MID, "exit.stop_loss": stop}))
    assert left(trade) == expected


def test_D8_the_stop_looks_at_the_mid_not_at_the_cost_to_close(known: Market) -> None:
    known.quotes("09:31", "10:59", put_spread(1.0))
    known.quotes("11:00", "15:59", put_spread(1.0, 0.2))  # 1.4 to buy back, still 1.0 at mid
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == ("End of Day Auto-Close", "15:30:00", 1.0, 0.0)


@pytest.mark.parametrize("day", ["2026-01-12", "2026-06-15"])
def test_D9_the_end_of_day_is_new_york_time(tmp_path: Path, day: str) -> None:
    """15:30 UTC is 10:30 in winter and 11:30 in summer."""
    market = Market(tmp_path, day)
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.2))
    trade = only_trade(market.run({**AT_0936, **MID}))
    assert left(trade) == ("End of Day Auto-Close", "15:30:00", 1.2, 0.0)
    assert trade["time_alive_minutes"] == 354.0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1.2, 0.4, ("Stop Loss", "10:01:00", 1.2, -20.0)),
        (0.4, 1.2, ("Profit Target", "10:01:00", 0.4, 60.0)),
    ],
)
def test_D10_what_comes_first_counts(
    known: Market, first: float, second: float, expected: tuple[str, str, float, float]
) -> None:
    known.quotes("09:31", "10:00", put_spread(1.0))
    known.quotes("10:01", "11:00", put_spread(first))
    known.quotes("11:01", "15:59", put_spread(second))
    assert left(only_trade(known.run({**AT_0936, **MID}))) == expected


def test_D11_no_price_is_interpolated(known: Market) -> None:
    known.quotes("09:35:30", "09:35:30", put_spread(1.2))
    known.quotes("09:37:30", "09:37:30", put_spread(2.0))
    known.quotes("15:59", "15:59", put_spread(5.0))
    result = known.run({**AT_0936, **MID})
    assert only_trade(result)["entry_credit"] == 1.2
    # 09:36, 09:36:30 and 09:37 know the row of 09:35:30, 09:37:30 its own
    assert result.marks["value"].tolist() == pytest.approx([1.2, 1.2, 1.2, 2.0])


def test_D12_pin_and_vix_are_those_of_the_check(market: Market) -> None:
    market.on("2026-01-09").context("15:59", 5900, 19)
    market.pin("15:59", 5800)
    market.on(MONDAY).context("09:31", 5990, 12)
    market.pin("09:31", 6000)
    market.context("09:50", 5990, 16)
    market.pin("09:50", 6010)
    market.quotes("09:31", "15:59", {**put_spread(1.2), (5970, "put"): (0.8, 0.8)})
    result = market.run({"entry.times": ["09:36", "10:00"], **MID})
    one, two = trades_of(result)
    assert (one["pin"], one["vix_entry"], one["strikes"]) == (6000, 12, [5980, 5975])
    # distance −20: MEDIUM, min(6010−25, 5990−12) = 5978 → 5980, width 10 at VIX 16
    assert (two["pin"], two["vix_entry"], two["strikes"]) == (6010, 16, [5980, 5970])
    assert (one["confidence"], two["confidence"]) == ("HIGH", "MEDIUM")
    assert two["entry_credit"] == pytest.approx(1.4)


def test_D13_a_spread_held_to_the_close_can_lose(known: Market) -> None:
    known.quotes("09:31", "15:00", put_spread(1.2))
    known.context("15:59:30", 5977, 12)
    trade = only_trade(known.run({**AT_0936, **MID}))
    # settled at 5977: the short put is worth 3, the long one nothing
    assert left(trade) == ("Expiration Settlement", "16:00:00", 3.0, -180.0)


def test_D14_the_target_works_for_credits_above_one(market: Market) -> None:
    """Trade 1 of trades_20260112.csv: 4.25 → 2.10, +215.00, 50.6 %."""
    market.known_all_day(vix=16)
    market.quotes("09:31", "09:51", put_spread(4.25, long=5970))
    market.quotes("09:52", "15:59", put_spread(2.10, long=5970))
    trade = only_trade(market.run({**AT_0936, **MID}))
    assert left(trade) == ("Profit Target", "09:52:00", 2.1, 215.0)
    assert trade["pnl_percent"] == 50.59


def test_D15_credits_are_those_of_the_quotes(known: Market) -> None:
    """Index price and VIX are the same at both checks; 0.35 and 3.60 lie outside 1..2.5."""
    known.quotes("09:31", "09:45", put_spread(0.35))
    known.quotes("09:46", "15:59", put_spread(3.60))
    result = known.run({"entry.times": ["09:36", "10:00"], **MID})
    assert [t["entry_credit"] for t in trades_of(result)] == pytest.approx([0.35, 3.60])


def test_D16_a_trade_without_a_result_is_no_loser(
    known: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_price(**_: Any) -> Settlement:
        return Settlement(float("nan"), "none")

    monkeypatch.setattr("bt_gex.sessions.day.settlement_price", no_price)
    known.quotes("09:31", "10:15", put_spread(1.2))
    known.quotes("10:16", "10:20", put_spread(0.5))
    known.quotes("10:21", "15:00", put_spread(1.2))
    result = known.run({"entry.times": ["09:36", "11:00"], **MID})
    won, open_ = trades_of(result)
    assert left(won) == ("Profit Target", "10:16:00", 0.5, 70.0)
    assert (open_["pnl_dollars"], open_["exit_value"]) == (None, None)
    assert "unresolved" in open_["flags"]
    summary = result.summary
    counts = [summary[n] for n in ("total_trades", "winners", "losers", "breakeven", "unresolved")]
    assert counts == [1, 1, 0, 0, 1]
    assert (summary["win_rate"], summary["total_pnl"]) == (1.0, 70.0)
    assert summary["final_balance"] == 25_070.0
    assert result.equity["equity"].iloc[-1] == 25_070.0


CHANCE = {"random", "uuid", "secrets"}
# They name recordings and replays and say when these were made; they decide none.
NAMING = {"recorder.py", "session_replayer.py", "replay_many.py"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
SEEDED = {"bootstrap.py"}  # draws from a seed it is given, after all is decided
DECIDING = (
    "market",
    "rules",
    "stats",
    "sessions",
    "feeds",
    "brokers",
    "sizers",
    "analyzers",
    "strategies",
)


def test_D17_nothing_is_left_to_chance_or_the_clock_on_the_wall() -> None:
    root = Path(bt_gex.__file__).parent
    files = [file for part in (*DECIDING, "runs") for file in (root / part).rglob("*.py")]
    files += [root / "blackbox" / f"{name}.py" for name in ("reader", "stamps", "source")]
    assert len(files) > 30
    for file in files:
        if file.name in NAMING:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: set[str] = set()
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            assert not names & CHANCE, f"{file} imports {names & CHANCE}"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in CLOCKS, f"{file}:{node.lineno}"
                drawn = (node.value.id, node.attr) == ("np", "random")
                assert not drawn or file.name in SEEDED, f"{file}:{node.lineno}"


def test_D17_the_same_inputs_give_the_same_bytes(known: Market) -> None:
    known.quotes("09:31", "15:59", put_spread(1.2, 0.05))
    assert known.run().to_json() == known.run().to_json()


@pytest.mark.parametrize("exit_slippage", [0, 1])
def test_D18_a_spread_is_worth_its_width_in_points_at_most(
    known: Market, exit_slippage: float
) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "15:59", put_spread(6.0, 0.6))  # from 4.80 to 7.20
    result = known.run({**AT_0936, **MID, "fills.exit_slippage": exit_slippage})
    trade = only_trade(result)
    assert left(trade) == ("Emergency Stop", "10:01:00", 5.0, -380.0)
    assert trade["mae_dollars"] == -380.0
    assert trade["max_loss_dollars"] == 380.0  # (5 − 1.2) · 100
    assert "clamped_value" in trade["flags"]
    # the value of the bar and the cost of the exit, each clamped once
    assert result.summary["funnel"]["clamped"] == 2


def test_D18_a_spread_is_worth_nothing_at_least(known: Market) -> None:
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "15:59", put_spread(-0.5, 0.3))  # up to 0.10
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == ("Profit Target", "10:01:00", 0.0, 120.0)
    assert trade["mfe_dollars"] == 120.0


@pytest.mark.parametrize(("value", "exit_value"), [(-0.5, 0.0), (11.0, 5.0)])
def test_D18_what_no_price_can_be_is_no_price(
    known: Market, value: float, exit_value: float
) -> None:
    """It was bought back at a clamped price, at full profit or full loss."""
    known.quotes("09:31", "10:00", put_spread(1.2))
    known.quotes("10:01", "10:05", put_spread(value))
    known.quotes("10:06", "15:59", put_spread(0.6))
    result = known.run({**AT_0936, **MID})
    trade = only_trade(result)
    assert left(trade) == ("Profit Target", "10:06:00", 0.6, 60.0)
    kinds = {"no_quote": 0, "leg_ages_apart": 0, "contradictory": 10}
    assert (trade["unpriced_bars"], trade["unpriced_by_kind"]) == (10, kinds)
    assert result.summary["funnel"]["unpriced_by_kind"] == kinds
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (0.0, 60.0)
    first = known.run({**AT_0936, **MID, "data.trade_contradictions": True})
    assert left(only_trade(first))[1:3] == ("10:01:00", exit_value)


def test_D18_a_spread_without_a_possible_price_at_the_end_waits_for_one(known: Market) -> None:
    known.quotes("09:31", "15:29", put_spread(1.2))
    known.quotes("15:30", "15:40", put_spread(-0.5))
    known.quotes("15:41", "15:59", put_spread(1.3))
    assert left(only_trade(known.run({**AT_0936, **MID})))[:3] == (
        "End of Day Auto-Close", "15:41:00", 1.3,
    )  # fmt: skip


def test_D18_a_spread_without_a_possible_price_to_the_close_settles(known: Market) -> None:
    known.quotes("09:31", "15:29", put_spread(1.2))
    known.quotes("15:30", "15:59", put_spread(-0.5))
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert trade["exit_reason"] == "Expiration Settlement"
    assert trade["unpriced_by_kind"]["contradictory"] == 60


@pytest.mark.parametrize(
    ("mid", "reason"),
    [
        (7.0, "contradictory quotes"),  # from 6.60 to 7.40
        (5.3, "credit not below width"),  # from 4.90
        (5.0, "credit not below width"),
        (4.99, "entry"),
        (0.01, "entry"),
        (0.0, "credit not positive"),
        (-0.3, "credit not positive"),  # up to 0.10
        (-0.5, "contradictory quotes"),
    ],
)
def test_D19_impossible_credits_are_refused(known: Market, mid: float, reason: str) -> None:
    known.quotes("09:31", "09:40", put_spread(mid, 0.2))
    assert reasons(known.run({**AT_0936, **MID})) == [reason]


def test_D20_the_target_does_not_move_with_the_clock(known: Market) -> None:
    """`standard` has one target a confidence, whatever the hours since entry or to the close."""
    known.quotes("09:31", "14:58", put_spread(1.0))
    known.quotes("14:59", "15:01", put_spread(0.51))
    known.quotes("15:02", "15:59", put_spread(0.50))
    assert left(only_trade(known.run({**AT_0936, **MID})))[:2] == ("Profit Target", "15:02:00")
    for now in (0, 1, 10**15):
        reason = decide_exit(
            credit=1.0,
            value=0.5,
            now_ns=now,
            end_of_day_ns=10**16,
            confidence="HIGH",
            params=ExitParams(),
        )
        assert reason == "Profit Target"


def test_D21_standard_is_exactly_the_design() -> None:
    """The parameters, typed off; a drift of one of these makes results incomparable."""
    profile = find_profile("standard")
    assert (profile.exit.profit_target_high, profile.exit.profit_target_medium) == (0.50, 0.60)
    assert (profile.exit.stop_loss, profile.exit.emergency_stop) == (0.10, 0.40)
    assert profile.exit.end_of_day_minutes == 30
    assert profile.setup.vix_threshold == 20.0
    assert [f"{when:%H:%M}" for when in profile.entry.times] == TWELVE
    assert (profile.entry.max_open, profile.entry.min_credit) == (None, None)


@pytest.mark.parametrize("threshold", [{"SPX": {"strike_increment": 5}}, find_profile("standard")])
def test_D22_a_configuration_is_no_threshold(threshold: Any) -> None:
    with pytest.raises(BadValue, match="vix_threshold must be a finite number"):
        get_gex_trade_setup(6000, 5990, 12, threshold)


@pytest.mark.parametrize("pnls", [[-50.0] * 20, [0.0] * 20, [50.0] * 20, []])
def test_D22_kelly_without_wins_or_losses_does_not_divide_by_zero(pnls: list[float]) -> None:
    size = half_kelly_size(
        pnls_per_contract=pnls,
        balance=20_000,
        start_balance=20_000,
        max_risk=250,
        params=KellyParams(),
    )
    assert size.quantity == 1


def test_D22_kelly_in_a_run_that_only_loses(known: Market) -> None:
    """Every trade stops out a bar after its entry: eleven losses, no win, never an error."""
    known.quotes("09:31", "15:59", put_spread(1.2, 0.1))
    result = known.run({"account.sizing": "half-kelly"})
    assert [t["quantity"] for t in trades_of(result)] == [1] * 12
    assert result.summary["total_pnl"] == -480.0


def test_D22_strikes_are_numbers(known: Market) -> None:
    known.quotes("09:31", "09:40", put_spread(1.2, 0.05))
    assert only_trade(known.run(AT_0936))["strikes"] == [5980, 5975]


def test_D25_tiny_credits_stop_on_one_tick_and_can_be_refused(known: Market) -> None:
    """0.20 and a tick of 0.05: 0.25 ≥ 0.22. `standard` has no settle period; a minimum helps."""
    known.quotes("09:31", "09:36", put_spread(0.20))
    known.quotes("09:36:30", "15:59", put_spread(0.25))
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == ("Stop Loss", "09:36:30", 0.25, -5.0)
    refused = known.run({**AT_0936, **MID, "entry.min_credit": 0.30})
    assert reasons(refused) == ["credit below minimum"]


def test_D27_a_trade_is_followed_to_the_end_of_its_day(known: Market) -> None:
    """354 minutes are 708 bars, far beyond 200."""
    known.quotes("09:31", "15:28", put_spread(1.2))
    known.quotes("15:29", "15:59", put_spread(0.5))
    trade = only_trade(known.run({**AT_0936, **MID}))
    assert left(trade) == ("Profit Target", "15:29:00", 0.5, 70.0)
    assert trade["unpriced_bars"] == 0


def test_D27_a_trade_never_crosses_into_the_next_session(known: Market) -> None:
    known.quotes("09:31", "15:00", put_spread(1.2))
    known.on("2026-01-13").known_all_day()
    known.quotes("09:30", "15:59", put_spread(4.0))
    result = known.run({**AT_0936, **MID}, start=MONDAY, end="2026-01-13")
    first, second = trades_of(result)
    # Monday's spread ends on Monday: its index price of 15:31 is stale, but 5990 it was
    assert left(first) == ("Expiration Settlement", "16:00:00", 0.0, 120.0)
    assert first["timestamp_exit"] == "2026-01-12T21:00:00+00:00"
    assert second["timestamp_entry"] == "2026-01-13T14:36:00+00:00"


@pytest.mark.parametrize(
    ("clock", "reason"),
    [
        ("09:36:00", "entry"),
        ("09:34:00", "entry"),  # exactly 120 s
        ("09:36:00.000001", "no quote: 5980P"),
        ("09:36:30", "no quote: 5980P"),
        ("09:33:59.999999", "no quote: 5980P"),
    ],
)
def test_D28_entry_quotes_are_never_from_the_future(known: Market, clock: str, reason: str) -> None:
    known.quotes(clock, clock, put_spread(1.2))
    assert reasons(known.run({**AT_0936, **MID})) == [reason]


def test_D28_the_older_of_two_quotes_around_the_check(known: Market) -> None:
    known.quotes("09:35:59", "09:35:59", put_spread(1.2))
    known.quotes("09:36:01", "09:36:01", put_spread(1.9))
    assert only_trade(known.run({**AT_0936, **MID}))["entry_credit"] == 1.2


@pytest.mark.parametrize("table", ["context", "pin"])
def test_D28_context_is_never_from_the_future_either(market: Market, table: str) -> None:
    clocks = {"context": "09:35", "pin": "09:35", table: "09:36:00.000001"}
    market.context(clocks["context"], 5990, 12)
    market.pin(clocks["pin"], 6000)
    market.quotes("09:31", "09:40", put_spread(1.2))
    expected = {"context": "no index price", "pin": "no gex peak"}
    assert reasons(market.run({**AT_0936, **MID})) == [expected[table]]


def test_D28_three_rows_around_a_check_are_one_entry(market: Market) -> None:
    for clock in ("09:35", "09:36", "09:37"):
        market.context(clock, 5990, 12)
        market.pin(clock, 6000)
    market.quotes("09:31", "15:59", put_spread(1.2))
    result = market.run({**AT_0936, **MID})
    assert entry_clocks(result) == ["01-12 09:36:00"]


@pytest.mark.parametrize("order", [(1.2, 1.5), (1.5, 1.2)])
def test_D28_of_rows_with_one_stamp_the_highest_id_counts(
    known: Market, order: tuple[float, float]
) -> None:
    """Quotes have no UNIQUE; the texts of one instant may differ, and so sort the other way."""
    first, second = order
    known.form = FORMS["T +00:00"]
    known.quotes("09:36", "09:36", put_spread(first))
    known.form = FORMS["space"]
    known.quotes("09:36", "09:36", put_spread(second))
    assert only_trade(known.run({**AT_0936, **MID}))["entry_credit"] == second


def test_D28_a_newest_row_that_is_not_valid_is_not_replaced_by_an_older_one(
    known: Market,
) -> None:
    known.quotes("09:35", "09:35", put_spread(1.2))
    known.quote("09:35:30", *LONG, 1.10, 1.00)
    assert reasons(known.run({**AT_0936, **MID})) == ["no quote: 5975P"]
    known.quote("09:35:31", *SHORT, None, None)
    assert reasons(known.run({**AT_0936, **MID})) == ["no quote: 5980P"]
