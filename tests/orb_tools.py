"""Bars, settings and recorded answers for the tests of the opening-range rules."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.rules.opening_range.records import RangeTrade, SessionRecord
from bt_gex.rules.opening_range.session import MINUTE_NS

SHARED = Path(__file__).resolve().parents[2] / "shared"
DECIMALS = 6
# Range of the worked scenarios: high 100.5, low 100.0, triggers 100.52 and 99.98
WINDOW = [(100.2, 100.5, 100.0, 100.2)] * 5
Q = (100.3, 100.45, 100.2, 100.4)
E = (100.4, 100.6, 100.35, 100.55)
FIVE_MINUTES: dict[str, Any] = {
    "orb": {"base_minutes": 5, "adaptive": False, "enable_validity_filter": False},
    "scoring": {"enabled": False},
    "governance": {"time_cutoff": None},
}
OPEN = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)


def shared(*parts: str) -> Path:
    """A file of the recorded data and answers, which are not part of the project."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not beside the project")
    return path


@cache
def recorded(name: str) -> Any:
    return json.loads(shared("golden", name).read_text("utf-8"))


def merged(*tables: dict[str, Any]) -> dict[str, Any]:
    """Later tables over earlier ones, section by section."""
    result: dict[str, Any] = {}
    for table in tables:
        for name, value in table.items():
            if isinstance(value, dict) and isinstance(result.get(name), dict):
                result[name] = merged(result[name], value)
            else:
                result[name] = value
    return result


def minutes(
    rows: Sequence[Sequence[float] | None],
    start: datetime = OPEN,
    volumes: Sequence[float] | None = None,
) -> list[Bar]:
    """Bars minute by minute from (open, high, low, close); None is a missing minute."""
    first = instant_ns(start)
    return [
        Bar(first + n * MINUTE_NS, *row, volumes[n] if volumes else 1000.0)  # type: ignore[misc]
        for n, row in enumerate(rows)
        if row is not None
    ]


@cache
def real_bars(symbol: str) -> tuple[Bar, ...]:
    path = shared("data", "bars", "minute", f"{symbol}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Bar(
                instant_ns(datetime.fromisoformat(row["timestamp_utc"])),
                *(float(row[name]) for name in ("open", "high", "low", "close", "volume")),
            )
            for row in csv.DictReader(file)
        )


def daily_bar(day: date, open_: float, high: float, low: float, close: float) -> Bar:
    """Stamped with midnight UTC of its date."""
    return Bar(at("00:00", day), open_, high, low, close, 1000.0)


@cache
def real_daily(symbol: str) -> tuple[Bar, ...]:
    path = SHARED / "data" / "bars" / "daily" / f"{symbol}.csv"
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            daily_bar(
                date.fromisoformat(row["date"]),
                *(float(row[name]) for name in ("open", "high", "low", "close")),
            )
            for row in csv.DictReader(file)
        )


def stamp(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%dT%H:%M:%SZ}"


def rounded(value: Any) -> Any:
    """Floats to 6 decimals, tuples as lists, as in the recorded answers."""
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def trade_row(trade: RangeTrade) -> dict[str, Any]:
    """A trade as the recorded answers have it."""
    return rounded(
        {
            "trade_id": f"{trade.side.upper()}_{utc(trade.entry_ns):%Y%m%d_%H%M%S}",
            "direction": trade.side,
            "gap_entry": trade.gap_entry,
            "entry_timestamp": stamp(trade.entry_ns),
            "entry_price": trade.entry_price,
            "initial_stop": trade.stop,
            "risk": trade.risk,
            "targets": trade.targets,
            "fills": [(stamp(f.ts_ns), f.price, f.fraction, f.reason) for f in trade.fills],
            "exit_timestamp": stamp(trade.exit_ns),
            "exit_price": trade.exit_price,
            "exit_reason": trade.exit_reason,
            "realized_r": trade.realized_r,
            "pnl": trade.pnl_dollars,
            "mfe_r": trade.mfe_r,
            "mae_r": trade.mae_r,
            "score": trade.score,
            "required": trade.required,
            "factors": trade.factors,
        }
    )


def session_row(session: SessionRecord) -> dict[str, Any]:
    """A session as the recorded answers have it."""
    return rounded(
        {
            "date": session.day.isoformat(),
            "or_minutes": session.or_minutes,
            "norm_vol": session.norm_vol,
            "atr": session.atr,
            "or_high": session.or_high,
            "or_low": session.or_low,
            "triggers": session.triggers,
            "reason": session.reason,
            "breaks": session.breaks,
            "signals": session.signals,
            "day_r": session.day_r,
            "lockout": session.lockout,
        }
    )


def at(clock: str, day: date = date(2024, 1, 3)) -> int:
    """Nanoseconds of a time UTC."""
    return instant_ns(datetime.combine(day, time.fromisoformat(clock), tzinfo=UTC))
