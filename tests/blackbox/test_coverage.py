"""What a hand-made blackbox holds. Every expected number is counted from the rows below."""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from bt_gex.blackbox import schema, writer
from bt_gex.blackbox.coverage import (
    bars_priced,
    contradictory_verticals,
    near_strikes,
    read_coverage,
)
from bt_gex.blackbox.reader import Blackbox
from bt_gex.errors import BadValue, DataError
from bt_gex.market.calendar import NEW_YORK, NS, instant_ns, sessions
from bt_gex.market.quotes import NO_LIMITS, QuoteLimits
from bt_gex.sessions.gaps import Gap, find_gaps, gaps_between
from bt_gex.sessions.rows import LegRows, describe

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
DATA = Path(__file__).parents[3] / "shared" / "data"
MONDAY, WEDNESDAY, SATURDAY = date(2026, 1, 12), date(2026, 1, 14), date(2026, 1, 10)
(SESSION,) = sessions(MONDAY, MONDAY)  # 14:30 to 21:00 UTC
NONE = dict.fromkeys(
    (
        "options_snapshots",
        "gex_peaks",
        "competing_peaks",
        "market_context",
        "options_prices_live",
    ),
    0,
)
NOTHING_ODD = {
    "crossed": 0,
    "locked": 0,
    "null_bid": 0,
    "null_ask": 0,
    "ask_not_positive": 0,
    "negative_bid": 0,
    "one_sided": 0,
    "contradictory": 0,
    "unknown_option": 0,
    "null_index_price": 0,
    "null_vix": 0,
}


def quote(stamp, strike, kind, bid, ask, symbol="SPX"):
    return (stamp, symbol, strike, kind, bid, ask, None, None, None, None)


def pair(stamp, strike, symbol="SPX"):
    return [quote(stamp, strike, kind, 2.0, 2.2, symbol) for kind in ("call", "put")]


def context(stamp, price, vix, symbol="SPX"):
    return (stamp, symbol, price, vix, None, None)


def peak(stamp, rank, strike, symbol="SPX"):
    return (stamp, symbol, rank, strike, 1e9, 10.0, 0.2, 1.0)


def chain(stamp, expiration, chain_data="[]"):
    return (stamp, "SPX", 6010.0, 15.0, expiration, chain_data)


QUOTES = [
    quote("2026-01-10 15:00:00", 6000.0, "call", 1.0, 1.1),  # a Saturday
    quote("2026-01-12 14:29:59", 6000.0, "call", 1.0, 1.1),  # before the open
    *pair("2026-01-12 14:30:10", 6000.0),  # bars 09:30:30 to 09:32:00 ...
    *pair("2026-01-12T14:31:10", 6000.0),  # ... and to 09:33:00
    quote("2026-01-12 09:31:10-05:00", 6000.0, "CALL", 2.0, 2.2),  # that call again
    quote("2026-01-12 14:31:10", 6000.0, "straddle", 4.0, 4.4),
    quote("2026-01-12 14:40:10", 6000.0, "C", 2.0, 2.0),  # locked
    quote("2026-01-12 14:40:10", 6000.0, "P", 2.3, 2.2),  # crossed: no bar priced
    quote("2026-01-12 14:40:10", 6005.0, "call", None, 0.1),
    quote("2026-01-12 14:40:10", 6005.0, "put", 0.1, None),
    quote("2026-01-12 14:40:10", 6010.0, "call", None, 0.0),
    quote("2026-01-12 14:40:10", 6010.0, "put", -0.1, 0.1),
    *pair("2026-01-12 14:50:00", 7000.0),  # 1000 points from the index: no bar priced
    quote("2026-01-12 21:00:00", 6000.0, "call", 1.0, 1.1),  # the close still counts
    quote("2026-01-12 21:00:01", 6000.0, "call", 1.0, 1.1),
    quote("2026-01-12 21:00:02", 6000.0, "call", 1.0, 1.1),
    *pair("2026-01-12 15:00:00", 25_000.0, "NDX"),
]
CONTEXT = [
    context("2026-01-12 14:35:30", 6010.0, 15.0),
    context("2026-01-12 15:00:00", 6010.0, None),
    context("2026-01-14 20:00:00", 6020.0, 14.0),
    context("2026-01-19 15:00:00", 6020.0, 14.0),  # Martin Luther King's day
]
PEAKS = [
    peak("2026-01-12 14:35:30", 1, 6005.0),
    peak("2026-01-12 14:35:30", 2, 6025.0),
    peak("2026-01-12 15:20:00", 2, 6025.0),  # no rank 1: no pin
]
CHAINS = [
    chain("2026-01-12 14:35:30", "2026-01-12"),
    chain("2026-01-12 14:35:30", "2026-01-13"),
]
ROWS = {
    schema.quotes: QUOTES,
    schema.context: CONTEXT,
    schema.peaks: PEAKS,
    schema.snapshots: CHAINS,
}


