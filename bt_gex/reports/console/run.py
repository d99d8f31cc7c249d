"""A run, or several, as tables for a terminal or a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.market.calendar import WEEKDAYS
from bt_gex.reports.words import (
    count,
    dates,
    dollars,
    fills,
    gain,
    percent,
    ratio,
    session_cells,
    signed_pct,
    verdict,
    why_no_trades,
)
from bt_gex.stats.summary import most_frequent_first

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.results.result import RunResult
    from bt_gex.results.statistics import Combined
    from bt_gex.stats.summary import Funnel, Group, Totals
    from bt_gex.trades.records import SessionSummary

PIPE_WIDTH = 100
TOP_REASONS = 5
GROUPS = {
    "by_strategy": "By strategy",
    "by_confidence": "By confidence",
    "by_exit_reason": "By exit reason",
    "by_entry_time": "By entry time, New York",
    "by_weekday": "By weekday",
}


def make_console(file: IO[str] | None = None) -> Console:
    """A console that prints texts as they are: no markup; in a pipe 100 columns, or COLUMNS."""
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").strip("0").isdigit():
        console.width = PIPE_WIDTH
    return console


def print_report(result: RunResult, console: Console, findings: Sequence[Finding]) -> None:
    """Everything about one run: verdict, figures, funnel, groups, sessions, findings."""
    statistics = result.statistics
    totals = statistics.totals
    console.print(Text(verdict(result), style=f"bold {colour(totals.total_pnl)}"))
    _print_terms(result, console)
    if totals.total_trades:
        _print_totals(totals, statistics.max_drawdown_mtm, console)
    _print_funnel(statistics.funnel, console)
    if totals.total_trades:
        _print_groups(statistics.groups, console)
    _print_sessions(statistics.sessions, console)
    _print_quality(statistics.data_quality, console)
    print_findings([("", finding) for finding in findings], console)


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
    console.print(Text(f"{names} {dates(results[0])}: {made}", style=f"bold {colour(pnl)}"))
    table = make_table(
        "Index",
        ">Trades",
        ">Won",
        ">Win rate",
        ">P&L",
        ">Return",
        ">Profit factor",
        ">Drawdown per bar",
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


def _print_terms(result: RunResult, console: Console) -> None:
    """What the result rests on, and where it is kept."""
    config = result.run_config
    lines = (
        f"profile {config.profile}; fills {fills(config.fills)}",
        f"commission {dollars(config.fills.commission)} per contract, per leg, per side; "
        f"balance at start {dollars(result.balance)}",
        f"run {result.run_id}" + (f" in {result.folder}" if result.folder else ", not saved"),
    )
    for line in lines:
        console.print(Text(line, style="dim"))


def _print_totals(totals: Totals, max_drawdown_mtm: float, console: Console) -> None:
    won = f"{totals.winners:,} won, {totals.losers:,} lost, {totals.breakeven:,} even"
    figures: dict[str, Text | str] = {
        "Profit and loss": coloured(totals.total_pnl),
        "Return": signed_pct(totals.return_pct),
        "Trades": f"{totals.total_trades:,} ({won})",
        "Win rate": percent(totals.win_rate),
        "Average win": dollars(totals.avg_win) if totals.winners else "none",
        "Average loss": dollars(totals.avg_loss) if totals.losers else "none",
        "Largest win": dollars(totals.max_win) if totals.winners else "none",
        "Largest loss": dollars(totals.max_loss) if totals.losers else "none",
        "Profit factor": ratio(totals.profit_factor),
        "Final balance": dollars(totals.final_balance),
        "Drawdown at closes": dollars(totals.max_drawdown),
        "Drawdown marked per bar": dollars(max_drawdown_mtm),
    }
    if totals.unresolved:
        figures["Unresolved"] = f"{count(totals.unresolved, 'trade')}, outside all figures"
    headline("Statistics", console)
    table = Table.grid(padding=(0, 3, 0, 0))
    for _ in range(4):
        table.add_column(overflow="fold")
    cells: list[Text | str] = []
    for name, value in figures.items():
        cells += [Text(name, style="dim"), value]
    for first in range(0, len(cells), 4):
        table.add_row(*cells[first : first + 4])
    console.print(table)


def _print_funnel(funnel: Funnel, console: Console) -> None:
    checks, entries = funnel.checks, funnel.entries
    headline("From checks to trades", console)
    rate = f" ({percent(funnel.success_rate)})" if checks else ""
    console.print(
        Text(
            f"{count(checks, 'entry attempt')} on {count(funnel.bars, 'bar')}: "
            f"{entries:,} entered{rate}, {funnel.skips:,} skipped"
        )
    )
    console.print(
        Text(
            f"{count(funnel.unpriced_bars, 'bar')} of open trades without a price, "
            f"{count(funnel.clamped, 'clamped price')}, "
            f"{count(funnel.unresolved, 'unresolved trade')}"
        )
    )
    kinds = most_frequent_first(funnel.skips_by_kind)
    if not kinds:
        return
    table = make_table(">Skips", ">Of checks", "Kind")
    for kind, times in kinds.items():
        table.add_row(f"{times:,}", percent(times / checks), kind)
    console.print(table)
    _print_reasons(most_frequent_first(funnel.skips_by_reason), kinds, console)


def _print_reasons(reasons: Mapping[str, int], kinds: Mapping[str, int], console: Console) -> None:
    """The exact texts, where they say more than their kinds."""
    if set(reasons) == set(kinds):
        return
    table = make_table(">Skips", "Most frequent reasons, in full")
    for reason, times in list(reasons.items())[:TOP_REASONS]:
        table.add_row(f"{times:,}", reason)
    if len(reasons) > TOP_REASONS:
        rest = list(reasons.values())[TOP_REASONS:]
        table.add_row(f"{sum(rest):,}", f"for {count(len(rest), 'other reason')}")
    console.print(table)


def _print_groups(groups: Mapping[str, Mapping[str, Group]], console: Console) -> None:
    table = make_table("", ">Trades", ">Won", ">Win rate", ">P&L")
    for key, title in GROUPS.items():
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for name, group in groups[key].items():
            table.add_row(
                f"  {name}",
                f"{group.count:,}",
                f"{group.winners:,}",
                percent(group.win_rate),
                coloured(group.pnl),
            )
    console.print(table)


def _print_sessions(sessions: Iterable[SessionSummary], console: Console) -> None:
    table = make_table("Session", "Status", ">Checks", ">Entries", ">P&L", ">Bars priced", "Notes")
    for row in sessions:
        name = f"{WEEKDAYS[row.session.weekday()]} {row.session}"
        table.add_row(name, *session_cells(row, coloured(row.trades_pnl_dollars)))
    if table.row_count:
        console.print(table)


def _print_quality(quality: Mapping[str, int], console: Console) -> None:
    odd = [f"{name} {times:,}" for name, times in quality.items() if times]
    if odd:
        headline("Data quality, recorded rows", console)
        console.print(Text(", ".join(odd)))


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
