"""The recorder for a trading loop: what it writes, when, and in which state a recording is."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from recordings.sessions import MINUTE, T0, add_bar, add_trade, kinds, recorder, rows
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from bt_gex.errors import BadValue, NoRecording, RecordingError, RecordingState, UnknownName
from bt_gex.recordings.records import BarValues
from bt_gex.recordings.rows import Page, Query
from bt_gex.recordings.session_recorder import SessionRecorder
from bt_gex.recordings.store import RecordingStore


def test_a_session_is_recorded_whole(store: RecordingStore) -> None:
    """The row is there at once; each call writes its event with the arguments."""
    made = recorder(store)
    name = made.recording_id
    assert store.get(name).status == "recording"
    made.record_market_data("AAPL", T0, 150.0, 151.0, 149.5, 150.5, 1_000_000, {"rsi": 28.5})
    made.record_signal_detected(
        "AAPL", "MEAN_REVERSION", 150.5, 149.0, 151.5, {"rsi": 28.5}, 0.85, "below the band"
    )
    made.record_order_placed("AAPL", "o-1", "market", "buy", 10)
    made.record_market_data("AAPL", T0 + MINUTE, 150.5, 150.5, 150.5, 150.5, 5)
    made.record_order_filled("AAPL", "o-1", 10, 150.5)
    made.record_position_opened("AAPL", 150.5, 10, "LONG", 149.0, 151.5)
    made.record_position_closed("AAPL", 151.5, 10, "take_profit_hit", 10.0, 0.66, 0)
    made.record_scan_cycle(1, ["AAPL"])
    made.record_event("CUSTOM", "AAPL", {"note": 1}, {"why": "x"}, {"cash": 5.0}, T0)
    info = made.get_recording_info()
    assert (info["total_bars_recorded"], info["total_events_recorded"]) == (2, 7)
    made.stop_recording("Morning", ["high_volatility", "morning"])

    row = store.get(name)
    assert (row.status, row.description, row.tags) == (
        "completed", "Morning", ("high_volatility", "morning")
    )  # fmt: skip
    assert (row.original_trades, row.original_pnl, row.original_win_rate) == (1, 10.0, 100.0)
    assert (row.total_bars_recorded, row.total_events_recorded) == (2, 7)
    assert (row.first_bar_time, row.last_bar_time) == (T0, T0 + MINUTE)
    assert row.recording_end_time is not None
    assert dict(row.original_parameters) == {"rsi_threshold": 30, "bb_std": 2.5}

    bars = store.bars(name)
    assert rows(bars)[0] == (0, "AAPL", BarValues(150.0, 151.0, 149.5, 150.5, 1e6))
    assert bars[0].indicators == {"rsi": 28.5}
    found = store.events(name)
    assert kinds(found) == [
        "SIGNAL_DETECTED", "ORDER_PLACED", "ORDER_FILLED", "POSITION_OPENED", "POSITION_CLOSED",
        "SCAN_CYCLE", "CUSTOM",
    ]  # fmt: skip
    assert [event.sequence for event in found] == list(range(7))
    assert [event.bar_sequence for event in found] == [0, 0, 1, 1, 1, 1, 1]
    signal = found[0]
    assert signal.data == {
        "signal_type": "MEAN_REVERSION", "entry_price": 150.5, "stop_loss": 149.0,
        "take_profit": 151.5, "signal_strength": 0.85, "reasoning": "below the band",
    }  # fmt: skip
    assert signal.decision == {"indicators": {"rsi": 28.5}}
    assert found[1].data["price"] is None
    assert found[6].market == {"cash": 5.0}
    assert store.counts(name)["POSITION_OPENED"] == 1


def test_R12_an_event_has_the_time_of_its_bar(store: RecordingStore) -> None:
    made = recorder(store)
    add_bar(made, 0)
    add_trade(made, 1.0)
    made.record_event("CUSTOM", timestamp=T0 - MINUTE)
    found = store.events(made.recording_id)
    t0_ns = store.bars(made.recording_id)[0].ts_ns
    assert [event.ts_ns - t0_ns for event in found] == [0, 0, -60_000_000_000]
    assert all(event.wall_ns > event.ts_ns for event in found)


def test_R13_what_an_event_follows_is_written_with_it(store: RecordingStore) -> None:
    """Bars wait for 500 of them or for an event; nothing waits for the end."""
    made = recorder(store)
    for minute in range(501):
        add_bar(made, minute)
    name = made.recording_id
    assert len(store.bars(name)) == 500
    assert store.get(name).total_bars_recorded == 500
    made.record_event("CUSTOM")
    assert len(store.bars(name)) == 501


def test_bars_are_written_after_a_while_whether_or_not_more_come(store: RecordingStore) -> None:
    made = recorder(store, flush_seconds=0.05)
    add_bar(made, 0)
    before = store.get(made.recording_id).heartbeat
    until = time.monotonic() + 20
    while not store.bars(made.recording_id) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(store.bars(made.recording_id)) == 1
    assert before is not None
    while store.get(made.recording_id).heartbeat == before and time.monotonic() < until:
        time.sleep(0.02)
    made.stop_recording()
    assert store.get(made.recording_id).status == "completed"


def test_R14_A26_the_original_figures_are_computed(store: RecordingStore) -> None:
    made = recorder(store)
    add_bar(made, 0)
    for pnl in (50.25, 30.0, -4.75, 25.0, 25.0):
        add_trade(made, pnl)
    made.stop_recording()
    row = store.get(made.recording_id)
    assert (row.original_trades, row.original_pnl, row.original_win_rate) == (5, 125.5, 80.0)
    assert "summary_mismatch" not in row.environment


def test_given_figures_stand_and_a_difference_is_kept(store: RecordingStore) -> None:
    made = recorder(store, environment={"cash": 1})
    add_trade(made, 5.0)
    made.update_summary_stats(7, 145.75, 85.7)
    made.stop_recording()
    row = store.get(made.recording_id)
    assert (row.original_trades, row.original_pnl, row.original_win_rate) == (7, 145.75, 85.7)
    assert row.environment["cash"] == 1
    assert row.environment["summary_mismatch"] == {
        "given": {"trades": 7, "pnl": 145.75, "win_rate": 85.7},
        "computed": {"trades": 1, "pnl": 5.0, "win_rate": 100.0},
    }


def test_R15_A13_a_bar_that_comes_twice(store: RecordingStore) -> None:
    """Equal: nothing; different: told, the first one stays; the session goes on."""
    made = recorder(store)
    add_bar(made, 0, 100.0)
    add_bar(made, 0, 100.0)
    add_bar(made, 0, 101.0)
    add_bar(made, 0, 7.0, "MSFT")
    add_bar(made, 1, 102.0)
    add_bar(made, 0, 100.0)  # equal to one that is not the newest
    add_bar(made, 0, 99.0)
    made.stop_recording()
    name = made.recording_id
    assert [(b.symbol, b.values.close) for b in store.bars(name)] == [
        ("AAPL", 100.0), ("MSFT", 7.0), ("AAPL", 102.0)
    ]  # fmt: skip
    found = store.events(name)
    assert kinds(found) == ["BAR_CORRECTED", "BAR_CORRECTED"]
    corrected = [(e.data["recorded"]["close"], e.data["corrected"]["close"]) for e in found]  # type: ignore[index, call-overload]
    assert corrected == [(100.0, 101.0), (100.0, 99.0)]
    assert store.get(name).status == "completed"


def test_a_bar_older_than_the_newest_is_told_and_not_stored(store: RecordingStore) -> None:
    made = recorder(store)
    add_bar(made, 5)
    add_bar(made, 3)
    add_bar(made, 3, symbol="MSFT")  # its own first one
    made.stop_recording()
    assert [b.symbol for b in store.bars(made.recording_id)] == ["AAPL", "MSFT"]
    (event,) = store.events(made.recording_id)
    assert (event.event_type, event.data["error"]) == ("ERROR", "bar out of order")


def test_R16_A14_values_of_other_libraries(store: RecordingStore) -> None:
    made = recorder(store)
    made.record_market_data(
        "AAPL",
        pd.Timestamp("2025-11-10T15:00:00Z"),
        np.float64(1.5),
        Decimal("2.5"),
        np.float32(0.5),
        np.int64(2),
        float("nan"),
        {
            "a": np.float64("nan"),
            "b": np.int32(4),
            "c": np.array([1.5, np.inf]),
            "d": Decimal("0.1"),
        },
    )
    made.record_event("CUSTOM", event_data={"at": T0, "set": {2, 1}, "deep": {"n": np.bool_(True)}})
    (bar,) = store.bars(made.recording_id)
    assert bar.values == BarValues(1.5, 2.5, 0.5, 2.0, None)
    assert bar.indicators == {"a": None, "b": 4, "c": [1.5, None], "d": 0.1}
    (event,) = store.events(made.recording_id)
    assert event.data == {"at": "2025-11-10T15:00:00+00:00", "set": [1, 2], "deep": {"n": True}}


def test_R19_long_symbols_and_exact_prices(store: RecordingStore) -> None:
    symbol, price, pnl = "SPX-20260112-093600-IC-6950-6940", 123456.123456789, 1e13 + 0.25
    made = recorder(store, symbols=[symbol])
    add_bar(made, 0, price, symbol)
    add_trade(made, pnl, symbol)
    made.stop_recording()
    assert store.bars(made.recording_id)[0].values.close == price
    assert store.get(made.recording_id).original_pnl == pnl


def test_A15_after_its_end_a_recording_takes_nothing(
    store: RecordingStore, caplog: pytest.LogCaptureFixture
) -> None:
    made = recorder(store)
    add_bar(made, 0)
    made.mark_failed("the feed broke")
    before = store.get(made.recording_id)
    assert (before.status, before.description) == ("failed", "Recording failed: the feed broke")
    add_bar(made, 1)
    made.record_event("CUSTOM")
    made.update_summary_stats(1, 1.0, 1.0)
    made.stop_recording("no")
    made.mark_failed("no")
    assert store.get(made.recording_id) == before
    assert (len(store.bars(made.recording_id)), store.counts(made.recording_id)) == (1, {})
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_A24_spellings_of_one_instant(
    store: RecordingStore, caplog: pytest.LogCaptureFixture
) -> None:
    """New York's 10:00 is 15:00 UTC in winter and 14:00 in summer; no zone counts as UTC."""
    made = recorder(store)
    same = ["2025-11-10T15:00:00Z", "2025-11-10T15:00:00+00:00", "2025-11-10 10:00:00-05:00",
            datetime(2025, 11, 10, 10, tzinfo=timezone(timedelta(hours=-5)))]  # fmt: skip
    for moment in same:
        made.record_market_data("AAPL", moment, 1, 1, 1, 1, 1)
    assert not caplog.records
    made.record_market_data("AAPL", datetime(2025, 11, 10, 15, 0), 1, 1, 1, 1, 1)
    made.record_market_data("AAPL", datetime(2025, 11, 10, 15, 1), 1, 1, 1, 1, 1)
    assert len(caplog.records) == 1
    made.stop_recording()
    assert len(store.bars(made.recording_id)) == 2
    assert store.counts(made.recording_id) == {}


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda r: r.stop_recording(tags=["a,b"]), "a,b"),
        (lambda r: r.record_market_data("X" * 65, T0, 1, 1, 1, 1, 1), "64"),
        (lambda r: r.record_market_data("AAPL", "noon", 1, 1, 1, 1, 1), "noon"),
        (lambda r: r.record_market_data("AAPL", T0, "1", 1, 1, 1, 1), "number"),
        (lambda r: r.record_event("E" * 51), "50"),
    ],
)
def test_what_cannot_be_recorded(file_store: RecordingStore, call: object, word: str) -> None:
    made = recorder(file_store)
    with pytest.raises(BadValue, match=word):
        call(made)  # type: ignore[operator]
    made.stop_recording()
    assert file_store.get(made.recording_id).total_bars_recorded == 0


