"""The recorder as an analyzer: what it hears of, of which bar, in every mode of backtrader."""

from __future__ import annotations

from collections import Counter
from typing import Any

import backtrader as bt
import pytest
from backtrader_modes import MODES
from recordings.runs import SIGNALLED, Cross, frame, record_cross, record_reversion, series_of

from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.errors import EngineError
from bt_gex.recordings.figures import compared, positions_of
from bt_gex.recordings.store import RecordingStore


def content(store: RecordingStore, name: str) -> tuple[Any, Any]:
    """Bars and events without what the wall clock decides."""
    events = [(e.sequence, e.bar_sequence, *e[1:3], *e[5:]) for e in store.events(name)]
    return store.bars(name), events


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    with RecordingStore(tmp_path_factory.mktemp("plain") / "r.db") as store:
        return content(store, record_cross(store, peek=True))


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_mode_records_the_same(
    file_store: RecordingStore, mode: dict[str, Any], plain: tuple[Any, Any]
) -> None:
    assert content(file_store, record_cross(file_store, mode, peek=True)) == plain


def test_what_a_run_on_backtraders_broker_leaves(file_store: RecordingStore) -> None:
    frames = (frame(0), frame(1).iloc[3:])
    name = record_cross(file_store, frames=frames)
    row = file_store.get(name)
    assert (row.status, row.strategy_name, row.symbols) == ("completed", "Cross", ("A", "B"))
    assert dict(row.original_parameters) == {
        "fast": 5, "slow": 12, "stake": 3, "broken_at": 0, "peek": False
    }  # fmt: skip
    bars = file_store.bars(name)
    assert len(bars) == 200 + 197  # from the first one on, also before indicators are warm
    assert bars[0].indicators == {"fast": None, "slow": None, "cross": None}
    # B begins three minutes later; its 40th bar is A's 43rd.
    a, b = (next(x for x in bars[80:] if x.symbol == s) for s in "AB")
    number = int((a.ts_ns - bars[0].ts_ns) // 60e9)
    closes = frames[0]["close"]
    assert a.values.close == closes.iloc[number]
    assert a.indicators is not None
    assert a.indicators["fast"] == pytest.approx(closes.iloc[number - 4 : number + 1].mean())
    assert b.indicators is not None
    assert set(b.indicators) == {"bands.mid", "bands.top", "bands.bot"}

    events = file_store.events(name)
    kinds = Counter(event.event_type for event in events)
    assert set(kinds) >= {"ORDER_PLACED", "ORDER_FILLED", "POSITION_OPENED", "POSITION_CLOSED"}
    placed = next(e for e in events if e.decision and e.decision.get("reason") == "up")
    fill = next(e for e in events if e.data.get("order_id") == placed.data["order_id"] and
                e.event_type == "ORDER_FILLED")  # fmt: skip
    assert fill.ts_ns - placed.ts_ns == 60e9  # at the next bar's open
    position = next(p for p in positions_of(events) if p.stop_loss is not None)
    assert position.entry_price is not None
    minute = int((fill.ts_ns - bars[0].ts_ns) // 60e9)
    assert fill.data["filled_price"] == pytest.approx(frames[0]["open"].iloc[minute] * 1.0002)
    assert all(e.market and e.market["cash"] for e in events)
    # What backtrader's own analyzer counts.
    assert (row.original_trades, round(row.original_pnl, 9)) == trades_of_backtrader(frames)


def trades_of_backtrader(frames: Any) -> tuple[int, float]:
    cerebro = bt.Cerebro()
    for number, one in enumerate(frames):
        cerebro.adddata(bt.feeds.PandasData(dataname=one), name="AB"[number])
    cerebro.broker.setcash(5_000)
    cerebro.broker.setcommission(0.001)
    cerebro.broker.set_slippage_perc(0.0002)
    cerebro.addstrategy(Cross)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    (strategy,) = cerebro.run()
    found = strategy.analyzers.trades.get_analysis()
    return found.total.closed, round(found.pnl.gross.total, 9)


def test_an_expired_and_a_refused_order(file_store: RecordingStore) -> None:
    class Greedy(bt.Strategy):
        def next(self) -> None:
            if len(self) == 3:
                self.buy(size=1_000_000, reason="all of it")
            if len(self) == 5:
                self.order = self.buy(exectype=bt.Order.Limit, price=1.0)
            if len(self) == 6:
                self.cancel(self.order)

    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(0, 10)), name="A")
    cerebro.addstrategy(Greedy)
    cerebro.addanalyzer(RecordingAnalyzer, database=file_store, _name="recorder")
    (strategy,) = cerebro.run()
    events = file_store.events(strategy.analyzers.recorder.recording_id)
    assert [(e.event_type, e.data.get("reason"), e.bar_sequence) for e in events] == [
        ("ORDER_PLACED", None, 3),
        ("ORDER_REJECTED", "Margin", 3),
        ("ORDER_PLACED", None, 5),
        ("ORDER_CANCELED", "Canceled", 6),
    ]
    assert events[0].decision == {"reason": "all of it"}


