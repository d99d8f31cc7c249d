"""Several writers at once: every command is executed once, numbers have no gap, nothing fails."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from journal.children import buy_all, results
from journal.desk import AT, STRATEGY, WORKSPACE, Desk
from journal.places import Place
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bt_gex.errors import JournalBusy
from bt_gex.journal.base import Query, set_kill_switch
from bt_gex.journal.records import sealed
from bt_gex.journal.sql import PAGE
from bt_gex.ledger.commands import Accepted
from bt_gex.ledger.events import Event, StrategyPaused, StrategyResumed

WRITERS = int(os.environ.get("BT_GEX_WRITERS", "3"))
EACH = 12


def test_processes_on_one_workspace(place: Place) -> None:
    """Half of each writer's intents are its own, half are everybody's."""
    shared = [f"shared {n}" for n in range(EACH)]
    rows = []
    for writer in range(WRITERS):
        own = [f"{writer} {n}" for n in range(EACH)]
        rows.append((place.url, [name for pair in zip(own, shared, strict=True) for name in pair]))
    found = results(buy_all, *rows)
    total = EACH * WRITERS + EACH
    assert sum(accepted for accepted, _ in found) == total
    assert sum(executed for _, executed in found) == EACH * (WRITERS - 1)
    journal = place.open()
    records = journal.records(Query(workspace_id=WORKSPACE))
    assert [record.seq for record in records] == list(range(1, total * 6 + 2))
    assert journal.verify(WORKSPACE).ok
    assert journal.state(WORKSPACE).book.held("BTC") == total


def test_threads_on_one_journal(place: Place) -> None:
    journal = place.open(wait_s=60)

    def work(thread: int) -> int:
        desk = Desk(journal)
        return sum(isinstance(desk.buy(f"{thread} {n}", 1, 1), Accepted) for n in range(10))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [10, 10, 10]
    assert journal.verify(WORKSPACE).ok
    assert journal.state(WORKSPACE).book.held("BTC") == 30


def test_a_journal_longer_than_a_page_is_read_whole(place: Place) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    count = 2 * PAGE + 3
    hashed = desk.journal.records(Query(newest=True, limit=1))[0].hash
    pauses = (
        Event(
            workspace_id=WORKSPACE, seq=seq, batch=seq, of=1, at=AT, strategy_entity_id=STRATEGY,
            body=(StrategyPaused if seq % 2 else StrategyResumed)(why=str(seq)),
        )
        for seq in range(8, 8 + count)
    )  # fmt: skip
    records = list(sealed(pauses, hashed))
    with place.open()._writing(WORKSPACE) as rows:
        for first in range(0, count, 500):
            rows.insert(records[first : first + 500])
    for journal in (desk.journal, place.open()):
        state = journal.state(WORKSPACE)
        assert (state.seq, state.paused) == (7 + count, frozenset())
        assert journal.verify(WORKSPACE).last_seq == 7 + count
    assert [event.seq for event in desk.events(PAGE)] == list(range(PAGE + 1, 8 + count))


def test_a_writer_that_waits_too_long_wrote_nothing(place: Place) -> None:
    first, second = place.open(), place.desk(wait_s=0.1)
    with first._writing(WORKSPACE), pytest.raises(JournalBusy):
        second.buy(1, 1, 100)
    assert second.events() == []
    assert isinstance(second.buy(1, 1, 100), Accepted)


def test_readers_do_not_wait_for_a_writer(place: Place) -> None:
    first, second = place.open(), place.desk(wait_s=0.1)
    second.buy(1, 1, 100)
    with first._writing(WORKSPACE):
        assert second.book.held("BTC") == 1
        assert place.desk(read_only=True).book.held("BTC") == 1


def test_a_switch_for_all_waits_for_commands_under_way(place: Place) -> None:
    """A command that has looked at the switches is committed before they change."""
    first, second = place.open(), place.open(wait_s=0.1)
    with first._writing(WORKSPACE), pytest.raises(JournalBusy):
        set_kill_switch(second, True, "all", AT, why="w", who="me")
    set_kill_switch(second, True, "all", AT, why="w", who="me")
    assert not isinstance(Desk(first).buy(1, 1, 100), Accepted)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE trade_events SET payload = '{}'", "DELETE FROM trade_events",
     "UPDATE trade_events SET seq = seq + 1", "TRUNCATE trade_events"],
)  # fmt: skip
def test_the_database_refuses_changes(place: Place, statement: str) -> None:
    desk = place.desk()
    desk.buy(1, 1, 100)
    if "TRUNCATE" in statement and place.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    writer: Any = desk.journal._engines.write  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="never changed or deleted"), writer.begin() as connection:
        connection.execute(text(statement))
    assert desk.journal.verify(WORKSPACE).ok
    assert len(desk.events()) == 7


def test_the_database_refuses_a_second_fill(place: Place) -> None:
    """Even from a writer that takes no lock and looks nothing up."""
    desk = place.desk()
    desk.buy(1, 1, 100)
    columns = "workspace_id, batch, at, type, v, payload, prev, hash, mode"
    for column, other in (("intent_id", "order_id"), ("order_id", "intent_id")):
        again = text(
            f'INSERT INTO trade_events ({columns}, {column}, {other}, seq, "of") '
            f"SELECT {columns}, {column}, 'other', 8, 9 FROM trade_events WHERE seq = 6"
        )
        writer: Any = desk.journal._engines.write  # type: ignore[attr-defined]
        with writer.begin() as connection, pytest.raises(IntegrityError):
            connection.execute(again)
