"""Replays: the same run again, other parameters, other strategies, detectors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from backtrader_modes import MODES
from recordings.runs import (
    FLAT19,
    FLAT19_95,
    SHARED,
    SIGNALLED,
    Cross,
    Row,
    frame,
    record_by_hand,
    record_cross,
    record_reversion,
    series_of,
)
from recordings.sessions import T0

from bt_gex.bars.files import FolderBars
from bt_gex.bars.series import BarSeries
from bt_gex.errors import BadValue, NoRecording, RecordingState, UnknownName
from bt_gex.feeds.recorded import RecordedFeed
from bt_gex.market.calendar import sessions
from bt_gex.recordings.figures import compared, figures_of
from bt_gex.recordings.session_recorder import SessionRecorder
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs.session_replayer import SessionReplayer
from bt_gex.strategies.detected import MeanReversionDetector

GOLDEN = SHARED / "golden" / "mean-reversion-days.json"
OWN = {"Cross": Cross}


def replayer(store: RecordingStore, name: str, **changes: Any) -> SessionReplayer:
    made = SessionReplayer(store, name, strategies=OWN)
    made.set_parameters(changes)
    return made


def by_hand(store: RecordingStore, rows: Sequence[Row | None], **changes: Any) -> dict[str, Any]:
    """A replay of bars of one symbol, recorded by hand."""
    return replayer(store, record_by_hand(store, {"X": rows}), **changes).replay()


def trades(result: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Entry, exit, P&L, seconds, reason."""
    return [
        (round(p["entry_price"], 9), round(p["exit_price"], 9), round(p["pnl"], 9),
         p["duration_seconds"], p["exit_reason"])
        for p in result["positions"]
    ]  # fmt: skip


def states(result: Mapping[str, Any]) -> list[str]:
    return [row["state"] for row in result["comparison"]["trades"]]


# ------------------------------------------------------------------------------------- identity


