"""Commits that fail, disks that are full, rows that were changed, journals of another version."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal.children import buy_until_full, results
from journal.desk import WORKSPACE, Desk
from journal.places import Place
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from bt_gex.errors import (
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalFull,
    LedgerError,
    OutcomeUnknown,
)
from bt_gex.journal import base
from bt_gex.journal.migrations import STEPS
from bt_gex.journal.schema import metadata
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import Accepted, Refused
from bt_gex.storage import databases
from bt_gex.storage.databases import WAL_SINCE

# Which calls fail: "first+step" of strace; one by default, as each starts a traced program.
SYNC_FAILURES = os.environ.get("BT_GEX_SYNC_FAILURES", "3+5").split()


def failing(connection: Any) -> None:
    raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))


def failing_once_done(connection: Any) -> None:
    connection.exec_driver_sql("COMMIT")
    failing(connection)


def once(engine: Any, what: str, hook: Callable[[Any], None]) -> None:
    """Listen for the next such event only."""
    event.listen(engine, what, hook, once=True)


def engine_of(desk: Desk) -> Any:
    return desk.journal._engines.write  # type: ignore[attr-defined]


# ----------------------------------------------------------------------- c5: COMMIT raised


def test_a_commit_that_raised_and_did_not_happen_is_an_error(place: Place) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    once(engine_of(desk), "commit", failing)
    with pytest.raises(JournalError, match="disk I/O error") as caught:
        desk.buy(2, 1, 100)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert desk.book.held("BTC") == 1
    assert isinstance(desk.buy(2, 1, 100), Accepted)
    assert desk.journal.verify(WORKSPACE).ok


def test_a_commit_that_raised_but_happened_is_a_success(place: Place) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    once(engine_of(desk), "commit", failing_once_done)
    assert isinstance(desk.buy(2, 1, 100), Accepted)
    assert desk.book.held("BTC") == 2
    again = desk.buy(2, 1, 100)
    assert isinstance(again, Refused)
    assert again.code == "ALREADY_EXECUTED"
    assert desk.journal.verify(WORKSPACE).ok


def test_the_events_of_another_are_not_taken_for_ones_own(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer stores its command in the place of the one whose commit failed."""
    desk, other = place.desk(), place.desk()
    desk.buy(1, 1, 100)
    find_out = desk.journal._find_out

    def later(*args: Any) -> None:
        assert isinstance(other.buy("other", 5, 100), Accepted)
        find_out(*args)

    monkeypatch.setattr(desk.journal, "_find_out", later)
    once(engine_of(desk), "commit", failing)
    with pytest.raises(JournalError, match="disk I/O error"):
        desk.buy(2, 1, 100)
    assert desk.book.held("BTC") == 6
    assert isinstance(desk.buy(2, 1, 100), Accepted)
    assert desk.book.held("BTC") == 7


def test_what_cannot_be_read_is_unknown(place: Place) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)

    def gone(connection: Any) -> None:
        failing_once = OperationalError("BEGIN", {}, sqlite3.OperationalError("disk I/O error"))
        raise failing_once

    def failing_for_good(connection: Any) -> None:
        once(engine_of(desk), "begin", gone)
        failing_once_done(connection)

    once(engine_of(desk), "commit", failing_for_good)
    with pytest.raises(OutcomeUnknown, match="send the command again"):
        desk.buy(2, 1, 100)
    again = desk.buy(2, 1, 100)
    assert isinstance(again, Refused)
    assert again.code == "ALREADY_EXECUTED"
    assert desk.book.held("BTC") == 2


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_connection_lost_at_the_commit(postgres_place: Place, after_commit: bool) -> None:
    """The server ends the session before, or just after, it has committed."""
    desk = postgres_place.desk()
    desk.buy(1, 1, 100)
    admin = create_engine(postgres_place.url, poolclass=NullPool)

    def lose(connection: Any) -> None:
        (backend,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
        if after_commit:
            connection.exec_driver_sql("COMMIT")
        with admin.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})

    once(engine_of(desk), "commit", lose)
    if after_commit:
        assert isinstance(desk.buy(2, 1, 100), Accepted)
    else:
        with pytest.raises(JournalError) as caught:
            desk.buy(2, 1, 100)
        assert not isinstance(caught.value, OutcomeUnknown)
        assert desk.book.held("BTC") == 1
        assert isinstance(desk.buy(2, 1, 100), Accepted)
    assert desk.book.held("BTC") == 2
    assert desk.journal.verify(WORKSPACE).ok


