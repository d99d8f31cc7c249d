"""A recorded market, session by session: from the day cache where that holds, else the database."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from bt_gex.blackbox.cache import DayCache, default_folder
from bt_gex.blackbox.calendar_file import sessions_between
from bt_gex.blackbox.sqlite_files import state_of
from bt_gex.market.calendar import Session
from bt_gex.market.zones import UTC_UNLESS_DOUBTED, NaiveZone
from bt_gex.sessions.rows import SessionRows
from bt_gex.storage.closing import Closing

if TYPE_CHECKING:
    from bt_gex.blackbox.reader import Blackbox

log = logging.getLogger(__name__)
READERS = 2  # sessions read at once; SQLite and sorting leave the interpreter free for each other


class Recording(Closing):
    """A database and the day cache before it. Use as a context manager, or close() it.

    database  path of a SQLite blackbox, or any SQLAlchemy URL
    cache     folder of the day cache; None: the user's cache folder
    use_cache False keeps sessions in a temporary folder instead, gone with this object
    zone      of stamps without an offset

    The database is opened when something is not in the cache. Of a database that is no SQLite file
    nothing tells whether it has changed: its sessions are kept in a temporary folder, too.
    """

    def __init__(
        self,
        database: str | Path,
        cache: str | Path | None = None,
        use_cache: bool = True,
        zone: NaiveZone = UTC_UNLESS_DOUBTED,
    ) -> None:
        self.database, self.zone = database, zone
        self._box: Blackbox | None = None
        self._lock = Lock()
        self._writable = True
        self.path = _file_of(database)
        self.name = str(self.path) if self.path else self._opened().name
        lasting = use_cache and self.path is not None
        self._temporary = None if lasting else tempfile.TemporaryDirectory(prefix="bt-gex-")
        folder = self._temporary.name if self._temporary else cache or default_folder()
        self._cache = DayCache(Path(folder), zone)
        self._key = str(self.path.resolve()) if self.path else self.name

    def close(self) -> None:
        """Release the database and temporary files."""
        if self._box is not None:
            self._box.close()
        if self._temporary:
            self._temporary.cleanup()

    def require_index(self, symbol: str) -> None:
        """Raise DataError unless some table has a row of the index."""
        state = self._state()
        if state is None or symbol not in self._cache.indexes(self._key, state):
            self._opened().require_index(symbol)

    def calendar(self, start: date, end: date) -> list[Session]:
        """All sessions from start to end, both inclusive, whether or not anything is recorded."""
        return sessions_between(start, end, self._cache.root)

    def sessions(self, index: str, wanted: Iterable[Session]) -> Iterator[SessionRows]:
        """Rows of each session in turn; a few are read ahead, side by side.

        Raises DataError on anything unreadable, and on stamps that seem to be of another zone.
        """
        asked, checked = list(wanted), False
        pending: deque[Future[SessionRows] | SessionRows] = deque()
        with ThreadPoolExecutor(READERS) as readers:
            try:
                for session in asked:
                    kept = self._kept(index, session)
                    if kept is None and not checked:
                        self._opened().check_zone(asked)
                        checked = True
                    pending.append(kept or readers.submit(self._read, index, session))
                    while len(pending) > READERS:
                        yield _result(pending.popleft())
                while pending:
                    yield _result(pending.popleft())
            finally:
                for waiting in pending:
                    if isinstance(waiting, Future):
                        waiting.cancel()

    def _kept(self, index: str, session: Session) -> SessionRows | None:
        state = self._state()
        if state is None:
            return None
        found = self._cache.load(self._key, state, self.name, index, session)
        if found.damaged:
            log.warning(
                "the day cache of %s %s was damaged; it is read from the database again",
                index,
                session.day,
            )
        return found.rows

    def _read(self, index: str, session: Session) -> SessionRows:
        """Read a session from the database and keep it, unless the database changed meanwhile."""
        box = self._opened()
        state = self._state()
        rows = box.session_rows(index, session)
        if state is None or not self._writable:
            return rows
        if (
            state != self._state()
        ):  # the database changed during the read: read it in one transaction
            with self._lock:
                return box.session_rows(index, session, plain=True)
        try:
            self._cache.store(self._key, state, rows)
        except OSError as error:
            self._writable = False
            reason = error.strerror or error
            log.warning("the day cache in %s cannot be written: %s", self._cache.root, reason)
            return rows
        found = self._cache.load(self._key, state, self.name, index, session)
        return found.rows or rows

    def _opened(self) -> Blackbox:
        with self._lock:
            if self._box is None:
                from bt_gex.blackbox.reader import Blackbox

                self._box = Blackbox(self.database, self.zone)
            return self._box

    def _state(self) -> str | None:
        """State of the database's content; None when the file can't be inspected."""
        try:
            return state_of(self.path) if self.path else "as of this run"
        except OSError:
            return None


def _result(waiting: Future[SessionRows] | SessionRows) -> SessionRows:
    return waiting.result() if isinstance(waiting, Future) else waiting


def _file_of(database: str | Path) -> Path | None:
    if "://" not in str(database):
        return Path(os.fspath(database))
    from bt_gex.blackbox.source import sqlite_file

    return sqlite_file(database)
