"""What `bt-gex verify` finds in a sweep and a walk-forward. Each case changes one thing by hand and
names what must be said of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from oracle import nasty

from bt_gex import RunConfig
from bt_gex.cli.main import main
from bt_gex.sweeps.plan import Search, make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.verify import verify_sweep, verify_walkforward
from bt_gex.sweeps.walkforward import run_walkforward
from bt_gex.sweeps.walkforward_result import WalkForward

Edit = Callable[[Path], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A sweep, a walk-forward and a search over the same market. Of the five variants (the baseline
    and four points; both ablations are there already) two have a target that is not allowed."""
    home = tmp_path_factory.mktemp("verify")
    market = home / "market.db"
    dates = ("2026-01-12", "2026-01-15")
    nasty.make(market, 41, indexes=("SPX",), start=dates[0], end=dates[1],
               nasty=nasty.only("quiet"))  # fmt: skip
    base = RunConfig(start=dates[0], end=dates[1])
    grid: dict[str, Any] = {"exit.stop_loss": [0.1, 0.8], "exit.profit_target_high": [0.3, 2]}
    plan = make_plan(base, grid, ablation=True, objective="total_pnl")
    how = SweepOptions(workers=1)
    sweep = run_sweep(market, plan, home / "sweeps", how)
    walk = run_walkforward(market, plan, train=2, test=1, options=how).save(home / "walks")
    search = make_plan(base, grid, objective="total_pnl", search=Search(trials=2))
    searched = run_sweep(market, search, home / "searches", how)
    assert sweep.folder
    assert walk.folder
    assert searched.folder
    return sweep.folder, walk.folder, searched.folder


@pytest.fixture
def sweep(made: tuple[Path, Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / made[0].name))


@pytest.fixture
def walk(made: tuple[Path, Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / made[1].name))


def test_what_was_just_made_is_sound(
    made: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, kind in zip(made, ("sweep", "walk-forward", "sweep"), strict=True):
        with pytest.raises(SystemExit) as ended:
            main(["verify", str(folder)])
        assert (ended.value.code, f"this {kind} agrees" in capsys.readouterr().out) == (0, True)


def in_json(edit: Callable[[dict[str, Any]], object]) -> Edit:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "summary.json").read_text("utf-8"))
        edit(content)
        (folder / "summary.json").write_text(json.dumps(content), "utf-8")

    return apply


def in_yaml(file: str, edit: Callable[[dict[str, Any]], object]) -> Edit:
    def apply(folder: Path) -> None:
        content = yaml.safe_load((folder / file).read_text("utf-8"))
        edit(content)
        (folder / file).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")

    return apply


def in_table(file: str, edit: Callable[[pa.Table], pa.Table]) -> Edit:
    def apply(folder: Path) -> None:
        pq.write_table(edit(pq.read_table(folder / file)), folder / file)

    return apply


def column(name: str, edit: Callable[[Any], Any]) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(t.column_names.index(name), name, edit(t[name]))


def kept(folder: Path, suffix: str) -> Path:
    return next(
        file
        for file in sorted((folder / "trades").glob(f"*.{suffix}"))
        if file.stat().st_size > 300 and len(pq.read_table(file.with_suffix(".parquet")))
    )


def first_trade_gone(folder: Path) -> None:
    file = kept(folder, "parquet")
    pq.write_table(pq.read_table(file).slice(1), file)


def first_check_gone(folder: Path) -> None:
    file = sorted((folder / "checks").glob("*.parquet"))[0]
    pq.write_table(pq.read_table(file).slice(1), file)


def another_reason(folder: Path) -> None:
    file = kept(folder, "csv")
    text = file.read_text("utf-8")
    assert "Stop" in text
    file.write_text(text.replace("Emergency Stop", "Luck").replace("Stop Loss", "Luck"), "utf-8")


def of_no_variant(folder: Path) -> None:
    for suffix in ("parquet", "csv"):
        file = kept(folder, suffix)
        shutil.copy(file, file.with_stem("f" * 16))


