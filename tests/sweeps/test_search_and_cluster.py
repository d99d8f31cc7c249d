"""Searches by a sampler, and sweeps on a cluster: the same results as here, whatever happens."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty

from bt_gex import RunConfig
from bt_gex.errors import BadValue, EngineError
from bt_gex.sweeps import cluster as cluster_module
from bt_gex.sweeps.cluster import Job, check_address, run_chunk
from bt_gex.sweeps.plan import Plan, Search, make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.search import STUDY
from bt_gex.sweeps.store import OUTCOMES_FILE
from bt_gex.sweeps.sweep import SweepOptions, run_sweep

START, END = "2026-01-12", "2026-01-14"
GRID = {
    "exit.stop_loss": (0.1, 0.2, 0.4, 0.8),
    "exit.profit_target_high": (0.2, 0.5, 0.8),
    "entry.max_open": (None, 1),
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "market.db"
    nasty.make(path, 11, indexes=("SPX",), start=START, end=END, nasty=nasty.only("quiet"))
    return path


def plan_of(**more: Any) -> Plan:
    return make_plan(RunConfig(start=START, end=END), GRID, objective="total_pnl", **more)


def files_of(result: SweepResult) -> dict[str, bytes]:
    """All files but the study, which says when its trials were run."""
    assert result.folder
    files = (f for f in result.folder.rglob("*") if f.is_file() and f.name != STUDY)
    return {str(f.relative_to(result.folder)): f.read_bytes() for f in files}


class TestSearch:
    @pytest.fixture(autouse=True)
    def optuna(self) -> None:
        pytest.importorskip("optuna", reason="Optuna is not installed")

    def test_the_same_seed_gives_the_same_search(self, market: Path, tmp_path: Path) -> None:
        plan = plan_of(search=Search(trials=11, seed=5))
        found = [
            run_sweep(market, plan, tmp_path / str(workers), SweepOptions(workers=workers))
            for workers in (1, 2)
        ]
        assert files_of(found[0]) == files_of(found[1])
        assert [row["tag"] for row in found[0].rows][:2] == ["baseline", "search"]
        assert found[0].summary.variants + found[0].summary.duplicates == 12
        other = run_sweep(market, plan_of(search=Search(trials=11, seed=6)), tmp_path / "other")
        assert [r["variant_id"] for r in other.rows] != [r["variant_id"] for r in found[0].rows]

    def test_its_values_are_the_grids(self, market: Path, tmp_path: Path) -> None:
        result = run_sweep(market, plan_of(search=Search(trials=10)), tmp_path)
        for row in result.rows[1:]:
            for name, values in GRID.items():
                assert row[name] in values
        study = tmp_path / result.name / STUDY
        assert study.stat().st_size > 0

    def test_taken_up_again_it_goes_on_as_if_nothing_had_happened(
        self, market: Path, tmp_path: Path
    ) -> None:
        plan = plan_of(search=Search(trials=20, seed=2))
        whole = run_sweep(market, plan, tmp_path / "whole")

        def stop(what: str, done: int, total: int) -> None:
            if done == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_sweep(market, plan, tmp_path / "cut", SweepOptions(workers=1), progress=stop)
        (partial,) = (tmp_path / "cut").iterdir()
        assert len((partial / OUTCOMES_FILE).read_bytes().splitlines()) == 7
        cut = run_sweep(market, plan, tmp_path / "cut", SweepOptions(resume=True))
        assert files_of(cut) == files_of(whole)

    def test_without_settings_there_is_nothing_to_search(
        self, market: Path, tmp_path: Path
    ) -> None:
        plan = make_plan(RunConfig(start=START, end=END), {}, search=Search(trials=2))
        with pytest.raises(BadValue, match="--grid"):
            run_sweep(market, plan, tmp_path)

    def test_without_optuna(
        self, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "optuna", None)
        with pytest.raises(EngineError, match=r"install bt-gex\[search\]"):
            run_sweep(market, plan_of(search=Search(trials=2)), tmp_path)

    @pytest.mark.parametrize(("trials", "seed"), [(0, 0), (1, -1), (True, 0), (1.5, 0)])
    def test_odd_numbers(self, trials: Any, seed: Any) -> None:
        with pytest.raises(BadValue, match="must be a whole number from"):
            Search(trials=trials, seed=seed)


@pytest.mark.filterwarnings("ignore")  # of the libraries below
class TestCluster:
    def test_a_worker_lost_in_the_middle_loses_nothing(self, market: Path, tmp_path: Path) -> None:
        distributed = pytest.importorskip("distributed", reason="Dask is not installed")
        plan = plan_of()
        here = run_sweep(market, plan, tmp_path / "here")
        reported: list[str] = []
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster:

            def kill_one(what: str, done: int, total: int) -> None:
                reported.append(what)
                if done == 4:
                    os.kill(cluster.workers[0].pid, signal.SIGKILL)

            address = cluster.scheduler_address.replace("tcp://", "dask://")
            there = run_sweep(
                market, plan, tmp_path / "there", SweepOptions(cluster=address), progress=kill_one
            )
        assert len(reported) == len(plan.variants)  # none twice, none missing
        assert files_of(there) == files_of(here)

    def test_nobody_answers(self, market: Path, tmp_path: Path) -> None:
        pytest.importorskip("distributed", reason="Dask is not installed")
        options = SweepOptions(cluster="dask://127.0.0.1:9")
        with pytest.raises(EngineError, match="no Dask scheduler answers"):
            run_sweep(market, plan_of(), tmp_path, options)

    @pytest.mark.parametrize("address", ["here", "dask://", "dask://host", "tcp://host:1"])
    def test_what_is_no_cluster(self, address: str) -> None:
        with pytest.raises(BadValue, match="cluster must be dask://HOST:PORT or local"):
            check_address(address)

    def test_a_worker_that_sees_other_data_does_not_answer(self, market: Path) -> None:
        plan = plan_of()
        job = Job(str(market), plan.base, "backtrader", "of other data", None, True)
        with pytest.raises(EngineError, match="a worker reads other data"):
            run_chunk(job, plan.variants[:1])

    def test_without_dask(
        self, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(EngineError, match=r"install bt-gex\[cluster\]"):
            run_sweep(market, plan_of(), tmp_path, SweepOptions(cluster="local"))
        assert list(tmp_path.iterdir()) == []  # nothing came of it, so nothing is left
        assert cluster_module.LOCAL == "local"
