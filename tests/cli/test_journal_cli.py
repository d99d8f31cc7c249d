"""`bt-gex journal`: it reads, tells what does not hold, and writes nothing."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cli.typed import call
from journal.desk import WORKSPACE, Desk

from bt_gex.journal.records import Record
from bt_gex.journal.sql import SqlJournal
from bt_gex.journal.verify import verified
from bt_gex.ledger.encoding import canonical

OTHER = "44444444-4444-4444-4444-444444444444"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two accounts: one with a round trip of +10 and a spread, one with a purchase."""
    journal = SqlJournal(tmp_path / "journal.db")
    desk = Desk(journal)
    desk.buy(1, 1, 100)
    desk.close(2, 1, 110)
    desk.open_spread(3, "3.15")
    Desk(journal, type(WORKSPACE)(OTHER)).buy(1, 2, 50)
    journal.close()
    return tmp_path / "journal.db"


def test_verify_says_what_holds(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    status, out, err = call(capsys, "journal", "verify", path)
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith(f"ok      {WORKSPACE}: 19 events, 3 orders")
    assert "$10,325.00" in first
    assert "$10.00" in first
    assert OTHER in second
    assert "$9,900.00" in second
    assert path.read_bytes() == before
    status, out, _ = call(capsys, "journal", "verify", path, "--json", "--workspace", OTHER)
    (found,) = json.loads(out)
    assert (status, found["ok"], found["last_seq"], found["fault"]) == (0, True, 7, None)
    assert found["account"]["cash_after"] == "9900"


def test_verify_names_the_event_that_was_changed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER trade_events_no_update")
        connection.execute(
            "UPDATE trade_events SET payload = replace(payload, '\"110\"', '\"111\"') "
            "WHERE workspace_id = ? AND seq = 12",
            (str(WORKSPACE),),
        )
    status, out, _ = call(capsys, "journal", "verify", path)
    assert status == 1
    lines = out.splitlines()
    assert lines[0] == f"DAMAGED {WORKSPACE}: holds up to event 11"
    assert "event 12" in lines[1]
    assert lines[-1].startswith(f"ok      {OTHER}")
    status, out, _ = call(capsys, "journal", "verify", path, "--json")
    assert status == 1
    assert [row["ok"] for row in json.loads(out)] == [False, True]
    assert call(capsys, "journal", "verify", path, "--workspace", OTHER)[0] == 0
    assert call(capsys, "journal", "show", path)[0] == 0


def test_show_lists_the_newest_events_in_their_order(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("journal", "show", path, "--workspace", WORKSPACE)
    status, out, _ = call(capsys, *words, "--type", "order_filled", "--limit", 2, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, [row["seq"] for row in found]) == (0, [12, 18])
    assert found[0]["payload"]["side"] == "sell"
    status, out, _ = call(capsys, *words, "--symbol", "BTC", "--correlation", "test-2")
    assert status == 0
    assert "position_closed" in out
    assert "position_opened" not in out


def test_export_is_the_whole_chain(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.jsonl"
    assert call(capsys, "journal", "export", path, "-o", target)[0] == 0
    rows = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    records = [Record(**(row | {"payload": canonical(row["payload"])})) for row in rows]
    mine = [record for record in records if record.workspace_id == str(WORKSPACE)]
    assert (len(records), len(mine)) == (26, 19)
    assert verified(WORKSPACE, mine).ok
    status, out, _ = call(capsys, "journal", "export", path)
    assert (status, out) == (0, target.read_text("utf-8"))


def test_wrong_requests(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in (
        (("verify", tmp_path / "none.db"), 1),
        (("verify", "mysql://u@h/x"), 1),
        (("verify", path, "--workspace", "55555555-5555-5555-5555-555555555555"), 2),
        (("verify", path, "--workspace", "me"), 2),
        (("show", path, "-o", tmp_path / "x"), 2),
        (("show", path, "--limit", "0"), 2),
        (("repair", path), 2),
    ):
        status, _, err = call(capsys, "journal", *words)
        assert status == expected, words
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "none.db").exists()
