"""What every source of bars keeps to, whatever it reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bars.bar_files import GOOD, same, write
from bt_gex.bars.cache import CachedBars
from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries
from bt_gex.bars.source import BarSource, Provider
from bt_gex.bars.yahoo import YahooBars
from bt_gex.errors import BadValue, UnknownName
from bt_gex.synthetic.bars import SyntheticBars

DAY, NEXT, WEEKEND = date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 17)


def folder(place: Path) -> Provider:
    write(place, "minute/SPY.csv", *GOOD, *(line.replace("-12T", "-13T") for line in GOOD))
    days = [f"2026-01-{day},100,101,99,100,5" for day in (12, 13)]
    write(place, "daily/SPY.csv", *days, head="date,open,high,low,close,volume")
    return FolderBars(place)


def yahoo(place: Path) -> Provider:
    def fetch(symbol: str, first: date, after: date, interval: str, extended: bool) -> Any:
        minutes = [f"2026-01-{day} 09:{m}" for day in (12, 13) for m in (30, 31)]
        stamps = minutes if interval == "1m" else ["2026-01-12", "2026-01-13"]
        index = pd.DatetimeIndex(stamps).tz_localize("America/New_York")
        names = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
        return pd.DataFrame([[100.0, 101.0, 99.0, 100.0, 98.0, 5]] * len(index), index, names)

    return YahooBars(["SPY"], fetch=fetch, now=lambda: datetime(2026, 1, 20, 18, tzinfo=UTC))


def synthetic(place: Path) -> Provider:
    return SyntheticBars(["SPY"])


MAKERS: dict[str, Callable[[Path], BarSource]] = {
    "folder": folder,
    "yahoo": yahoo,
    "synthetic": synthetic,
    "cached folder": lambda place: CachedBars(folder(place), place / "cache"),
    "cached yahoo": lambda place: CachedBars(yahoo(place), place / "cache"),
    "cached synthetic": lambda place: CachedBars(synthetic(place), place / "cache"),
}


@pytest.fixture(params=MAKERS, ids=list(MAKERS))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> BarSource:
    return MAKERS[request.param](tmp_path)


def in_order(found: BarSeries) -> bool:
    return bool((np.diff(found.stamps_ns) > 0).all())


def test_minutes(source: BarSource) -> None:
    assert source.symbols() == ("SPY",)
    found = source.minute_bars("SPY", DAY, NEXT)
    assert (found.symbol, found.interval) == ("SPY", "1m")
    assert len(found) >= 4
    assert in_order(found)
    assert (found.stamps_ns.dtype, found.close.dtype) == (np.int64, np.float64)
    assert not found.close.flags.writeable


def test_days(source: BarSource) -> None:
    assert source.symbols("1d") == ("SPY",)
    found = source.daily_bars("SPY", DAY, NEXT)
    assert (found.interval, len(found), in_order(found)) == ("1d", 2, True)
    assert source.factors("SPY").at(found.stamps_ns).tolist() == [1.0, 1.0]


def test_the_same_question_has_the_same_answer(source: BarSource) -> None:
    for ask in (source.minute_bars, source.daily_bars):
        first, second = ask("SPY", DAY, NEXT), ask("SPY", DAY, NEXT)
        assert same(first, second)
        assert first.sha256() == second.sha256()
        assert first.odd == second.odd


def test_dates_are_included_and_nothing_else(source: BarSource) -> None:
    both = source.minute_bars("SPY", DAY, NEXT)
    one = source.minute_bars("SPY", DAY, DAY)
    assert np.array_equal(one.stamps_ns, both.stamps_ns[: len(one)])
    assert 0 < len(one) < len(both)


def test_no_session_no_bars(source: BarSource) -> None:
    assert len(source.minute_bars("SPY", WEEKEND, WEEKEND)) == 0
    assert len(source.daily_bars("SPY", WEEKEND, WEEKEND)) == 0


def test_wrong_questions(source: BarSource) -> None:
    for ask in (source.minute_bars, source.daily_bars):
        with pytest.raises(UnknownName, match="did you mean SPY"):
            ask("SPYY", DAY, NEXT)
        with pytest.raises(BadValue, match="lies before start"):
            ask("SPY", NEXT, DAY)
