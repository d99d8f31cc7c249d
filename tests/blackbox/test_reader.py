"""Which recorded row counts at a bar: worked by hand from sections 1 and 2 of the semantics.

The day is 2026-01-12, New York is UTC−5: the session opens at 14:30:00Z and closes at 21:00:00Z.
Bar 0 is 14:30:00Z, bar 12 is 14:36:00Z, bar 14 is 14:37:00Z.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defects.handmade_market import Market
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.schema import metadata
from bt_gex.blackbox.stamps import stamp_ns
from bt_gex.errors import DataError
from bt_gex.market.calendar import Session, sessions
from bt_gex.market.indexes import NDX, SPX
from bt_gex.sessions.day import Day, LoadParams, load_day

URL = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
SCHEMA = "bt_gex_reader_test"
(MONDAY,) = sessions(date(2026, 1, 12), date(2026, 1, 12))
AT_1436 = 1_768_228_560_000_000_000  # 2026-01-12 14:36:00 UTC: 20,465 days and 52,560 s
QUOTES = "options_prices_live"


@pytest.mark.parametrize(
    ("raw", "later_ns"),
    [
        ("2026-01-12 14:36:00", 0),
        ("2026-01-12T14:36:00", 0),
        ("2026-01-12 14:36:00Z", 0),
        ("2026-01-12T14:36:00z", 0),
        ("2026-01-12T14:36:00+00:00", 0),
        ("2026-01-12 14:36:00-00:00", 0),
        ("2026-01-12 09:36:00-05:00", 0),
        ("2026-01-12T09:36:00-0500", 0),
        ("2026-01-12 09:36:00-05", 0),
        ("2026-01-12 20:06:00+05:30", 0),
        ("2026-01-13T00:36:00+10:00", 0),
        ("  2026-01-12 14:36:00\n", 0),
        ("2026-01-12 14:36:00.5", 500_000_000),
        ("2026-01-12 14:36:00.000001", 1_000),
        ("2026-01-12T14:36:00.000001Z", 1_000),
        ("2026-01-12 14:36:00.000000001", 1),
        ("2026-01-12T09:36:00.123456789-05:00", 123_456_789),
        ("2026-01-12 14:35:59.999999999", -1),
        (datetime(2026, 1, 12, 14, 36), 0),
        (datetime(2026, 1, 12, 14, 36, 0, 1, tzinfo=UTC), 1_000),
        (datetime(2026, 1, 12, 9, 36, tzinfo=timezone(timedelta(hours=-5))), 0),
    ],
)
def test_an_instant(raw: Any, later_ns: int) -> None:
    assert stamp_ns(raw, "here") == AT_1436 + later_ns


@pytest.mark.parametrize(
    "raw",
    [
        *(None, "", "yesterday", 1_768_228_560, 1_768_228_560.5, b"2026-01-12 14:36:00"),
        *("2026-01-12", "14:36:00", "2026-01-12 14:36", "12/01/2026 14:36:00"),
        *("2026-01-12_14:36:00", "2026-01-12  14:36:00", "2026-1-12 14:36:00"),
        *("2026-02-30 14:36:00", "2026-01-12 25:00:00", "2026-01-12 14:60:00"),
        *("2026-01-12 14:36:60", "2026-01-12 14:36:00.", "2026-01-12 14:36:00.1234567890"),
        *("2026-01-12 14:36:00+24:00", "2026-01-12 14:36:00 EST", "2026-01-12 14:36:00+5"),
        *("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "２０２６-01-12 14:36:00"),
    ],
)
def test_no_instant(raw: Any) -> None:
    with pytest.raises(DataError) as caught:
        stamp_ns(raw, "m.db, table t")
    shown = "NULL" if raw is None else repr(raw)
    assert str(caught.value).startswith(f"m.db, table t: timestamp {shown} is not readable; write ")


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


def add(path: Path, *rows: tuple[Any, ...], table: str = QUOTES) -> None:
    """Quote rows as (stamp, strike, type, bid, ask), or context rows as (stamp, price, vix)."""
    names = {
        QUOTES: "timestamp, strike, option_type, bid, ask, index_symbol",
        "market_context": "timestamp, underlying_price, vix, index_symbol",
        "gex_peaks": "timestamp, strike, peak_rank, gex, distance_from_price, distance_pct, "
        "proximity_score, index_symbol",
    }[table]
    db = sqlite3.connect(path)
    for row in rows:
        values = (*row, 1, 1, 1, 1, "SPX") if table == "gex_peaks" else (*row, "SPX")
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
    db.commit()
    db.close()


def day_of(path: Path, session: Session = MONDAY, index: Any = SPX) -> tuple[Day, Blackbox]:
    box = Blackbox(path)
    return load_day(box.session_rows(index.symbol, session), index, LoadParams()), box


def call_mids(path: Path, *bars: int) -> list[float | None]:
    """The mid of the 6000 call at some bars, None where it has no valid quote."""
    day, box = day_of(path)
    mids = [float(day.leg(6000, "C").mid[bar]) for bar in bars]
    box.close()
    return [None if math.isnan(mid) else mid for mid in mids]


@pytest.mark.parametrize("form", ["{} {}", "{}T{}", "{}T{}Z", "{} {}+00:00"])
@pytest.mark.parametrize("index", [True, False])
def test_a_row_counts_from_its_own_instant(form: str, index: bool, market: Market) -> None:
    """On the bar it counts there, a microsecond after it not before the next; in every form."""
    path = market.save()
    if not index:
        db = sqlite3.connect(path)
        db.execute("DROP INDEX idx_prices_time")
        db.close()
    add(
        path,
        (form.format("2026-01-12", "14:36:00"), 6000, "call", 2.0, 2.2),
        (form.format("2026-01-12", "14:36:30.000001"), 6000, "call", 3.0, 3.2),
    )
    assert call_mids(path, 11, 12, 13, 14) == [None, 2.1, 2.1, 3.1]


def test_text_order_is_no_order_in_time(market: Market) -> None:
    """`T` sorts after a space and 09:… before 14:…: neither decides which row is the newest."""
    path = market.save()
    add(
        path,
        ("2026-01-12T14:35:30", 6000, "call", 1.0, 1.0),
        ("2026-01-12 14:35:50", 6000, "call", 2.0, 2.0),
        ("2026-01-12 09:36:20-05:00", 6000, "call", 3.0, 3.0),
        ("2026-01-12 14:36:40", 6000, "call", 4.0, 4.0),
        ("2026-01-13T00:37:00+10:00", 6000, "call", 5.0, 5.0),
    )
    # 14:35:30, 14:36:00, 14:36:30 (its row is of 14:36:20), 14:37:00 (of 14:37:00)
    assert call_mids(path, 11, 12, 13, 14) == [1.0, 2.0, 3.0, 5.0]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_one_instant_the_highest_id_counts(reverse: bool, market: Market) -> None:
    """Written in three ways; the text that sorts last does not win, the last row does."""
    path = market.save()
    forms = ["2026-01-12T14:36:00Z", "2026-01-12 14:36:00", "2026-01-12 09:36:00-05:00"]
    stamps = forms[::-1] if reverse else forms
    add(path, *((stamp, 6000, "call", n, n) for n, stamp in enumerate(stamps, 1)))
    assert call_mids(path, 12) == [3.0]
    day, box = day_of(path)
    assert day.leg(6000, "C").mid[12] == 3.0
    assert day.counts["duplicate quotes"] == 2
    box.close()


def test_the_highest_id_counts_for_index_price_and_pin(market: Market) -> None:
    path = market.save()
    stamps = ("2026-01-12T14:36:00Z", "2026-01-12 14:36:00")
    add(path, (stamps[0], 6001.0, 11.0), (stamps[1], 6002.0, None), table="market_context")
    add(path, (stamps[0], 6010.0, 1), (stamps[1], 6015.0, 1), table="gex_peaks")
    day, box = day_of(path)
    box.close()
    # The newest row that has a VIX: the NULL of the higher id is no value.
    assert (day.spot[12], day.vix[12], day.pin[12]) == (6002.0, 11.0, 6015.0)
    assert np.isnan([day.spot[11], day.vix[11], day.pin[11]]).all()


@pytest.mark.parametrize(
    ("bid", "ask", "mid"),
    [
        (None, 0.4, 0.2),  # a NULL bid is 0
        (0.0, 0.4, 0.2),
        (2.0, 2.0, 2.0),  # locked is valid
        (2.0, None, None),
        (None, None, None),
        (0.0, 0.0, None),
        (2.2, 2.0, None),  # crossed
        (-1.0, -0.5, None),
    ],
)
def test_the_newest_row_decides(
    bid: float | None, ask: float | None, mid: float | None, market: Market
) -> None:
    """A quote that is not valid takes the leg's quote away; the older one is not dug up."""
    path = market.save()
    add(
        path,
        ("2026-01-12 14:35:00", 6000, "call", 1.0, 1.2),
        ("2026-01-12 14:36:00", 6000, "call", bid, ask),
    )
    assert call_mids(path, 11, 12) == [1.1, mid]


