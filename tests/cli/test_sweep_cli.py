"""`bt-gex sweep`, `bt-gex walkforward` and `bt-gex cache` as typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from oracle import nasty
from typed import call

from bt_gex.sweeps import evaluate

DATES = ("--start", "2026-01-12", "--end", "2026-01-13")
GRID = ("--grid", "exit.stop_loss=0.1,0.4", "--grid", "fills.exit_slippage=0:1:0.5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sweep-cli")
    nasty.make(
        place / "b.db", 51, indexes=("SPX",), start="2026-01-12", end="2026-01-13",
        nasty=nasty.only("quiet"),
    )  # fmt: skip
    return place


@pytest.fixture
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "b.db").symlink_to(folder / "b.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_as_typed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "--db", "b.db", *DATES, *GRID, "--ablation", "--objective", "total_pnl")
    status, out, err = call(capsys, *words)
    assert (status, err) == (0, "")
    # (0.1, 1) is the baseline and an ablation of (0.1, 0); the other ablation is (0.1, 0) itself.
    assert "SPX 2026-01-12 to 2026-01-13: 6 variants, best" in out
    said = " ".join(out.split())
    assert "6 variants run" in said
    assert "3 duplicates left out; ranked by total_pnl (the default" in said
    assert "6 variants tried: the best made" in said
    (place,) = (here / "sweeps").iterdir()
    assert {file.name for file in place.iterdir()} == {
        "best.yaml", "plan.yaml", "summary.json", "trades", "variants.parquet", "parallel.png",
        "session_pnl.parquet", "variants.csv", "checks",
        "heatmap-exit.stop_loss-fills.exit_slippage.png",
    }  # fmt: skip
    table = pd.read_parquet(place / "variants.parquet")
    best = table[table["rank"] == 1].iloc[0]
    pd.testing.assert_frame_equal(
        pd.read_csv(place / "variants.csv", keep_default_na=False)[["label", "rank", "total_pnl"]],
        table[["label", "rank", "total_pnl"]],
    )
    assert "more row" not in out
    assert call(capsys, "show", str(place.relative_to(here))) == (0, out, "")

    status, out, _ = call(capsys, "run", "--db", "b.db", "--config", str(place / "best.yaml"))
    assert status == 0
    (run,) = (here / "runs").iterdir()
    equity = pd.read_parquet(run / "equity.parquet")
    assert equity["closed_equity"].iloc[-1] == best["final_balance"]

    again = ("sweep", "--db", "b.db", "--plan", str(place / "plan.yaml"), "--out", "again")
    assert call(capsys, *again)[0] == 0
    (other,) = (here / "again").iterdir()
    for file in ("variants.parquet", "best.yaml", "summary.json", "plan.yaml"):
        assert (other / file).read_bytes() == (place / file).read_bytes()


def test_a_metric_added_later_changes_no_id(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("sweep", "--db", "b.db", *DATES, "--grid", "exit.stop_loss=0.1,0.4", "--workers", "1")
    assert call(capsys, *words)[0] == 0
    as_now = evaluate.variant_metrics
    monkeypatch.setattr(
        evaluate, "variant_metrics", lambda *pnls, **more: {**as_now(*pnls, **more), "omega": 1.5}
    )
    assert call(capsys, *words, "--out", "later", "--engine", "backtrader")[0] == 0
    tables = {}
    for out in ("sweeps", "later"):
        (place,) = (here / out).iterdir()
        tables[place.name] = pd.read_parquet(place / "variants.parquet")
    assert len(tables) == 1  # the same name
    assert set(tables[place.name]["omega"]) == {1.5}
    before = pd.read_parquet(next((here / "sweeps").iterdir()) / "variants.parquet")
    assert list(before["variant_id"]) == list(tables[place.name]["variant_id"])


WARNING = ["kind", "text", "next_step", "trades", "order_ids", "dollars", "share"]


def test_a_sweep_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "--db", "b.db", *DATES, *GRID, "--objective", "total_pnl", "--json")
    status, out, err = call(capsys, *words)
    assert (status, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert list(found) == ["name", "summary", "config", "variants", "warnings"]
    (place,) = (here / "sweeps").iterdir()
    stored = json.loads((place / "summary.json").read_text())["summary"]
    shown = found["summary"]
    warnings = [shown[name].pop("warnings") for name in ("best", "baseline")]
    assert shown == stored
    assert all(list(one) == WARNING for of_variant in warnings for one in of_variant)
    assert found["config"] == yaml.safe_load((place / "best.yaml").read_text())
    table = pd.read_parquet(place / "variants.parquet")
    assert [row["variant_id"] for row in found["variants"]] == list(table["variant_id"])
    assert call(capsys, "sweep", "plan", *words[1:])[0] == 2


def test_a_walk_forward_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--db", "b.db", *DATES, *GRID, "--train", "1", "--test", "1", "--json")
    status, out, err = call(capsys, "walkforward", *words)
    assert (status, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert list(found) == ["name", "summary", "windows", "trades", "warnings"]
    (window,) = found["windows"]  # one to train on, so one to test: its trades are all
    own = {one["kind"]: one for one in window.pop("warnings")}
    whole = {one["kind"]: one for one in found["warnings"]}
    shared = own.keys() & whole.keys()
    assert shared
    assert [own[kind] for kind in shared] == [whole[kind] for kind in shared]
    (place,) = (here / "walkforwards").iterdir()
    stored = json.loads((place / "summary.json").read_text())
    assert [found["summary"], [window]] == [stored["summary"], stored["windows"]]
    assert len(found["trades"]) == stored["summary"]["out_of_sample"]["total_trades"]


def test_a_plan_runs_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "plan", "--db", "b.db", *DATES, *GRID, "--grid", "entry.max_open=0")
    status, out, err = call(capsys, *words)
    assert (status, err) == (0, "")
    assert "7 variants, 0 duplicates left out" in out
    assert "entry.max_open must be" in out.replace("\n", " ")
    assert "about" in out
    assert "with engine backtrader" in out
    assert [entry.name for entry in here.iterdir()] == ["b.db"]


def test_an_objective_asked_for_wins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = ("--grid", "exit.stop_loss=0.1,0.4")
    out = call(capsys, "sweep", "--db", "b.db", *DATES, *grid, "--objective", "calmar")[1]
    assert "ranked by calmar; fills" in " ".join(out.split())
    out = call(capsys, "sweep", "--db", "b.db", *DATES, *grid)[1]
    assert "(the default for fewer than 20 sessions, here 2)" in " ".join(out.split())


def test_a_cut_table_and_a_commission(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Thirteen slippages, the baseline's own 1 among them: ten best, at most the baseline."""
    words = ("--grid", "fills.exit_slippage=0:1.2:0.1", "--commission", "0.65")
    status, out, _ = call(capsys, "sweep", "--db", "b.db", *DATES, *words)
    said = " ".join(out.split())
    assert status == 0
    assert "commission $0.65" in said
    assert "... 3 more rows, see" in said or "... 2 more rows, see" in said