def test_signals_only(store: RecordingStore) -> None:
    made = recorder(store, signals_only=True)
    add_bar(made, 0)
    add_trade(made, 1.0)
    made.stop_recording()
    row = store.get(made.recording_id)
    assert (row.total_bars_recorded, row.total_events_recorded, row.signals_only) == (0, 2, True)
    assert store.events(made.recording_id)[0].ts_ns == 1762786800 * 10**9  # still the bar's


class TestStates:
    def test_silent_for_a_minute_is_interrupted(self, store: RecordingStore) -> None:
        made = recorder(store)
        for minute in range(3):
            add_bar(made, minute)
        made.record_event("CUSTOM")
        add_trade(made, 4.0)
        name = made.recording_id
        store.change(name, heartbeat=datetime.now(UTC) - timedelta(seconds=61))
        assert store.get(name).status == "interrupted"
        assert [r.recording_id for r in store.find(Query(status="interrupted"))] == [name]
        assert store.find(Query(status="recording")) == []
        again = store.recover(name)
        assert (again.status, again.description) == ("failed", "interrupted after bar 2")
        assert (again.original_trades, again.original_pnl) == (1, 4.0)
        with pytest.raises(RecordingState, match="failed"):
            store.recover(name)

    def test_recording_is_not_recovered(self, store: RecordingStore) -> None:
        with pytest.raises(RecordingState, match="recording"):
            store.recover(recorder(store).recording_id)

    def test_R25_deleting_while_recording(self, store: RecordingStore) -> None:
        made = recorder(store)
        with pytest.raises(RecordingState, match="stop it"):
            store.delete(made.recording_id)
        made.stop_recording()
        store.delete(made.recording_id)
        with pytest.raises(NoRecording, match=f"Recording {made.recording_id} not found"):
            store.get(made.recording_id)

    def test_A18_deleting_takes_what_belongs_to_it_alone(self, store: RecordingStore) -> None:
        names = []
        for _ in range(2):
            made = recorder(store)
            add_bar(made, 0)
            add_trade(made, 1.0)
            made.stop_recording()
            names.append(made.recording_id)
        store.delete(names[0])
        assert (store.bars(names[0]), store.events(names[0])) == ([], [])
        assert (len(store.bars(names[1])), len(store.events(names[1]))) == (1, 2)

    def test_old_ones_are_deleted_by_when_they_ended(self, store: RecordingStore) -> None:
        now = datetime.now(UTC)
        names = []
        for days in (40, 20):
            made = recorder(store)
            made.stop_recording()
            store.change(made.recording_id, recording_end_time=now - timedelta(days=days))
            names.append(made.recording_id)
        running = recorder(store).recording_id
        assert store.delete_older(now - timedelta(days=30)) == names[:1]
        assert {r.recording_id for r in store.find()} == {names[1], running}

    def test_the_row_of_a_recorder_is_gone(self, store: RecordingStore) -> None:
        """Whoever deletes it under its recorder is told of by the next call."""
        made = recorder(store)
        store.discard(made.recording_id)
        with pytest.raises(NoRecording):
            made.record_event("CUSTOM")


