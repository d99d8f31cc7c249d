"""The day cache: sessions once read, kept as files, each with the state of what it was read from.

A file counts only while that state holds, so a changed database is never answered from it. Files
are written under a name of their own and renamed: readers and other writers see whole ones only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bt_gex.blackbox.day_file import SCHEMA_VERSION, read_about, read_day, write_day
from bt_gex.errors import OutputError
from bt_gex.market.calendar import Session
from bt_gex.market.zones import UTC_UNLESS_DOUBTED, NaiveZone
from bt_gex.sessions.rows import SessionRows
from bt_gex.storage.atomic import whole_file

FORMAT = f"days-{SCHEMA_VERSION}"  # files of another form lie in a folder of their own


def default_folder() -> Path:
    """The user's cache folder for bt-gex; BT_GEX_CACHE names another."""
    if named := os.environ.get("BT_GEX_CACHE"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("bt-gex", appauthor=False)


@dataclass(frozen=True, slots=True)
class CachedDatabase:
    """What the cache holds of one database."""

    name: str
    folder: Path
    sessions: int
    size_bytes: int
    exists: bool


class DayCache:
    """Sessions of databases in a folder, which need not exist yet.

    zone  of stamps without an offset, as they were read; sessions read in another are not answered
    """

    def __init__(self, folder: Path, zone: NaiveZone = UTC_UNLESS_DOUBTED) -> None:
        self.root = folder
        self._zone = f"@{quote(zone.name, safe='')}" if zone.is_set else ""
        self.folder = folder / FORMAT

    def place_of(self, database: str) -> Path:
        """Folder of a database; the name is its absolute path or URL."""
        return self.folder / hashlib.sha256(database.encode()).hexdigest()[:16]

    def load(self, database: str, state: str, name: str, index: str, session: Session) -> Found:
        """The rows of a session as they are in the database, if they are here."""
        path = self._file(database, index, session)
        try:
            found = read_day(path, name, session)
        except OSError:
            return Found(None, damaged=False)
        if found is None:
            return Found(None, damaged=True)
        rows, about = found
        asked = [state, index, session.open_ns, session.close_ns]
        if [about.get(key) for key in ("state", "index", "open_ns", "close_ns")] != asked:
            return Found(None, damaged=False)
        return Found(rows, damaged=False)

    def store(self, database: str, state: str, rows: SessionRows) -> None:
        """Keep the rows of a session. Raises OSError."""
        path = self._file(database, rows.index_symbol, rows.session)
        path.parent.mkdir(parents=True, exist_ok=True)
        about = path.parent.parent / "database.json"
        if not about.exists():
            with whole_file(about) as work:
                work.write_text(json.dumps({"database": database}), "utf-8")
        with whole_file(path) as work:
            write_day(work, rows, {"state": state})

    def indexes(self, database: str, state: str) -> set[str]:
        """Indexes with rows in the database, as far as the sessions kept here tell."""
        found: set[str] = set()
        for folder in _folders(self.place_of(database)):
            for file in folder.glob("*.arrow"):
                about = read_about(file)
                if about and about.get("state") == state and not about["empty"]:
                    found.add(about["index"])
                    break
        return found

    def databases(self) -> Iterator[CachedDatabase]:
        """What is here, database by database."""
        for folder in _folders(self.folder):
            try:
                name = json.loads((folder / "database.json").read_text("utf-8"))["database"]
            except (OSError, ValueError, KeyError, TypeError):
                name = "?"
            files = list(folder.glob("*/*.arrow"))
            size = sum(_size(file) for file in files)
            exists = "://" in name or Path(name).exists()
            yield CachedDatabase(name, folder, len(files), size, exists)

    def clear(self, database: str | None = None) -> tuple[int, int]:
        """Delete what is kept of one database, or of all; returns sessions and bytes.

        Raises OutputError.
        """
        gone = [
            kept
            for kept in self.databases()
            if database is None or kept.folder == self.place_of(database)
        ]
        for kept in gone:
            try:
                shutil.rmtree(kept.folder)
            except OSError as error:
                raise OutputError(f"cannot clear {kept.folder}: {error.strerror}") from error
        return sum(kept.sessions for kept in gone), sum(kept.size_bytes for kept in gone)

    def _file(self, database: str, index: str, session: Session) -> Path:
        return self.place_of(database) / quote(index, safe="") / f"{session.day}{self._zone}.arrow"


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a look into the cache."""

    rows: SessionRows | None
    damaged: bool


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return []


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # another process has just removed it
        return 0
