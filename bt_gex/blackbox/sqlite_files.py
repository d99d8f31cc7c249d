"""SQLite files as files: opening them without leaving a trace, and telling when they change."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote

WAL_VERSION = b"\x02"
HEADER_BYTES = 100
KEPT_OPEN = 16  # databases


class Access(NamedTuple):
    """How to open a SQLite file for reading.

    in_memory  the index of its log must be kept in memory
    live_log   a writer has it open in WAL mode. Only one SQLite library of a process may then open
               it: two don't see each other's POSIX locks, the second takes itself for the first
               and cuts the log's index, which both have mapped, and the process dies of SIGBUS
    """

    uri: str
    in_memory: bool = False
    live_log: bool = False


def read_only_access(path: Path) -> Access:
    """How to open the file without leaving a trace.

    In WAL mode a reader would make -wal and -shm files. Without a log it takes the database as
    unchanging instead; a log nobody has open (there is no -shm file: it was copied, or its writer
    died) it reads with the log's index in memory. Beside a recorder at work it does as SQLite does.
    Raises OSError.
    """
    uri = f"{file_uri(path)}?mode=ro"
    log, shared = Path(f"{path}-wal"), Path(f"{path}-shm")
    in_wal_mode = header_of(path)[18:19] == WAL_VERSION
    left_alone = in_wal_mode and not shared.exists()
    if in_wal_mode and (not log.exists() or (left_alone and not log.stat().st_size)):
        return Access(f"{uri}&immutable=1")
    if left_alone and os.name == "posix":
        return Access(f"{uri}&vfs=unix-none", in_memory=True)
    return Access(uri, live_log=in_wal_mode)


def file_uri(path: Path) -> str:
    """The file as SQLite's URI, without parameters."""
    return f"file:{quote(os.fsencode(path))}"


def state_of(path: Path) -> str:
    """What changes whenever the content of the database can have changed.

    Times and sizes of the file and its log, the change counter of the one and the salts of the
    other: setting back the file's time does not hide a change, as the time of that does not go
    back. Raises OSError.
    """
    stat = path.stat()
    parts: list[object] = [*_facts(stat), stat.st_ctime_ns, header_of(path)[24:].hex()]
    log = Path(f"{path}-wal")
    try:  # its ctime does not count: root's readers set its owner as they open it
        parts += _facts(log.stat())
        with log.open("rb") as opened:
            parts.append(opened.read(32).hex())
    except FileNotFoundError:
        pass
    return " ".join(map(str, [*parts, Path(f"{path}-journal").exists()]))


def _facts(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


_descriptors: dict[tuple[int, int], int] = {}  # by device and inode, the last used at the end
_lock = Lock()


def header_of(path: Path) -> bytes:
    """The first bytes of a database file. Raises OSError.

    The file stays open: when a process closes any descriptor of a file, POSIX takes all its locks
    on that file, and with them those SQLite holds for a query of another thread. A writer would
    not know of that reader then, and change what it reads.
    """
    if os.name != "posix":
        with path.open("rb") as file:
            return file.read(HEADER_BYTES)
    with _lock:
        stat = path.stat()
        key = stat.st_dev, stat.st_ino
        descriptor = _descriptors.pop(key, None)
        if descriptor is None:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stat = os.fstat(descriptor)  # another file may have taken its place just now
            key = stat.st_dev, stat.st_ino
        _descriptors[key] = descriptor
        while len(_descriptors) > KEPT_OPEN:
            os.close(_descriptors.pop(next(iter(_descriptors))))
        return os.pread(descriptor, HEADER_BYTES, 0)
