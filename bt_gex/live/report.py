"""What is said of a session beyond what is said of a run: its orders, refusals and data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bt_gex.ledger.events import Event, IntentEmitted, IntentRejected, OrderRejected, SpreadFilled
from bt_gex.live.parity import Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order as the journal has it.

    at        instant of its bar
    action    open_spread, close_spread, settle or void
    status    filled or rejected
    price     points: the credit of an opening, the cost of a close; None when rejected
    fees      dollars of this side
    reason    why it was closed, or rejected
    """

    at: datetime
    order_id: str
    position_id: str
    action: str
    symbol: str
    quantity: int
    status: str
    price: float | None
    fees: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataHealth:
    """How well a session was served.

    bars      of the session so far; read: those decided on
    missed    bars whose reading would have begun after the next one
    absent    bars on which the session was not there
    faults    bars on which the database could not be read
    late_rows rows that came after their bar
    rows      recorded rows by table
    """

    bars: int
    read: int
    missed: int
    absent: int
    faults: int
    late_rows: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """A session's report besides that of its run.

    status  running, stopped or finished
    open    ids of the spreads that are open
    """

    session_id: str
    status: str
    halted: str | None
    workspace: str
    opening_balance: float
    orders: tuple[OrderRecord, ...]
    policy_refusals: Mapping[str, int]
    health: DataHealth
    open: tuple[str, ...]


def session_report(recorded: Recorded, values: Mapping[str, Any], running: bool) -> SessionReport:
    """The report of a session from what is kept of it."""
    orders = tuple(orders_of(recorded))
    refused = Counter(
        event.body.reason.lower()
        for event in _own_events(recorded)
        if isinstance(event.body, IntentRejected)
    )
    return SessionReport(
        session_id=recorded.facts.session_id,
        status="running" if running else str(values.get("status", "stopped")),
        halted=values.get("halted"),
        workspace=str(recorded.facts.workspace),
        opening_balance=recorded.facts.opening_balance,
        orders=orders,
        policy_refusals=dict(refused),
        health=health_of(recorded),
        open=tuple(_open(orders)),
    )


def orders_of(recorded: Recorded) -> Iterable[OrderRecord]:
    """Every order of the session in the order of the journal."""
    emitted: dict[object, IntentEmitted] = {}
    for event in _own_events(recorded):
        body = event.body
        if isinstance(body, IntentEmitted):
            emitted[event.intent_id] = body
        elif isinstance(body, SpreadFilled):
            intent = emitted.get(event.intent_id)
            action = intent.intent.action.value if intent else _settled_as(body)
            yield OrderRecord(
                at=event.at, order_id=body.order_id, position_id=body.position_id, action=action,
                symbol=body.contract.label, quantity=body.qty, status="filled",
                price=abs(body.net), fees=body.fees,
                reason=(intent.intent.reason or "") if intent else "",
            )  # fmt: skip
        elif isinstance(body, (IntentRejected, OrderRejected)) and event.intent_id in emitted:
            wish = emitted[event.intent_id].intent
            yield OrderRecord(
                at=event.at, order_id="", position_id=wish.position_id or "",
                action=wish.action.value, symbol=event.symbol or wish.symbol,
                quantity=int(wish.quantity or 0), status="rejected", price=None, fees=0.0,
                reason=(
                    f"policy: {body.reason.lower()}"
                    if isinstance(body, IntentRejected)
                    else body.error
                ),
            )  # fmt: skip


def _own_events(recorded: Recorded) -> Iterable[Event]:
    opened: set[str | None] = set()
    for event in recorded.events:
        if event.correlation_id == recorded.facts.session_id:
            opened.add(event.position_id)
            yield event
        elif event.correlation_id in opened and event.correlation_id is not None:
            yield event


def _settled_as(fill: SpreadFilled) -> str:
    return "void" if fill.kind == "void" else "settle"


def _open(orders: Iterable[OrderRecord]) -> list[str]:
    found: dict[str, None] = {}
    for order in orders:
        if order.status == "filled" and order.action == "open_spread":
            found[order.position_id] = None
        elif order.status == "filled":
            found.pop(order.position_id, None)
    return list(found)


def health_of(recorded: Recorded) -> DataHealth:
    """How well the session was served, as far as it has come."""
    bars = recorded.bars
    rows = Counter(row.table for seen in recorded.rows.values() for row in seen)
    last = bars[-1].row if bars else -1
    missed = sum(1 for bar in bars if bar.missed)
    return DataHealth(
        bars=min(last + 1, recorded.session.bars),
        read=sum(1 for bar in bars if not bar.missed and bar.row < recorded.session.bars),
        missed=missed,
        absent=last + 1 - len(bars),
        faults=sum(1 for bar in bars if bar.fault),
        late_rows=recorded.late,
        rows=dict(sorted(rows.items())),
    )