def test_faults_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "--db", "b.db", *DATES, "--grid", "exit.stop_loss=0.2,-1")
    status, out, _ = call(capsys, *words)
    assert status == 0
    said = " ".join(out.split())
    assert "1 skipped" in said
    assert "skipped: exit.stop_loss=-1: invalid parameters: exit.stop_loss must be" in said


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--grid", "exit.stop=1"), 2, "unknown setting 'exit.stop'"),
        (("--grid", "exit.stop_loss"), 2, "--grid takes NAME=VALUES"),
        (("--objective", "luck"), 2, "unknown objective 'luck'"),
        (
            ("--grid", "exit.stop_loss=-1,-2"),
            2,
            "no value of the grid is allowed: exit.stop_loss=-1",
        ),
        (("--commission", "-1"), 2, "fills.commission must be"),
        (("--max-variants", "0"), 2, "0 is not in the range"),
        (("--search", "optuna"), 2, "--search optuna and --trials N belong together"),
        (("--trials", "3"), 2, "--search optuna and --trials N belong together"),
        (("--optimizer", "cerebro", "--engine", "compiled"), 2, "it has no other engine"),
        (("--cluster", "nowhere"), 2, "cluster must be dask://HOST:PORT or local"),
        (("--plan", "none.yaml"), 1, "none.yaml: cannot be read"),
        (("--out", "b.db"), 1, "cannot write b.db"),
        (("--db", "none.db"), 1, "none.db: no such database file"),
        (("--index", "NDX"), 1, "no rows of index NDX"),
    ],
)
def test_one_line_and_the_right_status(
    words: tuple[str, ...], status: int, says: str, here: Path, capsys: Any
) -> None:
    found, out, err = call(capsys, "sweep", "--db", "b.db", *DATES, *words)
    assert (found, out) == (status, "")
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_ctrl_c(here: Path) -> None:
    """One line more than usual, no traceback, no worker left, and nothing lost."""
    script = (
        "import os, sys, time, bt_gex.sweeps.evaluate as e\n"
        "plain = e.run\n"
        "def slow(*words):\n"
        "    os.write(2, b'running\\n'); time.sleep(0.2); return plain(*words)\n"
        "e.run = slow\n"
        "from bt_gex.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["sweep", "--db", "b.db", *DATES, "--grid", "exit.stop_loss=0.01:0.4:0.01"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words, "--workers", "2"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    for _ in range(4):
        assert process.stderr.readline() == b"running\n"
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    said = [line for line in error.decode().splitlines() if line not in ("", "running")]
    assert process.returncode == 130
    assert said == [
        "every finished variant is stored; go on with --resume",
        "interrupted; results finished before stay valid, nothing half-written is left",
    ]
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    (partial,) = (here / "sweeps").glob("*.partial")
    assert len((partial / "variants.jsonl").read_bytes().splitlines()) >= 1


def test_a_walk_forward_as_typed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("walkforward", "--db", "b.db", *DATES, *GRID, "--train", "1", "--test", "1")
    status, out, err = call(capsys, *words)
    assert (status, err) == (0, "")
    assert "SPX 2026-01-12 to 2026-01-13: out of sample" in out
    assert "Verdict: " in out
    shown = next((here / "walkforwards").iterdir()).relative_to(here)
    assert call(capsys, "show", str(shown)) == (0, out, "")
    assert json.loads(call(capsys, "show", str(shown), "--json")[1])["name"] == shown.name
    (place,) = (here / "walkforwards").iterdir()
    assert {file.name for file in place.iterdir()} == {
        "plan.yaml", "summary.json", "trades.csv", "trades.parquet", "equity.parquet",
        "equity.png", "checks.jsonl", "checks.parquet",
    }  # fmt: skip
    assert yaml.safe_load((place / "plan.yaml").read_text())["walkforward"]["train"] == 1
    status, _, err = call(capsys, *words[:-4], "--train", "3", "--test", "1")
    assert (status, err.count("\n")) == (2, 1)
    assert "2 sessions with data are too few: 3 to train and at least 1 to test make 4" in err


def test_the_cache_as_typed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--cache-dir", "kept")
    assert call(capsys, "run", "--db", "b.db", *DATES, *words)[0] == 0
    status, out, _ = call(capsys, "cache", "info", *words)
    assert status == 0
    assert out.splitlines()[0].startswith("kept: 2 sessions, ")
    assert str((here / "b.db").resolve()) in out
    status, _, err = call(capsys, "cache", "info", *words, "--db", "b.db")
    assert (status, err) == (
        2, "error: --db belongs to `cache clear`; `cache info` lists every database\n",
    )  # fmt: skip
    status, out, _ = call(capsys, "cache", "clear", *words, "--db", "b.db")
    assert out.startswith("kept: 2 sessions, ")
    assert out.endswith(" deleted\n")
    assert call(capsys, "cache", "info", *words)[1] == "kept: 0 sessions, 0.0 MB\n"
