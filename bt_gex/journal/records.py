"""Events as they are stored: a row of text columns, each chained to the one before by its hash.

hash = sha256 of the canonical JSON of the whole envelope, `prev` (the hash before, zeros at seq 1)
and payload included. The chain shows accidents and careless edits; who can write the database can
also compute a new chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple
from uuid import UUID

from bt_gex.errors import JournalDamaged
from bt_gex.ledger.decoding import body_of
from bt_gex.ledger.encoding import canonical, payload_of, stamp
from bt_gex.ledger.events import Event
from bt_gex.storage.reading import refuse_constant
from bt_gex.trades.intent import Json

GENESIS = "0" * 64
_decode = json.JSONDecoder(parse_constant=refuse_constant).decode
_uuid = lru_cache(maxsize=1_000)(UUID)  # most rows name the same few
ALGORITHM = "sha256"


class Record(NamedTuple):
    """One stored event; its fields are the columns of the table. `payload` is canonical JSON."""

    workspace_id: str
    seq: int
    batch: int
    of: int
    at: str
    type: str
    v: int
    payload: str
    prev: str
    hash: str
    correlation_id: str | None = None
    intent_id: str | None = None
    order_id: str | None = None
    position_id: str | None = None
    strategy_entity_id: str | None = None
    symbol: str | None = None
    timeframe: str | None = None
    mode: str | None = None

    def digest(self) -> str:
        """The hash that follows from the other columns: of their canonical JSON, written by hand
        as the general encoder takes three times as long."""
        parts = [
            f"{key}{_quoted(str(value)) if quoted else value}"
            for key, place, quoted in HASHED
            if (value := self[place]) is not None
        ]
        return hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()

    def payload_json(self) -> dict[str, Json]:
        """Raises JournalDamaged when the payload is no JSON object."""
        try:
            found = _decode(self.payload)
        except ValueError as error:
            raise JournalDamaged(f"{self.place}: the payload is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise JournalDamaged(f"{self.place}: the payload is no JSON object")
        return found

    @property
    def place(self) -> str:
        return f"workspace {self.workspace_id}, event {self.seq}"

    def envelope(self) -> dict[str, Json]:
        """Everything that is stored, absent ids left out; `payload` as an object."""
        present = {n: v for n, v in zip(COLUMNS, self, strict=True) if v is not None}
        return present | {"payload": self.payload_json()}


COLUMNS = Record._fields
AS_THEY_STAND = {"seq", "batch", "of", "v", "payload"}  # numbers, and what is JSON already
# Key, place and whether it is quoted of each column that is hashed, in the order of canonical JSON.
HASHED = sorted(
    (f'"{name}":', place, name not in AS_THEY_STAND)
    for place, name in enumerate(COLUMNS)
    if name != "hash"
)


def sealed(events: Iterable[Event], prev: str) -> Iterator[Record]:
    """The records of events that follow the record with the hash `prev`."""
    for event in events:
        payload = canonical(payload_of(event.body))
        columns: dict[str, Json] = {
            "workspace_id": str(event.workspace_id),
            "seq": event.seq,
            "batch": event.batch,
            "of": event.of,
            "at": stamp(event.at),
            "type": event.type,
            "v": event.body.VERSION,
            "correlation_id": event.correlation_id,
            "intent_id": str(event.intent_id) if event.intent_id else None,
            "order_id": event.order_id,
            "position_id": event.position_id,
            "strategy_entity_id": (
                str(event.strategy_entity_id) if event.strategy_entity_id else None
            ),
            "symbol": event.symbol,
            "timeframe": event.timeframe,
            "mode": event.mode,
            "prev": prev,
        }
        record = Record(payload=payload, hash="", **columns)  # type: ignore[arg-type]
        prev = record.digest()
        yield record._replace(hash=prev)


def event_of(record: Record) -> Event:
    """The event of a record. Raises LedgerError or JournalDamaged when it holds none."""
    try:
        at = datetime.fromisoformat(record.at)
        workspace = _uuid(record.workspace_id)
        intent = _uuid(record.intent_id) if record.intent_id else None
        strategy = _uuid(record.strategy_entity_id) if record.strategy_entity_id else None
    except ValueError as error:
        raise JournalDamaged(f"{record.place}: {error}") from error
    return Event(
        workspace_id=workspace,
        seq=record.seq,
        batch=record.batch,
        of=record.of,
        at=at,
        body=body_of(record.type, record.v, record.payload_json()),
        correlation_id=record.correlation_id,
        intent_id=intent,
        order_id=record.order_id,
        position_id=record.position_id,
        strategy_entity_id=strategy,
        symbol=record.symbol,
        timeframe=record.timeframe,
        mode=record.mode,
    )


@dataclass(slots=True)
class Chain:
    """Follows the records of one workspace and raises JournalDamaged where they break.

    Checks that numbers have no gap, that batches are whole, and that each record hashes to what it
    says after the one before.
    """

    workspace_id: str
    seq: int = 0
    hash: str = GENESIS
    batch: int = 0
    left: int = 0  # events of the present batch still to come

    def follow(self, record: Record) -> None:
        """Take the next record."""
        if record.seq != self.seq + 1:
            raise JournalDamaged(f"{record.place} follows event {self.seq}")
        if record.workspace_id != self.workspace_id:
            raise JournalDamaged(f"{record.place} is not of workspace {self.workspace_id}")
        if record.prev != self.hash or record.digest() != record.hash:
            raise JournalDamaged(f"{record.place}: the hash is not that of its content")
        if self.left == 0:
            self.batch, self.left = record.seq, record.of
        if record.batch != self.batch or self.left < 1 or record.of != self._size(record.seq):
            raise JournalDamaged(f"{record.place}: the batch from event {self.batch} is broken")
        self.seq, self.hash, self.left = record.seq, record.hash, self.left - 1

    def _size(self, seq: int) -> int:
        return seq - self.batch + self.left

    def end(self) -> None:
        """Raises JournalDamaged when the last batch is not whole."""
        if self.left:
            raise JournalDamaged(
                f"workspace {self.workspace_id}: the batch from event {self.batch} lacks "
                f"{self.left} of its events"
            )