SWEEPS: list[tuple[Edit, str]] = [
    (in_json(lambda c: c["summary"].update(success=1)), "summary: success is 1, computed 3"),
    (in_json(lambda c: c["summary"].update(variants=1)), "summary: variants is 1, computed 5"),
    (in_json(lambda c: c["summary"].update(cut=3)), "summary: cut is 3, computed 0"),
    (in_json(lambda c: c["summary"].update(profitable=9)), "summary: profitable is 9"),
    (in_json(lambda c: c["summary"].update(median_score=9.0)), "summary: median_score is 9.0"),
    (in_json(lambda c: c["summary"].update(average_total_pnl=9.0)), "average_total_pnl is 9.0"),
    (in_json(lambda c: c["summary"]["best"].update(total_pnl=9.0)), "summary: best is"),
    (in_json(lambda c: c["summary"].update(session_sharpe_variance=9.0)), "variance is 9.0"),
    (in_json(lambda c: c["summary"].update(overfitting=None)), "summary: overfitting is None"),
    (in_json(lambda c: c["summary"].update(edges={"exit.stop_loss": 7})), "summary: edges is"),
    (in_json(lambda c: c.update(fingerprint="0")), "of this plan and data SPX-2026"),
    (in_json(lambda c: c.update(name="x")), "the folder is not named by its sweep x"),
    (in_json(lambda c: c["summary"].update(objective="sharpe")), "score is"),
    (in_yaml("plan.yaml", lambda c: c["grid"]["exit.stop_loss"].pop()), "not those of plan.yaml"),
    (in_yaml("plan.yaml", lambda c: c["settings"].update({"exit.stop": 1})), "plan.yaml: unknown"),
    (in_yaml("plan.yaml", lambda c: c["settings"].update({"account.quantity": 2})), ": id is "),
    (in_yaml("best.yaml", lambda c: c["sweep"].update(best_total_pnl=9.0)), "best_total_pnl is 9"),
    (
        in_table("variants.parquet", column("total_pnl", lambda v: pc.add(v, 1.0))),
        "session_pnl.parquet: baseline makes ",
    ),
    (
        in_table("variants.parquet", column("rank", lambda v: pc.subtract(4, v))),
        "rank is 3, computed 1",
    ),
    (
        in_table("variants.parquet", column("same_as", lambda v: pc.fill_null(v, "x"))),
        "baseline: same_as is x, computed None",
    ),
    (
        in_table("variants.parquet", column("trades_id", lambda v: pc.utf8_reverse(v))),
        "trades_id is",
    ),
    (in_json(lambda c: c["summary"].update(folded=2)), "summary: folded is 2, computed 0"),
    (in_table("session_pnl.parquet", lambda t: t.slice(1)), "has 2 variants"),
    (first_trade_gone, "total_trades is"),
    (first_check_gone, "parquet: checks is 48, computed 47"),
    (another_reason, "Reason For Close is 'Luck'"),
    (of_no_variant, "no variant of variants.parquet has this id"),
]


@pytest.mark.parametrize(("edit", "says"), SWEEPS)
def test_sweeps(sweep: Path, edit: Edit, says: str) -> None:
    edit(sweep)
    SweepResult.load(sweep)  # it can be read all the same
    assert says in "\n".join(verify_sweep(sweep))


WALKS: list[tuple[Edit, str]] = [
    (in_json(lambda c: c["summary"].update(efficiency=9.0)), "summary: efficiency is 9.0"),
    (in_json(lambda c: c["summary"].update(windows=9)), "summary: windows is 9, computed 2"),
    (in_json(lambda c: c["summary"]["out_of_sample"].update(total_pnl=9.0)), "total_pnl is 9.0"),
    (
        in_json(lambda c: c["summary"]["out_of_sample"].update(max_drawdown_mtm=9.0)),
        "max_drawdown_mtm is 9.0",
    ),
    (in_json(lambda c: c["windows"][0].update(out_of_sample_pnl=9.0)), "out_of_sample_pnl is 9.0"),
    (in_json(lambda c: c["windows"][0].update(out_of_sample_trades=99)), "trades is 99"),
    (in_json(lambda c: c["windows"].pop(0)), "trades lie in no test window"),
    (in_table("checks.parquet", lambda t: t.slice(0, 0)), "0 checks entered, trades.parquet has "),
    (in_json(lambda c: c.update(fingerprint="0")), "of this plan and data walkforward-SPX"),
    (in_json(lambda c: c.update(name="x")), "not named by its walk-forward x"),
    (in_table("trades.parquet", lambda t: t.slice(1)), "trades.csv: has "),
    (
        in_table("equity.parquet", column("closed_equity", lambda v: pc.add(v, 1.0))),
        "closed_equity is not what the trades made",
    ),
    (in_yaml("plan.yaml", lambda c: c["walkforward"].update(train=1)), "of this plan and data"),
]


@pytest.mark.parametrize(("edit", "says"), WALKS)
def test_walkforwards(walk: Path, edit: Edit, says: str) -> None:
    edit(walk)
    WalkForward.load(walk)
    assert says in "\n".join(verify_walkforward(walk))
