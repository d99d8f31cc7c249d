"""Recordings of runs on the option market: what was seen, and the same run from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bt_gex.blackbox.writer import new_file
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, UnknownName
from bt_gex.recordings.archive import export_recording, import_recording
from bt_gex.recordings.option_rows import pack_rows, unpack_rows
from bt_gex.recordings.store import RecordingStore
from bt_gex.results.result import RunResult
from bt_gex.runs.recorded_gex import replay_recorded
from bt_gex.runs.replay import replay
from bt_gex.runs.replay_many import replay_many
from bt_gex.runs.session_replayer import SessionReplayer
from bt_gex.synthetic.blackbox import SynthConfig, write

START, END = date(2026, 1, 9), date(2026, 1, 12)  # a weekend between them
SETTINGS = {"setup.far_max": 500, "setup.moderate_max": 400, "setup.near_pin_max": 300}


def content(result: RunResult) -> Any:
    return (
        result.run_id, result.trade_records, result.decision_records, result.statistics,
        *(repr(table.to_pydict())  # a NaN is not equal to itself
          for table in (result.equity_table, result.marks_table, result.market_table)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("market") / "blackbox.db"
    with new_file(path) as engine:
        write(SynthConfig(start=START, end=END, seed=7, strikes_within=60.0), engine)
    return path


@pytest.fixture(scope="module")
def recorded(
    market: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RecordingStore, str, RunResult]]:
    config = RunConfig(index="SPX", start=START, end=END, settings=SETTINGS)
    with RecordingStore(tmp_path_factory.mktemp("gex") / "r.db") as store:
        name = "00000000-0000-4000-8000-000000000001"
        result = replay(market, config, recorder={"database": store, "recording_id": name})
        assert len(result.trade_records) > 5
        yield store, name, result


def test_what_was_seen(recorded: Any) -> None:
    store, name, result = recorded
    row, bars = store.get(name), store.bars(name)
    assert (row.status, row.strategy_name, row.symbols) == ("completed", "GexStrategy", ("SPX",))
    assert len(bars) == 2 * 781  # both sessions, each bar and its close
    assert set(bars[100].indicators) == {"vix", "pin"}
    assert bars[100].values.open == bars[100].values.close
    assert bars[100].values.volume is None
    assert row.original_trades == len(result.trade_records)
    total = sum(trade.pnl_dollars or 0 for trade in result.trade_records)
    assert row.original_pnl == pytest.approx(total)
    kinds = store.counts(name)
    assert kinds["POSITION_OPENED"] == kinds["POSITION_CLOSED"] == row.original_trades
    # Rows are with the bar on which they were first seen: none of a later bar, all in the end.
    options = store.option_rows(name)
    assert len(options) > 1000
    for one in options:
        rows = unpack_rows(one.blob)
        parts = [rows.get("quotes", {}), *rows.get("tables", {}).values()]
        stamps = [ns for part in parts for ns in part.get("ns", ())]
        assert max(stamps) <= bars[one.sequence].ts_ns
        if one.sequence % 781:  # not the first of its session
            assert min(stamps) > bars[one.sequence - 1].ts_ns


def test_its_replay_is_the_run(recorded: Any) -> None:
    store, name, result = recorded
    assert content(replay_recorded(store, name)) == content(result)
    found = SessionReplayer(store, name, save=False)
    for mode in ({}, {"every_bar": True}):
        again = found.replay(mode=mode)
        assert again["comparison"]["first_difference"] is None
        assert {row["state"] for row in again["comparison"]["trades"]} == {"same"}


def test_recorded_on_every_bar_it_is_the_same_recording(
    market: Path, recorded: Any, file_store: RecordingStore
) -> None:
    store, name, _ = recorded
    config = RunConfig(index="SPX", start=START, end=END, settings=SETTINGS)
    replay(market, config, every_bar=True, recorder={"database": file_store, "recording_id": name})

    def shown(one: RecordingStore) -> Any:
        events = [(*e[:3], *e[4:]) for e in one.events(name)]
        return one.bars(name), events, one.option_rows(name)

    assert shown(file_store) == shown(store)


def test_other_settings_are_those_of_a_run(market: Path, recorded: Any) -> None:
    store, name, _ = recorded
    changes = {"exit.stop_loss": 0.3, "fills.entry_slippage": 0.5}
    config = RunConfig(index="SPX", start=START, end=END, settings={**SETTINGS, **changes})
    expected = replay(market, config)
    assert content(replay_recorded(store, name, changes)) == content(expected)
    made = SessionReplayer(store, name, save=False)
    made.set_parameters(changes)
    result = made.replay()
    assert result["total_trades"] == len(expected.trade_records)
    total = sum(trade.pnl_dollars or 0 for trade in expected.trade_records)
    assert result["total_pnl"] == pytest.approx(total)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("exit.stop_los", 0.1, UnknownName), ("exit.stop_loss", -1, BadValue)],
)
def test_settings_are_checked(recorded: Any, name: str, value: object, error: type) -> None:
    made = SessionReplayer(recorded[0], recorded[1], save=False)
    made.set_parameter(name, value)
    with pytest.raises(error, match=r"exit\.stop_loss"):
        made.replay()


def test_many(recorded: Any) -> None:
    store, name, _ = recorded
    found = replay_many(store, name, {"exit.stop_loss": [0.1, 0.5]}, workers=2, save=False)
    assert [one["status"] for one in found] == ["completed"] * 2
    assert found[0]["total_pnl"] != found[1]["total_pnl"]


def test_by_a_file(recorded: Any, file_store: RecordingStore, folder: Path) -> None:
    store, name, result = recorded
    path = export_recording(store, name, folder)
    assert import_recording(file_store, path) == name
    assert file_store.option_rows(name) == store.option_rows(name)
    assert content(replay_recorded(file_store, name)) == content(result)


def test_rows_that_are_none() -> None:
    assert unpack_rows(pack_rows({"unknown": 3})) == {"unknown": 3}
    good = pack_rows({"a": [1.5] * 100})
    for blob in (b"", good[:-3], good[:10] + b"x" + good[11:], pack_rows([])):  # type: ignore[arg-type]
        with pytest.raises(BadValue):
            unpack_rows(blob)
