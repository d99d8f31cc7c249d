"""Many replays of one recording, and several strategies on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import backtrader as bt
import pytest
from recordings.runs import SIGNALLED, Cross, record_by_hand, record_cross

from bt_gex.errors import BadValue, OutputError
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs import replay_many as many
from bt_gex.runs.replay_many import replay_many, variants_of
from bt_gex.runs.session_comparison import SessionComparison, compare_strategies
from bt_gex.runs.session_replayer import SessionReplayer

GRID = {"bb_std": [1.0, 2.5, 4.25], "position_size": [10, 15, 20, -1]}


def shown(results: list[dict[str, Any]]) -> list[Any]:
    """Results without the ids of their replays."""
    return [{n: v for n, v in one.items() if n != "replay_id"} for one in results]


def test_sets_of_parameters() -> None:
    assert variants_of({"a": [1, 2], "b": [3, 4]}) == [
        {"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}
    ]  # fmt: skip
    for none in ({"a": []}, []):
        with pytest.raises(BadValue):
            variants_of(none)
    with pytest.raises(BadValue, match="100,000"):
        variants_of({"a": range(1000), "b": range(1000)})


def test_A19_twelve_sets_whatever_the_workers(file_store: RecordingStore) -> None:
    name = record_by_hand(file_store, {"X": SIGNALLED})
    found = [replay_many(file_store, name, GRID, workers=n, resume=False) for n in (1, 2, 4)]
    assert shown(found[0]) == shown(found[1]) == shown(found[2])
    assert [one["status"] for one in found[0]] == (["completed"] * 3 + ["failed"]) * 3
    assert "position_size" in found[0][3]["error"]
    assert [one.get("total_pnl") for one in found[0][4:7]] == [
        pytest.approx(4.76), pytest.approx(7.14), pytest.approx(9.52)
    ]  # fmt: skip
    stored = file_store.replays(name)
    assert len(stored) == 36
    assert sum(row.status == "failed" for row in stored) == 9
    # The same as one at a time.
    made = SessionReplayer(file_store, name, save=False)
    made.set_parameters({"bb_std": 2.5, "position_size": 15})
    alone = made.replay()
    assert shown([alone]) == shown([found[0][5]])


def test_equal_sets_run_once(file_store: RecordingStore) -> None:
    name = record_by_hand(file_store, {"X": SIGNALLED})
    found = replay_many(
        file_store, name, [{"bb_std": 2.5}, {}, {"bb_std": 2.5, "rsi_oversold": 30}]
    )
    assert len({one["replay_id"] for one in found}) == 1
    assert [one["modified_parameters"] for one in found] == [
        {"bb_std": 2.5}, {}, {"bb_std": 2.5, "rsi_oversold": 30}
    ]  # fmt: skip
    assert len(file_store.replays(name)) == 1


def test_what_is_stored_is_not_run_again(
    file_store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = record_by_hand(file_store, {"X": SIGNALLED})
    first = replay_many(file_store, name, {"bb_std": [1.0, 2.5]})

    ran: list[Any] = []
    run_job = many.run_job
    monkeypatch.setattr(many, "run_job", lambda *a: ran.append(a) or run_job(*a))
    again = replay_many(file_store, name, {"bb_std": [2.5, 1.0, 2.0]})
    assert len(ran) == 1
    assert shown(again[:2]) == shown(first)[::-1]
    assert [one["replay_id"] for one in again[:2]] == [one["replay_id"] for one in first][::-1]


class Sometimes(Cross):
    """Fails, or takes its process with it, with some parameters."""

    def next(self) -> None:
        if self.p.fast == 7:
            raise RuntimeError("seven")
        if self.p.fast == 9:
            os._exit(1)
        super().next()


def test_a_strategy_that_fails_loses_no_other(file_store: RecordingStore) -> None:
    name = record_cross(file_store)
    found = replay_many(file_store, name, {"fast": [5, 7, 6]}, strategy=Sometimes, workers=2)
    assert [one["status"] for one in found] == ["completed", "failed", "completed"]
    assert found[1]["error"] == "RuntimeError: seven"


def test_a_worker_that_dies(file_store: RecordingStore) -> None:
    from bt_gex.errors import EngineError

    name = record_cross(file_store)
    with pytest.raises(EngineError, match="start it again"):
        replay_many(file_store, name, {"fast": [5, 9]}, strategy=Sometimes, workers=2)


def test_strategies_side_by_side(file_store: RecordingStore, folder: Path) -> None:
    name = record_by_hand(file_store, {"X": SIGNALLED}, position_size=10)

    class Buyer(bt.Strategy):
        params = (("at", 3),)

        def next(self) -> None:
            if len(self) == self.p.at:
                self.buy(size=1)
            elif len(self) == 15:
                self.close()

    found = compare_strategies(
        file_store, name, [(None, {"position_size": 15}), (None, {}), (Buyer, {"at": 4})]
    )
    assert [run.label for run in found.runs] == [
        "recorded", "Mean Reversion (position_size=15)", "Mean Reversion", "Buyer (at=4)"
    ]  # fmt: skip
    assert [run.figures["total_trades"] for run in found.runs] == [0, 1, 1, 1]
    assert [(p["a"], p["b"]) for p in found.pairs][3] == (found.runs[1].label, found.runs[2].label)
    assert found.pairs[3]["counts"] == {
        "same": 0, "changed": 1, "only_original": 0, "only_replay": 0
    }  # fmt: skip
    assert found.prices["X"]["closes"][-1] == 95.6
    assert len(file_store.replays(name)) == 3
    saved = found.save(folder / "compared")
    assert SessionComparison.load(saved).to_json() == found.to_json()
    (saved / "session_comparison.json").write_text("{}")
    with pytest.raises(OutputError):
        SessionComparison.load(saved)