def fill(target, rows=None):
    engine = writer.create(target)
    with engine.begin() as connection:
        for table, batch in (rows or ROWS).items():
            writer.insert(connection, table, batch)
    engine.dispose()
    return target


def look(target, *asked, **options):
    with Blackbox(target) as box:
        return read_coverage(box, *asked, **options)


def clock(hour, minute, second=0, day=MONDAY):
    return instant_ns(datetime.combine(day, time(hour, minute, second), tzinfo=NEW_YORK))


@pytest.fixture(scope="module")
def spx(tmp_path_factory):
    return look(fill(tmp_path_factory.mktemp("coverage") / "hand.db"), ["SPX"])[0]


class TestByHand:
    def test_the_sessions_and_what_lies_between_and_beside_them(self, spx):
        assert (spx.start, spx.end) == (MONDAY, WEDNESDAY)
        assert [one.session.day for one in spx.sessions] == [MONDAY, WEDNESDAY]
        assert spx.without_rows == (date(2026, 1, 13),)
        assert spx.off_session == {
            SATURDAY: {**NONE, "options_prices_live": 1},
            date(2026, 1, 19): {**NONE, "market_context": 1},
        }

    def test_rows_in_before_and_after_the_session(self, spx):
        monday, wednesday = spx.sessions
        assert monday.rows == {
            "options_snapshots": 2,
            "gex_peaks": 3,
            "competing_peaks": 0,
            "market_context": 2,
            "options_prices_live": 15,
        }
        assert monday.before == {**NONE, "options_prices_live": 1}
        assert monday.after == {**NONE, "options_prices_live": 2}
        assert wednesday.rows == {**NONE, "market_context": 1}

    def test_when_quotes_came(self, spx):
        monday = spx.sessions[0]
        assert monday.first_quote_ns == clock(9, 30, 10)
        assert monday.last_quote_ns == clock(16, 0)
        # steps of 60, 540, 590 and 22,200 s
        assert monday.cadence_s == 565.0
        assert monday.gaps == (
            Gap(clock(9, 31, 10), 540.0),
            Gap(clock(9, 40, 10), 590.0),
            Gap(clock(9, 50), 22_200.0),
        )
        assert monday.longest_gap == Gap(clock(9, 50), 22_200.0)

    def test_bars_priced_near_the_index(self, spx):
        # 09:30:30, 31:00, 31:30, 32:00, 32:30 and 33:00
        assert spx.sessions[0].bars_priced == 6

    def test_strikes(self, spx):
        assert spx.sessions[0].strikes == (6000.0, 7000.0, 4)

    def test_what_is_known_at_the_check_times(self, spx):
        monday = {check.at: (check.price, check.vix, check.pin) for check in spx.sessions[0].checks}
        assert len(monday) == 12
        assert monday[time(9, 36)] == (True, True, True)
        assert monday[time(10, 0)] == (True, True, True)
        # the VIX of 09:35:30 and the pin are 54.5 minutes old, the index price 30
        assert monday[time(10, 30)] == (True, False, False)
        assert set(list(monday.values())[3:]) == {(False, False, False)}
        assert [check.at for check in spx.sessions[1].checks if check.price] == [time(15, 0)]

    def test_oddities(self, spx):
        monday = spx.sessions[0]
        assert monday.odd == {
            "crossed": 1,
            "locked": 1,
            "null_bid": 2,
            "null_ask": 1,
            "ask_not_positive": 1,
            "negative_bid": 1,
            "one_sided": 0,
            "contradictory": 0,
            "unknown_option": 1,
            "null_index_price": 0,
            "null_vix": 1,
        }
        assert monday.duplicates == {**NONE, "options_prices_live": 1}
        assert monday.expirations == ("2026-01-12", "2026-01-13")
        assert monday.pins == "recorded"
        assert monday.unreadable == ()

    def test_a_session_without_quotes(self, spx):
        wednesday = spx.sessions[1]
        assert wednesday.first_quote_ns is wednesday.last_quote_ns is wednesday.cadence_s is None
        assert (wednesday.gaps, wednesday.bars_priced, wednesday.strikes) == ((), 0, None)
        assert wednesday.longest_gap is None
        assert wednesday.odd == NOTHING_ODD
        assert wednesday.pins == "none"

    def test_totals(self, spx):
        totals = spx.totals()
        assert totals.rows == {
            "options_snapshots": 2,
            "gex_peaks": 3,
            "competing_peaks": 0,
            "market_context": 3,
            "options_prices_live": 15,
        }
        assert totals.outside == 1 + 2 + 1 + 1
        assert (totals.bars, totals.bars_priced, totals.gaps) == (1560, 6, 3)
        assert (totals.checks, totals.ready) == (24, 2)
        assert totals.odd["null_bid"] == 2
        assert totals.duplicates == {**NONE, "options_prices_live": 1}


