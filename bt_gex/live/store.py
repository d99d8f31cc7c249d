"""What a session keeps of itself: what it is, and a recording of what it saw as it saw it.

A folder a session: `session.json`, replaced whole when something changes, and `recording.log`, one
record a bar: the rows first seen at its reading, and that the bar before is decided.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bt_gex.blackbox.source import TABLES
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.errors import SessionError
from bt_gex.market.calendar import Session
from bt_gex.sessions.growing import SeenRow
from bt_gex.storage.atomic import write_text
from bt_gex.storage.log import Log, records

SCHEMA_VERSION = 1
FOLDER = "sessions"
LEVEL = 1  # of compression: rows repeat their stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What a session is; fixed when it is first started.

    provider         who brings quotes: recorded, tradier, or empty: somebody else writes the rows
    database         the blackbox, as a path or URL without password
    config           every setting in plain values
    opening_balance  dollars; of the account when the session began
    earlier          P&L of the account's trades closed before, dollars a contract
    """

    session_id: str
    index: str
    day: date
    workspace: UUID
    provider: str
    database: str
    config: Mapping[str, object]
    opening_balance: float
    earlier: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """As it is stored."""
        named = {name: getattr(self, name) for name in self.__slots__}
        texts = {"day": self.day.isoformat(), "workspace": str(self.workspace)}
        return {**named, **texts, "config": dict(self.config), "earlier": list(self.earlier)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SessionFacts:
        """From what was stored."""
        read = {
            "day": date.fromisoformat(stored["day"]),
            "workspace": UUID(stored["workspace"]),
            "earlier": tuple(stored["earlier"]),
        }
        return cls(**{**stored, **read})


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRead:
    """A reading. row: of the grid; the last one is the close.

    read_ns  the clock when the reading began
    decided  the last row that was decided before it, -1: none
    missed   its instant was over when its turn came: it is not decided on
    backlog  rows seen at it may be older than the bar before: they are not late
    fault    why nothing could be read
    """

    row: int
    read_ns: int
    decided: int
    missed: bool = False
    backlog: bool = False
    fault: str | None = None


class SessionStore:
    """The folder of one session. Use as a context manager, or close() it.

    Raises SessionError for what is no session, OutputError where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log: Log | None = None

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the recording."""
        if self._log:
            self._log.close()
            self._log = None

    @property
    def recording(self) -> Path:
        return self.folder / "recording.log"

    # ------------------------------------------------------------------------------- the session

    def create(self, made: SessionFacts, **values: object) -> None:
        """Begin the session."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write({"schema_version": SCHEMA_VERSION, "facts": made.to_json(), **values})

    def facts(self) -> SessionFacts:
        """What the session is."""
        known = self.values()
        if "facts" not in known:
            raise SessionError(f"{self.folder}: holds no session")
        if known["schema_version"] > SCHEMA_VERSION:
            raise SessionError(f"{self.folder}: is of a newer version of bt-gex; update it")
        return SessionFacts.from_json(known["facts"])

    def values(self) -> dict[str, Any]:
        """Everything kept of the session by name: facts, status, pid, halted; none: no session."""
        path = self.folder / "session.json"
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SessionError(f"{path}: cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise SessionError(f"{path}: is no session of bt-gex")
        return found

    def put(self, **values: object) -> None:
        """Change some of it: status, pid, halted."""
        self._write({**self.values(), **values})

    def _write(self, values: Mapping[str, object]) -> None:
        text = json.dumps(values, indent=1, sort_keys=True, allow_nan=False)
        write_text(self.folder / "session.json", f"{text}\n")

    # ------------------------------------------------------------------------------ the recording

    def append(self, read: Sequence[BarRead], rows: Iterable[SeenRow]) -> None:
        """Record readings, missed ones before the last, and the rows seen at that: one commit."""
        by_table: dict[str, list[list[object]]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append([row.id, *row.values])
        record = {"read": [asdict(one) for one in read], "rows": by_table}
        text = json.dumps(record, separators=(",", ":"), default=_as_text)
        if self._log is None:
            self._log = Log(self.recording)
        self._log.append(zlib.compress(text.encode(), LEVEL))

    def bars(self) -> list[BarRead]:
        """All readings in order."""
        return self.read()[0]

    def read(self) -> tuple[list[BarRead], dict[int, list[SeenRow]]]:
        """All readings in order, and the rows by the bar at which they were first seen."""
        bars: list[BarRead] = []
        found: dict[int, list[SeenRow]] = {}
        stamps: dict[object, int] = {}
        for stored in records(self.recording):
            record = json.loads(zlib.decompress(stored))
            bars += [BarRead(**one) for one in record["read"]]
            seen = found.setdefault(bars[-1].row, [])
            for table in TABLES:
                for row_id, *values in record["rows"].get(table, ()):
                    raw = values[0]
                    if raw not in stamps:
                        stamps[raw] = stamp_ns(raw, f"{self.recording}, table {table}")
                    seen.append(SeenRow(table, stamps[raw], row_id, tuple(values)))
        return bars, found


def _as_text(value: datetime) -> str:
    """An instant of a database that has them, as SQLite keeps it."""
    return str(value.isoformat(sep=" "))


def late_rows(read: Sequence[BarRead], rows: Mapping[int, Sequence[SeenRow]], session: Session
              ) -> list[tuple[int, SeenRow]]:  # fmt: skip
    """Rows that came after the bar they belong to, with the bar at which they were seen.

    Rows first read after a start or after missed bars are backlog, not late.
    """
    grid = session.grid()
    return [
        (bar.row, row)
        for bar in read
        if not bar.backlog and bar.row > 0
        for row in rows.get(bar.row, ())
        if row.ns <= int(grid[bar.row - 1])
    ]


def session_folder(home: Path, session_id: str) -> Path:
    """The folder of a session."""
    return home / FOLDER / session_id


def session_ids(home: Path) -> list[str]:
    """All sessions of a home, the one started last at the end."""
    folders = [path.parent for path in (home / FOLDER).glob("*/session.json")]
    return [path.name for path in sorted(folders, key=lambda path: (_began_ns(path), path.name))]


def newest_workspace(home: Path) -> UUID | None:
    """The account of the session started last; None where there is no session."""
    known = session_ids(home)
    if not known:
        return None
    return SessionStore(session_folder(home, known[-1])).facts().workspace


def _began_ns(folder: Path) -> int:
    return int(SessionStore(folder).values().get("started_ns", 0))
