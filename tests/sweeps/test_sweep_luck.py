"""Selection statistics of a sweep: P&L by session of every variant, and what follows from it."""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import variance

import pytest
from oracle import nasty

from bt_gex import RunConfig, replay
from bt_gex.config.files import read_config
from bt_gex.errors import OutputError
from bt_gex.stats.overfitting import overfitting
from bt_gex.stats.sharpe import moments, session_returns
from bt_gex.sweeps.assemble import at_edge
from bt_gex.sweeps.plan import make_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep

DATES = {"start": "2026-01-05", "end": "2026-01-09"}
GRID = {"exit.stop_loss": [0.05, 0.2, 0.4], "fills.exit_slippage": [0.0, 0.5]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SweepResult]:
    place = tmp_path_factory.mktemp("luck")
    nasty.make(place / "b.db", 8, indexes=("SPX",), **DATES, nasty=nasty.only("quiet"))
    plan = make_plan(RunConfig(**DATES), GRID, objective="total_pnl")
    return place / "b.db", run_sweep(place / "b.db", plan, place, SweepOptions(workers=1))


def test_sessions_sum_to_each_variants_profit(swept: tuple[Path, SweepResult]) -> None:
    path, result = swept
    table = result.session_pnl.to_pylist()
    by_id = {row["variant_id"]: row for row in result.rows}
    assert len(table) == 7  # the grid and the baseline
    for row in table:
        name = row.pop("variant_id")
        assert list(row) == [f"2026-01-{day:02}" for day in range(5, 10)]
        cents = sum(round(pnl * 100) for pnl in row.values())
        assert cents == round(by_id[name]["total_pnl"] * 100)
    baseline = replay(path, RunConfig(**DATES))
    own = next(r for r in result.session_pnl.to_pylist() if r["variant_id"] == first_id(result))
    assert {day: own[day] for day in baseline.daily_pnl} == baseline.daily_pnl


def first_id(result: SweepResult) -> str:
    return str(next(row["variant_id"] for row in result.rows if row["tag"] == "baseline"))


def test_the_summary_says_what_follows(swept: tuple[Path, SweepResult]) -> None:
    _, result = swept
    days = result.session_pnl.column_names[1:]
    best = result.rows[[row["rank"] for row in result.rows].index(1)]
    assumed = {
        row["variant_id"]
        for row in result.rows
        if row["fills.exit_slippage"] == best["fills.exit_slippage"]
    }
    shown = [row for row in result.session_pnl.to_pylist() if row["variant_id"] in assumed]
    assert len(shown) == 3  # of two slippages and three stops; the baseline pays all of it
    table = [[row[day] for row in shown] for day in days]
    found = overfitting(table)
    assert found is not None
    assert result.summary.overfitting
    assert result.summary.overfitting.probability == found.probability
    assert (found.blocks, found.splits) == (4, 6)  # five sessions
    ratios = []
    for row in shown:
        returns = session_returns([row[day] for day in days], 25_000.0)
        assert returns is not None
        one = moments(returns)
        assert one is not None
        ratios.append(one.sharpe)
    assert result.summary.session_sharpe_variance == pytest.approx(variance(ratios))


def test_the_best_knows_its_sweep_and_comes_back_whole(swept: tuple[Path, SweepResult]) -> None:
    _, result = swept
    assert result.folder
    found = read_config(result.folder / "best.yaml").sweep
    assert found["name"] == result.name
    assert found["variants"] == 3  # that assume the same fills
    assert found["is_baseline"] is False
    assert found["swept"] == ["exit.stop_loss"]  # fills are assumed, not chosen
    assert found["edges"] == result.summary.edges
    again = SweepResult.load(result.folder)
    assert all(result.trade_logs.values())
    assert again.trade_logs == result.trade_logs
    assert again.session_pnl.equals(result.session_pnl)


@pytest.mark.parametrize(
    ("value", "values", "is_edge"),
    [
        (0.1, [0.1, 0.2, 0.3], True),
        (0.3, [0.3, 0.1, 0.2], True),
        (0.2, [0.1, 0.2, 0.3], False),
        (0.1, [0.1, 0.2], False),  # two values have no middle
        (None, [None, 1, 2], False),
        (True, [True, False, True], False),
    ],
)
def test_edges(value: object, values: list[object], is_edge: bool) -> None:
    assert at_edge(value, values) == is_edge


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("summary.json", '"duplicates": 0', '"duplicates": "x"'),
        ("summary.json", '"edges"', '"edge"'),
        ("summary.json", '"schema_version": 2', '"schema_version": 3'),
        ("summary.json", '"total_pnl": ', '"total_pnl": NaN, "x": '),
        ("summary.json", '"total_pnl": ', '"total_pnl": 1e999, "x": '),
        ("plan.yaml", "grid:", "grids:"),
        ("plan.yaml", "index: SPX", "index: []"),
    ],
)
def test_a_damaged_sweep_is_refused(
    swept: tuple[Path, SweepResult], tmp_path: Path, file: str, old: str, new: str
) -> None:
    _, result = swept
    assert result.folder
    folder = Path(shutil.copytree(result.folder, tmp_path / "sweep"))
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(OutputError, match="is not the folder of a finished sweep"):
        SweepResult.load(folder)
