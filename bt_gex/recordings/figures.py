"""Positions, figures and comparisons, from the events of a recording or a replay alone; pure."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from statistics import fmean, pstdev
from typing import Any, TypeVar

from bt_gex.recordings.records import (
    POSITION_CLOSED,
    POSITION_OPENED,
    SIGNAL_DETECTED,
    RecordedEvent,
    Totals,
)
from bt_gex.recordings.values import iso, ns_of
from bt_gex.trades.codec import Json

TOLERANCE = 1e-9  # up to which two figures are equal
COUNTED = ("original_trades", "original_pnl", "original_win_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A closed position. pnl in dollars, pnl_pct in percent, times in ISO 8601."""

    symbol: str | None
    direction: str | None
    quantity: float | None
    entry_price: float | None
    stop_loss: float | None
    take_profit: float | None
    entry_time: str | None
    exit_price: float | None
    exit_time: str
    exit_reason: str | None
    pnl: float
    pnl_pct: float | None
    duration_seconds: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        """By what it is the same position in two runs."""
        return (self.symbol or "", self.direction or "", _instant(self.entry_time))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run comes to.

    win_rate      percent; 0 without trades
    max_drawdown  largest fall of the summed P&L from its peak, which starts at 0; dollars
    sharpe_ratio  mean over population deviation of the trades' P&L; 0 where there is none
    """

    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float
    total_pnl: float
    max_drawdown: float
    sharpe_ratio: float


def positions_of(events: Iterable[RecordedEvent]) -> list[Position]:
    """Closed positions in order of exit; those of one instant as they happened.

    An exit belongs to the oldest open entry of its symbol and, where they have one, position_id.
    """
    opened: dict[object, deque[RecordedEvent]] = defaultdict(deque)
    found: list[tuple[int, Position]] = []
    for event in events:
        key = event.symbol, event.data.get("position_id")
        if event.event_type == POSITION_OPENED:
            opened[key].append(event)
        elif event.event_type == POSITION_CLOSED:
            entry = opened[key].popleft() if opened[key] else None
            found.append((event.ts_ns, _position(entry, event)))
    return [position for _, position in sorted(found, key=lambda pair: pair[0])]


def _position(entry: RecordedEvent | None, leave: RecordedEvent) -> Position:
    begun: Mapping[str, Any] = entry.data if entry else {}
    ended: Mapping[str, Any] = leave.data
    return Position(
        symbol=leave.symbol,
        direction=begun.get("direction"),
        quantity=ended.get("quantity", begun.get("quantity")),
        entry_price=ended.get("entry_price", begun.get("entry_price")),
        stop_loss=begun.get("stop_loss"),
        take_profit=begun.get("take_profit"),
        entry_time=iso(entry.ts_ns) if entry else None,
        exit_price=ended.get("exit_price"),
        exit_time=iso(leave.ts_ns),
        exit_reason=ended.get("exit_reason"),
        pnl=float(ended.get("pnl") or 0.0),
        pnl_pct=ended.get("pnl_pct"),
        duration_seconds=ended.get("duration_seconds"),
    )


def positions_of_json(events: Iterable[Any]) -> list[dict[str, Json]]:
    """Positions of events in the form in which a replay stores them."""
    rows = [
        RecordedEvent(
            number, one["event_type"], ns_of(one["timestamp"]), 0, None, one["symbol"],
            one["event_data"], None, None,
        )
        for number, one in enumerate(events)
        if one["event_type"] in (POSITION_OPENED, POSITION_CLOSED)
    ]  # fmt: skip
    return [asdict(position) for position in positions_of(rows)]


def figures_of(pnls: Sequence[float]) -> Figures:
    """Figures of trades in order of exit, dollars."""
    wins, losses = sum(pnl > 0 for pnl in pnls), sum(pnl < 0 for pnl in pnls)
    total = peak = fall = 0.0
    for pnl in pnls:
        total += pnl
        peak = max(peak, total)
        fall = max(fall, peak - total)
    deviation = pstdev(pnls) if len(pnls) > 1 else 0.0
    return Figures(
        total_trades=len(pnls),
        winning_trades=wins,
        losing_trades=losses,
        win_rate=100.0 * wins / len(pnls) if pnls else 0.0,
        total_pnl=total,
        max_drawdown=fall,
        sharpe_ratio=fmean(pnls) / deviation if deviation > TOLERANCE else 0.0,
    )


def totals_of(events: Iterable[RecordedEvent]) -> Totals:
    """The original_* columns, from the closed positions among the events."""
    found = figures_of([position.pnl for position in positions_of(events)])
    return Totals(found.total_trades, found.total_pnl, found.win_rate)


def compare(
    original: Sequence[RecordedEvent], replay: Sequence[RecordedEvent], totals: Totals | None = None
) -> dict[str, Json]:
    """What differs between a recording and a replay of it.

    totals  the recording's own, where they are not to be computed from its events
    """
    before, after = positions_of(original), positions_of(replay)
    old = totals or totals_of(original)
    new = totals_of(replay)
    signals = [[e for e in side if e.event_type == SIGNAL_DETECTED] for side in (original, replay)]
    return {
        "original_trades": old.trades,
        "replay_trades": new.trades,
        "trades_diff": new.trades - old.trades,
        "original_pnl": old.pnl,
        "replay_pnl": new.pnl,
        "pnl_diff": new.pnl - old.pnl,
        "original_win_rate": old.win_rate,
        "replay_win_rate": new.win_rate,
        "win_rate_diff": new.win_rate - old.win_rate,
        "original_signals": len(signals[0]),
        "replay_signals": len(signals[1]),
        "trades": trade_states(before, after),
        "signals": signal_states(*signals),
        "first_difference": first_difference(original, replay),
    }


def trade_states(before: Sequence[Position], after: Sequence[Position]) -> list[Json]:
    """Each trade of two runs: same, changed (with the fields), only_original or only_replay."""
    rows: list[Json] = []
    for old, new in paired(before, after, lambda position: position.key):
        one = old or new
        assert one
        changed = _changed(asdict(old), asdict(new)) if old and new else []
        rows.append(
            {
                "symbol": one.symbol,
                "entry_time": one.entry_time,
                "direction": one.direction,
                "state": _state(old, new, changed),
                "changed": list(changed),
                "original": asdict(old) if old else None,
                "replay": asdict(new) if new else None,
            }
        )
    return rows


def signal_states(before: Sequence[RecordedEvent], after: Sequence[RecordedEvent]) -> list[Json]:
    """Each signal of two runs, in the same way; by symbol, kind and time."""

    def key(event: RecordedEvent) -> tuple[str, str, int]:
        return event.symbol or "", str(event.data.get("signal_type")), event.ts_ns

    rows: list[Json] = []
    for old, new in paired(before, after, key):
        one = old or new
        assert one
        changed = _changed(old.data, new.data) if old and new else []
        rows.append(
            {
                "symbol": one.symbol,
                "time": iso(one.ts_ns),
                "signal_type": one.data.get("signal_type"),
                "state": _state(old, new, changed),
                "changed": list(changed),
            }
        )
    return rows


def _state(old: object, new: object, changed: Sequence[str]) -> str:
    if old is None:
        return "only_replay"
    if new is None:
        return "only_original"
    return "changed" if changed else "same"


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    names = dict.fromkeys((*old, *new))
    return [name for name in names if not equal(old.get(name), new.get(name))]


def equal(left: object, right: object) -> bool:
    """Whether two plain values are equal, numbers up to TOLERANCE (relative for large ones)."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=TOLERANCE)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return left == right


