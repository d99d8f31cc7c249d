"""`bt-gex run`, `show` and `trade` from the outside, over one hand-made day."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from defects.handmade_market import Market, put_spread
from typed import call

from bt_gex.cli.main import COMMANDS, main
from bt_gex.results.statistics import RunStatistics
from bt_gex.storage import atomic

DAY = ("--start", "2026-01-12", "--end", "2026-01-12")
ONE = ("--set", "entry.times=09:36")
RUN = ("run", "--db", "market.db", *DAY, *ONE)
ORDER = "SPX-20260112-093600-PUT-5980-5975"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SPX with one put spread at 09:36; NDX and a BRK/B with prices and no quotes."""
    market = Market(tmp_path_factory.mktemp("made"))
    market.known_all_day()
    market.quotes("09:31", "15:59", put_spread(1.0))
    for symbol in ("NDX", "BRK/B", "mine"):
        market.index = symbol
        market.known_all_day()
    return market.save()


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(made, tmp_path / "market.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    return partial(call, capsys)


Run = Callable[..., tuple[int, str, str]]


def strict(text: str) -> Any:
    return json.loads(text, parse_constant=pytest.fail)


def only_folder(place: Path, runs: str = "runs") -> Path:
    (folder,) = (place / runs).iterdir()
    return folder


def without_warnings(content: Any) -> Any:
    """A run as printed, as it is stored."""
    assert isinstance(content["warnings"], list)
    return {name: value for name, value in content.items() if name != "warnings"}


def test_one_run(run: Run, place: Path) -> None:
    status, out, err = run(*RUN)
    assert (status, err) == (0, "")
    folder = only_folder(place)
    assert sorted(file.name for file in folder.iterdir()) == [
        *("config.yaml", "daily_returns.csv", "decisions.jsonl", "equity.parquet", "equity.png"),
        *("market.parquet", "marks.parquet", "trades.csv", "trades.json", "trades.parquet"),
    ]
    assert str(folder.relative_to(place)) in out
    assert [t["order_id"] for t in strict((folder / "trades.json").read_text())["trades"]] == [
        ORDER
    ]
    assert run("show", folder)[0] == 0
    status, out, err = run("show", folder, "--json")
    stored = strict((folder / "trades.json").read_text())
    assert (status, err) == (0, "")
    assert without_warnings(strict(out)) == stored
    assert "warnings" not in stored
    assert run("trade", folder, ORDER)[0] == 0
    assert (place / f"{ORDER}.png").exists()


def test_a_statistic_added_later_changes_no_id(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither version refuses what the other has written."""
    assert run(*RUN)[0] == 0
    before = only_folder(place).name
    as_now = RunStatistics.to_json
    with monkeypatch.context() as later:
        later.setattr(RunStatistics, "to_json", lambda self: {**as_now(self), "omega": 1.5})
        assert run("show", place / "runs" / before)[0] == 0
        assert run(*RUN)[0] == 0
    folder = only_folder(place)
    assert folder.name == before
    assert strict((folder / "trades.json").read_text())["summary"]["omega"] == 1.5
    assert run("show", folder)[0] == 0
    assert run("verify", folder)[0] == 0


def test_json_is_all_there_is_on_the_output(run: Run, place: Path) -> None:
    status, out, err = run(*RUN, "--index", "spx", "--json")
    assert (status, err) == (0, "")
    stored = strict((only_folder(place) / "trades.json").read_text())
    assert without_warnings(strict(out)) == stored


def test_several_indexes(run: Run, place: Path) -> None:
    words = ("--index", "ndx", "--index", "SPX", "--index", "NDX")
    assert run(*RUN, *words)[0] == 0
    status, out, _ = run(*RUN, *words, "--json")
    assert status == 0
    found = strict(out)
    names = sorted(folder.name for folder in (place / "runs").iterdir())
    assert [re.sub("-[0-9a-f]{10}$", "", name) for name in names] == [
        *("NDX+SPX", "NDX-20260112-20260112", "SPX-20260112-20260112"),
    ]
    combined = place / "runs" / names[0]
    assert strict((combined / "summary.json").read_text())["summary"] == found["combined"]
    for one in found["runs"]:
        stored = strict((place / "runs" / one["run_id"] / "trades.json").read_text())
        assert without_warnings(one) == stored
    ndx, spx = found["runs"]  # NDX has no quotes, SPX has all it needs
    assert [list(warning) for warning in ndx["warnings"]] == [
        ["kind", "text", "next_step", "trades", "order_ids", "dollars", "share"]
    ]
    assert list(ndx["warnings"][0].values())[3:] == [None, [], None, None]
    assert ndx["warnings"][0]["kind"] == "missing_data"
    assert spx["warnings"] == []
    assert found["combined"]["total_trades"] == 1
    assert run("show", combined)[::2] == (
        1,
        f"error: {combined} is not the folder of a run, but of a sum of several runs; give the "
        "folder of one of them\n",
    )


def test_no_run_begins_when_one_of_the_indexes_is_not_there(run: Run, place: Path) -> None:
    db = sqlite3.connect("market.db")
    db.execute("DELETE FROM gex_peaks WHERE index_symbol = 'NDX'")
    db.execute("DELETE FROM market_context WHERE index_symbol = 'NDX'")
    db.commit()
    db.close()
    status, out, err = run(*RUN, "--index", "SPX", "--index", "NDX")
    assert (status, out) == (1, "")
    assert err == "error: market.db: no rows of index NDX; it holds BRK/B, SPX, mine\n"
    assert not (place / "runs").exists()


@pytest.mark.parametrize("days", [("2026-01-10", "2026-01-11"), ("2026-01-13", "2026-01-14")])
@pytest.mark.parametrize("indexes", [("SPX",), ("SPX", "NDX")])
def test_no_trades_anywhere(days: tuple[str, str], indexes: tuple[str, ...], run: Run) -> None:
    words = ["run", "--db", "market.db", "--start", days[0], "--end", days[1]]
    words += [word for symbol in indexes for word in ("--index", symbol)]
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    why = "the dates hold no session" if days[0] == "2026-01-10" else "no data for 2 sessions"
    assert f"SPX {days[0]} to {days[1]}: no trades - {why}" in out
    status, out, _ = run(*words, "--json")
    found = strict(out)
    summary = found["combined"] if len(indexes) > 1 else found["summary"]
    assert (status, summary["total_trades"], summary["profit_factor"]) == (0, 0, None)
    for folder in Path("runs").glob("*-202601*"):
        assert run("show", folder)[0] == 0
        status, _, err = run("trade", folder, ORDER)
        assert (status, err) == (2, f"error: {folder} has no trades; bt-gex show tells why\n")


@pytest.mark.parametrize("option", ["--db", "--profile", "--fills", "--config", "--out"])
def test_an_empty_option_is_no_wish_for_the_default(option: str, run: Run) -> None:
    status, out, err = run(*RUN, option, "")
    assert (status, out) == (2, "")
    assert f"'{option}': it is empty; give a value, or leave the option out" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("profile=parity", "profile is no setting; give --profile instead"),
        ("start=2026-01-12", "start is no setting; give --start instead"),
        ("exit.zzz=1", "known: exit.emergency_stop, exit.end_of_day_minutes, exit.profit"),
        ("fills=mid", "fills."),
        ("EXIT.STOP_LOSS=1", "did you mean exit.stop_loss?"),
        ("entry.max_open=0", "must be a whole number from 1 or none, got '0'"),
        ("entry.times=16:00", "New York times HH:MM[:SS] on the 30-second grid"),
        ("account.sizing=kelly", "'fixed' or 'half-kelly', got 'kelly'"),
        ("fills.commission=nan", "a number from 0 to 1000, got 'nan'"),
        ("account.balance=1e999", "a number above 0 to 1e+12, got '1e999'"),
        ("setup.parity=maybe", "true or false, got 'maybe'"),
        ("=5", "--set takes NAME=VALUE such as exit.stop_loss=0.15, got '=5'"),
    ],
)
def test_a_setting_that_is_none(change: str, says: str, run: Run, place: Path) -> None:
    status, out, err = run(*RUN, "--set", change)
    assert (status, out) == (2, "")
    assert says in err
    assert not (place / "runs").exists()


YAML = [
    ("exit: [1]", 2, "exit must hold settings by name, got [1]"),
    ("indexes: [SPY]", 2, "indexes must hold settings by name, got ['SPY']"),
    ("indexes: {SPY: 1}", 2, "indexes.SPY must name the facts of the index, got 1"),
    ("indexes: {SPY: {scal: 1}}", 2, "did you mean indexes.SPY.scale?"),
    ("index: [SPX, NDX]", 2, "got ['SPX', 'NDX']; for several repeat --index"),
    ("index:", 2, "index must be one symbol such as SPX, got None"),
    ("profile: [1]", 2, "profile must be standard or parity, got [1]"),
    ("profile: 5", 2, "profile must be standard or parity, got 5"),
    ("start: 20260112", 2, "start must be a date YYYY-MM-DD, got 20260112"),
    ("start: [1]", 2, "start must be a date YYYY-MM-DD, got [1]"),
    ("entry: {times: 1000}", 2, "got 1000"),
    ("entry: {times: []}", 2, "entry.times must name at least one time"),
    ("account: {quantity: true}", 2, "must be a whole number from 1 to 100000, got True"),
    ("exit: {stop_loss: {a: 1}}", 2, "from 0 to 100, got {'a': 1}"),
    ("fills: dear", 2, "fills must be natural, exit-mid, mid"),
    ("1: 2", 2, "unknown setting '1'"),
    ("just words", 2, "got a str; write for instance exit.stop_loss: 0.15"),
    ("exit:\n  stop_loss: 0.1\n  x: y: z", 1, "is not YAML: line 3: mapping values are not"),
    ("exit: {stop_loss: 1}\nexit: {emergency_stop: 2}", 1, "line 2: exit is there twice; put"),
    ("{[1]: 2}", 1, "is not YAML: line 1: found unhashable key"),
    ("start: !!timestamp 2026-13-45", 1, "is not YAML: month must be in 1..12"),
    ("account: {quantity: !!int x}", 1, "is not YAML: invalid literal"),
    ("a: \0", 1, "is not YAML: unacceptable character"),
    ("[" * 3000, 1, "is not YAML"),
]


@pytest.mark.parametrize(("content", "status", "says"), YAML, ids=lambda value: str(value)[:25])
def test_a_bad_file(content: str, status: int, says: str, run: Run, place: Path) -> None:
    (place / "a.yaml").write_text(content, "utf-8")
    days = DAY[2:] if content.startswith("start") else DAY
    got, out, err = run("run", "--db", "market.db", *days, "--config", "a.yaml")
    assert (got, out) == (status, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_no_text(run: Run, place: Path) -> None:
    (place / "a.yaml").write_bytes(b"exit: \xff\xfe")
    assert run(*RUN, "--config", "a.yaml")[::2] == (
        1,
        "error: a.yaml: is not YAML: it is not UTF-8 text\n",
    )


def test_what_a_file_may_say(run: Run, place: Path) -> None:
    """Times without quotes are times, dates are dates; options win; nothing said is no change."""
    content = """
        index: spx
        start: 2026-01-12
        end: 2026-01-12
        entry:
          times: [09:36, 10:00]
          max_open: none
        account:
        fills: 0.5
    """
    (place / "a.yaml").write_text(content, "utf-8")
    status, out, _ = run("run", "--db", "market.db", "--config", "a.yaml", "--json")
    assert status == 0
    assert [t["timestamp_entry"][11:16] for t in strict(out)["trades"]] == ["14:36", "15:00"]
    words = ("run", "--db", "market.db", "--config", "a.yaml", "--out", "other")
    assert run(*words, *ONE, "--fills", "natural", "--json")[0] == 0
    assert run(*RUN, "--out", "plain")[0] == 0
    assert only_folder(place, "other").name == only_folder(place, "plain").name


def test_a_run_again_by_its_own_configuration(run: Run, place: Path) -> None:
    assert (
        run(*RUN, "--set", "exit.stop_loss=0.3", "--fills", "1,0.5", "--commission", "0.65")[0] == 0
    )
    folder = only_folder(place)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert run("run", "--db", "market.db", "--config", folder / "config.yaml")[0] == 0
    assert only_folder(place) == folder  # replaced, and nothing left beside it
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("symbol", "typed", "name"), [("BRK/B", "brk/b", "BRK_B"), ("mine", "MINE", "mine")]
)
def test_an_index_of_ones_own(symbol: str, typed: str, name: str, run: Run, place: Path) -> None:
    """However its letters are typed; a slash in it makes no folder."""
    (place / "a.yaml").write_text(f"indexes: {{{symbol}: {{strike_increment: 1}}}}", "utf-8")
    status, out, err = run(*RUN, "--config", "a.yaml", "--index", typed)
    assert (status, err) == (0, "")
    assert out.startswith(f"{symbol} 2026-01-12: no trades")
    assert re.fullmatch(f"{name}-20260112-20260112-[0-9a-f]{{10}}", only_folder(place).name)


@pytest.mark.parametrize("out", ["market.db", "market.db/runs", "market.db/a/b"])
def test_an_output_folder_that_cannot_be(out: str, run: Run, place: Path) -> None:
    before = sorted(place.iterdir())
    status, shown, err = run(*RUN, "--out", out)
    assert (status, shown) == (1, "")
    assert err == f"error: cannot write {out}: market.db is not a folder\n"
    assert sorted(place.iterdir()) == before


def test_a_file_in_the_place_of_the_run_is_replaced(run: Run, place: Path) -> None:
    assert run(*RUN)[0] == 0
    folder = only_folder(place)
    shutil.rmtree(folder)
    folder.write_text("a file", "utf-8")
    assert run(*RUN)[0] == 0
    assert only_folder(place) == folder
    assert run("show", folder)[0] == 0


@pytest.mark.parametrize("stops", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", [0, 1])
def test_stopped_while_the_folder_is_put_in_place(
    stops: Any, at: int, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two renames the earlier run would be gone: it comes back."""
    assert run(*RUN)[0] == 0
    folder = only_folder(place)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    rename, calls = os.rename, iter(range(9))

    def stopped(source: Any, target: Any) -> None:
        if next(calls) == at:
            raise stops
        rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", stopped)
    status, out, err = run(*RUN)
    assert (status, out) == (130 if stops is KeyboardInterrupt else 1, "")
    assert err.splitlines()[-1].startswith(
        "interrupted; results" if status == 130 else "error: cannot write"
    )
    assert only_folder(place) == folder
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_interrupted_while_files_are_written(place: Path) -> None:
    """A real Ctrl-C, when half of the folder is there."""
    script = (
        "import os, signal, sys, time, pyarrow.parquet as r\n"
        "plain = r.write_table\n"
        "def slow(table, path):\n"
        "    plain(table, path)\n"
        "    if 'marks' in str(path): os.kill(os.getpid(), signal.SIGINT); time.sleep(20)\n"
        "r.write_table = slow\n"
        "from bt_gex.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *RUN],
        capture_output=True,
        timeout=30,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].startswith(b"interrupted; results finished before")
    assert b"Traceback" not in done.stderr
    assert list((place / "runs").iterdir()) == []


def test_an_output_nobody_can_write_to(run: Run, place: Path) -> None:
    assert run(*RUN)[0] == 0
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bt_gex.cli.main", "show", str(only_folder(place)), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


def test_a_mistyped_command(run: Run) -> None:
    assert run("shwo")[::2] == (2, "error: unknown command 'shwo'; did you mean show?\n")
    status, _, err = run("zzz", "--help")
    assert status == 2
    assert err.startswith("error: unknown command 'zzz'; known: backtest, cache, compare, costs, ")
    assert err.endswith(f" and {len(COMMANDS) - 8} more\n")


def spoil(name: str, **changes: Any) -> Callable[[Path], None]:
    """Change keys of trades.json; None takes one out."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / "trades.json").read_text())
        part = content[name] if name == "summary" else content["trades"][0]
        for key, value in changes.items():
            part[key] = value
            if value is None:
                del part[key]
        (folder / "trades.json").write_text(json.dumps(content))

    return apply


def write(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(content) and None


def columns(file: str) -> Callable[[Path], None]:
    return lambda folder: pd.DataFrame({"x": [1]}).to_parquet(folder / file)


DAMAGE = {
    "cut": (write("trades.json", b'{"run_id": '), "Expecting value"),
    "bytes": (write("trades.json", b"\xff\x00"), "can't decode byte 0xff"),
    "list": (write("trades.json", b"[]"), "trades.json: must hold values by name"),
    "null": (write("trades.json", b"null"), "trades.json: must hold values by name"),
    "deep": (write("trades.json", b"[" * 100_000), "recursion"),
    "no key": (write("trades.json", b'{"run_id": "x"}'), "trades.json: summary is missing in it"),
    "no funnel": (spoil("summary", funnel=None), "summary funnel: Input should be an object"),
    "word": (spoil("summary", total_pnl="much"), "summary total_pnl: Input should be a valid"),
    "sessions": (spoil("summary", sessions=5), "summary sessions: Input should be a valid array"),
    "NaN": (spoil("summary", total_pnl=float("nan")), "NaN is not a number"),
    "no credit": (spoil("trades", entry_credit=None), "trade 0.entry_credit: Field required"),
    "credit": (
        spoil("trades", entry_credit="much"),
        "trade 0.entry_credit: Input should be a valid number",
    ),
    "config": (write("config.yaml", b"config: {}"), "config.yaml: run_id is missing in it"),
    "no config": (write("config.yaml", b"a: ["), "while parsing"),
    "checks": (write("decisions.jsonl", b"5\n"), "is not a readable run"),
    "torn checks": (write("decisions.jsonl", b'{"a"'), "decisions.jsonl: Expecting"),
    "equity": (write("equity.parquet", b"PAR1"), "Could not open Parquet"),
    "columns": (columns("equity.parquet"), "equity.parquet: time is missing in it"),
    "marks": (columns("marks.parquet"), "marks.parquet: order_id is missing in it"),
}


@pytest.fixture(scope="module")
def saved(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("saved")
    with pytest.raises(SystemExit):
        main(["run", "--db", str(made), *DAY, *ONE, "--out", str(home), "--json"])
    (folder,) = home.iterdir()
    return folder


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_run(kind: str, saved: Path, run: Run, place: Path) -> None:
    folder = Path(shutil.copytree(saved, place / "run"))
    apply, says = DAMAGE[kind]
    apply(folder)
    for words in (("show", "run"), ("show", "run", "--json"), ("trade", "run", ORDER)):
        status, out, err = run(*words)
        assert (status, out) == (1, "")
        assert err.startswith("error: run is not a readable run: ")
        assert says in err
        assert len(err.splitlines()) == 1
    assert not (place / f"{ORDER}.png").exists()


@pytest.mark.parametrize(
    "file",
    ["trades.json", "config.yaml", "decisions.jsonl", "equity.parquet", "marks.parquet"],
)
def test_a_run_without_a_file(file: str, saved: Path, run: Run, place: Path) -> None:
    folder = Path(shutil.copytree(saved, place / "run"))
    (folder / file).unlink()
    assert run("show", "run") == (
        1,
        "",
        f"error: run is not the folder of a run: no {file} in it\n",
    )


def test_what_is_no_run(saved: Path, run: Run, place: Path) -> None:
    assert run("show", "none")[::2] == (
        1,
        "error: none is not the folder of a run: no trades.json in it\n",
    )
    assert run("show", "market.db")[::2] == (
        1,
        "error: market.db is a file; give the folder of a run\n",
    )


def test_a_trade_that_is_none(saved: Path, run: Run, place: Path) -> None:
    assert run("trade", saved, ORDER.lower())[::2] == (
        2,
        f"error: unknown trade '{ORDER.lower()}'; did you mean {ORDER}?\n",
    )
    status, _, err = run("trade", saved, ORDER, "-o", "market.db/x.png")
    assert (status, err) == (1, "error: cannot write market.db/x.png: Not a directory\n")
    assert run("trade", saved, ORDER, "-o", ".")[0] == 2
    assert sorted(file.name for file in place.iterdir()) == ["market.db"]
