"""Triggers: when they fire, and what becomes of the recording."""

from __future__ import annotations

from typing import Any

import pytest
from recordings.runs import Row, frame, record_cross, record_reversion, series_of
from recordings.sessions import T0

from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import instant_ns
from bt_gex.recordings.store import RecordingStore
from bt_gex.recordings.triggers import Account, Trigger, Watch, parse_trigger
from bt_gex.runs.session_replayer import SessionReplayer

MINUTE_NS = 60 * 10**9


def account(
    bar: int, value: float = 100_000.0, close: float = 100.0, spread: float = 0.0
) -> Account:
    return Account(
        value, instant_ns(T0) + bar * MINUTE_NS, False, {"X": close},
        {"X": (close + spread, close - spread)},
    )  # fmt: skip


def fired(trigger: Trigger, values: list[float]) -> list[int]:
    """Bars on which it fires, by the value of the account."""
    watch = Watch((trigger,))
    return [bar for bar, value in enumerate(values) if watch.look(account(bar, value))]


def test_A20_drawdown_is_strict_and_fires_once() -> None:
    trigger = Trigger(kind="drawdown_pct", threshold=2)
    assert fired(trigger, [100_000, 98_000, 98_000]) == []
    assert fired(trigger, [100_000, 97_990, 97_000, 96_000]) == [1]
    assert fired(trigger, [100_000, 97_990, 99_000, 97_000]) == [1, 3]
    cooling = Trigger(kind="drawdown_pct", threshold=2, cooldown_bars=3)
    assert fired(cooling, [100_000, 97_990, 99_000, 97_000, 97_000, 97_000]) == [1, 5]


def test_a_days_loss_begins_anew_each_day() -> None:
    watch = Watch((Trigger(kind="daily_loss", threshold=500),))
    day = 24 * 60
    values = [(0, 100_000), (1, 99_500), (day, 99_300), (day + 1, 98_799)]
    assert [bar for bar, value in values if watch.look(account(bar, value))] == [day + 1]


def test_losses_in_a_row() -> None:
    watch = Watch((Trigger(kind="consecutive_losses", threshold=2),))
    found = []
    for bar, pnl in enumerate([-1, 5, -1, 0, -1, -2, -3]):
        watch.heard("POSITION_CLOSED", {"pnl": pnl})
        found.append(bool(watch.look(account(bar))))
    assert found == [False, False, False, False, False, True, False]


def test_moves_and_ranges() -> None:
    move = Watch((Trigger(kind="price_move_pct", threshold=1, bars=2),))
    closes = [100, 100.5, 101, 101.6, 101.7]
    assert [b for b, c in enumerate(closes) if move.look(account(b, close=c))] == [3]
    ratio = Watch((Trigger(kind="atr_ratio", threshold=2, bars=2),))
    spreads = [1, 1, 1, 2.9, 3.5]  # ranges 2, 2, 2, 5.8, 7: ratios 1.95 and 3.2
    assert [b for b, s in enumerate(spreads) if ratio.look(account(b, spread=s))] == [4]


def test_a_refused_order() -> None:
    watch = Watch((Trigger(kind="order_rejected"),))
    assert not watch.look(account(0))
    watch.heard("ORDER_REJECTED", {})
    assert watch.look(account(1))
    assert not watch.look(account(2))


