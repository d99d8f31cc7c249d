"""An append-only log of records: each is on the disk, whole, before `append` returns.

One record costs one sync of the disk, a transaction of SQLite four to five. A record that was cut
off by a crash is no record: it is passed over, and cut away before the next one is written.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from bt_gex.errors import OutputError

MAGIC = b"bt-gex log 1\n"
_HEAD = Struct("<II")  # length and CRC-32 of what follows


class Log:
    """The log in a file, made where there is none. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            whole = sum(len(record) + _HEAD.size for record in records(path))
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(self._fd).st_size < len(MAGIC):
                os.ftruncate(self._fd, 0)
                os.write(self._fd, MAGIC)
                self._sync()
                _sync_folder(path.parent)
            os.ftruncate(self._fd, len(MAGIC) + whole)
            os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            raise _error(path, error) from error

    def append(self, record: bytes) -> None:
        """Write a record; it lasts once this returns."""
        whole = _HEAD.pack(len(record), zlib.crc32(record)) + record
        try:
            while whole:
                whole = whole[os.write(self._fd, whole) :]
            self._sync()
        except OSError as error:
            raise _error(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _sync(self) -> None:
        getattr(os, "fdatasync", os.fsync)(self._fd)


def records(path: Path) -> Iterator[bytes]:
    """The whole records of a log in order; none of a file that is not there. Raises OutputError."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            if start != MAGIC:
                if MAGIC.startswith(start):
                    return  # cut off at its very beginning
                raise OutputError(f"{path}: is no log of bt-gex")
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, check = _HEAD.unpack(head)
                record = file.read(length)
                if len(record) < length or zlib.crc32(record) != check:
                    return
                yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise _error(path, error) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _error(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written or read: {error.strerror or error}")
