"""Writing files and folders whole or not at all: under a hidden name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bt_gex.errors import OutputError

SQLITE = b"SQLite format 3\0"  # how such a file begins
Writer = Callable[[Path], None]


def write_folder(
    parent: str | Path, name: str, write: Writer, extras: Mapping[str, Writer] | None = None
) -> Path:
    """Make a folder whole or not at all: written under a hidden name, then renamed.

    What an earlier folder of that name holds besides stays in it.
    extras: what writes further files, by their name. Raises OutputError.
    """
    target = Path(parent) / name
    try:
        Path(parent).mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent))
        try:
            work = hidden / "new"
            work.mkdir()
            write(work)
            for extra, write_extra in (extras or {}).items():
                write_extra(work / extra)
            _keep_others(target, work)
            replace_folder(work, target, hidden / "old")
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _keep_others(earlier: Path, work: Path) -> None:
    """Copy what the new folder does not have itself: notes of the user, a report made later."""
    for entry in earlier.iterdir() if earlier.is_dir() else ():
        new = work / entry.name
        if entry.is_dir() and not entry.is_symlink():
            new.mkdir(exist_ok=True)
            _keep_others(entry, new)
        elif not os.path.lexists(new):
            shutil.copy2(entry, new, follow_symlinks=False)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises OutputError."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: under a hidden name, then renamed. Raises OutputError.

    What a link points to is written, not the link; a device or a pipe is written to. A SQLite
    database is never replaced: it is what somebody recorded.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path, strict=path.exists()))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if _is_database(target):
            raise OutputError(f"{path} is a SQLite database; it stays, give another name")
        with whole_file(target) as work:
            work.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _is_database(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A hidden path beside the target, to be written to, that takes its place when the block ends
    well; otherwise it is removed and the target stays as it was. Raises OSError.
    """
    work = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        yield work
        os.replace(work, target)
    finally:
        with suppress(OSError):
            work.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raise OutputError at once where a folder could not be written after a long run."""
    place = folder
    while not place.exists() and place.parent != place:
        place = place.parent
    if not place.is_dir():
        raise OutputError(f"cannot write {folder}: {place} is not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {folder}: no permission in {place}")


def replace_folder(work: Path, target: Path, old: Path) -> None:
    """Put a finished folder in the place of another, which goes to `old`; never a mixture of both.

    If it is interrupted, by Ctrl-C too, one of the two is there.
    """
    if not target.exists():
        os.rename(work, target)
        return
    try:
        os.rename(target, old)
        os.rename(work, target)
    except BaseException:
        if not target.exists():
            os.rename(old, target)
        raise
