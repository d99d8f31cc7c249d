"""What differs between two backtests over bars, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from bt_gex.reports.bar_words import in_r
from bt_gex.reports.console.run import headline, make_table
from bt_gex.reports.words import count, gain

if TYPE_CHECKING:
    from bt_gex.compare.bars import BarComparison

MOST = 20


def print_bar_comparison(found: BarComparison, console: Console) -> None:
    """Verdict, settings, data, and trade by trade."""
    same = len(found.pairs) - len(found.changed)
    console.print(Text(_verdict(found), style="bold"))
    console.print(Text(f"A: {found.name_a}\nB: {found.name_b}", style="dim"))
    console.print(
        f"{count(same, 'trade')} the same, {len(found.changed)} changed, {len(found.only_a)} only "
        f"in A, {len(found.only_b)} only in B"
    )
    for line in found.data:
        console.print(Text(f"! {line}", style="yellow"))
    if found.settings:
        headline("Settings", console)
        table = make_table("", "A", "B")
        for name, (a, b) in found.settings.items():
            table.add_row(name, str(a), str(b))
        console.print(table)
    _print_changed(found, console)
    for title, trades in (("Only in A", found.only_a), ("Only in B", found.only_b)):
        if trades:
            headline(f"{title} ({len(trades)})", console)
            table = make_table("Trade", ">R", ">P&L", "Exit")
            for trade in trades[:MOST]:
                made = gain(trade.pnl_dollars)
                table.add_row(trade.order_id, in_r(trade.realized_r), made, trade.exit_reason)
            console.print(table)
            _more(len(trades), console)


def _print_changed(found: BarComparison, console: Console) -> None:
    if not found.changed:
        return
    headline(f"Changed ({len(found.changed)})", console)
    table = make_table("Trade", "First change", "A", "B", ">Difference")
    for pair in found.changed[:MOST]:
        name, (a, b) = next(iter(pair.changes.items()))
        if name == "fills":
            a, b = ("; ".join(f"{f.price:g} {f.reason}" for f in side) for side in (a, b))
        difference = pair.b.pnl_dollars - pair.a.pnl_dollars
        table.add_row(pair.a.order_id, name, str(a), str(b), gain(difference))
    console.print(table)
    _more(len(found.changed), console)


def _more(number: int, console: Console) -> None:
    if number > MOST:
        console.print(Text(f"and {number - MOST} more; --json lists all", style="dim"))


def _verdict(found: BarComparison) -> str:
    if found.identical:
        return "nothing differs"
    return f"B made {gain(found.difference_cents / 100)} more than A"
