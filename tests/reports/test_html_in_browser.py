"""The HTML report in a real browser: it loads, sorts, filters and unfolds without a console error.

Needs Chromium and its driver (Debian: chromium, chromium-driver); skipped where they are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from browsers import browser
from long_result import long_run

from bt_gex.blackbox.writer import new_file
from bt_gex.config.run_config import RunConfig
from bt_gex.findings.analysis import analyse
from bt_gex.reports.html.page import html_report
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import replay
from bt_gex.synthetic.blackbox import SynthConfig, write

__all__ = ["browser"]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    place = tmp_path_factory.mktemp("browser")
    days = {"start": date(2026, 1, 12), "end": date(2026, 1, 13)}
    with new_file(place / "m.db") as engine:
        write(SynthConfig(**days, seed=7, strikes_within=60), engine)
    settings = {"fills.entry_slippage": 0.2, "fills.exit_slippage": 0.2, "exit.stop_loss": 0.4}
    return replay(place / "m.db", RunConfig(**days, settings=settings))


@pytest.fixture(scope="module")
def page(result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_report(result, analyse(result)), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Any, page: str) -> Iterator[Any]:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(page)
    browser.get_log("browser")
    browser.get(page)
    yield browser
    assert browser.get_log("browser") == []


def column(browser: Any, number: int) -> list[str]:
    return list(
        browser.execute_script(
            "return [...document.querySelectorAll('#trade-table tr.trade')]"
            ".map((row) => row.cells[arguments[0]].textContent)",
            number,
        )
    )


def click(browser: Any, css: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def heading(number: int) -> str:
    return f"#trade-table thead th:nth-child({number}) button"


PNL, REASON = 1, 2


def dollars(text: str) -> float:
    return float(text.replace("$", "").replace(",", "").replace("+", ""))


def test_all_trades_are_there_in_order_of_entry(opened: Any, result: RunResult) -> None:
    assert [dollars(text) for text in column(opened, PNL)] == [
        trade.pnl_dollars for trade in result.trade_records
    ]
    assert column(opened, 0) == sorted(column(opened, 0))


def test_a_heading_sorts_and_sorts_back(opened: Any) -> None:
    click(opened, heading(PNL + 1))
    up = [dollars(text) for text in column(opened, PNL)]
    assert up == sorted(up)
    assert len(set(up)) > 2
    click(opened, heading(PNL + 1))
    down = [dollars(text) for text in column(opened, PNL)]
    assert down == sorted(up, reverse=True)
    shown = opened.execute_script(
        "return document.querySelector('#trade-table th[aria-sort]').textContent"
    )
    assert shown == "P&L"


def test_filters_narrow_the_table_and_its_sum(opened: Any, result: RunResult) -> None:
    lost = [t for t in result.trade_records if (t.pnl_dollars or 0.0) < 0]
    assert 0 < len(lost) < len(result.trade_records)
    choose = (
        "const s = document.querySelector(`select[name=${arguments[0]}]`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    opened.execute_script(choose, "outcome", "lost")
    assert len(column(opened, PNL)) == len(lost)
    words = opened.execute_script("return document.getElementById('shown').textContent")
    total = sum(round((t.pnl_dollars or 0.0) * 100) for t in lost)
    said = f"together -${abs(total) / 100:,.2f}"
    assert words == f"{len(lost)} of {len(result.trade_records)} trades, 0 won, {said}"
    reason = lost[0].exit_reason
    opened.execute_script(choose, "reason", reason)
    assert set(column(opened, REASON)) == {reason}
    click(opened, "#filters button[type=reset]")
    opened.execute_async_script("setTimeout(arguments[0], 20)")
    assert len(column(opened, PNL)) == len(result.trade_records)


def test_a_losing_trade_unfolds_to_its_story(opened: Any, result: RunResult) -> None:
    trade = min(result.trade_records, key=lambda t: t.pnl_dollars or 0.0)
    pin, pnl = trade.pin, trade.pnl_dollars
    assert pin is not None
    assert pnl is not None
    row = f"document.getElementById('trade-{trade.order_id}')"
    opened.execute_script(f"{row}.click()")
    text = opened.execute_script(f"return {row}.nextSibling.innerText")
    for said in (
        f"{pin:,.2f}",
        "The index stood",
        "What would close it",
        "Stop Loss",
        f"({trade.exit_reason})",
        f"commission = -${abs(pnl):,.2f}",
        trade.order_id,
        *(f"{strike:g}" for strike in trade.strikes),
    ):
        assert said in text
    drawn = opened.execute_script(
        f"return {row}.nextSibling.querySelector('svg path').getAttribute('d')"
    )
    assert drawn.count("L") > 1
    assert "NaN" not in opened.execute_script(f"return {row}.nextSibling.innerHTML")
    opened.execute_script(f"{row}.click()")
    assert opened.execute_script("return document.querySelectorAll('.detail').length") == 0


def test_a_link_opens_a_trade(browser: Any, page: str, result: RunResult) -> None:
    browser.get(f"{page}#trade-{result.trade_records[3].order_id}")
    browser.refresh()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.execute_script("return document.querySelectorAll('.detail').length") == 1


def test_nothing_runs_out_of_a_phone(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    click(opened, "#trade-table tr.trade")
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390
    wide = opened.execute_script("return document.querySelector('.detail .inner').offsetWidth")
    assert wide < 390


def test_dark_is_dark(opened: Any) -> None:
    colours = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colours.append(
            opened.execute_script(
                "return getComputedStyle(document.querySelector('section')).backgroundColor + "
                "getComputedStyle(document.querySelector('svg text')).fill"
            )
        )
    assert colours == ["rgb(255, 255, 255)rgb(27, 27, 27)", "rgb(28, 32, 38)rgb(231, 233, 236)"]


def drawn(browser: Any, css: str) -> int:
    """How many elements of the session's picture there are."""
    return int(
        browser.execute_script(
            "return document.querySelectorAll('#session-picture ' + arguments[0]).length", css
        )
    )


