"""Events listed and streamed, accounts stopped and paused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper.test_broker import STRATEGY
from web.asked import ADMIN, WORKSPACE, buy, client_of

NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(tmp_path) as found:
        yield found


def test_events_are_listed_and_filtered(client: TestClient) -> None:
    buy(client, 1)
    buy(client, 2)
    page = client.get("/api/journal?limit=3").json()
    assert [one["seq"] for one in page["events"]] == [13, 12, 11]
    assert (page["total"], page["counts"]["order_filled"]) == (13, 2)
    fills = client.get("/api/journal?type=order_filled&limit=1&offset=1").json()
    assert (fills["total"], fills["events"][0]["payload"]["fill_price"]) == (2, "50000")
    own = client.get("/api/journal?correlation_id=test-2").json()
    assert {one["correlation_id"] for one in own["events"]} == {"test-2"}
    assert client.get("/api/journal?hours=1").json()["total"] == 13
    for wrong in ("limit=0", "limit=201", "offset=-1", "hours=0", "workspace_id=w"):
        assert client.get(f"/api/journal?{wrong}").status_code == 422


def test_one_event(client: TestClient) -> None:
    buy(client)
    found = client.get(f"/api/journal/{WORKSPACE}/6").json()
    assert (found["type"], found["seq"]) == ("order_filled", 6)
    for seq in ("0", "99", "-1", str(2**70)):
        assert client.get(f"/api/journal/{WORKSPACE}/{seq}").status_code == 404


def test_accounts_are_listed_and_stopped(client: TestClient) -> None:
    buy(client)
    (row,) = client.get("/api/workspaces").json()
    assert (row["workspace_id"], row["events"], row["open_positions"]) == (str(WORKSPACE), 7, 1)
    path = f"/api/workspaces/{WORKSPACE}/kill-switch"
    body: dict[str, Any] = {"workspace_id": str(WORKSPACE), "on": True, "why": "test"}
    assert client.post(path, json=body | {"workspace_id": NIL}).status_code == 400
    assert client.post(path, json=body | {"why": ""}).status_code == 422
    assert client.post(path, json=body).json()["halts"] == ["all"]
    assert buy(client, 2).json()["error_code"] == "POLICY_REJECTED"
    assert client.post(path, json=body | {"on": False}).json()["halts"] == []
    everywhere = client.post(
        f"/api/workspaces/{NIL}/kill-switch", json=body | {"workspace_id": NIL}
    )
    assert everywhere.status_code == 200
    assert buy(client, 3).json()["error_code"] == "POLICY_REJECTED"
    assert len(client.get("/api/workspaces").json()) == 1


def test_a_strategy_is_paused(client: TestClient) -> None:
    path = f"/api/workspaces/{WORKSPACE}/pauses"
    body = {"strategy_entity_id": str(STRATEGY), "paused": True, "why": "test"}
    assert client.post(path, json=body).json()["paused"] == [str(STRATEGY)]
    assert buy(client).json()["error_code"] == "STRATEGY_PAUSED"
    assert client.post(path, json=body | {"paused": False}).json()["paused"] == []


# ------------------------------------------------------------------------------ streams


def streamed(
    client: TestClient, count: int, headers: dict[str, str] | None = None, query: str = ""
) -> list[dict[str, Any]]:
    """The first events of a stream, read as a server would send them, then hung up."""
    path, found = f"/events/{WORKSPACE}", bytearray()
    hung_up = asyncio.Event()
    sent = [(b"host", b"127.0.0.1:8000")]
    sent += [(k.lower().encode(), v.encode()) for k, v in (headers or ADMIN).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": sent,
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8000), "scheme": "http",
    }  # fmt: skip
    began = [False]

    async def receive() -> dict[str, Any]:
        if not began[0]:
            began[0] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        found.extend(message.get("body", b""))
        if found.count(b"\ndata:") + found.startswith(b"data:") >= count:
            hung_up.set()

    async def run() -> None:
        await asyncio.wait_for(client.app(scope, receive, send), 20)  # type: ignore[arg-type]

    asyncio.run(run())
    events = []
    for block in found.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            events.append(fields | {"content": json.loads(fields["data"])})
    return events


def test_events_are_streamed_and_resumed(client: TestClient) -> None:
    buy(client)
    events = streamed(client, 7)
    assert [one["id"] for one in events] == [str(n) for n in range(1, 8)]
    assert events[5]["event"] == "order_filled"
    assert events[5]["content"]["payload"]["qty"] == "1"
    assert [one["id"] for one in streamed(client, 2, query="after=5")] == ["6", "7"]
    resumed = streamed(client, 1, ADMIN | {"Last-Event-ID": "6"})
    assert [one["id"] for one in resumed] == ["7"]


def test_a_page_may_listen_with_its_session(client: TestClient) -> None:
    buy(client)
    access = client.app.state.access  # type: ignore[attr-defined]
    session = {"Cookie": f"{access.cookie}={access.new_session()}"}
    assert len(streamed(client, 7, session)) == 7
    del client.headers["X-Admin-Token"]
    assert client.get(f"/events/{WORKSPACE}").status_code == 401
    client.cookies.set(access.cookie, access.new_session())
    assert client.get(f"/execute/paper/state/{WORKSPACE}").status_code == 401
