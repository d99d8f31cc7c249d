"""bt-gex paper start|status|stop|report and parity as somebody types them, killed for real, too."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from live.desk import DAY
from oracle import nasty

from bt_gex.cli.main import main
from bt_gex.live.store import SessionStore, session_folder

KILLS = int(os.environ.get("BT_GEX_SESSION_KILLS", "2"))  # of a process, each at a random instant


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("market") / "market.db"
    nasty.make(made, 4, start=DAY, end=DAY)  # type: ignore[arg-type]
    return made


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def typed(path: Path, home: Path, *more: str) -> list[str]:
    return ["paper", "start", "--provider", "recorded", "--db", str(path),
            "--day", DAY.isoformat(), "--home", str(home), *more]  # fmt: skip


def started(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bt_gex.cli.main", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def rows_read(home: Path) -> int:
    (folder,) = (home / "sessions").glob("SPX*/") if (home / "sessions").exists() else [home]
    try:
        return len(SessionStore(folder).bars())
    except Exception:  # being written at this moment
        return 0


def wait_for_rows(home: Path, rows: int) -> None:
    deadline = time.monotonic() + 120
    log = session_folder(home, f"SPX-{DAY}") / "recording.log"
    while not log.exists() or rows_read(home) < rows:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_from_start_to_proof(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    code, out, _ = call(typed(path, home, "--json"), capsys)
    assert code == 0
    report = json.loads(out)  # and nothing else
    code, out, _ = call(["run", "--db", str(path), "--start", str(DAY), "--end", str(DAY),
                         "--out", str(tmp_path / "runs"), "--json"], capsys)  # fmt: skip
    run = json.loads(out)
    assert report["trades"] == run["trades"]
    assert report["summary"] == run["summary"]
    assert report["warnings"] == run["warnings"]
    assert report["session_id"] == f"SPX-{DAY}"
    assert len(report["orders"]) == 2 * len(run["trades"])
    assert {order["status"] for order in report["orders"]} == {"filled"}
    assert report["parity"]["identical"]
    code, out, _ = call(["parity", "--home", str(home), "--json"], capsys)
    assert (code, json.loads(out)) == (0, report["parity"])
    code, out, _ = call(["paper", "status", "--home", str(home), "--json"], capsys)
    (row,) = json.loads(out)
    assert (row["status"], row["read"], row["open_spreads"]) == ("finished", 780, 0)
    assert row["equity"] == report["summary"]["final_balance"]
    code, out, _ = call(["paper", "report", f"SPX-{DAY}", "--home", str(home)], capsys)
    assert code == 0
    assert f"{len(run['trades'])} trades, identical to the replay to the cent" in out
    code, _, err = call(typed(path, home, "--fills", "mid"), capsys)
    assert (code, "fills.entry_slippage" in err) == (2, True)
    code, out, _ = call(["paper", "stop", "--home", str(home)], capsys)
    assert (code, "not running" in out) == (0, True)
    code, _, err = call(["parity", "SPX-2026-01-15", "--home", str(home)], capsys)
    assert (code, f"SPX-{DAY}" in err) == (2, True)


def test_a_recording_that_does_not_give_the_trades_is_status_1(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bt_gex.live import parity

    home = tmp_path / "home"
    call(typed(path, home, "--json"), capsys)
    monkeypatch.setattr(parity, "same_fill", lambda one, other: False)
    code, out, _ = call(["parity", "--home", str(home)], capsys)
    assert code == 1
    assert "NOT" in out


def test_killed_at_any_instant_it_ends_the_same(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(typed(path, tmp_path / "alone", "--json"), capsys)
    code, out, _ = call(["paper", "report", "--home", str(tmp_path / "alone"), "--json"], capsys)
    alone, home = json.loads(out), tmp_path / "killed"
    chance = random.Random(KILLS)
    for rows in sorted(chance.sample(range(1, 700), KILLS)):
        process = started(typed(path, home, "--json"))
        wait_for_rows(home, rows)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    code, out, _ = call(typed(path, home, "--json"), capsys)
    killed = json.loads(out)
    assert code == 0

    def same(report: dict[str, Any]) -> Any:
        return [{k: v for k, v in order.items() if k != "at"} for order in report["orders"]]

    assert killed["trades"] == alone["trades"]
    assert same(killed) == same(alone)
    assert killed["parity"] == alone["parity"]
    assert killed["halted"] is None


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it_in_order(
    path: Path, tmp_path: Path, number: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    process = started(typed(path, home, "--clock", "@120"))
    wait_for_rows(home, 2)
    code, _, err = call(typed(path, home, "--clock", "@120"), capsys)  # a second process
    assert (code, "in use" in err) == (1, True)
    if number == signal.SIGTERM:
        code, out, _ = call(["paper", "stop", "--home", str(home)], capsys)
        assert (code, "stopped" in out) == (0, True)
    else:
        process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    code, out, _ = call(["paper", "status", "--home", str(home), "--json"], capsys)
    assert json.loads(out)[0]["status"] == "stopped"


def test_a_kill_switch_goes_to_the_newest_session(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    call(typed(path, home, "--json"), capsys)
    code, out, _ = call(["paper", "kill-switch", "on", "--why", "x", "--home", str(home)], capsys)
    (row,) = json.loads(call(["paper", "status", "--home", str(home), "--json"], capsys)[1])
    assert code == 0
    assert row["workspace"] in out


def test_somebody_is_told(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "told"
    script = tmp_path / "tell.sh"
    script.write_text(f"#!/bin/sh\ncat >> {told}\n")
    script.chmod(0o755)
    code, out, _ = call(typed(path, tmp_path / "home", "--json", "--notify", str(script)), capsys)
    events = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    trades = json.loads(out)["trades"]
    kinds = [event["event"] for event in events]
    assert code == 0
    assert kinds.count("entry") == kinds.count("exit") == len(trades)
    assert {event["session_id"] for event in events} == {f"SPX-{DAY}"}


@pytest.mark.parametrize(
    ("clock", "said"),
    [("fast", "START@SPEED"), ("2026-01-12T14:30:00@5", "zone"), ("@0", "START@SPEED")],
)
def test_a_clock_that_is_none(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: str, said: str
) -> None:
    code, _, err = call(typed(path, tmp_path / "home", "--clock", clock), capsys)
    assert (code, said in err) == (2, True)
    assert not (tmp_path / "home").exists()
