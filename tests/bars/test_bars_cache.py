"""The cache of bars: names, provenance, what is fetched again, two processes at once."""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bars.bar_files import GOOD, same, series, write
from bt_gex.bars.cache import CachedBars, settings_hash
from bt_gex.bars.factors import NO_FACTORS, Factors
from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries, Interval

START, END = date(2026, 1, 12), date(2026, 1, 14)


class Source:
    """Answers the three good bars, and counts how often."""

    def __init__(self, provider: str = "yahoo", settled: bool = True, **settings: Any) -> None:
        self.provider, self.settled, self.own_settings = provider, settled, settings
        self.asked = 0
        self.scale = 1.0

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        return ("X",)

    def minute_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        self.asked += 1
        close = np.array(series().close) * self.scale
        return series(symbol, odd={"duplicate": 2}, close=close)

    def daily_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        self.asked += 1
        return series(symbol, "1d", "2026-01-12 00:00")

    def factors(self, symbol: str) -> Factors:
        return NO_FACTORS

    def settings(self, symbol: str, interval: Interval) -> Mapping[str, Any]:
        return self.own_settings

    def is_settled(self, end: date) -> bool:
        return self.settled


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_bars_are_fetched_once(tmp_path: Path) -> None:
    source = Source()
    cache = CachedBars(source, tmp_path / "cache")
    first, second = (cache.minute_bars("X", START, END) for _ in range(2))
    assert source.asked == 1
    assert same(first, second)
    assert second.odd == {"duplicate": 2}
    assert second.sha256() == first.sha256()
    days = [cache.daily_bars("X", START, END) for _ in range(2)]
    assert source.asked == 2
    assert same(*days)
    assert (cache.symbols(), cache.factors("X")) == (("X",), NO_FACTORS)


def test_names(tmp_path: Path) -> None:
    for provider in ("yahoo", "synthetic"):
        cache = CachedBars(Source(provider), tmp_path)
        cache.minute_bars("X", START, END)
        cache.daily_bars("X", START, END)
    assert names(tmp_path) == [
        *(f"X_2026-01-12_2026-01-14.{end}" for end in ("json", "parquet")),
        *(f"X_2026-01-12_2026-01-14_1d.{end}" for end in ("json", "parquet")),
        *(f"synthetic_X_2026-01-12_2026-01-14.{end}" for end in ("json", "parquet")),
        *(f"synthetic_X_2026-01-12_2026-01-14_1d.{end}" for end in ("json", "parquet")),
    ]


@pytest.mark.parametrize("symbol", ["BRK/B", "../X", "^GSPC", "ES=F", "BRK.B"])
def test_a_symbol_names_no_other_folder(tmp_path: Path, symbol: str) -> None:
    cache = CachedBars(Source(), tmp_path / "cache")
    assert same(cache.minute_bars(symbol, START, END), cache.minute_bars(symbol, START, END))
    assert len(names(tmp_path / "cache")) == 2
    assert names(tmp_path) == ["cache"]


def test_provenance(tmp_path: Path) -> None:
    cache = CachedBars(Source(extended_hours=False), tmp_path)
    cache.minute_bars("X", START, END)
    about = json.loads((tmp_path / "X_2026-01-12_2026-01-14.json").read_text())
    assert about == {
        "schema_version": 1,
        "source": "yahoo",
        "symbol": "X",
        "interval": "1m",
        "start": "2026-01-12",
        "end": "2026-01-14",
        "settings": {"extended_hours": False},
        # printf '{"extended_hours":false}' | sha256sum
        "settings_hash": "1d2fc021dca622e5",
        "rows": 3,
        "first": "2026-01-12 14:30:00+00:00",
        "last": "2026-01-12 14:32:00+00:00",
        "odd": {"duplicate": 2},
        "sha256": series().sha256(),
    }


def test_the_same_bars_make_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        CachedBars(Source(), tmp_path / folder).minute_bars("X", START, END)
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_kept_files_are_bar_files(tmp_path: Path) -> None:
    CachedBars(Source(), tmp_path / "minute").minute_bars("X", START, END)
    CachedBars(Source(), tmp_path / "daily").daily_bars("X", START, END)
    folder = FolderBars(tmp_path)
    (minutes,), (days,) = folder.symbols(), folder.symbols("1d")
    assert folder.minute_bars(minutes).bars() == series().bars()
    assert len(folder.daily_bars(days)) == 3


