"""Reading a database that a recorder has open: every row it has committed, and nothing torn."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import numpy as np
import pytest
from defects.handmade_market import Market

from bt_gex.blackbox import fast, reader
from bt_gex.blackbox.fast import fetch_quotes
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.recording import Recording
from bt_gex.blackbox.sqlite_files import header_of, state_of
from bt_gex.market.calendar import sessions
from bt_gex.sessions.rows import SessionRows

(MONDAY,) = sessions(date(2026, 1, 12), date(2026, 1, 12))
STEP_NS = 10**8  # between the writer's commits, by their stamps
STRIKES = 40
# Each commit is one instant: a context row with its number as index price, and as many quotes.
WRITER = """
import sqlite3, sys, time
from datetime import datetime, timedelta

STRIKES = int(sys.argv[3])

def connect():
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {7 if sys.argv[2] == 'busy' else 0}")
    return db

def commit(number):
    stamp = str(datetime(2026, 1, 12, 14, 30, 0, 1) + timedelta(milliseconds=100 * number))
    db.execute("BEGIN")
    for strike in range(STRIKES):
        db.execute("INSERT INTO options_prices_live (timestamp, index_symbol, strike, option_type, "
                   "bid, ask) VALUES (?, 'SPX', ?, 'call', ?, ?)", (stamp, strike, number, number))
    db.execute("INSERT INTO market_context (timestamp, index_symbol, underlying_price) "
               "VALUES (?, 'SPX', ?)", (stamp, number))
    db.execute("COMMIT")
    print(number, flush=True)

db = connect()
mode, number = sys.argv[2], 0
for line in sys.stdin if mode == "asked" else iter(int, 1):
    commit(number)
    number += 1
    if mode == "busy":
        if number % 20 == 0:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if number % 50 == 0:
            db.close()
            db = connect()
        time.sleep(0.005)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in WAL mode with one quote and one context row in it."""
    market = Market(tmp_path)
    market.quote("09:30", 7000, "call", 1.0, 1.2)
    market.context("09:30", 7000, 12)
    path = market.save()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    return path


class Writer:
    """A recorder in a process of its own; `latest` is the number of its last commit."""

    def __init__(self, path: Path, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), mode, str(STRIKES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.latest = -1
        self._news = Condition()
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def commit(self) -> int:
        """Have the next instant written; its number."""
        before = self.latest
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.later_than(before)

    def later_than(self, number: int) -> int:
        """Wait for a commit after that of a number; the number of the last one."""
        with self._news:
            assert self._news.wait_for(lambda: self.latest > number, timeout=60)
            return self.latest

    def stop(self) -> None:
        """End it, wherever it is."""
        self.process.kill()
        self._listener.join()
        self.process.communicate()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.latest = int(line)
                self._news.notify_all()


@contextlib.contextmanager
def writing(path: Path, mode: str) -> Iterator[Writer]:
    writer = Writer(path, mode)
    try:
        yield writer
    finally:
        writer.stop()


def numbers_of(rows: SessionRows) -> list[int]:
    """Numbers of the instants that were read, after a look at each being there as a whole."""
    context = rows.tables["market_context"]
    numbers = context["underlying_price"][1:].astype(int).tolist()  # the first is the fixture's
    assert numbers == list(range(len(numbers)))
    stamps = MONDAY.open_ns + 1000 + STEP_NS * np.array(numbers, dtype=np.int64)
    assert context.stamps[1:].tolist() == stamps.tolist()
    legs = dict(rows.quotes.items())
    assert len(legs) == 1 + (STRIKES if numbers else 0)
    for strike in range(STRIKES if numbers else 0):
        leg = legs[float(strike), "C"]
        assert leg.stamps.tolist() == stamps.tolist()
        assert leg.bid.tolist() == leg.ask.tolist() == numbers
    return numbers


@pytest.mark.parametrize("plain", [False, True])
def test_every_committed_row_and_nothing_torn(plain: bool, path: Path) -> None:
    """Many reads, two at once, while a writer commits, checkpoints, closes and opens again."""

    def read(writer: Writer) -> None:
        seen = -1
        for _ in range(20):
            known = writer.later_than(seen)
            seen = numbers_of(box.session_rows("SPX", MONDAY, plain=plain))[-1]
            assert seen >= known

    with writing(path, "busy") as writer, Blackbox(path) as box, ThreadPoolExecutor(2) as readers:
        for done in [readers.submit(read, writer) for _ in range(2)]:
            done.result()


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_recording_sees_every_committed_row(use_cache: bool, path: Path, tmp_path: Path) -> None:
    """Also what comes after it was opened, between two of its readings."""
    with (
        writing(path, "asked") as writer,
        Recording(path, tmp_path / "cache", use_cache) as recording,
    ):
        recording.require_index("SPX")
        for _ in range(5):
            number = writer.commit()
            for _ in range(2):  # read, and then from the cache
                (rows,) = recording.sessions("SPX", [MONDAY])
                assert numbers_of(rows)[-1] == number


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_rows_of_a_recording_that_is_open_already(mode: str, path: Path, tmp_path: Path) -> None:
    """Its list of stamps was read before; a session kept without them would lack them for good."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
    with Recording(path, tmp_path / "cache") as recording:
        recording.require_index("SPX")
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(
                "INSERT INTO market_context (timestamp, index_symbol, underlying_price) "
                "VALUES ('2026-01-12 20:00:00', 'SPX', 7001)"
            )
            db.commit()
        (rows,) = recording.sessions("SPX", [MONDAY])
        assert rows.tables["market_context"]["underlying_price"].tolist() == [7000, 7001]