T = TypeVar("T")


def paired(
    before: Sequence[T], after: Sequence[T], key: Callable[[T], Hashable]
) -> list[tuple[T | None, T | None]]:
    """Items of two runs with the same key beside each other, in the order of the first run and
    then of what only the second one has; several of one key pair in their order."""
    waiting: dict[Hashable, deque[T]] = defaultdict(deque)
    for item in after:
        waiting[key(item)].append(item)
    rows: list[tuple[T | None, T | None]] = []
    for item in before:
        others = waiting.get(key(item))
        rows.append((item, others.popleft() if others else None))
    taken = {id(new) for _, new in rows if new is not None}
    return [*rows, *((None, item) for item in after if id(item) not in taken)]


def first_difference(before: Sequence[RecordedEvent], after: Sequence[RecordedEvent]) -> str | None:
    """The time of the earliest event that is not the same in both; None: they are identical."""
    ours, theirs = compared(before), compared(after)
    for old, new in zip(ours, theirs, strict=False):
        if not (old[:3] == new[:3] and equal(old[3], new[3])):
            return iso(min(old[0], new[0]))
    longer = ours if len(ours) > len(theirs) else theirs
    shorter = min(len(ours), len(theirs))
    return iso(longer[shorter][0]) if len(longer) > shorter else None


Compared = tuple[int, str, str | None, dict[str, Json]]
IDS = frozenset({"order_id"})
OWN = frozenset({"RECORDING_STARTED", "TRIGGER_FIRED", "BAR_CORRECTED", "ERROR", "STATE_SNAPSHOT"})


def compared(events: Iterable[RecordedEvent]) -> list[Compared]:
    """Events of the strategy as two runs are compared by them: without ids and wall clock."""
    rows: list[Compared] = []
    for event in events:
        if event.event_type in OWN:
            continue
        data: dict[str, Json] = {k: v for k, v in event.data.items() if k not in IDS}
        content: dict[str, Json] = {
            "data": data,
            "decision": event.decision,
            "market": event.market,
        }
        rows.append((event.ts_ns, event.event_type, event.symbol, content))
    return rows


def position_fields() -> tuple[str, ...]:
    """Names of what is told of a position."""
    return tuple(field.name for field in fields(Position))


def _instant(text: str | None) -> str:
    """Times of one instant in one spelling."""
    return datetime.fromisoformat(text).isoformat() if text else ""
