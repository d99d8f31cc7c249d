"""The day cache: the same results with and without it, never from a stale or damaged file."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import nasty

from bt_gex import RunConfig, RunResult, replay
from bt_gex.blackbox import reader
from bt_gex.blackbox.cache import DayCache
from bt_gex.blackbox.day_file import HEAD_BYTES
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.recording import Recording
from bt_gex.errors import DataError, OutputError
from bt_gex.market.calendar import sessions

START, END = "2026-01-12", "2026-01-13"
CONFIG = RunConfig(start=START, end=END)
SESSIONS = sessions(date(2026, 1, 12), date(2026, 1, 13))
QUOTES = "options_prices_live"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cache") / "original.db"
    nasty.make(path, 21, indexes=("SPX",), start=START, end=END)
    return path


@pytest.fixture
def market(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "market.db"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def told(result: RunResult) -> tuple[Any, ...]:
    tables = (repr(t.to_pydict()) for t in (result.equity_table, result.marks_table))  # NaN, too
    return result.to_json(), result.decision_records, *tables


def files(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.arrow"))


def change(path: Path, sql: str, *values: Any) -> None:
    db = sqlite3.connect(path)
    db.execute(sql, values)
    db.commit()
    db.close()


# ------------------------------------------------------------------------------- the same results


def test_the_same_with_and_without(market: Path, cache: Path) -> None:
    without = replay(market, CONFIG, use_cache=False)
    assert not cache.exists()
    cold, warm = (replay(market, CONFIG, cache=cache) for _ in range(2))
    assert told(cold) == told(warm) == told(without)
    assert len(files(cache)) == len(SESSIONS)
    assert not [f for f in cache.rglob("*") if f.name.startswith(".")]  # nothing half-written


def test_what_is_cached_is_not_read_again(
    market: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = replay(market, CONFIG, cache=cache)

    def refuse(self: Any, database: Any) -> None:
        raise AssertionError("the database was opened")

    monkeypatch.setattr(reader.Blackbox, "__init__", refuse)
    assert told(replay(market, CONFIG, cache=cache)) == told(cold)


def test_other_settings_read_the_same_files(market: Path, cache: Path) -> None:
    replay(market, CONFIG, cache=cache)
    before = [file.stat().st_mtime_ns for file in files(cache)]
    older = CONFIG.with_settings({"data.quote_max_age_s": 45, "entry.use_competing_peaks": True})
    assert told(replay(market, older, cache=cache)) == told(replay(market, older, use_cache=False))
    assert [file.stat().st_mtime_ns for file in files(cache)] == before


@pytest.mark.parametrize("seed", range(6))
def test_adbc_and_sqlalchemy_read_the_same(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "nasty.db"
    nasty.make(path, 300 + seed, indexes=("SPX", "NDX"), start=START, end=START)
    with Blackbox(path) as box:
        for index in ("SPX", "NDX"):
            fast, plain = (box.session_rows(index, SESSIONS[0], plain=p) for p in (False, True))
            assert fast.quotes.unknown == plain.quotes.unknown
            for part in ("strikes", "rights", "first", "stamps", "bid", "ask"):
                np.testing.assert_array_equal(
                    getattr(fast.quotes, part), getattr(plain.quotes, part), part
                )


@pytest.mark.parametrize(
    ("change_sql", "fast_too"),
    [
        ("UPDATE {} SET bid = NULL", True),
        ("UPDATE {} SET bid = 1, ask = 2", True),
        ("UPDATE {} SET option_type = upper(option_type)", True),
        ("UPDATE {} SET ask = x'00' WHERE id = 1", False),
        ("UPDATE {} SET bid = 'much' WHERE id % 7 = 0", False),
    ],
)
def test_odd_columns(
    change_sql: str, fast_too: bool, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the fast way can't read them, the plain way does, or names the row."""
    change(market, change_sql.format(QUOTES))
    said = []
    for plain in (False, True):
        with Blackbox(market) as box:
            try:
                quotes = box.session_rows("SPX", SESSIONS[0], plain=plain).quotes
                said.append([quotes.bid.tolist(), quotes.ask.tolist()])
            except DataError as error:
                said.append([str(error)])
    np.testing.assert_equal(said[0], said[1])
    assert (len(said[0]) == 2) == fast_too


