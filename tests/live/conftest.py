"""Sessions of these tests don't wait for the disk: what a crash of the machine leaves is tested
where the log and the journal are."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.storage import databases
from bt_gex.storage.log import Log


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    durable = databases._make_durable

    def fast(connection: Any, record: object) -> None:
        durable(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(databases, "_make_durable", fast)
    monkeypatch.setattr(Log, "_sync", lambda self: None)