def assert_identical(result: Mapping[str, Any]) -> None:
    comparison = result["comparison"]
    assert comparison["first_difference"] is None
    assert (comparison["trades_diff"], comparison["pnl_diff"], comparison["win_rate_diff"]) == (
        0, pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9)
    )  # fmt: skip
    assert set(states(result)) == {"same"}
    assert result["warnings"] == []
    assert not result["incomplete"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A recording of each kind, to be read only."""
    with RecordingStore(tmp_path_factory.mktemp("replays") / "r.db") as store:
        cross = record_cross(store, peek=True, fast=4)
        rows = [tuple(map(float, row)) for row in frame(3, 150)[list(frame(3).columns[:4])].values]
        reversion = record_reversion(
            store,
            [series_of("X", rows), series_of("Y", rows[::-1])],  # type: ignore[list-item, arg-type]
            bb_std=1.2, rsi_threshold=45, direction="both", stop_loss_pct=0.4,
        )  # fmt: skip
        yield store, cross, reversion


@pytest.mark.parametrize("mode", [{}, *MODES], ids=str)
def test_R4_A1_A2_unmodified_it_is_the_session_in_every_mode(
    recorded: Any, mode: dict[str, Any]
) -> None:
    store, *names = recorded
    for name in names:
        made = SessionReplayer(store, name, strategies=OWN, save=False)
        assert made.session.original_trades > 2
        result = made.replay(mode=mode)
        assert_identical(result)
        assert result["total_trades"] == made.session.original_trades


def test_a_recording_made_in_any_mode_replays_identically(file_store: RecordingStore) -> None:
    for mode in MODES[::3]:
        name = record_cross(file_store, mode)
        assert_identical(replayer(file_store, name).replay(mode=MODES[1]))


def test_its_feed_shows_what_was_recorded(recorded: Any) -> None:
    import backtrader as bt

    store, cross, _ = recorded
    seen: list[tuple[Any, ...]] = []

    class Reader(bt.Strategy):
        def next(self) -> None:
            d = self.data
            seen.append((d.datetime.datetime(0), d.open[0], d.close[0], d.volume[0],
                         d.openinterest[0], d.lines.rec_fast[0]))  # fmt: skip

    cerebro = bt.Cerebro()
    cerebro.adddata(RecordedFeed(store, cross, "A"))
    cerebro.addstrategy(Reader)
    cerebro.run()
    bars = store.bars(cross, symbol="A")
    assert len(seen) == len(bars) == 200
    first, last = seen[0], seen[-1]
    assert first[0] == pd.Timestamp("2026-01-05 14:30")
    assert math.isnan(first[5])
    assert last[1:] == (bars[-1].values.open, bars[-1].values.close, bars[-1].values.volume, 0.0,
                        bars[-1].indicators["fast"])  # fmt: skip


# ------------------------------------------------------------------------------------ parameters


def test_A3_a_larger_size_changes_money_alone(file_store: RecordingStore) -> None:
    name = record_reversion(file_store, [series_of("X", SIGNALLED)])
    result = replayer(file_store, name, position_size=15).replay()
    (row,) = result["comparison"]["trades"]
    assert (row["state"], row["changed"]) == ("changed", ["quantity", "pnl"])
    assert (row["original"]["pnl"], row["replay"]["pnl"]) == (
        pytest.approx(4.76), pytest.approx(7.14)
    )  # fmt: skip
    assert result["comparison"]["pnl_diff"] == pytest.approx(2.38)


def test_A4_entries_before_the_first_other_exit_are_the_same(recorded: Any) -> None:
    store, _, name = recorded
    made = SessionReplayer(store, name, save=False)
    made.set_parameter("stop_loss_pct", 0.6)
    rows = made.replay()["comparison"]["trades"]
    exits = [
        [side and (side["exit_time"], side["exit_price"]) for side in (r["original"], r["replay"])]
        for r in rows
    ]
    changed = [exit_[0] for pair in exits if pair[0] != pair[1] for exit_ in pair if exit_]
    assert changed
    earlier = [row for row in rows if row["entry_time"] < min(changed)]
    assert len(earlier) > 2
    entry = ("entry_price", "quantity", "direction", "entry_time", "take_profit")
    for row in earlier:
        assert [row["original"][n] for n in entry] == [row["replay"][n] for n in entry]


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, [(95.2, 95.676, 4.76, 60, "take_profit_hit")]),
        ({"bb_std": 4.25}, []),
        ({"bb_std": 4.24}, [(95.2, 95.676, 4.76, 60, "take_profit_hit")]),
        (
            {"take_profit_pct": 0.3},
            [
                (95.2, 95.4856, 2.856, 0, "take_profit_hit"),
                (95.4, 95.6862, 2.862, 0, "take_profit_hit"),
            ],
        ),
        ({"stop_loss_pct": 0.3}, [(95.2, 95.676, 4.76, 60, "take_profit_hit")]),
        (
            {"stop_loss_pct": 0.15},
            [(95.2, 95.0572, -1.428, 0, "stop_loss_hit"), (95.4, 95.6, 2.0, 0, "session_end")],
        ),
        ({"quantity": 15}, [(95.2, 95.676, 7.14, 60, "take_profit_hit")]),
        ({"rsi_oversold": 0}, []),
    ],
)
def test_R2_A5_every_parameter_has_its_effect(
    file_store: RecordingStore, changes: dict[str, Any], result: list[Any]
) -> None:
    assert trades(by_hand(file_store, SIGNALLED, **changes)) == result


def test_R17_A7_an_unknown_parameter(recorded: Any) -> None:
    store, cross, reversion = recorded
    for name, word in ((reversion, "rsi_threshold"), (cross, "stake")):
        made = SessionReplayer(store, name, strategies=OWN, save=False)
        made.set_parameter(word + "x", 1)
        with pytest.raises(UnknownName, match=word):
            made.replay()


@pytest.mark.parametrize(
    ("which", "name", "value"),
    [(1, "fast", "quick"), (1, "fast", True), (1, "peek", 1), (2, "bb_std", -1),
     (2, "direction", "up"), (2, "position_size", float("inf"))],
)  # fmt: skip
def test_a_value_out_of_range(recorded: Any, which: int, name: str, value: object) -> None:
    made = SessionReplayer(recorded[0], recorded[which], strategies=OWN, save=False)
    made._modified[name] = value  # type: ignore[assignment]
    with pytest.raises(BadValue, match=name):
        made.replay()


def test_getting_a_parameter(recorded: Any) -> None:
    made = SessionReplayer(recorded[0], recorded[1])
    assert (made.get_parameter("fast"), made.get_parameter("x"), made.get_parameter("x", 7)) == (
        4, None, 7
    )  # fmt: skip
    made.set_parameter("fast", 9)
    assert made.get_parameter("fast", 1) == 9


# ----------------------------------------------------------------------------- hand-worked bars


@pytest.mark.parametrize(
    ("rows", "changes", "result"),
    [
        pytest.param(FLAT19_95[1:], {}, [], id="M3"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.5, 94.2, 94.5)], {},
            [(95.2, 94.248, -9.52, 0, "stop_loss_hit")], id="M6"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.7, 94.2, 94.5)], {},
            [(95.2, 94.248, -9.52, 0, "stop_loss_hit")], id="R24-M7"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.7, 94.2, 94.5)], {"stop_first": False},
            [(95.2, 95.676, 4.76, 0, "take_profit_hit")], id="M7-target-first"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.3, 95, 95.1), (93, 93.5, 92, 93.2)], {},
            [(95.2, 93, -22, 60, "stop_loss_hit")], id="R8-M8"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.3, 95, 95.1), (96.5, 96.6, 96, 96.2)], {},
            [(95.2, 96.5, 13, 60, "take_profit_hit")], id="M9"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.3, 95, 95.1)], {},
            [(95.2, 95.1, -1, 0, "session_end")], id="M10"),
        pytest.param(FLAT19_95, {}, [], id="M11"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.5, 95, 95.4)], {"fill": "close"},
            [(95, 95.475, 4.75, 60, "take_profit_hit"), (95.4, 95.4, 0, 0, "session_end")],
            id="R10-M12"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.5, 95, 95.4), (95.4, 99.9, 95.3, 99)],
            {"target_mode": "bb_middle"},
            [(95.2, 99.75, 45.5, 60, "take_profit_hit")], id="M13"),
        pytest.param(
            [*FLAT19_95, (95.2, 95.3, 95, 95.1), (95.1, 95.2, 95, 95.05),
             (95.1, 95.2, 95, 95.15)],
            {"max_holding_minutes": 2}, [(95.2, 95.15, -0.5, 120, "time_stop")], id="M14"),
        pytest.param(
            [*FLAT19, (105.0,) * 4, (104.8, 105, 104.5, 104.6), (104.6, 104.7, 104, 104.1)],
            {"direction": "both"}, [(104.8, 104.276, 5.24, 60, "take_profit_hit")], id="R9-M15"),
    ],
)  # fmt: skip
def test_hand_worked(
    file_store: RecordingStore, rows: Sequence[Row], changes: dict[str, Any], result: list[Any]
) -> None:
    assert trades(by_hand(file_store, rows, **changes)) == result


def test_R10_M12_nothing_won_is_neither(file_store: RecordingStore) -> None:
    found = by_hand(file_store, [*FLAT19_95, (95.2, 95.5, 95, 95.4)], fill="close")
    assert (found["winning_trades"], found["losing_trades"], found["win_rate"]) == (1, 0, 50)


def test_R18_signals_are_counted_not_positions(file_store: RecordingStore) -> None:
    found = by_hand(file_store, SIGNALLED)["comparison"]
    assert (found["replay_signals"], found["replay_trades"]) == (2, 1)


def test_R7_M17_figures() -> None:
    found = figures_of([5, -3, 1])
    assert (found.max_drawdown, found.total_pnl, found.winning_trades) == (3, 3, 2)
    assert found.sharpe_ratio == pytest.approx(0.306186, abs=1e-6)
    assert found.win_rate == pytest.approx(66.666667, abs=1e-6)
    lost = figures_of([-2])
    assert (lost.max_drawdown, lost.winning_trades, lost.losing_trades) == (2, 0, 1)
    assert (figures_of([]).win_rate, figures_of([4, 4]).sharpe_ratio) == (0, 0)


def test_R20_a_large_sharpe_ratio_is_stored(file_store: RecordingStore) -> None:
    """30 equal winners but for a cent: far beyond five digits."""
    pnls = [1e6] * 29 + [1e6 + 0.01]
    ratio = figures_of(pnls).sharpe_ratio
    assert ratio > 1e6
    made = replayer(file_store, record_by_hand(file_store, {"X": SIGNALLED}))
    name = made.replay()["replay_id"]
    file_store.save_replay(replace(file_store.replay(name), sharpe_ratio=ratio))
    assert file_store.replay(name).sharpe_ratio == ratio


def test_R6_A22_each_symbol_ends_on_its_own_last_bar(file_store: RecordingStore) -> None:
    held = [*FLAT19_95, (95.2, 95.3, 95.0, 95.1)]
    flat = [(50.0,) * 4] * 30
    name = record_by_hand(file_store, {"X": held, "Y": flat})
    (position,) = replayer(file_store, name).replay()["positions"]
    assert (position["exit_price"], position["exit_time"]) == (95.1, "2025-11-10T15:20:00+00:00")


def test_A23_a_slot_is_free_on_the_timestamp_of_the_exit(file_store: RecordingStore) -> None:
    """X exits on the bar on which Y signals again; before, Y was ignored."""
    x = [*FLAT19_95, (95.2, 95.5, 95.0, 95.4), (95.4, 95.7, 95.3, 95.6), (95.6,) * 4]
    y = [*FLAT19_95, (95.0,) * 4, (90.0,) * 4, (90.0, 90.1, 89.9, 90.0)]
    name = record_by_hand(file_store, {"X": x, "Y": y}, max_positions=1)
    made = replayer(file_store, name)
    result = made.replay()
    assert [(p["symbol"], p["entry_price"]) for p in result["positions"]] == [
        ("X", 95.2), ("Y", 90.0)
    ]  # fmt: skip
    ignored = [
        (e["symbol"], e["event_data"]["reason"])
        for e in file_store.replay(result["replay_id"]).replay_events or ()
        if e["event_type"] == "SIGNAL_IGNORED"  # type: ignore[index, call-overload]
    ]  # fmt: skip
    assert ("Y", "max_positions") in ignored


def test_R21_A27_an_empty_recording(store: RecordingStore) -> None:
    made = SessionRecorder(store, "s", 1, "Mean Reversion", {}, [], flush_seconds=0)
    made.stop_recording()
    result = SessionReplayer(store, made.recording_id).replay()
    assert (result["total_trades"], result["total_pnl"], result["positions"]) == (0, 0, [])
    assert result["comparison"]["first_difference"] is None


# ------------------------------------------------------------------------------------ detectors


class Never:
    def detect_setups(self, df: pd.DataFrame) -> list[dict[str, Any]]:
        return []


class OnBar:
    """Fires on one bar, and goes on telling of it."""

    def __init__(self, bar: int, **more: Any) -> None:
        self.bar, self.more = bar, more
        self._rows: list[int] = []

    def detect_setups(self, df: pd.DataFrame) -> list[dict[str, Any]]:
        self._rows.append(len(df))
        if len(df) <= self.bar:
            return []
        setup = {"direction": "LONG", "timestamp": df["timestamp"].iloc[self.bar], **self.more}
        return [setup]


class TestDetectors:
    rows = [(100.0 + n, 100.6 + n, 99.4 + n, 100.2 + n) for n in range(6)]

    def test_A6_one_that_never_fires(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": SIGNALLED})
        assert replayer(file_store, name).replay(Never())["total_trades"] == 0

    def test_R1_A6_an_entry_on_the_bar_after(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": self.rows})
        detector = OnBar(2)
        result = replayer(file_store, name, take_profit_pct=50).replay(detector)
        (position,) = result["positions"]
        assert (position["entry_price"], position["entry_time"]) == (
            103.0, "2025-11-10T15:03:00+00:00"
        )  # fmt: skip
        assert result["comparison"]["replay_signals"] == 1

    def test_it_sees_only_the_bars_so_far(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": self.rows})
        detector = OnBar(2)
        replayer(file_store, name).replay(detector)
        assert detector._rows == [1, 2, 3, 4, 5, 6]

    def test_its_own_stop_and_target(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": self.rows})
        result = replayer(file_store, name).replay(OnBar(1, stop_loss=95.0, target=103.5))
        assert trades(result) == [(102, 103.5, 15, 60, "take_profit_hit")]
        assert result["positions"][0]["stop_loss"] == 95.0

    def test_its_attributes_are_parameters(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": self.rows}, position_size=5)
        detector = OnBar(1)
        result = replayer(file_store, name, bar=3, take_profit_pct=50).replay(detector)
        (position,) = result["positions"]
        assert (position["entry_price"], position["quantity"]) == (104.0, 5)
        assert detector.bar == 1
        with pytest.raises(UnknownName, match="bar"):
            replayer(file_store, name, baz=3).replay(detector)

    def test_a_setup_without_a_side(self, file_store: RecordingStore) -> None:
        name = record_by_hand(file_store, {"X": self.rows})
        with pytest.raises(BadValue, match="LONG or SHORT"):
            replayer(file_store, name).replay(OnBar(1, direction="up"))
        (row,) = file_store.replays(name)
        assert (row.status, row.total_pnl) == ("failed", None)
        assert "LONG or SHORT" in str(row.error)

    def test_the_detector_finds_what_the_strategy_trades(self, recorded: Any) -> None:
        """Wrapped as a stranger's it decides the entries of the strategy that has its rules."""
        store, _, name = recorded
        rules = {"bb_std": 1.2, "rsi_threshold": 45, "direction": "both", "stop_loss_pct": 0.4}

        class Wrapped:
            def detect_setups(self, df: pd.DataFrame) -> Any:
                found = MeanReversionDetector(**rules).detect_setups(df.tail(40))
                return [{k: s[k] for k in ("direction", "timestamp")} for s in found]

        made = SessionReplayer(store, name, save=False)
        wrapped, own = made.replay(Wrapped()), made.replay()
        assert wrapped["positions"] == own["positions"]
        assert len(own["positions"]) > 2

    def test_what_is_no_strategy(self, recorded: Any) -> None:
        for given in (3, Never, object()):
            with pytest.raises(BadValue, match="detect_setups"):
                SessionReplayer(recorded[0], recorded[1]).replay(given)


# --------------------------------------------------------------------------- states and storing


def test_unknown_ids(file_store: RecordingStore) -> None:
    with pytest.raises(ValueError, match="Recording nope not found"):
        SessionReplayer(file_store, "nope")
    with pytest.raises(NoRecording, match="Replay nope"):
        file_store.replay("nope")


def test_only_completed_recordings_unless_allowed(file_store: RecordingStore) -> None:
    made = SessionRecorder(file_store, "s", 1, "Mean Reversion", {}, ["X"], flush_seconds=0)
    name = made.recording_id
    for minute, row in enumerate(SIGNALLED):
        made.record_market_data("X", T0 + pd.Timedelta(minutes=minute), *row, 1000)
    with pytest.raises(RecordingState, match="'recording'"):
        SessionReplayer(file_store, name).replay()
    made.mark_failed("broke")
    with pytest.raises(RecordingState, match="'failed'"):
        SessionReplayer(file_store, name).replay()
    result = SessionReplayer(file_store, name, allow_incomplete=True).replay()
    assert (result["incomplete"], result["total_trades"]) == (True, 1)
    assert result["comparison"]["trades_diff"] is None
    assert file_store.replay(result["replay_id"]).trades_diff is None


def test_signals_only_cannot_be_replayed(file_store: RecordingStore) -> None:
    name = record_reversion(
        file_store, [series_of("X", SIGNALLED)], recorder={"signals_only": True}
    )
    with pytest.raises(RecordingState, match="no bars"):
        SessionReplayer(file_store, name).replay()


def test_each_replay_is_stored(store: RecordingStore) -> None:
    name = record_by_hand(store, {"X": SIGNALLED}, position_size=10)
    made = SessionReplayer(store, name)
    made.set_parameter("position_size", np.int64(15))
    first, second = made.replay(description="larger"), made.replay()
    assert first["replay_id"] != second["replay_id"]
    assert first["positions"] == second["positions"]
    newest, oldest = store.replays(name)
    assert (newest.replay_id, oldest.replay_id) == (second["replay_id"], first["replay_id"])
    assert (oldest.status, oldest.description, oldest.strategy_name) == (
        "completed", "larger", "Mean Reversion"
    )  # fmt: skip
    assert dict(oldest.modified_parameters) == {"position_size": 15}
    assert oldest.parameters is not None
    assert (oldest.parameters["position_size"], oldest.parameters["bb_std"]) == (15, 2.5)
    assert oldest.total_pnl == pytest.approx(7.14)
    assert oldest.trades_diff == 1
    assert oldest.comparison_data is not None
    assert oldest.comparison_data["replay_trades"] == 1
    assert len(oldest.replay_events or ()) == 9
    assert (oldest.wall_seconds or 0) > 0


def test_another_strategy_on_the_same_market(recorded: Any) -> None:
    store, cross, reversion = recorded
    other = SessionReplayer(store, reversion, save=False)
    other.set_parameter("fast", 3)
    result = other.replay(Cross)
    assert result["total_trades"] > 0
    assert "only_replay" in states(result)
    made = SessionReplayer(store, cross, save=False)
    made.set_parameter("bb_std", 1.0)
    assert made.replay("mean reversion")["total_trades"] > 0
    with pytest.raises(UnknownName, match="--strategy"):
        SessionReplayer(store, cross, save=False).replay()


def test_R3_recorded_indicators_are_not_used(file_store: RecordingStore) -> None:
    """They say that nothing is to be done; a difference is told."""
    made = SessionRecorder(file_store, "s", 1, "Mean Reversion", {}, ["X"], flush_seconds=0)
    for minute, row in enumerate(SIGNALLED):
        made.record_market_data(
            "X", T0 + pd.Timedelta(minutes=minute), *row, 1000, {"rsi": 50.0, "bb_lower": 1.0}
        )
    made.stop_recording()
    result = SessionReplayer(file_store, made.recording_id).replay()
    assert result["total_trades"] == 1
    assert [w for w in result["warnings"] if "drift" in w and "rsi" in w]


def test_times_between_minutes_are_kept(file_store: RecordingStore) -> None:
    """A loop stamps its bars when it gets them."""
    made = SessionRecorder(file_store, "s", 1, "Mean Reversion", {}, ["X"], flush_seconds=0)
    for number, row in enumerate(SIGNALLED):
        made.record_market_data("X", T0 + pd.Timedelta(seconds=5.25 * number), *row, 1000)
    made.stop_recording()
    (position,) = SessionReplayer(file_store, made.recording_id).replay()["positions"]
    assert position["entry_time"] == (T0 + pd.Timedelta(seconds=5.25 * 20)).isoformat()
    assert position["duration_seconds"] == 5.25


# -------------------------------------------------------------------------------- recorded days


@pytest.fixture(scope="module")
def golden() -> Any:
    if not GOLDEN.exists():
        pytest.skip("the recorded days are not here")
    return json.loads(GOLDEN.read_text())["recordings"]


def day_of(symbols: Sequence[str], day: date) -> list[BarSeries]:
    """Regular minutes of a day."""
    (session,) = sessions(day, day)
    found = []
    for symbol in symbols:
        bars = FolderBars(SHARED / "data" / "bars").minute_bars(symbol, day, day)
        keep = (bars.stamps_ns >= session.open_ns) & (bars.stamps_ns < session.close_ns)
        columns = {n: getattr(bars, n)[keep].copy() for n in ("open", "high", "low", "close")}
        found.append(
            BarSeries(symbol=symbol, interval="1m", stamps_ns=bars.stamps_ns[keep].copy(),
                      volume=bars.volume[keep].copy(), **columns)
        )  # fmt: skip
    return found


@pytest.mark.parametrize("name", ["four_symbols_20131008", "four_symbols_20131009"])
def test_recorded_days(golden: Any, name: str, file_store: RecordingStore) -> None:
    day = golden[name]
    series = day_of(day["symbols"], date.fromisoformat(day["day"]))
    recording = record_reversion(file_store, series)
    assert file_store.get(recording).total_bars_recorded == day["bars"]
    for variant, expected in day["variants"].items():
        made = SessionReplayer(file_store, recording, save=False)
        made.set_parameters(expected["parameters"])
        result = made.replay(MeanReversionDetector() if variant == "seed_1" else None)
        for figure, value in expected["summary"].items():
            found = result.get(figure, result["comparison"]["replay_signals"])
            assert found == pytest.approx(value, abs=1e-6), (variant, figure)
        assert len(result["positions"]) == len(expected["trades"])
        for position, trade in zip(result["positions"], expected["trades"], strict=True):
            for field, value in trade.items():
                shown = position[field]
                shown = shown.replace("+00:00", "Z") if isinstance(shown, str) else shown
                near = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
                assert shown == near, (variant, field)
        if variant == "original":
            assert_identical(result)


def test_A24_the_change_of_clocks(file_store: RecordingStore) -> None:
    """Bars across the change to winter time: an hour between them is an hour."""
    made = SessionRecorder(file_store, "s", 1, "Mean Reversion", {}, ["X"], flush_seconds=0)
    start = pd.Timestamp("2025-11-02T01:40:00-04:00").tz_convert("America/New_York")
    for minute, row in enumerate(SIGNALLED):
        made.record_market_data("X", start + pd.Timedelta(minutes=minute), *row, 1000)
    made.stop_recording()
    (position,) = SessionReplayer(file_store, made.recording_id).replay()["positions"]
    assert (position["entry_time"], position["duration_seconds"]) == (
        "2025-11-02T06:00:00+00:00", 60
    )  # fmt: skip


def test_events_are_compared_without_ids(recorded: Any) -> None:
    store, cross, _ = recorded
    rows = compared(store.events(cross))
    assert rows
    assert not any("order_id" in row[3]["data"] for row in rows)  # type: ignore[operator]
