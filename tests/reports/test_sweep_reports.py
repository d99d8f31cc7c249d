"""What a sweep says about itself, sentence by sentence, and its pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bt_gex.reports.charts.sweep import cells_of, sweep_pictures
from bt_gex.reports.console.sweep import setting, verdict
from bt_gex.stats.overfitting import Overfitting
from bt_gex.sweeps.records import InShort, SweepSummary
from bt_gex.sweeps.result import SweepResult

STOPS, TARGETS = [0.1, 0.2], [0.5, 0.6, 0.7]


def row(stop: float, target: float, score: float | None, tag: str = "grid") -> dict[str, Any]:
    return {
        "variant_id": f"{stop}-{target}", "label": "x", "tag": tag, "status": "success",
        "exit.stop_loss": stop, "exit.profit_target_high": target, "score": score, "rank": 1,
    }  # fmt: skip


def result(grid: dict[str, list[float]], rows: list[dict[str, Any]]) -> SweepResult:
    return SweepResult(
        name="x", plan={"grid": grid, "objective": "total_pnl"}, source={}, summary=SUMMARY,
        rows=rows, trades={}, trade_logs={}, session_pnl=pa.table({"variant_id": []}), best=None,
    )  # fmt: skip


BEST = InShort(
    variant_id="b", label="l", score=2.0, total_pnl=900.0, total_trades=40, max_drawdown_mtm=1.0
)
SUMMARY = SweepSummary(
    objective="calmar", sessions=5, sessions_with_data=5, variants=12, success=10, skipped=2,
    failed=0, duplicates=0, cut=0, best=BEST, baseline=replace(BEST, variant_id="a"),
    average_score=0.25, median_score=0.1, without_score=0, average_total_pnl=-12.5, profitable=4,
    same_as_best=0, assumed=(), comparable=12, different=12, session_sharpe_variance=None,
    overfitting=None, edges={},
)  # fmt: skip
ODDS = Overfitting(
    probability=0.31, loss_probability=0.5, mean_in=None, mean_out=None, blocks=6, splits=20,
    sessions=5, variants=9,
)  # fmt: skip


def test_the_best_stands_beside_the_average() -> None:
    assert verdict(SUMMARY) == [
        "12 variants tried: the best made +$900.00, the average -$12.50, and 4 of 10 made money.",
        "By calmar the best has 2.000, the average variant 0.250, the median 0.100.",
        "The best of 10 tries is flattered by having been picked: trade it on sessions that did "
        "not pick it (bt-gex walkforward) before relying on it.",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"best": None}, "No variant could be run: nothing can be said."),
        ({"sessions": 0, "sessions_with_data": 0}, "The dates hold no session (weekends or"),
        ({"sessions_with_data": 3}, "2 of 5 sessions had no data."),
        ({"best": replace(BEST, total_trades=0)}, "The best variant made no trade"),
        ({"without_score": 1}, "1 variant have no calmar"),
        ({"best": replace(BEST, variant_id="a")}, "No variant beats the baseline."),
        (
            {"overfitting": ODDS},
            "Probability of overfitting 31.0 %",
        ),
        ({"same_as_best": 2}, "2 other variants made exactly the same"),
        ({"assumed": ("fills.exit_slippage",)}, "fills.exit_slippage is assumed, not chosen"),
        (
            {"best": replace(BEST, total_pnl=-5.0), "profitable": 0},
            "No variant made money",
        ),
        (
            {"best": replace(BEST, total_pnl=-5.0)},
            "The best by calmar made no money, though others did",
        ),
    ],
)
def test_sentences(changes: dict[str, Any], says: str) -> None:
    assert any(sentence.startswith(says) for sentence in verdict(replace(SUMMARY, **changes)))
    assert not any(sentence.startswith(says) for sentence in verdict(SUMMARY))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (None, "none"), (True, "true"), (["10:00", "11:00"], "10:00,11:00"), (5, "5")],
)
def test_settings_as_typed(value: Any, text: str) -> None:
    assert setting(value) == text


def test_a_heatmap_averages_over_the_other_settings() -> None:
    rows = [row(0.1, 0.5, 1.0), row(0.1, 0.5, 3.0), row(0.2, 0.7, 5.0), row(0.3, 0.5, 9.0)]
    cells = cells_of(rows, [("exit.stop_loss", STOPS), ("exit.profit_target_high", TARGETS)])
    assert cells == {(0, 0): 2.0, (1, 2): 5.0}  # 0.3 is off the grid


def test_pictures_of_two_settings() -> None:
    rows = [row(s, t, 10 * s + t) for s in STOPS for t in TARGETS]
    rows += [
        row(0.1, 0.5, None),
        row(9.0, 0.5, 99.0, tag="baseline"),
        row(0.1, 0.5, 1e6, "ablation"),
    ]
    grid = {"exit.stop_loss": STOPS, "exit.profit_target_high": TARGETS}
    figures = sweep_pictures(result(grid, rows))
    assert set(figures) == {"heatmap-exit.stop_loss-exit.profit_target_high", "parallel"}
    heat = figures["heatmap-exit.stop_loss-exit.profit_target_high"].axes[0]
    assert (heat.get_xlabel(), heat.get_ylabel()) == ("exit.stop_loss", "exit.profit_target_high")
    assert [text.get_text() for text in heat.get_xticklabels()] == ["0.1", "0.2"]
    np.testing.assert_allclose(
        heat.images[0].get_array(), [[1.5, 2.5], [1.6, 2.6], [1.7, 2.7]], rtol=1e-12
    )
    (frame,) = heat.patches  # around the best cell: stop 0.2, target 0.7
    assert (frame.get_x(), frame.get_y()) == (0.5, 1.5)


def test_one_setting_is_a_curve() -> None:
    rows = [row(stop, 0.5, stop) for stop in STOPS]
    (name,) = sweep_pictures(result({"exit.stop_loss": STOPS}, rows))
    assert name == "objective-exit.stop_loss"


def test_nothing_to_draw() -> None:
    assert sweep_pictures(result({}, [row(0.1, 0.5, 1.0)])) == {}
    assert sweep_pictures(result({"exit.stop_loss": STOPS}, [row(0.1, 0.5, None)])) == {}


def test_equal_scores_draw_all_the_same() -> None:
    rows = [row(s, t, 0.0) for s in STOPS for t in TARGETS]
    grid = {"exit.stop_loss": STOPS, "exit.profit_target_high": TARGETS}
    for figure in sweep_pictures(result(grid, rows)).values():
        figure.draw_without_rendering()
