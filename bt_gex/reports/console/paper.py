"""Paper accounts as lines for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from bt_gex.paper.answers import (
    ExecutionResult,
    PaperPosition,
    PaperState,
    ReconciliationResult,
)
from bt_gex.reports.words import count, dollars, gain


def execution_line(result: ExecutionResult) -> str:
    """What became of an intent."""
    if not result.success:
        first = f"; executed before by order {result.order_id}" if result.order_id else ""
        other = ", with other content" if result.request_matches is False else ""
        return f"refused: {result.error_code}: {result.error}{first if other else ''}{other}"
    fees = f", fees {dollars(result.fees)}" if result.fees else ""
    held = ""
    if result.position and result.position_action != "closed":
        held = f"; holds {result.position.quantity:g} at {result.position.avg_price:,.10g}"
    return (
        f"{result.position_action}: {result.quantity_filled:g} at {result.fill_price:,.10g}"
        f"{fees}{held}; order {result.order_id}"
    )


def print_state(state: PaperState, console: Console) -> None:
    """An account, what is stopped in it, and what it holds."""
    console.print(f"Workspace {state.workspace_id}, {count(state.seq, 'event')}")
    console.print(
        f"Cash {dollars(state.cash)}, buying power {dollars(state.buying_power)}, realised "
        f"{gain(state.realized_pnl)} on {dollars(state.starting_equity)}"
    )
    console.print(f"{count(state.orders_count, 'order')}, {count(state.trades_count, 'trade')}")
    for scope in state.halts:
        console.print(f"KILL SWITCH for {scope} is on")
    for strategy in state.paused:
        console.print(f"Paused: strategy {strategy}")
    print_positions([one for one in state.positions.values() if one.quantity > 0], console)


def print_positions(positions: Sequence[PaperPosition], console: Console) -> None:
    """What is held, a line each; of a spread also the id that a close names."""
    if not positions:
        console.print("No open position")
    for one in positions:
        since = f" since {one.opened_at:%Y-%m-%d %H:%M:%S} UTC" if one.opened_at else ""
        console.print(f"{one.side} {one.quantity:g} {one.symbol} at {one.avg_price:,.10g}{since}")
        if one.position_id:
            console.print(f"  position {one.position_id}")


def reconciliation_lines(found: ReconciliationResult) -> Iterator[str]:
    """Whether an account is what its fills make of it."""
    verdict = "agrees with" if found.success and found.verified else "DIFFERS from"
    yield (
        f"{found.workspace_id} {verdict} its {count(found.events_replayed, 'fill')}: "
        f"{count(found.orders_rebuilt, 'order')}, "
        f"{count(found.positions_rebuilt, 'open position')}, cash {dollars(found.cash_after)}, "
        f"realised {gain(found.realized_pnl_after)}"
    )
    yield from (f"  {line}" for line in (*found.errors, *found.differences))