class TestRange:
    def test_all_indexes_unless_some_are_named(self, tmp_path):
        box = fill(tmp_path / "b.db")
        assert [index.symbol for index in look(box)] == ["NDX", "SPX"]
        assert [index.symbol for index in look(box, ["SPX", "NDX", "SPX"])] == ["SPX", "NDX"]

    def test_each_index_has_its_own_range(self, tmp_path):
        (ndx,) = look(fill(tmp_path / "b.db"), ["NDX"])
        assert (ndx.start, ndx.end, ndx.without_rows, ndx.off_session) == (MONDAY, MONDAY, (), {})

    def test_both_ends_are_included_and_count_as_asked(self, tmp_path):
        (index,) = look(fill(tmp_path / "b.db"), ["SPX"], date(2026, 1, 9), MONDAY)
        assert [one.session.day for one in index.sessions] == [MONDAY]
        assert index.without_rows == (date(2026, 1, 9),)
        assert list(index.off_session) == [SATURDAY]

    def test_a_range_without_a_session(self, tmp_path):
        (index,) = look(fill(tmp_path / "b.db"), ["SPX"], date(2026, 1, 17), date(2026, 1, 18))
        assert (index.sessions, index.without_rows, index.off_session) == ((), (), {})

    def test_an_end_before_the_start(self, tmp_path):
        with pytest.raises(BadValue, match="lies before start"):
            look(fill(tmp_path / "b.db"), ["SPX"], WEDNESDAY, MONDAY)

    def test_an_index_that_is_not_there(self, tmp_path):
        with pytest.raises(DataError, match="no rows of index RUT; it holds NDX, SPX"):
            look(fill(tmp_path / "b.db"), ["RUT"])

    def test_a_blackbox_without_rows(self, tmp_path):
        assert look(fill(tmp_path / "b.db", {schema.quotes: []})) == []

    def test_progress_is_told_before_each_day(self, tmp_path):
        told = []
        look(fill(tmp_path / "b.db"), ["NDX"], progress=lambda *at: told.append(at))
        assert told[:2] == [("NDX", SATURDAY), ("NDX", MONDAY)]


