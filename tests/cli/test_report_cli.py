"""`bt-gex report`, `plot` and `costs` as typed."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from oracle import nasty
from typed import call

DATES = ("--start", "2026-01-12", "--end", "2026-01-13")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report-cli")
    nasty.make(place / "b.db", 51, indexes=("SPX",), start="2026-01-12", end="2026-01-13",
               nasty=nasty.only("quiet"))  # fmt: skip
    return place


@pytest.fixture
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "b.db").symlink_to(folder / "b.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert call(capsys, "run", "--db", "b.db", *DATES, "--fills", "mid")[0] == 0
    (found,) = (here / "runs").iterdir()
    return str(found.relative_to(here))


def test_a_report_with_costs(run: str, here: Path, capsys: Any) -> None:
    assert call(capsys, "report", run)[:2] == (0, f"report: {run}/report.html\n")
    before = (here / run / "report.html").read_text("utf-8")
    assert f"bt-gex costs {run} --db" in before
    status, out, err = call(capsys, "costs", run, "--db", "b.db")
    assert (status, err) == (0, "")
    assert "Entered 2 bars late, " in out
    assert out.endswith(f"\n{run}/costs.json\n{run}/costs.png\n")
    assert (here / run / "costs.png").read_bytes().startswith(b"\x89PNG")
    assert call(capsys, "report", run, "-o", "x.html")[0] == 0
    assert "Entered 2 bars late, " in (here / "x.html").read_text("utf-8")
    table = json.loads(call(capsys, "costs", run, "--db", "b.db", "--json")[1])
    assert len(table["rows"]) == 21
    shown = json.loads(call(capsys, "show", run, "--json")[1])["warnings"]
    assert table["warnings"] == shown  # with the costs beside the run
    assert shown[0]["text"].split(":")[0] in " ".join(out.split())
    own = json.loads((here / run / "trades.json").read_text())["summary"]
    assert table["rows"][0]["total_pnl"] == own["total_pnl"]  # the run's own fills, mid


def test_a_run_again_keeps_what_was_made_of_it(run: str, here: Path, capsys: Any) -> None:
    call(capsys, "costs", run, "--db", "b.db")
    assert call(capsys, "run", "--db", "b.db", *DATES, "--fills", "mid", "--report")[0] == 0
    assert (here / run / "costs.json").exists()
    text = (here / run / "report.html").read_text("utf-8")
    assert "Entered at once, " in text
    assert str(here) not in text
    assert "/.SPX" not in text  # no name of the folder while it was being written


def test_open_starts_the_browser(run: str, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not opened.append(address))
    assert call(capsys, "report", run, "--open")[0] == 0
    assert opened[0].startswith("file:///")
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    status, _, err = call(capsys, "report", run, "--open")
    assert (status, err) == (0, "no browser could be started; open the file by hand\n")


@pytest.mark.parametrize(
    "what",
    ["equity", "drawdown", "calendar", "entry-times", "mae-mfe", "distribution", "margin",
     "session:2026-01-12"],
)  # fmt: skip
def test_pictures(what: str, run: str, here: Path, capsys: Any) -> None:
    name = what.replace(":", "-")
    assert call(capsys, "plot", run, what)[:2] == (0, f"picture: {name}.png\n")
    assert (here / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert call(capsys, "plot", run, what, "-o", "x.svg")[0] == 0
    first = (here / "x.svg").read_bytes()
    assert first.startswith(b"<?xml")
    call(capsys, "plot", run, what, "-o", "x.svg")
    assert (here / "x.svg").read_bytes() == first


def test_the_picture_of_a_trade(run: str, here: Path, capsys: Any) -> None:
    trades = json.loads((here / run / "trades.json").read_text())["trades"]
    assert call(capsys, "plot", run, f"trade:{trades[0]['order_id']}", "-o", "t.png")[0] == 0
    assert (here / "t.png").exists()


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("plot", "RUN", "equty"), 2, "unknown picture 'equty'; did you mean equity?"),
        (("plot", "RUN", "session:"), 2, "unknown picture 'session:'"),
        (("plot", "RUN", "session:2026-01-14"), 2, "unknown session '2026-01-14'"),
        (("plot", "RUN", "trade:x"), 2, "unknown trade 'x'"),
        (("plot", "RUN", "equity", "-o", "x.pdf"), 2, "pictures are .png or .svg files, got x.pdf"),
        (("plot", "RUN", "equity", "-o", "no/x.png"), 1, "cannot write no/x.png"),
        (("report", "nowhere"), 1, "nowhere is not the folder of a run"),
        (("report", "RUN", "-o", "no/x.html"), 1, "cannot write no/x.html"),
        (("costs", "RUN", "--db", "none.db"), 1, "none.db: no such database file"),
        (("costs", "RUN"), 2, "Missing option '--db'"),
    ],
)
def test_one_line_and_the_right_status(
    words: tuple[str, ...], status: int, says: str, run: str, capsys: Any
) -> None:
    found, out, err = call(capsys, *(run if word == "RUN" else word for word in words))
    assert (found, out) == (status, "")
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_sweeps_best_knows_where_it_comes_from(here: Path, capsys: Any) -> None:
    grid = ("--grid", "exit.stop_loss=0.1,0.2,0.4", "--grid", "fills.exit_slippage=0,1")
    words = ("sweep", "--db", "b.db", *DATES, *grid, "--objective", "total_pnl")
    assert call(capsys, *words, "--workers", "1")[0] == 0
    (sweep,) = (here / "sweeps").iterdir()
    assert call(capsys, "run", "--db", "b.db", "--config", str(sweep / "best.yaml"))[0] == 0
    (found,) = (here / "runs").iterdir()
    assert call(capsys, "report", str(found))[0] == 0
    text = (found / "report.html").read_text("utf-8")
    assert sweep.name in text
    assert "Deflated Sharpe ratio" in text
    # As does a run of the run's own configuration.
    again = ("run", "--db", "b.db", "--config", str(found / "config.yaml"), "--out", "again")
    assert call(capsys, *again)[0] == 0
    (other,) = (here / "again").iterdir()
    assert (other / "config.yaml").read_bytes() == (found / "config.yaml").read_bytes()
