"""Sweeps that are killed, fail in part, or run out of disk: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty

from bt_gex import RunConfig
from bt_gex.errors import EngineError, OutputError
from bt_gex.rules.gex import exits
from bt_gex.sweeps import evaluate as evaluate_module
from bt_gex.sweeps.plan import Plan, make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.store import OUTCOMES_FILE, Outcome, OutcomeLog
from bt_gex.sweeps.sweep import SweepOptions, run_sweep

START, END = "2026-01-12", "2026-01-13"
KILLS = 50


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resume") / "market.db"
    nasty.make(path, 31, indexes=("SPX",), start=START, end=END, nasty=nasty.only("quiet"))
    return path


def plan_of(stops: int = 10, targets: int = 6) -> Plan:
    grid = {
        "exit.stop_loss": [n / 20 for n in range(1, stops + 1)],
        "exit.profit_target_high": [n / 10 for n in range(1, targets + 1)],
    }
    return make_plan(RunConfig(start=START, end=END), grid, objective="total_pnl")


def files_of(result: SweepResult) -> dict[str, bytes]:
    assert result.folder
    files = (file for file in result.folder.rglob("*") if file.is_file())
    return {str(f.relative_to(result.folder)): f.read_bytes() for f in files}


def lines_of(out: Path) -> list[str]:
    """Ids in the outcome log of the sweep under way, in its order; whole lines only."""
    (partial,) = out.glob("*.partial")
    content = (partial / OUTCOMES_FILE).read_bytes()
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    return [json.loads(line)["variant_id"] for line in whole]


def seen(out: Path) -> list[Path]:
    """Folders that are not hidden: a kill while one is written leaves a hidden one behind."""
    return [p for p in out.iterdir() if not p.name.startswith(".")] if out.exists() else []


def in_a_process(work: Callable[[], Any]) -> Any:
    def own_group() -> None:
        os.setpgid(0, 0)
        work()

    process = multiprocessing.get_context("fork").Process(target=own_group)
    process.start()
    return process


def test_killed_again_and_again(market: Path, tmp_path: Path) -> None:
    """At random moments, with one worker and with two; what was stored stays and is not redone."""
    plan = plan_of()
    whole = files_of(run_sweep(market, plan, tmp_path / "whole", SweepOptions(workers=1)))
    out, rng, kills = tmp_path / "killed", random.Random(9), 0
    stored: list[str] = []
    run_of = 0
    while kills < KILLS:
        options = SweepOptions(resume=True, workers=1 + kills % 2)
        process = in_a_process(partial(run_sweep, market, plan, out, options))
        time.sleep(rng.uniform(0.05, 0.25))
        ended = not process.is_alive()
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.join(20)
        assert process.exitcode in ((0,) if ended else (0, -signal.SIGKILL))  # or just done
        if list(out.glob("*.partial")) and list(out.glob(f"*.partial/{OUTCOMES_FILE}")):
            now = lines_of(out)
            assert now[: len(stored)] == stored  # none lost
            assert len(set(now)) == len(now)  # none twice
            stored = now
        elif seen(out):  # done: begin anew in another folder
            assert files_of(SweepResult.load(seen(out)[0])) == whole
            run_of += 1
            out, stored = tmp_path / f"killed-{run_of}", []
    result = run_sweep(market, plan, out, SweepOptions(resume=True))
    assert files_of(result) == whole
    assert [folder.name for folder in seen(out)] == [result.name]


@pytest.mark.parametrize("cut", [1, 2, 40, 10_000])
def test_a_torn_last_line_is_done_again(cut: int, tmp_path: Path) -> None:
    outcomes = [Outcome(variant_id=f"{n}", status="success", metrics={"n": n}) for n in range(3)]
    with OutcomeLog(tmp_path) as outcome_log:
        for outcome in outcomes:
            outcome_log.add(outcome)
    path = tmp_path / OUTCOMES_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][: -min(cut, len(lines[2]))])
    with OutcomeLog(tmp_path) as outcome_log:
        assert list(outcome_log.outcomes.values()) == outcomes[:2]
        outcome_log.add(outcomes[2])
    assert path.read_bytes() == b"".join(lines)


def test_a_damaged_line_is_done_again_and_the_others_stay(tmp_path: Path) -> None:
    with OutcomeLog(tmp_path) as outcome_log:
        for n in range(3):
            outcome_log.add(Outcome(variant_id=f"{n}", status="failed", reason="why"))
    path = tmp_path / OUTCOMES_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{damaged\n" + lines[2])
    with OutcomeLog(tmp_path) as outcome_log:
        assert list(outcome_log.outcomes) == ["0", "2"]


def test_an_unfinished_sweep_is_not_begun_anew(market: Path, tmp_path: Path) -> None:
    plan = plan_of(3, 2)

    def stop(what: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(market, plan, tmp_path, SweepOptions(workers=1), progress=stop)
    with pytest.raises(OutputError, match=r"holds 3 of 7 variants .* --resume, or delete it"):
        run_sweep(market, plan, tmp_path)
    done: list[int] = []
    run_sweep(
        market, plan, tmp_path, SweepOptions(resume=True, workers=1),
        progress=lambda what, n, total: done.append(n),
    )  # fmt: skip
    assert done == [4, 5, 6, 7]


def test_a_finished_one_is_shown_again(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(2, 2)
    first = run_sweep(market, plan, tmp_path, SweepOptions(workers=1))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a variant was run")

    monkeypatch.setattr(evaluate_module, "run", refuse)
    again = run_sweep(market, plan, tmp_path, SweepOptions(resume=True))
    assert (again.rows, again.summary) == (first.rows, first.summary)


@pytest.mark.parametrize(
    "options",
    [
        SweepOptions(workers=1), SweepOptions(workers=2),
        SweepOptions(optimizer="cerebro", workers=1), SweepOptions(optimizer="cerebro", workers=2),
    ],
    ids=str,
)  # fmt: skip
def test_one_variant_fails(
    options: SweepOptions, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on; the error is kept, and the invalid one says what is allowed."""
    from bt_gex.strategies import gex

    decide = exits.decide_exit

    def planted(**words: Any) -> str | None:
        if words["params"].stop_loss == 0.1 and words["params"].profit_target_high == 0.2:
            raise ZeroDivisionError("planted")
        return decide(**words)

    monkeypatch.setattr(gex, "decide_exit", planted)
    grid = {"exit.stop_loss": [0.05, 0.1, -1], "exit.profit_target_high": [0.2, 0.4]}
    plan = make_plan(RunConfig(start=START, end=END), grid, objective="total_pnl")
    result = run_sweep(market, plan, tmp_path, options)
    told = {row["label"]: (row["status"], row["reason"]) for row in result.rows}
    assert told.pop("exit.stop_loss=0.1, exit.profit_target_high=0.2") == (
        "failed",
        "ZeroDivisionError: planted",
    )
    skipped = [label for label, (status, _) in told.items() if status == "skipped"]
    assert skipped == [f"exit.stop_loss=-1, exit.profit_target_high={n}" for n in (0.2, 0.4)]
    assert "must be a number from 0 to 100" in told[skipped[0]][1]
    done = [row for row in result.rows if row["status"] == "success"]
    first = [row["rank"] for row in done if row["same_as"] is None]
    assert sorted(first) == list(range(1, len(first) + 1))
    assert {key: getattr(result.summary, key) for key in ("success", "skipped", "failed")} == {
        "success": 4, "skipped": 2, "failed": 1,
    }  # fmt: skip


