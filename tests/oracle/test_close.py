"""The oracle at the close of a session, and its figures, against cases worked by hand."""

from __future__ import annotations

from pathlib import Path

from .book import CHEAP, DATE, MID, ONE, RICH, Book, brief, run
from .clock import CHECK_TIMES
from .rules import INDEXES
from .semantics import replay, settlement_price
from .tape import Readings, SessionTape, Tape


def held(book: Book, until: str = "15:00") -> None:
    book.repeat("09:35:30", until, RICH)


def test_settlement_on_a_fresh_price(book: Book) -> None:
    held(book)
    book.context("15:58", 6023.0, None)  # 120 s: fresh
    book.context("16:00:00.000001", 6100.0, None)  # after the close: never
    result = run(book, {**MID, "fills.commission": 1})
    (trade,) = result.trades
    assert brief(trade) == ("Expiration Settlement", "21:00:00", 3.0, -184.0)
    assert trade["commission_dollars"] == 4.0
    assert trade["flags"] == []
    assert trade["time_alive_minutes"] == 384.0


def test_settlement_by_parity(book: Book) -> None:
    held(book)
    book.context("15:57:59.999999", 6050.0, None)
    for strike, call, put in ((6000, 25, 1), (6010, 15, 2), (6020, 7, 4), (6030, 3, 9)):
        book.quote("15:58", strike, "call", call - 0.5, call + 0.5)
        book.quote("15:59", strike, "put", put - 0.5, put + 0.5)
    book.quote("16:00", 6111, "call", 40, 41)  # beyond 1 % of 6050
    book.quote("16:00", 6111, "put", 1, 2)
    book.quote("15:57:59", 6040, "call", 9, 10)  # too old
    book.quote("16:00", 6040, "put", 1, 2)
    result = run(book, MID)
    # 6024, 6023, 6023, 6024: the median is 6023.5
    assert brief(result.trades[0]) == ("Expiration Settlement", "21:00:00", 3.5, -230.0)
    assert result.counters["settled_parity"] == 1
    assert result.trades[0]["flags"] == []


def test_stale_settlement(book: Book) -> None:
    held(book)
    book.context("15:01", 5970.0, None)
    book.chain("15:02", 5976.0, None, {})
    path = book.done()
    result = replay(path, "SPX", DATE, DATE, {**ONE, **MID})
    assert brief(result.trades[0])[2:] == (4.0, -280.0)
    assert result.trades[0]["flags"] == ["stale_settlement"]
    readings = Readings(settle_on_newest_of_both=False)
    other = replay(path, "SPX", DATE, DATE, {**ONE, **MID}, readings=readings)
    assert brief(other.trades[0])[2:] == (5.0, -380.0)


def test_unresolved_without_any_price(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", DATE)
    book.repeat("15:59", "15:59:30", {(6000, "call"): (1, 2), (6000, "put"): (1, 2)})
    tape = SessionTape(
        Tape(book.done(), "SPX"),
        book.session,
        INDEXES["SPX"],
        quote_max_age_s=120,
        context_max_age_s=2100,
        use_competing_peaks=False,
        readings=Readings(),
    )
    assert settlement_price(tape) == (None, "none")


def test_end_of_day_is_retried_on_every_bar(book: Book) -> None:
    held(book)
    book.repeat("15:45:10", "15:45:10", RICH)
    result = run(book, MID)
    assert brief(result.trades[0]) == ("End of Day Auto-Close", "20:45:30", 1.2, 0.0)
    assert result.summary["breakeven"] == 1
    assert result.summary["profit_factor"] is None
    assert result.counters["unpriced_bars"] == 87  # 15:02:00 .. 15:45:00


def test_early_close(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.db", "2024-11-29")
    for time in ("09:35", "10:05", "10:35", "11:05", "11:35", "12:05"):
        book.context(time, 6000.0, 12.0)
        book.peak(time, 6000)
    book.repeat("09:35", "13:00", RICH)
    date = book.session.date
    result = replay(book.done(), "SPX", date, date, MID)
    assert [d["time"] for d in result.decisions] == CHECK_TIMES[:6]
    assert {brief(t)[:2] for t in result.trades} == {("End of Day Auto-Close", "17:30:00")}


def test_drawdowns(book: Book) -> None:
    """+60 closed, then -6, after an open loss of 9.60 that only the marks show."""
    book.repeat("09:35:30", "09:59:30", RICH)
    book.repeat("10:00", "10:29:30", CHEAP)
    deep = {k: (round(b * 1.05, 4), round(a * 1.05, 4)) for k, (b, a) in RICH.items()}
    deeper = {k: (round(b * 1.08, 4), round(a * 1.08, 4)) for k, (b, a) in RICH.items()}
    book.repeat("10:30", "10:39:30", RICH)
    book.repeat("10:40", "11:59", deeper)  # 1.296: the stop is at 1.32
    book.repeat("12:00", "15:59", deep)  # 1.26
    book.context("10:05", 6000.0, 12.0)
    book.peak("10:05", 6000)
    result = run(book, {"entry.times": ["09:36", "10:30"], **MID})
    assert [t["pnl_dollars"] for t in result.trades] == [60.0, -6.0]
    summary = result.summary
    assert (summary["max_drawdown"], summary["max_drawdown_mtm"]) == (6.0, 9.6)
    assert summary["profit_factor"] == 10.0
    assert summary["win_rate"] == 0.5
    groups = summary["by_entry_time"]
    assert isinstance(groups, dict)
    assert groups["09:36"]["pnl"] == 60.0
