"""The desk's pages: what they show, who may see them, what text from outside does to them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from web.asked import TOKEN, WORKSPACE, buy, client_of
from web.test_run_plans import run

from bt_gex.web.login import local
from bt_gex.web.pages import safe_cell

NOWHERE = "44444444-4444-4444-4444-444444444444"
PAGES = ("/", "/admin/trade/events", "/admin/testing/run-plans", f"/desk/workspaces/{WORKSPACE}")
EVIL = "'><script>alert(1)</script>"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[TestClient]:
    """A browser that has logged in and has no token."""
    with client_of(tmp_path) as client:
        buy(client)
        del client.headers["X-Admin-Token"]
        client.headers["Accept"] = "text/html"
        answer = client.post("/login", data={"token": TOKEN}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield client


def admin(desk: TestClient) -> dict[str, str]:
    return {"X-Admin-Token": TOKEN, "Accept": "application/json"}


@pytest.mark.parametrize("path", PAGES)
def test_pages_want_a_session(tmp_path: Path, path: str) -> None:
    with client_of(tmp_path) as client:
        del client.headers["X-Admin-Token"]
        answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2F")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_whole(desk: TestClient, path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1>") == 1
    assert not re.search(r"\son\w+=|javascript:|style=", answer.text)
    assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/static/desk.js" defer>']
    links = re.findall(r'(?:href|src|action)="([^"]+)"', answer.text)
    assert all(link.startswith(("/", "#", "data:,")) for link in links)


def test_files_of_the_pages(desk: TestClient) -> None:
    for name in ("desk.css", "desk.js"):
        assert desk.get(f"/static/{name}").status_code == 200
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"):
        assert desk.get(path).status_code == 404


def test_the_cookie_is_no_key_to_the_api(desk: TestClient) -> None:
    (cookie,) = desk.cookies.jar
    assert TOKEN not in str(cookie.value)
    assert cookie.name == "bt_gex_8000"
    assert desk.get(f"/execute/paper/state/{WORKSPACE}").status_code == 401
    desk.post("/logout")
    assert desk.get("/", follow_redirects=False).status_code == 303


def test_attributes_of_the_cookie(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        answer = client.post("/auth/login", json={"token": TOKEN, "remember": True})
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert client.post("/auth/login", json={"token": "x"}).status_code == 403


def test_a_login_link_is_good_once(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        del client.headers["X-Admin-Token"]
        code = client.app.state.access.new_code()  # type: ignore[attr-defined]
        first = client.get(f"/login?code={code}", follow_redirects=False)
        assert (first.status_code, "set-cookie" in first.headers) == (303, True)
        client.cookies.clear()
        second = client.get(f"/login?code={code}", follow_redirects=False)
        assert (second.status_code, "set-cookie" in second.headers) == (403, False)
        wrong = client.post("/login", data={"token": "wrong"})
        assert wrong.status_code == 403
        assert "Invalid admin token" in wrong.text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/admin/trade/events?limit=5", "/admin/trade/events?limit=5"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
    ],
)
def test_logging_in_leads_nowhere_else(path: str, expected: str) -> None:
    assert local(path) == expected


def test_the_overview(desk: TestClient) -> None:
    text = desk.get("/").text
    assert f"/desk/workspaces/{WORKSPACE}" in text
    assert "-$40,000.00" in text
    as_json = desk.get("/", headers={"Accept": "application/json"})
    assert as_json.json()["name"] == "bt-gex"
    assert "/execute/intents" in as_json.json()["endpoints"]


def test_an_account(desk: TestClient) -> None:
    text = desk.get(f"/desk/workspaces/{WORKSPACE}").text
    assert "BTC" in text
    assert "every hash holds" in text
    assert desk.get(f"/desk/workspaces/{NOWHERE}").status_code == 404


def test_what_changes_an_account_is_typed_twice(desk: TestClient) -> None:
    place = f"/desk/workspaces/{WORKSPACE}"
    form: dict[str, Any] = {"on": "true", "scope": "all", "why": "test"}
    slip = desk.post(f"{place}/kill-switch", data=form | {"workspace_id_again": NOWHERE})
    assert slip.status_code == 400
    assert "Kill switch for all is on" not in desk.get(place).text
    again = {"workspace_id_again": str(WORKSPACE)}
    done = desk.post(f"{place}/kill-switch", data=form | again)
    assert "Kill switch for all is on" in done.text
    cross = desk.post(f"{place}/reset", data=again, headers={"Sec-Fetch-Site": "same-site"})
    assert cross.status_code == 403
    assert "BTC" in desk.get(place).text.split("Last events")[0]
    assert "BTC" not in desk.post(f"{place}/reset", data=again).text.split("Last events")[0]
    assert "BTC" in desk.post(f"{place}/reconcile").text.split("Last events")[0]


def test_the_journal(desk: TestClient) -> None:
    page = desk.get("/admin/trade/events?event_type=order_filled&hours=1").text
    assert page.count("<tr><td") == 1
    assert "intent_emitted 1" in page
    assert "Showing 1–2 of 7" in desk.get("/admin/trade/events?limit=2").text
    assert "Showing 7–7 of 7" in desk.get("/admin/trade/events?limit=2&offset=6").text
    assert "No event matches" in desk.get("/admin/trade/events?symbol=ETH").text
    assert desk.get("/admin/trade/events?workspace_id=w").status_code == 422
    assert desk.get("/admin/trade/events?hours=&symbol=").status_code == 200
    wrong = desk.get("/admin/trade/events?hours=0")
    assert (wrong.status_code, "Error 422" in wrong.text) == (422, True)
    event = desk.get(f"/admin/trade/events/{WORKSPACE}/6").text
    assert "order_filled, event 6" in event
    assert event.count("<tr><td") == 6  # all of the correlation
    assert desk.get(f"/admin/trade/events/{WORKSPACE}/99").status_code == 404


def test_text_from_outside_stays_text(desk: TestClient) -> None:
    buy(desk, 2, intent={"correlation_id": EVIL, "symbol": EVIL, "reason": EVIL}, headers=None)
    intent = {"correlation_id": EVIL, "symbol": EVIL, "reason": EVIL}
    body = {"intent": _intent(intent), "fill_price": 1.0}
    assert desk.post("/execute/intents", json=body, headers=admin(desk)).status_code == 200
    for path in (*PAGES, f"/admin/trade/events/{WORKSPACE}/9", f"/login?next={EVIL}"):
        text = desk.get(path).text
        assert "<script>alert" not in text, path
    assert "&lt;script&gt;" in desk.get(f"/desk/workspaces/{WORKSPACE}").text


def _intent(more: dict[str, Any]) -> dict[str, Any]:
    from paper.test_broker import raw

    return raw(3, "open_long", 1.0, **more)


def test_cells_of_a_csv_are_no_formulas(desk: TestClient) -> None:
    body = {"intent": _intent({"correlation_id": "=1+1", "symbol": "@x"}), "fill_price": 1.0}
    assert desk.post("/execute/intents", json=body, headers=admin(desk)).status_code == 200
    answer = desk.get("/admin/trade/events.csv?event_type=order_filled")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["correlation_id"], row["symbol"]) for row in rows] == [
        ("'=1+1", "'@x"), ("test-1", "BTC"),
    ]  # fmt: skip
    assert [safe_cell(one) for one in ("+1", "-1", "\t1", "1-1", -1.5)] == [
        "'+1", "'-1", "'\t1", "1-1", -1.5,
    ]  # fmt: skip


def test_run_plans(desk: TestClient) -> None:
    assert "No run plan matches" in desk.get("/admin/testing/run-plans").text
    done = run(desk, headers=admin(desk)).json()
    listed = desk.get("/admin/testing/run-plans?status=completed").text
    assert done["run_plan_id"] in listed
    assert "No run plan matches" in desk.get("/admin/testing/run-plans?status=failed").text
    assert desk.get("/admin/testing/run-plans?status=lost").status_code == 422
    page = desk.get(f"/admin/testing/run-plans/{done['run_plan_id']}").text
    assert f"{done['best_variant_id']} (best)" in page
    assert "run_completed" in page
    table = desk.get(f"/admin/testing/run-plans/{done['run_plan_id']}.csv").text
    assert len(list(csv.DictReader(io.StringIO(table)))) == done["n_variants"]
    missing = desk.get(f"/admin/testing/run-plans/{NOWHERE}")
    assert missing.status_code == 404
    assert "Run plan not found" in missing.text
