"""Synthetic bars: against a plain loop over the same draws, laws of a bar, seeds."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from datetime import date
from typing import Any

import numpy as np
import pytest

from bt_gex.bars.checks import checked_bars
from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NS, sessions
from bt_gex.synthetic.bars import SyntheticBars

START, END = date(2025, 11, 24), date(2025, 12, 12)  # Thanksgiving and an early close in it


def by_hand(seed: int, symbol: str, start: date, end: date, tick: float) -> list[Bar]:
    """The published recipe, bar by bar in plain Python; only the draws are numpy's."""
    found, base = [], 100.0
    for session in sessions(start, end):
        n = (session.close_ns - session.open_ns) // (60 * NS)
        key = hashlib.sha256(f"{seed}|{symbol}|{session.day}".encode()).digest()[:8]
        draw = np.random.default_rng(int.from_bytes(key, "big"))
        regime = ("trend_up", "trend_down", "mean_revert", "choppy")[draw.integers(4)]
        drift = {"trend_up": 0.0002, "trend_down": -0.0002}.get(regime, 0.0)
        returns = draw.normal(drift, 0.00225 if regime == "choppy" else 0.0015, n).tolist()
        ranges = [abs(r) for r in draw.normal(0.001, 0.001 / 3, n).tolist()]
        volumes = draw.lognormal(math.log(10_000), 0.4, n).tolist()
        if regime == "mean_revert":
            walked, pulled = 0.0, []
            for r in returns:
                walked += r
                price = base * math.exp(walked)
                pulled.append(r - 0.002 * (price - base) / base)
            returns = pulled
        walked, last = 0.0, base
        for i in range(n):
            walked += returns[i]
            close = base * math.exp(walked)
            high = max(last, close) * (1 + ranges[i] / 2)
            low = min(last, close) * (1 - ranges[i] / 2)
            x = i / (n - 1)
            volume = max(1, round(volumes[i] * (1 + 0.5 * (x * x + (1 - x) ** 2))))
            o, h, lo, c = (round(round(p / tick) * tick, 10) for p in (last, high, low, close))
            bar = Bar(session.open_ns + i * 60 * NS, o, max(h, o, c), min(lo, o, c), c, volume)
            found.append(bar)
            last = close
        base = found[-1].close
    return found


@pytest.mark.parametrize(("seed", "symbol", "tick"), [(42, "SPY", 0.01), (7, "ES", 0.25)])
def test_against_a_plain_loop(seed: int, symbol: str, tick: float) -> None:
    source = SyntheticBars([symbol], seed=seed, tick=tick)
    ours = source.minute_bars(symbol, START, END).bars()
    theirs = by_hand(seed, symbol, START, END, tick)
    assert len(ours) == len(theirs) == 13 * 390 + 210
    assert ours == theirs


def test_all_regimes_are_in_that_range() -> None:
    keys = [
        hashlib.sha256(f"42|SPY|{session.day}".encode()).digest()[:8]
        for session in sessions(START, END)
    ]
    drawn = {int(np.random.default_rng(int.from_bytes(k, "big")).integers(4)) for k in keys}
    assert drawn == {0, 1, 2, 3}


def test_bars_are_sound() -> None:
    found = SyntheticBars(["SPY"]).minute_bars("SPY", START, END)
    columns = {name: getattr(found, name) for name in ("open", "high", "low", "close", "volume")}
    again = checked_bars("SPY", "1m", found.stamps_ns, columns, "synthetic")
    assert again.odd == {}
    assert again.sha256() == found.sha256()
    assert found.open[0] == 100.0
    cents = np.concatenate([columns[name] for name in ("open", "high", "low", "close")]) * 100
    assert np.abs(cents - np.round(cents)).max() < 1e-6
    assert (columns["volume"] >= 1).all()
    by_session = np.flatnonzero(np.diff(found.stamps_ns) > 60 * NS)
    assert len(by_session) == 13
    assert np.array_equal(found.open[by_session + 1], found.close[by_session])


def test_an_early_close_has_210_minutes() -> None:
    day = date(2025, 11, 28)
    assert len(SyntheticBars(["SPY"]).minute_bars("SPY", day, day)) == 210


def test_start_and_end_are_included() -> None:
    """The original lost the end day, and stamped every bar with one day."""
    found = SyntheticBars(["SPY"]).daily_bars("SPY", date(2026, 1, 12), date(2026, 1, 19))
    days = [str(stamp.astype("datetime64[D]")) for stamp in found.stamps_ns.astype("M8[ns]")]
    assert days == [f"2026-01-{day}" for day in (12, 13, 14, 15, 16)]  # Monday 19 is a holiday
    weekend = SyntheticBars(["SPY"]).minute_bars("SPY", date(2026, 1, 17), date(2026, 1, 18))
    assert len(weekend) == 0
    assert len(SyntheticBars(["SPY"]).daily_bars("SPY", date(2026, 1, 17), date(2026, 1, 18))) == 0


def test_days_are_their_minutes() -> None:
    source = SyntheticBars(["SPY"])
    minutes = source.minute_bars("SPY", START, END)
    days = source.daily_bars("SPY", START, END)
    first = slice(0, 390)
    assert days.bars()[0][1:] == (
        minutes.open[0],
        minutes.high[first].max(),
        minutes.low[first].min(),
        minutes.close[389],
        minutes.volume[first].sum(),
    )
    assert len(days) == 14


def digest(**given: Any) -> str:
    asked = {"symbol": "SPY", "seed": 42, "tick": 0.01, "start": START, **given}
    source = SyntheticBars([asked["symbol"]], seed=asked["seed"], tick=asked["tick"])
    return source.minute_bars(asked["symbol"], asked["start"], END).sha256()


def test_other_arguments_are_other_bars() -> None:
    others = [{}, {"symbol": "QQQ"}, {"seed": 43}, {"tick": 0.05}, {"start": date(2025, 11, 25)}]
    assert len({digest(**other) for other in others}) == 5
    one = SyntheticBars(["A", "B"])
    closes = [one.minute_bars(symbol, START, END).close for symbol in "AB"]
    assert not np.array_equal(*closes)


def test_the_same_bytes_in_another_process() -> None:
    """The original's seed was Python's hash, which differs from process to process."""
    code = (
        "from datetime import date\n"
        "from bt_gex.synthetic.bars import SyntheticBars\n"
        f"found = SyntheticBars(['SPY']).minute_bars('SPY', {START!r}, {END!r})\n"
        "print(found.sha256())"
    ).replace("datetime.date", "date")
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.strip() == digest()


def test_wrong_requests() -> None:
    source = SyntheticBars(["SPY"])
    assert (source.symbols(), source.symbols("1d")) == (("SPY",), ("SPY",))
    with pytest.raises(UnknownName, match="did you mean SPY"):
        source.minute_bars("SPX", START, END)
    with pytest.raises(BadValue, match="lies before start"):
        source.minute_bars("SPY", END, START)
    with pytest.raises(BadValue, match="tick must be a number above 0"):
        SyntheticBars(["SPY"], tick=0)
    assert source.settings("SPY", "1m") == {"seed": 42, "tick": 0.01}
    assert source.is_settled(date(2099, 1, 1))
    assert source.factors("SPY").at(np.array([0])).tolist() == [1.0]
