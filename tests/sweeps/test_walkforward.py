"""Windows, what is picked in them, and what that was worth."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import nasty

from bt_gex import RunConfig, replay
from bt_gex.errors import BadValue
from bt_gex.market.calendar import sessions
from bt_gex.reports.console.walkforward import judgement, verdict, walkforward_figure
from bt_gex.sweeps.plan import Plan, Search, make_plan, variant_config
from bt_gex.sweeps.records import WalkForwardSummary, WindowResult
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import judge, run_walkforward
from bt_gex.sweeps.walkforward_result import WalkForward
from bt_gex.sweeps.windows import Window, make_windows
from bt_gex.trades.codec import to_json

START, END = "2026-01-12", "2026-01-16"  # five sessions
GRID = {"exit.stop_loss": [0.1, 0.4, 0.8], "exit.profit_target_high": [0.3, 0.6]}


class TestWindows:
    def test_rolling(self) -> None:
        assert make_windows(10, train=4, test=3) == [Window(0, 4, 4, 7), Window(3, 7, 7, 10)]

    def test_anchored_with_embargo_and_a_short_end(self) -> None:
        assert make_windows(10, train=3, test=4, anchored=True, embargo=1) == [
            Window(0, 3, 4, 8),
            Window(0, 7, 8, 10),
        ]

    @given(
        st.integers(2, 300), st.integers(1, 60), st.integers(1, 40), st.integers(0, 9),
        st.booleans(),
    )  # fmt: skip
    def test_laws(self, count: int, train: int, test: int, embargo: int, anchored: bool) -> None:
        words: dict[str, Any] = {
            "train": train, "test": test, "embargo": embargo, "anchored": anchored,
        }  # fmt: skip
        if count < train + embargo + 1:
            with pytest.raises(BadValue, match="sessions with data are too few"):
                make_windows(count, **words)
            return
        windows = make_windows(count, **words)
        tested = [n for w in windows for n in range(w.test_from, w.test_to)]
        assert tested == list(range(train + embargo, count))  # each once, none left out
        for w in windows:
            assert w.test_from - w.train_to == embargo
            assert w.train_to - w.train_from >= train if anchored else True
            assert w.train_from == 0 if anchored else w.train_to - w.train_from == train
            assert not set(range(w.train_from, w.train_to)) & set(range(w.test_from, w.test_to))

    @pytest.mark.parametrize("words", [{"train": 0, "test": 1}, {"train": 1, "test": 0}])
    def test_no_sessions_in_a_window(self, words: dict[str, int]) -> None:
        with pytest.raises(BadValue, match="must be at least 1 sessions, got 0"):
            make_windows(9, **words)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("walk") / "market.db"
    nasty.make(path, 41, indexes=("SPX",), start=START, end=END, nasty=nasty.only("quiet"))
    return path


def plan_of(start: str = START, end: str = END) -> Plan:
    return make_plan(RunConfig(start=start, end=end), GRID, objective="total_pnl")


@pytest.fixture(scope="module")
def walked(market: Path) -> WalkForward:
    return run_walkforward(market, plan_of(), train=2, test=2, options=SweepOptions(workers=1))


class TestWalkForward:
    def test_each_winner_is_that_of_a_sweep_of_its_train_sessions(
        self, walked: WalkForward, market: Path, tmp_path: Path
    ) -> None:
        dates = [(w.train_start, w.train_end) for w in walked.windows]
        assert dates == [("2026-01-12", "2026-01-13"), ("2026-01-14", "2026-01-15")]
        for window, (start, end) in zip(walked.windows, dates, strict=True):
            swept = run_sweep(market, plan_of(start, end), tmp_path, SweepOptions(workers=1))
            best = next(row for row in swept.rows if row["rank"] == 1)
            assert window.variant_id == best["variant_id"]
            assert window.in_sample_pnl == best["total_pnl"]

    def test_its_trades_are_those_of_a_replay_of_the_test_sessions(
        self, walked: WalkForward, market: Path
    ) -> None:
        plan = plan_of()
        variants = {variant.variant_id: variant for variant in plan.variants}
        expected: list[Any] = []
        for window in walked.windows:
            config = variant_config(plan.base, variants[window.variant_id])
            dates = {"start": window.test_start, "end": window.test_end}
            result = replay(market, RunConfig(settings=config.settings, **dates))
            assert window.out_of_sample_pnl == result.summary["total_pnl"]
            expected += result.trade_records
        assert walked.trades == expected
        assert [w.test_start for w in walked.windows] == ["2026-01-14", "2026-01-16"]

    def test_the_account_goes_on_from_window_to_window(self, walked: WalkForward) -> None:
        equity = walked.equity.to_pandas()
        total = sum(trade.pnl_dollars or 0.0 for trade in walked.trades)
        assert equity["closed_equity"].iloc[-1] == pytest.approx(25_000 + total)
        assert len(equity) == 3 * 781
        assert equity["time"].is_monotonic_increasing
        edge = int((equity["test_start"] == "2026-01-14").sum())
        assert equity["equity"].iloc[edge] == pytest.approx(equity["equity"].iloc[edge - 1])

    def test_average_and_baseline_are_of_the_test_sessions(
        self, walked: WalkForward, market: Path, tmp_path: Path
    ) -> None:
        window = walked.windows[0]
        dates = (window.test_start, window.test_end)
        rows = run_sweep(market, plan_of(*dates), tmp_path, SweepOptions(workers=1)).rows
        pnls = [row["total_pnl"] for row in rows if row["same_as"] is None]
        assert window.average_variant_pnl == pytest.approx(sum(pnls) / len(pnls), abs=0.005)
        assert window.baseline_pnl == rows[0]["total_pnl"]

    def test_both_engines(self, walked: WalkForward, market: Path) -> None:
        pytest.importorskip("numba", reason="numba is not installed")
        options = SweepOptions(engine="compiled", workers=2)
        other = run_walkforward(market, plan_of(), train=2, test=2, options=options)
        assert (other.windows, other.trades) == (walked.windows, walked.trades)
        assert other.name == walked.name

    def test_changing_the_future_changes_no_pick(self, market: Path, tmp_path: Path) -> None:
        """The picks of windows whose train sessions end before a change stay as they are."""
        import shutil
        import sqlite3

        changed = Path(shutil.copy(market, tmp_path / "changed.db"))
        db = sqlite3.connect(changed)
        db.execute("UPDATE options_prices_live SET ask = ask * 3 WHERE timestamp > '2026-01-14'")
        db.commit()
        db.close()
        windows = [
            run_walkforward(path, plan_of(), train=1, test=1, options=SweepOptions(workers=1))
            .windows[:2]
            for path in (market, changed)
        ]  # fmt: skip
        assert windows[0][0] == windows[1][0]
        picks = [[w.variant_id for w in one] for one in windows]
        assert picks[0] == picks[1]

    def test_the_picture(self, walked: WalkForward) -> None:
        top, bottom = walkforward_figure(walked).axes
        assert (top.get_ylabel(), bottom.get_ylabel()) == ("account ($)", "drawdown ($)")

    def test_a_search_has_no_grid_to_walk(self, market: Path) -> None:
        plan = make_plan(plan_of().base, GRID, search=Search(trials=3))
        with pytest.raises(BadValue, match="runs the whole grid"):
            run_walkforward(market, plan, train=2, test=1)

    def test_too_few_sessions(self, market: Path) -> None:
        assert len(sessions(date(2026, 1, 12), date(2026, 1, 16))) == 5
        with pytest.raises(BadValue, match="5 sessions with data are too few: 5 to train"):
            run_walkforward(market, plan_of(), train=5, test=1)


def window(inside: float, outside: float, average: float | None, stop: float) -> WindowResult:
    return WindowResult(
        train_start="2026-01-05", train_end="2026-01-08", test_start="2026-01-09",
        test_end="2026-01-12", train_sessions=4, test_sessions=2, variant_id=f"{stop}", label="",
        settings={"exit.stop_loss": stop}, in_sample_pnl=inside, out_of_sample_pnl=outside,
        out_of_sample_trades=3, average_variant_pnl=average, baseline_pnl=10.0,
    )  # fmt: skip


def test_judgement_by_hand() -> None:
    """In sample 800 / 8 = 100 a session, out of sample 160 / 4 = 40."""
    windows = [window(500, 200, 50, 0.1), window(300, -40, 0, 0.1)]
    assert to_json(judge(windows, ["exit.stop_loss"])) == {
        "in_sample_a_session": 100.0, "out_of_sample_a_session": 40.0,
        "efficiency": pytest.approx(0.4), "profitable_windows": 1, "average_variant_pnl": 50.0,
        "beat_average_windows": 1, "baseline_pnl": 20.0, "winners": 1,
        "stability": {"exit.stop_loss": {"value": 0.1, "share": 1.0, "distinct": 1}},
    }  # fmt: skip
    assert judge([window(-5, 5, 0, 1)], ["exit.stop_loss"]).efficiency is None


def test_a_window_in_which_nothing_could_be_picked_counts_for_nothing() -> None:
    """(500 + 100) / 8 = 75 in sample, (200 + 40) / 4 = 60 out of sample; of the stops 0.2 and 0.1,
    picked once each, the one first in its text."""
    none = replace(window(0, 0, None, 0.3), variant_id=None, in_sample_pnl=None,
                   out_of_sample_pnl=None, settings={})  # fmt: skip
    windows = [window(500, 200, None, 0.2), none, window(100, 40, 40, 0.1)]
    found = judge(windows, ["exit.stop_loss"])
    assert (found.in_sample_a_session, found.out_of_sample_a_session) == (75.0, 60.0)
    assert (found.efficiency, found.profitable_windows) == (0.8, 2)
    assert (found.average_variant_pnl, found.beat_average_windows) == (40.0, 0)
    assert (found.baseline_pnl, found.winners) == (20.0, 2)
    assert to_json(found.stability["exit.stop_loss"]) == {"value": 0.1, "share": 0.5, "distinct": 2}
    nothing = judge([none], ["exit.stop_loss"])
    assert (nothing.in_sample_a_session, nothing.efficiency, nothing.stability) == (None, None, {})


@pytest.mark.parametrize(
    ("total", "efficiency", "average", "says"),
    [
        (0.0, 0.9, -5.0, "made no money"),
        (10.0, 0.9, 12.5, "picking the best made -$2.50 against the average variant"),
        (1.0, 0.9, 0.5, "picking the best made -$2.00 against the baseline"),
        (10.0, None, 5.0, "no profit in sample"),
        (10.0, 0.49, 5.0, "less than half"),
        (10.0, 0.5, 5.0, "held up out of sample: +$10.00."),
    ],
)
def test_the_verdict(total: float, efficiency: Any, average: float, says: str) -> None:
    judged = replace(
        judge([window(8, 4, 3, 0.1)], ["exit.stop_loss"]),
        efficiency=efficiency,
        average_variant_pnl=average,
        baseline_pnl=3.0 if total == 1.0 else 0.0,
    )
    assert says in judgement(total, efficiency, judged)
    summary = WalkForwardSummary(
        **{f.name: getattr(judged, f.name) for f in fields(judged)}, objective="total_pnl",
        variants=2, train=4, test=2, anchored=False, embargo=0, windows=1,
        out_of_sample={"total_pnl": total},
    )  # fmt: skip
    assert says in verdict(summary)[-1]
    assert verdict(summary)[-1].startswith("Verdict: ")
    doubted = verdict(summary, "3 of 9 trades on clamped prices made +$9.00, all others -$1.00")
    assert doubted[-1].startswith("Verdict: without its doubtful trades it loses: 3 of 9 trades")
    assert doubted[:-1] == verdict(summary)[:-1]
