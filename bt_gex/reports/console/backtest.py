"""A backtest over bars as tables for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.findings.bar_analysis import analyse_bars
from bt_gex.findings.of_bars import is_synthetic
from bt_gex.reports.bar_words import (
    bar_dates,
    bar_verdict,
    in_r,
    plain_number,
    plain_r,
)
from bt_gex.reports.console.run import (
    colour,
    coloured,
    headline,
    make_table,
    print_findings,
)
from bt_gex.reports.words import count, dollars, gain, number, percent, ratio
from bt_gex.stats.summary import most_frequent_first

if TYPE_CHECKING:
    from bt_gex.findings.bar_analysis import BarAnalysis
    from bt_gex.findings.finding import Finding
    from bt_gex.results.bar_result import BacktestRecord, BarRecord
    from bt_gex.stats.summary import Group
    from bt_gex.trades.bar_trades import BarTrade

GROUPS = {
    "by_direction": "By direction",
    "by_exit_reason": "By exit reason",
    "by_entry_hour": "By hour of entry, New York",
    "by_weekday": "By weekday",
}
MOST_SESSIONS = 25  # listed one by one


def print_backtest(run: BacktestRecord, console: Console) -> None:
    """Summary of all symbols, their sum, and what speaks against each."""
    console.rule(Text(f"{run.config['strategy']} {bar_dates(run)}"))
    console.print(Text(f"Run ID: {run.run_id}"))
    if any(is_synthetic(one) for one in run.symbols):
        console.print(Text("Bars: synthetic, made from a seed", style="yellow"))
    for symbol, reason in run.failed.items():
        words = reason if symbol in reason else f"{symbol}: {reason}"
        console.print(Text(f"! {words}", style="yellow"))
    _print_summary(run, console)
    _print_aggregated(run, console)
    if not run.trades:
        console.print()
        console.print(Text("No trades generated", style="bold"))
    for one in run.symbols:
        if not one.trade_records:
            console.print(Text(f"{one.symbol}: {one.why_no_trades}"))
    print_findings(_findings(run), console)


def _findings(run: BacktestRecord) -> list[tuple[str, Finding]]:
    """What speaks against each symbol; what is the same of several is told once."""
    found: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
    for one in run.symbols:
        for finding in analyse_bars(one).findings:
            found.setdefault((finding.kind, finding.text), []).append((one.symbol, finding))
    named = []
    for (symbol, first), *others in found.values():
        also = f" (also {', '.join(other for other, _ in others)})" if others else ""
        named.append((f"{symbol}{also}: ", first))
    return named


def _print_summary(run: BacktestRecord, console: Console) -> None:
    table = make_table(
        "Symbol", ">Trades", ">Win Rate", ">Total R", ">Expectancy", ">Sharpe", ">Max DD", ">P&L"
    )
    for one in run.symbols:
        m = one.statistics.metrics
        traded = bool(one.trade_records)
        table.add_row(
            one.symbol,
            f"{len(one.trade_records):,}",
            percent(m["win_rate"]) if traded else "N/A",
            plain_r(m["total_r"] if traded else 0.0),
            plain_r(m["expectancy"], 3),
            plain_number(m["sharpe_ratio"]),
            plain_r(m["max_drawdown_r"]),
            coloured(one.statistics.totals.total_pnl),
        )
    console.print(table)


def _print_aggregated(run: BacktestRecord, console: Console) -> None:
    trades = run.trades
    total, made = run.total_r, sum(trade.pnl_dollars for trade in trades)
    rows = {
        "Total Symbols": f"{len(run.symbols):,}",
        "Total Trades": f"{len(trades):,}",
        "Total R": plain_r(total),
        "Average R per Trade": plain_r(total / len(trades), 3) if trades and total is not None
        else "N/A",
        "Total P&L": gain(made),
    }  # fmt: skip
    headline("Aggregated", console)
    _print_grid(rows, console)


def _print_grid(rows: Mapping[str, str | Text], console: Console) -> None:
    table = Table.grid(padding=(0, 3, 0, 0))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), value)
    console.print(table)


def print_symbol(record: BarRecord, analysis: BarAnalysis, console: Console) -> None:
    """Everything about one symbol: verdict, figures in R and dollars, sessions, findings."""
    totals = record.statistics.totals
    console.print(Text(bar_verdict(record), style=f"bold {colour(totals.total_pnl)}"))
    where = f" in {record.folder}" if record.folder else ", not saved"
    console.print(Text(f"run {record.run_id}{where}", style="dim"))
    console.print(
        Text(f"balance at start {dollars(record.balance)}; data {_data(record)}", style="dim")
    )
    if record.trade_records:
        headline("Statistics", console)
        _print_grid(_figures(record, analysis), console)
        for name, title in GROUPS.items():
            _print_group(title, record.statistics.groups[name], console)
    _print_ranges(analysis, console)
    if record.statistics.skips:
        headline("Entries that were not made", console)
        named = (f"{name} {times:,}" for name, times in record.statistics.skips.items())
        console.print(Text(", ".join(named)))
    _print_sessions(record, console)
    print_findings([("", finding) for finding in analysis.findings], console)


def _data(record: BarRecord) -> str:
    about = record.source["data"]
    return f"{about['source']}, {count(about['rows'], 'bar')}, {about['first']} to {about['last']}"


def _figures(record: BarRecord, analysis: BarAnalysis) -> dict[str, str | Text]:
    totals, m = record.statistics.totals, record.statistics.metrics
    between, found = analysis.intervals, analysis.bootstrap
    low, high = between.total_r if between else (None, None)
    dollar_low, dollar_high = found.total_pnl if found else (None, None)
    rows: dict[str, str | Text] = {}
    if m["total_r"] is not None:
        rows |= {
            "Total R": f"{in_r(m['total_r'])}  (90 % of resamples: {in_r(low)} to {in_r(high)})"
            if between
            else in_r(m["total_r"]),
            "Expectancy": in_r(m["expectancy"], 3),
            "Median R": in_r(m["median_r"], 3),
            "Average winner, loser": f"{in_r(m['avg_winner_r'])}, {in_r(m['avg_loser_r'])}",
            "Largest winner, loser": f"{in_r(m['largest_winner_r'])}, {in_r(m['largest_loser_r'])}",
            "Maximum drawdown": in_r(m["max_drawdown_r"]),
            "Profit factor": ratio(m["profit_factor"]),
            "Sharpe per trade, per session": f"{plain_number(m['sharpe_ratio'])}, "
            f"{plain_number(m['sharpe_daily'])}",
            "Sortino": plain_number(m["sortino_ratio"]),
            "Streaks, won and lost": f"{m['consecutive_wins']}, {m['consecutive_losses']}",
        }
    rows |= {
        "Profit and loss": Text.assemble(
            coloured(totals.total_pnl),
            f"  (90 % of resamples: {gain(dollar_low)} to {gain(dollar_high)})" if found else "",
        ),
        "Win rate": percent(m["win_rate"]),
        "Final balance": dollars(totals.final_balance),
        "Drawdown at closes, per bar": f"{dollars(totals.max_drawdown)}, "
        f"{dollars(record.statistics.max_drawdown_mtm)}",
        "Minutes held": plain_number(m["avg_trade_duration_minutes"], 1),
    }
    return rows


def _print_group(title: str, groups: Mapping[str, Group], console: Console) -> None:
    headline(title, console)
    table = make_table("", ">Trades", ">Won", ">Win rate", ">P&L")
    for name, group in groups.items():
        table.add_row(
            name, f"{group.count:,}", f"{group.winners:,}", percent(group.win_rate),
            coloured(group.pnl),
        )  # fmt: skip
    console.print(table)


def _print_ranges(analysis: BarAnalysis, console: Console) -> None:
    ranges = analysis.ranges
    if ranges is None:
        return
    headline("Opening ranges", console)
    named = [f"{name} {times:,}" for name, times in most_frequent_first(ranges.reasons).items()]
    why = f"; not traded: {', '.join(named)}" if named else ""
    console.print(
        Text(f"{ranges.traded:,} of {count(ranges.sessions, 'session')} could be traded{why}")
    )
    if not analysis.effects:
        return
    table = make_table("Factor", ">With", ">Mean R", ">Without", ">Mean R", ">Difference")
    for effect in analysis.effects:
        table.add_row(
            effect.factor,
            f"{effect.present_count:,}",
            in_r(effect.present_avg_r, 3),
            f"{effect.absent_count:,}",
            in_r(effect.absent_avg_r, 3),
            in_r(effect.delta_avg_r, 3),
        )
    console.print(table)


def _print_sessions(record: BarRecord, console: Console) -> None:
    rows = record.statistics.sessions
    shown: Sequence[object] = rows if len(rows) <= MOST_SESSIONS else ()
    days = {day.session: day for day in record.days}
    headline(f"Sessions ({len(rows):,})", console)
    if not shown:
        traded = sum(1 for row in rows if row.trades)
        console.print(Text(f"{traded:,} with trades; trades.csv and days.json list all"))
        return
    table = make_table("Session", ">Bars", "Range", ">Trades", ">R", ">P&L", "Notes")
    for row in rows:
        day = days.get(row.session)
        span = ""
        if day and day.or_low is not None:
            span = f"{number(float(day.or_low))}-{number(float(day.or_high or 0.0))}"
            span += f" {day.or_minutes} min"
        notes = [*([row.reason] if row.reason else []), *row.notes]
        if row.missing:
            notes.append(f"{row.missing} minutes missing")
        table.add_row(
            str(row.session), f"{row.bars:,}", span, f"{row.trades:,}",
            in_r(row.trades_r) if row.trades and record.has_r else "",
            coloured(float(row.trades_pnl_dollars)) if row.trades else "", "; ".join(notes),
        )  # fmt: skip
    console.print(table)


def print_bar_trade(trade: BarTrade, console: Console) -> None:
    """One trade: what it was decided on, its fills, and how its stop moved."""
    console.print(
        Text(
            f"{trade.order_id}: {trade.direction} {trade.quantity:g} at "
            f"{number(float(trade.entry_price))}, {in_r(trade.realized_r)}, "
            f"{gain(trade.pnl_dollars)}, {trade.exit_reason}",
            style=f"bold {colour(trade.pnl_dollars)}",
        )
    )
    entry = trade.range_entry
    if entry is not None:
        how = "the open, beyond the trigger" if entry.gap_entry else "the trigger"
        factors = ", ".join(entry.factors) or "none"
        rows: dict[str, str | Text] = {
            "Filled at": how,
            "Score": f"{entry.score:g} of {entry.required} needed; factors: {factors}",
            "Opening range": f"{number(float(entry.or_low))} to {number(float(entry.or_high))}, "
            f"{entry.or_minutes} minutes",
            "Risk": f"{number(None if trade.risk is None else float(trade.risk))} a unit",
            "Targets": ", ".join(number(float(target)) for target in trade.targets),
            "Best, worst": f"{in_r(trade.mfe_r)}, {in_r(trade.mae_r)}",
        }
        _print_grid(rows, console)
    headline("Fills and stops, UTC", console)
    steps = [(step.timestamp, "stop", float(step.stop), step.reason) for step in trade.stops]
    steps += [(f.timestamp, f"{f.quantity:g} out", float(f.price), f.reason) for f in trade.fills]
    table = make_table("At", "What", ">Price", "Reason")
    table.add_row(
        f"{trade.timestamp_entry:%Y-%m-%d %H:%M}", f"{trade.quantity:g} in",
        number(float(trade.entry_price)), "entry",
    )  # fmt: skip
    for when, what, price, reason in sorted(steps, key=lambda step: step[0]):
        table.add_row(f"{when:%Y-%m-%d %H:%M}", what, number(price), reason)
    console.print(table)
