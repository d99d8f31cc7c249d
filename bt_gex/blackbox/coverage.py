"""What a blackbox holds, session by session, and how good it is for a replay.

A session's rows are those from its open to its close, both included, as in a replay. Its other
rows of that New York day are before the open or after the close; rows of a day without a session
are kept apart. Nothing here is a decision, so hindsight is allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.exc import SQLAlchemyError

from bt_gex.blackbox.coverage_records import (
    KEYS,
    ODD_CONTEXT,
    ODD_QUOTES,
    QUOTES,
    STANDARD,
    Check,
    CoverageParams,
    IndexCoverage,
    SessionCoverage,
    TableRows,
)
from bt_gex.blackbox.quote_widths import bands_of
from bt_gex.blackbox.reader import Blackbox
from bt_gex.errors import DataError
from bt_gex.market.calendar import NEW_YORK, NS, Session, instant_ns, new_york, sessions
from bt_gex.market.contracts import Right
from bt_gex.market.indexes import BUILT_IN, Index
from bt_gex.market.quotes import Prices, QuoteLimits, contradictory
from bt_gex.market.settlement import PARITY_WINDOW
from bt_gex.rules.gex.exits import end_of_day_ns
from bt_gex.sessions.day import Day, LoadParams, load_day, on_grid
from bt_gex.sessions.gaps import find_gaps
from bt_gex.sessions.rows import (
    NO_ROWS,
    LegKey,
    LegRows,
    Series,
    describe,
    split_quotes,
)

NEAR = PARITY_WINDOW
FIRST_YEAR, LAST_YEAR = 1900, 2200  # well within the calendar and 64-bit nanoseconds

Progress = Callable[[str, date], None]


def read_coverage(
    box: Blackbox,
    indexes: Sequence[str] = (),
    start: date | None = None,
    end: date | None = None,
    progress: Progress | None = None,
    params: CoverageParams = STANDARD,
) -> list[IndexCoverage]:
    """Look at every session of the indexes (all of them when none is named), one at a time.

    start, end  session dates, both inclusive; without one, as far as there are rows
    progress    told the index and day that is read next

    Raises DataError for an index without rows and for a timestamp that can't be placed in time.
    """
    if start and end:
        sessions(start, end)  # refuses an end before the start
    for symbol in indexes:
        box.require_index(symbol)
    symbols = list(dict.fromkeys(indexes)) or box.indexes()
    days = [day for day in _days(box) if (start or day) <= day <= (end or day)]
    if days:
        box.check_zone(sessions(days[0], days[-1]))
    return [_read_index(box, symbol, days, (start, end), progress, params) for symbol in symbols]


def _days(box: Blackbox) -> list[date]:
    """New York days on which any table has a row of any index."""
    found: set[date] = set()
    for table in KEYS:
        for ns, raw in box.catalogue(table).by_instant:
            year = 1970 + ns / NS / 31_556_952
            if not FIRST_YEAR < year < LAST_YEAR:
                raise DataError(
                    f"{box.name}, table {table}: timestamp {raw!r} lies outside "
                    f"{FIRST_YEAR} to {LAST_YEAR}; correct or delete its rows"
                )
            found.add(new_york(ns).date())
    return sorted(found)


def _read_index(
    box: Blackbox,
    symbol: str,
    days: Iterable[date],
    asked: tuple[date | None, date | None],
    progress: Progress | None,
    params: CoverageParams,
) -> IndexCoverage:
    found: list[SessionCoverage] = []
    off_session: dict[date, TableRows] = {}
    for day in days:
        if progress:
            progress(symbol, day)
        unreadable: list[str] = []
        rows = _read_day(box, symbol, day, unreadable)
        session = next(iter(sessions(day, day)), None)
        if not unreadable and not any(map(len, rows.values())):
            continue
        if session is None:
            off_session[day] = {table: len(series) for table, series in rows.items()}
            continue
        index = params.indexes.get(symbol) or BUILT_IN.get(symbol, Index(symbol=symbol))
        known = _load(box, index, session, params.load, unreadable)
        found.append(measure(session, rows, known, index, unreadable, params))
    with_rows = [one.session.day for one in found if any(one.rows.values())]
    start, end = _dates(asked, with_rows)
    return IndexCoverage(
        symbol=symbol,
        start=start,
        end=end,
        sessions=tuple(found),
        without_rows=_without_rows(start, end, set(with_rows)),
        off_session=off_session,
        params=params,
    )


def _dates(
    asked: tuple[date | None, date | None], with_rows: Sequence[date]
) -> tuple[date | None, date | None]:
    """First and last date: as asked, else of the first and last session with rows."""
    start, end = asked
    return (
        start or (with_rows[0] if with_rows else None),
        end or (with_rows[-1] if with_rows else None),
    )


def _without_rows(start: date | None, end: date | None, with_rows: set[date]) -> tuple[date, ...]:
    """The sessions of the dates of which nothing is recorded."""
    expected = sessions(start, end) if start and end and start <= end else []
    return tuple(session.day for session in expected if session.day not in with_rows)


def _read_day(box: Blackbox, symbol: str, day: date, unreadable: list[str]) -> dict[str, Series]:
    """Rows of a New York day by table, from midnight to midnight."""
    first, after = (
        instant_ns(datetime.combine(d, time(), tzinfo=NEW_YORK))
        for d in (day, day + timedelta(days=1))
    )
    whole_day = Session(day, first, after - 1)
    rows: dict[str, Series] = {}
    for table, key in KEYS.items():
        columns = (*key, "bid", "ask") if table == QUOTES else key
        try:
            rows[table] = box.rows(table, symbol, whole_day, columns)
        except DataError as error:
            _note(error, unreadable)
            nothing: dict[str, npt.NDArray[Any]] = {name: np.empty(0) for name in ("id", *columns)}
            rows[table] = Series(np.empty(0, np.int64), nothing)
    return rows


def _load(
    box: Blackbox, index: Index, session: Session, params: LoadParams, unreadable: list[str]
) -> Day | None:
    """What a replay knows at each bar, by the replay's own reader."""
    try:
        return load_day(box.session_rows(index.symbol, session), index, params)
    except DataError as error:
        _note(error, unreadable)
        return None


