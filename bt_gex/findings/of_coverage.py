"""What is missing or odd in recorded data: in a blackbox, and in a folder of bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from bt_gex.bars.coverage import SymbolCoverage
from bt_gex.blackbox.coverage_records import KEYS, QUOTES, IndexCoverage, SessionCoverage
from bt_gex.blackbox.quote_widths import WidthBand
from bt_gex.findings.finding import Finding, count, of
from bt_gex.market.calendar import WEEKDAYS, new_york
from bt_gex.market.indexes import BUILT_IN
from bt_gex.sessions.gaps import GAP_S, Gap

WELL_PRICED = 0.95
NAMED_DAYS = 5
MANY_WITHOUT_BID = 0.10  # of the quotes
CHEAP_BANDS = 2  # the first bands of mids, in which a tick is much of the price
WIDE_PCT, FEW_QUOTES = 15.0, 100  # width in percent of mid, of at least so many quotes
# Irregularity -> what it is, and what a replay makes of it.
ODD_WORDS = {
    "crossed": ("Crossed quotes (bid above ask)", "a replay sees no quote there"),
    "locked": ("Locked quotes (bid equal to ask)", "used as recorded"),
    "null_bid": ("Quotes without a bid", "the bid counts as 0"),
    "null_ask": ("Quotes without an ask", "a replay sees no quote there"),
    "ask_not_positive": ("Quotes with an ask of 0 or less", "a replay sees no quote there"),
    "negative_bid": ("Quotes with a negative bid", "used as recorded"),
    "one_sided": (
        "Quotes without a bid under an ask too high for that",
        "a replay sees no quote there",
    ),
    "contradictory": (
        "Verticals of neighbouring strikes, counted on each bar, whose quotes contradict each "
        "other",
        "a replay gives such a spread no price",
    ),
    "unknown_option": ("Quotes of no known option type or strike", "not used"),
    "null_index_price": ("Context rows without an index price", "the newest that has one counts"),
    "null_vix": ("Context rows without a VIX", "the newest that has one counts"),
}
RECORD_AGAIN = "Record these sessions again, or leave them out with --start and --end."
CORRECT = "Correct or delete these rows if they are no slip of the recorder's."
LOOK = "Look at the sessions before relying on a run over them."
EXPECT_SKIPS = "Expect skipped checks and bars without a price there, or leave the days out."


def findings_of_coverage(index: IndexCoverage) -> list[Finding]:
    """What is missing or odd in the sessions of an index."""
    kinds = (_absent, _incomplete, _thin, _wide, _odd, _stray, _expirations)
    return [finding for kind in kinds for finding in kind(index)]


def _absent(index: IndexCoverage) -> Iterator[Finding]:
    if index.without_rows:
        missing = count(len(index.without_rows), "session")
        yield Finding(
            kind="no_rows",
            text=f"No rows between open and close on {missing}: {named_days(index.without_rows)}.",
            next_step="A run lists them as `no data`; fill them in if the recorder has them.",
        )
    elif not index.sessions:
        whole_range = index.start and index.end
        nothing = "session (weekends or holidays)" if whole_range else "rows"
        yield Finding(
            kind="no_rows",
            text=f"These dates hold no {nothing}.",
            next_step="Give other dates.",
        )
    for one in index.sessions:
        for reason in one.unreadable:
            yield Finding(
                kind="unreadable",
                text=f"{named_day(one.session.day)} can't be replayed: {reason}.",
                next_step="Correct or delete the rows named.",
            )


def _incomplete(index: IndexCoverage) -> Iterator[Finding]:
    """Sessions that have some rows and lack others."""
    whole = [s for s in index.sessions if any(s.rows.values()) and not s.unreadable]
    if days := [s.session.day for s in whole if not s.rows[QUOTES]]:
        where = f"{count(len(days), 'session')}: {named_days(days)}"
        yield Finding(
            kind="no_quotes",
            text=f"Other rows but no quotes on {where}.",
            next_step=RECORD_AGAIN,
        )
    yield from _pins(index, whole)


def _pins(index: IndexCoverage, whole: Sequence[SessionCoverage]) -> Iterator[Finding]:
    """Sessions without recorded peaks."""
    if days := [s.session.day for s in whole if s.pins == "none"]:
        where = f"{count(len(days), 'session')}: {named_days(days)}"
        yield Finding(
            kind="no_pins",
            text=f"No gamma peaks and no chain to compute them from on {where}.",
            next_step="Every check is skipped there; record option chains.",
        )
    if days := [s.session.day for s in whole if s.pins == "computed"]:
        known = index.symbol in BUILT_IN or index.symbol in index.params.indexes
        guess = f"; peaks of {index.symbol} are sought where those of an SPX would be"
        yield Finding(
            kind="computed_pins",
            text=f"No gamma peaks on {count(len(days), 'session')}, so the pin is computed from "
            f"the chains: {named_days(days)}{'' if known else guess}.",
            next_step="Check that the chains' open interest and gamma are the recorder's."
            if known
            else f"Give the facts of {index.symbol} under indexes: of a configuration file.",
        )


def _thin(index: IndexCoverage) -> Iterator[Finding]:
    gaps = {s.session.day: len(s.gaps) for s in index.sessions}
    if longest := longest_gap(index):
        since = new_york(longest.start_ns)
        yield Finding(
            kind="gaps",
            text=f"Gaps of more than {GAP_S} s in the quotes: {_where(gaps)}; the longest "
            f"{length(longest.length_s)}, {named_day(since.date())} from {since:%H:%M:%S}.",
            next_step=EXPECT_SKIPS,
        )
    poor = {s.session.day: s.bars_priced / s.session.bars for s in index.sessions}
    poor = {day: share for day, share in poor.items() if share < WELL_PRICED}
    if poor:
        worst = min(poor, key=lambda day: poor[day])
        yield Finding(
            kind="poorly_priced",
            text=f"Fewer than {100 * WELL_PRICED:g} % of the bars are priced on "
            f"{count(len(poor), 'session')}, fewest on {named_day(worst)} "
            f"({100 * poor[worst]:.1f} %).",
            next_step=EXPECT_SKIPS,
        )
    for value, name in (("price", "index price"), ("vix", "VIX"), ("pin", "pin")):
        checks = {s.session.day: [getattr(c, value) for c in s.checks] for s in index.sessions}
        lacking = {day: known.count(False) for day, known in checks.items()}
        if any(lacking.values()):
            yield Finding(
                kind="no_context",
                text=f"Check times without {name}: {_where(lacking)}.",
                next_step="Nothing is entered then; a larger data.context_max_age_s bridges gaps.",
            )


def _wide(index: IndexCoverage) -> Iterator[Finding]:
    """Quotes without a bid, and quotes too wide to trade at."""
    bands = index.totals().widths
    quotes, without = sum(b.quotes for b in bands), sum(b.without_bid for b in bands)
    if quotes and without >= MANY_WITHOUT_BID * quotes:
        dear = sum(band.without_bid for band in bands[1:])
        yield Finding(
            kind="without_bid",
            text=f"{of(without, quotes, 'quote')} have no bid, {dear or 'none'} of them with a mid "
            f"of {_points(bands[1].low_pts)} or more.",
            next_step="A leg without a bid is valued at half its ask: look for the finding no_bid "
            "in runs.",
        )
    wide = [band for band in bands[CHEAP_BANDS:] if _is_wide(band)]
    if wide:
        named = "; ".join(
            f"{_points(b.quantile_pts(0.5))} wide in the median at a mid of {band_name(b)} "
            f"({b.width_pct:.0f} % of mid)"
            for b in wide
        )
        yield Finding(
            kind="wide_quotes",
            text=f"Quotes are wide: {named}.",
            next_step="What fills cost decides there: see bt-gex costs, or refuse such quotes with "
            "data.max_spread_pct.",
        )


def _is_wide(band: WidthBand) -> bool:
    enough = band.quotes - band.without_bid >= FEW_QUOTES
    return enough and band.width_pct is not None and band.width_pct > WIDE_PCT


def _odd(index: IndexCoverage) -> Iterator[Finding]:
    for name, (words, then) in ODD_WORDS.items():
        odd = {s.session.day: s.odd[name] for s in index.sessions}
        if any(odd.values()):
            yield Finding(kind=name, text=f"{words}: {_where(odd)}; {then}.", next_step=CORRECT)
    for table in KEYS:
        repeated = {s.session.day: s.duplicates[table] for s in index.sessions}
        if any(repeated.values()):
            yield Finding(
                kind="duplicates",
                text=f"Rows of {table} with the key and instant of another one: "
                f"{_where(repeated)}; the last one written counts.",
                next_step=CORRECT,
            )


def _stray(index: IndexCoverage) -> Iterator[Finding]:
    for words, rows in (
        ("before the open", {s.session.day: sum(s.before.values()) for s in index.sessions}),
        ("after the close", {s.session.day: sum(s.after.values()) for s in index.sessions}),
        ("on days without a session", {d: sum(r.values()) for d, r in index.off_session.items()}),
    ):
        if any(rows.values()):
            yield Finding(
                kind="outside_sessions",
                text=f"Rows {words}: {_where(rows)}; not used.",
                next_step="Many of them mean that the stamps are in another time zone.",
            )


def _expirations(index: IndexCoverage) -> Iterator[Finding]:
    chains = {s.session.day: s.expirations for s in index.sessions if s.expirations}
    if days := [day for day, expirations in chains.items() if len(expirations) > 1]:
        yield Finding(
            kind="expirations",
            text=f"Chains of several expirations on {count(len(days), 'session')}: "
            f"{named_days(days)}; quotes carry no expiration, so theirs may be mixed.",
            next_step=LOOK,
        )
    if days := [
        d for d, expirations in chains.items() if str(d) not in {e[:10] for e in expirations}
    ]:
        where = f"{count(len(days), 'session')}: {named_days(days)}"
        yield Finding(
            kind="expirations",
            text=f"No chain expiring that day on {where}.",
            next_step=LOOK,
        )


def findings_of_bars(one: SymbolCoverage) -> list[Finding]:
    """What is missing or odd in the bars of a symbol."""
    return list(_of_bars(one))


def _of_bars(one: SymbolCoverage) -> Iterator[Finding]:
    if one.unreadable:
        yield Finding(
            kind="unreadable",
            text=f"{one.unreadable}.",
            next_step="Correct the file; nothing of it is used.",
        )
    if one.without_bars:
        missing = count(len(one.without_bars), "session")
        yield Finding(
            kind="no_rows",
            text=f"No bar between open and close on {missing}: {named_days(one.without_bars)}.",
            next_step="They are not filled in; get them, or leave the days out.",
        )
    if one.off_session:
        days = sorted(one.off_session)
        stray = sum(one.off_session.values())
        yield Finding(
            kind="outside_sessions",
            text=f"{stray:,} bars on days without a session: {named_days(days)}; not used.",
            next_step="Many of them mean that the stamps are in another time zone.",
        )
    for name, times in one.odd.items():
        yield Finding(
            kind="odd_bars", text=f"{name.capitalize()}: {count(times, 'row')}.", next_step=CORRECT
        )


def _where(counts: Mapping[date, int]) -> str:
    """`68 on Wed 2021-01-06`, or `84 on 2 sessions, most on Wed 2021-01-06 (68)`."""
    total, days = sum(counts.values()), [day for day, n in counts.items() if n]
    most = max(days, key=lambda day: counts[day])
    if len(days) == 1:
        return f"{total:,} on {named_day(most)}"
    return f"{total:,} on {len(days):,} days, most on {named_day(most)} ({counts[most]:,})"


def named_days(days: Sequence[date]) -> str:
    """`Wed 2021-01-06, Fri 2021-01-08`, the first few of them."""
    named = ", ".join(map(named_day, days[:NAMED_DAYS]))
    return named if len(days) <= NAMED_DAYS else f"{named} and {len(days) - NAMED_DAYS:,} more"


def named_day(day: date) -> str:
    """`Wed 2021-01-06`."""
    return f"{WEEKDAYS[day.weekday()]} {day}"


def length(seconds: float) -> str:
    """4m50s, from an hour on 1h05m."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def longest_gap(index: IndexCoverage) -> Gap | None:
    """The first of the longest gaps of all sessions."""
    gaps = (gap for one in index.sessions for gap in one.gaps)
    return max(gaps, key=lambda gap: gap.length_s, default=None)


def band_name(band: WidthBand) -> str:
    """`1.00 to 3.00`; `30.00 and more`."""
    if band.high_pts is None:
        return f"{_points(band.low_pts)} and more"
    return f"{_points(band.low_pts)} to {_points(band.high_pts)}"


def _points(points: float | None) -> str:
    return "none" if points is None else f"{points:,.2f}"
