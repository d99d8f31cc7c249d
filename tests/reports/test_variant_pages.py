"""The pages of a sweep and of a walk-forward, on a market that loses but for three bad quotes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import browser
from reports.test_html_report import Page
from reports.test_sweep_reports import BEST, ODDS, SUMMARY
from sweeps.planted import DATES, GRID, SETTINGS, planted_market

from bt_gex import RunConfig
from bt_gex.cli.main import main
from bt_gex.reports.html.sweep import heat_maps, sweep_report, verdict_sentence
from bt_gex.reports.html.walkforward import account_line, walkforward_report
from bt_gex.stats.neighbours import Neighbours
from bt_gex.sweeps.judged import SweepFindings
from bt_gex.sweeps.plan import make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import run_walkforward
from bt_gex.sweeps.walkforward_result import WalkForward

__all__ = ["browser"]
SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "0.1.0"
HOW = SweepOptions(workers=1, use_cache=False)
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sweep and a walk-forward, each with its report.html."""
    home = tmp_path_factory.mktemp("pages")
    market = planted_market(home)
    plan = make_plan(RunConfig(**DATES, settings=SETTINGS), GRID)
    sweep = run_sweep(market, plan, home / "sweeps", HOW).folder
    walk = run_walkforward(market, plan, train=3, test=3, options=HOW).save(home / "walks").folder
    assert sweep
    assert walk
    for folder in (sweep, walk):
        with pytest.raises(SystemExit) as ended:
            main(["report", str(folder)])
        assert ended.value.code == 0
    return sweep, walk


@pytest.fixture(scope="module")
def sweep(folders: tuple[Path, Path]) -> SweepResult:
    return SweepResult.load(folders[0])


@pytest.fixture(scope="module")
def walk(folders: tuple[Path, Path]) -> WalkForward:
    return WalkForward.load(folders[1])


def heading(text: str) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", text)
    return str(found)


def test_a_stranger_reads_that_the_walk_forward_loses_and_why(
    folders: tuple[Path, Path],
) -> None:
    """+$555.00 in all: three lucky trades of $235 each, six others of -$25 each."""
    text = (folders[1] / "report.html").read_text("utf-8")
    assert heading(text) == (
        "Without its doubtful trades it loses: 3 of 9 trades on a leg without a bid made +$705.00, "
        "all others -$150.00."
    )
    page = Page(text)
    assert "+$555.00" in page.texts["card-total"]
    assert "-$150.00 3 doubtful trades made +$705.00" in page.texts["card-sound"]
    assert "3 of 3 0 without doubtful trades" in page.texts["card-windows"]
    first = text.index('id="finding-no_bid"')
    assert first < text.index('id="finding-no_commission"')  # the heaviest first
    doubtful = page.texts["doubtful"]
    assert doubtful.count("+$235.00") == doubtful.count("no_bid") == 3
    assert "3.45/3.55, no bid/0.05; 0.95/1.05, no bid/0.05" in doubtful
    assert page.texts["windows"].count("+$235.00 (1)") == 3
    assert "Without them there is no profit to be sure of" in page.texts["sure"]
    assert "commission $0.00" in page.visible
    assert "Fills natural" in page.visible


def test_the_best_of_a_sweep_loses_without_them(folders: tuple[Path, Path]) -> None:
    text = (folders[0] / "report.html").read_text("utf-8")
    assert heading(text) == (
        "The best of 3 variants loses without its doubtful trades: 3 of 12 trades on a leg without "
        "a bid made +$705.00, all others -$225.00."
    )
    page = Page(text)
    assert "+$480.00" in page.texts["card-best"]  # 3 x 235 - 9 x 25
    assert "+$390.00" in page.texts["card-baseline"]  # 3 x 235 - 9 x 35
    assert "+$390.00 average +$165.00" in page.texts["card-median"]  # 480, 390 and -375
    assert "2 of 3" in page.texts["card-profitable"]
    assert "+$390.00 plateau" in page.texts["card-neighbours"]
    for said in ("same trades: profit_target_high=0.5", "stop_loss=0.6"):
        assert said in page.texts["variants"]
    assert "Probability of overfitting" in page.texts["overfitting"]
    assert "deflated Sharpe" in page.texts["overfitting"]
    assert "exit.stop_loss 0.1 0.05 0.05, 0.1, 0.4, 0.6" in page.texts["parameters"]
    assert text.count("The winner lies at the edge") == 1


def test_heat_map_by_hand(sweep: SweepResult) -> None:
    """Stops at 0.4 and 0.6 lose 120 nine times: 705 - 1080 = -375."""
    (found,) = heat_maps(sweep)
    assert found.across == ["0.05", "0.1", "0.4", "0.6"]
    texts = [[cell.text for cell in cells] for _, cells in found.lines]
    assert texts == [["+$480", "+$390", "-$375", "-$375"]] * 2
    framed = [(y, x) for y, (_, cells) in enumerate(found.lines) for x, c in enumerate(cells)
              if c.is_best]  # fmt: skip
    assert framed == [(0, 0)]
    one = {"exit.stop_loss": 0.4, "exit.profit_target_high": 0.5}
    better = [
        {**row, "score": 9_999.0} if one.items() <= row.items() else row for row in sweep.rows
    ]
    (other,) = heat_maps(replace(sweep, rows=better))
    assert [cell.is_best for cell in other.lines[0][1]] == [False] * 4
    assert [cell.is_best for cell in other.lines[1][1]] == [False, False, True, False]
    styles = [cell.style for cell in found.lines[0][1]]
    assert (styles[0], styles[2]) == ("g4", "l4")


