"""Recorders that are killed, and recorders side by side on one database."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from journal.children import start
from recordings.children import record_some, record_until_killed, run_until_killed
from recordings.sessions import add_bar, recorder

from bt_gex.recordings.records import RecordedSession
from bt_gex.recordings.store import RecordingStore

ROUNDS = int(os.environ.get("BT_GEX_KILL_ROUNDS", "2"))  # of random kills


def assert_whole(store: RecordingStore, row: RecordedSession) -> None:
    """What is there has no hole, and the row does not claim more than it has."""
    bars, events = store.bars(row.recording_id), store.events(row.recording_id)
    assert [bar.sequence for bar in bars] == list(range(len(bars)))
    assert [event.sequence for event in events] == list(range(len(events)))
    assert (row.total_bars_recorded, row.total_events_recorded) == (len(bars), len(events))
    for event in events:
        assert event.bar_sequence is None or event.bar_sequence < len(bars)


def test_A8_killed_while_recording(store: RecordingStore) -> None:
    chance = random.Random(5)
    done = recorder(store)
    add_bar(done, 0)
    done.stop_recording()
    before = store.get(done.recording_id), store.bars(done.recording_id)
    for instance in range(10, 10 + ROUNDS):
        child = start(record_until_killed, store.target, instance)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if any(r.instance_id == instance and r.total_bars_recorded for r in store.find()):
                break
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        assert child.pid
        os.kill(child.pid, signal.SIGKILL)
        child.join(60)
        time.sleep(0.3)  # a server ends what was committed when its client died
        (row,) = [r for r in store.find() if r.instance_id == instance]
        assert row.status == "interrupted"
        assert row.total_bars_recorded > 0
        assert_whole(store, row)
        recovered = store.recover(row.recording_id)
        last = recovered.total_bars_recorded - 1
        assert (recovered.status, recovered.description) == (
            "failed", f"interrupted after bar {last}"
        )  # fmt: skip
        assert recovered.original_trades == store.counts(row.recording_id).get("POSITION_CLOSED", 0)
        assert_whole(store, recovered)
    assert (store.get(done.recording_id), store.bars(done.recording_id)) == before


def test_a_run_that_is_killed(file_store: RecordingStore) -> None:
    child = start(run_until_killed, file_store.target)
    until = time.monotonic() + 60
    while time.monotonic() < until and len(file_store.find()) < 2:
        time.sleep(0.01)
    child.kill()
    child.join(60)
    for row in file_store.find():
        assert row.status in ("completed", "interrupted")
        assert_whole(file_store, row)


@pytest.mark.parametrize("bars", [120])
def test_A9_two_recorders_on_one_database(store: RecordingStore, bars: int) -> None:
    children = [start(record_some, store.target, instance, bars) for instance in (1, 2)]
    for child in children:
        child.join(120)
        assert child.exitcode == 0
    rows = store.find()
    assert sorted(row.instance_id for row in rows) == [1, 2]
    for row in rows:
        assert row.status == "completed"
        assert_whole(store, row)
        found = store.bars(row.recording_id)
        assert len(found) == bars
        assert {bar.values.close for bar in found} == {float(row.instance_id)}
        events = store.events(row.recording_id)
        assert [event.data for event in events] == [
            {"of": row.instance_id, "at": minute} for minute in range(1, bars, 4)
        ]
