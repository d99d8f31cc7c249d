"""Yahoo, by answers typed off: requests, limits, tries, bars that are not over."""

from __future__ import annotations

import inspect
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bars.bar_files import ns
from bt_gex.bars.cache import CachedBars
from bt_gex.bars.factors import NO_FACTORS
from bt_gex.bars.yahoo import YahooBars, ask_yahoo
from bt_gex.errors import BadValue, DataError, UnknownName

NIGHT = datetime(2026, 1, 16, 3, 0, tzinfo=UTC)  # Thursday evening, New York
COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
NAN = float("nan")


def answer(*rows: tuple[Any, ...], zone: str | None = "America/New_York") -> pd.DataFrame:
    """A frame as yfinance gives it: New York times, capital names, an adjusted close."""
    index = pd.DatetimeIndex([row[0] for row in rows], name="Datetime")
    values = [[*row[1:5], row[4], row[5]] for row in rows]
    return pd.DataFrame(values, index.tz_localize(zone), COLUMNS)


# Answer of 2026-01-13, the first minutes, prices as Yahoo's single precision leaves them
MINUTES = answer(
    ("2026-01-13 09:30", 693.1199951171875, 693.5, 692.8400268554688, 693.4099731445312, 1204521),
    ("2026-01-13 09:31", 693.4299926757812, 693.8900146484375, 693.3099975585938, 693.75, 181432),
    ("2026-01-13 09:32", NAN, NAN, NAN, NAN, 0),
    ("2026-01-13 09:33", 693.7100219726562, 693.7999877929688, 693.3200073242188, 693.5, 150000),
)


class Yahoo:
    """Answers by the first day asked for; an exception is raised."""

    def __init__(self, answers: dict[str, Any], default: Any = None) -> None:
        self.answers, self.default = answers, default
        self.asked: list[tuple[Any, ...]] = []
        self.waits: list[float] = []

    def fetch(self, symbol: str, first: date, after: date, *rest: Any) -> pd.DataFrame:
        self.asked.append((symbol, str(first), str(after), *rest))
        given = self.answers.get(str(first), self.default)
        given = given.pop(0) if isinstance(given, list) else given
        if isinstance(given, Exception):
            raise given
        return given

    def bars(self, now: datetime = NIGHT, **rest: Any) -> YahooBars:
        return YahooBars(
            ["SPY"], fetch=self.fetch, now=lambda: now, sleep=self.waits.append, **rest
        )


TUESDAY = date(2026, 1, 13)


def test_minutes() -> None:
    yahoo = Yahoo({"2026-01-13": MINUTES})
    found = yahoo.bars().minute_bars("SPY", TUESDAY, TUESDAY)
    assert yahoo.asked == [("SPY", "2026-01-13", "2026-01-14", "1m", False)]
    assert [bar.ts_ns for bar in found.bars()] == [
        ns(f"2026-01-13 14:{minute}") for minute in (30, 31, 33)
    ]
    assert found.bars()[0][1:] == (
        693.1199951171875,
        693.5,
        692.8400268554688,
        693.4099731445312,
        1204521.0,
    )
    assert found.odd == {"no price": 1}


def test_a_range_is_asked_for_in_weeks() -> None:
    yahoo = Yahoo({}, MINUTES)
    yahoo.bars().minute_bars("SPY", date(2025, 12, 29), date(2026, 1, 15))
    assert [(first, after) for _, first, after, *_ in yahoo.asked] == [
        ("2025-12-29", "2026-01-05"),
        ("2026-01-05", "2026-01-12"),
        ("2026-01-12", "2026-01-16"),
    ]


def test_bars_of_other_days_in_an_answer_are_left_out() -> None:
    yahoo = Yahoo({}, MINUTES)
    found = yahoo.bars().minute_bars("SPY", date(2026, 1, 14), date(2026, 1, 15))
    assert (len(found), found.odd) == (0, {})


