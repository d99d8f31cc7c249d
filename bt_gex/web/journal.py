"""/api/journal: stored events, listed, filtered, one at a time and as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from bt_gex.journal.base import Query as Wanted
from bt_gex.journal.records import Record
from bt_gex.web.answers import documented
from bt_gex.web.service import TheJournal

router = APIRouter(prefix="/api/journal", tags=["journal"])
streams = APIRouter(tags=["journal"])
POLL_S = 0.25
PAGE = 500
MOST_HOURS = 24 * 366 * 10


class EventRow(BaseModel):
    """A stored event; payload as it was written, amounts as decimal strings."""

    workspace_id: UUID
    seq: int
    batch: int
    of: int
    at: str
    type: str
    v: int
    hash: str
    payload: dict[str, object]
    correlation_id: str | None
    intent_id: UUID | None
    order_id: str | None
    position_id: str | None
    strategy_entity_id: UUID | None
    symbol: str | None
    timeframe: str | None
    mode: str | None


class EventPage(BaseModel):
    """counts: matching events by type, whatever the page; total: of the types asked for."""

    events: list[EventRow]
    counts: dict[str, int]
    total: int
    limit: int
    offset: int


@router.get("", responses=documented(503))
def listed(
    journal: TheJournal,
    workspace_id: UUID | None = None,
    type: Annotated[list[str] | None, Query()] = None,  # noqa: A002
    symbol: str | None = None,
    correlation_id: str | None = None,
    intent_id: UUID | None = None,
    hours: Annotated[int | None, Query(ge=1, le=MOST_HOURS)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> EventPage:
    """Events that match, the newest first."""
    wanted = Wanted(
        workspace_id=workspace_id,
        types=tuple(type or ()),
        symbol=symbol,
        correlation_id=correlation_id,
        intent_id=intent_id,
        since=datetime.now(UTC) - timedelta(hours=hours) if hours else None,
        limit=limit,
        offset=offset,
        newest=True,
    )
    counts = dict(journal.counts(wanted))
    return EventPage(
        events=[row_of(record) for record in journal.records(wanted)],
        counts=counts,
        total=sum(counts.values()),
        limit=limit,
        offset=offset,
    )


@router.get("/{workspace_id}/{seq}", responses=documented(404, 503))
def one(workspace_id: UUID, seq: int, journal: TheJournal) -> EventRow:
    """One event."""
    found = _after(journal, workspace_id, seq - 1, 1) if 1 <= seq < 2**60 else []
    if not found or found[0].seq != seq:
        raise HTTPException(404, f"workspace {workspace_id} has no event {seq}")
    return row_of(found[0])


@streams.get("/events/{workspace_id}", response_class=EventSourceResponse, responses=documented())
async def stream(
    workspace_id: UUID,
    request: Request,
    journal: TheJournal,
    after: Annotated[int, Query(ge=0, le=2**60)] = 0,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The events of an account above a number, then each as it is stored; the id is its number."""
    seq = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    while not await request.is_disconnected():
        records = await asyncio.to_thread(_after, journal, workspace_id, seq, PAGE)
        for record in records:
            seq = record.seq
            yield ServerSentEvent(
                raw_data=json.dumps(record.envelope()), event=record.type, id=str(seq)
            )
        if len(records) < PAGE:
            await asyncio.sleep(POLL_S)


def _after(journal: TheJournal, workspace_id: UUID, seq: int, limit: int) -> list[Record]:
    return journal.records(Wanted(workspace_id=workspace_id, after=seq, limit=limit))


def row_of(record: Record) -> EventRow:
    """A record as an answer."""
    return EventRow.model_validate(record._asdict() | {"payload": record.payload_json()})
