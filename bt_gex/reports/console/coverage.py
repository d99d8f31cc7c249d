"""What a blackbox holds: tables, plain sentences on what is missing or odd, and a JSON record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bt_gex.blackbox.coverage import NEAR
from bt_gex.blackbox.coverage_records import KEYS, QUOTES, Check, IndexCoverage, SessionCoverage
from bt_gex.blackbox.gap_causes import GapCause
from bt_gex.blackbox.quote_widths import WidthBand
from bt_gex.findings.finding import Finding
from bt_gex.findings.of_coverage import (
    band_name,
    findings_of_coverage,
    length,
    longest_gap,
    named_day,
)
from bt_gex.market.calendar import new_york
from bt_gex.reports.as_json import warnings_of
from bt_gex.reports.words import NOTHING, count, percent
from bt_gex.sessions.day import LoadParams
from bt_gex.sessions.gaps import GAP_S, Gap

NOTHING_FOUND = "Nothing is missing or odd."


def print_coverage(found: Sequence[IndexCoverage], database: str, console: Console) -> None:
    """Tables and sentences of every index, and last what the columns mean."""
    if not found:
        console.print(Text(f"{database}: holds no rows at all"))
    for index in found:
        console.print(Text(verdict(index), style="bold"))
        console.print()
        if index.sessions:
            for table in (_quotes(index), _widths(index), _context(index), *_missing(index)):
                console.print(table)
                console.print()
        lines = Table.grid(padding=(0, 1, 0, 0))
        lines.add_column()
        lines.add_column(overflow="fold")
        for remark in remarks(findings_of_coverage(index)):
            lines.add_row(Text("-"), Text(remark))
        console.print(lines)
        console.print()
    if looked_at := [index for index in found if index.sessions]:
        for meaning in meanings(looked_at[0].params.load):
            console.print(Text(meaning, style="dim"))


def meanings(ages: LoadParams) -> tuple[str, ...]:
    """What the columns mean."""
    return (
        f"Gaps: more than {GAP_S} s between open and close without a quote of any option.",
        f"Priced: share of the 30-second bars at which at least one strike within {100 * NEAR:g} % "
        "of the newest index price (or else pin; without either, any strike) has both a valid call "
        "and a valid put quote, the newest of each and at most "
        f"{ages.quote_max_age_s:g} s old.",
        "Checks ready: check times at whose bar index price, VIX and pin are known, at most "
        f"{ages.context_max_age_s:g} s old. Outside: rows of all tables before the open and after "
        "the close; the total has those of days without a session too.",
    )


def verdict(index: IndexCoverage) -> str:
    """The index in one line."""
    dates = dict.fromkeys(str(day) for day in (index.start, index.end) if day)
    head = f"{index.symbol} {' to '.join(dates)}".rstrip()
    if not index.sessions:
        return f"{head}: no rows on any session"
    totals = index.totals()
    return (
        f"{head}: {count(len(index.sessions), 'session')}, "
        f"{count(totals.rows[QUOTES], 'quote')}, "
        f"{percent(totals.bars_priced / totals.bars)} priced, "
        f"{totals.ready:,} of {count(totals.checks, 'check')} ready"
    )


def _quotes(index: IndexCoverage) -> Table:
    names = ("Quotes", "First", "Last", "Every", "Gaps", "Longest gap", "Priced", "Strikes")
    table = plain_table("Session", *(f">{name}" for name in names))
    for one in index.sessions:
        gap = one.longest_gap
        table.add_row(
            named_day(one.session.day),
            f"{one.rows[QUOTES]:,}",
            _clock(one.first_quote_ns),
            _clock(one.last_quote_ns),
            NOTHING if one.cadence_s is None else _cadence(one.cadence_s),
            f"{len(one.gaps):,}",
            f"{length(gap.length_s)} from {_clock(gap.start_ns)}" if gap else "",
            percent(one.bars_priced / one.session.bars),
            f"{one.strikes[2]:,}" if one.strikes else "0",
        )
    totals, longest = index.totals(), longest_gap(index)
    cells = [f"{totals.rows[QUOTES]:,}", "", "", "", f"{totals.gaps:,}"]
    cells += [length(longest.length_s) if longest else ""]
    cells += [percent(totals.bars_priced / totals.bars), ""]
    table.add_section()
    table.add_row("Total", *cells, style="bold")
    return table


def _context(index: IndexCoverage) -> Table:
    tables = [table for table in KEYS if table != QUOTES]
    names = (">Chains", ">Peaks", ">Competing", ">Context", "Pin", ">Checks ready", ">Outside")
    table = plain_table("Session", *names)
    for one in index.sessions:
        table.add_row(
            named_day(one.session.day),
            *(f"{one.rows[name]:,}" for name in tables),
            one.pins,
            f"{sum(check.ready for check in one.checks)} of {len(one.checks)}",
            f"{sum(one.before.values()) + sum(one.after.values()):,}",
        )
    totals = index.totals()
    cells = [*(f"{totals.rows[name]:,}" for name in tables), ""]
    cells += [f"{totals.ready:,} of {totals.checks:,}", f"{totals.outside:,}"]
    table.add_section()
    table.add_row("Total", *cells, style="bold")
    return table


def _missing(index: IndexCoverage) -> Iterator[RenderableType]:
    """Sessions by check time, where something is missing; a letter for each value."""
    lacking = [one for one in index.sessions if not all(check.ready for check in one.checks)]
    if not lacking:
        return
    times = index.params.entry.times
    table = plain_table("Missing", *(f"{at:%H:%M}" for at in times))
    for one in lacking:
        checks = {check.at: check for check in one.checks}
        table.add_row(named_day(one.session.day), *(_letters(checks.get(at)) for at in times))
    yield table
    yield Text("Missing then: I index price, V VIX, P pin; - no check at that time", style="dim")


def _letters(check: Check | None) -> str:
    if check is None:
        return "-"
    there = zip("IVP", (check.price, check.vix, check.pin), strict=True)
    return "".join(letter for letter, known in there if not known)


def _widths(index: IndexCoverage) -> Table:
    """How wide the quotes are, by the price of the option."""
    table = plain_table("Mid, points", ">Quotes", ">No bid", ">Width, median", ">90 %", ">of mid")
    for band in index.totals().widths:
        if band.quotes:
            table.add_row(
                band_name(band),
                f"{band.quotes:,}",
                percent(band.without_bid / band.quotes),
                _points(band.quantile_pts(0.5)),
                _points(band.quantile_pts(0.9)),
                NOTHING if band.width_pct is None else f"{band.width_pct:.1f} %",
            )
    return table


def _points(points: float | None) -> str:
    return NOTHING if points is None else f"{points:,.2f}"


def remarks(findings: Sequence[Finding]) -> list[str]:
    """What is missing or odd, a sentence each; one that says so when nothing is."""
    return [finding.text for finding in findings] or [NOTHING_FOUND]


def cause_lines(causes: Iterable[GapCause]) -> Iterator[str]:
    """Each gap with its cause, where a recorder kept what failed."""
    for one in causes:
        yield (
            f"gap {one.index} {one.session} {length(one.length_s)} from {_clock(one.start_ns)}: "
            f"{one.cause}"
        )


def _cadence(seconds: float) -> str:
    """31 s, 30.5 s, from two minutes on 45m00s."""
    return f"{round(seconds, 1):g} s" if seconds < 120 else length(seconds)


def _clock(ns: int | None) -> str:
    return NOTHING if ns is None else f"{new_york(ns):%H:%M:%S}"


def plain_table(*columns: str) -> Table:
    """A plain table; `>` before a name aligns its column to the right."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(Text(name.removeprefix(">")), justify=justify, overflow="fold")
    return table


