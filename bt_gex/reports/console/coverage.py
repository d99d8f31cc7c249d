"""What a blackbox holds: tables, plain sentences on what is missing or odd, and a JSON record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bt_gex.blackbox.coverage import NEAR
from bt_gex.blackbox.coverage_records import KEYS, QUOTES, Check, IndexCoverage, SessionCoverage
from bt_gex.market.calendar import WEEKDAYS, new_york
from bt_gex.market.indexes import BUILT_IN
from bt_gex.reports.words import NOTHING, count, percent
from bt_gex.sessions.day import LoadParams
from bt_gex.sessions.gaps import GAP_S, Gap

WELL_PRICED = 0.95
NAMED_DAYS = 5
# Oddity -> what it is, and what a replay makes of it.
ODD_WORDS = {
    "crossed": ("Crossed quotes (bid above ask)", "a replay sees no quote there"),
    "locked": ("Locked quotes (bid equal to ask)", "used as recorded"),
    "null_bid": ("Quotes without a bid", "the bid counts as 0"),
    "null_ask": ("Quotes without an ask", "a replay sees no quote there"),
    "ask_not_positive": ("Quotes with an ask of 0 or less", "a replay sees no quote there"),
    "negative_bid": ("Quotes with a negative bid", "used as recorded"),
    "unknown_option": ("Quotes of no known option type or strike", "not used"),
    "null_index_price": ("Context rows without an index price", "the newest that has one counts"),
    "null_vix": ("Context rows without a VIX", "the newest that has one counts"),
}


def print_coverage(found: Sequence[IndexCoverage], database: str, console: Console) -> None:
    """Tables and sentences of every index, and last what the columns mean."""
    if not found:
        console.print(Text(f"{database}: holds no rows at all"))
    for index in found:
        console.print(Text(verdict(index), style="bold"))
        console.print()
        if index.sessions:
            for table in (_quotes(index), _context(index), *_missing(index)):
                console.print(table)
                console.print()
        lines = Table.grid(padding=(0, 1, 0, 0))
        lines.add_column()
        lines.add_column(overflow="fold")
        for remark in remarks(index):
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
            NOTHING if one.cadence_s is None else f"{one.cadence_s:.3g} s",
            f"{len(one.gaps):,}",
            f"{_length(gap.length_s)} from {_clock(gap.start_ns)}" if gap else "",
            percent(one.bars_priced / one.session.bars),
            f"{one.strikes[2]:,}" if one.strikes else "0",
        )
    totals, longest = index.totals(), _longest_gap(index)
    cells = [f"{totals.rows[QUOTES]:,}", "", "", "", f"{totals.gaps:,}"]
    cells += [_length(longest.length_s) if longest else ""]
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


def remarks(index: IndexCoverage) -> list[str]:
    """What is missing or odd, a sentence each; one that says so when nothing is."""
    kinds = (_absent, _incomplete, _thin, _odd, _stray, _expirations)
    found = [sentence for kind in kinds for sentence in kind(index)]
    return found or ["Nothing is missing or odd."]


def _absent(index: IndexCoverage) -> Iterator[str]:
    if index.without_rows:
        missing = count(len(index.without_rows), "session")
        yield f"No rows between open and close on {missing}: {named_days(index.without_rows)}."
    elif not index.sessions:
        whole_range = index.start and index.end
        yield f"These dates hold no {'session (weekends or holidays)' if whole_range else 'rows'}."
    for one in index.sessions:
        for reason in one.unreadable:
            yield f"{named_day(one.session.day)} can't be replayed: {reason}."


def _incomplete(index: IndexCoverage) -> Iterator[str]:
    """Sessions that have some rows and lack others."""
    whole = [s for s in index.sessions if any(s.rows.values()) and not s.unreadable]
    if days := [s.session.day for s in whole if not s.rows[QUOTES]]:
        yield f"Other rows but no quotes on {count(len(days), 'session')}: {named_days(days)}."
    if days := [s.session.day for s in whole if s.pins == "none"]:
        where = f"{count(len(days), 'session')}: {named_days(days)}"
        yield f"No gamma peaks and no chain to compute them from on {where}."
    if days := [s.session.day for s in whole if s.pins == "computed"]:
        known = index.symbol in BUILT_IN or index.symbol in index.params.indexes
        guess = f"; peaks of {index.symbol} are sought where those of an SPX would be"
        yield (
            f"No gamma peaks on {count(len(days), 'session')}, so the pin is computed from the "
            f"chains: {named_days(days)}{'' if known else guess}."
        )


def _thin(index: IndexCoverage) -> Iterator[str]:
    gaps = {s.session.day: len(s.gaps) for s in index.sessions}
    if longest := _longest_gap(index):
        since = new_york(longest.start_ns)
        yield (
            f"Gaps of more than {GAP_S} s in the quotes: {_where(gaps)}; the longest "
            f"{_length(longest.length_s)}, {named_day(since.date())} from {since:%H:%M:%S}."
        )
    poor = {s.session.day: s.bars_priced / s.session.bars for s in index.sessions}
    poor = {day: share for day, share in poor.items() if share < WELL_PRICED}
    if poor:
        worst = min(poor, key=lambda day: poor[day])
        yield (
            f"Fewer than {100 * WELL_PRICED:g} % of the bars are priced on "
            f"{count(len(poor), 'session')}, fewest on {named_day(worst)} ({percent(poor[worst])})."
        )
    for value, name in (("price", "index price"), ("vix", "VIX"), ("pin", "pin")):
        checks = {s.session.day: [getattr(c, value) for c in s.checks] for s in index.sessions}
        lacking = {day: known.count(False) for day, known in checks.items()}
        if any(lacking.values()):
            yield f"Check times without {name}: {_where(lacking)}."


def _odd(index: IndexCoverage) -> Iterator[str]:
    for name, (words, then) in ODD_WORDS.items():
        odd = {s.session.day: s.odd[name] for s in index.sessions}
        if any(odd.values()):
            yield f"{words}: {_where(odd)}; {then}."
    for table in KEYS:
        repeated = {s.session.day: s.duplicates[table] for s in index.sessions}
        if any(repeated.values()):
            yield (
                f"Rows of {table} with the key and instant of another one: {_where(repeated)}; "
                "the last one written counts."
            )


def _stray(index: IndexCoverage) -> Iterator[str]:
    for words, rows in (
        ("before the open", {s.session.day: sum(s.before.values()) for s in index.sessions}),
        ("after the close", {s.session.day: sum(s.after.values()) for s in index.sessions}),
        ("on days without a session", {d: sum(r.values()) for d, r in index.off_session.items()}),
    ):
        if any(rows.values()):
            yield f"Rows {words}: {_where(rows)}; not used."


def _expirations(index: IndexCoverage) -> Iterator[str]:
    chains = {s.session.day: s.expirations for s in index.sessions if s.expirations}
    if days := [day for day, expirations in chains.items() if len(expirations) > 1]:
        yield (
            f"Chains of several expirations on {count(len(days), 'session')}: {named_days(days)}; "
            "quotes carry no expiration, so theirs may be mixed."
        )
    if days := [
        d for d, expirations in chains.items() if str(d) not in {e[:10] for e in expirations}
    ]:
        yield f"No chain expiring that day on {count(len(days), 'session')}: {named_days(days)}."


def _where(counts: Mapping[date, int]) -> str:
    """`68 on Wed 2021-01-06`, or `84 on 2 sessions, most on Wed 2021-01-06 (68)`."""
    total, days = sum(counts.values()), [day for day, n in counts.items() if n]
    most = max(days, key=lambda day: counts[day])
    if len(days) == 1:
        return f"{total:,} on {named_day(most)}"
    return f"{total:,} on {len(days):,} days, most on {named_day(most)} ({counts[most]:,})"


def named_days(days: Sequence[date]) -> str:
    named = ", ".join(map(named_day, days[:NAMED_DAYS]))
    return named if len(days) <= NAMED_DAYS else f"{named} and {len(days) - NAMED_DAYS:,} more"


def named_day(day: date) -> str:
    return f"{WEEKDAYS[day.weekday()]} {day}"


def _clock(ns: int | None) -> str:
    return NOTHING if ns is None else f"{new_york(ns):%H:%M:%S}"


def _length(seconds: float) -> str:
    """4m50s, from an hour on 1h05m."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def _longest_gap(index: IndexCoverage) -> Gap | None:
    gaps = (gap for one in index.sessions for gap in one.gaps)
    return max(gaps, key=lambda gap: gap.length_s, default=None)


