"""/api/v1/recordings: recorded sessions, what is in them, and replays that really run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from bt_gex.errors import (
    BadValue,
    BtGexError,
    NoRecording,
    RecordingBusy,
    RecordingFull,
    RecordingState,
    UnknownName,
)
from bt_gex.paper.requests import Strict
from bt_gex.recordings import rows, views
from bt_gex.recordings.archive import contents_of, pack
from bt_gex.runs.session_replayer import SessionReplayer
from bt_gex.web.answers import documented
from bt_gex.web.service import TheRecordings

PREFIX = "/api/v1/recordings"
router = APIRouter(prefix=PREFIX, tags=["recordings"])
replay_router = APIRouter(prefix="/api/v1/replays", tags=["recordings"])
Limit = Annotated[int, Query(ge=1, le=1_000)]
BarLimit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0, le=2**40)]
Json = dict[str, Any]
T = TypeVar("T")


class Envelope(BaseModel):
    success: Literal[True] = True


class RecordingRow(BaseModel):
    """A recording in a list. original_win_rate: percent."""

    recording_id: str
    session_id: str
    instance_id: int
    strategy_name: str
    status: str
    recording_start_time: datetime
    recording_end_time: datetime | None
    symbols_recorded: list[str]
    total_bars_recorded: int
    total_events_recorded: int
    original_trades: int
    original_pnl: float
    original_win_rate: float
    description: str | None
    tags: list[str]


class ReplayRow(BaseModel):
    """A replay in a list. win_rate: percent; differences: replay less recording."""

    replay_id: str
    replay_time: datetime
    status: str
    modified_parameters: Json
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float | None
    total_pnl: float | None
    max_drawdown: float | None
    sharpe_ratio: float | None
    trades_diff: int | None
    pnl_diff: float | None
    win_rate_diff: float | None
    description: str | None
    strategy_name: str | None
    error: str | None


class RecordingWhole(RecordingRow):
    """All there is of a recording but its bars and events."""

    original_parameters: Json
    environment: Json
    schema_version: int
    first_bar_time: datetime | None
    last_bar_time: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    strategy_path: str | None
    trigger: object
    event_counts: dict[str, int]
    replays: list[ReplayRow]


class ReplayWhole(ReplayRow):
    recording_id: str
    comparison_data: Json | None
    replay_events: list[object] | None


class EventRow(BaseModel):
    event_type: str
    timestamp: str
    sequence: int
    symbol: str | None
    event_data: Json
    decision_metadata: Json | None
    market_state: Json | None


class BarRow(BaseModel):
    symbol: str
    timestamp: str
    sequence: int
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    indicators: Json | None


class RecordingList(Envelope):
    count: int
    recordings: list[RecordingRow]


class RecordingAnswer(Envelope):
    recording: RecordingWhole


class EventList(Envelope):
    recording_id: str
    total_events: int
    offset: int
    limit: int
    events: list[EventRow]


class BarList(Envelope):
    recording_id: str
    symbol: str | None
    total_bars: int
    offset: int
    limit: int
    bars: list[BarRow]


class ReplayRequest(Strict):
    """allow_incomplete: replay a failed or interrupted recording, too."""

    modified_parameters: Json = Field(default_factory=dict)
    description: Annotated[str, Field(max_length=1_000)] | None = None
    strategy_name: str | None = None
    allow_incomplete: bool = False


class ReplayAnswer(Envelope):
    replay_id: str
    recording_id: str
    total_trades: int
    total_pnl: float
    win_rate: float
    comparison: Json
    warnings: list[str]


class ReplayList(Envelope):
    recording_id: str
    count: int
    replays: list[ReplayRow]


class ReplayDetail(Envelope):
    replay: ReplayWhole


class Deleted(Envelope):
    message: str


class ActiveRecording(BaseModel):
    recording_id: str
    session_id: str
    strategy_name: str
    recording_start_time: datetime
    total_bars_recorded: int
    total_events_recorded: int


class ActiveAnswer(Envelope):
    instance_id: int
    active_recording: ActiveRecording | None


def answered(ask: Callable[[], T]) -> T:
    """What a store answers; its refusals as the documented statuses."""
    try:
        return ask()
    except NoRecording as error:
        raise HTTPException(404, str(error)) from error
    except (RecordingState, UnknownName, BadValue) as error:
        raise HTTPException(400, str(error)) from error
    except (RecordingBusy, RecordingFull):
        raise
    except BtGexError as error:
        raise HTTPException(500, str(error)) from error


@router.get("", responses=documented(400, 503))
def recordings(
    store: TheRecordings,
    instance_id: int | None = None,
    status: str | None = None,
    tag: str | None = None,
    strategy: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> RecordingList:
    """Recordings that match, the newest first."""
    asked = {"instance_id": instance_id, "status": status, "tag": tag, "strategy": strategy}
    try:
        query = rows.Query(**asked, limit=limit, offset=offset)  # type: ignore[arg-type]
    except UnknownName as error:
        raise HTTPException(422, str(error)) from error
    found = answered(lambda: views.recordings_page(store, query))["recordings"]
    rows_found = [RecordingRow(**_with_symbols(one)) for one in found]
    return RecordingList(count=len(rows_found), recordings=rows_found)


@router.get("/instances/{instance_id}/active-recording", responses=documented(503))
def active(instance_id: int, store: TheRecordings) -> ActiveAnswer:
    """What an instance is recording now."""
    found = answered(lambda: store.active(instance_id))
    names = ActiveRecording.model_fields
    shown = ActiveRecording(**{name: getattr(found, name) for name in names}) if found else None
    return ActiveAnswer(instance_id=instance_id, active_recording=shown)


@router.get("/replays/{replay_id}", responses=documented(404, 503))
@replay_router.get("/{replay_id}", responses=documented(404, 503))
def replay(replay_id: str, store: TheRecordings) -> ReplayDetail:
    """One replay, with its comparison and events."""
    found = answered(lambda: views.replay_detail(store, replay_id))
    return ReplayDetail.model_validate(found)


@router.get("/{recording_id}", responses=documented(404, 503))
def recording(recording_id: str, store: TheRecordings) -> RecordingAnswer:
    """One recording, how many events it has of each type, and its replays."""
    found = answered(lambda: views.recording_detail(store, recording_id))["recording"]
    return RecordingAnswer(recording=RecordingWhole(**_with_symbols(found)))


@router.delete("/{recording_id}", responses=documented(404, 409, 503, 507))
def delete(recording_id: str, store: TheRecordings) -> Deleted:
    """Delete a recording with its bars, events and replays; not while it is being recorded."""
    try:
        store.delete(recording_id)
    except RecordingState as error:
        raise HTTPException(409, str(error)) from error
    except NoRecording as error:
        raise HTTPException(404, str(error)) from error
    return Deleted(message=f"Recording {recording_id} deleted")


@router.get("/{recording_id}/events", responses=documented(404, 503))
def events(
    recording_id: str,
    store: TheRecordings,
    event_type: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> EventList:
    """Events by sequence."""
    found = answered(
        lambda: views.events_page(
            store, recording_id, event_type=event_type, limit=limit, offset=offset
        )
    )
    return EventList.model_validate(found)


@router.get("/{recording_id}/market-data", responses=documented(404, 503))
def market_data(
    recording_id: str,
    store: TheRecordings,
    symbol: str | None = None,
    limit: BarLimit = 100,
    offset: Offset = 0,
) -> BarList:
    """Bars by sequence, of one symbol or all."""
    found = answered(
        lambda: views.bars_page(store, recording_id, symbol=symbol, limit=limit, offset=offset)
    )
    return BarList.model_validate(found)


@router.get("/{recording_id}/export", response_class=Response, responses=documented(404, 503))
def export(recording_id: str, store: TheRecordings) -> Response:
    """The recording as a .btrec file."""
    content = answered(lambda: pack(contents_of(store, recording_id)))
    headers = {"Content-Disposition": 'attachment; filename="recording.btrec"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/{recording_id}/replays", responses=documented(404, 503))
def replays(recording_id: str, store: TheRecordings) -> ReplayList:
    """Replays of a recording, the newest first."""
    answered(lambda: store.get(recording_id))
    found = [ReplayRow.model_validate(views.replay_row(one)) for one in store.replays(recording_id)]
    return ReplayList(recording_id=recording_id, count=len(found), replays=found)


@router.post("/{recording_id}/replay", responses=documented(400, 404, 500, 503, 507))
def run_replay(recording_id: str, request: ReplayRequest, store: TheRecordings) -> ReplayAnswer:
    """Replay a recording with other parameters, or another strategy; the result is stored."""

    def run() -> dict[str, Any]:
        replayer = SessionReplayer(store, recording_id, allow_incomplete=request.allow_incomplete)
        replayer.set_parameters(request.modified_parameters)
        return replayer.replay(request.strategy_name, description=request.description)

    result = answered(run)
    names = ("replay_id", "recording_id", "total_trades", "total_pnl", "win_rate", "comparison",
             "warnings")  # fmt: skip
    return ReplayAnswer(**{name: result[name] for name in names})


def _with_symbols(row: Json) -> Json:
    """A row whose symbols are a list."""
    return row | {"symbols_recorded": row["symbols"]}
