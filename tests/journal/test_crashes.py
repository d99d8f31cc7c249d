"""Processes killed at every point of a command: what was promised is there, once, and whole."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from journal.children import buy_until_killed, die_buying, start
from journal.desk import WORKSPACE, make_intent
from journal.places import Place

from bt_gex.journal.base import Query
from bt_gex.ledger.commands import Accepted, Refused

ROUNDS = int(os.environ.get("BT_GEX_KILL_ROUNDS", "2"))  # of random kills


@pytest.mark.parametrize(
    ("point", "first"),
    [("c1", True), ("c2", False), ("c3", True), ("c4", False), ("c4", True), ("c6", True),
     ("c6", False), ("c8", False)],
)  # fmt: skip
def test_killed_at_a_point(place: Place, point: str, first: bool) -> None:
    survivor = place.desk()
    if not first:
        survivor.buy("before", 1, 100)
    before = survivor.journal.state(WORKSPACE)
    child = start(die_buying, place.url, point, "killed")
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    stored = point in ("c6", "c8")
    for journal in (survivor.journal, place.open()):
        verified = journal.verify(WORKSPACE)
        assert verified.ok
        after = journal.state(WORKSPACE)
        assert after == before or stored
        assert (after.book.held("BTC") - before.book.held("BTC")) == stored
    # Sent again it is executed once, whichever it was.
    survivor.count = 0 if first else 1
    again = survivor.buy("killed", 1, 100)
    if stored:
        assert isinstance(again, Refused)
        assert again.code == "ALREADY_EXECUTED"
        assert again.prior is not None
        assert again.prior.intent_id == make_intent("killed", "open_long").id
    else:
        assert isinstance(again, Accepted)
    assert survivor.book.held("BTC") == (1 if first else 2)
    assert survivor.journal.verify(WORKSPACE).ok
    assert len(survivor.events()) == (7 if first else 13)


def test_killed_at_any_instant(place: Place, tmp_path: Path) -> None:
    """Two writers at once: nothing acknowledged is lost, at most the last one is unacknowledged."""
    chance = random.Random(7)
    place.open().close()
    for n in range(ROUNDS):
        tags = (f"{n}a", f"{n}b")
        files = [tmp_path / tag for tag in tags]
        writers = [
            start(buy_until_killed, place.url, str(file), tag)
            for file, tag in zip(files, tags, strict=True)
        ]
        deadline = time.monotonic() + 60
        while not all(file.exists() and file.stat().st_size for file in files):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.random() * 0.15)
        for writer in writers:
            writer.kill()
            writer.join(60)
        journal = place.open()
        assert journal.verify(WORKSPACE).ok
        fills = journal.records(Query(types=("order_filled",)))
        stored = {str(record.correlation_id).removeprefix("test-") for record in fills}
        assert len(stored) == len(fills)
        for file, tag in zip(files, tags, strict=True):
            acknowledged = {line for line in file.read_text("utf-8").split("\n") if line}
            of_tag = {name for name in stored if name.startswith(f"{tag}-")}
            assert acknowledged <= of_tag
            assert len(of_tag - acknowledged) <= 1
        journal.close()
