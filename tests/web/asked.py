"""A service to ask, and how it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from paper.test_broker import WORKSPACE, raw

from bt_gex.web.app import create_app
from bt_gex.web.settings import WebSettings

TOKEN = "t" * 32
ADMIN = {"X-Admin-Token": TOKEN}


def client_of(folder: Path | None, **settings: Any) -> TestClient:
    """A client with the token; without a folder the service has no journal."""
    journal = str(folder / "journal.db") if folder else None
    if folder:
        settings.setdefault("recordings", str(folder / "recordings.db"))
    app = create_app(WebSettings(token=TOKEN, journal=journal, **settings))
    return TestClient(app, base_url="http://127.0.0.1:8000", headers=ADMIN)


def buy(client: TestClient, name: Any = 1, quantity: Any = 1.0, **more: Any) -> Any:
    body = {"intent": raw(name, "open_long", quantity, **more.pop("intent", {}))}
    return client.post("/execute/intents", json=body | {"fill_price": 50_000.0} | more)


def detail(response: Any) -> Any:
    return response.json()["detail"]


__all__ = ["ADMIN", "TOKEN", "WORKSPACE", "buy", "client_of", "detail", "raw"]