def test_a_quote_serves_for_120_seconds(market: Market) -> None:
    path = market.save()
    add(
        path,
        ("2026-01-12 14:36:00", 6000, "call", 1.0, 1.0),
        ("2026-01-12 14:44:59.999999", 6000, "call", 2.0, 2.0),
    )
    assert call_mids(path, 15, 16, 17) == [1.0, 1.0, None]
    assert call_mids(path, 33, 34) == [2.0, None]  # 14:47:00 is 120.000001 s later


def test_an_index_price_serves_for_2100_seconds(market: Market) -> None:
    path = market.save()
    add(path, ("2026-01-12 14:36:00", 6001.0, 11.0), table="market_context")
    day, box = day_of(path)
    box.close()
    assert day.spot[12 + 70] == 6001.0
    assert math.isnan(day.spot[12 + 71])


def test_rows_outside_the_session_are_not_used(market: Market) -> None:
    path = market.save()
    add(
        path,
        ("2026-01-12 14:29:59.999999", 6000, "call", 9.0, 9.0),
        ("2026-01-12 20:59:30", 6000, "call", 1.0, 1.0),
        ("2026-01-12 21:00:00.000001", 6000, "call", 8.0, 8.0),
    )
    assert call_mids(path, 0, 779, 780) == [None, 1.0, 1.0]


