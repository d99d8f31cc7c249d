"""Stored events: their hash, and what a changed row does to the chain."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from ledger.test_book import long, spread

from bt_gex.errors import JournalDamaged
from bt_gex.journal.records import GENESIS, Chain, Record, event_of, sealed
from bt_gex.ledger.events import Event, StateReset, StrategyPaused, WorkspaceOpened

WORKSPACE = UUID("11111111-1111-1111-1111-111111111111")
AT = datetime(2026, 1, 12, 14, 36, tzinfo=UTC)
OPENED = WorkspaceOpened(starting_equity=Decimal(10_000))


WHOLE = [(1, 1), (2, 2), (2, 2), (4, 3), (4, 3), (4, 3)]


def history(batches: list[tuple[int, int]] = WHOLE) -> list[Record]:
    """Events with these numbers of batch and size: by default batches of 1, 2 and 3 events."""
    bodies: list[Any] = [OPENED, long("buy", 1, 100), StateReset(), spread("sell", 3.15, 2, 5.2),
                         StrategyPaused(why="late"), StateReset()]  # fmt: skip
    return list(
        sealed(
            (
                Event(
                    workspace_id=WORKSPACE, seq=n + 1, batch=batch, of=of, at=AT, body=body,
                    intent_id=WORKSPACE, order_id=f"o{n}", symbol="é",
                )
                for n, (body, (batch, of)) in enumerate(zip(bodies, batches, strict=True))
            ),
            GENESIS,
        )
    )  # fmt: skip


def follow(records: list[Record]) -> Chain:
    chain = Chain(str(WORKSPACE))
    for record in records:
        chain.follow(record)
    chain.end()
    return chain


def test_the_hash_of_the_design() -> None:
    opened = Event(workspace_id=WORKSPACE, seq=1, batch=1, of=1, at=AT, body=OPENED)
    (record,) = sealed([opened], GENESIS)
    assert record.payload == '{"starting_equity":"10000"}'
    assert record.at == "2026-01-12T14:36:00.000000Z"
    assert record.hash == "c8f5417486e09cea0b57e1b5d9c6a856506cca746d961b43bdaca886267621b6"


def test_no_text_is_taken_for_the_place_of_the_payload() -> None:
    """The canonical JSON of the envelope, made in one piece, has the same hash."""
    for text in ('"payload":""', '"payload', 'x","payload":"', "\\", '\\"payload":""'):
        opened = Event(
            workspace_id=WORKSPACE, seq=1, batch=1, of=1, at=AT, body=StrategyPaused(why=text),
            correlation_id=text, order_id=text, symbol=text,
        )  # fmt: skip
        (record,) = sealed([opened], GENESIS)
        envelope = {name: value for name, value in record.envelope().items() if name != "hash"}
        whole = json.dumps(envelope, sort_keys=True, separators=(",", ":"))
        assert record.hash == record.digest() == hashlib.sha256(whole.encode()).hexdigest()


def test_records_are_the_events_again() -> None:
    records = history()
    events = [event_of(record) for record in records]
    assert list(sealed(events, GENESIS)) == records
    assert events[3].body == spread("sell", 3.15, 2, 5.2)


def test_a_whole_chain_holds() -> None:
    assert follow(history()).seq == 6


def changed(value: Any) -> Any:
    if isinstance(value, int):
        return value ^ 1
    if value is None:
        return "x"
    return value[:-1] + chr(ord(value[-1]) ^ 1)


@pytest.mark.parametrize("column", Record._fields)
@pytest.mark.parametrize("row", range(6))
def test_any_changed_bit_is_found(row: int, column: str) -> None:
    records = history()
    record = records[row]
    records[row] = record._replace(**{column: changed(getattr(record, column))})
    with pytest.raises(JournalDamaged):
        follow(records)


@pytest.mark.parametrize("row", range(5))
def test_a_missing_row_is_found(row: int) -> None:
    records = history()
    del records[row]
    with pytest.raises(JournalDamaged):
        follow(records)


@pytest.mark.parametrize("length", [2, 4, 5])
def test_a_torn_batch_is_found(length: int) -> None:
    with pytest.raises(JournalDamaged, match="lacks"):
        follow(history()[:length])


@pytest.mark.parametrize(
    ("row", "numbers"),
    [(0, (2, 1)), (1, (1, 2)), (1, (2, 3)), (2, (3, 2)), (3, (3, 3)), (4, (4, 2)), (5, (6, 3)),
     (5, (4, 4))],
)  # fmt: skip
def test_a_batch_with_wrong_numbers_is_found_though_the_hashes_hold(
    row: int, numbers: tuple[int, int]
) -> None:
    with pytest.raises(JournalDamaged):
        follow(history([*WHOLE[:row], numbers, *WHOLE[row + 1 :]]))


def test_a_payload_that_is_no_json_is_damage() -> None:
    record = history()[0]
    for payload in ("{", "[]", '{"a":NaN}'):
        with pytest.raises(JournalDamaged, match="payload"):
            event_of(record._replace(payload=payload))
    with pytest.raises(JournalDamaged, match="event 1"):
        event_of(record._replace(at="yesterday"))
