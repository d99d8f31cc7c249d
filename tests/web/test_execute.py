"""/execute and /intents. The cases are those of the documented errors, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from paper.test_broker import STRATEGY
from web.asked import WORKSPACE, buy, client_of, detail, raw

from bt_gex.errors import JournalBusy, JournalFull, OutcomeUnknown
from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.broker import PaperBroker

OTHER = "44444444-4444-4444-4444-444444444444"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(tmp_path) as found:
        yield found


def broker(folder: Path) -> PaperBroker:
    return PaperBroker(journal=SqlJournal(folder / "journal.db"))


def test_a_fill_and_the_account(client: TestClient) -> None:
    fresh = client.get(f"/execute/paper/state/{WORKSPACE}").json()
    assert (fresh["cash"], fresh["positions"]) == (10_000.0, {})
    filled = buy(client)
    assert filled.status_code == 200
    content = filled.json()
    assert (content["success"], content["position_action"], content["events_recorded"]) == (
        True,
        "opened",
        2,
    )
    assert client.get(f"/execute/paper/state/{WORKSPACE}").json()["cash"] == -40_000.0
    (held,) = client.get(f"/execute/paper/positions/{WORKSPACE}").json()
    assert (held["symbol"], held["quantity"], held["avg_price"]) == ("BTC", 1.0, 50_000.0)
    done = client.post(f"/execute/paper/reconcile/{WORKSPACE}").json()
    assert (done["success"], done["events_replayed"]) == (True, 1)
    reset = client.post(f"/execute/paper/reset/{WORKSPACE}")
    assert reset.json() == {"status": "reset", "workspace_id": str(WORKSPACE)}
    assert client.get(f"/execute/paper/positions/{WORKSPACE}").json() == []


def test_mode_live_is_not_supported(client: TestClient) -> None:
    found = buy(client, mode="live")
    assert (found.status_code, detail(found)) == (
        400,
        {"error": "Only paper mode supported", "error_code": "UNSUPPORTED_MODE"},
    )


@pytest.mark.parametrize(
    "action", ["open_short", "close_short", "scale_in", "scale_out", "cancel_order"]
)
def test_actions_that_are_not_supported(client: TestClient, action: str) -> None:
    body = {"intent": raw(1, action, 1.0), "fill_price": 1.0}
    found = client.post("/execute/intents", json=body)
    assert (found.status_code, detail(found)["error_code"]) == (400, "UNSUPPORTED_ACTION")
    assert action in detail(found)["error"]


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "dream"},
        {"fill_price": 0},
        {"fill_price": -1},
        {"fill_price": None},
        {"intent": raw(1, "buy", 1.0)},
        {"intent": raw(1, "open_long", -1.0)},
        {"intent": raw(1, "open_long", 1.0) | {"qty": 1.0}},
        {"intent": raw(1, "open_long", 1.0) | {"workspace_id": "w"}},
    ],
)
def test_requests_that_are_none(client: TestClient, changed: dict[str, Any]) -> None:
    body = {"intent": raw(1, "open_long", 1.0), "fill_price": 1.0} | changed
    found = client.post("/execute/intents", json=body)
    assert found.status_code == 422
    assert {"type", "loc", "msg"} <= set(detail(found)[0])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(client: TestClient, number: str) -> None:
    """The original filled at infinity, and could not write its own answer about NaN."""
    body = json.dumps({"intent": raw(1, "open_long", 1.0), "fill_price": "X"})
    found = client.post(
        "/execute/intents",
        content=body.replace('"X"', number),
        headers={"Content-Type": "application/json"},
    )
    assert found.status_code == 422
    assert client.get(f"/execute/paper/state/{WORKSPACE}").json()["cash"] == 10_000.0


def test_a_path_that_is_no_uuid(client: TestClient) -> None:
    assert client.get("/execute/paper/state/w").status_code == 422


@pytest.mark.parametrize(("action", "quantity"), [("open_long", 0.0), ("open_long", None)])
def test_quantities_that_are_none(client: TestClient, action: str, quantity: Any) -> None:
    found = buy(client, 1, quantity)
    assert (found.status_code, detail(found)["error_code"]) == (400, "INVALID_QUANTITY")


def test_closing(client: TestClient) -> None:
    def close(name: int, quantity: float | None) -> Any:
        body = {"intent": raw(name, "close_long", quantity), "fill_price": 51_000.0}
        return client.post("/execute/intents", json=body)

    flat = close(1, 1.0)
    assert (flat.status_code, detail(flat)["error_code"]) == (400, "NO_POSITION")
    buy(client, 2, 2.0)
    part = close(3, 1.0)
    assert (part.status_code, detail(part)["error_code"]) == (400, "PARTIAL_CLOSE_NOT_SUPPORTED")
    assert close(4, None).json()["quantity_filled"] == 2.0


def test_a_duplicate(client: TestClient) -> None:
    first = buy(client).json()
    again = buy(client, intent={"correlation_id": "other"})
    assert again.status_code == 409
    body = detail(again)
    assert (body["error_code"], body["prior_correlation_id"]) == ("ALREADY_EXECUTED", "test-1")
    assert (body["order_id"], body["request_matches"]) == (first["order_id"], False)
    assert body["first_result"]["fill_price"] == 50_000.0
    body = {"intent": raw(1, "open_long", 1.0), "fill_price": 50_000.0}
    key = {"Idempotency-Key": "k"}
    repeated = client.post("/execute/intents", json=body, headers=key)
    assert repeated.status_code == 200
    assert repeated.json() == first | {"position": None}
    body["intent"]["symbol"] = "ETH"
    assert client.post("/execute/intents", json=body, headers=key).status_code == 409


def test_policy_and_pause_are_answers(client: TestClient, tmp_path: Path) -> None:
    desk = broker(tmp_path)
    desk.switch(WORKSPACE, True, "all", why="test", who="me")
    stopped = buy(client)
    assert (stopped.status_code, stopped.json()["success"]) == (200, False)
    assert stopped.json()["events_recorded"] == 1
    assert stopped.json()["error"].startswith("Policy rejected: kill_switch")
    desk.switch(WORKSPACE, False, "all", why="test", who="me")
    assert client.get(f"/execute/paper/state/{WORKSPACE}").json()["cash"] == 10_000.0
    desk.pause(WORKSPACE, STRATEGY, True, why="test")
    paused = buy(client)
    assert (paused.status_code, paused.json()["error_code"]) == (200, "STRATEGY_PAUSED")
    assert "paused" in paused.json()["error"]


def test_the_workspace_header(client: TestClient) -> None:
    path = f"/execute/paper/state/{WORKSPACE}"
    assert client.get(path, headers={"X-Workspace-Id": str(WORKSPACE)}).status_code == 200
    other = client.get(path, headers={"X-Workspace-Id": OTHER})
    assert other.status_code == 400
    assert OTHER in detail(other)
    assert str(WORKSPACE) in detail(other)
    none = client.get(path, headers={"X-Workspace-Id": "w"})
    assert (none.status_code, detail(none)[:20]) == (400, "Invalid workspace ID")


def test_without_a_journal() -> None:
    with client_of(None) as client:
        found = client.get(f"/execute/paper/state/{WORKSPACE}")
        assert (found.status_code, detail(found)) == (503, "Database connection not available")


def test_no_reset_in_production(tmp_path: Path) -> None:
    with client_of(tmp_path, profile="production") as client:
        buy(client)
        found = client.post(f"/execute/paper/reset/{WORKSPACE}")
        assert (found.status_code, "production" in detail(found)) == (403, True)


def test_metadata_that_is_no_budget(client: TestClient) -> None:
    """The original answered 500."""
    found = buy(client, intent={"metadata": {"risk_budget_dollars": "plenty"}})
    assert (found.status_code, detail(found)["error_code"]) == (400, "BAD_INTENT")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (JournalFull("no room"), 507, "STORAGE_FULL"),
        (JournalBusy("busy"), 503, "BUSY"),
        (OutcomeUnknown("who knows"), 503, "OUTCOME_UNKNOWN"),
    ],
)
def test_what_the_journal_cannot_do(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(SqlJournal, "execute", fails)
    found = buy(client)
    assert (found.status_code, found.json()["error_code"]) == (status, code)
    assert found.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in found.headers) == (status == 503)


# ------------------------------------------------------------------------------ policy


def evaluate(client: TestClient, **more: Any) -> Any:
    return client.post("/intents/evaluate", json={"intent": raw(1, "open_long", 1.0)} | more)


def test_evaluating_an_intent(client: TestClient) -> None:
    tried = evaluate(client, dry_run=True).json()
    assert (tried["events_recorded"], tried["decision"]["reason"]) == (0, "all_rules_passed")
    found = evaluate(client).json()
    assert (found["events_recorded"], found["correlation_id"]) == (3, "test-1")
    assert found["decision"]["rules_evaluated"] == [
        "kill_switch", "drift_guard", "max_drawdown", "structural_sizing",
    ]  # fmt: skip
    assert client.get(f"/execute/paper/state/{WORKSPACE}").json()["orders_count"] == 0


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"kill_switch_active": True}, "kill_switch_active"),
        ({"trading_enabled": False}, "kill_switch_active"),
        ({"regime_distance_z": 3.0}, "regime_drift"),
        ({"max_drawdown_today": 5.0}, "max_drawdown_exceeded"),
        ({"risk_budget_dollars": 10.0}, "risk_too_high_for_account"),
    ],
)
def test_evaluating_by_given_figures(
    client: TestClient, state: dict[str, Any], reason: str
) -> None:
    decision = evaluate(client, state=state, dry_run=True).json()["decision"]
    assert (decision["approved"], decision["reason"]) == (False, reason)


def test_misspelt_figures_are_refused(client: TestClient) -> None:
    assert evaluate(client, state={"killswitch": True}).status_code == 422
    assert evaluate(client, state={"risk_multiplier": 2}).status_code == 422


def test_the_rules(client: TestClient) -> None:
    found = client.get("/intents/rules").json()
    assert found["count"] == 4
    assert found["rules"][0] == {"name": "kill_switch", "priority": 0, "enabled": True}
