"""What a folder of bars holds: tables, sentences on what is missing or odd, and a JSON record."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.bars.coverage import SessionMinutes, SymbolCoverage
from bt_gex.findings.of_coverage import findings_of_bars, named_day
from bt_gex.market.calendar import new_york
from bt_gex.reports.as_json import warnings_of
from bt_gex.reports.console.coverage import plain_table, remarks
from bt_gex.reports.words import count

LENGTHS = {"1m": ("minute", "minutes"), "1d": ("daily bar", "daily bars")}
SESSIONS_SHOWN = 30  # of a symbol; all of them are in the JSON record
MEANING = (
    "Missing: minutes between open and close without a bar; they are not filled. Outside: bars "
    "before the open and from the close on."
)


def print_bar_coverage(found: Sequence[SymbolCoverage], folder: str, console: Console) -> None:
    """A verdict, a table of sessions and sentences for each symbol."""
    if not found:
        console.print(Text(f"{folder}: holds no bars"))
    for one in found:
        console.print(Text(verdict(one), style="bold"))
        if one.sessions:
            console.print(_sessions(one))
        if hidden := len(one.sessions[SESSIONS_SHOWN:]):
            console.print(f"- {count(hidden, 'more session')} not shown; --json has them all.")
        for remark in remarks(findings_of_bars(one)):
            console.print(Text(f"- {remark}"))
        console.print()
    if any(one.sessions for one in found):
        console.print(Text(MEANING, style="dim"))


def verdict(one: SymbolCoverage) -> str:
    """The symbol in one line."""
    singular, plural = LENGTHS[one.interval]
    if one.unreadable:
        return f"{one.symbol}, {plural}: can't be read"
    if not one.rows:
        return f"{one.symbol}, {plural}: none"
    dates = " to ".join(dict.fromkeys((str(one.first), str(one.last))))
    words = f"{one.symbol} {dates}: {one.rows:,} {singular if one.rows == 1 else plural}"
    if one.interval == "1d":
        return words
    inside = sum(session.bars for session in one.sessions)
    missing = sum(session.missing for session in one.sessions)
    return (
        f"{words} of {count(len(one.sessions), 'session')}, {inside:,} in regular hours, "
        f"{missing:,} missing"
    )


def _sessions(one: SymbolCoverage) -> Table:
    table = plain_table("Session", ">Bars", ">Missing", ">Gaps", "Longest gap", ">Outside")
    for session in one.sessions[:SESSIONS_SHOWN]:
        longest = max(session.gaps, key=lambda gap: gap.minutes, default=None)
        table.add_row(
            named_day(session.session.day),
            f"{session.bars:,}",
            f"{session.missing:,}",
            f"{len(session.gaps):,}",
            f"{longest.minutes:,} min from {new_york(longest.start_ns):%H:%M}" if longest else "",
            f"{session.before + session.after:,}",
        )
    return table


def bar_record(found: Sequence[SymbolCoverage], folder: str) -> dict[str, object]:
    """The same as plain values for JSON: null where there is nothing.

    folder   as given
    symbols  one object each:
      symbol, interval              1m or 1d
      rows, first, last, sha256     all bars; New York dates
      sessions                      session, minutes, bars, missing, before, after, and gaps: start
                                    and minutes of each (interval 1m only)
      sessions_without_bars         dates
      bars_off_session              date and bars of each day that is no session
      odd                           counts by name
      unreadable                    why the bars can't be read
      remarks                       the sentences
      warnings                      the same as findings: kind, text, next_step and, empty or null,
                                    what they say of trades
    """
    return {"folder": folder, "symbols": [_symbol_record(one) for one in found]}


def _symbol_record(one: SymbolCoverage) -> dict[str, object]:
    findings = findings_of_bars(one)
    return {
        "symbol": one.symbol,
        "interval": one.interval,
        "rows": one.rows,
        "first": str(one.first) if one.first else None,
        "last": str(one.last) if one.last else None,
        "sha256": one.sha256,
        "sessions": [_session_record(session) for session in one.sessions],
        "sessions_without_bars": [str(day) for day in one.without_bars],
        "bars_off_session": [
            {"date": str(day), "bars": bars} for day, bars in sorted(one.off_session.items())
        ],
        "odd": dict(one.odd),
        "unreadable": one.unreadable,
        "remarks": remarks(findings),
        "warnings": warnings_of(findings),
    }


def _session_record(one: SessionMinutes) -> dict[str, object]:
    return {
        "session": str(one.session.day),
        "minutes": one.minutes,
        "bars": one.bars,
        "missing": one.missing,
        "before": one.before,
        "after": one.after,
        "gaps": [
            {"start": new_york(gap.start_ns).isoformat(), "minutes": gap.minutes}
            for gap in one.gaps
        ],
    }