def _note(error: DataError, unreadable: list[str]) -> None:
    """A row that can't be read is a finding; a database that can't be read is an error."""
    if isinstance(error.__cause__, SQLAlchemyError):
        raise error
    if str(error) not in unreadable:
        unreadable.append(str(error))


def measure(
    session: Session,
    rows: Mapping[str, Series],
    known: Day | None,
    index: Index,
    unreadable: Sequence[str] = (),
    params: CoverageParams = STANDARD,
) -> SessionCoverage:
    """Measure one session.

    rows   of the whole day, by table
    known  index price, VIX and pin as of the bars; None when they can't be read
    """
    inside, before, after = {}, {}, {}
    for table, series in rows.items():
        early, late = series.stamps < session.open_ns, series.stamps > session.close_ns
        inside[table] = series.where(~early & ~late)
        before[table], after[table] = int(early.sum()), int(late.sum())
    counts: Counter[str] = Counter(known.counts if known else {})
    quotes = split_quotes(inside[QUOTES])
    legs = dict(quotes.items())
    counts["no such option"] = quotes.unknown
    limits = params.load.limits(index)
    for leg in legs.values():
        describe(leg, counts, limits)
    level = _level(known)
    near = near_strikes(legs, level)
    age_s = params.load.quote_max_age_s
    counts["contradictory verticals"] = contradictory_verticals(legs, near, session, age_s, limits)
    stamps = np.unique(inside[QUOTES].stamps)
    strikes = [strike for strike, _ in legs]
    return SessionCoverage(
        session=session,
        rows={table: len(series) for table, series in inside.items()},
        before=before,
        after=after,
        first_quote_ns=int(stamps[0]) if len(stamps) else None,
        last_quote_ns=int(stamps[-1]) if len(stamps) else None,
        cadence_s=float(np.median(np.diff(stamps))) / NS if len(stamps) > 1 else None,
        gaps=find_gaps(stamps, session),
        bars_priced=bars_priced(legs, level, session, age_s, limits),
        strikes=(min(strikes), max(strikes), len(set(strikes))) if strikes else None,
        checks=_checks(session, known, params),
        pins=known.peaks if known else "none",
        odd={ours: counts[name] for ours, name in {**ODD_QUOTES, **ODD_CONTEXT}.items()},
        duplicates={
            table: counts["duplicate quotes"] if table == QUOTES else _repeated(inside[table], key)
            for table, key in KEYS.items()
        },
        widths=bands_of(quotes.bid, quotes.ask, index.scale),
        expirations=tuple(sorted({str(e) for e in inside["options_snapshots"]["expiration"]})),
        unreadable=tuple(unreadable),
    )


