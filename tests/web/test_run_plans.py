"""/testing/run-plans and what became of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper.golden_bars import fifty_bars, make_spec
from web.asked import client_of, detail

from bt_gex.journal.base import Query
from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.generator import plain_spec

PATH = "/testing/run-plans/generate"
RUN = "/testing/run-plans/generate-and-execute"
GRID = {"lookback_days_values": [15, 20], "dollars_per_trade_values": [500.0]}
WORKSPACE = str(make_spec().workspace_id)
NOWHERE = "44444444-4444-4444-4444-444444444444"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(tmp_path) as found:
        yield found


def request(**more: Any) -> dict[str, Any]:
    return {
        "workspace_id": WORKSPACE, "base_spec": plain_spec(make_spec()), "dataset_ref": "b.csv",
        "constraints": GRID,
    } | more  # fmt: skip


def run(client: TestClient, content: bytes | None = None, headers: Any = None, **more: Any) -> Any:
    form = {
        "workspace_id": WORKSPACE,
        "base_spec_json": json.dumps(plain_spec(make_spec())),
        "constraints_json": json.dumps(GRID),
    } | more
    file = ("../../b.csv", fifty_bars() if content is None else content, "text/csv")
    return client.post(RUN, data=form, files={"file": file}, headers=headers)


def test_generating_needs_no_journal() -> None:
    with client_of(None) as client:
        found = client.post(PATH, json=request())
        assert found.status_code == 200
        content = found.json()
        assert (content["workspace_id"], content["objective"]) == (WORKSPACE, "sharpe_dd_penalty")
        assert content["n_variants"] == len(content["variants"])
        assert set(content["variants"][0]) == {"variant_id", "label", "tags"}
        assert run(client).status_code == 503


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"base_spec": {}}, "INVALID_BASE_SPEC"),
        ({"workspace_id": NOWHERE}, "INVALID_BASE_SPEC"),
        ({"constraints": {"max_variants": 201}}, "INVALID_CONSTRAINTS"),
        ({"constraints": {"max_variants": -1}}, "INVALID_CONSTRAINTS"),
        ({"constraints": {"lookback": [1]}}, "INVALID_CONSTRAINTS"),
        ({"objective": "luck"}, "INVALID_CONSTRAINTS"),
    ],
)
def test_plans_that_cannot_be(client: TestClient, changed: dict[str, Any], code: str) -> None:
    found = client.post(PATH, json=request(**changed))
    assert (found.status_code, detail(found)["error_code"]) == (422, code)


def test_running_a_plan(client: TestClient, tmp_path: Path) -> None:
    found = run(client)
    assert found.status_code == 200, found.text
    content = found.json()
    assert content["n_variants"] == len(content["results"])
    assert {one["status"] for one in content["results"]} == {"success"}
    assert content["best_variant_id"] in {one["variant_id"] for one in content["results"]}
    journal = SqlJournal(tmp_path / "journal.db", read_only=True)
    types = [record.type for record in journal.records(Query())]
    assert (types.count("run_started"), types.count("run_completed")) == (1, 1)
    journal.close()
    row = client.get(f"/admin/run-plans/{content['run_plan_id']}").json()
    assert (row["status"], row["n_done"], row["dataset_ref"]) == (
        "completed", content["n_variants"], "../../b.csv",
    )  # fmt: skip
    assert row["best_variant_id"] == content["best_variant_id"]
    page = client.get(f"/admin/run-plans/{content['run_plan_id']}/runs?limit=2&offset=1").json()
    assert (page["total"], page["limit"], page["offset"]) == (content["n_variants"], 2, 1)
    assert [one["variant_id"] for one in page["runs"]] == [
        one["variant_id"] for one in content["results"][1:3]
    ]
    again = run(client)
    assert again.json() == content


def test_a_plan_can_be_run_behind_the_answer(client: TestClient) -> None:
    found = run(client, headers={"Prefer": "respond-async"})
    assert found.status_code == 202
    place = found.headers["location"]
    assert place == found.json()["status_url"]
    for _ in range(300):
        row = client.get(place)
        if row.status_code == 200 and row.json()["status"] == "completed":
            return
        time.sleep(0.1)
    pytest.fail(f"the plan did not end: {row.text}")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"base_spec_json": "{"}, "INVALID_JSON"),
        ({"base_spec_json": "[]"}, "INVALID_JSON"),
        ({"base_spec_json": '{"a": NaN}'}, "INVALID_JSON"),
        ({"constraints_json": "{"}, "INVALID_JSON"),
        ({"base_spec_json": "{}"}, "INVALID_BASE_SPEC"),
        ({"constraints_json": '{"max_variants": 0}'}, "INVALID_CONSTRAINTS"),
        ({"content": b"ts,open\n"}, "INVALID_CSV"),
        ({"content": b"\xff"}, "INVALID_CSV"),
        ({"content": b""}, "INVALID_CSV"),
    ],
)
def test_uploads_that_cannot_be_run(client: TestClient, changed: dict[str, Any], code: str) -> None:
    found = run(client, **changed)
    assert (found.status_code, detail(found)["error_code"]) == (422, code)


def test_errors_come_in_the_documented_order(client: TestClient) -> None:
    both = run(client, base_spec_json="{}", constraints_json="{")
    assert detail(both)["error_code"] == "INVALID_JSON"
    both = run(client, b"x", base_spec_json="{}")
    assert detail(both)["error_code"] == "INVALID_BASE_SPEC"
    both = run(client, b"x", constraints_json='{"max_variants": 0}')
    assert detail(both)["error_code"] == "INVALID_CONSTRAINTS"


def test_a_plan_nobody_knows(client: TestClient) -> None:
    for path in (f"/admin/run-plans/{NOWHERE}", f"/admin/run-plans/{NOWHERE}/runs"):
        found = client.get(path)
        assert (found.status_code, detail(found)) == (404, "Run plan not found")


def test_an_upload_that_is_too_large(client: TestClient) -> None:
    assert run(client, b"x" * 10_600_000).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n'
        for _ in range(11):
            yield b"x" * 1_000_000

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(RUN, content=chunks(), headers=form).status_code == 413
