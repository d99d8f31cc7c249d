"""What a person mistypes, what goes wrong around a run: one line, the right status, no debris."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty

from bt_gex import RunConfig, replay
from bt_gex.cli.main import main

DATES = ("--start", "2026-01-12", "--end", "2026-01-13")
RUN = ("run", "--db", "market.db", *DATES)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "market.db"
    nasty.make(path, 5, start="2026-01-12", end="2026-01-13", nasty=nasty.only("quiet"))
    return path


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a sound database and several unsound ones."""
    shutil.copy(made, tmp_path / "market.db")
    (tmp_path / "text.db").write_text("timestamp,bid,ask\n", "utf-8")
    (tmp_path / "nothing.db").touch()
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE notes (id)").connection.close()
    broken = {
        "table.db": "DROP TABLE market_context",
        "column.db": "ALTER TABLE gex_peaks RENAME COLUMN strike TO level",
        "stamp.db": "UPDATE market_context SET timestamp = 'yesterday' WHERE id = 5",
        "far_stamp.db": "INSERT INTO options_prices_live (timestamp, index_symbol, strike, "
        "option_type) VALUES ('12/01/2019', 'SPX', 1, 'call')",
        "number.db": "UPDATE market_context SET underlying_price = 'much' WHERE id = 3",
        "chain.db": "UPDATE options_snapshots SET chain_data = '{]'; DELETE FROM gex_peaks",
    }
    for name, change in broken.items():
        shutil.copy(made, tmp_path / name)
        with sqlite3.connect(tmp_path / name) as db:
            db.executescript(change)
        db.close()
    (tmp_path / "list.yaml").write_text("- 1\n", "utf-8")
    (tmp_path / "torn.yaml").write_text("exit: {stop_loss: [", "utf-8")
    (tmp_path / "number.yaml").write_text("entry: 5\n", "utf-8")
    (tmp_path / "unknown.yaml").write_text("exit: {stop_los: 0.2}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


CASES: list[tuple[tuple[str, ...], int, str]] = [
    (("run", "--db", "none.db", *DATES), 1, "none.db: no such database file"),
    (("run", "--db", "text.db", *DATES), 1, "text.db: is not a SQLite database"),
    (("run", "--db", "nothing.db", *DATES), 1, "nothing.db: holds none of the tables"),
    (("run", "--db", "other.db", *DATES), 1, "other.db: holds none of the tables"),
    (("run", "--db", ".", *DATES), 1, "is not a file"),
    (("run", "--db", "table.db", *DATES), 1, "table market_context is missing"),
    (("run", "--db", "column.db", *DATES), 1, "table gex_peaks has no column strike"),
    (("run", "--db", "stamp.db", *DATES), 1, "market_context: timestamp 'yesterday' is not read"),
    (("run", "--db", "far_stamp.db", *DATES), 1, "timestamp '12/01/2019' is not readable"),
    (("run", "--db", "number.db", *DATES), 1, "id 3: underlying_price 'much' is not a number"),
    (("run", "--db", "chain.db", *DATES), 1, "chain_data is not a JSON list"),
    (("run", "--db", "nosuch://x/y", *DATES), 1, "is not a database URL"),
    (("run", "--db", "postgresql+psycopg://u@127.0.0.1:1/x", *DATES), 1, "cannot be read"),
    (("inspect", "text.db"), 1, "text.db: is not a SQLite database"),
    ((*RUN, "--index", "NDX"), 1, "no rows of index NDX; it holds SPX"),
    ((*RUN, "--index", "SPXX"), 2, "unknown index 'SPXX'; did you mean SPX?"),
    (("run", "--db", "market.db", "--start", "2026-01-13", "--end", "2026-01-12"), 2, "before"),
    (("run", "--db", "market.db", "--start", "13.1.26", "--end", "2026-01-12"), 2, "YYYY-MM-DD"),
    (("run", "--db", "market.db", "--end", "2026-01-12"), 2, "--start is missing"),
    (("run", *DATES), 2, "Missing option '--db'"),
    ((*RUN, "--set", "exit.stop_los=0.2"), 2, "did you mean exit.stop_loss?"),
    ((*RUN, "--set", "stop_loss=0.2"), 2, "did you mean exit.stop_loss?"),
    ((*RUN, "--set", "exit.stop_loss=-1"), 2, "must be a number from 0 to 100, got '-1'"),
    ((*RUN, "--set", "exit.stop_loss=nan"), 2, "must be a number from 0 to 100, got 'nan'"),
    ((*RUN, "--set", "account.quantity=1.5"), 2, "must be a whole number from 1"),
    ((*RUN, "--set", "exit.stop_loss"), 2, "--set takes NAME=VALUE"),
    ((*RUN, "--set", "entry.times=10:00:10"), 2, "on the 30-second grid"),
    ((*RUN, "--fills", "cheap"), 2, "fills must be natural, exit-mid, mid"),
    ((*RUN, "--fills", "1,2,3"), 2, "fills must be natural, exit-mid, mid"),
    ((*RUN, "--commission", "free"), 2, "fills.commission must be a number from 0"),
    ((*RUN, "--commission", "-0.65"), 2, "fills.commission must be a number from 0"),
    ((*RUN, "--profile", "standart"), 2, "did you mean standard?"),
    ((*RUN, "--config", "none.yaml"), 1, "none.yaml: cannot be read"),
    ((*RUN, "--config", "torn.yaml"), 1, "torn.yaml: is not YAML"),
    ((*RUN, "--config", "list.yaml"), 2, "must hold settings by name, got a list"),
    ((*RUN, "--config", "number.yaml"), 2, "entry must hold settings by name, got 5"),
    ((*RUN, "--config", "unknown.yaml"), 2, "did you mean exit.stop_loss?"),
    ((*RUN, "--out", "text.db"), 1, "cannot write text.db"),
    ((*RUN, "--out", "text.db/runs"), 1, "cannot write text.db/runs"),
    ((*RUN, "--out", "/proc/runs"), 1, "cannot write /proc/runs"),
    ((*RUN, "--bogus"), 2, "No such option '--bogus'"),
    (("rnu",), 2, "unknown command 'rnu'; did you mean run?"),
    (("show", "nowhere"), 1, "nowhere is not the folder of a run"),
    (("trade", ".", "SPX-1"), 1, "is not the folder of a run"),
]


@pytest.mark.parametrize(("words", "status", "says"), CASES, ids=lambda case: str(case)[:60])
def test_one_line_and_the_right_status(
    words: tuple[str, ...],
    status: int,
    says: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(place.iterdir())
    assert call(*words) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert shown.err.startswith("error: ")
    assert len(shown.err.splitlines()) <= 2
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("days", [("2026-01-10", "2026-01-11"), ("2026-01-19", "2026-01-19")])
def test_dates_without_a_session(
    days: tuple[str, str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--db", "market.db", "--start", days[0], "--end", days[1]) == 0
    assert "the dates hold no session" in capsys.readouterr().out
    (folder,) = (place / "runs").iterdir()
    content = json.loads((folder / "trades.json").read_text("utf-8"))
    assert content["trades"] == []
    assert content["summary"]["total_trades"] == 0
    assert content["summary"]["profit_factor"] is None


def test_json_is_the_file_and_its_warnings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*RUN, "--index", "spx", "--json") == 0
    (folder,) = (place / "runs").iterdir()
    printed = capsys.readouterr().out
    content = json.loads(printed)
    assert isinstance(content.pop("warnings"), list)
    assert content == json.loads((folder / "trades.json").read_text("utf-8"))

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is no JSON")

    assert json.loads(printed, parse_constant=refuse)["summary"]["total_trades"] > 0


def test_a_run_repeats_byte_for_byte(place: Path) -> None:
    """Also in another process with another hash seed, and from its own configuration."""
    contents = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "bt_gex.cli.main", *RUN, "--out", f"out{seed}"]
        subprocess.run(
            [*command, "--set", "exit.stop_loss=0.3", "--fills", "0.66"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        (folder,) = (place / f"out{seed}").iterdir()
        contents.append({file.name: file.read_bytes() for file in folder.iterdir()})
        name = folder.name
    assert contents[0] == contents[1]
    own = ("--config", f"out1/{name}/config.yaml", "--out", "out3")
    assert call("run", "--db", "market.db", *own) == 0
    assert [folder.name for folder in (place / "out3").iterdir()] == [name]


def test_the_run_id_follows_data_and_configuration(place: Path) -> None:
    def run_id(**settings: float) -> str:
        config = RunConfig(start="2026-01-12", end="2026-01-13", settings=settings)
        return replay("market.db", config).run_id

    plain = run_id()
    assert run_id(**{"exit.stop_loss": 0.1}) == plain  # the default, said aloud
    assert run_id(**{"exit.stop_loss": 0.2}) != plain
    shutil.copy("market.db", "copy.db")
    assert replay("copy.db", RunConfig(start="2026-01-12", end="2026-01-13")).run_id == plain
    with sqlite3.connect("market.db") as db:
        db.execute("UPDATE options_prices_live SET ask = ask + 0.05")
    db.close()
    assert run_id() != plain


def test_interrupted_in_the_middle(place: Path) -> None:
    """The first index is done and stays; of the second nothing is left."""
    script = (
        "import sys, time, bt_gex.runs.replay as r\n"
        "plain = r.run\n"
        "def slow(config, *rest, **how):\n"
        "    if config.index == 'NDX':\n"
        "        print('waiting', file=sys.stderr, flush=True); time.sleep(30)\n"
        "    return plain(config, *rest, **how)\n"
        "r.run = slow\n"
        "from bt_gex.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    nasty.make(
        place / "two.db",
        5,
        indexes=("SPX", "NDX"),
        start="2026-01-12",
        end="2026-01-13",
        nasty=nasty.only("quiet"),
    )
    words = ["run", "--db", "two.db", *DATES, "--index", "SPX", "--index", "NDX"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"waiting\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted" in error
    assert b"Traceback" not in error
    (folder,) = (place / "runs").iterdir()
    assert folder.name.startswith("SPX-")
    assert call("show", str(folder)) == 0


def test_a_damaged_run_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*RUN) == 0
    (folder,) = (place / "runs").iterdir()
    order_id = json.loads((folder / "trades.json").read_text())["trades"][0]["order_id"]
    capsys.readouterr()
    assert call("trade", str(folder), order_id[:-1]) == 2
    assert f"did you mean {order_id}" in capsys.readouterr().err
    (folder / "trades.json").write_text('{"run_id": ', "utf-8")
    assert call("show", str(folder)) == 1
    assert "is not a readable run" in capsys.readouterr().err


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_reading_leaves_no_trace(journal: str, made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(made, home / "market.db")
    with sqlite3.connect(home / "market.db") as db:
        db.execute(f"PRAGMA journal_mode={journal}")
    db.close()
    before = files_of(home)
    result = replay(home / "market.db", RunConfig(start="2026-01-12", end="2026-01-13"))
    assert result.summary["total_trades"] > 0
    assert files_of(home) == before


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_reading_beside_a_recorder_at_work(journal: str, made: Path, tmp_path: Path) -> None:
    """A writer in the middle of a transaction is neither waited for nor disturbed."""
    path = tmp_path / "market.db"
    shutil.copy(made, path)
    recorder = sqlite3.connect(path, isolation_level=None)
    recorder.execute(f"PRAGMA journal_mode={journal}")
    recorder.execute("BEGIN IMMEDIATE")
    recorder.execute("DELETE FROM options_prices_live WHERE id = 1")
    config = RunConfig(start="2026-01-12", end="2026-01-13")
    assert replay(path, config).to_json() == replay(made, config).to_json()
    recorder.execute("COMMIT")
    recorder.close()


def test_what_a_recorder_has_committed_to_its_log_counts(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    shutil.copy(made, path)
    recorder = sqlite3.connect(path, isolation_level=None)
    recorder.execute("PRAGMA journal_mode=wal")
    recorder.execute("DELETE FROM options_prices_live")
    config = RunConfig(start="2026-01-12", end="2026-01-13")
    kinds = replay(path, config).summary["funnel"]["skips_by_kind"]
    recorder.close()
    assert set(kinds) == {"no quote"}