class TestLists:
    def test_R26_filters_and_pages(self, store: RecordingStore) -> None:
        names = []
        for number in range(5):
            made = recorder(store, instance_id=number % 2, strategy_name=f"S{number}")
            made.stop_recording(tags=["odd"] if number % 2 else ["even", "odd_one"])
            names.append(made.recording_id)
        running = recorder(store, instance_id=1)

        def found(**query: object) -> list[str]:
            return [r.recording_id for r in store.find(Query(**query))]  # type: ignore[arg-type]

        newest = names[::-1]
        assert found() == [running.recording_id, *newest]
        assert found(status="completed") == newest
        assert found(status="recording") == [running.recording_id]
        assert found(tag="odd") == [names[3], names[1]]
        assert found(tag="o_d") == []
        assert found(instance_id=0) == [names[4], names[2], names[0]]
        assert found(strategy="S2") == [names[2]]
        assert found(status="completed", limit=2, offset=1) == newest[1:3]
        assert found(offset=4) == newest[3:]
        active = store.active(1)
        assert active is not None
        assert active.recording_id == running.recording_id
        assert store.active(0) is None
        with pytest.raises(UnknownName, match="completed"):
            Query(status="complete")

    def test_A16_pages_are_the_whole(self, store: RecordingStore) -> None:
        made = recorder(store)
        for minute in range(7):
            add_bar(made, minute, symbol=("AAPL", "MSFT")[minute % 2])
            made.record_event("CUSTOM" if minute % 3 else "SCAN_CYCLE")
        name = made.recording_id
        pages = [store.events(name, Page(limit=3, offset=n)) for n in (0, 3, 6)]
        assert [event for page in pages for event in page] == store.events(name)
        assert len(store.events(name, event_type="SCAN_CYCLE")) == 3
        bars = [store.bars(name, Page(limit=4, offset=n)) for n in (0, 4)]
        assert [bar for page in bars for bar in page] == store.bars(name)
        assert [b.sequence for b in store.bars(name, symbol="MSFT")] == [1, 3, 5]
        assert store.number_of(name, symbol="MSFT") == 3
        with pytest.raises(BadValue):
            Page(limit=0)


