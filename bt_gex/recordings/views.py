"""Recordings as lists and details are asked for: plain values, paged, within limits; pure."""

from __future__ import annotations

from typing import Any

from bt_gex.errors import BadValue
from bt_gex.recordings.archive import bar_json
from bt_gex.recordings.reader import RecordingReader
from bt_gex.recordings.records import RecordedEvent, RecordedReplay, RecordedSession
from bt_gex.recordings.rows import Page, Query
from bt_gex.recordings.values import iso, plain_json
from bt_gex.trades.codec import Json

MOST_EVENTS = 1_000
MOST_BARS = 10_000
LISTED = ("recording_id", "session_id", "instance_id", "strategy_name", "status",
          "recording_start_time", "recording_end_time", "total_bars_recorded",
          "total_events_recorded", "original_trades", "original_pnl", "original_win_rate",
          "description")  # fmt: skip
MORE = ("original_parameters", "environment", "schema_version", "first_bar_time", "last_bar_time",
        "heartbeat", "trigger", "strategy_path", "created_at", "updated_at")  # fmt: skip
OF_REPLAY = ("replay_id", "replay_time", "status", "modified_parameters", "total_trades",
             "winning_trades", "losing_trades", "win_rate", "total_pnl", "max_drawdown",
             "sharpe_ratio", "trades_diff", "pnl_diff", "win_rate_diff", "description",
             "strategy_name", "error")  # fmt: skip


def page_of(limit: int, offset: int, most: int) -> Page:
    """A page of at most so many. Raises BadValue."""
    if not 1 <= limit <= most:
        raise BadValue(f"limit must be from 1 to {most:,}, got {limit}")
    return Page(limit=limit, offset=offset)


def recording_row(found: RecordedSession) -> dict[str, object]:
    """A recording in a list."""
    row = {name: plain_json(getattr(found, name)) for name in LISTED}
    return {
        **row,
        "symbols_recorded": ",".join(found.symbols),
        "symbols": list(found.symbols),
        "tags": list(found.tags),
    }


def replay_row(found: RecordedReplay) -> dict[str, object]:
    """A replay in a list."""
    return {name: plain_json(getattr(found, name)) for name in OF_REPLAY}


def recordings_page(store: RecordingReader, query: Query) -> dict[str, Any]:
    """Recordings, newest first."""
    rows = [recording_row(found) for found in store.find(query)]
    return {"count": len(rows), "recordings": rows}


def recording_detail(store: RecordingReader, recording_id: str) -> dict[str, Any]:
    """Everything of a recording but its bars and events. Raises NoRecording."""
    found = store.get(recording_id)
    more = {name: plain_json(getattr(found, name)) for name in MORE}
    return {
        "recording": {
            **recording_row(found),
            **more,
            "event_counts": store.counts(recording_id),
            "replays": [replay_row(replay) for replay in store.replays(recording_id)],
        }
    }


def event_row(event: RecordedEvent) -> dict[str, Json]:
    """An event in a list."""
    return {
        "event_type": event.event_type,
        "timestamp": iso(event.ts_ns),
        "sequence": event.sequence,
        "symbol": event.symbol,
        "event_data": event.data,
        "decision_metadata": event.decision,
        "market_state": event.market,
    }


def events_page(
    store: RecordingReader,
    recording_id: str,
    *,
    event_type: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> dict[str, object]:
    """Events by sequence. Raises NoRecording, BadValue."""
    page = page_of(limit, offset, MOST_EVENTS)
    store.get(recording_id)
    counts = store.counts(recording_id)
    total = sum(counts.values()) if event_type is None else counts.get(event_type, 0)
    found = store.events(recording_id, page, event_type)
    return {
        "recording_id": recording_id,
        "total_events": total,
        "offset": offset,
        "limit": limit,
        "events": [event_row(event) for event in found],
    }


def bars_page(
    store: RecordingReader,
    recording_id: str,
    *,
    symbol: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> dict[str, object]:
    """Bars by sequence. Raises NoRecording, BadValue."""
    page = page_of(limit, offset, MOST_BARS)
    store.get(recording_id)
    return {
        "recording_id": recording_id,
        "symbol": symbol,
        "total_bars": store.number_of(recording_id, symbol=symbol),
        "offset": offset,
        "limit": limit,
        "bars": [bar_json(bar) for bar in store.bars(recording_id, page, symbol)],
    }


def replay_detail(store: RecordingReader, replay_id: str) -> dict[str, object]:
    """Everything of a replay. Raises NoRecording."""
    found = store.replay(replay_id)
    more = {
        "recording_id": found.recording_id,
        "parameters": plain_json(found.parameters),
        "comparison_data": plain_json(found.comparison_data),
        "replay_events": plain_json(found.replay_events),
        "wall_seconds": found.wall_seconds,
        "code_version": found.code_version,
    }
    return {"replay": {**replay_row(found), **more}}