def test_days_without_a_session_are_not_asked_for() -> None:
    yahoo = Yahoo({})
    found = yahoo.bars().minute_bars("SPY", date(2026, 1, 10), date(2026, 1, 11))
    assert (len(found), yahoo.asked) == (0, [])
    future = yahoo.bars().daily_bars("SPY", date(2026, 1, 16), date(2026, 1, 20))
    assert (len(future), yahoo.asked) == (0, [])


@pytest.mark.parametrize(("start", "fine"), [("2025-12-17", True), ("2025-12-16", False)])
def test_minutes_of_the_last_thirty_days_only(start: str, fine: bool) -> None:
    """The limit is said; a shorter range is not given in silence."""
    source = Yahoo({}, MINUTES).bars()
    if fine:
        source.minute_bars("SPY", date.fromisoformat(start), TUESDAY)
        return
    with pytest.raises(DataError, match="start on 2025-12-17 or later") as caught:
        source.minute_bars("SPY", date.fromisoformat(start), TUESDAY)
    assert "about 30 days" in str(caught.value)


def test_three_tries_with_longer_waits() -> None:
    errors = [ConnectionError("timed out"), pd.DataFrame(), MINUTES]
    yahoo = Yahoo({"2026-01-13": errors})
    assert len(yahoo.bars().minute_bars("SPY", TUESDAY, TUESDAY)) == 3
    assert yahoo.waits == [1.0, 2.0]


def test_a_failed_read_is_not_empty() -> None:
    for last, said in ((ConnectionError("timed out"), "timed out"), (pd.DataFrame(), "empty")):
        yahoo = Yahoo({"2026-01-13": [ValueError("a"), ValueError("b"), last]})
        with pytest.raises(DataError, match=said) as caught:
            yahoo.bars().minute_bars("SPY", TUESDAY, TUESDAY)
        assert "SPY (1m) from 2026-01-13 to 2026-01-13 in 3 tries" in str(caught.value)
        assert yahoo.waits == [1.0, 2.0]


def test_a_part_that_fails_fails_the_whole() -> None:
    yahoo = Yahoo({"2026-01-12": ConnectionError("timed out")}, MINUTES)
    with pytest.raises(DataError, match="2026-01-12 to 2026-01-15"):
        yahoo.bars().minute_bars("SPY", date(2026, 1, 5), date(2026, 1, 15))


@pytest.mark.parametrize(
    ("now", "bars", "unfinished"),
    [("14:32:00", 2, 1), ("14:31:59", 1, 2), ("14:34:00", 3, 0), ("14:33:59", 2, 1)],
)
def test_a_minute_that_is_not_over_is_left_out(now: str, bars: int, unfinished: int) -> None:
    clock = datetime.fromisoformat(f"2026-01-13T{now}+00:00")
    found = Yahoo({"2026-01-13": MINUTES}).bars(clock).minute_bars("SPY", TUESDAY, TUESDAY)
    assert (len(found), found.odd.get("unfinished", 0)) == (bars, unfinished)


DAYS = answer(
    ("2026-01-12", 690.0, 695.5, 689.25, 695.16, 65_000_000),
    ("2026-01-13", 695.5, 696.0, 691.0, 693.77, 78_000_000),
)


@pytest.mark.parametrize(
    ("now", "bars"), [("2026-01-13T20:59:59", 1), ("2026-01-13T21:00:00", 2), ("2026-01-14T15", 2)]
)
def test_a_day_that_is_not_over_is_left_out(now: str, bars: int) -> None:
    clock = datetime.fromisoformat(now).replace(tzinfo=UTC)
    yahoo = Yahoo({"2026-01-12": DAYS})
    found = yahoo.bars(clock).daily_bars("SPY", date(2026, 1, 12), TUESDAY)
    assert yahoo.asked == [("SPY", "2026-01-12", "2026-01-14", "1d", False)]
    assert [bar.ts_ns for bar in found.bars()] == [
        ns("2026-01-12 00:00"),
        ns("2026-01-13 00:00"),
    ][:bars]
    assert found.bars()[0].close == 695.16