@pytest.mark.parametrize("number", [0, 1])
def test_the_page_needs_nothing_else(
    number: int, folders: tuple[Path, Path], sweep: SweepResult, walk: WalkForward
) -> None:
    text = (folders[number] / "report.html").read_text("utf-8")
    made = sweep_report(sweep) if number == 0 else walkforward_report(walk)
    assert text == made  # the same result, the same bytes
    page = Page(text)
    assert all(ref.startswith(("#", "data:")) for ref in page.references)
    assert set(re.findall(r"https?://[\w./-]+", text)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
    }  # fmt: skip
    assert not re.search(r"\bNaN\b|\binf\b|\bNone\b", page.visible)


def test_names_cannot_break_the_pages(sweep: SweepResult, walk: WalkForward) -> None:
    evil = "<script>alert(1)</script>"
    scripts = sweep_report(sweep).count("<script")
    source = {**sweep.source, "database": evil}
    rows = [{**row, "reason": evil, "status": "failed"} if row["tag"] == "grid" else row
            for row in sweep.rows]  # fmt: skip
    assert sweep_report(replace(sweep, source=source, rows=rows)).count("<script") == scripts
    scripts = walkforward_report(walk).count("<script")
    windows = [replace(window, label=evil) for window in walk.windows]
    trades = [replace(trade, exit_reason=evil) for trade in walk.trades]
    made = walkforward_report(replace(walk, source=source, windows=windows, trades=trades))
    assert made.count("<script") == scripts
    assert "&lt;script&gt;" in made


def test_what_an_earlier_version_wrote_has_pages() -> None:
    sweep = SweepResult.load(next((SAMPLES / "sweeps").iterdir()))
    assert "made -$1,392.50" in heading(sweep_report(sweep))
    walk = WalkForward.load(next((SAMPLES / "walkforwards").iterdir()))
    assert "made no money" in heading(walkforward_report(walk))


NEAR = Neighbours(best=900.0, number=4, average=450.0, lowest=-1.0, profitable=3, alike=0)
NOTHING = SweepFindings(best=[], baseline=[], sweep=[], claim=None, doubt="")


@pytest.mark.parametrize(
    ("changes", "doubt", "near", "says"),
    [
        ({"best": None}, "", None, "No variant could be run"),
        ({"best": replace(BEST, total_trades=0)}, "", None, "No variant made a trade"),
        ({"best": replace(BEST, total_pnl=-5.0)}, "x", NEAR, "The best of 10 variants loses"),
        ({}, "3 of 4 trades", NEAR, "The best of 10 variants loses without its doubtful trades: 3"),
        ({"best": replace(BEST, variant_id="a")}, "", NEAR, "No variant beats the baseline"),
        ({"overfitting": replace(ODDS, probability=0.5)}, "", NEAR, "is likely overfit"),
        ({"overfitting": ODDS}, "", replace(NEAR, average=449.0), "is a spike: its 4 neighbours"),
        ({}, "", NEAR, "made +$900.00, the baseline +$900.00: not yet tested"),
        ({}, "", None, "not yet tested"),
    ],
)
def test_the_gravest_reason_is_the_verdict(
    changes: dict[str, Any], doubt: str, near: Neighbours | None, says: str, sweep: SweepResult
) -> None:
    result = replace(sweep, summary=replace(SUMMARY, **changes))
    assert says in verdict_sentence(result, replace(NOTHING, doubt=doubt), near)


def test_the_line_of_a_window_by_hand() -> None:
    """From 0 down to -10 and up to 30: 26 points of height for 40 dollars."""
    drawn = account_line(np.array([-10.0, 30.0]), 30.0)
    assert 'points="0.0,21.5 55.0,28.0 110.0,2.0"' in drawn
    assert 'y1="21.5"' in drawn
    assert "var(--blue)" in drawn
    assert "var(--vermilion)" in account_line(np.array([-10.0]), -10.0)
    assert account_line(np.empty(0), None) == ""
    many = account_line(np.sin(np.arange(20_000.0)), 1.0)
    assert many.count(",") - many.count(", ") <= 160


# ---------------------------------------------------------------------------------- in a browser


@pytest.mark.parametrize("number", [0, 1])
def test_in_a_browser(number: int, browser: Any, folders: tuple[Path, Path]) -> None:
    """Nothing runs out of a phone, the verdict is on its first screen, dark is dark."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get((folders[number] / "report.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    ends = "return document.querySelector('h1').getBoundingClientRect().bottom"
    assert browser.execute_script(ends) < 844
    feature = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    shown = "return getComputedStyle(document.querySelector('section')).backgroundColor"
    assert browser.execute_script(shown) == "rgb(28, 32, 38)"
    assert browser.get_log("browser") == []
