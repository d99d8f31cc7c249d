"""docs/blackbox.md against the schema, the reader and the stamps it accepts."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest
from defects.handmade_market import AT_0936, Market, put_spread
from docs_tools import blocks, names, page, section, table

from bt_gex import RunConfig, replay
from bt_gex.blackbox.schema import metadata
from bt_gex.blackbox.source import KEY, NEEDED
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.market.calendar import utc

TEXT = page("docs/blackbox.md")


def type_name(kind: object) -> str:
    return "DATETIME" if type(kind).__name__ == "Stamp" else str(kind)


def test_all_five_tables_are_there() -> None:
    assert set(re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)) == set(metadata.tables)


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_columns(name: str) -> None:
    documented = [
        (names(cells[0])[0], cells[1], cells[2], cells[3])
        for cells in table(section(TEXT, f"`{name}`"))
    ]
    read = {*KEY, *NEEDED[name]}
    assert documented == [
        (
            column.name,
            type_name(column.type),
            "yes" if column.nullable else "no",
            "read" if column.name in read else "",
        )
        for column in metadata.tables[name].columns
    ]


def test_accepted_stamps() -> None:
    stamps = blocks(section(TEXT, "Timestamps"), "text")[0].split("\n")[:-1]
    found = [f"{utc(stamp_ns(stamp, '')):%Y-%m-%d %H:%M:%S.%f}" for stamp in stamps]
    assert found == [f"2026-01-12 14:36:00.{'250000' if n == 1 else '000000'}" for n in range(5)]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_nothing_is_written(tmp_path: Path, mode: str) -> None:
    market = Market(tmp_path)
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.2))
    path = market.save()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.close()
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    config = RunConfig(start=market.day, end=market.day, settings=AT_0936)  # type: ignore[arg-type]
    for database in (path, f"sqlite:///{path}"):
        assert replay(database, config).summary["total_trades"] == 1
        assert [file.name for file in tmp_path.iterdir()] == ["market.db"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