@pytest.mark.parametrize("when", SYNC_FAILURES)
def test_a_disk_that_fails_to_sync(sqlite_place: Place, when: str) -> None:
    """What was accepted is there, what was an error is not, whichever sync of a commit failed."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    sqlite_place.open().close()
    calls = "fsync,fdatasync"
    tracer = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}",
              "-e", f"inject={calls}:error=EIO:when={when}"]  # fmt: skip
    code = f"from journal.children import buy_and_tell; buy_and_tell({sqlite_place.url!r})"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*tracer, sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    told = dict(line.split() for line in done.stdout.splitlines())
    assert len(told) == 10, done.stderr
    assert "JournalError" in told.values()
    journal = sqlite_place.open()
    fills = journal.records(base.Query(types=("order_filled",)))
    stored = {str(record.correlation_id).removeprefix("test-") for record in fills}
    assert {name for name, kind in told.items() if kind == "Accepted"} <= stored
    assert not stored & {name for name, kind in told.items() if kind == "JournalError"}
    assert journal.verify(WORKSPACE).ok


# ----------------------------------------------------------------------- c7: an error in apply


def test_an_error_while_applying_leaves_no_half_state(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    whole = base.apply

    def broken(state: Any, found: Any) -> Any:
        if found.type == "order_filled":
            raise LedgerError("a bug")
        return whole(state, found)

    monkeypatch.setattr(base, "apply", broken)
    with pytest.raises(LedgerError, match="a bug"):
        desk.buy(2, 1, 100)
    with pytest.raises(JournalDamaged, match="event 6"):  # read again from the start
        desk.journal.state(WORKSPACE)
    monkeypatch.undo()
    assert desk.book.held("BTC") == 2
    assert len(desk.events()) == 13


# ----------------------------------------------------------------------- c9: changed rows


def damage(desk: Desk, change: str) -> None:
    """Change rows as somebody would who has switched the triggers off."""
    with engine_of(desk).begin() as connection:
        if engine_of(desk).dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER trade_events_no_update"))
            connection.execute(text("DROP TRIGGER trade_events_no_delete"))
        else:
            connection.execute(text("ALTER TABLE trade_events DISABLE TRIGGER USER"))
        connection.execute(text(change))


@pytest.mark.parametrize(
    ("change", "seq"),
    [("UPDATE trade_events SET payload = replace(payload, '\"100\"', '\"10\"') WHERE seq = 6", 6),
     ("UPDATE trade_events SET at = '2026-01-12T14:36:02.000000Z' WHERE seq = 3", 3),
     ("DELETE FROM trade_events WHERE seq = 4", 5),
     ("DELETE FROM trade_events WHERE seq = 13", 12)],
)  # fmt: skip
def test_a_workspace_with_changed_rows_takes_no_commands(
    place: Place,
    change: str,
    seq: int,
) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    desk.buy(2, 1, 100)
    damage(desk, change)
    other = place.desk()
    with pytest.raises(JournalDamaged, match=f"event {seq}"):
        other.buy(3, 1, 100)
    with pytest.raises(JournalDamaged):
        other.book  # noqa: B018
    found = other.journal.verify(WORKSPACE)
    assert not found.ok
    assert found.fault
    assert len(other.journal.records(base.Query())) >= 12
    second = Desk(other.journal, base.UUID(int=5))
    assert isinstance(second.buy(1, 1, 100), Accepted)


# ----------------------------------------------------------------------- c10: no room to write


def test_a_full_database_takes_no_commands_and_can_be_read(sqlite_place: Place) -> None:
    desk = sqlite_place.desk()
    desk.buy(0, 1, 1)
    with engine_of(desk).connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    done = 1
    with pytest.raises(JournalFull, match="full"):  # noqa: PT012
        while done < 1_000:
            desk.buy(done, 1, 1)
            done += 1
    assert desk.book.held("BTC") == done
    assert desk.journal.verify(WORKSPACE).ok
    with engine_of(desk).connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert isinstance(desk.buy(done, 1, 1), Accepted)


def test_a_file_that_may_not_grow(sqlite_place: Place) -> None:
    sqlite_place.open()
    ((said, done, held, again),) = results(buy_until_full, (sqlite_place.url, 120_000))
    assert said in ("JournalFull", "JournalError")
    assert held == done > 0
    assert again
    assert sqlite_place.open().verify(WORKSPACE).ok


def test_a_database_that_may_not_be_written(sqlite_place: Place) -> None:
    desk = sqlite_place.desk()
    desk.buy(1, 1, 100)

    @event.listens_for(engine_of(desk), "begin")
    def refuse(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    with pytest.raises(JournalFull):
        desk.buy(2, 1, 100)
    assert desk.book.held("BTC") == 1


def test_a_postgres_that_may_not_be_written(postgres_place: Place) -> None:
    postgres_place.desk().buy(1, 1, 100)
    postgres_place.url += "%20-cdefault_transaction_read_only%3Don"
    desk = postgres_place.desk()
    with pytest.raises(JournalFull, match="read-only"):
        desk.buy(2, 1, 100)
    assert desk.book.held("BTC") == 1


# ----------------------------------------------------------------------- opening


def test_the_tables_are_those_the_queries_name(place: Place) -> None:
    place.open().close()
    engine = create_engine(place.url, poolclass=NullPool)
    for table in metadata.tables.values():
        there = {c["name"]: c for c in inspect(engine).get_columns(table.name)}
        assert list(there) == list(table.c.keys())
        for name, column in table.c.items():
            assert there[name]["nullable"] == column.nullable
    key = inspect(engine).get_pk_constraint("trade_events")["constrained_columns"]
    assert key == ["workspace_id", "seq"]


def test_a_journal_of_a_newer_program_is_refused(place: Place) -> None:
    desk = place.desk()
    with engine_of(desk).begin() as connection:
        connection.execute(text(f"UPDATE journal_meta SET schema_version = {len(STEPS) + 1}"))
    for read_only in (False, True):
        with pytest.raises(JournalError, match="newer bt-gex"):
            place.open(read_only=read_only)


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trade_events (id TEXT)")
    with pytest.raises(JournalError, match="no journal of bt-gex"):
        SqlJournal(path)


@pytest.mark.parametrize(
    ("target", "words"),
    [("mysql://u@h/db", "mysql"), ("sqlite://", "in memory"),
     ("postgresql://u:p@h:x/db", "database URL"),
     ("postgresql+psycopg://u:secret@127.0.0.1:1/db", "127.0.0.1"), ("nothing://", "nothing")],
)  # fmt: skip
def test_what_is_no_journal_is_told_in_a_line(target: str, words: str) -> None:
    with pytest.raises(JournalError, match=words) as caught:
        SqlJournal(target)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_makes_nothing(sqlite_place: Place, tmp_path: Path) -> None:
    path = sqlite_place.path
    with pytest.raises(JournalError, match="no such journal"):
        sqlite_place.open(read_only=True)
    assert not path.exists()
    desk = sqlite_place.desk()
    desk.buy(1, 1, 100)
    desk.journal.close()
    before = path.read_bytes()
    reader = sqlite_place.desk(read_only=True)
    assert reader.book.held("BTC") == 1
    with pytest.raises(JournalError, match="reading only"):
        reader.buy(2, 1, 100)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if file.stat().st_size] == ["journal.db"]
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one" * 9)
    with pytest.raises(JournalError, match="not a database"):
        SqlJournal(tmp_path / "text.db", read_only=True)


@pytest.mark.parametrize(("version", "mode"), [((3, 51, 2), "truncate"), (WAL_SINCE, "wal")])
def test_wal_only_where_it_is_safe(
    sqlite_place: Place, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], mode: str
) -> None:
    monkeypatch.setattr(databases.sqlite3, "sqlite_version_info", version)
    desk = sqlite_place.desk()
    desk.buy(1, 1, 100)
    with engine_of(desk).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == mode
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_commits_are_synced_whatever_the_library_was_built_with(sqlite_place: Place) -> None:
    desk = sqlite_place.desk()
    engine_of(desk).dispose()

    def off(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(engine_of(desk), "connect", off, insert=True)
    desk.buy(1, 1, 100)
    with engine_of(desk).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_a_wal_file_is_taken_out_of_wal_where_that_is_not_safe(sqlite_place: Place) -> None:
    sqlite_place.open().close()
    connection = sqlite3.connect(sqlite_place.path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN").execute("SELECT * FROM trade_events")
    if sqlite3.sqlite_version_info < WAL_SINCE:
        with pytest.raises(JournalBusy):
            sqlite_place.desk(wait_s=0.1).buy(1, 1, 100)
    connection.close()
    assert isinstance(sqlite_place.desk().buy(1, 1, 100), Accepted)
