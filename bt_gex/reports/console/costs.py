"""What a run makes at other fills, as a table for a terminal or a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from bt_gex.reports.console.run import coloured, make_table, print_findings
from bt_gex.reports.html.intervals import cost_cells, cost_sentences
from bt_gex.reports.words import dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bt_gex.findings.finding import Finding
    from bt_gex.results.costs import Costs
    from bt_gex.results.result import RunResult


def print_costs(
    result: RunResult, costs: Costs, findings: Sequence[Finding], console: Console
) -> None:
    """One row a slippage and delay, where the profit ends, and what speaks against the run."""
    console.print(
        Text(f"{result.index_symbol} {dates(result)}: what the fills decide", style="bold")
    )
    table = make_table(">Slippage", "Entry", ">P&L", ">Trades", ">Win rate", ">Profit factor")
    for delay in costs.delays:
        table.add_section()
        for slippage in costs.slippages:
            row = costs.at(slippage, delay)
            table.add_row(*cost_cells(row, coloured(row.total_pnl)))
    console.print(table)
    for sentence in cost_sentences(costs):
        console.print(Text(sentence))
    print_findings([("", finding) for finding in findings], console)