def test_mean_reversion_through_the_execution_stream(file_store: RecordingStore) -> None:
    """M5: in at 95.20, stop 94.248, target 95.676."""
    name = record_reversion(file_store, [series_of("X", SIGNALLED)])
    row, events = file_store.get(name), file_store.events(name)
    assert [event.event_type for event in events] == [
        "SIGNAL_DETECTED", "ORDER_PLACED", "ORDER_FILLED", "POSITION_OPENED", "SIGNAL_DETECTED",
        "SIGNAL_IGNORED", "ORDER_PLACED", "ORDER_FILLED", "POSITION_CLOSED",
    ]  # fmt: skip
    first, ignored = events[0], events[5]
    assert first.data["acted"] is True
    assert first.decision is not None
    assert first.decision["indicators"]["rsi"] == 0  # type: ignore[index, call-overload]
    assert ignored.data["reason"] == "in_position"
    (position,) = positions_of(events)
    assert (position.entry_price, position.exit_price, position.exit_reason) == (
        95.2, pytest.approx(95.676), "take_profit_hit"
    )  # fmt: skip
    assert (position.stop_loss, position.duration_seconds) == (pytest.approx(94.248), 60)
    assert (row.original_trades, row.original_pnl) == (1, pytest.approx(4.76))
    assert row.original_parameters["bb_std"] == 2.5
    last = file_store.bars(name)[-1].indicators
    assert last is not None
    assert last["rsi"] is not None


def test_an_exception_leaves_a_failed_recording(file_store: RecordingStore) -> None:
    with pytest.raises(RuntimeError, match="out of paper"):
        record_cross(file_store, broken_at=50)
    (row,) = file_store.find()
    assert (row.status, row.description) == (
        "failed", "Recording failed: RuntimeError: out of paper"
    )  # fmt: skip
    assert row.total_bars_recorded == len(file_store.bars(row.recording_id)) == 98


def test_a_cerebro_runs_again_after_its_recording(file_store: RecordingStore) -> None:
    """Variants, one after the other; each is a recording of its own."""
    cerebro = bt.Cerebro(maxcpus=1)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(0, 60)), name="A")
    cerebro.optstrategy(Cross, fast=(3, 5))
    cerebro.addanalyzer(RecordingAnalyzer, database=file_store, _name="recorder")
    found = [run[0].analyzers.recorder.get_analysis() for run in cerebro.run()]
    assert len({one["recording_id"] for one in found}) == 2
    assert [file_store.get(one["recording_id"]).original_parameters["fast"] for one in found] == [
        3, 5
    ]  # fmt: skip


def test_where_to_is_asked_for() -> None:
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(0, 60)), name="A")
    cerebro.addstrategy(Cross)
    cerebro.addanalyzer(RecordingAnalyzer)
    with pytest.raises(EngineError, match="database"):
        cerebro.run()


def test_recorded_lines_of_the_strategys_own_choice(file_store: RecordingStore) -> None:
    class Chosen(Cross):
        def start(self) -> None:
            self.recorded = {self.data: {"quick": self.fast.lines.sma}}

    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(0, 20)), name="A")
    cerebro.addstrategy(Chosen)
    cerebro.addanalyzer(RecordingAnalyzer, database=file_store, _name="recorder")
    (strategy,) = cerebro.run()
    bars = file_store.bars(strategy.analyzers.recorder.recording_id)
    assert set(bars[-1].indicators or ()) == {"quick"}


def test_A28_later_bars_change_nothing_before_them(file_store: RecordingStore) -> None:
    whole, cut = frame(0), frame(0)
    cut.iloc[120:] = 1.0
    cut.iloc[120:, 1] = 2.0
    names = [record_cross(file_store, frames=(one, frame(1))) for one in (whole, cut)]
    bars = file_store.bars(names[0])
    until = next(b.ts_ns for b in bars if b.values.close == whole["close"].iloc[120])
    before = [[e for e in compared(file_store.events(name)) if e[0] < until] for name in names]
    assert before[0] == before[1]
    assert before[0]