def test_daily_bars_reach_back_decades_in_one_request() -> None:
    yahoo = Yahoo({"1993-01-29": DAYS})
    yahoo.bars().daily_bars("SPY", date(1993, 1, 29), TUESDAY)
    assert len(yahoo.asked) == 1


def test_bad_bars_are_refused_as_anywhere() -> None:
    bad = answer(("2026-01-13 09:30", 100.0, 99.0, 98.0, 99.0, 1))
    with pytest.raises(DataError, match="Yahoo, SPY: the bar of 2026-01-13 14:30 UTC"):
        Yahoo({"2026-01-13": bad}).bars().minute_bars("SPY", TUESDAY, TUESDAY)
    naive = answer(("2026-01-13 09:30", 1.0, 1.0, 1.0, 1.0, 1), zone=None)
    with pytest.raises(DataError, match="without a zone"):
        Yahoo({"2026-01-13": naive}).bars().minute_bars("SPY", TUESDAY, TUESDAY)


def test_wrong_requests() -> None:
    source = Yahoo({}).bars()
    assert (source.symbols(), source.symbols("1d")) == (("SPY",), ("SPY",))
    with pytest.raises(UnknownName, match="did you mean SPY"):
        source.minute_bars("SPYY", TUESDAY, TUESDAY)
    with pytest.raises(BadValue, match="lies before start"):
        source.minute_bars("SPY", TUESDAY, date(2026, 1, 12))
    assert source.factors("SPY") is NO_FACTORS


def test_a_range_up_to_today_is_not_settled() -> None:
    source = Yahoo({}).bars()
    assert source.is_settled(date(2026, 1, 14))
    assert not source.is_settled(date(2026, 1, 15))  # still Thursday in New York


def test_without_yfinance_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    source = YahooBars(["SPY"], now=lambda: NIGHT, sleep=lambda s: None)
    with pytest.raises(DataError, match=r"pip install 'bt-gex\[yahoo\]'"):
        source.minute_bars("SPY", TUESDAY, TUESDAY)


def test_what_yfinance_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its names and its settings: exceptions come through, and the setting is put back."""
    yfinance = pytest.importorskip("yfinance")
    seen: list[tuple[str, dict[str, Any], bool]] = []

    class Ticker:
        def __init__(self, symbol: str) -> None:
            self.symbol = symbol

        def history(self, **asked: Any) -> pd.DataFrame:
            seen.append((self.symbol, asked, yfinance.config.debug.hide_exceptions))
            raise yfinance.exceptions.YFRateLimitError

    monkeypatch.setattr(yfinance, "Ticker", Ticker)
    before = yfinance.config.debug.hide_exceptions
    with pytest.raises(yfinance.exceptions.YFRateLimitError):
        ask_yahoo("SPY", TUESDAY, date(2026, 1, 14), "1m", False)
    assert yfinance.config.debug.hide_exceptions == before
    asked = {
        "start": "2026-01-13",
        "end": "2026-01-14",
        "interval": "1m",
        "auto_adjust": False,
        "actions": False,
        "prepost": False,
    }
    assert seen == [("SPY", asked, False)]
    from yfinance.scrapers.history import PriceHistory

    assert set(asked) <= set(inspect.signature(PriceHistory.history).parameters)


def test_minutes_once_kept_outlive_the_thirty_days(tmp_path: Path) -> None:
    yahoo = Yahoo({"2026-01-13": MINUTES})
    kept = CachedBars(yahoo.bars(), tmp_path).minute_bars("SPY", TUESDAY, TUESDAY)
    later = datetime(2026, 6, 1, 12, tzinfo=UTC)
    again = CachedBars(yahoo.bars(later), tmp_path).minute_bars("SPY", TUESDAY, TUESDAY)
    assert again.sha256() == kept.sha256()
    assert len(yahoo.asked) == 1
    with pytest.raises(DataError, match="about 30 days"):
        CachedBars(yahoo.bars(later), tmp_path).minute_bars("SPY", TUESDAY, date(2026, 1, 14))
