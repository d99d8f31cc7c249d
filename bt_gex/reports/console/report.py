"""One run for a terminal or a pipe: what it made and what speaks against it on the first screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bt_gex.findings.finding import resting_on
from bt_gex.market.calendar import WEEKDAYS
from bt_gex.reports.console.run import (
    colour,
    coloured,
    headline,
    make_table,
    print_findings,
)
from bt_gex.reports.words import (
    count,
    dollars,
    drawdown_length,
    drawdown_words,
    fills,
    gain,
    minutes,
    percent,
    ratio,
    session_cells,
    signed_pct,
    unpriced_words,
    verdict,
)
from bt_gex.stats.breakdown import reasons_by_kind
from bt_gex.stats.periods import Period, months, years
from bt_gex.stats.summary import most_frequent_first, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from bt_gex.findings.finding import Finding
    from bt_gex.results.result import RunResult
    from bt_gex.stats import summary
    from bt_gex.trades.records import SpreadTrade

SCREEN_LINES = 23  # of a terminal of 24, one for the next prompt
MONTHS_FROM = 20  # sessions from which on they are shown by month
ALL_TRADES = 20  # trades up to which each has a line
EXTREMES = 3  # of more trades the best and worst so many
NAMED = 2  # order ids below a warning
GROUPS = {
    "by_strategy": "By strategy",
    "by_confidence": "By confidence",
    "by_exit_reason": "By exit reason",
    "by_entry_time": "By entry time, New York",
    "by_weekday": "By weekday",
}


def print_report(result: RunResult, console: Console, findings: Sequence[Finding]) -> None:
    """Everything about one run: verdict and gravest warnings first, then figures and tables.

    findings  the gravest first
    """
    statistics = result.statistics
    left = _print_first_screen(result, findings, console)
    if statistics.totals.total_trades:
        _print_figures(result, console)
    _print_sessions(result, console)
    _print_trades(result.trade_records, console)
    _print_funnel(result, console)
    if statistics.totals.total_trades:
        _print_groups(statistics.groups, console)
    _print_quality(statistics.data_quality, console)
    print_findings([("", finding) for finding in left], console, "further warning")
    if result.trade_records and result.folder:
        words = f"bt-gex trade {result.folder} ORDER, or a time (09:36) or date, explains a trade."
        console.print(Text(f"\n{words}", style="dim"))


def _print_first_screen(
    result: RunResult, findings: Sequence[Finding], console: Console
) -> Sequence[Finding]:
    """Verdict, what it rests on, and as many warnings as a small terminal holds, at least one;
    returns the others."""
    doubt = resting_on(findings, result.trade_records)
    head = Text(verdict(result, doubt), style=f"bold {colour(result.statistics.totals.total_pnl)}")
    terms = Group(*(Text(line, style="dim") for line in _terms(result)))
    room = SCREEN_LINES - _lines(head, console) - _lines(terms, console) - 2  # two headings
    shown: list[RenderableType] = []
    for finding in findings:
        block = _warning(finding, len(result.trade_records))
        room -= _lines(block, console)
        if shown and room < 0:
            break
        shown.append(block)
    console.print(head)
    if findings:
        more = len(findings) - len(shown)
        rest = f", the gravest first; {more} more at the end" if more else ""
        heading = f"{count(len(findings), 'warning')}{rest}"
        console.print(Text(heading, style="bold yellow"))
        for block in shown:
            console.print(block)
    console.print(terms)
    return findings[len(shown) :]


def _warning(finding: Finding, trades: int) -> RenderableType:
    """A warning, and the ids of its trades where it is about some of them only."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row(Text("!", style="bold yellow"), Text(str(finding), style="yellow"))
    ids = finding.order_ids
    if not 0 < len(ids) < trades:
        return table
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    named = Text(f"{', '.join(ids[:NAMED])}{more}", style="dim")
    return Group(table, Padding(named, (0, 0, 0, 2)))


def _lines(block: RenderableType, console: Console) -> int:
    return len(console.render_lines(block, pad=False))


def _terms(result: RunResult) -> list[str]:
    """What the result rests on, and where it is kept."""
    config = result.run_config
    return [
        f"profile {config.profile}; fills {fills(config.fills)}",
        f"commission {dollars(config.fills.commission)} per contract, per leg, per side; "
        f"balance at start {dollars(result.balance)}",
        f"run {result.run_id}" + (f" in {result.folder}" if result.folder else ", not saved"),
    ]