class TestDatabases:
    def test_what_sqlalchemy_calls_a_session(self, url: str) -> None:
        engine = create_engine(url)
        with Session(engine) as session:
            made = SessionRecorder(session, "s", 1, "S", {}, ["A"])
            add_bar(made, 0, symbol="A")
            made.stop_recording()
        engine.dispose()
        with RecordingStore(url, read_only=True) as store:
            assert len(store.bars(made.recording_id)) == 1

    def test_reading_only(self, url: str) -> None:
        with pytest.raises(RecordingError):
            RecordingStore(url, read_only=True)
        RecordingStore(url).close()
        with RecordingStore(url, read_only=True) as store:
            assert store.find() == []
            with pytest.raises(RecordingError, match="reading only"):
                recorder(store)

    def test_a_newer_version_is_refused(self, store: RecordingStore) -> None:
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE recordings_meta SET schema_version = 99")
        with pytest.raises(RecordingError, match="99"):
            RecordingStore(store.target)

    def test_a_table_of_somebody_else(self, file_store: RecordingStore) -> None:
        with file_store.writing() as connection:
            connection.exec_driver_sql("DROP TABLE recordings_meta")
        with pytest.raises(RecordingError, match="recorded_sessions"):
            RecordingStore(file_store.target)

    def test_a_failed_writing_leaves_nothing(self, store: RecordingStore) -> None:
        """R23: the transaction is taken back, and the recorder can go on."""
        made = recorder(store)
        add_bar(made, 0)
        made.record_event("CUSTOM")
        with pytest.raises(RecordingError):
            store.append(
                made.recording_id,
                store.bars(made.recording_id),  # of a sequence that is there
                now=T0,
                changes={"description": "half"},
            )
        assert store.get(made.recording_id).description is None
        add_bar(made, 1)
        made.stop_recording()
        assert store.get(made.recording_id).total_bars_recorded == 2

    def test_foreign_keys_are_held(self, store: RecordingStore) -> None:
        with pytest.raises(RecordingError), store.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO recorded_option_rows (recording_id, sequence, blob) "
                "VALUES ('none', 0, 'x')"
            )
