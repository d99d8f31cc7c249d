"""Recordings for tests, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bt_gex.recordings.records import BarValues, RecordedBar, RecordedEvent
from bt_gex.recordings.session_recorder import SessionRecorder

T0 = datetime(2025, 11, 10, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def recorder(database: object, **options: Any) -> SessionRecorder:
    """A recorder whose background thread does not get in the way."""
    given = {"flush_seconds": 0, "symbols": ["AAPL", "MSFT"], **options}
    return SessionRecorder(
        database,
        options.pop("trading_session_id", "session-1"),
        given.pop("instance_id", 1),
        given.pop("strategy_name", "Mean Reversion"),
        given.pop("parameters", {"rsi_threshold": 30, "bb_std": 2.5}),
        given.pop("symbols"),
        **given,
    )


def add_bar(to: SessionRecorder, minute: int, price: Any = 100.0, symbol: str = "AAPL") -> None:
    """One flat bar."""
    to.record_market_data(symbol, T0 + minute * MINUTE, price, price, price, price, 1000)


def add_trade(to: SessionRecorder, pnl: float, symbol: str = "AAPL") -> None:
    """A position, opened and closed at the newest bar."""
    to.record_position_opened(symbol, 100.0, 10, "LONG", 99.0, 101.0)
    price = 100 + pnl / 10
    to.record_position_closed(symbol, price, 10, "take_profit_hit", pnl, pnl / 10, 60)


def rows(found: Sequence[RecordedBar]) -> list[tuple[int, str, BarValues]]:
    return [(bar.sequence, bar.symbol, bar.values) for bar in found]


def kinds(found: Sequence[RecordedEvent]) -> list[str]:
    return [event.event_type for event in found]
