"""Opening a blackbox: every wrong database gets a sentence, and no database gets a scratch."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from defects.handmade_market import AT_0936, Market, put_spread
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from bt_gex import RunConfig, replay
from bt_gex.blackbox import source
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.source import NEEDED, has_time_index, open_source
from bt_gex.errors import DataError

DAY = RunConfig(start="2026-01-12", end="2026-01-12", settings=AT_0936)
NOBODY = 65_534


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One put spread that is entered at 09:36 and closed at the end of the day."""
    market = Market(tmp_path_factory.mktemp("sound"))
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.0))
    return market.save()


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "market.db"))


def change(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(sql)
    db.close()


def refusal(database: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(database)
    message = str(caught.value)
    assert "\n" not in message
    return message


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


def trades(path: str | Path) -> int:
    return int(replay(path, DAY).summary["total_trades"])


def test_what_is_no_database(path: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.db").endswith("none.db: no such database file")
    assert "is not a file; give the path of a SQLite blackbox or a URL" in refusal(tmp_path)
    (tmp_path / "quotes.csv").write_text("timestamp,bid,ask\n", "utf-8")
    assert refusal(tmp_path / "quotes.csv").endswith("quotes.csv: is not a SQLite database")
    (tmp_path / "head.db").write_bytes(path.read_bytes()[:16])
    assert "file is not a database" in refusal(tmp_path / "head.db")
    (tmp_path / "half.db").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be read: database disk image is malformed"):
        trades(tmp_path / "half.db")
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refusal(tmp_path / "pipe")


def test_an_empty_file_and_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "zero.db").touch()
    assert "holds none of the tables of a blackbox" in refusal(tmp_path / "zero.db")
    change(tmp_path / "empty.db", "CREATE TABLE notes (id); DROP TABLE notes")
    said = refusal(tmp_path / "empty.db")
    assert all(table in said for table in NEEDED)


@pytest.mark.parametrize("table", NEEDED)
def test_a_missing_table_is_named(table: str, path: Path) -> None:
    change(path, f"DROP TABLE {table}")
    assert refusal(path) == f"{path}: table {table} is missing"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (t, c)
        for t, columns in NEEDED.items()
        for c in ("id", "timestamp", "index_symbol", *columns)
    ],
)
def test_a_missing_column_is_named(table: str, column: str, path: Path) -> None:
    change(path, f"ALTER TABLE {table} RENAME COLUMN {column} TO another")
    assert refusal(path) == f"{path}: table {table} has no column {column}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgres://u@h/db", "no database is called postgres; write sqlite:///FILE or postgresql"),
        ("http://h/market.db", "is not a database URL: no database is called http"),
        ("://x", "is not a database URL; write sqlite:///FILE"),
        ("postgresql://u:pa:ss@h:port/db", "with %40, %3A and %2F for @, : and / in a password"),
        ("mysql+pymysql://u@h/db", "the driver pymysql for mysql+pymysql is not installed"),
        ("sqlite://", "holds none of the tables"),
        ("sqlite:///none.db", "none.db: no such database file"),
        ("postgresql+psycopg://u@127.0.0.1:1/db", "cannot be read: connection failed"),
        ("postgresql+psycopg://u@nohost.invalid/db", "failed to resolve host 'nohost.invalid'"),
        ("postgresql+psycopg://u@127.0.0.1:1/db?bogus=1", 'invalid connection option "bogus"'),
    ],
)
def test_a_wrong_url(url: str, says: str) -> None:
    assert says in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:secret@h/db",
        "postgresql://u:secret@h:port/db",
        "postgresql://u:sec@ret:secret@h:port/db",
        "postgresql+psycopg://u:secret@127.0.0.1:1/db",
    ],
)
def test_a_message_keeps_the_password(url: str) -> None:
    assert "u:***@" in refusal(url)
    assert "secret" not in refusal(url)


def test_a_file_by_url_and_with_an_odd_name(path: Path, tmp_path: Path) -> None:
    odd = shutil.copy(path, tmp_path / "we?ird #%41 näme;.db")
    relative = os.path.relpath(path)
    assert [trades(p) for p in (path, odd, f"sqlite:///{path}", f"sqlite:///{relative}")] == [1] * 4
    (tmp_path / "link.db").symlink_to(path)
    assert trades(tmp_path / "link.db") == 1


def test_views_serve_as_tables(path: Path) -> None:
    change(
        path,
        "ALTER TABLE options_prices_live RENAME TO kept; "
        "CREATE VIEW options_prices_live AS SELECT * FROM kept",
    )
    assert trades(path) == 1


def test_only_an_index_over_all_rows_is_hopped_along(path: Path) -> None:
    """A partial one would make each hop a walk through the table. (A warning fails the test.)"""

    def hops() -> bool:
        with Blackbox(path) as box, box.engine.connect() as connection:
            return has_time_index(connection, "options_prices_live")

    assert hops()
    change(path, "DROP INDEX idx_prices_time")
    assert not hops()
    change(path, "CREATE INDEX some ON options_prices_live(timestamp) WHERE bid > 1")
    change(path, "CREATE INDEX words ON options_prices_live(lower(option_type))")
    change(path, "CREATE INDEX later ON options_prices_live(strike, timestamp)")
    assert not hops()
    assert trades(path) == 1
    change(path, "CREATE INDEX both ON options_prices_live(timestamp, strike)")
    assert hops()


