"""The oracle against cases worked by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from .book import CHEAP, DATE, MID, ONE, RICH, Book, brief, reasons, run
from .clock import SECOND, instant, sessions, utc
from .nasty import CLEAN, make, only
from .rules import INDEXES, competing_midpoint, rank_peaks, to_grid
from .semantics import replay
from .spread import exact

# ------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-26 14:36:00",
        "2024-11-26T14:36:00",
        "2024-11-26 14:36:00.000000",
        "2024-11-26T14:36:00.0Z",
        "2024-11-26 14:36:00Z",
        "2024-11-26T14:36:00+00:00",
        "2024-11-26 09:36:00-05:00",
        "2024-11-26T20:06:00+05:30",
    ],
)
def test_one_instant_in_many_forms(text: str) -> None:
    at = instant(text)
    assert at is not None
    assert utc(at).isoformat() == "2024-11-26T14:36:00+00:00"


def test_no_timestamp() -> None:
    forms = ("", "2024-11-26", "14:36", "2024-13-01 00:00:00", None, 5, "x 2024-11-26 14:36:00")
    assert [instant(x) for x in forms] == [None] * 7
    assert instant("2024-11-26 14:36:00.000001") == instant("2024-11-26 14:36:00Z") + 1  # type: ignore[operator]
    assert instant("2024-11-26 14:36:00.5") == instant("2024-11-26 14:36:00Z") + 500_000  # type: ignore[operator]


def test_sessions() -> None:
    week = sessions("2024-11-25", "2024-12-01")
    assert [s.date[-2:] for s in week] == ["25", "26", "27", "29"]  # 28: Thanksgiving
    assert [len(s.bars()) for s in week] == [780, 780, 780, 420]
    assert utc(week[0].bars()[-1]).strftime("%H:%M:%S") == "20:59:30"
    assert [utc(s.open).hour for s in sessions("2024-03-08", "2024-03-11")] == [14, 13]
    assert sessions("2026-01-10", "2026-01-11") == []
    assert sessions("2024-12-01", "2024-11-25") == []


# ------------------------------------------------------------------------------- prices, as of


def test_natural_stop_on_the_next_bar(book: Book) -> None:
    book.repeat("09:35:30", "09:40", RICH)
    result = run(book)
    (trade,) = result.trades
    assert trade["strikes"] == [6020, 6025, 5980, 5975]
    assert (trade["entry_credit"], trade["width"]) == (1.0, 5.0)
    assert trade["timestamp_entry"] == "2024-11-26T14:36:00+00:00"
    assert brief(trade) == ("Stop Loss", "14:36:30", 1.4, -40.0)
    assert (trade["pnl_percent"], trade["time_alive_minutes"]) == (-40.0, 0.5)
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (-20.0, -20.0)
    assert trade["max_loss_dollars"] == 400.0
    summary = result.summary
    assert (summary["max_drawdown"], summary["max_drawdown_mtm"]) == (40.0, 40.0)
    assert summary["profit_factor"] == 0.0
    assert summary["final_balance"] == 24960.0


def test_profit_target_is_inclusive_and_commissions_count(book: Book) -> None:
    book.repeat("09:35:30", "10:14:30", RICH)
    book.repeat("10:15:10", "10:20:10", CHEAP)
    result = run(book, {"fills.entry_slippage": 0, "fills.commission": 0.65, "account.quantity": 2})
    (trade,) = result.trades
    # credit 1.20, value 0.60: exactly half; the exit pays the natural 0.80
    assert brief(trade) == ("Profit Target", "15:15:30", 0.8, 80.0 - 10.4)
    assert trade["commission_dollars"] == 10.4
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (0.0, 120.0)
    assert result.counters["unpriced_bars"] == 0


def test_exits_in_order_of_price(book: Book) -> None:
    book.repeat("09:35:30", "09:36:30", RICH)
    worse = {k: (b * 1.5, a * 1.5) for k, (b, a) in RICH.items()}
    book.repeat("09:37", "09:40", worse)
    result = run(book, MID)
    assert brief(result.trades[0]) == ("Emergency Stop", "14:37:00", 1.8, -60.0)


def test_quotes_age(book: Book) -> None:
    for leg, (bid, ask) in RICH.items():
        book.quote("09:36", *leg, bid, ask)
        book.quote("09:40", *leg, bid * 2, ask * 2)
    result = run(book, MID)
    # 09:36:30 .. 09:38:00 priced, 09:38:30 .. 09:39:30 not
    assert result.counters["unpriced_bars"] == 3
    assert brief(result.trades[0])[:2] == ("Emergency Stop", "14:40:00")


def test_no_look_ahead_through_text_order(book: Book) -> None:
    """D1: as text a space sorts before T, so the last row of the day looks old."""
    for (strike, kind), (bid, ask) in RICH.items():
        book.quote("2024-11-26T14:35:30+00:00", strike, kind, bid, ask)
        book.quote("2024-11-26 14:36:00.000001", strike, kind, bid * 3, ask * 3)
        book.quote("2024-11-26 20:26:43", strike, kind, 0.0, 0.05)
        book.quote("2024-11-26 14:34:00Z", strike, kind, bid * 5, ask * 5)
    result = run(book)
    assert result.trades[0]["entry_credit"] == 1.0
    assert result.trades[0]["timestamp_exit"] == "2024-11-26T14:36:30+00:00"


def test_the_newest_row_decides(book: Book) -> None:
    book.repeat("09:35:30", "09:36", RICH)
    book.quote("09:35:50", 6025, "C", 0.40, None)
    book.quote("09:36:00", 6025, "c", 0.40, None)
    assert reasons(run(book)) == ["no quote: call long"]


@pytest.mark.parametrize(
    ("bid", "ask", "credit"),
    [
        (None, 0.50, 1.0),
        (0.0, 0.50, 1.0),
        (0.50, 0.50, 1.0),
        (0.55, 0.50, None),
        (0.0, 0.0, None),
        (None, None, None),
        (0.1, None, None),
    ],
)
def test_valid_quotes(
    book: Book, bid: float | None, ask: float | None, credit: float | None
) -> None:
    book.repeat("09:35:30", "09:36", RICH)
    book.quote("09:35:30", 5975, "PUT", bid, ask)  # the same instant, a higher id
    result = run(book)
    found = [t["entry_credit"] for t in result.trades]
    assert found == ([] if credit is None else [credit])


def test_missing_values_and_their_ages(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", DATE)
    book.context("09:29:59.999999", 6000.0, 12.0)  # before the open: never
    book.context("10:25", 6000.0, None)
    book.chain("10:26", 6001.0, 13.0, {}, expiration="2024-11-27")
    book.peak("11:00", 6000)
    book.peak("11:31", 6010, rank=2)
    book.context("11:00", 6000.0, 14.0)
    book.context("11:00", None, 25.0)  # the price of the lower id still counts, the VIX does not
    book.context("12:25", 6000.0, 12.0)
    book.context("13:30:00.000001", 6000.0, 12.0)
    times = ["10:00", "10:30", "11:00", "11:35", "11:36", "12:30", "13:30"]
    result = run(book, {"entry.times": times})
    seen = [(d["reason"], d["spot"], d["vix"], d["pin"]) for d in result.decisions]
    assert seen == [
        ("no index price", None, None, None),
        ("no gex peak", 6000.0, 13.0, None),
        ("VIX 25.0 too high (>=20.0), skip trading", 6000.0, 25.0, 6000.0),
        ("VIX 25.0 too high (>=20.0), skip trading", 6000.0, 25.0, 6000.0),  # 2,100 s: usable
        ("no index price", None, None, None),
        ("no gex peak", 6000.0, 12.0, None),
        ("no index price", None, None, None),
    ]


def test_no_data(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", DATE)
    book.context("09:00", 6000.0, 12.0)
    book.context("17:00", 6000.0, 12.0)
    result = run(book)
    assert result.sessions == {DATE: "no data"}
    assert result.decisions == []
    assert result.summary["total_trades"] == 0
    assert result.summary["profit_factor"] is None


# ------------------------------------------------------------------------------- pins


def test_pins_from_chains(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", DATE)
    book.peak("09:10", 6100)  # not in the session: gex_peaks has nothing for it
    book.chain("09:35", 6000.0, 12.0, {6010: 5000, 6005: 100, 5990: 9000}, {5990: 9500})
    book.chain("09:35:30", 6000.0, 12.0, {5950: 10**9}, expiration="2024-11-27")
    book.chain("09:35:40", 6000.0, 12.0, {}, {6000: 10})  # no peak: the older one stands
    result = run(book)
    assert [d["pin"] for d in result.decisions] == [6010]


def test_competing_pins(book: Book) -> None:
    book.competing("2024-11-26T14:35:10Z", 6002.5)
    book.competing("09:35:10", 6007.5)
    book.competing("09:35:11", 6022.5)
    path = book.done()
    for on, pin in ((False, 6000), (True, 6010)):
        settings = {**ONE, "entry.use_competing_peaks": on}
        assert replay(path, "SPX", DATE, DATE, settings).decisions[0]["pin"] == pin


def test_competing_pins_from_chains(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", DATE)
    book.chain("09:35", 6000.0, 12.0, {6010: 1000, 5985: 999})
    result = run(book, {"entry.use_competing_peaks": True})
    assert result.decisions[0]["pin"] == to_grid(5997.5, 5) == 6000


# ------------------------------------------------------------------------------- checks


def test_credit_rules(book: Book) -> None:
    book.repeat("09:35:30", "10:31", RICH)
    flat = dict.fromkeys(RICH, (0.3, 0.4))
    book.repeat("11:29:10", "11:30", flat)
    steep = {k: ((2.70, 2.70) if s in (6020, 5980) else (0.10, 0.10)) for k in RICH for s in k[:1]}
    book.repeat("11:59:10", "12:00", steep)
    for time in ("10:00", "10:30", "11:29", "11:59"):
        book.context(time, 6000.0, 12.0)
        book.peak(time, 6000)
    times = ["09:36", "11:30", "12:00"]
    result = run(book, {"entry.times": times, "entry.min_credit": 1.01, **MID})
    assert reasons(result) == ["entry", "credit not positive", "credit not below width"]
    path = book.path
    low = replay(path, "SPX", DATE, DATE, {**ONE, "entry.min_credit": 1.01})
    assert reasons(low) == ["credit below minimum"]
    none = replay(path, "SPX", DATE, DATE, {**ONE, "account.quantity": 0})
    assert str(none.decisions[0]["reason"]).startswith("size zero: ")


def test_max_open_and_margin(book: Book) -> None:
    """Mid fills, constant prices: nothing closes before the end of the day."""
    book.repeat("09:35:30", "15:59:30", RICH)
    for time in ("09:59", "10:29"):
        book.context(time, 6000.0, 12.0)
        book.peak(time, 6000)
    path = book.done()
    base = {"entry.times": ["10:30", "09:36", "10:00", "10:00"], **MID}
    two = replay(path, "SPX", DATE, DATE, {**base, "entry.max_open": 2})
    assert reasons(two) == ["entry", "entry", "max open positions"]
    assert {brief(t)[:2] for t in two.trades} == {("End of Day Auto-Close", "20:30:00")}
    # each needs (5 - 1.20) * 100 = 380 dollars
    tight = replay(path, "SPX", DATE, DATE, {**base, "account.balance": 760})
    assert [str(r).split(":")[0] for r in reasons(tight)] == ["entry", "entry", "margin"]
    paid = replay(
        path, "SPX", DATE, DATE, {**base, "account.balance": 760, "fills.commission": 0.01}
    )
    assert [str(r).split(":")[0] for r in reasons(paid)] == ["entry", "margin", "margin"]


def test_exit_comes_before_the_check_of_the_same_bar(book: Book) -> None:
    book.repeat("09:35:30", "09:59:30", RICH)
    book.repeat("10:00", "10:02", CHEAP)
    book.context("09:59", 6000.0, 12.0)
    book.peak("09:59", 6000)
    result = run(book, {"entry.times": ["09:36", "10:00"], "entry.max_open": 1, **MID})
    assert reasons(result) == ["entry", "entry"]
    assert result.trades[0]["timestamp_exit"] == result.trades[1]["timestamp_entry"]


def test_directional_confidence(tmp_path: Path) -> None:
    """MEDIUM needs 60 %: 55 % is not enough."""
    book = Book(tmp_path / "b.db", DATE)
    book.context("09:35", 6020.0, 12.0)
    book.peak("09:35", 6000)
    first = {(6030, "call"): (1.95, 2.05), (6035, "call"): (0.95, 1.05)}  # mid 1.00
    book.repeat("09:35:30", "09:40", first)
    book.repeat("09:41", "09:50", {(6030, "call"): (1.00, 1.00), (6035, "call"): (0.55, 0.55)})
    book.repeat("09:51", "09:52", {(6030, "call"): (0.90, 0.90), (6035, "call"): (0.50, 0.50)})
    result = run(book, MID)
    (trade,) = result.trades
    assert (trade["strategy"], trade["confidence"], trade["distance"]) == ("CALL", "MEDIUM", 20)
    assert brief(trade) == ("Profit Target", "14:51:00", 0.4, 60.0)


def test_values_are_clamped(book: Book) -> None:
    book.repeat("09:35:30", "09:36:30", RICH)
    below = {k: ((0.0, 0.35) if k[0] in (6020, 5980) else (0.3, 0.4)) for k in RICH}
    book.repeat("09:37", "09:37", below)  # mids of a side: 0.175 - 0.35
    result = run(book, MID)
    assert brief(result.trades[0]) == ("Profit Target", "14:37:00", 0.0, 120.0)
    assert result.counters["clamped_values"] == 1
    assert result.counters["clamped_exit_costs"] == 1


def test_contradicting_legs_give_no_price(book: Book) -> None:
    """From 09:37 the bought call costs more than the sold one brings: 0.30 bid against 0.10."""
    book.repeat("09:35:30", "09:36:30", RICH)
    book.repeat(
        "09:37", "09:38:30", {**RICH, (6020, "call"): (0.0, 0.1), (6025, "call"): (0.3, 0.4)}
    )
    book.repeat("09:39", "09:40", CHEAP)
    path = book.done()
    result = replay(path, "SPX", DATE, DATE, {**ONE, **MID})
    (trade,) = result.trades
    assert brief(trade) == ("Profit Target", "14:39:00", 0.6, 60.0)
    assert trade["unpriced_by_kind"] == {"no_quote": 0, "leg_ages_apart": 0, "contradictory": 4}
    assert (trade["mae_dollars"], trade["mfe_dollars"]) == (0.0, 60.0)
    assert result.counters["clamped_values"] == 0
    first = replay(path, "SPX", DATE, DATE, {**ONE, **MID, "data.trade_contradictions": True})
    # puts 0.60, calls 0.05 - 0.35
    assert brief(first.trades[0]) == ("Profit Target", "14:37:00", 0.3, 90.0)
    late = replay(path, "SPX", DATE, DATE, {"entry.times": ["09:38"], **MID})
    assert reasons(late) == ["contradictory quotes"]


@pytest.mark.parametrize(
    ("bid", "ask", "limit", "reason"),
    [
        (None, 0.50, 0.50, "entry"),
        (0, 0.51, 0.50, "no quote: call long"),
        (-0.05, 0.51, 0.50, "no quote: call long"),
        (0.05, 0.90, 0.50, "entry"),
        (0, 0.60, 0.60, "entry"),
        (0, 0.90, None, "entry"),
    ],
)
def test_one_sided_quotes(book: Book, bid: float, ask: float, limit: object, reason: str) -> None:
    book.repeat("09:35:30", "09:36:30", {**RICH, (6025, "call"): (bid, ask)})
    assert reasons(run(book, {"data.one_sided_max_ask": limit})) == [reason]


def test_optional_filters(book: Book) -> None:
    legs = dict(RICH)
    late = {(6025, "call"): legs.pop((6025, "call"))}
    book.repeat("09:35:30", "09:35:30", legs)
    book.repeat("09:36", "09:36", late)
    path = book.done()
    for gap, reason in ((29, "leg ages apart"), (30, "entry")):
        got = replay(path, "SPX", DATE, DATE, {**ONE, "data.max_leg_age_gap_s": gap})
        assert reasons(got) == [reason]
    # 0.40 / 0.50 is 22.2 % of its mid wide, 1.00 / 1.10 is 9.5 %
    for percent, reason in (
        (22, "no quote: call long"),
        (22.3, "entry"),
        (9, "no quote: call short"),
    ):
        got = replay(path, "SPX", DATE, DATE, {**ONE, "data.max_spread_pct": percent})
        assert reasons(got) == [reason]


def test_newest_of_equal_instants_in_other_forms(book: Book) -> None:
    book.repeat("09:35:30", "09:37", RICH)
    book.quote("2024-11-26T09:35:30-05:00", 6020, "Call", 1.20, 1.30)
    book.quote("2024-11-26 14:35:30.000Z", 6020, "C", 1.10, 1.20)
    assert run(book).trades[0]["entry_credit"] == 1.1


# ------------------------------------------------------------------------------- arithmetic


def test_arithmetic_is_decimal() -> None:
    assert exact(0.1) + exact(0.2) == exact(0.3) == Fraction(3, 10)


def test_scores() -> None:
    def pin(spot: float, index: str = "SPX", **gex: float) -> tuple[float, float | None]:
        spec = INDEXES[index]
        peaks = rank_peaks({float(k[1:]): g for k, g in gex.items()}, spot, spec)
        return peaks[0].strike, competing_midpoint(peaks, spot)

    assert pin(5950, k5900=120e9, k6000=100e9)[1] == 5950
    assert pin(5920, k5950=100e9, k6000=120e9) == (5950, None)
    assert pin(5950, k5900=50e9, k6000=200e9) == (6000, None)
    assert pin(6050, k6060=50e9, k6100=300e9)[0] == 6060
    assert pin(6050, k6060=1e9, k6070=1e9, k6030=1e9)[0] == 6060
    assert pin(21500, "NDX", k21500=1e9, k21600=1e9, k21400=1e9)[0] == 21500
    assert rank_peaks({6200.0: 1e9}, 6000, INDEXES["SPX"]) == []
    # SPX 2018: 1.5 % is 41 points, the second list reaches 50
    assert rank_peaks({2780.0: 1e9}, 2735, INDEXES["SPX"])[0].strike == 2780


# ------------------------------------------------------------------------------- generator


def test_generator_is_seeded_and_trades(tmp_path: Path) -> None:
    dates = {"start": "2024-11-27", "end": "2024-11-29"}
    results = []
    for name in ("a", "b"):
        story = make(tmp_path / f"{name}.db", 5, **dates)
        assert story["sessions"]
        results.append(replay(tmp_path / f"{name}.db", "SPX", *dates.values()))
    assert results[0] == results[1]
    make(tmp_path / "clean.db", 5, nasty=CLEAN, kinds=("calm", "sticky"), **dates)
    clean = replay(tmp_path / "clean.db", "SPX", *dates.values())
    assert clean.trades
    assert clean.counters["unpriced_bars"] == 0


def test_text_forms_alone_change_nothing(tmp_path: Path) -> None:
    dates = {"start": "2024-11-27", "end": "2024-11-27"}
    make(tmp_path / "a.db", 3, nasty=CLEAN, kinds=("normal",), **dates)
    make(tmp_path / "b.db", 3, nasty=only("forms", "shuffle"), kinds=("normal",), **dates)
    one, two = (replay(tmp_path / f"{n}.db", "SPX", *dates.values()) for n in "ab")
    assert one.trades
    assert one.trades == two.trades
    assert one.decisions == two.decisions


def test_bars_are_thirty_seconds() -> None:
    (session,) = sessions(DATE, DATE)
    assert {b - a for a, b in zip(session.bars(), session.bars()[1:], strict=False)} == {
        30 * SECOND
    }
