"""Rows of a .btrec file, each value of its type or refused; raises ValueError, KeyError."""

from __future__ import annotations

import base64
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

from bt_gex.recordings.option_rows import unpack_rows
from bt_gex.recordings.records import (
    BarValues,
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedReplay,
    RecordedSession,
    checked_symbol,
    checked_tags,
)
from bt_gex.recordings.values import ns_of
from bt_gex.trades.codec import Json

MOST_NUMBER = 2**63 - 1


def session_of(row: object) -> RecordedSession:
    """A recording's row; the machine it came from is not told."""
    values = _record(RecordedSession, row, ("process",))
    UUID(values["recording_id"])
    if values["status"] not in ("completed", "failed"):
        raise ValueError(f"status {values['status']!r:.30} is none of a recording that is over")
    symbols = [checked_symbol(symbol) for symbol in values["symbols"]]
    return RecordedSession(
        **{**values, "symbols": tuple(symbols), "tags": checked_tags(values["tags"])}
    )


def replay_of(row: object, recording_id: str) -> RecordedReplay:
    """A replay's row."""
    values = _record(RecordedReplay, row, ())
    UUID(values["replay_id"])
    if values["recording_id"] != recording_id:
        raise ValueError("a replay of another recording")
    return RecordedReplay(**values)


def bar_of(row: Mapping[str, object]) -> RecordedBar:
    """A bar."""
    numbers = BarValues(*(_number(row[name]) for name in BarValues._fields))
    indicators = None if row["indicators"] is None else _mapping(row["indicators"])
    return RecordedBar(
        _whole(row["sequence"]), checked_symbol(row["symbol"]), _ns(row["timestamp"]), numbers,
        indicators,
    )  # fmt: skip


def event_of(row: Mapping[str, object]) -> RecordedEvent:
    """An event."""
    kind, symbol, newest = row["event_type"], row["symbol"], row["bar_sequence"]
    if not isinstance(kind, str) or not 1 <= len(kind) <= 50:
        raise ValueError(f"event_type {kind!r:.60}")
    found = [None if row[n] is None else _mapping(row[n])
             for n in ("event_data", "decision_metadata", "market_state")]  # fmt: skip
    return RecordedEvent(
        _whole(row["sequence"]),
        kind,
        _ns(row["timestamp"]),
        _ns(row["wall_time"]),
        None if newest is None else _whole(newest),
        None if symbol is None else checked_symbol(symbol),
        found[0] or {},
        found[1],
        found[2],
    )


def option_of(row: Any) -> OptionRows:
    """Option rows of a bar; looked into, so that no replay stumbles over them."""
    found = OptionRows(_whole(row["sequence"]), base64.b64decode(row["blob"], validate=True))
    unpack_rows(found.blob)
    return found


def in_sequence(
    bars: Sequence[RecordedBar], events: Sequence[RecordedEvent], options: Sequence[OptionRows]
) -> None:
    """Raise ValueError unless sequences count from 0 without a hole and bars of a symbol ascend."""
    for name, rows in (("bars", bars), ("events", events)):
        if [row.sequence for row in rows] != list(range(len(rows))):
            raise ValueError(f"{name} are not numbered from 0 without a hole")
    newest: dict[str, int] = {}
    for bar in bars:
        if bar.ts_ns <= newest.get(bar.symbol, bar.ts_ns - 1):
            raise ValueError(f"bars of {bar.symbol} are not in order of time")
        newest[bar.symbol] = bar.ts_ns
    numbers = [one.sequence for one in options]
    if numbers != sorted(set(numbers)) or any(number >= len(bars) for number in numbers):
        raise ValueError("option rows without a bar")


def _record(kind: type, row: object, without: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a record, each of its type. Unknown keys are refused."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.name not in without]
    if not isinstance(row, dict) or set(row) - set(names):
        raise ValueError(f"a row of {kind.__name__} with other columns than it has")
    required = [
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    ]
    missing = [name for name in required if name not in row]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return {name: _typed(name, value, hints[name]) for name, value in row.items()}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text:.40} has no zone")
    return found


def _ns(text: object) -> int:
    if not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r:.40} is no time with a zone")
    return ns_of(text)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_NUMBER:
        raise ValueError(f"{value!r:.40} is no whole number from 0")
    return value


def _integer(value: int) -> int:
    """A difference of counts may be below 0."""
    if abs(value) > MOST_NUMBER:
        raise ValueError(f"{value!r:.40} is too large")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def _mapping(value: object) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.40} holds no values by name")
    return value


# What JSON has for a type, and how it is read.
KINDS: Mapping[object, tuple[type | types.UnionType, Callable[[Any], object]]] = {
    datetime: (str, _moment),
    int: (int, _integer),
    float: (int | float, _number),
    str: (str, str),
    list: (list, list),
    tuple: (list, tuple),
    Mapping: (dict, dict),
}


def _typed(name: str, value: object, hint: object) -> object:
    if name == "trigger":  # any JSON
        return value
    options = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if value is None and type(None) in options:
        return None
    for option in options:
        origin = get_origin(option) or option
        if origin is Literal and value in get_args(option):
            return value
        given, convert = KINDS.get(origin, (type(None), None))
        if convert is not None and isinstance(value, given) and not isinstance(value, bool):
            return convert(value)
    raise ValueError(f"{name} is {value!r:.60}")
