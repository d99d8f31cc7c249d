"""A run, or several, as tables for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO, TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.reports.words import (
    count,
    dates,
    dollars,
    fills,
    gain,
    percent,
    ratio,
    signed_pct,
    verdict,
    why_no_trades,
)
from bt_gex.stats.summary import WEEKDAYS, most_frequent_first

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult

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
    """A console that prints texts as they are: no markup, and 100 columns wide in a pipe."""
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def print_report(result: RunResult, console: Console, doubts: Sequence[str] | None = None) -> None:
    """Everything about one run: verdict, figures, funnel, groups, sessions, doubts.

    doubts  of an analysis; None: the warnings the run has written down itself
    """
    summary = result.summary
    console.print(Text(verdict(result), style=f"bold {colour(summary['total_pnl'])}"))
    _print_terms(result, console)
    if summary["total_trades"]:
        _print_statistics(summary, console)
    _print_funnel(summary["funnel"], console)
    if summary["total_trades"]:
        _print_groups(summary, console)
    _print_sessions(summary["sessions"], console)
    _print_quality(summary["data_quality"], console)
    told = summary["warnings"] if doubts is None else doubts
    _print_warnings([("", warning) for warning in told], console)


def print_combined(
    results: Sequence[RunResult], combined: Mapping[str, Any], console: Console
) -> None:
    """Runs of several indexes, one row each, and their total.

    combined  the summary over the trades of all of them, with their max_drawdown_mtm
    """
    names = " + ".join(str(result.config["index"]) for result in results)
    total, pnl = combined["total_trades"], combined["total_pnl"]
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
        table.add_row(str(result.config["index"]), *_combined_cells(result.summary))
    table.add_section()
    table.add_row("Total", *_combined_cells(combined), style="bold")
    console.print(table)
    for result in results:
        if not result.summary["total_trades"]:
            reason = why_no_trades(result.summary)
            console.print(Text(f"{result.config['index']}: no trades - {reason}"))
    doubts = [
        (f"{result.config['index']}: ", warning)
        for result in results
        for warning in result.summary["warnings"]
    ]
    _print_warnings(doubts, console)


def _combined_cells(summary: Mapping[str, Any]) -> list[Text]:
    return [
        Text(f"{summary['total_trades']:,}"),
        Text(f"{summary['winners']:,}"),
        Text(percent(summary["win_rate"] if summary["total_trades"] else None)),
        coloured(summary["total_pnl"]),
        Text(signed_pct(summary["return_pct"])),
        Text(ratio(summary["profit_factor"])),
        Text(dollars(summary["max_drawdown_mtm"])),
    ]


def _print_terms(result: RunResult, console: Console) -> None:
    """What the result rests on, and where it is kept."""
    config = result.config
    lines = (
        f"profile {config['profile']}; fills {fills(result)}",
        f"commission {dollars(config['fills']['commission'])} a contract, leg and side; "
        f"balance at start {dollars(config['account']['balance'])}",
        f"run {result.run_id}" + (f" in {result.folder}" if result.folder else ", not saved"),
    )
    for line in lines:
        console.print(Text(line, style="dim"))


def _print_statistics(summary: Mapping[str, Any], console: Console) -> None:
    won = f"{summary['winners']:,} won, {summary['losers']:,} lost, {summary['breakeven']:,} even"
    figures: dict[str, Text | str] = {
        "Profit and loss": coloured(summary["total_pnl"]),
        "Return": signed_pct(summary["return_pct"]),
        "Trades": f"{summary['total_trades']:,} ({won})",
        "Win rate": percent(summary["win_rate"]),
        "Average win": dollars(summary["avg_win"]) if summary["winners"] else "none",
        "Average loss": dollars(summary["avg_loss"]) if summary["losers"] else "none",
        "Largest win": dollars(summary["max_win"]) if summary["winners"] else "none",
        "Largest loss": dollars(summary["max_loss"]) if summary["losers"] else "none",
        "Profit factor": ratio(summary["profit_factor"]),
        "Final balance": dollars(summary["final_balance"]),
        "Drawdown at closes": dollars(summary["max_drawdown"]),
        "Drawdown marked per bar": dollars(summary["max_drawdown_mtm"]),
    }
    if summary["unresolved"]:
        figures["Unresolved"] = f"{count(summary['unresolved'], 'trade')}, outside all figures"
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


def _print_funnel(funnel: Mapping[str, Any], console: Console) -> None:
    checks, entries = funnel["checks"], funnel["entries"]
    headline("From checks to trades", console)
    rate = f" ({percent(funnel['success_rate'])})" if checks else ""
    console.print(
        Text(
            f"{count(checks, 'entry attempt')} on {count(funnel['bars'], 'bar')}: "
            f"{entries:,} entered{rate}, {funnel['skips']:,} skipped"
        )
    )
    console.print(
        Text(
            f"{count(funnel['unpriced_bars'], 'bar')} of open trades without a price, "
            f"{count(funnel['clamped'], 'clamped price')}, "
            f"{count(funnel['unresolved'], 'unresolved trade')}"
        )
    )
    kinds = most_frequent_first(funnel["skips_by_kind"])
    if not kinds:
        return
    table = make_table(">Skips", ">Of checks", "Kind")
    for kind, times in kinds.items():
        table.add_row(f"{times:,}", percent(times / checks), kind)
    console.print(table)
    _print_reasons(most_frequent_first(funnel["skips_by_reason"]), kinds, console)


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


def _print_groups(summary: Mapping[str, Any], console: Console) -> None:
    table = make_table("", ">Trades", ">Won", ">Win rate", ">P&L")
    for key, title in GROUPS.items():
        table.add_section()
        table.add_row(Text(title, style="bold"))
        groups = summary[key]
        for name in [day for day in WEEKDAYS if day in groups] or sorted(groups):
            group = groups[name]
            table.add_row(
                f"  {name}",
                f"{group['count']:,}",
                f"{group['winners']:,}",
                percent(group["win_rate"]),
                coloured(group["pnl"]),
            )
    console.print(table)


def _print_sessions(sessions: Iterable[Mapping[str, Any]], console: Console) -> None:
    table = make_table("Session", "Status", ">Checks", ">Entries", ">P&L", ">Bars priced", "Notes")
    for row in sessions:
        day = date.fromisoformat(str(row["session"]))
        priced = row["priced_pct"]
        table.add_row(
            f"{WEEKDAYS[day.weekday()]} {day}",
            row["status"],
            f"{row['checks']:,}",
            f"{row['entries']:,}",
            coloured(row["trades_pnl_dollars"]) if row["entries"] else "",
            "" if priced is None else f"{priced:.1f} %",
            "; ".join(row["notes"]),
        )
    if table.row_count:
        console.print(table)


def _print_quality(quality: Mapping[str, int], console: Console) -> None:
    odd = [f"{name} {times:,}" for name, times in quality.items() if times]
    if odd:
        headline("Data quality, recorded rows", console)
        console.print(Text(", ".join(odd)))


def _print_warnings(doubts: Sequence[tuple[str, str]], console: Console) -> None:
    """Each with the words to put before it."""
    if not doubts:
        return
    console.print()
    console.print(Text(count(len(doubts), "warning").capitalize(), style="bold yellow"))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for before, doubt in doubts:
        table.add_row(Text("!", style="bold yellow"), Text(before + doubt, style="yellow"))
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
