"""SQLite files as files: opening them without leaving a trace, and telling when they change."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

WAL_VERSION = b"\x02"


def read_only_uri(path: Path) -> tuple[str, bool]:
    """URI that opens the file for reading, and whether the log's index must be kept in memory.

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
        return f"{uri}&immutable=1", False
    if left_alone and os.name == "posix":
        return f"{uri}&vfs=unix-none", True
    return uri, False


def state_of(path: Path) -> str:
    """What changes whenever the content of the database can have changed.

    Times and sizes of the file and its log, the change counter of the one and the salts of the
    other: setting back a file's time alone does not hide a change, as the time of that does not
    go back. Raises OSError.
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
        parts += [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, head]
    journal = Path(f"{path}-journal")
    return " ".join(map(str, [*parts, journal.exists()]))
