"""Where a session's rows come from: a blackbox that grows, or a recorded one played like it."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Protocol

from bt_gex.blackbox.tail import Tail
from bt_gex.market.calendar import Session
from bt_gex.sessions.growing import SeenRow


class Source(Protocol):
    """The rows of one index in one session, each given out once."""

    @property
    def name(self) -> str: ...

    def read(self, now_ns: int) -> list[SeenRow]:
        """What has come by now and was not given out before.

        Raises Unreachable where the database cannot be read now but may be later.
        """
        ...

    def rest(self, now_ns: int) -> list[SeenRow]:
        """The same after the close, leaving nothing out."""
        ...

    def close(self) -> None: ...


class GrowingSource:
    """A blackbox that is being written."""

    def __init__(self, database: str | Path, index: str, session: Session) -> None:
        self._tail = Tail(database, index, session)
        self.name = self._tail.name

    def read(self, now_ns: int) -> list[SeenRow]:
        return self._tail.read()

    def rest(self, now_ns: int) -> list[SeenRow]:
        return self._tail.rest()

    def close(self) -> None:
        self._tail.close()


class RecordedSource:
    """A recorded session: a row becomes visible at its stamp. It is read once, and only read."""

    def __init__(self, database: str | Path, index: str, session: Session) -> None:
        with Tail(database, index, session) as tail:
            self.name = tail.name
            self._rows = sorted(tail.read(), key=lambda row: (row.ns, row.table, row.id))
        self._given = 0

    def read(self, now_ns: int) -> list[SeenRow]:
        first = self._given
        self._given = max(first, bisect_right(self._rows, now_ns, key=lambda row: row.ns))
        return self._rows[first : self._given]

    def rest(self, now_ns: int) -> list[SeenRow]:
        return self.read(now_ns)

    def close(self) -> None:
        self._rows = []
