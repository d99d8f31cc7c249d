"""The names the old bot's documents use, over the replay: the same figures, the same answers."""

from __future__ import annotations

import json
import runpy
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from live.desk import DAY, session_on
from oracle import nasty

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import UsageError
from bt_gex.live.data_interface import DataProvider, LiveDataProvider, ReplayDataProvider
from bt_gex.live.harness import ReplayExecutionHarness, ReplayTimeManager
from bt_gex.live.provider import RecordedProvider
from bt_gex.market.calendar import BAR_NS, NEW_YORK
from bt_gex.market.indexes import SPX
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import replay

SCRIPT = Path(__file__).parents[2] / "scripts" / "run_replay_backtest.py"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("market") / "market.db"
    nasty.make(made, 5, start=DAY, end=date(2026, 1, 13),
               nasty=nasty.only("null_bid", "duplicates", "drop"))  # type: ignore[arg-type]  # fmt: skip
    return made


@pytest.fixture(scope="module")
def result(path: Path) -> RunResult:
    config = RunConfig(start=DAY, end=date(2026, 1, 13))
    return replay(path, config, use_cache=False)


# ----------------------------------------------------------------------------- data interface


def test_a_blackbox_answers_as_of_any_instant_what_a_replay_sees(
    path: Path, result: RunResult
) -> None:
    asked = ReplayDataProvider(path)
    assert isinstance(asked, DataProvider)
    assert result.decision_records
    for decision in result.decision_records:
        at = decision.timestamp
        assert asked.get_index_price("SPX", at) == decision.spot
        assert asked.get_vix(at) == decision.vix
        peak = asked.get_gex_peak("SPX", at)
        assert (peak["strike"] if peak else None) == decision.pin
    assert result.trade_records
    for trade in result.trade_records:
        shorts = trade.strikes[:2]
        kind = "put" if trade.strategy == "PUT" else "call"
        found = asked.get_strike_prices("SPX", shorts, kind, trade.expiration,
                                        trade.timestamp_entry)  # fmt: skip
        for strike, quotes in zip(shorts, trade.leg_quotes, strict=False):
            assert found[strike] == {"bid": quotes.bid_entry, "ask": quotes.ask_entry}


def test_a_blackbox_knows_nothing_outside_of_sessions_nor_of_other_days(path: Path) -> None:
    asked = ReplayDataProvider(path)
    night = datetime(2026, 1, 12, 3, tzinfo=UTC)
    assert asked.get_index_price("SPX", night) is None
    assert asked.get_gex_peak("SPX", night) is None
    noon = datetime(2026, 1, 12, 17, tzinfo=UTC)
    assert asked.get_options_chain("SPX", date(2026, 1, 13), noon) == []
    assert asked.get_options_chain("SPX", DAY, noon)
    with pytest.raises(UsageError, match="aware"):
        asked.get_vix(datetime(2026, 1, 12, 17))


def test_a_live_provider_gives_the_same_answers_now(path: Path) -> None:
    session = session_on()
    now_ns = session.open_ns + 300 * BAR_NS
    live = LiveDataProvider(RecordedProvider(path, SPX, session, lambda: now_ns), lambda: now_ns)
    replayed, at = ReplayDataProvider(path), datetime.fromtimestamp(now_ns / 1e9, UTC)
    assert live.get_index_price("SPX") == replayed.get_index_price("SPX", at)
    assert live.get_vix() == replayed.get_vix(at)
    chain = live.get_options_chain("SPX", DAY)
    assert chain == replayed.get_options_chain("SPX", DAY, at)
    assert chain
    strikes = [option["strike"] for option in chain]
    for kind in ("call", "PUT"):
        mine = live.get_strike_prices("SPX", strikes, kind, DAY)
        theirs = replayed.get_strike_prices("SPX", strikes, kind, DAY, at)
        assert {k: v for k, v in mine.items() if k in theirs} == theirs
    with pytest.raises(UsageError, match="now"):
        live.get_vix(at)


# ------------------------------------------------------------------------------------- harness


def test_the_harness_gives_the_replays_figures(
    path: Path, result: RunResult, tmp_path: Path
) -> None:
    said: list[str] = []
    with ReplayExecutionHarness(
        path, "2026-01-12", "2026-01-13", verbose=True, say=said.append
    ) as harness:
        found = harness.run()
        assert harness.state
        harness.state.export_trades_json(tmp_path / harness.results_name)
    totals = result.statistics.totals
    assert (found["total_trades"], found["total_pnl"]) == (totals.total_trades, totals.total_pnl)
    assert found["final_balance"] == totals.final_balance
    assert sum(g["count"] for g in found["trades_by_strategy"].values()) == totals.total_trades
    kinds = [line.split()[0] for line in said]
    assert kinds.count("ENTRY") == kinds.count("EXIT") == len(result.trade_records)
    assert kinds.count("DAILY") == 2
    written = json.loads(
        (tmp_path / "replay_results_SPX_2026-01-12_to_2026-01-13.json").read_text()
    )
    assert [t["order_id"] for t in written["trades"]] == [t.order_id for t in result.trade_records]
    assert written["summary"] == found


def test_ctrl_c_leaves_a_report_of_what_was_done(path: Path, result: RunResult) -> None:
    def interrupting(line: str) -> None:
        if line.startswith("DAILY"):
            raise KeyboardInterrupt

    with ReplayExecutionHarness(
        path, "2026-01-12", "2026-01-13", verbose=True, say=interrupting
    ) as harness:
        found = harness.run()
    first = [trade for trade in result.trade_records if trade.expiration == DAY]
    assert harness.interrupted
    assert found["total_trades"] == len(first)


def test_no_order_is_ever_sent(path: Path) -> None:
    with pytest.raises(UsageError, match="dry_run"):
        ReplayExecutionHarness(path, "2026-01-12", "2026-01-13", dry_run=False)


def test_the_script(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--index", "SPX", "--start", "2026-01-10", "--end", "2026-01-12", "--db", str(path)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "ENTRY" not in out
    assert "replay_results_SPX_2026-01-10_to_2026-01-12.json" in out
    assert (tmp_path / "replay_results_SPX_2026-01-10_to_2026-01-12.json").exists()


def test_the_time_manager_steps_through_market_time() -> None:
    clock = ReplayTimeManager(date(2026, 1, 12), date(2026, 1, 13))
    assert clock.get_current_time() == datetime(2026, 1, 12, 9, 30, tzinfo=NEW_YORK)
    assert clock.is_market_open_time()
    assert clock.is_market_hours()
    clock.skip_to_time(time(15, 59, 45))
    assert clock.get_current_time().time() == time(16)  # snapped to the step
    assert not clock.is_market_hours()
    assert clock.is_end_of_day()
    assert clock.get_iteration_count() == 780
    assert not clock.is_session_change()
    clock.skip_to_next_day()
    assert clock.get_current_time().date() == date(2026, 1, 13)
    assert clock.get_elapsed_days() == 1
    assert clock.is_session_change()
    clock.skip_to_market_open()
    assert clock.is_market_open_time()
    assert clock.get_progress() == pytest.approx(24.0 / 30.5)
    while clock.advance():
        pass
    assert clock.get_progress() == 1.0
    assert clock.step == timedelta(seconds=30)
