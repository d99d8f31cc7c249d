"""The OpenAPI description: it is the stored one, and the service keeps to it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from web.asked import ADMIN, client_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("web")) as found:
        yield found


def test_the_stored_description_is_that_of_the_service(client: TestClient) -> None:
    stored = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    assert client.get("/openapi.json").json() == stored, "run scripts/openapi"


def test_every_route_says_what_it_does_and_answers(client: TestClient) -> None:
    described: dict[str, Any] = client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), (method, path)
            if path != "/health":
                assert {"401", "403"} <= set(route["responses"]), (method, path)
                assert route["security"], (method, path)


def test_random_requests_are_answered_as_described(client: TestClient) -> None:
    """Requests made from the description, right and wrong ones; no answer is undescribed."""
    headers = ADMIN | {"Host": "127.0.0.1:8000"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app, headers=headers)
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.startswith("/events/"):
            continue  # does not end; tested by hand

        @settings(
            max_examples=int(os.environ.get("BT_GEX_WEB_EXAMPLES", "15")),
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def asked(case: Any) -> None:
            # A description cannot say which fields contradict each other.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        asked()
