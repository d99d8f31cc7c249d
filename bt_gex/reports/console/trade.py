"""One trade in full, so that a loss can be explained without knowing the code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import SHORT
from bt_gex.reports.console.report import print_trade_lines
from bt_gex.reports.console.run import colour, coloured, headline, make_table
from bt_gex.reports.words import (
    FLAGS,
    NOTHING,
    count,
    dollars,
    find_trade,
    flags_of,
    gain,
    new_york_time,
    number,
    spread_of,
    thresholds,
    unpriced_words,
)
from bt_gex.trades.reasons import ExitReason
from bt_gex.trades.records import SpreadTrade

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult

REASONING = {
    "IC": "The index stood on the pin and was expected to stay there, so both sides were sold: "
    "calls above it and puts below it.",
    "CALL": "The index stood above the pin and was expected to be drawn down to it, so calls "
    "above the market were sold.",
    "PUT": "The index stood below the pin and was expected to be drawn up to it, so puts below "
    "the market were sold.",
}
MOST_LISTED = 20
RIGHTS = {"C": "call", "P": "put"}


def print_trade(result: RunResult, order_id: str, console: Console) -> None:
    """What was seen, what was sold and why, how it went, how it ended.

    Raises UnknownName when the result has no such trade.
    """
    trade = find_trade(result, order_id)
    pnl = trade.pnl_dollars
    made = "P&L unknown" if pnl is None else f"{gain(pnl)} ({trade.pnl_percent:+.2f} % of credit)"
    head = f"{order_id}: {spread_of(trade).label}, {made}, {trade.exit_reason}"
    console.print(Text(head, style=f"bold {colour(pnl or 0.0)}"))
    _print_seen(trade, console)
    _print_spread(trade, result, console)
    _print_rules(trade, result, console)
    _print_path(trade, result, console)
    _print_end(trade, result, console)
    flags = flags_of(trade)
    if flags:
        headline("Warnings", console)
        _print_pairs([(name, FLAGS.get(name, "")) for name in flags], console)


def print_matching(trades: Sequence[SpreadTrade], asked: str, console: Console) -> None:
    """Trades among which one has to be picked by its order id."""
    console.print(Text(f"{count(len(trades), 'trade')} match {asked}; give one of their order ids"))
    print_trade_lines(trades[:MOST_LISTED], console)
    if len(trades) > MOST_LISTED:
        more = len(trades) - MOST_LISTED
        console.print(Text(f"and {more:,} more; give date and time, such as '2026-01-12 09:36'"))


def _print_seen(trade: SpreadTrade, console: Console) -> None:
    headline(f"What was seen, {_clock(trade.timestamp_entry, '%a %Y-%m-%d %H:%M:%S')}", console)
    distance = trade.distance
    if distance is None:
        console.print(Text("not recorded: this trade was not entered by the rules"))
        return
    side = "above" if distance > 0 else "below"
    where = f"{abs(distance):g} points {side} the pin" if distance else "on the pin"
    _print_pairs(
        [
            ("Index price", number(trade.spot_entry)),
            ("Pin", f"{number(trade.pin)}, the gamma peak that price is drawn to"),
            ("Distance", f"{distance:+g}: the index stood {where}"),
            ("VIX", number(trade.vix_entry)),
        ],
        console,
    )


def _print_spread(trade: SpreadTrade, result: RunResult, console: Console) -> None:
    headline("What was sold, and why", console)
    if trade.confidence is not None:
        console.print(Text(REASONING[trade.strategy]))
        console.print(Text(f"{trade.direction}, confidence {trade.confidence}."))
    spot = trade.spot_entry
    table = make_table(
        "Leg", "Type", ">Strike", ">From the index price", ">Bid / ask then", ">Bid / ask at exit"
    )
    for leg, quotes in zip(spread_of(trade).legs, trade.leg_quotes, strict=True):
        away = NOTHING if spot is None else f"{leg.strike - spot:+,.2f}"
        side = "sold" if leg.side == SHORT else "bought"
        table.add_row(side, RIGHTS[leg.right], f"{leg.strike:.10g}", away,
                      _quote(quotes.bid_entry, quotes.ask_entry, quotes.age_entry_s),
                      _quote(quotes.bid_exit, quotes.ask_exit, quotes.age_exit_s))  # fmt: skip
    console.print(table)
    point = _dollars_a_point(trade, result)
    credit, width = trade.entry_credit, trade.width
    _print_pairs(
        [
            ("Contracts", f"{trade.quantity:,}"),
            ("Credit", f"{number(credit)} points, {dollars(credit * point)}"),
            ("Width", f"{number(width)} points"),
            (
                "Most it could lose",
                f"{number(width - credit)} points, {dollars(trade.max_loss_dollars)}",
            ),
        ],
        console,
    )


def _quote(bid: float | None, ask: float | None, age_s: float | None) -> str:
    """`5.10 / 5.30, 12 s old`, the age where it was recorded; nothing at the exit of a trade
    settled at the close."""
    if bid is None or ask is None:
        return NOTHING
    age = "" if age_s is None else f", {age_s:g} s old"
    return f"{'no bid' if bid == 0 else number(bid)} / {number(ask)}{age}"


def _print_rules(trade: SpreadTrade, result: RunResult, console: Console) -> None:
    levels = thresholds(trade, result.run_config.exit)
    if not levels:
        return
    headline("What would close it", console)
    point, credit = _dollars_a_point(trade, result), trade.entry_credit
    table = make_table("Rule", "When the value at mid is", ">P&L at mid")
    for rule, value in levels.items():
        bound = "at or below" if value < credit else "at or above"
        table.add_row(rule, f"{bound} {number(value)}", coloured((credit - value) * point))
    minutes = result.run_config.exit.end_of_day_minutes
    table.add_row(ExitReason.END_OF_DAY, f"anything, {minutes:g} minutes before the close", "")
    console.print(table)
    paid = result.run_config.fills.exit_slippage
    console.print(
        Text(
            "Looked at every 30 s from the bar after the entry, where all legs have a quote. "
            f"Closing pays {100 * paid:g} % of the half-spread on top of the mid.",
            style="dim",
        )
    )


def _print_path(trade: SpreadTrade, result: RunResult, console: Console) -> None:
    path = result.marks[result.marks["order_id"] == trade.order_id]
    known = path[path["value"].notna()]
    headline("How it went", console)
    unpriced = unpriced_words(trade.unpriced_bars, trade.unpriced_by_kind)
    pairs = [("Marks", f"{count(len(known), 'value')}, {unpriced}")]
    if len(known):
        values = known["value"].to_numpy(np.float64)
        times = known["time"].dt.tz_convert(NEW_YORK)
        for name, row in (("Best value", values.argmin()), ("Worst value", values.argmax())):
            pairs.append((name, f"{number(float(values[row]))} at {times.iloc[row]:%H:%M:%S}"))
    pairs.append(("Best P&L at mid", gain(trade.mfe_dollars)))
    pairs.append(("Worst P&L at mid", gain(trade.mae_dollars)))
    _print_pairs(pairs, console)


def _print_end(trade: SpreadTrade, result: RunResult, console: Console) -> None:
    headline("How it ended", console)
    alive = f"after {trade.time_alive_minutes:.1f} minutes"
    pairs = [
        ("Time", f"{_clock(trade.timestamp_exit, '%H:%M:%S')}, {alive}"),
        ("Reason", trade.exit_reason),
    ]
    value, credit = trade.exit_value, trade.entry_credit
    if value is None:
        pairs.append(("P&L", "unknown: there was no price to settle on; outside all figures"))
    else:
        pairs += [
            ("Value", f"{_how(trade)} {number(value)} points{_mid_then(trade, result)}"),
            (
                "P&L",
                f"({number(credit)} - {number(value)}) x "
                f"${result.run_config.index_spec.multiplier:g} x {trade.quantity:,} "
                f"- {dollars(trade.commission_dollars)} commission = "
                f"{gain(trade.pnl_dollars)}",
            ),
        ]
    _print_pairs(pairs, console)


def _how(trade: SpreadTrade) -> str:
    return "settled in cash at" if trade.exit_reason == ExitReason.SETTLEMENT else "bought back at"


def _mid_then(trade: SpreadTrade, result: RunResult) -> str:
    """What the mid was when the trade was closed; nothing where there was none."""
    path = result.marks[result.marks["order_id"] == trade.order_id]
    last = path[path["time"] == pd.Timestamp(trade.timestamp_exit)]["value"].dropna()
    return f" (the mid then: {number(float(last.iloc[0]))})" if len(last) else ""


def _print_pairs(pairs: list[tuple[str, str]], console: Console) -> None:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(min_width=20)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), Text(value))
    console.print(table)


def _dollars_a_point(trade: SpreadTrade, result: RunResult) -> float:
    """Dollars the whole trade makes a point."""
    return float(trade.quantity * result.run_config.index_spec.multiplier)


def _clock(moment: datetime, form: str) -> str:
    return f"{new_york_time(moment):{form}} New York"
