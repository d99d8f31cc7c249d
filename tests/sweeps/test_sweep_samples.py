"""A sweep and a walk-forward that version 0.1.0 wrote: they are read, shown and verified."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from bt_gex.reports.charts.sweep import sweep_pictures
from bt_gex.reports.console.sweep import print_sweep
from bt_gex.reports.console.walkforward import print_walkforward, walkforward_figure
from bt_gex.sweeps.plan import read_plan
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.verify import verify_sweep, verify_walkforward
from bt_gex.sweeps.walkforward_result import WalkForward

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "0.1.0"
SWEEP = SAMPLES / "sweeps" / "SPX-20260112-20260115-sweep-8e6e56ee69"
WALK = SAMPLES / "walkforwards" / "walkforward-SPX-20260112-20260115-sweep-5fb3d1b488"


def test_the_sweep() -> None:
    found = SweepResult.load(SWEEP)
    assert (found.summary.variants, found.summary.success, found.summary.skipped) == (12, 6, 6)
    best = found.summary.best
    assert best
    assert (best.variant_id, best.total_pnl, best.total_trades) == ("10758fb260b94e58", -1392.5, 46)
    assert found.summary.overfitting
    assert (found.summary.overfitting.splits, found.summary.overfitting.blocks) == (6, 4)
    assert len(found.trades[best.variant_id]) == len(found.trade_logs[best.variant_id]) == 46
    assert found.plan["semantics_version"] == 1
    # A value that is not allowed makes the column one of texts; the others are numbers again.
    targets = {row["exit.profit_target_high"] for row in found.rows}
    assert targets == {0.5, "1.5"}
    shown = io.StringIO()
    print_sweep(found, Console(file=shown, width=100))
    assert "12 variants tried: the best made -$1,392.50, the average -$1,900.42" in (
        shown.getvalue().replace("\n", " ")
    )
    assert len(sweep_pictures(found)) == 4
    assert list(verify_sweep(SWEEP)) == []


def test_its_plan_makes_the_same_variants() -> None:
    plan = read_plan(SWEEP / "plan.yaml")
    assert plan.grid["exit.stop_loss"] == (0.1, 0.5, 1)
    assert plan.ablation


def test_the_walkforward() -> None:
    found = WalkForward.load(WALK)
    assert [w.variant_id for w in found.windows] != [None, None]
    assert [w.out_of_sample_pnl for w in found.windows] == [-270.0, -1025.0]
    assert found.summary.stability["exit.profit_target_high"].distinct == 2
    assert (len(found.trades), len(found.trade_log)) == (24, 24)
    shown = io.StringIO()
    print_walkforward(found, Console(file=shown, width=100))
    assert "A session made -$772.50 in sample and -$647.50 out of sample" in shown.getvalue()
    walkforward_figure(found).draw_without_rendering()
    assert list(verify_walkforward(WALK)) == []


@pytest.mark.parametrize("kind", [SweepResult, WalkForward])
def test_saved_again_it_is_of_the_current_version(
    kind: type[SweepResult] | type[WalkForward], tmp_path: Path
) -> None:
    old = kind.load(SWEEP if kind is SweepResult else WALK)
    again = old.save(tmp_path)
    assert again.folder
    assert '"schema_version": 2' in (again.folder / "summary.json").read_text("utf-8")
    assert yaml.safe_load((again.folder / "plan.yaml").read_text("utf-8"))["semantics_version"] == 1
    read = kind.load(again.folder)
    assert (read.summary, read.trades, read.source) == (old.summary, old.trades, old.source)
