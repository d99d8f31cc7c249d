"""What the store of recorded sessions holds, row by row. Instants are aware UTC or nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from bt_gex.errors import BadValue
from bt_gex.trades.codec import Json

SCHEMA = 1  # of a recording's content
Status = Literal["recording", "completed", "failed", "interrupted"]
STATUSES: tuple[Status, ...] = ("recording", "completed", "failed", "interrupted")

SIGNAL_DETECTED = "SIGNAL_DETECTED"
SIGNAL_IGNORED = "SIGNAL_IGNORED"
ORDER_PLACED = "ORDER_PLACED"
ORDER_FILLED = "ORDER_FILLED"
ORDER_PARTIAL = "ORDER_PARTIAL"
ORDER_CANCELED = "ORDER_CANCELED"
ORDER_EXPIRED = "ORDER_EXPIRED"
ORDER_REJECTED = "ORDER_REJECTED"
POSITION_OPENED = "POSITION_OPENED"
POSITION_CLOSED = "POSITION_CLOSED"
STOP_MOVED = "STOP_MOVED"
SCAN_CYCLE = "SCAN_CYCLE"
RECORDING_STARTED = "RECORDING_STARTED"
TRIGGER_FIRED = "TRIGGER_FIRED"
STATE_SNAPSHOT = "STATE_SNAPSHOT"
BAR_CORRECTED = "BAR_CORRECTED"
ERROR = "ERROR"
CUSTOM = "CUSTOM"


class BarValues(NamedTuple):
    """Prices and volume of one bar; None is missing."""

    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None


class RecordedBar(NamedTuple):
    """One bar of one symbol. sequence counts from 0 over all symbols."""

    sequence: int
    symbol: str
    ts_ns: int
    values: BarValues
    indicators: dict[str, Json] | None


class RecordedEvent(NamedTuple):
    """What happened, at the time of the bar; wall_ns: when it was recorded.

    bar_sequence  the newest bar then; None before the first one
    """

    sequence: int
    event_type: str
    ts_ns: int
    wall_ns: int
    bar_sequence: int | None
    symbol: str | None
    data: dict[str, Json]
    decision: dict[str, Json] | None
    market: dict[str, Json] | None


class OptionRows(NamedTuple):
    """Rows of an option market first seen on the bar of this sequence, compressed."""

    sequence: int
    blob: bytes


class Totals(NamedTuple):
    """Trades of a session: number, dollars, percent won."""

    trades: int
    pnl: float
    win_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """A recording, as its row has it; see docs/recordings.md for each column."""

    recording_id: str
    session_id: str
    instance_id: int
    strategy_name: str
    recording_start_time: datetime
    recording_end_time: datetime | None = None
    status: str = "recording"
    original_parameters: Mapping[str, Json] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    total_bars_recorded: int = 0
    total_events_recorded: int = 0
    original_trades: int = 0
    original_pnl: float = 0.0
    original_win_rate: float = 0.0
    description: str | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    strategy_path: str | None = None
    environment: Mapping[str, Json] = field(default_factory=dict)
    schema_version: int = SCHEMA
    first_bar_time: datetime | None = None
    last_bar_time: datetime | None = None
    heartbeat: datetime | None = None
    trigger: Json = None
    process: str | None = None

    @property
    def signals_only(self) -> bool:
        """Whether bars were left out, so that it cannot be replayed."""
        return bool(self.environment.get("signals_only"))

    @property
    def last_seen(self) -> datetime:
        """When its recorder was last heard of."""
        return self.heartbeat or self.recording_start_time

    def finished(self, **changes: Any) -> RecordedSession:
        """The row with some columns changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReplay:
    """One replay of a recording, as its row has it."""

    replay_id: str
    recording_id: str
    replay_time: datetime
    status: Literal["running", "completed", "failed"]
    modified_parameters: Mapping[str, Json]
    total_trades: int = 0
    winning_trades: int = 0
    losing_trades: int = 0
    total_pnl: float | None = None
    win_rate: float | None = None
    max_drawdown: float | None = None
    sharpe_ratio: float | None = None
    trades_diff: int | None = None
    pnl_diff: float | None = None
    win_rate_diff: float | None = None
    comparison_data: Mapping[str, Json] | None = None
    replay_events: list[Json] | None = None
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    strategy_name: str | None = None
    parameters: Mapping[str, Json] | None = None
    error: str | None = None
    wall_seconds: float | None = None
    code_version: str | None = None


def checked_tags(tags: object) -> tuple[str, ...]:
    """Tags as a list; a text is one tag. Raises BadValue for one with a comma."""
    if tags is None:
        return ()
    found = (tags,) if isinstance(tags, str) else tuple(tags)  # type: ignore[arg-type]
    for tag in found:
        if not isinstance(tag, str) or not tag.strip() or "," in tag:
            raise BadValue(f"a tag is text without a comma, got {tag!r:.40}")
    return found


def checked_symbol(symbol: object) -> str:
    """A symbol as the tables take it. Raises BadValue."""
    if not isinstance(symbol, str) or not symbol or len(symbol) > 64 or "," in symbol:
        raise BadValue(f"a symbol is text of 1 to 64 characters without a comma, got {symbol!r}")
    return symbol
