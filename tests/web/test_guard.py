"""What keeps a service on this machine from being used by others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from web.asked import TOKEN, WORKSPACE, buy, client_of

from bt_gex.errors import BadValue, DataError
from bt_gex.web.access import CODE_S, FAILURES, SESSION_S, WINDOW_S, Access
from bt_gex.web.settings import WebSettings, find_token

STATE = f"/execute/paper/state/{WORKSPACE}"
OPEN = {"/health"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(tmp_path) as found:
        yield found


def test_every_route_wants_the_token(client: TestClient) -> None:
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    assert len(paths) > 10
    del client.headers["X-Admin-Token"]
    for template, methods in paths.items():
        path = template.replace("{seq}", "1").replace("{instance_id}", "1")
        path = re.sub(r"\{\w+_id\}", str(WORKSPACE), path)
        assert "{" not in path
        for method in methods:
            found = client.request(method, path)
            assert found.status_code == (200 if template in OPEN else 401), (method, path)
            if template not in OPEN:
                wrong = client.request(method, path, headers={"X-Admin-Token": "x" * 32})
                assert wrong.status_code in (403, 429)


def test_the_token_as_bearer_and_never_in_the_address(client: TestClient) -> None:
    del client.headers["X-Admin-Token"]
    assert client.get(STATE).json() == {"detail": "Missing authorization header"}
    bearer = client.get(STATE, headers={"Authorization": f"Bearer {TOKEN}"})
    assert bearer.status_code == 200
    assert client.get(STATE, headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get(f"{STATE}?token={TOKEN}").status_code == 401
    client.cookies.set("admin_token", TOKEN)
    assert client.get(STATE).status_code == 401


def test_wrong_tokens_have_to_wait(client: TestClient) -> None:
    wrong = {"X-Admin-Token": "x" * 32}
    statuses = [client.get(STATE, headers=wrong).status_code for _ in range(FAILURES + 1)]
    assert statuses == [403] * FAILURES + [429]
    assert client.get(STATE).status_code == 429


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:9", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:8000", 400),
        ("", 400),
    ],
)
def test_host_names(client: TestClient, host: str, status: int) -> None:
    found = client.get("/health", headers={"Host": host})
    assert found.status_code == status
    if status == 400:
        assert found.headers["content-type"] == "application/problem+json"


def test_a_name_can_be_allowed(tmp_path: Path) -> None:
    with client_of(tmp_path, hosts=("desk.home",)) as client:
        assert client.get("/health", headers={"Host": "Desk.home:8000"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://127.0.0.1:8000"}, True),
        ({"Origin": "http://127.0.0.1:9000"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"}, False),
    ],
)
def test_requests_of_other_sites_change_nothing(
    client: TestClient, headers: dict[str, str], allowed: bool
) -> None:
    client.headers.update(headers)
    found = buy(client)
    assert found.status_code == (200 if allowed else 403)
    assert client.get(STATE).json()["orders_count"] == int(allowed)


def test_headers_of_every_answer(client: TestClient) -> None:
    for path in ("/health", STATE, "/nothing"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_reading_changes_nothing(client: TestClient, tmp_path: Path) -> None:
    buy(client)
    before = (tmp_path / "journal.db").read_bytes()
    for path in (STATE, f"/execute/paper/positions/{WORKSPACE}", "/intents/rules", "/health"):
        assert client.get(path).status_code == 200
    assert (tmp_path / "journal.db").read_bytes() == before


# ------------------------------------------------------------------------------ tokens


def test_a_token_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    token, made = find_token(folder, {})
    assert (len(token) >= 32, made) == (True, True)
    file = folder / "admin-token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert find_token(folder, {}) == (token, False)
    assert find_token(folder, {"BT_GEX_ADMIN_TOKEN": "given"}) == ("given", False)
    file.chmod(0o644)
    with pytest.raises(DataError, match="chmod 600"):
        find_token(folder, {})
    file.chmod(0o600)
    file.write_text("")
    with pytest.raises(DataError, match="empty"):
        find_token(folder, {})
    os.unlink(file)


def test_other_machines_need_a_longer_token() -> None:
    for host, length, allowed in (
        ("127.0.0.1", 15, False),
        ("127.0.0.1", 16, True),
        ("localhost", 16, True),
        ("0.0.0.0", 31, False),
        ("0.0.0.0", 32, True),
        ("192.168.1.5", 31, False),
    ):
        try:
            WebSettings(token="x" * length, journal=None, host=host)
            made = True
        except BadValue:
            made = False
        assert made == allowed, (host, length)


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(WebSettings(token=TOKEN, journal=None))
    assert TOKEN not in repr(Access(TOKEN, "cookie"))


def test_sessions_and_codes_end() -> None:
    now = [0.0]
    access = Access(TOKEN, "cookie", lambda: now[0])
    session, code = access.new_session(), access.new_code()
    assert access.is_session(session)
    assert not access.is_session(code)
    assert not access.is_session(None)
    assert access.take_code(code)
    assert not access.take_code(code)
    late = access.new_code()
    now[0] = CODE_S
    assert not access.take_code(late)
    now[0] = SESSION_S
    assert not access.is_session(session)
    other = access.new_session()
    access.end_session(other)
    assert not access.is_session(other)
    for _ in range(FAILURES):
        access.failed("a")
    assert (access.must_wait("a"), access.must_wait("b")) == (True, False)
    now[0] += WINDOW_S
    assert not access.must_wait("a")
