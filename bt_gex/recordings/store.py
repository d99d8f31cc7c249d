"""Recorded sessions in a database, over SQLAlchemy Core: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, text, update
from sqlalchemy.exc import SQLAlchemyError

from bt_gex.errors import NoRecording, RecordingError, RecordingState
from bt_gex.recordings import rows
from bt_gex.recordings.figures import totals_of
from bt_gex.recordings.migrations import STEPS, migrate, version_of
from bt_gex.recordings.reader import KIND, RecordingReader, now
from bt_gex.recordings.records import (
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedReplay,
    RecordedSession,
    Totals,
)
from bt_gex.recordings.schema import bars, events, options, replays, sessions
from bt_gex.storage.databases import store_error


class RecordingStore(RecordingReader):
    """Recordings that outlive the process; several may write and read at once.

    target     path of a SQLite file, or a URL; tables are made where there are none
    read_only  writes nothing and makes nothing

    Raises RecordingError when the database cannot be opened or is of a newer version.
    """

    def _prepare(self) -> None:
        if self._engines.is_sqlite and not self.read_only:
            Path(self.name).parent.mkdir(parents=True, exist_ok=True)
            with self.writing() as connection:  # leaves WAL mode before readers are there
                migrate(connection)
            return
        with self.reading() as connection:
            version = version_of(connection)
        if version == 0 and self.read_only:
            raise RecordingError(f"{self.name}: it holds no recordings")
        if version < len(STEPS) and not self.read_only:
            with self.writing() as connection:
                connection.execute(_LOCK_MADE)
                migrate(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is taken back as a whole when anything fails."""
        if self.read_only:
            raise RecordingError(f"{self.name}: is opened for reading only")
        try:
            with self._engines.write.begin() as connection:
                if not self._engines.is_sqlite:
                    wait = {"wait": str(round(self._wait_s * 1000))}
                    connection.execute(_WAIT, wait)
                yield connection
        except SQLAlchemyError as error:
            raise store_error(KIND, self.name, error) from error

    # ------------------------------------------------------------------------------- writing

    def begin(self, session: RecordedSession) -> None:
        """Write the row of a new recording."""
        with self.writing() as connection:
            connection.execute(insert(sessions), rows.session_values(session))

    def append(
        self,
        recording_id: str,
        new_bars: Sequence[RecordedBar] = (),
        new_events: Sequence[RecordedEvent] = (),
        new_options: Sequence[OptionRows] = (),
        *,
        now: datetime,
        changes: Mapping[str, object],
    ) -> None:
        """Add rows and change columns of the recording's own row, in one transaction."""
        with self.writing() as connection:
            self._update(connection, recording_id, {**changes, "updated_at": now})
            self._insert(connection, bars, rows.bar_values(recording_id, new_bars, now))
            self._insert(connection, events, rows.event_values(recording_id, new_events, now))
            self._insert(connection, options, rows.option_values(recording_id, new_options))

    def change(self, recording_id: str, **changes: Any) -> None:
        """Change columns of a recording's row."""
        with self.writing() as connection:
            self._update(connection, recording_id, {**changes, "updated_at": now()})

    def _update(
        self, connection: Connection, recording_id: str, changes: Mapping[str, object]
    ) -> None:
        done = connection.execute(
            update(sessions).where(sessions.c.recording_id == recording_id).values(**changes)
        )
        if done.rowcount != 1:
            raise NoRecording(f"Recording {recording_id} not found in {self.name}")

    def _insert(self, connection: Connection, table: Table, found: rows.Rows) -> None:
        names, values = found
        if not values:
            return
        if self._engines.is_sqlite:  # without a look at each value: four times as fast
            columns, marks = ", ".join(f'"{n}"' for n in names), ", ".join("?" * len(names))
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", rows.for_sqlite(values)
            )
        else:
            connection.execute(
                insert(table), [dict(zip(names, rows.for_sql(v), strict=True)) for v in values]
            )

    def insert_whole(
        self,
        session: RecordedSession,
        all_bars: Sequence[RecordedBar],
        all_events: Sequence[RecordedEvent],
        all_options: Sequence[OptionRows],
        all_replays: Sequence[RecordedReplay],
    ) -> None:
        """Add a recording with all that belongs to it, in one transaction."""
        moment, name = now(), session.recording_id
        with self.writing() as connection:
            connection.execute(insert(sessions), rows.session_values(session))
            self._insert(connection, bars, rows.bar_values(name, all_bars, moment))
            self._insert(connection, events, rows.event_values(name, all_events, moment))
            self._insert(connection, options, rows.option_values(name, all_options))
            for replay in all_replays:
                connection.execute(insert(replays), asdict(replay))

    def delete(self, recording_id: str) -> None:
        """Delete a recording with its bars, events, option rows and replays.

        Raises NoRecording, and RecordingState while it is being recorded.
        """
        found = self.get(recording_id)
        if found.status == "recording":
            raise RecordingState(
                f"recording {recording_id} is still being recorded; stop it before deleting it"
            )
        self._delete([recording_id])

    def discard(self, recording_id: str) -> None:
        """Delete a recording of one's own, whatever its state."""
        self._delete([recording_id])

    def delete_older(self, before: datetime) -> list[str]:
        """Delete recordings that ended before an instant; those that are recording stay.

        An interrupted one counts by its last heartbeat. Returns the ids, oldest first.
        """
        ended = [
            one.recording_id
            for one in reversed(self.find())
            if one.status != "recording" and _ended(one) < before
        ]
        self._delete(ended)
        return ended

    def _delete(self, names: Sequence[str]) -> None:
        with self.writing() as connection:
            for name in names:
                connection.execute(delete(sessions).where(sessions.c.recording_id == name))

    def recover(self, recording_id: str) -> RecordedSession:
        """Turn an interrupted recording into a failed one, with figures from what is there."""
        found = self.get(recording_id)
        if found.status != "interrupted":
            raise RecordingState(
                f"recording {recording_id} is {found.status}; only an interrupted one is recovered"
            )
        totals = totals_of(self.events(recording_id))
        last = found.total_bars_recorded - 1
        where = f"after bar {last}" if last >= 0 else "before its first bar"
        self.change(
            recording_id,
            status="failed",
            description=f"interrupted {where}",
            recording_end_time=found.last_seen,
            total_bars_recorded=found.total_bars_recorded,
            total_events_recorded=found.total_events_recorded,
            **original(totals),
        )
        return self.get(recording_id)

    def save_replay(self, replay: RecordedReplay) -> None:
        """Add a replay, or replace what is stored of it."""
        values = asdict(replay)
        with self.writing() as connection:
            connection.execute(delete(replays).where(replays.c.replay_id == replay.replay_id))
            connection.execute(insert(replays), values)


def original(totals: Totals) -> dict[str, object]:
    """Totals as columns."""
    return {
        "original_trades": totals.trades,
        "original_pnl": totals.pnl,
        "original_win_rate": totals.win_rate,
    }


def store_of(database: object) -> RecordingStore:
    """A store from a store, a path or URL, or what SQLAlchemy calls an engine or a session."""
    if isinstance(database, RecordingStore):
        return database
    if isinstance(database, str | Path):
        return RecordingStore(database)
    bind = getattr(database, "get_bind", None)
    engine = bind() if callable(bind) else database
    engine = getattr(engine, "engine", engine)  # of a connection
    if isinstance(engine, Engine):
        return RecordingStore(engine.url.render_as_string(hide_password=False))
    raise RecordingError(
        f"recordings are kept in a database: give its path or URL, got {type(database).__name__}"
    )


def _ended(found: RecordedSession) -> datetime:
    return found.recording_end_time or found.last_seen


_WAIT = text("SELECT set_config('lock_timeout', :wait, true)")
_LOCK_MADE = text(
    "SELECT pg_advisory_xact_lock(hashtextextended("
    "current_schema() || ' bt_gex recordings schema', 0))"
)
