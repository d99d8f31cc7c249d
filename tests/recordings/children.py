"""Processes that record beside the test, and may be killed while they do."""

from __future__ import annotations

from typing import Any

from recordings.runs import record_cross
from recordings.sessions import add_bar, add_trade, recorder

from bt_gex.recordings.store import RecordingStore


def record_until_killed(url: str, instance: int) -> None:
    """Bars, and a trade now and then, without an end."""
    made = recorder(url, instance_id=instance, flush_bars=7)
    minute = 0
    while True:
        add_bar(made, minute, 100.0 + minute % 5)
        if minute % 11 == 3:
            add_trade(made, 1.0)
        minute += 1


def record_some(url: str, instance: int, bars: int) -> None:
    """A whole session."""
    made = recorder(url, instance_id=instance, flush_bars=5)
    for minute in range(bars):
        add_bar(made, minute, float(instance))
        if minute % 4 == 1:
            made.record_event("CUSTOM", event_data={"of": instance, "at": minute})
    made.stop_recording()


def run_until_killed(url: str) -> None:
    """One run after the other, by the analyzer, written on every bar."""
    with RecordingStore(url) as store:
        options: dict[str, Any] = {"commit_seconds": 0, "flush_bars": 3}
        while True:
            record_cross(store, recorder=options)
