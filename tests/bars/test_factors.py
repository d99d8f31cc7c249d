"""Factors of splits and dividends."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bars.bar_files import SHARED, series, write
from bt_gex.bars.factors import NO_FACTORS, adjusted, day_labels
from bt_gex.bars.files import FolderBars, read_factors
from bt_gex.errors import DataError
from bt_gex.rules.breakout import BreakoutParams, HighHistory, decide_breakout

HEAD = "date,price_factor,split_factor,close_before"
LINES = ("20260112,0.9,0.5,100", "20260113,0.98,1,50", "20501231,1,1,0")


def test_the_first_step_not_before_the_day_counts(tmp_path: Path) -> None:
    factors = read_factors(write(tmp_path, "f.csv", *LINES, head=HEAD))
    days = [date(2020, 1, 1), *(date(2026, 1, d) for d in (12, 13, 14)), date(2060, 1, 1)]
    assert factors.at(day_labels(days)).tolist() == [0.45, 0.45, 0.98, 1.0, 1.0]
    assert NO_FACTORS.at(day_labels(days)).tolist() == [1.0] * 5


def test_bars_in_the_prices_of_a_day(tmp_path: Path) -> None:
    factors = read_factors(write(tmp_path, "f.csv", *LINES, head=HEAD))
    raw = series(interval="1d", first="2026-01-12 00:00")  # 12, 13, 14 January
    last = adjusted(raw, factors, date(2026, 1, 14))
    assert last.close == pytest.approx([100.5 * 0.45, 101 * 0.98, 100.75])
    assert last.high == pytest.approx([101 * 0.45, 102 * 0.98, 101.5])
    assert np.array_equal(last.volume, raw.volume)
    first = adjusted(raw, factors, date(2026, 1, 12))
    assert first.close == pytest.approx([100.5, 101 * 0.98 / 0.45, 100.75 / 0.45])


def test_later_steps_change_nothing(tmp_path: Path) -> None:
    """A split the day after scales all factors alike; the prices of the day stay."""
    before = read_factors(
        write(tmp_path, "a.csv", "20260112,1,0.5", "20501231,1,1", head=HEAD[:30])
    )
    after = read_factors(
        write(
            tmp_path, "b.csv", "20260112,1,0.25", "20260114,1,0.5", "20501231,1,1", head=HEAD[:30]
        )
    )
    raw = series(interval="1d", first="2026-01-12 00:00")
    for day in (date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14)):
        known = raw.stamps_ns <= day_labels([day])[0]
        left, right = (adjusted(raw, factors, day).close[known] for factors in (before, after))
        assert left == pytest.approx(right, rel=1e-15)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("20260113,1,1", "20260112,1,1"), "dates must ascend"),
        (("20260113,1,1", "20260113,1,1"), "dates must ascend"),
        (("20260113,0,1",), "factors be above 0"),
        (("20260113,,1",), "factors be above 0"),
        (("soon,1,1",), "'soon' is no date"),
        (("20261399,1,1",), "'20261399' is no date"),
        (("20260113,x,1",), "price_factor 'x' is not a number"),
    ],
)
def test_damaged_files(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_factors(write(tmp_path, "f.csv", *lines, head=HEAD[:30]))


@pytest.mark.skipif(not SHARED.exists(), reason=f"no recorded bars in {SHARED}")
def test_the_split_of_apple() -> None:
    """7:1 on 2014-06-09: raw closes fall from 645.57 to 93.70, adjusted ones do not."""
    source = FolderBars(SHARED)
    raw = source.daily_bars("AAPL", date(2014, 6, 6), date(2014, 6, 9))
    assert raw.close.tolist() == [645.57, 93.7]
    found = adjusted(raw, source.factors("AAPL"), date(2014, 6, 9))
    assert found.close == pytest.approx([645.57 / 7, 93.7], rel=1e-6)


@pytest.mark.skipif(not SHARED.exists(), reason=f"no recorded bars in {SHARED}")
def test_a_breakout_over_a_split() -> None:
    """Apple's close of 2014-08-19 was above every high of the 252 sessions before; in raw
    prices these are six to seven times as high until June."""
    source, day = FolderBars(SHARED), date(2014, 8, 19)
    raw = source.daily_bars("AAPL", date(2013, 1, 2), day)
    found = {}
    for name, bars in (
        ("raw", raw),
        ("adjusted", adjusted(raw, source.factors("AAPL"), day)),
    ):
        history = HighHistory(252)
        for bar in bars.bars()[:-1]:
            history.push(bar.high)
        decision = decide_breakout(
            last_price=bars.bars()[-1].close,
            history=history,
            held_quantity=0.0,
            open_positions=0,
            is_eod=True,
            params=BreakoutParams(),
        )
        found[name] = (decision.action, decision.last_price, round(float(decision.high or 0), 2))
    # Highs as the file has them: 651.25 on 2014-06-06, 99.37 on 2014-08-18. That of 2014-07-29,
    # 99.44, lies before a dividend: 99.44 · 0.9011818 / 0.9056639 = 98.95.
    assert found == {"raw": (None, 100.56, 651.25), "adjusted": ("open_long", 100.56, 99.37)}