@pytest.fixture
def log(path: Path, tmp_path: Path) -> Path:
    """A database whose log has taken all quotes out again, and which nobody has open."""
    home = tmp_path / "log"
    home.mkdir()
    recorder = sqlite3.connect(path, isolation_level=None)
    recorder.execute("PRAGMA journal_mode=wal")
    recorder.execute("DELETE FROM options_prices_live")
    shutil.copy(path, home / "market.db")
    shutil.copy(f"{path}-wal", home / "market.db-wal")
    recorder.close()
    return home / "market.db"


def test_a_log_left_behind_counts_and_stays_as_it_is(log: Path) -> None:
    """A copy of a recorder's two files, or what a crash left: SQLite would add a -shm file."""
    before = files_of(log.parent)
    for _ in range(2):
        assert replay(log, DAY).summary["funnel"]["skips_by_kind"] == {"no quote": 1}
    assert files_of(log.parent) == before
    assert sorted(before) == ["market.db", "market.db-wal"]


def test_an_empty_log_left_behind(path: Path, tmp_path: Path) -> None:
    change(path, "PRAGMA journal_mode=wal")
    Path(f"{path}-wal").touch()
    before = files_of(tmp_path)
    assert trades(path) == 1
    assert files_of(tmp_path) == before


def test_a_recorder_that_starts_during_a_run(path: Path) -> None:
    """How the file must be opened is asked again for each query."""
    change(path, "PRAGMA journal_mode=wal")
    with Blackbox(path) as box:
        assert box.indexes() == ["SPX"]
        recorder = sqlite3.connect(path, isolation_level=None)
        recorder.execute("INSERT INTO market_context VALUES (NULL, 'x', 'RUT', 1, 1, 1, 1)")
        assert box.indexes() == ["RUT", "SPX"]
        recorder.close()


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that whoever reads it may not write to, root neither."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    yield home
    home.chmod(0o755)
    shutil.rmtree(home)


@pytest.mark.parametrize("kind", ["delete", "wal", "log"])
def test_a_read_only_folder(kind: str, path: Path, log: Path, read_only_folder: Path) -> None:
    home = read_only_folder
    shutil.copy(path, home / "market.db")
    if kind == "log":
        for file in log.parent.iterdir():
            shutil.copy(file, home)
    else:
        change(home / "market.db", f"PRAGMA journal_mode={kind}")
    for file in home.iterdir():
        file.chmod(0o444)
    home.chmod(0o555)
    before = files_of(home)
    expected = replay(home / "market.db", DAY).to_json()  # and everything is imported by now
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(PermissionError):
            (home / "new").touch()
        found = replay(home / "market.db", DAY).to_json()
    finally:
        os.seteuid(was)
    assert found == expected
    assert files_of(home) == before


def test_a_writer_that_died_in_the_middle(path: Path, tmp_path: Path) -> None:
    recorder = sqlite3.connect(path, isolation_level=None)
    recorder.execute("PRAGMA cache_size=5")
    recorder.execute("BEGIN IMMEDIATE")
    recorder.execute("UPDATE options_prices_live SET ask = ask + 1, mid = 1, last = 1")
    home = tmp_path / "dead"
    home.mkdir()
    shutil.copy(path, home / "market.db")
    shutil.copy(f"{path}-journal", home / "market.db-journal")
    recorder.close()
    before = files_of(home)
    assert "a writer ended in the middle and left a -journal file" in refusal(home / "market.db")
    assert files_of(home) == before


def test_a_writer_that_lets_nobody_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = sqlite3.connect(path, isolation_level=None)
    recorder.execute("BEGIN EXCLUSIVE")
    patient = partial(sqlite3.connect, timeout=0.05)
    monkeypatch.setattr(source.sqlite3, "connect", patient)
    assert refusal(path).endswith("database is locked; a writer is busy with it; try again")
    recorder.execute("ROLLBACK")
    recorder.close()
    assert trades(path) == 1


def test_a_file_that_goes_away_during_a_run(path: Path) -> None:
    with Blackbox(path) as box:
        path.unlink()
        with pytest.raises(DataError, match="cannot be read: unable to open database file"):
            box.indexes()


def test_nothing_can_be_written_through_it(path: Path) -> None:
    engine, _, file = open_source(path)
    assert file == path
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly database"):
        connection.execute(text("DELETE FROM gex_peaks"))
    engine.dispose()


def test_a_postgres_without_the_tables() -> None:
    url = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    try:
        create_engine(url, poolclass=NullPool).connect().close()
    except OperationalError:
        pytest.skip("no PostgreSQL listens on 127.0.0.1:5432")
    assert "holds none of the tables of a blackbox" in refusal(f"{url}?options=-csearch_path%3Dx")
    assert 'database "nosuch" does not exist' in refusal(url.replace("/test", "/nosuch"))
