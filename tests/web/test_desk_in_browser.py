"""The desk in a real browser: every page, what is clicked, news that come by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from browsers import browser
from paper.test_broker import CONDOR, WORKSPACE, wish
from web.test_serve_cli import TOKEN, free_port

from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.broker import PaperBroker

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
__all__ = ["browser"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account with longs and a spread."""
    folder = tmp_path_factory.mktemp("home")
    journal = SqlJournal(folder / "journal.db")
    broker = PaperBroker(journal=journal)
    broker.execute(wish(1, "open_long", 2.0), 100)
    broker.execute(wish(2, "close_long", 2.0), 104)
    legs = [one | {"expiration": "2099-01-12"} for one in CONDOR]
    assert broker.execute(wish(3, "open_spread", 1, symbol="SPXW", legs=legs), 1.6).success
    journal.close()
    return folder


@pytest.fixture(scope="module")
def desk(home: Path) -> Iterator[tuple[str, str]]:
    """Address of a service, and a link that logs in once."""
    port = free_port()
    words = ["-m", "bt_gex.cli.main", "serve", "--port", str(port), "--home", str(home)]
    process = subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | {"BT_GEX_ADMIN_TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        process.stdout.readline()
        link = process.stdout.readline().strip().partition(": ")[2]
        place = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{place}/health", timeout=5).close()
                break
            except URLError:
                time.sleep(0.1)
        yield place, link
    finally:
        process.terminate()
        process.communicate(timeout=20)


def links(browser: Any) -> set[str]:
    script = "return [...document.querySelectorAll('main a[href], nav a[href]')].map(a => a.href)"
    return set(browser.execute_script(script))


def test_every_page_by_its_links(browser: Any, desk: tuple[str, str], home: Path) -> None:
    place, login = desk
    browser.get(login)
    assert browser.current_url == f"{place}/"
    browser.get_log("browser")
    seen, waiting = set[str](), [f"{place}/"]
    while waiting:
        url = waiting.pop()
        if url in seen or ".csv" in url or len(seen) > 40:
            continue
        seen.add(url)
        browser.get(url)
        assert browser.find_elements("css selector", "h1"), url
        assert "Error" not in browser.title, url
        found = links(browser)
        assert all(one.startswith(place) for one in found), found
        waiting += sorted(found - seen)
    assert {f"{place}/admin/trade/events", f"{place}/desk/workspaces/{WORKSPACE}"} <= seen
    assert browser.get_log("browser") == []
    fetched = browser.execute_script(
        "return performance.getEntriesByType('resource').map(one => one.name)"
    )
    assert fetched
    assert all(name.startswith(place) for name in fetched)


def test_news_come_by_themselves(browser: Any, desk: tuple[str, str], home: Path) -> None:
    browser.get(f"{desk[0]}/desk/workspaces/{WORKSPACE}")
    news = browser.find_element("css selector", ".news")
    assert news.text == ""
    journal = SqlJournal(home / "journal.db")
    PaperBroker(journal=journal).execute(wish(9, "open_long", 1.0), 10)
    journal.close()
    for _ in range(100):
        if "new event" in news.text:
            break
        time.sleep(0.1)
    assert "6 new events" in news.text


def test_the_kill_switch_by_hand(browser: Any, desk: tuple[str, str]) -> None:
    browser.get(f"{desk[0]}/desk/workspaces/{WORKSPACE}")
    form = browser.find_element("css selector", "form[action$=kill-switch]")
    form.find_element("name", "why").send_keys("by hand")
    form.find_element("name", "workspace_id_again").send_keys(str(WORKSPACE))
    form.find_element("tag name", "button").click()
    assert "Kill switch for all is on" in browser.find_element("css selector", ".fault").text


def test_on_a_phone(browser: Any, desk: tuple[str, str]) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        for path in ("/", f"/desk/workspaces/{WORKSPACE}", "/admin/trade/events"):
            browser.get(desk[0] + path)
            assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
