"""Between the rows of the tables and the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    RowMapping,
    Select,
    Table,
    bindparam,
    func,
    or_,
    select,
)

from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.recordings.records import (
    STATUSES,
    BarValues,
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedReplay,
    RecordedSession,
)
from bt_gex.recordings.schema import bars, events, options, sessions
from bt_gex.recordings.values import aware, dumps, stamp_text

BAR_NAMES = ("recording_id", "symbol", "timestamp", "open", "high", "low", "close", "volume",
             "indicators", "sequence", "created_at")  # fmt: skip
EVENT_NAMES = ("recording_id", "event_type", "timestamp", "sequence", "symbol", "event_data",
               "decision_metadata", "market_state", "wall_time", "bar_sequence",
               "created_at")  # fmt: skip
OPTION_NAMES = ("recording_id", "sequence", "blob")
REPLAY_FIELDS = tuple(field.name for field in fields(RecordedReplay))


class At(int):
    """Nanoseconds UTC that go into a column of instants."""


class Doc(NamedTuple):
    """A value that goes into a column of JSON."""

    value: object


Rows = tuple[Sequence[str], list[tuple[object, ...]]]  # names of columns, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which recordings: every given column must match. Raises UnknownName for a status."""

    instance_id: int | None = None
    status: str | None = None
    tag: str | None = None
    strategy: str | None = None
    session_id: str | None = None
    limit: int | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in STATUSES:
            raise UnknownName("status", self.status, STATUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list. Raises BadValue."""

    limit: int
    offset: int = 0

    def __post_init__(self) -> None:
        if self.limit < 1 or self.offset < 0:
            raise BadValue(
                f"a page has a limit from 1 and an offset from 0, got {self.limit}, {self.offset}"
            )


def bar_values(recording_id: str, found: Sequence[RecordedBar], now: datetime) -> Rows:
    made = At(instant_ns(now))
    return BAR_NAMES, [
        (recording_id, bar.symbol, At(bar.ts_ns), *bar.values, Doc(bar.indicators), bar.sequence,
         made)
        for bar in found
    ]  # fmt: skip


def event_values(recording_id: str, found: Sequence[RecordedEvent], now: datetime) -> Rows:
    made = At(instant_ns(now))
    return EVENT_NAMES, [
        (recording_id, e.event_type, At(e.ts_ns), e.sequence, e.symbol, Doc(e.data),
         Doc(e.decision), Doc(e.market), At(e.wall_ns), e.bar_sequence, made)
        for e in found
    ]  # fmt: skip


def option_values(recording_id: str, found: Sequence[OptionRows]) -> Rows:
    return OPTION_NAMES, [(recording_id, one.sequence, one.blob) for one in found]


def for_sqlite(values: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Rows as the sqlite3 module takes them."""
    return [tuple(map(_plain, row)) for row in values]


def _plain(value: object) -> object:
    if type(value) is At:
        return stamp_text(value)
    return dumps(value.value) if type(value) is Doc else value


def for_sql(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row as SQLAlchemy takes it."""
    return tuple(utc(v) if type(v) is At else v.value if type(v) is Doc else v for v in row)


def session_values(found: RecordedSession) -> dict[str, object]:
    """A recording by column."""
    values = {f.name: getattr(found, f.name) for f in fields(found)}
    values["symbols_recorded"] = ",".join(values.pop("symbols"))
    values["tags"] = ",".join(found.tags) or None
    return values


def session_of(row: RowMapping) -> RecordedSession:
    """A recording from its columns."""
    values = {name: value for name, value in row.items() if name != "id"}
    values["symbols"] = tuple((values.pop("symbols_recorded") or "").split(","))
    if values["symbols"] == ("",):
        values["symbols"] = ()
    values["tags"] = tuple(values["tags"].split(",")) if values["tags"] else ()
    return RecordedSession(**values)


def replay_of(row: RowMapping) -> RecordedReplay:
    """A replay from its columns."""
    return RecordedReplay(**{name: row[name] for name in REPLAY_FIELDS})


_OF: BindParameter[str] = bindparam("recording")
BARS: Select[Any] = (
    select(
        bars.c.sequence, bars.c.symbol, bars.c.timestamp, bars.c.open, bars.c.high, bars.c.low,
        bars.c.close, bars.c.volume, bars.c.indicators,
    )
    .where(bars.c.recording_id == _OF)
    .order_by(bars.c.sequence)
)  # fmt: skip
EVENTS: Select[Any] = (
    select(
        events.c.sequence, events.c.event_type, events.c.timestamp, events.c.wall_time,
        events.c.bar_sequence, events.c.symbol, events.c.event_data, events.c.decision_metadata,
        events.c.market_state,
    )
    .where(events.c.recording_id == _OF)
    .order_by(events.c.sequence)
)  # fmt: skip
OPTIONS: Select[Any] = (
    select(options.c.sequence, options.c.blob)
    .where(options.c.recording_id == _OF)
    .order_by(options.c.sequence)
)
COUNTS: Select[Any] = (
    select(events.c.event_type, func.count())
    .where(events.c.recording_id == _OF)
    .group_by(events.c.event_type)
    .order_by(events.c.event_type)
)


def bar_of(row: Row[Any]) -> RecordedBar:
    """A bar from the columns of BARS."""
    sequence, symbol, stamp, *values, indicators = tuple(row)
    return RecordedBar(sequence, symbol, instant_ns(stamp), BarValues(*values), indicators)


def event_of(row: Row[Any]) -> RecordedEvent:
    """An event from the columns of EVENTS."""
    sequence, kind, stamp, wall, *rest = tuple(row)
    return RecordedEvent(sequence, kind, instant_ns(stamp), instant_ns(wall), *rest)


def paged(query: Select[Any], page: Page | None) -> Select[Any]:
    """A part of what a query finds."""
    return query if page is None else query.limit(page.limit).offset(page.offset)


def moment(ts_ns: int) -> datetime:
    """An instant as a query takes it."""
    return aware(utc(ts_ns))


def number_of(
    connection: Connection, table: Table, recording_id: str, symbol: str | None = None
) -> int:
    """Rows of a recording in a table."""
    query = select(func.count()).select_from(table).where(table.c.recording_id == recording_id)
    if symbol is not None:
        query = query.where(table.c.symbol == symbol)
    return int(connection.execute(query).scalar_one())


def find_statement(query: Query, cutoff: datetime, gone: Sequence[str]) -> Select[Any]:
    """Recordings that a query means. cutoff: a heartbeat before it is none; gone: ids of
    recordings whose process has ended."""
    statement = select(sessions)
    column = sessions.c
    silent = or_(column.heartbeat < cutoff, column.recording_id.in_(gone))
    if query.status == "interrupted":
        statement = statement.where(column.status == "recording", silent)
    elif query.status == "recording":
        statement = statement.where(column.status == "recording", ~silent)
    elif query.status is not None:
        statement = statement.where(column.status == query.status)
    if query.instance_id is not None:
        statement = statement.where(column.instance_id == query.instance_id)
    if query.session_id is not None:
        statement = statement.where(column.session_id == query.session_id)
    if query.strategy is not None:
        statement = statement.where(column.strategy_name == query.strategy)
    if query.tag is not None:
        tagged = "," + column.tags + ","
        statement = statement.where(tagged.contains(f",{query.tag},", autoescape=True))
    statement = statement.order_by(column.recording_start_time.desc(), column.id.desc())
    if query.limit is not None:
        statement = statement.limit(query.limit)
    elif query.offset:
        statement = statement.limit(2**62)  # SQLite takes no OFFSET without a LIMIT
    return statement.offset(query.offset) if query.offset else statement