def test_other_settings_are_fetched_again(tmp_path: Path) -> None:
    first, other = Source(seed=1), Source(seed=2)
    for source in (first, other, other, first):
        CachedBars(source, tmp_path).minute_bars("X", START, END)
    assert (first.asked, other.asked) == (2, 1)
    assert settings_hash({"b": 1, "a": 2}) == settings_hash({"a": 2, "b": 1})


def test_another_range_is_another_file(tmp_path: Path) -> None:
    source = Source()
    cache = CachedBars(source, tmp_path)
    cache.minute_bars("X", START, END)
    cache.minute_bars("X", START, date(2026, 1, 13))
    assert source.asked == 2


def test_what_can_still_change_is_not_kept(tmp_path: Path) -> None:
    source = Source(settled=False)
    cache = CachedBars(source, tmp_path)
    for _ in range(2):
        cache.minute_bars("X", START, END)
    assert source.asked == 2
    assert names(tmp_path) == []


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGES = {
    "half a file": lambda bars, about: bars.write_bytes(bars.read_bytes()[:200]),
    "an empty file": lambda bars, about: bars.write_bytes(b""),
    "no provenance": lambda bars, about: about.unlink(),
    "torn provenance": lambda bars, about: about.write_text(about.read_text()[:50]),
    "no object": lambda bars, about: about.write_text("[]"),
    "other bars": lambda bars, about: edit(about, sha256="0" * 64),
    "no digest": lambda bars, about: edit(about, sha256=None),
    "odd of another shape": lambda bars, about: edit(about, odd=[1]),
    "another symbol": lambda bars, about: edit(about, symbol="Y"),
    "another provider": lambda bars, about: edit(about, source="other"),
    "another format": lambda bars, about: edit(about, schema_version=0),
    "another hash": lambda bars, about: edit(about, settings_hash="0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_fetched_again(tmp_path: Path, damage: Any) -> None:
    source = Source()
    cache = CachedBars(source, tmp_path)
    expected = cache.minute_bars("X", START, END)
    damage(*(tmp_path / f"X_2026-01-12_2026-01-14.{end}" for end in ("parquet", "json")))
    assert same(cache.minute_bars("X", START, END), expected)
    assert source.asked == 2
    cache.minute_bars("X", START, END)
    assert source.asked == 2


def test_damage_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = CachedBars(Source(), tmp_path)
    with caplog.at_level(logging.WARNING):
        cache.minute_bars("X", START, END)
        cache.minute_bars("X", START, END)
        assert caplog.messages == []
        (tmp_path / "X_2026-01-12_2026-01-14.parquet").write_bytes(b"x")
        cache.minute_bars("X", START, END)
    (message,) = caplog.messages
    assert "damaged" in message


def test_a_folder_that_cannot_be_written_costs_no_bars(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    source = Source()
    cache = CachedBars(source, tmp_path / "file")
    assert len(cache.minute_bars("X", START, END)) == 3
    assert "not kept" in caplog.text


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "minute/X.csv", *GOOD)
    cache = CachedBars(FolderBars(tmp_path), tmp_path / "cache")
    assert len(cache.minute_bars("X", START, END)) == 3
    write(tmp_path, "minute/X.csv", *GOOD[:2])
    assert path.exists()
    assert len(cache.minute_bars("X", START, END)) == 2


def _hammer(folder: Path, scale: float, rounds: int) -> None:
    """Writes and reads one file over and over, with settings of its own."""
    source = Source(scale=scale)
    source.scale = scale
    expected = np.array(series().close) * scale
    for _ in range(rounds):
        found = CachedBars(source, folder).minute_bars("X", START, END)
        assert np.array_equal(found.close, expected)


def test_two_processes_on_one_cache(tmp_path: Path) -> None:
    """Each asks with settings of its own for the same file: no one ever gets the other's bars."""
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_hammer, args=(tmp_path, scale, 60)) for scale in (1.0, 1.001)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_a_mixed_pair_is_not_answered_from(tmp_path: Path) -> None:
    """The bars of one process beside the provenance of another."""
    one, other = Source(), Source()
    other.scale = 1.001
    CachedBars(one, tmp_path / "a").minute_bars("X", START, END)
    CachedBars(other, tmp_path / "b").minute_bars("X", START, END)
    name = "X_2026-01-12_2026-01-14.parquet"
    (tmp_path / "b" / name).write_bytes((tmp_path / "a" / name).read_bytes())
    again = CachedBars(other, tmp_path / "b").minute_bars("X", START, END)
    assert other.asked == 2
    assert np.array_equal(again.close, np.array(series().close) * 1.001)


def test_odd_counts_belong_to_the_source() -> None:
    assert replace(series(), odd={"duplicate": 1}).sha256() == series().sha256()
