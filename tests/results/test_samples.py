"""Folders that version 0.1.0 wrote before there was a schema_version: they open, are shown,
reported, plotted, compared and verified. What they hold is what 0.1.0 itself printed of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from bt_gex.cli.main import main
from bt_gex.config.files import read_config
from bt_gex.config.run_config import RunConfig
from bt_gex.results.costs import Costs
from bt_gex.results.portfolio import read_combined
from bt_gex.results.result import RunResult

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "0.1.0"
SPX = SAMPLES / "runs" / "SPX-20260112-20260113-cb18be32fc"
NDX = SAMPLES / "runs" / "NDX-20260112-20260113-6f9323f63f"
SUM = SAMPLES / "runs" / "SPX+NDX-a81020a571"
FOUND = SAMPLES / "found" / "SPX-20260112-20260115-ca9d7df2fa"
RUNS = [(SPX, 22, -3710.0), (NDX, 1, 440.0), (FOUND, 46, -1392.5)]


def run(*words: object) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.mark.parametrize(("place", "trades", "pnl"), RUNS)
def test_a_run_is_read(place: Path, trades: int, pnl: float) -> None:
    found = RunResult.load(place)
    assert found.run_id == place.name
    assert (len(found.trade_records), found.summary["total_pnl"]) == (trades, pnl)
    assert found.config["semantics_version"] == 1
    assert len(found.trades) == trades
    assert found.equity["equity"].iloc[-1] == found.balance + pnl
    further = found.statistics.performance  # it was stored without these
    assert further.expectancy == round(pnl / trades, 2)
    assert (further.drawdown.dollars if further.drawdown else 0.0) == pytest.approx(
        found.statistics.max_drawdown_mtm
    )
    assert found.statistics.groups["by_year"]["2026"].pnl == pnl


def test_settings_sweep_and_costs_are_known() -> None:
    assert RunResult.load(SPX).config["account"] == {
        "balance": 25000, "quantity": 2, "sizing": "fixed",
    }  # fmt: skip
    assert RunResult.load(FOUND).source["sweep"]["variants"] == 2
    costs = Costs.load(SPX)
    assert costs
    assert costs.at(1.0, 0).total_pnl == -3710.0


@pytest.mark.parametrize(("place", "trades", "pnl"), RUNS)
def test_every_verb_takes_it(
    place: Path, trades: int, pnl: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = RunResult.load(place).trade_records[0].order_id
    assert run("show", place) == 0
    assert f"{trades} trade" in capsys.readouterr().out
    assert run("show", place, "--json") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["total_pnl"] == pnl
    assert run("report", place, "-o", tmp_path / "r.html") == 0
    assert place.name in (tmp_path / "r.html").read_text("utf-8")
    assert run("plot", place, "session:2026-01-12", "-o", tmp_path / "s.png") == 0
    assert run("trade", place, order, "-o", tmp_path / "t.png") == 0
    assert run("compare", place, place) == 0
    assert run("compare", SPX, NDX) == 1
    assert run("verify", place) == 0


def test_saved_again_it_is_of_the_current_version(tmp_path: Path) -> None:
    old = RunResult.load(FOUND)
    again = old.save(tmp_path)
    assert again.folder
    about = yaml.safe_load((again.folder / "config.yaml").read_text("utf-8"))
    assert (about["schema_version"], about["config"]["semantics_version"]) == (2, 1)
    read = RunResult.load(again.folder)
    for name in ("config", "source", "summary", "trade_records", "decision_records"):
        assert getattr(read, name) == getattr(old, name)
    assert (again.folder / "trades.csv").read_bytes() == (FOUND / "trades.csv").read_bytes()


def test_its_configuration_makes_a_run() -> None:
    for path in (FOUND / "config.yaml", *SAMPLES.glob("sweeps/*/best.yaml")):
        file = read_config(path)
        config = RunConfig(settings=file.settings, indexes=file.indexes, **file.plain)
        assert (config.exit.stop_loss, config.fills.exit_slippage) == (0.5, 0)
        assert file.sweep["name"] == "SPX-20260112-20260115-sweep-8e6e56ee69"


def test_the_sum() -> None:
    found = read_combined(SUM)
    assert found.runs == [SPX.name, NDX.name]
    assert found.summary["total_pnl"] == -3270.0
    assert run("verify", SUM) == 0


def test_a_sum_without_its_runs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(SUM, tmp_path / SUM.name)
    assert run("verify", tmp_path / SUM.name) == 1
    assert f"run {SPX.name}, {NDX.name} does not lie beside" in capsys.readouterr().out
