"""`show` and `trade` on a saved run."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from record_fakes import fake_decision, fake_trade, statistics_of
from reports.long_result import long_run
from reports.report_fakes import arrow
from typed_records import session_summary

from bt_gex.cli.main import cli, main
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, UnknownName
from bt_gex.reports.console.run import make_console
from bt_gex.reports.words import find_trade, matching_trades, new_york_time
from bt_gex.results.result import RunResult
from bt_gex.trades.codec import to_json

ORDER = "SPX-2026-01-12-100000-6955-6945"
TRADE = fake_trade(
    ORDER,
    timestamp_entry="2026-01-12T15:00:00+00:00",
    timestamp_exit="2026-01-12T15:05:00+00:00",
    time_alive_minutes=5.0,
)


SESSION = session_summary({
    "session": "2026-01-12", "status": "traded", "checks": 1, "entries": 1, "bars": 10,
    "trades_pnl_dollars": -45.0, "priced_pct": 100.0, "notes": [], "quality": {},
})  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved run of one trade."""
    times = pd.date_range("2026-01-12 15:00", periods=11, freq="30s", tz="UTC", unit="ns")
    money = dict.fromkeys(("equity", "cash", "margin_dollars", "closed_equity"), 25_000.0)
    statistics = statistics_of(
        [TRADE],
        decisions=[fake_decision(outcome="entry")],
        sessions=[SESSION],
        max_drawdown_mtm=45.0,
    )
    result = RunResult(
        run_id="SPX-test",
        config=RunConfig(start=date(2026, 1, 12), end=date(2026, 1, 12)).resolved(),
        source={},
        statistics=statistics,
        trade_records=[TRADE],
        decision_records=[],
        equity_table=arrow(
            pd.DataFrame({"time": times, "session": "2026-01-12", **money, "open_spreads": 0})
        ),
        marks_table=arrow(pd.DataFrame({"order_id": ORDER, "time": times, "value": 2.40})),
        market_table=arrow(
            pd.DataFrame(
                {"time": times, "session": "2026-01-12", "spot": 6960.0, "vix": 14.6, "pin": 6980.0}
            )
        ),
    )
    saved = result.save(tmp_path).folder
    assert saved is not None
    return saved


def test_show_prints_the_report_again(folder: Path) -> None:
    shown = CliRunner().invoke(cli, ["show", str(folder)])
    assert shown.exit_code == 0
    assert shown.output.startswith("SPX 2026-01-12: -$45.00 (-0.18 %), 1 trade, 0 won, 1 lost")
    assert f"run SPX-test in {folder}" in "".join(shown.output.splitlines())


def test_show_json_prints_what_is_saved(folder: Path) -> None:
    shown = CliRunner().invoke(cli, ["show", str(folder), "--json"])
    found = json.loads(shown.output)
    assert found["trades"] == [to_json(TRADE)]
    assert {**json.loads((folder / "trades.json").read_text()), "warnings": []} == found


def test_trade_explains_and_draws(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "loss.png"
    shown = CliRunner().invoke(cli, ["trade", str(folder), ORDER, "-o", str(target)])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"{ORDER}: PUT 6955/6945, -$45.00")
    assert f"picture: {target}" in shown.output
    assert target.read_bytes().startswith(b"\x89PNG")


def test_trade_draws_into_the_current_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(folder.iterdir())
    CliRunner().invoke(cli, ["trade", str(folder), ORDER])
    assert (tmp_path / f"{ORDER}.png").exists()
    assert sorted(folder.iterdir()) == before


def exit_status(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    return int(stopped.value.code or 0)


def test_an_unknown_trade(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["trade", str(folder), "SPX-2026-01-12-100000"]) == 2
    assert capsys.readouterr().err == (
        f"error: unknown trade 'SPX-2026-01-12-100000'; did you mean {ORDER}?\n"
    )


@pytest.mark.parametrize("name", ["10:00", "2026-01-12"])
def test_a_trade_by_its_time_or_date(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """15:00 UTC is 10:00 in New York in January."""
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(cli, ["trade", str(folder), name])
    assert shown.output.startswith(f"{ORDER}: PUT 6955/6945")
    assert (tmp_path / f"{ORDER}.png").exists()


def test_a_time_of_several_trades_lists_them(folder: Path) -> None:
    result = RunResult.load(folder)
    second = replace(TRADE, order_id="other")
    both = replace(result, trade_records=[TRADE, second])
    with pytest.raises(BadValue, match=f"2 trades match 10:00; give one of {ORDER}, other"):
        find_trade(both, "10:00")
    with pytest.raises(UnknownName):
        find_trade(both, "15:00")
    with pytest.raises(UnknownName, match="there is none"):
        find_trade(replace(result, trade_records=[]), "10:00")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2024-01-02", 5),
        ("2024-01-02 10:30", 1),
        ("2024-01-02T10:30", 1),
        ("10:30", 14),
        ("SPX-20240102-0120-IC", 1),
    ],
)
def test_the_trades_that_are_meant(asked: str, found: int) -> None:
    """Several trades on that date, and at that time on several dates."""
    matching = matching_trades(long_run(20), asked)
    assert len(matching) == found
    for word in asked.replace("T", " ").split():
        if not word.startswith("SPX"):
            assert all(word in f"{new_york_time(t.timestamp_entry)}" for t in matching)


def test_trades_of_a_date_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = long_run(20)
    monkeypatch.setattr(RunResult, "load", lambda folder: result)
    assert exit_status(["trade", "run", "2024-01-02"]) == 0
    out = capsys.readouterr().out
    ids = [t.order_id for t in result.trade_records if str(t.expiration) == "2024-01-02"]
    assert len(ids) > 1
    assert all(name in out for name in ids)
    assert list(tmp_path.iterdir()) == []
    assert exit_status(["trade", "run", "2024-01-02", "-o", "picture.png"]) == 2
    assert "give one of SPX-20240102-" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    command = [sys.executable, "-m", "bt_gex.cli.main", "show", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # long before the first line
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("", 100), ("x", 100), ("0", 100)])
def test_columns_are_honoured_in_a_pipe(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert make_console(io.StringIO()).width == width


def test_a_character_that_cannot_be_written_is_replaced(folder: Path) -> None:
    named = folder.rename(folder.with_name("läufe"))
    command = [sys.executable, "-m", "bt_gex.cli.main", "show", str(named)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "400"}
    done = subprocess.run(command, capture_output=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"l?ufe" in done.stdout


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(["show", str(tmp_path)]) == 1
    assert "is not the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "trade"])
def test_help_has_an_example(verb: str) -> None:
    shown = CliRunner().invoke(cli, [verb, "--help"])
    assert f"Example: bt-gex {verb} runs/" in shown.output