def plain_table(*columns: str) -> Table:
    """A plain table; `>` before a name aligns its column to the right."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(Text(name.removeprefix(">")), justify=justify, overflow="fold")
    return table


def record(found: Iterable[IndexCoverage], database: str) -> dict[str, Any]:
    """The same as plain values for JSON: no NaN, null where there is nothing.

    database  as given, without a password
    indexes   one object each:
      index, start, end         symbol and dates covered (null: no rows)
      totals                    rows by table, rows_outside, bars, bars_priced, priced_pct, gaps,
                                checks, checks_ready, odd, duplicates
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
        expirations, unreadable texts
      sessions_without_rows     dates
      rows_off_session          date and rows by table of each day that is no session
      remarks                   the sentences

    Dates are YYYY-MM-DD, times ISO 8601 with New York's offset, *_s seconds, *_pct percents.
    """
    return {"database": database, "indexes": [_index_record(index) for index in found]}


def _index_record(index: IndexCoverage) -> dict[str, Any]:
    totals = index.totals()
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
        },
        "sessions": [_session_record(one) for one in index.sessions],
        "sessions_without_rows": [str(day) for day in index.without_rows],
        "rows_off_session": [
            {"date": str(day), "rows": rows} for day, rows in index.off_session.items()
        ],
        "remarks": remarks(index),
    }


def _session_record(one: SessionCoverage) -> dict[str, Any]:
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
        "expirations": list(one.expirations),
        "unreadable": list(one.unreadable),
    }


def _gap_record(gap: Gap) -> dict[str, Any]:
    return {"start": _iso(gap.start_ns), "length_s": gap.length_s}


def _iso(ns: int | None) -> str | None:
    return None if ns is None else new_york(ns).isoformat()


def _pct(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 4) if whole else None