def record(found: Iterable[IndexCoverage], database: str) -> dict[str, object]:
    """The same as plain values for JSON: no NaN, null where there is nothing.

    database  as given, without a password
    indexes   one object each:
      index, start, end         symbol and dates covered (null: no rows)
      totals                    rows by table, rows_outside, bars, bars_priced, priced_pct, gaps,
                                checks, checks_ready, odd, duplicates, widths: by band of mids
                                low_pts and high_pts (null: no end), quotes, without_bid,
                                without_bid_pct, median_width_pts, width_90_pct_pts (nine of ten are
                                no wider), width_pct of mid
      sessions                  one object each:
        session, open, close
        rows, rows_before_open, rows_after_close    by table
        first_quote, last_quote, cadence_s
        gaps                    start and length_s of each; longest_gap: one of them
        bars, bars_priced, priced_pct
        strikes, lowest_strike, highest_strike
        checks                  time (New York), index_price, vix, pin: whether it is known then
        pins                    recorded, computed or none
        odd, duplicates         counts by name, counts by table
        widths                  as in totals
        expirations, unreadable texts
      sessions_without_rows     dates
      rows_off_session          date and rows by table of each day that is no session
      remarks                   the sentences
      warnings                  the same, each with kind, text, next_step, trades, order_ids,
                                dollars, share; what is about trades is empty or null

    Dates are YYYY-MM-DD, times ISO 8601 with New York's offset, *_s seconds, *_pct percents.
    """
    return {"database": database, "indexes": [_index_record(index) for index in found]}


