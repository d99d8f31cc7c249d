"""Recording a run of any strategy: each bar as it was seen, and everything that happened on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import backtrader as bt

from bt_gex.analyzers.heard import OTHER, Heard, in_order
from bt_gex.analyzers.recorded_bars import DataBars, MarketBars, bar_source
from bt_gex.analyzers.recorded_environment import (
    environment_of,
    parameters_of,
    symbols_of,
    versions,
)
from bt_gex.analyzers.recorded_orders import OrderNotes
from bt_gex.analyzers.recorded_stream import StreamNotes
from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import on_error
from bt_gex.feeds.recorded import ns_of_line
from bt_gex.recordings import records
from bt_gex.recordings.records import checked_tags
from bt_gex.recordings.session_recorder import new_session
from bt_gex.recordings.store import RecordingStore, store_of
from bt_gex.recordings.triggered import TriggeredSink
from bt_gex.recordings.triggers import Account, Firing, Watch
from bt_gex.recordings.writer import FLUSH_BARS, FLUSH_S, RecordingWriter, Sink, StoreSink
from bt_gex.trades.events import ExecutionStream

COMMIT_S = 0.25


class RecordingAnalyzer(bt.Analyzer):
    """Records a run; add it to a Cerebro with any strategy, broker and feeds.

    database       where to: a RecordingStore, a path or URL, SQLAlchemy's engine or session
    recording_id   by default a new one
    strategy_name  by default the class's name
    parameters     by default the strategy's own
    description, tags  written when the run is over
    signals_only   keep what happened but not the bars; such a recording cannot be replayed
    triggers       what decides whether, and from when, the recording is kept
    environment    more that a replay should know, beside broker, costs, sizer and feeds
    flush_bars, flush_seconds  when bars are written that no event has written
    commit_seconds  least time between two writings, so that a fast run does not wait for the disk;
                   0: everything that happened is written with its bar
    sink           in place of a database

    A recording is one run: its bars from the first one on, also before indicators are warm, with
    their values at each bar; orders, fills and trades through the broker's execution stream, or
    as backtrader notifies of them. An exception in the run leaves a failed recording.
    """

    params = (
        ("database", None),
        ("session_id", None),
        ("recording_id", None),
        ("instance_id", 1),
        ("strategy_name", None),
        ("parameters", None),
        ("description", None),
        ("tags", ()),
        ("signals_only", False),
        ("triggers", ()),
        ("environment", None),
        ("flush_bars", FLUSH_BARS),
        ("flush_seconds", FLUSH_S),
        ("commit_seconds", COMMIT_S),
        ("sink", None),
    )

    def start(self) -> None:
        strategy = self.strategy
        checked_tags(self.p.tags)
        self._heard: list[Heard] = []
        self._orders: OrderNotes | None = None
        self._source: DataBars | MarketBars = bar_source(
            strategy, with_options=not self.p.signals_only
        )
        self._symbols = dict(zip(strategy.datas, symbols_of(strategy.datas), strict=True))
        self._account_value = _value_of(strategy.broker)
        self._peak = self._account_value()
        self._own_store = False
        self._store: RecordingStore | None = None
        warm_up = getattr(strategy, "warm_up_bars", strategy._minperiod)
        self._watch = Watch(tuple(self.p.triggers), warm_up) if self.p.triggers else None
        self._triggered: TriggeredSink | None = None
        self._writer = self._begin()
        self._listen()
        on_error(strategy.cerebro, self._failed)

    def _begin(self) -> RecordingWriter:
        strategy = self.strategy
        environment = {
            **environment_of(strategy, list(self._symbols.values())),
            "versions": versions(),
            "analyzer": self._own_name(),
            **(self.p.environment or {}),
            **({"signals_only": True} if self.p.signals_only else {}),
        }
        given = self.p.parameters
        session = new_session(
            recording_id=self.p.recording_id,
            session_id=self.p.session_id or str(uuid4()),
            instance_id=self.p.instance_id,
            strategy_name=self.p.strategy_name or type(strategy).__name__,
            parameters=parameters_of(strategy) if given is None else given,
            symbols=self._source.symbols,
            strategy_path=f"{type(strategy).__module__}:{type(strategy).__qualname__}",
            environment=environment,
            trigger=[t.to_json() for t in self.p.triggers] or None,
        )
        sink: Sink | None = self.p.sink
        if sink is None:
            if self.p.database is None:
                raise EngineError("RecordingAnalyzer needs database=, a path or URL to record into")
            self._own_store = not isinstance(self.p.database, RecordingStore)
            self._store = store_of(self.p.database)
            sink = StoreSink(self._store, session.recording_id)
        if self._watch:
            sink = self._triggered = TriggeredSink(sink, self._watch)
        return RecordingWriter(
            sink,
            session,
            keep_bars=not self.p.signals_only,
            flush_bars=self.p.flush_bars,
            flush_seconds=0 if self.p.sink is not None else self.p.flush_seconds,
            commit_seconds=self.p.commit_seconds,
        )

    def _own_name(self) -> str | None:
        """The name under which the strategy finds this analyzer."""
        found = (name for name, one in self.strategy.analyzers.getitems() if one is self)
        return next(found, None)

    def _listen(self) -> None:
        stream = getattr(self.strategy.broker, "stream", None)
        if isinstance(stream, ExecutionStream):
            StreamNotes(self._heard.append, self._source.index).subscribe(stream)
        else:
            self._orders = OrderNotes(self._heard.append, self._symbols.__getitem__)

    @property
    def recording_id(self) -> str:
        """The recording's id."""
        return self._writer.recording_id

    # -------------------------------------------------------------------- what a strategy says

    def signal(
        self,
        data: Any,
        signal_type: str,
        *,
        entry_price: float | None = None,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        indicators: Mapping[str, object] | None = None,
        strength: float | None = None,
        reasoning: str | None = None,
        ignored: str | None = None,
    ) -> None:
        """A strategy says that its entry rule holds, or why it is not acted on."""
        at_ns, symbol = ns_of_line(data.datetime[0]), self._symbols[data]
        content = {
            "signal_type": signal_type,
            "entry_price": data.close[0] if entry_price is None else entry_price,
            "stop_loss": stop_loss,
            "take_profit": take_profit,
            "signal_strength": strength,
            "reasoning": reasoning,
            "acted": ignored is None,
        }
        decision = {"indicators": dict(indicators or {})}
        self._heard.append(Heard(OTHER, records.SIGNAL_DETECTED, symbol, content, at_ns, decision))
        if ignored is not None:
            why = {"signal_type": signal_type, "reason": ignored}
            self._heard.append(Heard(OTHER, records.SIGNAL_IGNORED, symbol, why, at_ns))

    # ------------------------------------------------------------------------- what is heard

    def notify_order(self, order: Any) -> None:
        if self._orders is not None:
            self._orders.order(order)

    def notify_trade(self, trade: Any) -> None:
        if self._orders is not None:
            self._orders.trade(trade)

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        """A bar is over: it is written first, then what happened on it."""
        if not self._writer.active:
            return
        self._source.take(self._writer)
        value = self._account_value()
        self._peak = max(self._peak, value)
        if self._watch:
            for one in self._heard:
                self._watch.heard(one.event_type, one.data)
        self._write_heard(value)
        if self._watch and self._watch.waits:
            self._writer.flush()  # what came before is not recorded, but for the pre-roll
        self._look(value)

    def _write_heard(self, value: float) -> None:
        if not self._heard or not self._writer.active:
            return
        heard, market = in_order(self._heard), self._market_state(value)
        self._heard.clear()
        for one in heard:
            self._writer.event(
                one.event_type,
                symbol=one.symbol,
                data=one.data,
                decision=one.decision,
                market=market,
                ts_ns=one.ts_ns,
                commit=False,
            )
        self._writer.flush_soon()

    def _market_state(self, value: float) -> dict[str, Any]:
        strategy = self.strategy
        return {
            "cash": strategy.broker.getcash(),
            "value": value,
            "drawdown_pct": 100.0 * (1 - value / self._peak) if self._peak > 0 else None,
            "open_positions": self._source.open_positions(),
            "close": self._source.closes(),
        }

    def _look(self, value: float) -> None:
        """Ask the triggers about this bar."""
        if not self._watch:
            return
        account = Account(
            value=value,
            now_ns=self._writer.now_ns or 0,
            busy=self._is_busy(),
            closes=self._source.closes(),
            ranges=self._source.ranges(),
        )
        waited = self._watch.waits
        firings = self._watch.look(account)
        if waited and not self._watch.waits:
            self._writer.forget_trades()
        for firing in firings:
            self._fired(firing, waited)

    def _is_busy(self) -> bool:
        """Whether a position, or an order, is open."""
        broker = self.strategy.broker
        waiting = getattr(broker, "pending", None) or getattr(broker, "submitted", None)
        return bool(self._source.open_positions() or waiting)

    def _fired(self, firing: Firing, waited: bool) -> None:
        """Write that a trigger fired, and do what it asks for."""
        assert self._watch
        self._writer.event(records.TRIGGER_FIRED, data=firing.data)
        if firing.trigger.action == "start" and waited and self._watch.busy:
            held = {"open_positions": self._source.positions()}
            self._writer.event(records.STATE_SNAPSHOT, data=held)
        elif firing.trigger.action == "stop":
            self._end("completed")

    # ------------------------------------------------------------------------------ the end

    def stop(self) -> None:
        if not self._writer.active:
            return
        self._source.take(self._writer)
        self._write_heard(self._account_value())
        self._end("completed")

    def _end(self, status: str) -> None:
        tags = ",".join(checked_tags(self.p.tags)) or None
        self._close(status, self.p.description, tags)

    def _failed(self, error: BaseException) -> None:
        """The run ended with an exception."""
        if not self._writer.active:
            return
        for firing in self._watch.failed(error) if self._watch else ():
            self._writer.event(records.TRIGGER_FIRED, data=firing.data, commit=False)
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        self._close("failed", f"Recording failed: {text}", None)

    def _close(self, status: str, description: str | None, tags: str | None) -> None:
        """Write the end of the recording, or take it back when no trigger wanted it."""
        if not self._writer.active:
            return
        if self.kept:
            self._writer.end(status, description=description, tags=tags)
        else:
            self._writer.abandon()
            if self._store is not None and (self._triggered is None or self._triggered.begun):
                self._store.discard(self.recording_id)
        self._release()

    @property
    def kept(self) -> bool:
        """Whether the recording stays: without triggers always."""
        return self._watch is None or self._watch.keeps

    def _release(self) -> None:
        if self._own_store and self._store is not None:
            self._store.close()

    def get_analysis(self) -> dict[str, Any]:
        """recording_id, bars and events; kept: False when no trigger wanted it."""
        return {
            "recording_id": self.recording_id,
            "kept": self.kept,
            "bars": self._writer.bars,
            "events": self._writer.events,
        }


def _value_of(broker: Any) -> Callable[[], float]:
    """What the account is worth: of a broker that may skip bars, by its closed trades."""
    closed = getattr(broker, "closed_balance", None)
    skips = hasattr(broker, "margin_used")
    found: Callable[[], float] = closed if skips and closed is not None else broker.getvalue
    return found
