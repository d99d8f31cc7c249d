"""SQLite files as files: opening them without leaving a trace, and telling when they change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

WAL_VERSION = b"\x02"


class Access(NamedTuple):
    """How to open a SQLite file for reading.

    in_memory  the index of its log must be kept in memory
    shared_log the index of its log is a file mapped by all who have the database open. Two SQLite
               libraries in one process don't see each other's locks on it: the second takes itself
               for the first, cuts the file, and the process dies of a bus error
    """

    uri: str
    in_memory: bool = False
    shared_log: bool = False


def read_only_access(path: Path) -> Access:
    """How to open the file without leaving a trace.

    In WAL mode a reader would make -wal and -shm files. Without a log it takes the database as
    unchanging instead; a log nobody has open (there is no -shm file: it was copied, or its writer
    died) it reads with the log's index in memory. Beside a recorder at work it does as SQLite does.
    Raises OSError.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode=ro"
    log, shared = Path(f"{path}-wal"), Path(f"{path}-shm")
    with path.open("rb") as file:
        in_wal_mode = file.read(20)[18:19] == WAL_VERSION
    left_alone = in_wal_mode and not shared.exists()
    if in_wal_mode and (not log.exists() or (left_alone and not log.stat().st_size)):
        return Access(f"{uri}&immutable=1")
    if left_alone and os.name == "posix":
        return Access(f"{uri}&vfs=unix-none", in_memory=True)
    return Access(uri, shared_log=in_wal_mode)


def state_of(path: Path) -> str:
    """What changes whenever the content of the database can have changed.

    Times and sizes of the file and its log, the change counter of the one and the salts of the
    other: setting back the file's time does not hide a change, as the time of that does not go
    back. Raises OSError.
    """
    parts: list[object] = []
    for file, header in ((path, slice(24, 100)), (Path(f"{path}-wal"), slice(0, 32))):
        try:
            stat = file.stat()
            with file.open("rb") as opened:
                head = opened.read(100)[header].hex()
        except FileNotFoundError:
            if file == path:
                raise
            continue
        parts += [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, head]
        if file == path:  # root's readers set the owner of a log, and so its ctime, as they open it
            parts.append(stat.st_ctime_ns)
    journal = Path(f"{path}-journal")
    return " ".join(map(str, [*parts, journal.exists()]))
