"""`bt-gex synth` as a user types it."""

from __future__ import annotations

import os
import sqlite3

import pytest

from bt_gex.cli.main import main

DAY = ["--start", "2026-01-12", "--end", "2026-01-12", "--seed", "7", "--strikes-within", "10"]


def run(capsys, *words):
    """Exit status, standard output and standard error of `bt-gex synth …`."""
    with pytest.raises(SystemExit) as ended:
        main(["synth", *map(str, words)])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def counts(path):
    with sqlite3.connect(path) as database:
        tables = ("options_snapshots", "gex_peaks", "competing_peaks", "market_context")
        found = {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in (*tables, "options_prices_live")
        }
        symbols = database.execute("SELECT DISTINCT index_symbol FROM options_prices_live")
        found["symbols"] = sorted(row[0] for row in symbols)
    database.close()
    return found


def test_it_writes_a_blackbox_and_says_how_much(tmp_path, capsys):
    out = tmp_path / "market.db"
    status, shown, _ = run(capsys, out, *DAY)
    found = counts(out)
    assert status == 0
    assert found["symbols"] == ["SPX"]
    first, second = shown.splitlines()
    assert first.startswith(f"{out}: 1 session of SPX, seed 7, ")
    assert first.endswith(f"{out.stat().st_size / 1e6:.1f} MB")
    for name in ("options_snapshots", "gex_peaks", "options_prices_live"):
        assert f"{name} {found[name]:,}" in second


def test_both_indexes_in_any_case(tmp_path, capsys):
    out = tmp_path / "market.db"
    status, shown, _ = run(capsys, out, *DAY, "--index", "ndx", "--index", "SPX")
    assert status == 0
    assert "NDX, SPX" in shown
    assert counts(out)["symbols"] == ["NDX", "SPX"]


def test_the_same_words_write_the_same_bytes(tmp_path, capsys):
    for name in ("a.db", "b.db"):
        run(capsys, tmp_path / name, *DAY)
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()


def test_an_existing_file_is_kept_unless_forced(tmp_path, capsys):
    out = tmp_path / "market.db"
    out.write_text("precious")
    status, shown, complaint = run(capsys, out, *DAY)
    assert (status, shown) == (1, "")
    assert len(complaint.splitlines()) == 1
    assert "--force" in complaint
    assert out.read_text() == "precious"
    status, _, _ = run(capsys, out, *DAY, "--force")
    assert status == 0
    assert counts(out)["gex_peaks"] > 90


@pytest.mark.parametrize("existing", [False, True])
def test_a_range_without_sessions_says_so_and_writes_nothing(tmp_path, capsys, existing):
    out = tmp_path / "market.db"
    if existing:
        out.write_text("precious")
    words = ["--start", "2026-01-17", "--end", "2026-01-19", "--seed", "7", "--force"]
    status, shown, _ = run(capsys, out, *words)
    assert status == 0
    assert "no sessions from 2026-01-17 to 2026-01-19" in shown
    assert os.listdir(tmp_path) == (["market.db"] if existing else [])
    assert not existing or out.read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        ([*DAY, "--index", "SPQ"], 2, "did you mean SPX?"),
        ([*DAY, "--index", "SPX", "--index", "SPX"], 2, "each index once"),
        ([*DAY, "--vix", "2"], 2, "5 to 100"),
        ([*DAY, "--vix", "high"], 2, "--vix"),
        ([*DAY, "--strikes-within", "0"], 2, "more than 0"),
        (["--start", "2026-01-32", "--end", "2026-02-01", "--seed", "1"], 2, "--start"),
        (["--start", "2026-01-13", "--end", "2026-01-12", "--seed", "1"], 2, "lies before"),
        (["--start", "2026-01-13", "--end", "2026-01-13"], 2, "--seed"),
    ],
)
def test_an_impossible_request_is_refused_before_anything_is_written(
    tmp_path, capsys, words, status, complaint
):
    found, _, shown = run(capsys, tmp_path / "market.db", *words)
    assert found == status
    assert complaint in shown
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path, capsys):
    status, _, complaint = run(capsys, tmp_path / "nowhere" / "market.db", *DAY)
    assert status == 1
    assert len(complaint.splitlines()) == 1
    assert "No such file or directory" in complaint


def test_every_option_shows_an_example(capsys):
    status, shown, _ = run(capsys, "--help")
    flat = " ".join(shown.split()).replace("- ", "-")
    assert status == 0
    assert "Example: bt-gex synth market.db" in flat
    for example in ("--index NDX", "--start 2026-", "--end 2026-", "--seed 7", "--vix 18"):
        assert example in flat
    assert "--strikes-within 100" in flat
    assert flat.count("--force") == 2
