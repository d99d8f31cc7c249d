"""`bt-gex inspect` of a folder of bars: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bars.bar_files import GOOD, write

from bt_gex.bars.files import FolderBars
from bt_gex.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "minute/SPY.csv", *GOOD, GOOD[0])
    write(tmp_path, "minute/QQQ.csv", *GOOD)
    return tmp_path


def inspect(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["inspect", *map(str, words)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inspect(capsys, folder)
    assert status == 0
    assert "SPY 2026-01-12: 3 minutes of 1 session, 3 in regular hours, 387 missing" in out
    assert "QQQ 2026-01-12" in out
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(before) == 2


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = inspect(capsys, folder, "--index", "spy", "--json")
    (symbol,) = json.loads(out)["symbols"]
    assert (status, symbol["symbol"], symbol["odd"]["duplicate"]) == (0, "SPY", 1)
    assert symbol["sha256"] == FolderBars(folder).minute_bars("SPY").sha256()
    _, out, _ = inspect(capsys, folder, "--start", "2026-01-13", "--end", "2026-01-14", "--json")
    assert [one["rows"] for one in json.loads(out)["symbols"]] == [0, 0]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--index", "SPYY"), 2, "did you mean SPY?"),
        (("--set", "data.quote_max_age_s=60"), 2, "is a folder of bars"),
        (("--profile", "parity"), 2, "is a folder of bars"),
        (("--start", "2026-01-14", "--end", "2026-01-13"), 2, "lies before start"),
    ],
)
def test_wrong_requests(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    found, out, err = inspect(capsys, folder, *words)
    assert (found, out) == (status, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_without_bars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = inspect(capsys, tmp_path)
    assert (status, err.count("\n")) == (1, 1)
    assert "no folder minute or daily" in err