@pytest.mark.parametrize("kind", ["call", "CALL", "Call", "C", "c", " call "])
def test_the_case_of_a_type(kind: str, market: Market) -> None:
    path = market.save()
    add(path, ("2026-01-12 14:36:00", 6000, kind, 1.0, 1.2))
    assert call_mids(path, 12) == [1.1]


def test_calls_and_puts_are_kept_apart_and_others_counted(market: Market) -> None:
    path = market.save()
    stamp = "2026-01-12 14:36:00"
    add(
        path,
        (stamp, 6000, "P", 1.0, 1.0),
        (stamp, 6000, "call", 2.0, 2.0),
        (stamp, 6000, "warrant", 3.0, 3.0),
        (stamp, 6000, "", 4.0, 4.0),
    )
    with Blackbox(path) as box:
        both = [box.session_rows("SPX", MONDAY, plain=plain).quotes for plain in (True, False)]
    for quotes in both:
        assert {key: leg.ask.tolist() for key, leg in quotes.items()} == {
            (6000.0, "C"): [2.0],
            (6000.0, "P"): [1.0],
        }
        assert quotes.unknown == 2


def test_several_indexes_in_one_file(market: Market) -> None:
    """Rows of another index neither count nor fill in."""
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    market.context("09:36", 6001, 11)
    market.index = "NDX"
    market.quote("09:36:10", 6000, "call", 5.0, 5.2)
    market.context("09:36:10", 21_000, 31)
    path = market.save()
    for index, bar, mid, spot in ((SPX, 13, 1.1, 6001.0), (NDX, 13, 5.1, 21_000.0)):
        day, box = day_of(path, index=index)
        assert (day.leg(6000, "C").mid[bar], day.spot[bar]) == (mid, spot)
        assert box.indexes() == ["NDX", "SPX"]
        box.close()


def test_a_session_without_a_row_of_its_own_has_no_data(market: Market) -> None:
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    market.on("2026-01-13").index = "NDX"
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    path = market.save()
    (tuesday,) = sessions(date(2026, 1, 13), date(2026, 1, 13))
    found = []
    for session in (MONDAY, tuesday):
        day, box = day_of(path, session)
        found.append(day.has_data)
        box.close()
    assert found == [True, False]