# ------------------------------------------------------------------------------- never stale


@pytest.mark.parametrize("wal", [False, True])
def test_a_change_is_seen_at_once(wal: bool, market: Path, cache: Path) -> None:
    """Also when the time of the file is set back, and when it lies in the log still."""
    if wal:
        change(market, "PRAGMA journal_mode = WAL")
    before = replay(market, CONFIG, cache=cache)
    stat = market.stat()
    writer = sqlite3.connect(market)
    writer.execute(f"UPDATE {QUOTES} SET ask = ask + 0.5, bid = bid + 0.5 WHERE ask > 1")
    writer.commit()
    os.utime(market, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    try:
        after = replay(market, CONFIG, cache=cache)
        assert told(after) == told(replay(market, CONFIG, use_cache=False))
        assert after.run_id != before.run_id
    finally:
        writer.close()


def test_a_database_put_in_the_place_of_another(market: Path, cache: Path, tmp_path: Path) -> None:
    replay(market, CONFIG, cache=cache)
    stat = market.stat()
    other = Path(shutil.copy(market, tmp_path / "other.db"))
    change(other, f"UPDATE {QUOTES} SET ask = ask + 0.5 WHERE ask > 1")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, market)
    assert told(replay(market, CONFIG, cache=cache)) == told(
        replay(market, CONFIG, use_cache=False)
    )


