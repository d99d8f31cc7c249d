"""Sweeps, walk-forwards and the look-ahead check over bars."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from cli.test_backtest_cli import call, rows_of
from orb_tools import shared

from bt_gex.results.bar_folder import read_backtest

WORDS = ["--symbols", "SPY", "QQQ", "--start", "2026-01-05", "--end", "2026-01-14", "--synthetic"]
GRID = ["--grid", "orb.base_minutes=5,15,30", "--grid", "trade.runner_r=2,3"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sweeps")
    from bt_gex.cli.main import main

    with pytest.raises(SystemExit) as caught:
        main(["sweep", "--strategy", "orb", *WORDS, *GRID, "--out", str(out)])
    assert caught.value.code == 0
    (folder,) = out.iterdir()
    return folder


def variants_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "variants.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_variant_is_a_backtest_of_its_settings(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = variants_of(swept)
    assert len(rows) == 6  # the baseline is one of the grid
    assert [row["tag"] for row in rows].count("baseline") == 1
    for row in rows[::2]:
        words = ["backtest", "orb", *WORDS, "--run-id", row["variant_id"]]
        words += ["--set", f"orb.base_minutes={float(row['orb.base_minutes']):g}"]
        words += ["--set", f"trade.runner_r={row['trade.runner_r']}"]
        assert call([*words, "--output-dir", str(tmp_path)], capsys)[0] == 0
        trades = read_backtest(tmp_path / row["variant_id"]).trades
        assert int(row["total_trades"]) == len(trades)
        assert float(row["total_pnl"]) == pytest.approx(
            sum(trade.pnl_dollars for trade in trades), abs=0.005 * len(trades)
        )
        total_r = sum(trade.realized_r or 0.0 for trade in trades)
        assert float(row["total_r"]) == pytest.approx(total_r)


def test_ranks_sessions_and_best(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = variants_of(swept)
    summary = json.loads((swept / "summary.json").read_text())["summary"]
    assert summary["objective"] == "total_pnl"  # fewer than 20 sessions
    best = max(rows, key=lambda row: float(row["total_pnl"]))
    assert best["rank"] == "1"
    assert summary["best"]["variant_id"] == best["variant_id"]
    table = pd.read_parquet(swept / "session_pnl.parquet").set_index("variant_id")
    assert len(table.columns) == 8
    for row in rows:
        assert table.loc[row["variant_id"]].sum() == pytest.approx(float(row["total_pnl"]))
    config = yaml.safe_load((swept / "best.yaml").read_text())
    assert config["orb"]["base_minutes"] == float(best["orb.base_minutes"])
    words = ["backtest", "orb", "--synthetic", "--config", str(swept / "best.yaml")]
    assert call([*words, "--output-dir", str(tmp_path), "--run-id", "best"], capsys)[0] == 0
    made = sum(float(row["pnl"]) for row in rows_of(tmp_path / "best"))
    assert made == pytest.approx(float(best["total_pnl"]), abs=0.05)


def test_the_same_bytes_by_workers_and_again(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "--strategy=orb", *WORDS, *GRID, "--out", str(tmp_path), "--workers", "2"]
    assert call(words, capsys)[0] == 0
    again = tmp_path / swept.name
    for file in swept.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name
    assert call([*words[:-2], "--objective", "total_r"], capsys)[0] == 0
    (other,) = [place for place in tmp_path.iterdir() if place.name != swept.name]
    rows = variants_of(other)
    assert max(rows, key=lambda row: float(row["total_r"]))["rank"] == "1"


def test_shown_again(swept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(["show", str(swept)], capsys)
    assert status == 0
    assert "orb.base_minutes=5" in out
    assert call(["show", str(swept), "--json"], capsys)[0] == 0
    assert call(["report", str(swept)], capsys)[0] == 2
    assert call(["verify", str(swept)], capsys)[0] == 2


def test_an_unfinished_sweep_goes_on(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    words = ["sweep", "--strategy", "orb", *WORDS, *GRID, "--out", str(tmp_path)]
    import bt_gex.sweeps.bar_sweep as module

    monkeypatch.setattr(module, "assemble_bars", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call(words, capsys)
    monkeypatch.undo()
    status, _, err = call(words, capsys)
    assert status == 1
    assert "--resume" in err
    assert call([*words, "--resume"], capsys)[0] == 0
    assert (tmp_path / swept.name / "variants.csv").read_bytes() == (
        swept / "variants.csv"
    ).read_bytes()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--grid", "orb.base_minuts=5"], "orb.base_minutes"),
        (["--grid", "orb.base_minutes=1,2"], "from 5 to 60"),
        (["--objective", "luck"], "total_r"),
        (["--grid", "orb=5"], "orb"),
        (["--db", "x.db"], "--db"),
    ],
)
def test_bad_words_are_status_2(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "--strategy", "orb", *WORDS, *more, "--out", str(tmp_path / "none")]
    status, _, err = call(words, capsys)
    assert status == 2
    assert said in err
    assert not (tmp_path / "none").exists()


def test_an_invalid_variant_stays_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "--strategy", "orb", *WORDS, "--grid", "trade.runner_r=1.2,3"]
    assert call([*words, "--out", str(tmp_path)], capsys)[0] == 0
    (folder,) = tmp_path.iterdir()
    faulty = [row for row in variants_of(folder) if row["status"] == "skipped"]
    assert len(faulty) == 1
    assert "trade.t2_r" in faulty[0]["reason"]


def test_walkforward(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A window's test is a backtest of its dates on the same bars, with what was before it."""
    data = shared("data", "bars")
    words = ["--symbols", "SPY", "BAC", "--data", str(data)]
    dates = ["--start", "2013-10-04", "--end", "2013-10-11"]
    grid = ["--grid", "scoring.base_required=1,2", "--grid", "orb.adaptive=true,false"]
    walk = ["walkforward", "--strategy", "orb", *words, *dates, *grid, "--train", "2", "--test"]
    status, out, _ = call([*walk, "2", "--out", str(tmp_path / "walks"), "--json"], capsys)
    assert status == 0
    found = json.loads(out)
    assert [w["test_start"] for w in found["windows"]] == ["2013-10-08", "2013-10-10"]
    total = 0.0
    for number, window in enumerate(found["windows"]):
        run = ["backtest", "orb", *words, "--start", window["test_start"]]
        run += ["--end", window["test_end"], "--run-id", str(number)]
        for name, value in window["settings"].items():
            run += ["--set", f"{name}={str(value).lower()}"]
        assert call([*run, "--output-dir", str(tmp_path)], capsys)[0] == 0
        trades = rows_of(tmp_path / str(number))
        made = sum(round(float(row["pnl"]), 2) for row in trades)
        assert window["out_of_sample_trades"] == len(trades)
        assert window["out_of_sample_pnl"] == pytest.approx(made, abs=0.02)
        total += made
    assert found["out_of_sample"]["total_pnl"] == pytest.approx(total, abs=0.05)
    (folder,) = (tmp_path / "walks").iterdir()
    assert call(["show", str(folder)], capsys)[0] == 0
    assert len(rows_of(folder)) == found["out_of_sample"]["total_trades"]


