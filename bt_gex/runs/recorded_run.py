"""A recorded market, and a strategy run over it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import backtrader as bt

from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.brokers.bars import BarBroker
from bt_gex.errors import RecordingState
from bt_gex.feeds.recorded import feed_of
from bt_gex.recordings.columns import BarColumns, columns_by_symbol, market_sha256
from bt_gex.recordings.reader import RecordingReader
from bt_gex.recordings.records import OptionRows, RecordedBar, RecordedEvent, RecordedSession
from bt_gex.recordings.writer import MemorySink
from bt_gex.runs.collection import no_collection
from bt_gex.runs.replayable import Resolved

CASH = 100_000.0  # of a recording that does not say


@dataclass(frozen=True, slots=True, eq=False)
class RecordedMarket:
    """A recording as replays read it, once for all of them.

    columns   bars by symbol, in the order of the feeds they came from
    events    what happened in the session itself
    sha256    the identity of the bars
    options   rows of an option market, by the bar on which they were first seen
    start_ns  before it the strategy only warms up; None: from the first bar on
    """

    session: RecordedSession
    columns: Mapping[str, BarColumns]
    events: Sequence[RecordedEvent]
    sha256: str
    start_ns: int | None = None
    options: Sequence[OptionRows] = ()

    @property
    def incomplete(self) -> bool:
        """Whether it is not the whole session, or began in the middle of a trade."""
        return self.session.status != "completed" or bool(
            self.session.environment.get("incomplete")
        )


def load_market(
    store: RecordingReader, recording_id: str, *, allow_incomplete: bool = False
) -> RecordedMarket:
    """Read a recording. Raises NoRecording, and RecordingState where it cannot be replayed."""
    session = store.get(recording_id)
    usable = ("completed", "failed", "interrupted") if allow_incomplete else ("completed",)
    if session.status not in usable:
        may = "Only completed recordings can be replayed."
        if session.status != "recording":
            may = "Only completed recordings can be replayed, unless incomplete ones are allowed."
        raise RecordingState(f"Cannot replay recording with status {session.status!r}. {may}")
    if session.signals_only:
        raise RecordingState(
            f"recording {recording_id} holds signals only, no bars: it cannot be replayed"
        )
    bars = store.bars(recording_id)
    columns = columns_by_symbol(bars)
    order = [name for name in feeds_of(session) if name in columns]
    return RecordedMarket(
        session,
        {name: columns[name] for name in dict.fromkeys((*order, *columns))},
        store.events(recording_id),
        market_sha256(bars),
        _start_of(session, bars),
        store.option_rows(recording_id),
    )


def _start_of(session: RecordedSession, bars: Sequence[RecordedBar]) -> int | None:
    roll = session.environment.get("pre_roll")
    if not isinstance(roll, int) or not 0 < roll < len(bars):
        return None
    return bars[roll].ts_ns + 1  # after the bar on which the trigger fired


def feeds_of(session: RecordedSession) -> dict[str, Mapping[str, Any]]:
    """What is recorded of the feeds, by symbol, in their order."""
    feeds = session.environment.get("feeds")
    return {f["symbol"]: f for f in feeds if isinstance(f, dict)} if isinstance(feeds, list) else {}  # type: ignore[misc]


@dataclass(slots=True)
class Outcome:
    """What a strategy did on a recorded market. bars: with its indicators, where wanted."""

    events: list[RecordedEvent]
    bars: list[RecordedBar] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class BarSink(MemorySink):
    """Keeps bars, too."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[RecordedBar] = []

    def append(
        self,
        bars: Sequence[RecordedBar],
        events: Sequence[RecordedEvent],
        *rest: Any,
        **more: Any,
    ) -> None:
        self.bars += bars
        self.events += events


def run_recorded(
    market: RecordedMarket,
    resolved: Resolved,
    *,
    with_bars: bool = False,
    mode: Mapping[str, Any] | None = None,
) -> Outcome:
    """Run a strategy over a recording's bars, with its costs; deterministic.

    with_bars  tell the bars, too, with the indicators as they are now
    mode       of backtrader's Cerebro; the same result
    """
    if not market.columns:
        return Outcome([])
    facts, warnings = feeds_of(market.session), []
    environment = market.session.environment
    cerebro = bt.Cerebro(
        stdstats=False,
        cheat_on_open=bool(environment.get("cheat_on_open")),
        **{k: v for k, v in (mode or {}).items() if k != "stdstats"},
    )
    for symbol, columns in market.columns.items():
        fact = facts.get(symbol, {})
        cerebro.adddata(feed_of(columns, fact), name=symbol)
        if fact.get("zone"):
            warnings.append(f"{symbol} was shown in {fact['zone']}; the replay shows UTC")
    warnings += set_broker(cerebro, environment.get("broker"), resolved)
    warnings += set_sizer(cerebro, environment.get("sizer"))
    cerebro.addstrategy(resolved.strategy, **resolved.arguments)
    sink = BarSink() if with_bars else MemorySink()
    cerebro.addanalyzer(
        RecordingAnalyzer,
        sink=sink,
        signals_only=not with_bars,
        _name=environment.get("analyzer") or "recorder",
    )
    with no_collection():
        cerebro.run()
    events = sink.events
    if market.start_ns is not None:
        events = [event for event in events if event.ts_ns >= market.start_ns]
    return Outcome(events, sink.bars if isinstance(sink, BarSink) else [], warnings)


def set_broker(cerebro: bt.Cerebro, recorded: object, resolved: Resolved) -> list[str]:
    """Give a Cerebro the broker and costs of a recording; warnings where they differ."""
    facts: Mapping[str, Any] = recorded if isinstance(recorded, Mapping) else {}
    cash = float(facts.get("cash", CASH))
    if resolved.fills_by_rules:
        cerebro.setbroker(BarBroker(cash=cash))
        return []
    broker = cerebro.broker
    broker.setcash(cash)
    if facts.get("class") != "BackBroker":
        return []
    warnings = []
    for name, value in facts.items():
        if name in broker.params._getkeys() and name not in ("cash", "filler", "commission"):
            setattr(broker.p, name, value)
    if facts.get("filler"):
        warnings.append(f"the filler {facts['filler']} is not restored: orders fill whole")
    for scheme in facts.get("commissions", ()):
        kind = COMMISSIONS.get(scheme["class"])
        if kind is None:
            warnings.append(f"commissions of {scheme['class']} are computed as CommInfoBase does")
        made = (kind or bt.CommInfoBase)(**_known(kind or bt.CommInfoBase, scheme["params"]))
        broker.addcommissioninfo(made, name=scheme["symbol"])
    return warnings


COMMISSIONS: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        bt.CommInfoBase,
        bt.CommissionInfo,
        bt.commissions.CommInfo_Stocks_Perc,
        bt.commissions.CommInfo_Stocks_Fixed,
        bt.commissions.CommInfo_Futures_Perc,
        bt.commissions.CommInfo_Futures_Fixed,
    )
}


def set_sizer(cerebro: bt.Cerebro, recorded: object) -> list[str]:
    """Give a Cerebro the sizer of a recording, where it is one of backtrader's."""
    if not isinstance(recorded, Mapping):
        return []
    kind = getattr(bt.sizers, str(recorded.get("class")), None)
    if not (isinstance(kind, type) and issubclass(kind, bt.Sizer)):
        return [f"the sizer {recorded.get('class')} is not restored: one unit an order"]
    cerebro.addsizer(kind, **_known(kind, recorded.get("params") or {}))
    return []


def _known(kind: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name in kind.params._getkeys()}
