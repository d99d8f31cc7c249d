"""The identity of recorded data: another for any change of it, the same wherever it is read."""

from __future__ import annotations

import hashlib
import math
import shutil
import sqlite3
import struct
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defects.handmade_market import Market
from oracle import nasty

from bt_gex import RunConfig, replay
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.recording import Recording
from bt_gex.market.calendar import sessions
from bt_gex.sessions import rows as session_rows
from bt_gex.sessions.identity import columns_sha256, data_sha256
from bt_gex.sweeps.plan import make_plan
from bt_gex.sweeps.sweep import SweepOptions, run_sweep
from bt_gex.sweeps.walkforward import run_walkforward

MONDAY, TUESDAY = sessions(date(2026, 1, 12), date(2026, 1, 13))
QUOTES = "options_prices_live"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A few rows of every table; ids count from 1 in the order they are put down."""
    market = Market(tmp_path)
    market.context("09:36", 6001.25, 12.5)
    market.context("09:37", 6002, None)
    market.chain("09:36", 6000, 12)
    market.put("gex_peaks", "09:36", peak_rank=1, strike=6000, gex=1, distance_from_price=1,
               distance_pct=1, proximity_score=1)  # fmt: skip
    market.put("competing_peaks", "09:36", is_competing=1, adjusted_pin=6002.5)
    market.quote("09:36", 6000, "call", 1.0, 1.2)
    market.quote("09:36", 5995, "put", None, 0.4)
    market.quote("09:36:31", 6000, "call", 1.1, None)
    return market.save()


def change(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(sql)
    db.close()


def identity(path: Path | str, *, plain: bool = False, session: Any = MONDAY) -> str:
    with Blackbox(path) as box:
        return box.session_rows("SPX", session, plain=plain).sha256


# ----------------------------------------------------------------------------- its definition


def floats(name: str, *values: float) -> bytes:
    return f"{name} float {len(values)}\n".encode() + struct.pack(f"<{len(values)}d", *values)


def ints(name: str, *values: int) -> bytes:
    return f"{name} int {len(values)}\n".encode() + struct.pack(f"<{len(values)}q", *values)


def texts(name: str, *values: str | None) -> bytes:
    known = [value.encode() for value in values if value is not None]
    lengths = [-1 if value is None else len(value.encode()) for value in values]
    return (
        f"{name} text {len(values)}\n".encode()
        + struct.pack(f"<{len(values)}q", *lengths)
        + b"".join(known)
    )


def test_the_hash_is_of_the_documented_bytes(path: Path) -> None:
    at = MONDAY.open_ns + 360 * 10**9
    content = [
        b"session rows 1\n",
        ints("market_context.stamps", at, at + 60 * 10**9),
        floats("market_context.underlying_price", 6001.25, 6002),
        floats("market_context.vix", 12.5, math.nan),
        ints("options_snapshots.stamps", at),
        floats("options_snapshots.underlying_price", 6000),
        floats("options_snapshots.vix", 12),
        texts("options_snapshots.expiration", "2026-01-12"),
        ints("gex_peaks.stamps", at),
        floats("gex_peaks.peak_rank", 1),
        floats("gex_peaks.strike", 6000),
        ints("competing_peaks.stamps", at),
        floats("competing_peaks.is_competing", 1),
        floats("competing_peaks.adjusted_pin", 6002.5),
        floats("quotes.strikes", 6000, 5995),
        ints("quotes.rights", 0, 1),
        ints("quotes.first", 0, 2, 3),
        ints("quotes.stamps", at, at + 31 * 10**9, at),
        floats("quotes.bid", 1.0, 1.1, math.nan),
        floats("quotes.ask", 1.2, math.nan, 0.4),
        ints("quotes.unknown", 0),
        texts("chains.chain_data"),
    ]
    assert identity(path) == hashlib.sha256(b"".join(content)).hexdigest()


def test_a_session_without_rows_has_an_identity(path: Path) -> None:
    content = [
        b"session rows 1\n",
        ints("market_context.stamps"),
        floats("market_context.underlying_price"),
        floats("market_context.vix"),
        ints("options_snapshots.stamps"),
        floats("options_snapshots.underlying_price"),
        floats("options_snapshots.vix"),
        texts("options_snapshots.expiration"),
        ints("gex_peaks.stamps"),
        floats("gex_peaks.peak_rank"),
        floats("gex_peaks.strike"),
        ints("competing_peaks.stamps"),
        floats("competing_peaks.is_competing"),
        floats("competing_peaks.adjusted_pin"),
        floats("quotes.strikes"),
        ints("quotes.rights"),
        ints("quotes.first", 0),
        ints("quotes.stamps"),
        floats("quotes.bid"),
        floats("quotes.ask"),
        ints("quotes.unknown", 0),
        texts("chains.chain_data"),
    ]
    expected = hashlib.sha256(b"".join(content)).hexdigest()
    assert (
        identity(path, session=TUESDAY) == identity(path, session=TUESDAY, plain=True) == expected
    )


def test_one_form_of_a_number_and_of_a_text() -> None:
    odd_nan = np.frombuffer(struct.pack("<Q", 0xFFF8_0000_0000_0007), "<f8")
    same = [np.array([0.0, math.nan]), np.append(-0.0, odd_nan), np.array([0.0, math.nan], ">f8")]
    assert len({columns_sha256({"a": values}) for values in same}) == 1
    texts = [["ab", "c"], ["a", "bc"], ["ab", "", "c"], ["ab", None, "c"], ["ab", "c", None]]
    columns = [np.array(words, dtype=object) for words in texts]
    assert len({columns_sha256({"a": values}) for values in columns}) == len(texts)
    assert columns_sha256({"a": same[0]}) != columns_sha256({"b": same[0]})


def test_the_data_of_several_sessions() -> None:
    one, two = ("SPX", date(2026, 1, 12), "aa"), ("SPX", date(2026, 1, 13), "bb")
    written = b"SPX 2026-01-12 aa\nSPX 2026-01-13 bb\n"
    assert data_sha256([one, two]) == hashlib.sha256(written).hexdigest()
    assert data_sha256([]) == hashlib.sha256(b"").hexdigest()
    others = [[one], [two, one], [("NDX", *one[1:]), two], [(*one[:2], "cc"), two]]
    assert data_sha256([one, two]) not in map(data_sha256, others)


# ----------------------------------------------------------------------------- any change


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {QUOTES} SET ask = 1.25 WHERE id = 1",
        f"UPDATE {QUOTES} SET ask = NULL WHERE id = 1",
        f"UPDATE {QUOTES} SET ask = 0 WHERE id = 3",  # was NULL
        f"UPDATE {QUOTES} SET bid = 0.95 WHERE id = 1",
        f"UPDATE {QUOTES} SET bid = 0 WHERE id = 2",  # was NULL, and counts as 0
        f"UPDATE {QUOTES} SET bid = NULL WHERE id = 1",
        f"UPDATE {QUOTES} SET strike = 6005 WHERE id = 1",
        f"UPDATE {QUOTES} SET strike = 6005 WHERE id IN (1, 3)",
        f"UPDATE {QUOTES} SET strike = NULL WHERE id = 1",
        f"UPDATE {QUOTES} SET option_type = 'put' WHERE id = 1",
        f"UPDATE {QUOTES} SET option_type = 'warrant' WHERE id = 1",
        f"UPDATE {QUOTES} SET timestamp = '2026-01-12 14:36:00.000001' WHERE id = 1",
        f"UPDATE {QUOTES} SET index_symbol = 'NDX' WHERE id = 2",
        f"DELETE FROM {QUOTES} WHERE id = 3",
        f"DELETE FROM {QUOTES}",
        f"INSERT INTO {QUOTES} SELECT 9, timestamp, index_symbol, strike, option_type, bid, ask, "
        f"mid, last, volume, open_interest FROM {QUOTES} WHERE id = 1",
        "UPDATE market_context SET underlying_price = 6001 WHERE id = 1",
        "UPDATE market_context SET vix = 0 WHERE id = 2",
        "UPDATE market_context SET timestamp = '2026-01-12 14:36:01' WHERE id = 1",
        "UPDATE gex_peaks SET strike = 6005",
        "UPDATE gex_peaks SET peak_rank = 2",
        "UPDATE competing_peaks SET adjusted_pin = NULL",
        "UPDATE competing_peaks SET is_competing = 0",
        "UPDATE options_snapshots SET expiration = '2026-01-13'",
        "UPDATE options_snapshots SET underlying_price = 1",
        "UPDATE options_snapshots SET vix = NULL",
        "DELETE FROM gex_peaks",  # which lets the chains count
    ],
)
def test_any_change_is_another_identity(sql: str, plain: bool, path: Path) -> None:
    before = identity(path, plain=plain)
    if "strike = NULL" in sql:
        change(
            path,
            "PRAGMA writable_schema = 1; "
            "UPDATE sqlite_master SET sql = replace(sql, 'strike FLOAT NOT NULL', 'strike FLOAT')",
        )
    change(path, sql)
    assert identity(path, plain=plain) != before


def test_a_chain_counts_where_pins_are_made_of_it(path: Path) -> None:
    change(path, "DELETE FROM gex_peaks")
    before = identity(path)
    change(path, "UPDATE options_snapshots SET chain_data = chain_data || ' '")
    assert identity(path) != before


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {QUOTES} SET id = id + 100",
        "UPDATE market_context SET id = 100 - id",  # of other instants
        f"UPDATE {QUOTES} SET option_type = upper(option_type)",
        f"UPDATE {QUOTES} SET timestamp = replace(timestamp, ' ', 'T') || 'Z'",
        f"UPDATE {QUOTES} SET mid = 7, last = 7, volume = 7",
        f"INSERT INTO {QUOTES} (timestamp, index_symbol, strike, option_type) "
        "VALUES ('2026-01-13 14:36:00', 'SPX', 1, 'call')",
        "INSERT INTO market_context (timestamp, index_symbol, underlying_price) "
        "VALUES ('2026-01-12 14:36:00', 'NDX', 1)",
        "DROP INDEX idx_prices_time; VACUUM",
    ],
)
def test_what_a_replay_cannot_see_is_no_other_identity(sql: str, plain: bool, path: Path) -> None:
    before = identity(path)
    change(path, sql)
    assert identity(path, plain=plain) == before


# ----------------------------------------------------------------------------- the same anywhere


@pytest.mark.parametrize("seed", range(4))
def test_of_either_reader_and_of_the_day_cache(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nasty.db"
    nasty.make(path, 500 + seed, indexes=("SPX",), start="2026-01-12", end="2026-01-12")
    expected = identity(path)
    assert identity(path, plain=True) == expected
    with Recording(path, tmp_path / "cache") as recording:
        (cold,) = recording.sessions("SPX", [MONDAY])
        assert cold.sha256 == expected
        monkeypatch.setattr(session_rows, "columns_sha256", None)  # it is in the file
        (warm,) = recording.sessions("SPX", [MONDAY])
        assert warm.sha256 == expected


def test_run_sweep_and_walk_forward_quote_one_identity(path: Path, tmp_path: Path) -> None:
    """Whatever the settings, and before and after a run has read of them."""
    shutil.copy(path, tmp_path / "b.db")
    change(
        tmp_path / "b.db",
        f"INSERT INTO {QUOTES} (timestamp, index_symbol, strike, option_type, ask) "
        "VALUES ('2026-01-14 14:36:00', 'SPX', 1, 'call', 1)",
    )
    config = RunConfig(start="2026-01-12", end="2026-01-14")  # type: ignore[arg-type]
    other = config.with_settings({"data.quote_max_age_s": 5, "entry.times": ["09:36"]})
    plan = make_plan(config, {"exit.stop_loss": [0.1, 0.2]})
    with Blackbox(tmp_path / "b.db") as box:
        expected = data_sha256(
            ("SPX", s.day, box.session_rows("SPX", s).sha256)
            for s in sessions(config.start, config.end)
        )
    how = SweepOptions(workers=1, use_cache=False)
    quoted = [
        *(replay(tmp_path / "b.db", c, use_cache=False).source for c in (config, other)),
        run_sweep(tmp_path / "b.db", plan, tmp_path / "sweeps", how).source,
        run_walkforward(tmp_path / "b.db", plan, train=1, test=1, options=how).source,
    ]
    assert [source["fingerprint"] for source in quoted] == [expected] * 4