def bars_priced(
    legs: Mapping[LegKey, LegRows],
    level: Prices,
    session: Session,
    max_age_s: float,
    limits: QuoteLimits,
) -> int:
    """Bars at which a strike near the level has both a valid call and a valid put quote.

    max_age_s, limits  how old a quote may be and what it must keep to, as in a replay

    Near: within NEAR of it; where the level is NaN every strike is.
    """
    grid = session.grid()[:-1]
    priced: npt.NDArray[np.bool_] = np.zeros(len(grid), dtype=np.bool_)
    for strike in {strike for strike, _ in legs}:
        near = ~(np.abs(strike - level) > NEAR * level)
        if not (near & ~priced).any():
            continue
        call, put = (
            on_grid(legs.get((strike, right), NO_ROWS), grid, max_age_s, limits).mid
            for right in ("C", "P")
        )
        priced |= near & ~np.isnan(call + put)
    return int(priced.sum())


def near_strikes(legs: Iterable[LegKey], level: Prices) -> list[float]:
    """Strikes that are near the level on some bar, ascending; all of them where it is unknown."""
    known = level[~np.isnan(level)]
    strikes = sorted({strike for strike, _ in legs})
    if not len(known):
        return strikes
    low, high = (1 - NEAR) * float(known.min()), (1 + NEAR) * float(known.max())
    return [strike for strike in strikes if low <= strike <= high]


def contradictory_verticals(
    legs: Mapping[LegKey, LegRows],
    strikes: Sequence[float],
    session: Session,
    max_age_s: float,
    limits: QuoteLimits,
) -> int:
    """Verticals of neighbouring strikes, counted on each bar, whose quotes no price agrees with."""
    grid, found = session.grid()[:-1], 0
    sides: tuple[tuple[Right, Sequence[float]], ...] = (("C", strikes), ("P", strikes[::-1]))
    for right, order in sides:
        listed = [(strike, legs[strike, right]) for strike in order if (strike, right) in legs]
        quotes = [(strike, on_grid(rows, grid, max_age_s, limits)) for strike, rows in listed]
        for (sold, short), (bought, long) in pairwise(quotes):
            with np.errstate(invalid="ignore"):
                bad = contradictory(short.bid, short.ask, long.bid, long.ask, abs(bought - sold))
            found += int(np.count_nonzero(bad))
    return found


def _level(known: Day | None) -> Prices:
    """At each bar the newest index price, else pin, of any age; before the first of them that one.

    A recorder writes the first some minutes after the open, when the chain has long been there.
    """
    if known is None:
        return np.array(np.nan)
    level = np.where(np.isnan(known.spot), known.pin, known.spot)[:-1]
    there = np.flatnonzero(~np.isnan(level))
    if not len(there):
        return level
    newest = np.searchsorted(there, np.arange(len(level)), side="right") - 1
    return level[there[np.maximum(newest, 0)]]


def _checks(session: Session, known: Day | None, params: CoverageParams) -> tuple[Check, ...]:
    """The check times of this session that lie before its end-of-day exit."""
    end_of_day = end_of_day_ns(session, params.exit)
    values = (known.spot, known.vix, known.pin) if known else ()
    found = []
    for at in params.entry.times:
        row = session.bar_at(at)
        if row is not None and session.grid()[row] < end_of_day:
            there = [not np.isnan(value[row]) for value in values] or [False] * 3
            found.append(Check(at, *there))
    return tuple(found)


def _repeated(rows: Series, key: Iterable[str]) -> int:
    columns: list[list[object]] = [rows.stamps.tolist(), *(rows[name].tolist() for name in key)]
    return len(rows) - len(set(zip(*columns, strict=True)))
