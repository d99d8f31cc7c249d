"""Events of a journal, and whether they hold, as lines for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bt_gex.journal.records import Record
from bt_gex.journal.verify import Verification
from bt_gex.reports.words import count, dollars

LISTED = 5  # differences named of a workspace
PREVIEW = 60  # characters of a payload


def verification_lines(found: Verification) -> Iterator[str]:
    """What was found in a workspace: one line when it holds."""
    outcome = found.outcome
    events = count(found.last_seq, "event")
    if found.ok:
        yield (
            f"ok      {found.workspace_id}: {events}, "
            f"{count(outcome.orders_rebuilt, 'order')} rebuilt, "
            f"cash {dollars(float(outcome.cash_after))}, "
            f"realised {dollars(float(outcome.realized_pnl_after))}"
        )
    else:
        yield f"DAMAGED {found.workspace_id}: holds up to event {found.last_seq}"
    faults = [found.fault] if found.fault else []
    faults += [*outcome.errors, *outcome.differences]
    for fault in faults[:LISTED]:
        yield f"        {fault}"
    if len(faults) > LISTED:
        yield f"        and {len(faults) - LISTED} more"
    if found.clock_steps:
        steps = count(found.clock_steps, "event")
        yield f"        {steps} stamped before the one ahead; order is that of the numbers"


def print_records(records: Sequence[Record], console: Console) -> None:
    """A table of events, in their order."""
    table = Table(box=SIMPLE_HEAD)
    for name in ("workspace", "seq", "at, UTC", "type", "symbol", "correlation"):
        table.add_column(name, no_wrap=True)
    table.add_column("payload")
    for record in records:
        table.add_row(
            record.workspace_id[:8],
            str(record.seq),
            record.at[:19].replace("T", " "),
            record.type,
            record.symbol or "",
            record.correlation_id or "",
            record.payload[:PREVIEW],
        )
    console.print(table)