class TestOdd:
    def test_a_half_day_has_the_checks_before_its_end_of_day_exit(self, tmp_path):
        rows = {schema.context: [context("2025-11-28 14:35:00", 6800.0, 17.0)]}
        (half,) = look(fill(tmp_path / "b.db", rows))[0].sessions
        assert half.session.bars == 420
        assert [check.at for check in half.checks] == [
            time(9, 36),
            *(time(hour, minute) for hour in (10, 11) for minute in (0, 30)),
            time(12, 0),
        ]

    def test_quotes_only(self, tmp_path):
        rows = {schema.quotes: pair("2026-01-12 14:30:00", 5000.0)}
        (one,) = look(fill(tmp_path / "b.db", rows))[0].sessions
        assert one.bars_priced == 5  # 09:30:00 to 09:32:00; without a price any strike counts
        assert one.gaps == (Gap(clock(9, 30), 23_400.0),)
        assert one.cadence_s is None

    def test_the_pin_stands_in_for_the_index_price(self, tmp_path):
        rows = {
            schema.quotes: pair("2026-01-12 14:30:00", 5000.0),
            schema.peaks: [peak("2026-01-12 20:00:00", 1, 6000.0)],
        }
        (one,) = look(fill(tmp_path / "b.db", rows))[0].sessions
        assert one.bars_priced == 0

    def test_a_price_too_old_for_a_replay_still_says_where_the_index_is(self, tmp_path):
        rows = {
            schema.quotes: [
                *pair("2026-01-12 18:00:00", 5000.0),
                *pair("2026-01-12 18:10:00", 6000.0),
            ],
            schema.context: [context("2026-01-12 14:35:00", 6000.0, 15.0)],
        }
        (one,) = look(fill(tmp_path / "b.db", rows))[0].sessions
        assert one.bars_priced == 5

    def test_rows_outside_the_session_only(self, tmp_path):
        rows = {schema.quotes: pair("2026-01-12 13:00:00Z", 6000.0)}
        (index,) = look(fill(tmp_path / "b.db", rows), [], MONDAY, MONDAY)
        assert index.without_rows == (MONDAY,)
        assert index.sessions[0].before == {**NONE, "options_prices_live": 2}

    def test_duplicates_of_every_table(self, tmp_path):
        """A database made by hand may lack the recorder's UNIQUE; other texts, same instant."""
        rows = {
            schema.context: [
                context("2026-01-12 15:00:00", 6000.0, 15.0),
                context("2026-01-12T15:00:00", 6001.0, 15.0),
            ],
            schema.peaks: [
                peak("2026-01-12 15:00:00", 1, 6000.0),
                peak("2026-01-12T15:00:00Z", 1, 6005.0),
                peak("2026-01-12 15:00:00", 2, 6010.0),
            ],
            schema.snapshots: [
                chain("2026-01-12 15:00:00", "2026-01-12"),
                chain("2026-01-12 15:00:00.000", "2026-01-12"),
                chain("2026-01-12 15:00:00", "2026-01-13"),
            ],
        }
        (one,) = look(fill(tmp_path / "b.db", rows))[0].sessions
        assert one.duplicates == {
            **NONE,
            "market_context": 1,
            "gex_peaks": 1,
            "options_snapshots": 1,
        }

    def test_a_session_with_something_unreadable_does_not_hide_the_others(self, tmp_path):
        rows = {
            schema.snapshots: [chain("2026-01-12 15:00:00", "2026-01-12", "{broken")],
            schema.context: [context("2026-01-14 15:00:00", 6000.0, 15.0)],
        }
        monday, wednesday = look(fill(tmp_path / "b.db", rows))[0].sessions
        (reason,) = monday.unreadable
        assert "table options_snapshots, id 1: chain_data is not a JSON list" in reason
        assert monday.rows == {**NONE, "options_snapshots": 1}
        assert not any(check.ready for check in monday.checks)
        assert wednesday.unreadable == ()

    def test_a_quote_that_is_no_number(self, tmp_path):
        box = fill(tmp_path / "b.db")
        with sqlite3.connect(box) as connection:
            connection.execute("UPDATE options_prices_live SET ask = 'two' WHERE id = 3")
        connection.close()
        monday = look(box, ["SPX"])[0].sessions[0]
        (reason,) = monday.unreadable
        assert "id 3: ask 'two' is not a number" in reason
        assert (monday.rows["options_prices_live"], monday.rows["market_context"]) == (0, 2)

    def test_a_year_nobody_trades_in(self, tmp_path):
        rows = {schema.context: [context("9999-12-31 00:00:00", 6000.0, 15.0)]}
        with pytest.raises(DataError, match="'9999-12-31 00:00:00' lies outside 1900 to 2200"):
            look(fill(tmp_path / "b.db", rows))

    def test_a_database_that_goes_away_is_no_finding(self, tmp_path):
        box = fill(tmp_path / "b.db")

        def remove(*_):
            box.unlink(missing_ok=True)

        with pytest.raises(DataError, match="cannot be read"):
            look(box, ["SPX"], progress=remove)


class TestArrays:
    def test_exactly_the_limit_is_no_gap(self):
        start, end = SESSION.open_ns, SESSION.close_ns
        steady = np.arange(start, end + 1, 120 * NS)
        assert find_gaps(steady, SESSION) == ()
        late = steady + 1
        assert find_gaps(late[:-1], SESSION) == ()
        assert find_gaps(steady[2:], SESSION) == (Gap(start, 240.0),)
        assert find_gaps(steady[:-3], SESSION) == (Gap(int(steady[-4]), 360.0),)

    def test_a_strike_needs_both_and_one_percent_is_near(self):
        def leg(*instants):
            stamps = np.array(instants, dtype=np.int64)
            return LegRows(stamps, np.full(len(stamps), 1.0), np.full(len(stamps), 1.1))

        level = np.full(780, 6000.0)
        early, late = SESSION.open_ns, SESSION.open_ns + 3600 * NS
        near = {(6060.0, "C"): leg(early, late), (6060.0, "P"): leg(late)}
        assert bars_priced(near, level, SESSION, 120.0, NO_LIMITS) == 5
        far = {(6060.01, "C"): leg(late), (6060.01, "P"): leg(late)}
        assert bars_priced(far, level, SESSION, 120.0, NO_LIMITS) == 0
        split = {(6000.0, "C"): leg(late), (6005.0, "P"): leg(late)}
        assert bars_priced(split, level, SESSION, 120.0, NO_LIMITS) == 0
        assert bars_priced(far, np.array(np.nan), SESSION, 120.0, NO_LIMITS) == 5

    def test_verticals_whose_quotes_contradict_each_other(self):
        def leg(bid, ask):
            at = np.array([SESSION.open_ns], dtype=np.int64)
            return LegRows(at, np.array([bid]), np.array([ask]))

        def found(legs):
            level = np.array([np.nan, 6000.0])
            strikes = near_strikes(legs, level)
            return contradictory_verticals(legs, strikes, SESSION, 120.0, NO_LIMITS)

        # a bar each at 0, 30, 60, 90 and 120 s
        dear = {(6000.0, "C"): leg(0.2, 0.3), (6005.0, "C"): leg(0.4, 0.5)}
        assert found(dear) == 5
        wide = {(6000.0, "P"): leg(9.0, 9.1), (5990.0, "P"): leg(0.4, 0.5)}
        assert found(wide) == 0  # 8.50 at least, 10 wide
        assert found({**wide, (5995.0, "P"): leg(0.4, 0.5)}) == 5
        assert found({(k + 61, right): rows for (k, right), rows in dear.items()}) == 0  # too far