@pytest.mark.parametrize("table", metadata.tables)
@pytest.mark.parametrize("stamp", ["'soon'", "NULL", "'2026-02-30 10:00:00'"])
def test_a_row_nobody_can_place_in_time_stops_the_replay(
    table: str, stamp: str, market: Market
) -> None:
    """In any table and of any index, also where the rest is far from the replayed day."""
    market.known_all_day()
    market.chain("09:36", 6000, 12)
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    market.put("competing_peaks", "09:36", is_competing=0)
    path = market.save()
    db = sqlite3.connect(path)
    db.execute("PRAGMA writable_schema = 1")
    db.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'timestamp TEXT NOT NULL', 'timestamp')"
    )
    db.commit()
    db.close()
    db = sqlite3.connect(path)
    db.execute(f"UPDATE {table} SET timestamp = {stamp}, index_symbol = 'NDX' WHERE id = 1")
    db.commit()
    db.close()
    with (
        Blackbox(path) as box,
        pytest.raises(DataError, match=f"table {table}: timestamp {stamp} is not readable"),
    ):
        box.catalogue(table)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (f"UPDATE {QUOTES} SET bid = 'n/a'", f"table {QUOTES}, id 1: bid 'n/a' is not a number"),
        (f"UPDATE {QUOTES} SET ask = ''", f"table {QUOTES}, id 1: ask '' is not a number"),
        (
            f"CREATE TABLE q AS SELECT * FROM {QUOTES}; UPDATE q SET id = NULL; "
            f"DROP TABLE {QUOTES}; ALTER TABLE q RENAME TO {QUOTES}",
            f"table {QUOTES}: id NULL is not a whole number",
        ),
        (
            f"CREATE TABLE q AS SELECT * FROM {QUOTES}; UPDATE q SET id = 'a7'; "
            f"DROP TABLE {QUOTES}; ALTER TABLE q RENAME TO {QUOTES}",
            f"table {QUOTES}: id 'a7' is not a whole number",
        ),
        (
            f"UPDATE {QUOTES} SET option_type = CAST(x'ff41' AS TEXT)",
            "cannot be read: Could not decode to UTF-8",
        ),
    ],
)
def test_a_row_that_makes_no_sense_is_named(sql: str, says: str, market: Market) -> None:
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    path = market.save()
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    with (
        Blackbox(path) as box,
        pytest.raises(DataError) as caught,
    ):
        box.session_rows("SPX", MONDAY)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "stored",
    ["{]", "null", "7", "{}", "[1, 2]", "[NaN]", '[{"greeks": 5}]', "[" * 100_000, ""],
)
def test_a_chain_that_is_none(stored: str, market: Market) -> None:
    market.chain("09:36", 6000, 12)
    path = market.save()
    db = sqlite3.connect(path)
    db.execute("UPDATE options_snapshots SET chain_data = ?", (stored,))
    db.commit()
    db.close()
    with pytest.raises(DataError, match=r"options_snapshots, id 1: chain_data is not a JSON list"):
        day_of(path)


@pytest.mark.parametrize(
    ("symbol", "holds"), [("NDX", "it holds RUT, SPX"), ("spx", "it holds RUT, SPX")]
)
def test_an_index_without_rows(symbol: str, holds: str, market: Market) -> None:
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    market.index = "RUT"
    market.context("09:36", 2000, 12)
    with Blackbox(market.save()) as box:
        with pytest.raises(DataError, match=f"no rows of index {symbol}; {holds}"):
            box.require_index(symbol)
        box.require_index("RUT")


def test_an_index_of_a_blackbox_without_rows(market: Market) -> None:
    with Blackbox(market.save()) as box, pytest.raises(DataError, match="holds no rows at all"):
        box.require_index("SPX")


@pytest.fixture
def postgres() -> Iterator[Engine]:
    try:
        with create_engine(URL, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    except OperationalError:
        pytest.skip("no PostgreSQL listens on 127.0.0.1:5432")
    engine = create_engine(f"{URL}?options=-csearch_path%3D{SCHEMA}", poolclass=NullPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()
    with create_engine(URL, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))


def test_postgres_with_text_stamps_in_all_forms(postgres: Engine) -> None:
    """More distinct stamps than a statement has parameters, a column of a type of their own."""
    with postgres.begin() as connection:
        for statement in (
            f"ALTER TABLE {QUOTES} ALTER COLUMN timestamp TYPE text USING timestamp::text",
            f"CREATE TYPE odd AS (a int); ALTER TABLE {QUOTES} ADD COLUMN extra odd",
            f"INSERT INTO {QUOTES} (id, timestamp, index_symbol, strike, option_type, bid, ask) "
            "SELECT n, to_char(timestamp '2026-01-12 14:30:00' + n * interval '300 milliseconds', "
            """CASE n % 3 WHEN 0 THEN 'YYYY-MM-DD HH24:MI:SS.US' ELSE 'YYYY-MM-DD"T"HH24:MI:SS.US"""
            """"Z"' END), 'SPX', 6000, 'call', n, n FROM generate_series(0, 69999) n""",
        ):
            connection.execute(text(statement))
    with Blackbox(postgres.url.render_as_string(hide_password=False)) as box:
        rows = box.rows(QUOTES, "SPX", MONDAY, ("bid",))
    assert rows["bid"].tolist() == list(range(70_000))
    assert rows.stamps[1_200] == AT_1436  # 1,200 · 0.3 s after the open


def test_reading_alters_nothing(market: Market, tmp_path: Path) -> None:
    market.known_all_day()
    market.quotes("09:31", "10:00", {(6000, "call"): (1.0, 1.2)})
    home = tmp_path / "home"
    home.mkdir()
    path = Path(shutil.copy(market.save(), home))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert call_mids(path, 12) == [1.1]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in home.iterdir()] == [path.name]
