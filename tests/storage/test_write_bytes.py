"""A file is written whole, and never in the place of a database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cli.typed import call
from journal.desk import Desk

from bt_gex.errors import OutputError
from bt_gex.journal.sql import SqlJournal
from bt_gex.storage.atomic import write_bytes, write_text


def test_a_file_is_replaced_and_a_database_is_not(tmp_path: Path) -> None:
    page, database, link = tmp_path / "page.html", tmp_path / "m.db", tmp_path / "link.html"
    write_text(page, "first")
    write_text(page, "second")
    assert page.read_text() == "second"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = database.read_bytes()
    link.symlink_to(database)
    for path in (database, link):
        with pytest.raises(OutputError, match=r"SQLite database.*another name"):
            write_bytes(path, b"x")
    assert database.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.html", "m.db", "page.html"]


def test_a_journal_is_not_exported_onto_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal.db"
    journal = SqlJournal(path)
    Desk(journal).buy(1, 1, 100)
    journal.close()
    before = path.read_bytes()
    status, _, err = call(capsys, "journal", "export", path, "-o", path)
    assert (status, err.count("\n")) == (1, 1)
    assert path.read_bytes() == before