def picked(browser: Any) -> str:
    script = "return document.querySelector('#session-form select').value"
    return str(browser.execute_script(script))


def test_the_worst_session_is_drawn(opened: Any, result: RunResult) -> None:
    worst = min(result.statistics.sessions, key=lambda row: row.trades_pnl_dollars)
    day = worst.session.isoformat()
    assert picked(opened) == day
    own = [trade for trade in result.trade_records if trade.expiration == worst.session]
    assert drawn(opened, "path.entry") == drawn(opened, "path.exit") == len(own)
    assert drawn(opened, "line.strike") == sum(len(trade.strikes) for trade in own)
    for name in ("index", "pin", "account"):
        path = opened.execute_script(
            f"return document.querySelector('#session-picture path.{name}').getAttribute('d')"
        )
        assert len(path) > 20
        assert "NaN" not in path
    html = opened.execute_script("return document.getElementById('session-picture').innerHTML")
    assert "NaN" not in html
    assert "undefined" not in html
    words = opened.execute_script("return document.getElementById('session-words').textContent")
    assert f"-${-worst.trades_pnl_dollars:,.2f}, {len(own)} trades" in words


def test_the_index_is_where_it_was(opened: Any, result: RunResult) -> None:
    """The reading under the pointer against the market table, at 12:00 of the session drawn."""
    day = picked(opened)
    said = opened.execute_script(
        """const svg = document.querySelector('#session-picture svg');
        const box = svg.getBoundingClientRect();
        const w = svg.viewBox.baseVal.width, x = 64 + (w - 74) * 300 / 780;
        svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + x * box.width / w}));
        return document.getElementById('session-reading').textContent"""
    )
    market = result.market_table.to_pandas()
    then = market[market["session"] == day].iloc[300]
    assert said.startswith("12:00:00: index ")
    shown = float(said.split("index ")[1].split(", pin")[0].replace(",", ""))
    assert abs(shown - then["spot"]) < 2.0  # the line is thinned
    assert f"pin {then['pin']:,.2f}" in said


def test_any_session_can_be_picked(opened: Any, result: RunResult) -> None:
    first, last = (f"{row.session}" for row in result.statistics.sessions)
    opened.execute_script(
        "document.querySelector(`.calendar a[href='#session-${arguments[0]}']`).click()", last
    )
    assert picked(opened) == last
    click(opened, "#session-form button[name=before]")
    assert picked(opened) == first
    own = [trade for trade in result.trade_records if f"{trade.expiration}" == first]
    assert drawn(opened, "path.entry") == len(own)
    click(opened, "#session-form button[name=after]")
    assert picked(opened) == last
    assert opened.execute_script(
        "return document.querySelector('#session-form button[name=after]').disabled"
    )


def test_a_trade_of_the_session_opens(opened: Any) -> None:
    click(opened, "#session-trades a")
    opened.execute_async_script("setTimeout(arguments[0], 50)")
    assert opened.execute_script("return document.querySelectorAll('.detail').length") == 1


def test_sessions_without_data_and_thousands_of_trades(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At phone width: nothing is wider than the page, and rows beyond the first are asked for."""
    path = tmp_path_factory.mktemp("long") / "report.html"
    long = long_run(54)
    path.write_text(html_report(long, analyse(long)), "utf-8")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(f"{path.as_uri()}#session-2024-01-11")
    browser.get_log("browser")
    browser.refresh()
    words = browser.execute_script("return document.getElementById('session-words').textContent")
    assert words == "Thu 2024-01-11: no data was recorded"
    assert drawn(browser, "svg") == 0
    click(browser, "#session-form button[name=after]")
    assert drawn(browser, "path.index") == 1
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert len(column(browser, 0)) == 400 < len(long.trade_records)
    click(browser, "#trade-table tbody tr:last-child button")
    assert len(column(browser, 0)) == len(long.trade_records)
    last = long.trade_records[-1].order_id
    browser.get(f"{path.as_uri()}#trade-{last}")
    browser.refresh()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.execute_script("return document.querySelectorAll('.detail').length") == 1
    assert browser.get_log("browser") == []


def test_nothing_is_fetched(opened: Any) -> None:
    names = opened.execute_script(
        "return performance.getEntriesByType('resource').map((one) => one.name)"
    )
    assert [name for name in names if not name.startswith("data:")] == []
