"""The bars of a live session: first those of its recording again, then one when its instant comes.

Each reading is recorded, whole, before anything is decided on it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from bt_gex.errors import Unreachable
from bt_gex.live.books import JournaledBooks
from bt_gex.live.clock import Clock
from bt_gex.live.sources import Source
from bt_gex.live.store import BarRead, SessionStore
from bt_gex.market.calendar import BAR_NS, NS
from bt_gex.sessions.growing import GrowingDay, SeenRow

log = logging.getLogger(__name__)

GRACE_S = 2.0  # how long after its instant a bar is read
ATTEMPTS_AT_CLOSE, RETRY_NS = 12, 5 * NS  # at a database that cannot be reached


class RecordedBars:
    """The bars of a recording, as they were seen; the missed ones left out."""

    def __init__(
        self, day: GrowingDay, bars: Sequence[BarRead], rows: Mapping[int, Sequence[SeenRow]]
    ) -> None:
        self.day = day
        self._bars = [bar for bar in bars if not bar.missed]
        self._rows = rows
        self._next = 0

    def next_row(self) -> int | None:
        """The next bar; None when there is no further one."""
        if self._next >= len(self._bars):
            return None
        row = self._bars[self._next].row
        self._next += 1
        self.day.seen.add(self._rows.get(row, ()))
        self.day.advance(row)
        return row


class LiveBars:
    """Bars of a session that is under way.

    grace_s  seconds after its instant at which a bar is read
    on_bar   told the row after each bar that was decided on the way, recorded ones left out
    """

    def __init__(
        self,
        recorded: RecordedBars,
        known: frozenset[tuple[str, int]],
        source: Source,
        store: SessionStore,
        clock: Clock,
        books: JournaledBooks,
        *,
        last_row: int = -1,
        grace_s: float = GRACE_S,
        on_bar: Callable[[int], None] = lambda row: None,
    ) -> None:
        self.day, self._recorded, self._known = recorded.day, recorded, known
        self._source, self._store, self._clock, self._books = source, store, clock, books
        self._last, self._grace_ns, self._on_bar = last_row, round(grace_s * NS), on_bar
        self._resumed = last_row >= 0
        self.is_live = False
        self.is_over = False
        self.fault: str | None = None
        self.took_s: list[float] = []  # from the start of a bar's reading until it was decided
        self._began_s = 0.0

    @property
    def close_row(self) -> int:
        return len(self.day.grid) - 1

    def next_row(self) -> int | None:
        """Wait for the next bar, read and record it; None after the close, or when stopped."""
        row = self._recorded.next_row()
        if row is not None:
            return row
        if self.is_live:
            self._books.check_agreement()
            self.took_s.append(time.monotonic() - self._began_s)
            self._on_bar(self._last)
        elif self._resumed:
            self._books.caught_up()
            self._books.check_agreement()
        if self._last == self.close_row:
            self.is_over = True
            return None
        return self._read_next()

    def _read_next(self) -> int | None:
        first = not self.is_live
        missed: list[BarRead] = []
        row = self._first_row() if first else self._last + 1
        while True:
            if not self._clock.wait_until(int(self.day.grid[row]) + self._grace_ns):
                return None
            began_ns = self._clock.now()
            if row == self.close_row or began_ns <= int(self.day.grid[row + 1]):
                break
            log.warning("bar %d was missed: its reading would begin after the next one", row)
            missed.append(BarRead(row=row, read_ns=began_ns, decided=self._last, missed=True))
            row += 1
        self._began_s = time.monotonic()
        rows = self._rows(row, began_ns)
        read = BarRead(
            row=row,
            read_ns=began_ns,
            decided=self._last,
            backlog=first or bool(missed),
            fault=self.fault,
        )
        self._store.append([*missed, read], rows)
        self.day.seen.add(rows)
        self.day.advance(row)
        self.is_live, self._last = True, row
        return row

    def _first_row(self) -> int:
        """Where to begin: on the bar on which the clock stands; what came before is not made up."""
        session = self.day.session
        now_row = (self._clock.now() - session.open_ns) // BAR_NS
        return min(max(now_row, self._last + 1, 0), self.close_row)

    def _rows(self, row: int, now_ns: int) -> list[SeenRow]:
        """What is new; at the close it is asked for several times rather than done without."""
        is_close = row == self.close_row
        for attempt in range(ATTEMPTS_AT_CLOSE if is_close else 1):
            if attempt and not self._clock.wait_until(self._clock.now() + RETRY_NS):
                break
            try:
                rows = self._source.rest(now_ns) if is_close else self._source.read(now_ns)
            except Unreachable as error:
                log.warning("bar %d: %s", row, error)
                self.fault = str(error)
                continue
            self.fault = None
            return [one for one in rows if (one.table, one.id) not in self._known]
        return []