def test_quotes_without_a_bid_are_one_sided_above_a_limit():
    bids = np.array([np.nan, 0.0, -0.1, 0.0, 0.05])
    asks = np.array([0.60, 0.51, 0.51, 0.50, 0.90])
    counts = Counter()
    describe(LegRows(np.arange(5), bids, asks), counts, QuoteLimits(one_sided_max_ask=0.5))
    assert counts["one-sided"] == 3
    assert "too wide" not in counts
    counts.clear()
    # 0.85 wide around 0.475; the others twice as wide as their mid, and the last but one more
    describe(LegRows(np.arange(5), bids, asks), counts, QuoteLimits(max_spread_pct=180))
    assert (counts["one-sided"], counts["too wide"]) == (0, 4)


def test_a_database_server(spx):
    name = f"bt_gex_{uuid.uuid4().hex}"
    admin = create_engine(POSTGRES, connect_args={"connect_timeout": 3})
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
    except OperationalError:
        admin.dispose()
        pytest.skip(f"no PostgreSQL at {POSTGRES}")
    try:
        utc_only = [
            ("2026-01-12 14:31:10" if "-05:00" in row[0] else row[0], *row[1:]) for row in QUOTES
        ]
        rows = {**ROWS, schema.quotes: utc_only}  # such a column keeps no offset
        url = fill(f"{POSTGRES}?options=-csearch_path%3D{name}", rows)
        (index,) = look(url, ["SPX"])
        assert index == spx
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.dispose()


def count(database, what):
    with sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True) as connection:
        (found,) = connection.execute(f"SELECT {what} FROM options_prices_live").fetchone()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("name", "days", "missing", "priced", "ready"),
    [
        ("blackbox_spx_20180105.db", [date(2018, 1, 5)], (), 778, 12),
        (
            "blackbox_spxw_lean_202101.db",
            [date(2021, 1, 4), date(2021, 1, 6), date(2021, 1, 8)],
            (date(2021, 1, 5), date(2021, 1, 7)),
            None,
            13,
        ),
    ],
)
def test_recorded_days(name, days, missing, priced, ready):
    database = DATA / name
    if not database.exists():
        pytest.skip(f"{database} is not here")
    (index,) = look(database)
    totals = index.totals()
    assert [one.session.day for one in index.sessions] == days
    assert index.without_rows == missing
    assert totals.rows["options_prices_live"] == count(database, "count(*)")
    assert totals.odd["crossed"] == count(database, "count(*) FILTER (WHERE bid > ask)")
    assert totals.odd["locked"] == count(database, "count(*) FILTER (WHERE bid = ask AND ask > 0)")
    assert totals.ready == ready
    assert totals.outside == 0
    assert {one.cadence_s for one in index.sessions} == {60.0}
    assert totals.gaps == 0
    if priced is not None:  # minutes 09:31 to 16:00: all bars but 09:30:00 and 09:30:30
        assert totals.bars_priced == priced


def test_gaps_of_unsorted_stamps_are_those_of_sorted_ones() -> None:
    session = sessions(date(2026, 1, 12), date(2026, 1, 12))[0]
    random = np.random.default_rng(1)
    for number in (0, 1, 5, 60, 400):
        stamps = random.integers(session.open_ns, session.close_ns + 1, number)
        assert gaps_between(stamps, session) == find_gaps(np.unique(stamps), session)
    ends = np.array([session.close_ns, session.open_ns])
    (whole,) = gaps_between(ends, session)
    assert (whole.start_ns, whole.length_s) == (session.open_ns, 23_400.0)
