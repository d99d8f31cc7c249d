"""Reading recorded sessions from a database, over SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from bt_gex.errors import NoRecording, RecordingBusy, RecordingError, RecordingFull
from bt_gex.recordings import rows
from bt_gex.recordings.process import is_gone
from bt_gex.recordings.records import (
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedReplay,
    RecordedSession,
)
from bt_gex.recordings.schema import bars, events, replays, sessions
from bt_gex.storage.closing import Closing
from bt_gex.storage.databases import Engines, Kind, open_engines, store_error

KIND: Kind[RecordingError] = Kind(
    "recording", RecordingError, RecordingBusy, RecordingFull, foreign_keys=True
)
WAIT_S = 30.0  # several recorders may write to one file
SILENT_S = 60.0  # without a heartbeat for longer, a recording counts as interrupted


class RecordingReader(Closing):
    """What is recorded in a database; see `store.RecordingStore`, which also writes."""

    def __init__(
        self, target: str | Path, *, read_only: bool = False, wait_s: float = WAIT_S
    ) -> None:
        self.target = str(target)
        self.read_only = read_only
        self._wait_s = wait_s
        self._engines: Engines = open_engines(KIND, target, read_only=read_only, wait_s=wait_s)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The file or URL, without a password."""
        return self._engines.name

    def close(self) -> None:
        """Close all connections; new ones are made when needed."""
        self._engines.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        try:
            with self._engines.read.connect() as connection:
                if not self._engines.is_sqlite:
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            raise store_error(KIND, self.name, error) from error

    def _prepare(self) -> None:
        """Look whether the database can be used. Raises RecordingError."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------- reading

    def get(self, recording_id: str) -> RecordedSession:
        """A recording's row; of an interrupted one the totals are counted from its rows.

        Raises NoRecording.
        """
        with self.reading() as connection:
            query = select(sessions).where(sessions.c.recording_id == recording_id)
            row = connection.execute(query).mappings().first()
            if row is None:
                raise NoRecording(f"Recording {recording_id} not found in {self.name}")
            return _shown(connection, rows.session_of(row))

    def find(self, query: rows.Query | None = None) -> list[RecordedSession]:
        """Recordings, newest first."""
        with self.reading() as connection:
            cutoff = now() - timedelta(seconds=SILENT_S)
            statement = rows.find_statement(query or rows.Query(), cutoff, self._gone(connection))
            found = connection.execute(statement).mappings().all()
            return [_shown(connection, rows.session_of(row)) for row in found]

    def _gone(self, connection: Connection) -> list[str]:
        """Ids of recordings whose process has ended without an end of theirs."""
        columns = (sessions.c.recording_id, sessions.c.process)
        query = select(*columns).where(sessions.c.status == "recording")
        return [name for name, mark in connection.execute(query) if is_gone(mark)]

    def counts(self, recording_id: str) -> dict[str, int]:
        """Number of events by type."""
        with self.reading() as connection:
            found = connection.execute(rows.COUNTS, {"recording": recording_id})
            return dict(map(tuple, found))

    def bars(
        self, recording_id: str, page: rows.Page | None = None, symbol: str | None = None
    ) -> list[RecordedBar]:
        """Bars by sequence."""
        query = rows.BARS if symbol is None else rows.BARS.where(bars.c.symbol == symbol)
        with self.reading() as connection:
            found = connection.execute(rows.paged(query, page), {"recording": recording_id})
            return [rows.bar_of(row) for row in found]

    def bar_at(self, recording_id: str, symbol: str, ts_ns: int) -> RecordedBar | None:
        """The bar of a symbol at an instant."""
        query = rows.BARS.where(bars.c.symbol == symbol, bars.c.timestamp == rows.moment(ts_ns))
        with self.reading() as connection:
            row = connection.execute(query, {"recording": recording_id}).first()
            return rows.bar_of(row) if row else None

    def events(
        self, recording_id: str, page: rows.Page | None = None, event_type: str | None = None
    ) -> list[RecordedEvent]:
        """Events by sequence."""
        query = rows.EVENTS
        if event_type is not None:
            query = query.where(events.c.event_type == event_type)
        with self.reading() as connection:
            found = connection.execute(rows.paged(query, page), {"recording": recording_id})
            return [rows.event_of(row) for row in found]

    def number_of(self, recording_id: str, *, symbol: str | None = None) -> int:
        """How many bars there are, of one symbol or all."""
        with self.reading() as connection:
            return rows.number_of(connection, bars, recording_id, symbol)

    def option_rows(self, recording_id: str) -> list[OptionRows]:
        """Option rows by the sequence of their bar."""
        with self.reading() as connection:
            found = connection.execute(rows.OPTIONS, {"recording": recording_id})
            return [OptionRows(sequence, bytes(blob)) for sequence, blob in found]

    def replays(self, recording_id: str) -> list[RecordedReplay]:
        """Replays of a recording, newest first."""
        query = select(replays).where(replays.c.recording_id == recording_id)
        newest = query.order_by(replays.c.replay_time.desc(), replays.c.id.desc())
        with self.reading() as connection:
            return [rows.replay_of(row) for row in connection.execute(newest).mappings()]

    def replay(self, replay_id: str) -> RecordedReplay:
        """One replay. Raises NoRecording."""
        query = select(replays).where(replays.c.replay_id == replay_id)
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NoRecording(f"Replay {replay_id} not found in {self.name}")
        return rows.replay_of(row)

    def active(self, instance_id: int) -> RecordedSession | None:
        """What an instance is recording now; the newest, None when it is not recording."""
        query = rows.Query(instance_id=instance_id, status="recording", limit=1)
        return next(iter(self.find(query)), None)


def _shown(connection: Connection, found: RecordedSession) -> RecordedSession:
    """The row as it is shown: a recording nobody writes any more is interrupted."""
    if found.status != "recording":
        return found
    silent = now() - found.last_seen > timedelta(seconds=SILENT_S)
    if not silent and not is_gone(found.process):
        return found
    return found.finished(
        status="interrupted",
        total_bars_recorded=rows.number_of(connection, bars, found.recording_id),
        total_events_recorded=rows.number_of(connection, events, found.recording_id),
    )


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
