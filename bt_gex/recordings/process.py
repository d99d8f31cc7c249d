"""Which process writes a recording, and whether it is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def own_mark() -> str:
    """Host, number and start of this process."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def is_gone(mark: str | None) -> bool:
    """Whether the process is known to have ended; on another host nothing is known."""
    host, _, rest = (mark or "").rpartition(":")[0].rpartition(":")
    start = (mark or "").rpartition(":")[2]
    if not rest.isdigit() or host != socket.gethostname():
        return False
    pid = int(rest)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return start != _start_of(pid)


def _start_of(pid: int) -> str:
    """When a process started, in the system's own count; empty where that is not told.

    A process that has ended and is not yet waited for has no start any more: it is gone.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[0] == "Z" else fields[19]
