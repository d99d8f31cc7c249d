"""What reports on the terminal are made of, and several runs side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.findings.finding import resting_on
from bt_gex.reports.words import (
    count,
    dates,
    dollars,
    gain,
    percent,
    ratio,
    signed_pct,
    why_no_trades,
)

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.results.result import RunResult
    from bt_gex.results.statistics import Combined
    from bt_gex.stats.summary import Totals

PIPE_WIDTH = 100


def make_console(file: IO[str] | None = None) -> Console:
    """A console that prints texts as they are: no markup; in a pipe 100 columns, or COLUMNS."""
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").strip("0").isdigit():
        console.width = PIPE_WIDTH
    return console


def print_combined(
    results: Sequence[RunResult],
    combined: Combined,
    findings: Sequence[Sequence[Finding]],
    console: Console,
) -> None:
    """Runs of several indexes, one row each, and their sum.

    findings  of each run
    """
    names = " + ".join(result.index_symbol for result in results)
    total, pnl = combined.totals.total_trades, combined.totals.total_pnl
    made = f"{gain(pnl)} with {count(total, 'trade')}" if total else "no trades"
    trades = [trade for result in results for trade in result.trade_records]
    doubt = resting_on([finding for own in findings for finding in own], trades)
    made += f"; but {doubt}" if doubt else ""
    console.print(Text(f"{names} {dates(results[0])}: {made}", style=f"bold {colour(pnl)}"))
    table = make_table(
        "Index",
        ">Trades",
        ">Won",
        ">Win rate",
        ">P&L",
        ">Return",
        ">Profit factor",
        ">Max drawdown",
    )
    for result in results:
        own = result.statistics
        table.add_row(result.index_symbol, *_combined_cells(own.totals, own.max_drawdown_mtm))
    table.add_section()
    table.add_row(
        "Total", *_combined_cells(combined.totals, combined.max_drawdown_mtm), style="bold"
    )
    console.print(table)
    for result in results:
        if not result.statistics.totals.total_trades:
            reason = why_no_trades(result.statistics)
            console.print(Text(f"{result.index_symbol}: no trades - {reason}"))
    named = [
        (f"{result.index_symbol}: ", finding)
        for result, found in zip(results, findings, strict=True)
        for finding in found
    ]
    print_findings(named, console)


def _combined_cells(totals: Totals, max_drawdown_mtm: float) -> list[Text]:
    return [
        Text(f"{totals.total_trades:,}"),
        Text(f"{totals.winners:,}"),
        Text(percent(totals.win_rate if totals.total_trades else None)),
        coloured(totals.total_pnl),
        Text(signed_pct(totals.return_pct)),
        Text(ratio(totals.profit_factor)),
        Text(dollars(max_drawdown_mtm)),
    ]


def print_findings(
    findings: Sequence[tuple[str, Finding]], console: Console, noun: str = "warning"
) -> None:
    """Each with the words to put before it."""
    if not findings:
        return
    console.print()
    console.print(Text(count(len(findings), noun).capitalize(), style="bold yellow"))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for before, finding in findings:
        table.add_row(Text("!", style="bold yellow"), Text(f"{before}{finding}", style="yellow"))
    console.print(table)


def make_table(*columns: str) -> Table:
    """A plain table; `>` before a name aligns its column to the right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(
            Text(name.removeprefix(">")),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
        )
    return table


def headline(text: str, console: Console) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def coloured(amount: float) -> Text:
    return Text(gain(amount), style=colour(amount))


def colour(amount: float) -> str:
    return "green" if amount > 0 else "red" if amount < 0 else "default"