def _print_figures(result: RunResult, console: Console) -> None:
    totals, further = result.statistics.totals, result.statistics.performance
    figures: dict[str, Text | str] = {
        "Profit and loss": coloured(totals.total_pnl),
        "Return": signed_pct(totals.return_pct),
        "Trades": f"{totals.total_trades:,}",
        "Win rate": percent(totals.win_rate),
        "Won, lost, even": f"{totals.winners:,}, {totals.losers:,}, {totals.breakeven:,}",
        "Profit factor": ratio(totals.profit_factor),
        "Average win": dollars(totals.avg_win) if totals.winners else "none",
        "Average loss": dollars(totals.avg_loss) if totals.losers else "none",
        "Expectancy": gain(further.expectancy),
        "Minutes held": minutes(further.avg_minutes_held),
        "Return a year": signed_pct(further.return_a_year_pct),
        "Calmar ratio": ratio(further.calmar),
        "Premium received": dollars(further.total_premium),
        "Commission paid": dollars(further.total_commission),
        "Sortino ratio": ratio(further.sortino),
        "Final balance": dollars(totals.final_balance),
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
    fall = Text("Maximum drawdown   ", style="dim")
    length = drawdown_length(further.drawdown) if further.drawdown else ""
    fall.append(", ".join(filter(None, (drawdown_words(further.drawdown), length))), style="none")
    console.print(fall)


def _print_sessions(result: RunResult, console: Console) -> None:
    """A line a session; of many a line a month."""
    sessions = result.statistics.sessions
    if len(sessions) >= MONTHS_FROM:
        _print_months(result, console)
        return
    table = make_table("Session", "Status", ">Checks", ">Entries", ">P&L", ">Bars priced", "Notes")
    for row in sessions:
        name = f"{WEEKDAYS[row.session.weekday()]} {row.session}"
        table.add_row(name, *session_cells(row, coloured(row.trades_pnl_dollars)))
    if table.row_count:
        console.print(table)


def _print_months(result: RunResult, console: Console) -> None:
    sessions, balance = result.statistics.sessions, result.balance
    table = make_table("Month", ">Sessions", ">Trades", ">P&L", ">Return", ">Worst session")
    by_year = years(sessions, balance=balance)
    found = months(sessions, balance=balance)
    for year in by_year:
        for month in found:
            if month.name.startswith(year.name):
                table.add_row(*_period_cells(month))
        if len(by_year) > 1:
            table.add_row(*_period_cells(year), style="bold")
            table.add_section()
    console.print(table)
    if any(period.with_data < period.sessions for period in by_year):
        console.print(Text("Sessions: those with data of those in the month.", style="dim"))
    noted = sum(1 for row in sessions if row.notes)
    if noted:
        words = f"{count(noted, 'session')} with notes on the data; bt-gex report lists them."
        console.print(Text(words, style="dim"))


def _period_cells(period: Period) -> list[Text | str]:
    missing = period.with_data < period.sessions
    return [
        period.name,
        f"{period.with_data:,} of {period.sessions:,}" if missing else f"{period.sessions:,}",
        f"{period.entries:,}",
        coloured(period.pnl),
        signed_pct(period.return_pct),
        "" if period.worst is None else coloured(period.worst),
    ]


def _print_trades(trades: Sequence[SpreadTrade], console: Console) -> None:
    """Trades by their order ids; of many the best and the worst."""
    if not trades:
        return
    if len(trades) <= ALL_TRADES:
        headline("Trades", console)
        print_trade_lines(trades, console)
        return
    ordered = sorted(resolved(trades), key=lambda trade: trade.pnl_dollars or 0.0)
    headline("Best and worst trades", console)
    print_trade_lines([*ordered[: -EXTREMES - 1 : -1], *ordered[EXTREMES - 1 :: -1]], console)


def print_trade_lines(trades: Iterable[SpreadTrade], console: Console) -> None:
    """A line a trade, with its order id."""
    table = make_table("Order", ">P&L", ">Minutes", "Exit")
    for trade in trades:
        pnl = trade.pnl_dollars
        made = Text("unknown") if pnl is None else coloured(pnl)
        table.add_row(trade.order_id, made, f"{trade.time_alive_minutes:.1f}", trade.exit_reason)
    console.print(table)


def _print_funnel(result: RunResult, console: Console) -> None:
    funnel = result.statistics.funnel
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
            f"open trades: {unpriced_words(funnel.unpriced_bars, funnel.unpriced_by_kind)}, "
            f"{count(funnel.clamped, 'clamped price')}, "
            f"{count(funnel.unresolved, 'unresolved trade')}"
        )
    )
    kinds = most_frequent_first(funnel.skips_by_kind)
    if not kinds:
        return
    texts = reasons_by_kind(result.decision_records)
    table = make_table(">Skips", ">Of checks", "Kind", "Most frequent reason")
    for kind, times in kinds.items():
        table.add_row(f"{times:,}", percent(times / checks), kind, _reason(kind, texts))
    console.print(table)


def _reason(kind: str, texts: Mapping[str, Mapping[str, int]]) -> str:
    """The text that was given most often, and how many others there are; none that is the kind."""
    reasons = texts.get(kind, {})
    if not reasons or set(reasons) == {kind}:
        return ""
    first, times = next(iter(reasons.items()))
    others = f"; {count(len(reasons) - 1, 'other text')}" if len(reasons) > 1 else ""
    return f"{first} ({count(times, 'time')}{others})"


def _print_groups(groups: Mapping[str, Mapping[str, summary.Group]], console: Console) -> None:
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


def _print_quality(quality: Mapping[str, int], console: Console) -> None:
    odd = [f"{name} {times:,}" for name, times in quality.items() if times]
    if odd:
        headline("Data quality, recorded rows", console)
        console.print(Text(", ".join(odd)))