def test_the_winner_is_picked_on_the_train_sessions() -> None:
    from datetime import date

    from bt_gex.config.bar_config import BarConfig
    from bt_gex.sweeps.bar_engine import BarEngine
    from bt_gex.sweeps.bar_plan import make_bar_plan, parse_bar_grid
    from bt_gex.sweeps.bar_walkforward import run_bar_walkforward
    from bt_gex.synthetic.bars import SyntheticBars

    config = BarConfig(
        strategy="orb", symbols=("SPY",), start=date(2026, 1, 5), end=date(2026, 1, 16)
    )
    engine = BarEngine(SyntheticBars(["SPY"]), config)
    grid = parse_bar_grid(["orb.base_minutes=5,10,15,30,60"], config)
    plan = make_bar_plan(config, grid, objective="total_pnl", sessions=3)
    found = run_bar_walkforward(engine, plan, train=3, test=2)
    differs = 0
    for window in found.windows:
        made: dict[str, dict[int, float]] = {}
        for part in ("train", "test"):
            first, last = (getattr(window, f"{part}_{end}") for end in ("start", "end"))
            dated = BarConfig(strategy="orb", symbols=("SPY",), start=first, end=last)
            made[part] = {
                minutes: engine.metrics(dated.with_settings({"orb.base_minutes": minutes}))[
                    "total_pnl"
                ]
                for minutes in (5, 10, 15, 30, 60)
            }
        picked = window.settings["orb.base_minutes"]
        assert window.in_sample_pnl == max(made["train"].values())
        assert made["train"][picked] == window.in_sample_pnl
        assert made["test"][picked] == window.out_of_sample_pnl
        differs += made["test"][picked] < max(made["test"].values())
    assert differs


STRATEGIES = """
import backtrader as bt

class Peek(bt.Strategy):
    def next(self):
        try:
            later = self.data.close[1]
        except IndexError:
            return
        if later > self.data.close[0] and not self.position:
            self.buy(size=1)
        elif later < self.data.close[0] and self.position:
            self.close()

class Fair(bt.Strategy):
    def next(self):
        if len(self.data) > 1 and not self.position and self.data.close[0] > self.data.close[-1]:
            self.buy(size=1)
        elif self.position and self.data.close[0] < self.data.close[-1]:
            self.close()

class Never(bt.Strategy):
    pass
"""


@pytest.mark.parametrize(
    ("strategy", "status"),
    [("orb", 0), ("mean-reversion", 0), ("Peek", 1), ("Fair", 0), ("Never", 1)],
)
def test_lookahead(
    strategy: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(STRATEGIES)
    target = f"{file}:{strategy}" if strategy[0].isupper() else strategy
    words = ["lookahead", target, "--symbols", "SPY", "--start", "2026-01-12"]
    words += ["--end", "2026-01-13", "--synthetic", "--points", "6", "--json"]
    if strategy == "mean-reversion":
        words += ["--set", "mean_reversion.bb_std=1.5"]
    found, out, _ = call(words, capsys)
    content = json.loads(out)
    assert found == status
    outcome = {"Peek": "look-ahead", "Never": "no decision"}.get(strategy, "clean")
    assert content["outcome"] == outcome
    if outcome == "clean":
        assert content["decisions"] > 3


def test_lookahead_of_days(capsys: pytest.CaptureFixture[str]) -> None:
    data = shared("data", "bars")
    words = ["lookahead", "breakout-52w-high", "--symbols", "SPY", "--data", str(data)]
    words += ["--start", "2013-06-03", "--end", "2013-12-31", "--points", "8", "--json"]
    status, out, _ = call(words, capsys)
    assert status == 0
    assert json.loads(out)["decisions"] > 10
