"""The Python of the pages and of the README runs, in order, on a small market."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import backtrader as bt
import pytest
from docs_tools import ROOT, blocks, names, page, section
from engine import test_engine_modes as modes

from bt_gex import RunConfig
from bt_gex.analyzers.account import Equity
from bt_gex.analyzers.funnel import Funnel
from bt_gex.analyzers.trades import TradeReport
from bt_gex.blackbox.recording import Recording
from bt_gex.blackbox.writer import new_file
from bt_gex.brokers.spread import SpreadBroker
from bt_gex.errors import EngineError
from bt_gex.feeds.clock import ClockFeed
from bt_gex.runs.replay import load_days
from bt_gex.runs.schedule import EventSchedule
from bt_gex.sessions.day import Day
from bt_gex.strategies.gex import GexStrategy
from bt_gex.synthetic.blackbox import SynthConfig, write

PAGES = (
    "README.md",
    "docs/backtrader.md",
    "docs/paper.md",
    "docs/backtest.md",
    "docs/bars.md",
    "docs/recordings.md",
    "docs/settings.md",
    "docs/sweeps.md",
)
TEXT = page("docs/backtrader.md")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of SPX, strikes near the pin only."""
    path = tmp_path_factory.mktemp("code") / "blackbox.db"
    start, end = date(2026, 1, 12), date(2026, 1, 13)
    with new_file(path) as engine:
        write(SynthConfig(start=start, end=end, seed=7, strikes_within=60), engine)
    return path


@pytest.fixture
def here(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with that market as blackbox.db, the current one."""
    shutil.copy(market, tmp_path / "blackbox.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_code(name: str) -> dict[str, Any]:
    """Run the code blocks of a page in one namespace; line numbers are those of the page."""
    text = page(name)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for code in blocks(text, "python"):
        line = text[: text.index(code)].count("\n")
        exec(compile("\n" * line + code, name, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/backtrader.md"])
def test_the_code_runs(name: str, here: Path) -> None:
    assert run_code(name)


def test_every_page_with_code_is_run() -> None:
    for path in sorted((ROOT / "docs").glob("*.md")):
        if blocks(path.read_text("utf-8"), "python"):
            assert f"docs/{path.name}" in PAGES


def test_the_code_of_the_backtrader_page_trades(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_code("docs/backtrader.md")
    out = capsys.readouterr().out
    assert len(found["trades"]) > 10
    assert "trades a tick worse" in out
    noon = found["strategy"].analyzers.tradereport.get_analysis()
    assert [trade.order_id for trade in noon] == ["noon-2026-01-12", "noon-2026-01-13"]
    assert found["cerebro"].broker.getcash() < 25_000.0


def test_the_modes_are_those_that_are_tested() -> None:
    """The list is that of the engine's own test."""
    (mark,) = (m for m in modes.test_every_mode_gives_the_same_run.pytestmark if m.args)
    tested = {f"{name}={value}" for mode in mark.args[1] for name, value in mode.items()}
    listed = names(section(TEXT, "Modes").split("and under")[0])
    documented = {f"exactbars={n}" if re.fullmatch(r"-\d", n) else n for n in listed}
    assert documented == tested


@pytest.fixture
def days(here: Path) -> Iterator[tuple[Day, ...]]:
    config = RunConfig(start=date(2026, 1, 12), end=date(2026, 1, 12))
    with Recording("blackbox.db") as recording:
        yield tuple(load_days(recording, config))


def run_by_hand(clock: ClockFeed, strategy: type[GexStrategy] = GexStrategy) -> Any:
    """The analyzers of a run."""
    cerebro = bt.Cerebro()
    cerebro.adddata(clock)
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(strategy)
    for analyzer in (TradeReport, Funnel, EventSchedule, Equity, *BY_FEED, bt.analyzers.SQN):
        cerebro.addanalyzer(analyzer)
    return cerebro.run()[0].analyzers


BY_FEED = (bt.analyzers.Transactions, bt.analyzers.PositionsValue)


class Average(GexStrategy):
    def __init__(self, **unknown: Any) -> None:
        super().__init__(**unknown)
        self.average = bt.indicators.SMA(self.data.close, period=20)


def test_an_indicator_delays_no_check(days: tuple[Day, ...]) -> None:
    plain, average = (
        run_by_hand(ClockFeed(days=days), strategy).funnel.records
        for strategy in (GexStrategy, Average)
    )
    assert average == plain


def test_an_event_clock_gives_the_same_trades(days: tuple[Day, ...]) -> None:
    every = run_by_hand(ClockFeed(days=days))
    some = run_by_hand(ClockFeed(days=days, events=True))
    assert some.tradereport.records == every.tradereport.records
    assert some.funnel.records == every.funnel.records
    assert len(some.equity.columns["stamp"]) < len(every.equity.columns["stamp"]) == 781


def test_analyzers_of_backtrader(days: tuple[Day, ...]) -> None:
    found = run_by_hand(ClockFeed(days=days))
    assert found.sqn.get_analysis().trades == len(found.tradereport.records) > 5
    assert not found.transactions.get_analysis()
    assert not any(any(values) for values in found.positionsvalue.get_analysis().values())


def test_lookahead_is_an_error(days: tuple[Day, ...]) -> None:
    cerebro = bt.Cerebro(lookahead=2)
    cerebro.adddata(ClockFeed(days=days))
    cerebro.setbroker(SpreadBroker())
    cerebro.addstrategy(GexStrategy)
    with pytest.raises(EngineError, match="recorded market"):
        cerebro.run()


def test_links_of_the_pages() -> None:
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(((?!http)[^)#]+)\)", file.read_text("utf-8")):
            assert (file.parent / target).exists(), f"{file.name}: {target}"