@pytest.mark.parametrize(
    ("text", "kind", "fields"),
    [
        ("drawdown_pct=2", "drawdown_pct", {"threshold": 2.0, "action": "keep"}),
        ("kind=price_move_pct,threshold=2,bars=5,action=start,pre_roll=30", "price_move_pct",
         {"threshold": 2.0, "bars": 5, "action": "start", "pre_roll": 30}),
        ("exception", "exception", {"threshold": None}),
    ],
)  # fmt: skip
def test_words(text: str, kind: str, fields: dict[str, Any]) -> None:
    found = parse_trigger(text)
    assert found.kind == kind
    assert {name: getattr(found, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("text", "error"),
    [("drawdwn=2", UnknownName), ("drawdown_pct", BadValue), ("drawdown_pct=x", BadValue),
     ("drawdown_pct=-1", BadValue), ("threshold=2", BadValue), ("", UnknownName),
     ("drawdown_pct=2,action=run", UnknownName), ("drawdown_pct=2,bars=0", BadValue),
     ("drawdown_pct=2,bars=1.5", BadValue)],
)  # fmt: skip
def test_wrong_words(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_trigger(text)


def record(store: RecordingStore, *triggers: Trigger, **params: Any) -> str:
    return record_cross(store, recorder={"triggers": triggers}, **params)


def test_A20_without_a_firing_it_is_gone(file_store: RecordingStore) -> None:
    record(file_store, Trigger(kind="drawdown_pct", threshold=90))
    assert file_store.find() == []
    kept = record(file_store, Trigger(kind="drawdown_pct", threshold=0.001))
    assert file_store.get(kept).total_bars_recorded == 400
    found = file_store.events(kept, event_type="TRIGGER_FIRED")
    assert found
    assert found[0].data["kind"] == "drawdown_pct"
    assert found[0].data["value"] > 0.001  # type: ignore[operator]
    plain = record_cross(file_store)
    assert SessionReplayer(file_store, kept, strategies={"Cross": type_of()}).replay()[
        "comparison"
    ]["first_difference"] is None  # fmt: skip
    assert file_store.get(plain).original_trades == file_store.get(kept).original_trades


def type_of() -> Any:
    from recordings.runs import Cross

    return Cross


def test_an_exception_is_what_was_waited_for(file_store: RecordingStore) -> None:
    for kind, kept in (("exception", 1), ("order_rejected", 1)):
        with pytest.raises(RuntimeError):
            record(file_store, Trigger(kind=kind), broken_at=40)
        assert len(file_store.find()) == kept
    (row,) = file_store.find()
    assert row.status == "failed"
    assert file_store.counts(row.recording_id)["TRIGGER_FIRED"] == 1


def test_a_trigger_ends_a_recording(file_store: RecordingStore) -> None:
    name = record(file_store, Trigger(kind="price_move_pct", threshold=1, bars=3, action="stop"))
    row = file_store.get(name)
    assert row.status == "completed"
    assert 0 < row.total_bars_recorded < 400
    assert file_store.events(name)[-1].event_type == "TRIGGER_FIRED"


def moving() -> list[Row]:
    """Quiet minutes, a signal and a trade in them; then wild ones."""
    quiet = [(100.0, 100.1, 99.9, 100.0 + 0.05 * (n % 2)) for n in range(80)]
    wild = [tuple(map(float, row)) for row in frame(3, 150)[list(frame(3).columns[:4])].values]
    return [*quiet, *wild]  # type: ignore[list-item]


def test_A21_a_start_with_what_went_before(file_store: RecordingStore) -> None:
    """Replayed from its first bars on, indicators are warm where the recording begins."""
    trigger = Trigger(kind="price_move_pct", threshold=1, bars=3, action="start", pre_roll=5)
    name = record_reversion(
        file_store, [series_of("X", moving())], recorder={"triggers": (trigger,)},
        bb_std=1.2, rsi_threshold=45, stop_loss_pct=0.4,
    )  # fmt: skip
    row = file_store.get(name)
    bars = file_store.bars(name)
    assert [bar.sequence for bar in bars] == list(range(len(bars)))
    assert row.total_bars_recorded == len(bars) < 230
    assert row.environment["pre_roll"] == 20  # as many as the bands need, though 5 were asked for
    assert row.first_bar_time is not None
    events = file_store.events(name)
    assert events[0].event_type == "TRIGGER_FIRED"
    assert events[0].bar_sequence == 20
    if row.environment["incomplete"]:
        assert events[1].event_type == "STATE_SNAPSHOT"
        return
    result = SessionReplayer(file_store, name).replay()
    assert result["total_trades"] == row.original_trades > 0
    assert {one["state"] for one in result["comparison"]["trades"]} == {"same"}