def test_a_worker_is_killed(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(4, 3)
    here = os.getpid()
    plain = evaluate_module.run

    def deadly(config: RunConfig, *rest: Any) -> Any:
        if os.getpid() != here and config.exit.stop_loss == 0.2:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(config, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(evaluate_module, "run", deadly)
        with pytest.raises(EngineError, match=r"a worker process has died.*--resume"):
            run_sweep(market, plan, tmp_path / "hurt", SweepOptions(workers=2))
    before = lines_of(tmp_path / "hurt")
    assert before
    result = run_sweep(market, plan, tmp_path / "hurt", SweepOptions(resume=True, workers=2))
    assert files_of(result) == files_of(run_sweep(market, plan, tmp_path / "whole"))


@pytest.mark.parametrize("size", ["8k", "24k"])
def test_a_full_disk(size: str, market: Path, tmp_path: Path) -> None:
    """While outcomes are stored, or while the folder is written: the finished ones are intact."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk may not be mounted here")
    plan = plan_of(8, 3)
    try:
        with pytest.raises(OutputError, match=r"cannot write .*No space left on device"):
            run_sweep(market, plan, disk, SweepOptions(workers=2))
        stored = lines_of(disk)
        assert stored
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        result = run_sweep(market, plan, disk, SweepOptions(resume=True))
        whole = run_sweep(market, plan, tmp_path / "whole", SweepOptions(workers=1))
        assert files_of(result) == files_of(whole)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
