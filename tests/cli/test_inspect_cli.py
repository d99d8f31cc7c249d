"""`bt-gex inspect` from the outside: what it prints, its exit status, and that it only reads."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest

from bt_gex.blackbox import schema, writer
from bt_gex.cli.main import main

DATA = Path(__file__).parents[3] / "shared" / "data"
TABLES = (
    "options_snapshots",
    "gex_peaks",
    "competing_peaks",
    "market_context",
    "options_prices_live",
)
ODD = (
    "crossed",
    "locked",
    "null_bid",
    "null_ask",
    "ask_not_positive",
    "negative_bid",
    "one_sided",
    "contradictory",
    "unknown_option",
    "null_index_price",
    "null_vix",
)
NONE = dict.fromkeys(TABLES, 0)


def quote(stamp, kind, bid, ask):
    return (stamp, "SPX", 6000.0, kind, bid, ask, None, None, None, None)


# The half day after Thanksgiving: 14:30 to 18:00 UTC, checks 09:36 to 12:00.
ROWS = {
    schema.quotes: [
        quote("2025-11-28 14:00:00", "call", 2.0, 2.2),
        quote("2025-11-28 14:30:00", "call", 2.0, 2.2),
        quote("2025-11-28 14:30:00", "put", 2.0, 2.2),
        quote("2025-11-28 14:31:00", "call", 2.0, 2.2),
        quote("2025-11-28 14:31:00", "put", 2.3, 2.2),
        quote("2025-11-29 15:00:00", "put", 2.0, 2.2),
    ],
    schema.context: [
        ("2025-11-28 14:35:00", "SPX", 6010.0, 15.0, None, None),
        ("2025-12-02 15:00:00", "SPX", 6010.0, 15.0, None, None),
    ],
    schema.peaks: [("2025-11-28 14:35:00", "SPX", 1, 6005.0, 1e9, 5.0, 0.1, 1.0)],
}
GAP = {"start": "2025-11-28T09:31:00-05:00", "length_s": 12_540.0}

EDGES = (0.0, 0.25, 1.0, 3.0, 10.0, 30.0, None)
EMPTY = {
    "quotes": 0, "without_bid": 0, "without_bid_pct": None,
    "median_width_pts": None, "width_90_pct_pts": None, "width_pct": None,
}  # fmt: skip
WIDTHS = [{"low_pts": low, "high_pts": high, **EMPTY} for low, high in pairwise(EDGES)]
# Inside the session three quotes of 2.0 to 2.2 and a crossed one: 0.6 wide over mids of 6.3.
WIDTHS[2].update(
    quotes=3, without_bid_pct=0.0, median_width_pts=0.2, width_90_pct_pts=0.2, width_pct=9.5238
)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    path = tmp_path_factory.mktemp("inspect") / "box.db"
    engine = writer.create(path)
    with engine.begin() as connection:
        for table, rows in ROWS.items():
            writer.insert(connection, table, rows)
    engine.dispose()
    return path


@pytest.fixture
def run(capsys):
    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main(["inspect", *map(str, words)])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def words_of(out):
    """The text without its line breaks and column padding."""
    return " ".join(out.split())


def test_the_tables(run, box):
    status, out, _ = run(box)
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == (
        "SPX 2025-11-28 to 2025-12-02: 2 sessions, 4 quotes, 0.2 % priced, 2 of 18 checks ready"
    )
    # 2 of 420 bars: 09:30:00 and 09:30:30
    assert "Fri 2025-11-28 4 09:30:00 09:31:00 60 s 1 3h29m from 09:31:00 0.5 % 1" in lines
    assert "Tue 2025-12-02 0 n/a n/a n/a 0 0.0 % 0" in lines
    assert "Total 4 1 3h29m 0.2 %" in lines
    assert "Fri 2025-11-28 0 1 0 1 recorded 2 of 6 1" in lines
    assert "Tue 2025-12-02 0 0 0 1 none 0 of 12 0" in lines
    assert "Total 0 1 0 2 2 of 18 2" in lines
    assert "Fri 2025-11-28 IVP IVP IVP IVP - - - - - -" in lines
    assert "Tue 2025-12-02 IVP P P IVP IVP IVP IVP IVP IVP IVP IVP IVP" in lines
    assert max(map(len, out.splitlines())) <= 100


def test_the_sentences(run, box):
    _, out, _ = run(box)
    text = words_of(out)
    for sentence in (
        "No rows between open and close on 1 session: Mon 2025-12-01.",
        "Other rows but no quotes on 1 session: Tue 2025-12-02.",
        "No gamma peaks and no chain to compute them from on 1 session: Tue 2025-12-02.",
        "Gaps of more than 120 s in the quotes: 1 on Fri 2025-11-28; "
        "the longest 3h29m, Fri 2025-11-28 from 09:31:00.",
        "Fewer than 95 % of the bars are priced on 2 sessions, fewest on Tue 2025-12-02 (0.0 %).",
        "Check times without pin: 16 on 2 days, most on Tue 2025-12-02 (12).",
        "Crossed quotes (bid above ask): 1 on Fri 2025-11-28; a replay sees no quote there.",
        "Rows before the open: 1 on Fri 2025-11-28; not used.",
        "Rows on days without a session: 1 on Sat 2025-11-29; not used.",
    ):
        assert sentence in text


def test_json(run, box):
    status, out, _ = run(box, "--json", "--end", "2025-11-30")
    assert status == 0
    found = json.loads(out, parse_constant=pytest.fail)
    remarks = found["indexes"][0].pop("remarks")
    assert "Rows before the open: 1 on Fri 2025-11-28; not used." in remarks
    warnings = found["indexes"][0].pop("warnings")
    assert [one["text"] for one in warnings] == remarks
    crossed = next(one for one in warnings if one["kind"] == "crossed")
    assert crossed.pop("next_step")
    assert crossed == {
        "kind": "crossed",
        "text": "Crossed quotes (bid above ask): 1 on Fri 2025-11-28; "
        "a replay sees no quote there.",
        "trades": None, "order_ids": [], "dollars": None, "share": None,
    }  # fmt: skip
    one = {
        "session": "2025-11-28",
        "open": "2025-11-28T09:30:00-05:00",
        "close": "2025-11-28T13:00:00-05:00",
        "rows": {**NONE, "options_prices_live": 4, "market_context": 1, "gex_peaks": 1},
        "rows_before_open": {**NONE, "options_prices_live": 1},
        "rows_after_close": NONE,
        "first_quote": "2025-11-28T09:30:00-05:00",
        "last_quote": "2025-11-28T09:31:00-05:00",
        "cadence_s": 60.0,
        "gaps": [GAP],
        "longest_gap": GAP,
        "bars": 420,
        "bars_priced": 2,
        "priced_pct": 0.4762,
        "strikes": 1,
        "lowest_strike": 6000.0,
        "highest_strike": 6000.0,
        "checks": [
            {"time": at, "index_price": early, "vix": early, "pin": early}
            for at, early in (
                ("09:36", True),
                ("10:00", True),
                ("10:30", False),
                ("11:00", False),
                ("11:30", False),
                ("12:00", False),
            )
        ],
        "pins": "recorded",
        "odd": {**dict.fromkeys(ODD, 0), "crossed": 1},
        "duplicates": NONE,
        "widths": WIDTHS,
        "expirations": [],
        "unreadable": [],
    }
    assert found == {
        "database": str(box),
        "indexes": [
            {
                "index": "SPX",
                "start": "2025-11-28",
                "end": "2025-11-30",
                "totals": {
                    "rows": one["rows"],
                    "rows_outside": 2,
                    "bars": 420,
                    "bars_priced": 2,
                    "priced_pct": 0.4762,
                    "gaps": 1,
                    "checks": 6,
                    "checks_ready": 2,
                    "odd": one["odd"],
                    "duplicates": NONE,
                    "widths": WIDTHS,
                },
                "sessions": [one],
                "sessions_without_rows": [],
                "rows_off_session": [
                    {"date": "2025-11-29", "rows": {**NONE, "options_prices_live": 1}}
                ],
            }
        ],
    }


def test_how_often_quotes_come_is_read_at_a_glance(run, tmp_path):
    engine = writer.create(tmp_path / "rare.db")
    with engine.begin() as connection:
        rows = [quote(f"2025-11-28 {at}", "call", 2.0, 2.2) for at in ("14:30:00", "15:15:00")]
        rows += [quote(f"2025-12-01 {at}", "call", 2.0, 2.2) for at in ("14:30:00", "14:30:30.500")]
        writer.insert(connection, schema.quotes, rows)
    engine.dispose()
    _, out, _ = run(tmp_path / "rare.db")
    assert " 2 09:30:00 10:15:00 45m00s " in words_of(out)
    assert " 2 09:30:00 09:30:30 30.5 s " in words_of(out)


def test_quotes_without_a_bid_and_wide_ones_are_told_of(run, tmp_path):
    """Of 210 quotes 105 have no bid, five of them at a mid of 0.30; the others are 1.00 wide at a
    mid of 2.50, except five at 2.60 that are 0.20 wide:
    (100 · 1.00 + 5 · 0.20) / (100 · 2.50 + 5 · 2.60) is 38.4 % of mid."""
    engine = writer.create(tmp_path / "wide.db")
    stamps = [f"2025-11-28 15:{n // 60:02}:{n % 60:02}" for n in range(105)]
    with engine.begin() as connection:
        rows = [quote(at, "put", None, 0.6 if n < 5 else 0.05) for n, at in enumerate(stamps)]
        rows += [
            quote(at, "call", *((2.5, 2.7) if n < 5 else (2.0, 3.0))) for n, at in enumerate(stamps)
        ]
        writer.insert(connection, schema.quotes, rows)
    engine.dispose()
    _, out, _ = run(tmp_path / "wide.db")
    text = words_of(out)
    assert "105 of 210 quotes (50.0 %) have no bid, 5 of them with a mid of 0.25 or more." in text
    assert "1.00 wide in the median at a mid of 1.00 to 3.00 (38 % of mid)" in text
    assert "1.00 to 3.00 105 0.0 % 1.00 1.00 38.4 %" in text
    assert "0.00 to 0.25 100 100.0 % n/a n/a n/a" in text
    _, out, _ = run(tmp_path / "wide.db", "--json")
    kinds = [one["kind"] for one in json.loads(out)["indexes"][0]["warnings"]]
    assert {"without_bid", "wide_quotes", "null_bid"} <= set(kinds)


def test_json_of_a_session_without_quotes_holds_nulls(run, box):
    _, out, _ = run(box, "--json", "--start", "2025-12-02")
    (one,) = json.loads(out, parse_constant=pytest.fail)["indexes"][0]["sessions"]
    names = ("first_quote", "last_quote", "cadence_s", "longest_gap", "lowest_strike")
    assert [one[name] for name in names] == [None] * 5
    assert (one["gaps"], one["priced_pct"]) == ([], 0.0)


def test_an_index_in_lower_case(run, box):
    status, out, _ = run(box, "--index", "spx")
    assert status == 0
    assert out.startswith("SPX ")


def test_an_index_that_is_not_there(run, box):
    status, out, err = run(box, "--index", "NDX")
    assert (status, out) == (1, "")
    assert err == f"error: {box}: no rows of index NDX; it holds SPX\n"


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2025-12-06", "2025-12-07", "These dates hold no session (weekends or holidays)."),
        ("2025-12-08", "2025-12-09", "No rows between open and close on 2 sessions: Mon"),
    ],
)
def test_a_range_without_rows_is_no_error(run, box, start, end, says):
    status, out, _ = run(box, "--start", start, "--end", end)
    assert status == 0
    assert out.startswith(f"SPX {start} to {end}: no rows on any session\n")
    assert says in words_of(out)
    status, out, _ = run(box, "--start", start, "--end", end, "--json")
    (index,) = json.loads(out, parse_constant=pytest.fail)["indexes"]
    assert (status, index["sessions"], index["totals"]["priced_pct"]) == (0, [], None)


def test_rows_after_the_last_are_none(run, box):
    status, out, _ = run(box, "--start", "2026-01-01")
    assert status == 0
    assert "These dates hold no rows." in out


def test_a_blackbox_without_rows(run, tmp_path):
    writer.create(tmp_path / "empty.db").dispose()
    status, out, _ = run(tmp_path / "empty.db")
    assert (status, words_of(out)) == (0, f"{tmp_path}/empty.db: holds no rows at all")
    status, out, _ = run(tmp_path / "empty.db", "--json")
    assert json.loads(out)["indexes"] == []


def test_pins_that_would_be_computed_from_chains(run, tmp_path):
    engine = writer.create(tmp_path / "chains.db")
    with engine.begin() as connection:
        for symbol in ("SPX", "RUT"):
            row = ("2025-12-02 15:00:00", symbol, 6000.0, 15.0, "2025-12-02", "[]")
            writer.insert(connection, schema.snapshots, [row])
    engine.dispose()
    _, out, _ = run(tmp_path / "chains.db")
    said = "No gamma peaks on 1 session, so the pin is computed from the chains: Tue 2025-12-02"
    rut, spx = words_of(out).split("SPX 2025-12-02")
    assert f"{said}; peaks of RUT are sought where those of an SPX would be." in rut
    assert f"{said}." in spx


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--start", "2026-01-16", "--end", "2026-01-12"], 2, "lies before start"),
        (["--start", "12.1.2026"], 2, "YYYY-MM-DD"),
    ],
)
def test_dates_that_make_no_sense(run, box, words, status, says):
    got, _, err = run(box, *words)
    assert (got, says in err) == (status, True)


def test_no_such_file(run, tmp_path):
    status, _, err = run(tmp_path / "nothing.db")
    assert (status, err) == (1, f"error: {tmp_path}/nothing.db: no such database file\n")


def test_a_url_and_that_nothing_is_written(run, box):
    before = hashlib.sha256(box.read_bytes()).hexdigest()
    status, out, _ = run(f"sqlite:///{box}")
    assert status == 0
    assert out == run(box)[1]
    assert [path.name for path in box.parent.iterdir()] == ["box.db"]
    assert hashlib.sha256(box.read_bytes()).hexdigest() == before


def test_a_recorder_at_work_is_not_disturbed(run, box, tmp_path):
    busy = tmp_path / "busy.db"
    busy.write_bytes(box.read_bytes())
    engine = writer.create(busy)
    with engine.connect() as recorder:
        writer.insert(
            recorder, schema.context, [("2025-12-02 15:01:00", "SPX", 1.0, 1.0, None, None)]
        )
        status, out, _ = run(busy)
        recorder.commit()
    engine.dispose()
    assert status == 0
    assert out == run(box)[1]


def test_help_has_an_example(run):
    status, out, _ = run("--help")
    assert status == 0
    assert "Example: bt-gex inspect" in words_of(out)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "blackbox_spx_20180105.db",
            [
                "SPX 2018-01-05: 1 session, 58,500 quotes, 99.7 % priced, 12 of 12 checks ready",
                "26,953 of 58,500 quotes (46.1 %) have no bid, 6 of them with a mid of 0.25",
                "5.20 wide in the median at a mid of 10.00 to 30.00 (21 % of mid)",
                # bid = 0 and ask > 0.5, counted in SQL
                "Quotes without a bid under an ask too high for that: 6 on Fri 2018-01-05;",
            ],
        ),
        (
            "blackbox_spxw_lean_202101.db",
            [
                "No rows between open and close on 2 sessions: Tue 2021-01-05, Thu 2021-01-07.",
                "Crossed quotes (bid above ask): 68 on 2 days, most on Fri 2021-01-08 (53)",
            ],
        ),
    ],
)
def test_recorded_days(run, name, says):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not here")
    status, out, _ = run(DATA / name)
    assert status == 0
    for sentence in says:
        assert sentence in words_of(out)
    status, out, _ = run(DATA / name, "--json")
    assert json.loads(out, parse_constant=pytest.fail)["database"] == str(DATA / name)


def test_the_settings_of_a_run_decide(run, box, tmp_path):
    """Quotes at 09:30 and, its put crossed, at 09:31; context at 09:35. An age of 20 s leaves the
    bar of the quote itself, one of 60 s the next one, too; 0 s of context leave no check ready."""

    def first(*words):
        status, out, _ = run(box, "--json", "--end", "2025-11-28", *words)
        assert status == 0
        (one,) = json.loads(out)["indexes"][0]["sessions"]
        ready = sum(all((c["index_price"], c["vix"], c["pin"])) for c in one["checks"])
        return one["bars_priced"], [c["time"] for c in one["checks"]][:2], ready

    assert first() == (2, ["09:36", "10:00"], 2)
    assert first("--set", "data.quote_max_age_s=20") == (1, ["09:36", "10:00"], 2)
    config = tmp_path / "config.yaml"
    config.write_text(
        "data: {quote_max_age_s: 20, context_max_age_s: 120}\nentry: {times: ['09:36', '09:40']}\n",
        "utf-8",
    )
    assert first("--config", config) == (1, ["09:36", "09:40"], 1)
    assert first("--config", config, "--set", "data.quote_max_age_s=60")[0] == 2
    _, out, _ = run(box, "--config", config)
    assert "the newest of each and at most 20 s old" in words_of(out)
    assert "at most 120 s old" in words_of(out)
    assert "Missing 09:36 09:40" in words_of(out)
    status, _, err = run(box, "--set", "data.quote_max_age=1")
    assert (status, "quote_max_age_s" in err) == (2, True)
