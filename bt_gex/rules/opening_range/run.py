"""All bars of one symbol through the rules, without an engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.machine import OpeningRangeMachine
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.records import (
    Event,
    RangeTrade,
    SessionEnded,
    SessionRecord,
    TradeClosed,
)
from bt_gex.rules.opening_range.session import in_order


class SymbolRun(NamedTuple):
    """Trades in order of exit, sessions in order of date."""

    trades: list[RangeTrade]
    sessions: list[SessionRecord]


def run_symbol(
    bars: Iterable[Bar],
    daily: Iterable[Bar],
    params: OpeningRangeParams,
    *,
    check_window: bool = False,
) -> SymbolRun:
    """What the rules do with these bars, in any order; of equal stamps the first counts."""
    return outcome(run_events(bars, daily, params, check_window=check_window))


def run_events(
    bars: Iterable[Bar],
    daily: Iterable[Bar],
    params: OpeningRangeParams,
    *,
    check_window: bool = False,
) -> list[Event]:
    """All events of these bars."""
    machine = OpeningRangeMachine(params, daily, check_window=check_window)
    events: list[Event] = []
    for bar in in_order(bars):
        events += machine.step(bar)
    return events + machine.finish()


def outcome(events: Iterable[Event]) -> SymbolRun:
    """The trades and sessions among events."""
    run = SymbolRun([], [])
    for event in events:
        if isinstance(event, TradeClosed):
            run.trades.append(event.trade)
        elif isinstance(event, SessionEnded):
            run.sessions.append(event.session)
    return run
