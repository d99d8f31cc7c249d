"""`bt-gex session`, and `--record` on what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bt_gex.cli.main import main
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs.session_comparison import SessionComparison

DAY = ("--start", "2026-01-12", "--end", "2026-01-12")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out, err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BT_GEX_HOME", str(tmp_path / "home"))
    return tmp_path


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    status, out, err = call(capsys, "session", *words, "--json")
    assert status == 0, err
    return json.loads(out)


def test_a_demo_and_what_can_be_done_with_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(capsys, "session", "demo", "-o", "demo")
    assert status == 0
    assert "recorded" in out
    assert (home / "demo/comparison.png").read_bytes().startswith(b"\x89PNG")
    assert (home / "home/recordings.db").is_file()
    listed = as_json(capsys, "list", "--tag", "demo")
    assert listed["count"] == 1
    (row,) = listed["recordings"]
    name = row["recording_id"]
    assert (row["status"], row["tags"], row["symbols"]) == (
        "completed",
        ["demo"],
        ["ALPHA", "BETA"],
    )
    assert name in call(capsys, "session", "list")[1]

    shown = as_json(capsys, "show", name)["recording"]
    assert shown["event_counts"]["POSITION_CLOSED"] == row["original_trades"] > 3
    assert len(shown["replays"]) == 1
    events = as_json(capsys, "events", name, "--type", "POSITION_CLOSED", "--limit", "2")
    assert (len(events["events"]), events["total_events"]) == (2, row["original_trades"])
    bars = as_json(capsys, "bars", name, "--symbol", "BETA", "--offset", "388", "--limit", "9")
    assert (len(bars["bars"]), bars["total_bars"]) == (2, 390)
    for verb in ("show", "events", "bars"):
        assert call(capsys, "session", verb, name)[0] == 0

    same = as_json(capsys, "replay", name)
    assert same["comparison"]["first_difference"] is None
    assert "Every event is the same" in call(capsys, "session", "replay", name)[1]
    other = as_json(capsys, "replay", name, "--set", "bb_std=1.5", "--description", "narrow")
    assert other["comparison"]["trades_diff"] != 0
    swept = as_json(capsys, "sweep", name, "--grid", "bb_std=1.5,2.5", "--workers", "2")
    assert [one["modified_parameters"] for one in swept["replays"]] == [
        {"bb_std": 1.5}, {"bb_std": 2.5}
    ]  # fmt: skip
    assert swept["replays"][0]["total_pnl"] == pytest.approx(other["total_pnl"])
    words = ("compare", name, "--run", "bb_std=1.5", "--run", "Mean Reversion@direction=both")
    assert call(capsys, "session", *words, "-o", "compared")[0] == 0
    compared = SessionComparison.load(home / "compared")
    assert [run.label for run in compared.runs] == [
        "recorded", "Mean Reversion (bb_std=1.5)", "Mean Reversion (direction=both)"
    ]  # fmt: skip

    assert call(capsys, "report", "compared")[0] == 0
    page = (home / "compared/report.html").read_text("utf-8")
    assert page.count("<svg") == 1
    for run in compared.runs:
        assert run.label in page
    assert f"{compared.runs[1].positions[0]['entry_price']:.10g}" in page

    assert call(capsys, "session", "export", name, "-o", "x.btrec")[0] == 0
    assert call(capsys, "session", "delete", name)[0] == 0
    assert call(capsys, "session", "show", name)[0] == 2
    assert call(capsys, "session", "import", "x.btrec")[0] == 0
    assert as_json(capsys, "show", name)["recording"]["recording_id"] == name
    assert call(capsys, "session", "delete", "--older-than", "1d")[1] == "nothing to delete\n"
    assert call(capsys, "session", "delete", "--older-than", "0h")[1] == f"deleted: {name}\n"


def test_a_strategy_of_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "session", "demo")
    name = as_json(capsys, "list")["recordings"][0]["recording_id"]
    (home / "my.py").write_text(
        "import backtrader as bt\n"
        "class Once(bt.Strategy):\n"
        "    params = (('at', 5),)\n"
        "    def next(self):\n"
        "        if len(self) == self.p.at: self.buy(size=2)\n"
        "        if len(self) == 60: self.close()\n"
    )
    found = as_json(capsys, "replay", name, "--strategy", "my.py:Once", "--set", "at=7")
    assert found["total_trades"] == 1
    status, _, err = call(
        capsys, "session", "replay", name, "--strategy", "my.py:Once", "--set", "ad=7"
    )
    assert (status, "did you mean at" in err) == (2, True)


def test_runs_are_recorded(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "synth", "b.db", *DAY, "--seed", "7", "--strikes-within", "60")
    status, _, err = call(capsys, "run", "--db", "b.db", *DAY, "--record")
    assert status == 0, err
    assert "recorded: " in err
    backtest = ("backtest", "mean-reversion", "--symbols", "A", "B", "--synthetic", *DAY)
    assert call(capsys, *backtest, "--record")[0] == 0
    rows = {row["strategy_name"]: row for row in as_json(capsys, "list")["recordings"]}
    assert set(rows) == {"GexStrategy", "MeanReversionStrategy"}
    assert rows["GexStrategy"]["total_bars_recorded"] == 781
    assert rows["MeanReversionStrategy"]["total_bars_recorded"] == 780
    for row in rows.values():
        found = as_json(capsys, "replay", row["recording_id"])
        assert found["comparison"]["first_difference"] is None
        assert found["total_trades"] == row["original_trades"]
    changed = as_json(
        capsys, "replay", rows["GexStrategy"]["recording_id"], "--set", "exit.stop_loss=0.5"
    )
    assert changed["modified_parameters"] == {"exit.stop_loss": 0.5}


def test_a_trigger_that_does_not_fire(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backtest = ("backtest", "mean-reversion", "--symbols", "A", "--synthetic", *DAY, "--record")
    status, _, err = call(capsys, *backtest, "--trigger", "drawdown_pct=50")
    assert (status, "not recorded" in err) == (0, True)
    with RecordingStore(home / "home/recordings.db") as store:
        assert store.find() == []
    status, _, err = call(capsys, *backtest, "--trigger", "price_move_pct=0.01,bars=5")
    assert (status, "recorded: " in err) == (0, True)


@pytest.mark.parametrize(
    ("words", "status", "word"),
    [
        (("session", "replay", "nope"), 2, "not found"),
        (("session", "list", "--status", "complete"), 2, "completed"),
        (("session", "list", "--limit", "0"), 2, "limit"),
        (("session", "delete"), 2, "--older-than"),
        (("session", "delete", "--older-than", "soon"), 2, "30d"),
        (("session", "frob"), 2, "frob"),
        (("session", "import", "nope.btrec"), 1, "nope.btrec"),
        (("run", "--db", "b.db", *DAY, "--trigger", "drawdown_pct=2"), 2, "--record"),
        (("run", "--db", "b.db", *DAY, "--record", "--trigger", "drawdwn=2"), 2, "drawdown_pct"),
    ],
)
def test_errors_are_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, word: str
) -> None:
    RecordingStore(home / "home/recordings.db").close()
    found, _, err = call(capsys, *words)
    assert (found, word in err, err.count("\n")) == (status, True, 1), err
