"""/api/v1/recordings: what is recorded, and replays that run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from recordings.runs import frame, record_reversion, series_of
from recordings.sessions import add_bar, add_trade, recorder
from web.asked import client_of, detail

from bt_gex.recordings.archive import import_recording
from bt_gex.recordings.store import RecordingStore

PATH = "/api/v1/recordings"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A database with a recording of mean reversion and one that is still going on."""
    folder = tmp_path_factory.mktemp("recordings")
    with RecordingStore(folder / "r.db") as store:
        rows = [tuple(map(float, row)) for row in frame(3, 150)[list(frame(3).columns[:4])].values]
        whole = record_reversion(
            store, [series_of("X", rows)],  # type: ignore[arg-type]
            recorder={"tags": ["first"], "description": "of a test"},
            bb_std=1.2, rsi_threshold=45, direction="both", stop_loss_pct=0.4,
        )  # fmt: skip
        going = recorder(store, instance_id=7, strategy_name="By Hand")
        add_bar(going, 0)
        add_trade(going, 5.0)
        return folder / "r.db", whole, going.recording_id


@pytest.fixture(scope="module")
def client(place: tuple[Path, str, str]) -> Iterator[TestClient]:
    with client_of(None, recordings=str(place[0])) as found:
        yield found


def test_recordings_are_listed(client: TestClient, place: tuple[Path, str, str]) -> None:
    found = client.get(PATH).json()
    assert (found["success"], found["count"]) == (True, 2)
    assert [one["recording_id"] for one in found["recordings"]] == [place[2], place[1]]
    of_tag = client.get(f"{PATH}?tag=first&status=completed").json()
    (row,) = of_tag["recordings"]
    assert (row["recording_id"], row["tags"], row["symbols_recorded"]) == (
        place[1], ["first"], ["X"],
    )  # fmt: skip
    assert row["original_trades"] > 2
    assert client.get(f"{PATH}?strategy=nobody").json()["count"] == 0
    for wrong in ("status=lost", "limit=0", "limit=1001", "offset=-1"):
        assert client.get(f"{PATH}?{wrong}").status_code == 422


def test_one_recording(client: TestClient, place: tuple[Path, str, str]) -> None:
    found = client.get(f"{PATH}/{place[1]}").json()["recording"]
    assert found["event_counts"]["POSITION_CLOSED"] == found["original_trades"]
    assert found["original_parameters"]["bb_std"] == 1.2
    missing = client.get(f"{PATH}/nothing")
    assert (missing.status_code, "not found" in detail(missing)) == (404, True)


def test_pages_of_events_are_the_whole(client: TestClient, place: tuple[Path, str, str]) -> None:
    path = f"{PATH}/{place[1]}/events"
    whole = client.get(f"{path}?limit=1000").json()
    assert whole["total_events"] == len(whole["events"])
    pages = [
        one
        for offset in range(0, whole["total_events"], 7)
        for one in client.get(f"{path}?limit=7&offset={offset}").json()["events"]
    ]
    assert pages == whole["events"]
    closed = client.get(f"{path}?event_type=POSITION_CLOSED&limit=1").json()
    assert closed["total_events"] > 2
    assert closed["events"][0]["event_type"] == "POSITION_CLOSED"
    assert client.get(f"{path}?limit=1001").status_code == 422
    assert client.get(f"{PATH}/nothing/events").status_code == 404


def test_bars(client: TestClient, place: tuple[Path, str, str]) -> None:
    path = f"{PATH}/{place[1]}/market-data"
    found = client.get(f"{path}?limit=2&symbol=X").json()
    assert (found["total_bars"], len(found["bars"]), found["symbol"]) == (150, 2, "X")
    assert found["bars"][1]["sequence"] == 1
    assert client.get(f"{path}?symbol=Z").json()["total_bars"] == 0
    assert client.get(f"{path}?limit=10001").status_code == 422


def test_a_replay_runs_and_is_stored(client: TestClient, place: tuple[Path, str, str]) -> None:
    path = f"{PATH}/{place[1]}"
    same = client.post(f"{path}/replay", json={"description": "as it was"}).json()
    assert (same["success"], same["comparison"]["pnl_diff"]) == (True, 0.0)
    other = client.post(f"{path}/replay", json={"modified_parameters": {"stop_loss_pct": 0.1}})
    found = other.json()
    assert found["comparison"]["trades_diff"] == found["total_trades"] - same["total_trades"]
    assert found["total_pnl"] != same["total_pnl"]
    listed = client.get(f"{path}/replays").json()
    assert [one["replay_id"] for one in listed["replays"]][:2] == [
        found["replay_id"], same["replay_id"],
    ]  # fmt: skip
    assert listed["replays"][1]["description"] == "as it was"
    for place_of in (f"{PATH}/replays", "/api/v1/replays"):
        stored = client.get(f"{place_of}/{found['replay_id']}").json()["replay"]
        assert (stored["recording_id"], stored["total_pnl"]) == (place[1], found["total_pnl"])
        assert stored["replay_events"]
        assert client.get(f"{place_of}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"modified_parameters": {"stop_los_pct": 1}}, "stop_loss_pct"),
        ({"modified_parameters": {"stop_loss_pct": "much"}}, "stop_loss_pct"),
        ({"strategy_name": "Mean Revers"}, "Mean Rev"),
    ],
)
def test_replays_that_cannot_be(
    client: TestClient, place: tuple[Path, str, str], body: dict[str, Any], words: str
) -> None:
    answer = client.post(f"{PATH}/{place[1]}/replay", json=body)
    assert answer.status_code == 400
    assert words in detail(answer)


def test_a_running_recording_is_not_replayed(
    client: TestClient, place: tuple[Path, str, str]
) -> None:
    answer = client.post(f"{PATH}/{place[2]}/replay", json={})
    assert answer.status_code == 400
    assert "Only completed recordings can be replayed" in detail(answer)
    assert client.post(f"{PATH}/nothing/replay", json={}).status_code == 404
    assert client.post(f"{PATH}/{place[1]}/replay", json={"parameters": {}}).status_code == 422


def test_what_an_instance_records_now(client: TestClient, place: tuple[Path, str, str]) -> None:
    found = client.get(f"{PATH}/instances/7/active-recording").json()
    assert found["active_recording"]["recording_id"] == place[2]
    none = client.get(f"{PATH}/instances/8/active-recording").json()
    assert none == {"success": True, "instance_id": 8, "active_recording": None}


def test_exported_and_deleted(
    client: TestClient, place: tuple[Path, str, str], tmp_path: Path
) -> None:
    content = client.get(f"{PATH}/{place[1]}/export").content
    file = tmp_path / "r.btrec"
    file.write_bytes(content)
    with RecordingStore(place[0]) as store:
        copy = import_recording(store, file, new_id=True)
    assert client.delete(f"{PATH}/{place[2]}").status_code == 409
    assert client.delete(f"{PATH}/{copy}").json()["success"]
    assert client.get(f"{PATH}/{copy}").status_code == 404
    assert client.delete(f"{PATH}/{copy}").status_code == 404
    assert client.get(f"{PATH}/{place[1]}").status_code == 200


def test_without_a_database() -> None:
    with client_of(None) as client:
        assert client.get(PATH).status_code == 503
