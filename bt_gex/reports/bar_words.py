"""How reports of backtests over bars write R, and what they say first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_gex.reports.words import NOTHING, count, gain

if TYPE_CHECKING:
    from bt_gex.results.bar_result import BacktestRecord, BarRecord


def in_r(value: float | int | None, places: int = 2) -> str:
    """+5.20R."""
    return NOTHING if value is None else f"{value + 0.0:+.{places}f}R".replace("+0.00R", "0.00R")


def plain_r(value: float | int | None, places: int = 2) -> str:
    """5.20R, signed only below 0, as in tables."""
    return NOTHING if value is None else f"{round(value, places) + 0.0:.{places}f}R"


def plain_number(value: float | int | None, places: int = 2) -> str:
    """1.25."""
    return NOTHING if value is None else f"{round(value, places) + 0.0:,.{places}f}"


def bar_dates(record: BarRecord | BacktestRecord) -> str:
    """`2026-01-12 to 2026-01-16`, or the one date."""
    start, end = record.config["start"], record.config["end"]
    return f"{start}" if start == end else f"{start} to {end}"


def bar_verdict(record: BarRecord) -> str:
    """The result of a symbol in one line."""
    head = f"{record.strategy} {record.symbol} {bar_dates(record)}"
    totals = record.statistics.totals
    if not totals.total_trades:
        return f"{head}: no trades - {record.why_no_trades}"
    total_r = record.statistics.metrics["total_r"]
    r = f"{in_r(total_r)}, " if total_r is not None else ""
    return (
        f"{head}: {r}{gain(totals.total_pnl)}, {count(totals.total_trades, 'trade')}, "
        f"{totals.winners:,} won, {totals.losers:,} lost"
    )
