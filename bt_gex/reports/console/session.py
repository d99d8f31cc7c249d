"""A paper session in words: what is done while it runs, how it stands, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bt_gex.market.calendar import new_york
from bt_gex.reports.console.report import print_report
from bt_gex.reports.words import count, gain

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.live.parity import Parity
    from bt_gex.live.report import OrderRecord, SessionReport
    from bt_gex.results.result import RunResult
    from bt_gex.trades.events import Event


def print_session(
    report: SessionReport,
    result: RunResult,
    findings: Sequence[Finding],
    score: Parity | None,
    console: Console,
) -> None:
    """The report of its run, then what only a session has."""
    print_report(result, console, findings)
    console.print(f"\nPaper session {report.session_id}: {report.status}")
    if report.halted:
        console.print(f"halted, it opened nothing more: {report.halted}")
    if report.open:
        console.print(f"open: {', '.join(report.open)}")
    _print_orders(report.orders, console)
    for reason, times in report.policy_refusals.items():
        console.print(f"policy refused {count(times, 'order')}: {reason}")
    for line in health_lines(report):
        console.print(line)
    if score:
        for line in parity_lines(score):
            console.print(line)


def _print_orders(orders: Sequence[OrderRecord], console: Console) -> None:
    if not orders:
        return
    table = Table(box=SIMPLE_HEAD, title="Orders", title_justify="left")
    for name in ("time ET", "order", "spread", "qty", "price", "status"):
        table.add_column(name)
    for order in orders:
        price = "" if order.price is None else f"{order.price:.2f}"
        said = order.status if order.status == "filled" else f"{order.status}: {order.reason}"
        when = order.at.astimezone(new_york(0).tzinfo)
        table.add_row(
            f"{when:%H:%M:%S}", order.action, order.symbol, str(order.quantity), price, said
        )
    console.print(table)


def health_lines(report: SessionReport) -> Iterable[str]:
    """How well the session was served."""
    health = report.health
    yield (
        f"data: {health.read} of {count(health.bars, 'bar')} decided, {health.missed} missed, "
        f"{health.absent} without the session, {count(health.late_rows, 'late row')}, "
        f"{count(health.faults, 'failed reading')}"
    )


def parity_lines(score: Parity) -> Iterable[str]:
    """Whether the session is what it recorded, and where it differs from its database."""
    trades = count(score.trades, "trade")
    if not score.identical:
        yield f"{trades}, NOT what the recording gives: {score.first_difference}"
    elif not score.differences:
        yield f"{trades}, identical to the replay to the cent"
    else:
        yield f"{trades}, identical to the replay of what was seen to the cent"
    if score.differences:
        total = gain(score.sum_dollars)
        yield f"against a replay of the whole database: {total}, all of it named"
        for one in score.differences:
            yield f"  {one.order_id}  {one.cause.value}  {gain(one.dollars)}"


def event_line(event: Event) -> str | None:
    """A line for what a person wants to see go by; None for the rest."""
    from bt_gex.trades.events import OrderRefused, SpreadClosed, SpreadOpened, SpreadSettled
    from bt_gex.trades.records import Decision

    match event:
        case SpreadOpened():
            said = f"ENTRY {event.instrument.name} {event.quantity} at {event.credit:.2f}"
        case SpreadClosed():
            said = f"EXIT  {event.instrument.name} at {event.value:.2f}, {event.reason}, "
            said += gain(event.pnl_dollars)
        case SpreadSettled():
            made = "unresolved" if event.pnl_dollars is None else gain(event.pnl_dollars)
            said = f"EXIT  {event.instrument.name} settled, {made}"
        case OrderRefused():
            said = f"REFUSED {event.side} {event.instrument.name}: {event.reason}"
        case Decision() if event.outcome == "skip":
            return f"{event.time_et}:00 ET  SKIP  {event.reason}"
        case _:
            return None
    return f"{new_york(event.at_ns):%H:%M:%S} ET  {said}"


def status_lines(rows: Iterable[Mapping[str, object]]) -> Iterable[str]:
    """A line a session."""
    for row in rows:
        line = f"{row['session_id']}  {row['status']}  {row['read']} of {row['bars']} bars"
        line += f"  {row['open_spreads']} open  equity {row['equity']:,.2f}"
        yield f"{line}  HALTED: {row['halted']}" if row["halted"] else line
