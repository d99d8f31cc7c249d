"""Processes that work on a journal beside the test, and may be killed while they do.

They are forked from a server that has imported everything, so each starts within milliseconds.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from journal.desk import Desk

from bt_gex.errors import JournalError
from bt_gex.journal.crash import VARIABLE
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import Accepted, Refused

CONTEXT = mp.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "journal.children"])


def start(work: Callable[..., None], *args: Any) -> BaseProcess:
    """A process that does the work; ended with the test that waits for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # or the server imports nothing
        forkserver.ensure_running()
    process = CONTEXT.Process(target=work, args=args)
    process.start()
    return process


def results(work: Callable[..., None], *rows: tuple[Any, ...]) -> list[Any]:
    """What processes running at the same time put into their queue, one each."""
    queue: Any = CONTEXT.Queue()
    processes = [start(work, queue, *row) for row in rows]
    found = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return found


def die_buying(url: str, point: str, name: str) -> None:
    """Buy a unit, and be killed at a point on the way."""
    os.environ[VARIABLE] = point
    Desk(SqlJournal(url)).buy(name, 1, 100)


def buy_all(queue: Any, url: str, names: list[str]) -> None:
    """Buy a unit under each name; tells how many were accepted, refused as executed, or failed."""
    desk = Desk(SqlJournal(url, wait_s=60))
    accepted, executed = 0, 0
    for name in names:
        decision = desk.buy(name, 1, 1)
        accepted += isinstance(decision, Accepted)
        executed += isinstance(decision, Refused) and decision.code == "ALREADY_EXECUTED"
    queue.put((accepted, executed))


def buy_until_full(queue: Any, url: str, limit_bytes: int) -> None:
    """Buy until files may not grow any more; tells the error, what was acknowledged, and whether
    reading goes on and buying does once there is room again."""
    desk = Desk(SqlJournal(url))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, unlimited[1]))
    done, said = 0, ""
    try:
        for n in range(1_000):
            desk.buy(n, 1, 1)
            done += 1
    except JournalError as error:
        said = type(error).__name__
    held = desk.book.held("BTC")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    again = desk.buy(done, 1, 1)
    queue.put((said, done, int(held), isinstance(again, Accepted)))


def buy_until_killed(url: str, path: str, tag: str) -> None:
    """Buy for ever; each acknowledged name is written to a file."""
    desk = Desk(SqlJournal(url, wait_s=60))
    with open(path, "a", encoding="utf-8") as file:
        for n in range(1_000_000):
            desk.buy(f"{tag}-{n}", 1, 1)
            file.write(f"{tag}-{n}\n")
            file.flush()


def buy_and_tell(url: str) -> None:
    """Buy a unit ten times; prints what each purchase came to."""
    desk = Desk(SqlJournal(url))
    for n in range(10):
        try:
            print(n, type(desk.buy(n, 1, 1)).__name__)
        except JournalError as error:
            print(n, type(error).__name__)