def test_a_commit_that_lies_in_the_log_only_is_another_state(path: Path, tmp_path: Path) -> None:
    """Committed by another process, with the database file itself untouched."""
    with (
        writing(path, "asked") as writer,
        Recording(path, tmp_path / "cache") as recording,
    ):
        writer.commit()
        (before,) = recording.sessions("SPX", [MONDAY])
        assert len(list((tmp_path / "cache").rglob("*.arrow"))) == 1
        untouched, state = path.stat(), state_of(path)
        number = writer.commit()
        facts = [
            (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in (untouched, path.stat())
        ]
        assert facts[0] == facts[1]
        assert state_of(path) != state
        (after,) = recording.sessions("SPX", [MONDAY])
        assert (numbers_of(before)[-1], numbers_of(after)[-1]) == (number - 1, number)


def test_one_library_opens_a_live_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would cut the file both have mapped: SIGBUS, one run in ten."""
    opened: list[str] = []
    fetch = fast._fetch

    def noted(uri: str, *asked: str) -> Any:
        opened.append(uri)
        return fetch(uri, *asked)

    monkeypatch.setattr(fast, "_fetch", noted)
    with Blackbox(path) as box:
        alone = box.session_rows("SPX", MONDAY)
        assert [str(path) in uri for uri in opened] == [True]
        opened.clear()
        with contextlib.closing(sqlite3.connect(path)) as recorder:
            recorder.execute("UPDATE gex_peaks SET gex = gex")
            recorder.execute("INSERT INTO market_context VALUES (9, '2026', 'RUT', 1, 1, 1, 1)")
            recorder.rollback()
            recorder.execute("UPDATE market_context SET spy_price = 1")
            recorder.commit()
            assert fetch_quotes(path, "SPX", "2026-01-12", "2026-01-13", len) is None
            assert box.session_rows("SPX", MONDAY).sha256 == alone.sha256
        assert [str(path) in uri for uri in opened] == [False]
        assert not Path(opened[0].removeprefix("file:").partition("?")[0]).exists()


def test_no_room_for_a_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere(tempfile.TemporaryDirectory[str]):
        def __enter__(self) -> str:
            return str(path.parent / "no such folder")

    with writing(path, "asked") as writer, Blackbox(path) as box:
        number = writer.commit()
        monkeypatch.setattr(reader, "TemporaryDirectory", Nowhere)
        assert numbers_of(box.session_rows("SPX", MONDAY))[-1] == number


LOCKED = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except OSError:
        print("locked")
"""


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_look_at_a_database_takes_no_lock_of_sqlite_away(mode: str, path: Path) -> None:
    """As closing a file does, of all its process's locks; a writer would change what is read."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT * FROM market_context").fetchall()
        state_of(path)
        Blackbox(path).close()
        said = subprocess.run([sys.executable, "-c", LOCKED, str(path)], stdout=subprocess.PIPE)
        assert said.stdout == b"locked\n"


def test_the_header_is_of_the_file_that_is_there_now(tmp_path: Path) -> None:
    """And no more than some files stay open."""
    path = tmp_path / "a.db"
    for number in range(100):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)
        os.replace(tmp_path / f"{number}", path)
        assert header_of(path) == header_of(path) == b"%d" % number
    assert len(list(Path("/proc/self/fd").iterdir())) < 100 if Path("/proc/self/fd").exists() else 1