def test_what_changes_while_it_is_read_is_not_kept(
    market: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Blackbox.session_rows

    def slowly(self: Blackbox, index: str, session: Any, plain: bool = False) -> Any:
        rows = read(self, index, session, plain)
        if not plain:
            change(market, "UPDATE gex_peaks SET gex = gex + 1")
        return rows

    monkeypatch.setattr(Blackbox, "session_rows", slowly)
    replay(market, CONFIG, cache=cache)
    assert files(cache) == []


def test_two_databases_do_not_mix(market: Path, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "market.db"
    other.parent.mkdir()
    nasty.make(other, 22, indexes=("SPX",), start=START, end=END)
    first, second = (replay(path, CONFIG, cache=cache) for path in (market, other))
    assert told(first) != told(second)
    assert told(replay(market, CONFIG, cache=cache)) == told(first)


# ------------------------------------------------------------------------------- damage


def test_damage_anywhere_is_found_and_mended(
    market: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = told(replay(market, CONFIG, cache=cache))
    target = files(cache)[1]
    content = target.read_bytes()
    rng = random.Random(5)
    places = [0, 7, 8, 17, 20, HEAD_BYTES, HEAD_BYTES + 9, len(content) - 5, len(content) - 1]
    for place in [*places, *(rng.randrange(HEAD_BYTES, len(content)) for _ in range(8))]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        target.write_bytes(damaged)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "bt_gex"):
            assert told(replay(market, CONFIG, cache=cache)) == whole
        assert caplog.messages == [
            "the day cache of SPX 2026-01-13 was damaged; it is read from the database again"
        ], place
        assert target.read_bytes() == content


@pytest.mark.parametrize("length", [0, 1, 19, 63, 64, 500, -1, -4_000])
def test_a_file_cut_short(length: int, market: Path, cache: Path) -> None:
    whole = told(replay(market, CONFIG, cache=cache))
    target = files(cache)[0]
    content = target.read_bytes()
    target.write_bytes(content[:length])
    assert told(replay(market, CONFIG, cache=cache)) == whole
    assert target.read_bytes() == content


@pytest.mark.parametrize("kind", ["a file in its place", "no permission"])
def test_a_folder_that_cannot_be_written(
    kind: str, market: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "place"
    if kind == "no permission":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        place.mkdir(mode=0o500)
    else:
        place.write_text("no folder", "utf-8")
    with caplog.at_level(logging.WARNING, "bt_gex"):
        result = replay(market, CONFIG, cache=place)
    assert told(result) == told(replay(market, CONFIG, use_cache=False))
    (said,) = caplog.messages  # once, not once a session
    assert said.startswith(f"the day cache in {place} cannot be written: ")


def test_a_full_disk(market: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk may not be mounted here")
    try:
        with caplog.at_level(logging.WARNING, "bt_gex"):
            result = replay(market, CONFIG, cache=disk / "cache")
        assert told(result) == told(replay(market, CONFIG, use_cache=False))
        assert any("No space left on device" in said for said in caplog.messages)
        assert not [f for f in (disk / "cache").rglob(".*") if f.is_file()]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ------------------------------------------------------------------------------- several at once

RUN = """
import sys
from bt_gex import RunConfig, replay
result = replay(sys.argv[1], RunConfig(start=sys.argv[3], end=sys.argv[4]), cache=sys.argv[2])
print(result.run_id, result.summary["total_pnl"])
"""


def test_several_at_once(market: Path, cache: Path) -> None:
    words = [sys.executable, "-c", RUN, str(market), str(cache), START, END]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate(timeout=120)[0] for process in processes}
    alone = replay(market, CONFIG, use_cache=False)
    assert said == {f"{alone.run_id} {alone.summary['total_pnl']}\n"}
    assert len(files(cache)) == len(SESSIONS)
    assert not [f for f in cache.rglob("*.arrow") if f.name.startswith(".")]
    assert told(replay(market, CONFIG, cache=cache)) == told(alone)


def test_cleared_in_the_middle(market: Path, cache: Path) -> None:
    """What is mapped stays readable."""
    replay(market, CONFIG, cache=cache)
    with Recording(market, cache) as recording:
        rows = list(recording.sessions("SPX", SESSIONS))
        DayCache(cache).clear()
        assert files(cache) == []
        quotes = [float(np.nansum(one.quotes.ask)) for one in rows]
    with Blackbox(market) as box:
        again = [box.session_rows("SPX", session) for session in SESSIONS]
    assert quotes == [float(np.nansum(one.quotes.ask)) for one in again]


# ------------------------------------------------------------------------------- looking at it


def test_what_it_holds_and_clearing_it(market: Path, cache: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(market, tmp_path / "other.db"))
    for path in (market, other):
        replay(path, CONFIG, cache=cache)
    other.unlink()
    kept = DayCache(cache)
    assert {one.name: (one.sessions, one.exists) for one in kept.databases()} == {
        str(market.resolve()): (len(SESSIONS), True),
        str(other.resolve()): (len(SESSIONS), False),
    }
    size = sum(file.stat().st_size for file in files(cache))
    assert sum(one.size_bytes for one in kept.databases()) == size
    assert kept.clear(str(other.resolve())) == (len(SESSIONS), size // 2)
    assert [one.name for one in kept.databases()] == [str(market.resolve())]
    assert kept.clear()[0] == len(SESSIONS)
    assert list(kept.databases()) == []


def test_clearing_what_cannot_be_deleted(
    market: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(market, CONFIG, cache=cache)

    def refuse(path: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(OutputError, match=r"cannot clear .*: Permission denied"):
        DayCache(cache).clear()


@pytest.mark.parametrize("symbol", ["BRK/B", "..", "A B"])
def test_symbols_that_are_no_file_names(symbol: str, market: Path, cache: Path) -> None:
    change(market, f"UPDATE {QUOTES} SET index_symbol = ?", symbol)
    config = RunConfig(
        index=symbol, start=START, end=END, indexes={symbol: {"strike_increment": 5}}
    )
    results = [told(replay(market, config, cache=cache)) for _ in range(2)]
    assert results[0] == results[1]
    assert all(cache in file.resolve().parents for file in files(cache))
    assert len(files(cache)) == len(SESSIONS)