def _index_record(index: IndexCoverage) -> dict[str, object]:
    totals, findings = index.totals(), findings_of_coverage(index)
    return {
        "index": index.symbol,
        "start": str(index.start) if index.start else None,
        "end": str(index.end) if index.end else None,
        "totals": {
            "rows": totals.rows,
            "rows_outside": totals.outside,
            "bars": totals.bars,
            "bars_priced": totals.bars_priced,
            "priced_pct": _pct(totals.bars_priced, totals.bars),
            "gaps": totals.gaps,
            "checks": totals.checks,
            "checks_ready": totals.ready,
            "odd": totals.odd,
            "duplicates": totals.duplicates,
            "widths": [_band_record(band) for band in totals.widths],
        },
        "sessions": [_session_record(one) for one in index.sessions],
        "sessions_without_rows": [str(day) for day in index.without_rows],
        "rows_off_session": [
            {"date": str(day), "rows": rows} for day, rows in index.off_session.items()
        ],
        "remarks": remarks(findings),
        "warnings": warnings_of(findings),
    }


def _session_record(one: SessionCoverage) -> dict[str, object]:
    lowest, highest, strikes = one.strikes or (None, None, 0)
    longest = one.longest_gap
    return {
        "session": str(one.session.day),
        "open": _iso(one.session.open_ns),
        "close": _iso(one.session.close_ns),
        "rows": one.rows,
        "rows_before_open": one.before,
        "rows_after_close": one.after,
        "first_quote": _iso(one.first_quote_ns),
        "last_quote": _iso(one.last_quote_ns),
        "cadence_s": one.cadence_s,
        "gaps": [_gap_record(gap) for gap in one.gaps],
        "longest_gap": _gap_record(longest) if longest else None,
        "bars": one.session.bars,
        "bars_priced": one.bars_priced,
        "priced_pct": _pct(one.bars_priced, one.session.bars),
        "strikes": strikes,
        "lowest_strike": lowest,
        "highest_strike": highest,
        "checks": [
            {"time": f"{c.at:%H:%M}", "index_price": c.price, "vix": c.vix, "pin": c.pin}
            for c in one.checks
        ],
        "pins": one.pins,
        "odd": one.odd,
        "duplicates": one.duplicates,
        "widths": [_band_record(band) for band in one.widths],
        "expirations": list(one.expirations),
        "unreadable": list(one.unreadable),
    }


def _band_record(band: WidthBand) -> dict[str, object]:
    return {
        "low_pts": band.low_pts,
        "high_pts": band.high_pts,
        "quotes": band.quotes,
        "without_bid": band.without_bid,
        "without_bid_pct": _pct(band.without_bid, band.quotes),
        "median_width_pts": band.quantile_pts(0.5),
        "width_90_pct_pts": band.quantile_pts(0.9),
        "width_pct": None if band.width_pct is None else round(band.width_pct, 4),
    }


def _gap_record(gap: Gap) -> dict[str, object]:
    return {"start": _iso(gap.start_ns), "length_s": gap.length_s}


def _iso(ns: int | None) -> str | None:
    return None if ns is None else new_york(ns).isoformat()


def _pct(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 4) if whole else None
