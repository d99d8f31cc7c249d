"""A database whose stamps are not UTC: refused, read in its zone, cached by zone."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from defects.handmade_market import Market, put_spread

from bt_gex import RunConfig, RunResult, replay
from bt_gex.blackbox.coverage import read_coverage
from bt_gex.blackbox.reader import Blackbox
from bt_gex.config.files import read_config
from bt_gex.errors import BadValue, DataError
from bt_gex.sweeps.plan import make_plan

DAY = {"start": "2026-01-12", "end": "2026-01-12"}
NEW_YORK: dict[str, object] = {"data.timezone": "America/New_York"}
TABLES = ("market_context", "options_snapshots", "gex_peaks", "competing_peaks")


@pytest.fixture
def right(tmp_path: Path) -> Path:
    market = Market(tmp_path)
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.2, 0.05))
    return market.save()


@pytest.fixture
def shifted(right: Path, tmp_path: Path) -> Path:
    """The same with every stamp five hours earlier: New York's clock."""
    path = tmp_path / "shifted.db"
    path.write_bytes(right.read_bytes())
    with sqlite3.connect(path) as db:
        for table in (*TABLES, "options_prices_live"):
            for number, stamp in db.execute(f"SELECT id, timestamp FROM {table}").fetchall():
                earlier = datetime.fromisoformat(stamp) - timedelta(hours=5)
                text = earlier.isoformat(sep=" ")
                db.execute(f"UPDATE {table} SET timestamp = ? WHERE id = ?", (text, number))
    db.close()
    return path


def run(path: Path, cache: Path, settings: dict[str, object] | None = None) -> RunResult:
    return replay(path, RunConfig(settings=settings or {}, **DAY), cache=cache)  # type: ignore[arg-type]


def test_shifted_by_five_hours_it_is_refused_by_name(shifted: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"set data\.timezone=America/New_York"):
        run(shifted, tmp_path / "cache")
    with Blackbox(shifted) as box, pytest.raises(DataError, match="America/New_York"):
        read_coverage(box)


def test_in_its_zone_it_is_the_same_market(right: Path, shifted: Path, tmp_path: Path) -> None:
    expected = run(right, tmp_path / "cache")
    assert expected.statistics.funnel.entries == 12
    found = run(shifted, tmp_path / "cache", NEW_YORK)
    assert found.trade_records == expected.trade_records
    assert found.source["fingerprint"] == expected.source["fingerprint"]


def test_the_zone_belongs_to_the_key_of_the_cache(shifted: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(shifted, cache, NEW_YORK).statistics.funnel.entries == 12
    with pytest.raises(DataError, match="America/New_York"):
        run(shifted, cache)  # not answered from what was read in New York's time
    as_utc = run(shifted, cache, {"data.timezone": "UTC"})  # who names a zone is believed
    assert as_utc.statistics.funnel.entries < 12
    with pytest.raises(DataError, match="America/New_York"):
        run(shifted, cache)
    assert run(shifted, cache, NEW_YORK).statistics.funnel.entries == 12


def test_stamps_with_an_offset_are_not_doubted(shifted: Path, tmp_path: Path) -> None:
    with sqlite3.connect(shifted) as db:
        for table in (*TABLES, "options_prices_live"):
            db.execute(f"UPDATE {table} SET timestamp = timestamp || '-05:00'")
    db.close()
    assert run(shifted, tmp_path / "cache").statistics.funnel.entries == 12
    assert run(shifted, tmp_path / "cache", NEW_YORK).statistics.funnel.entries == 12


def test_the_configuration_of_a_run_names_no_zone_by_itself(right: Path, tmp_path: Path) -> None:
    folder = run(right, tmp_path / "cache").save(tmp_path).folder
    assert folder
    found = read_config(folder / "config.yaml")
    config = RunConfig(settings=found.settings, indexes=found.indexes, **found.plain)
    assert (config.naive_zone.name, config.naive_zone.is_set) == ("UTC", False)


def test_a_zone_is_not_swept() -> None:
    with pytest.raises(BadValue, match=r"data\.timezone .* swept"):
        make_plan(RunConfig(**DAY), {"data.timezone": ["UTC", "America/Chicago"]})  # type: ignore[arg-type]
