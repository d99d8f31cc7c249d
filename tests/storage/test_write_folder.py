"""A folder written again has its own files anew; what others have put there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_gex.errors import OutputError
from bt_gex.storage.atomic import write_folder


def contents(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_files_of_others_stay(tmp_path: Path) -> None:
    def first(work: Path) -> None:
        (work / "trades.json").write_text("old")
        (work / "trades").mkdir()
        (work / "trades" / "a.csv").write_text("old")

    def second(work: Path) -> None:
        (work / "trades.json").write_text("new")
        (work / "trades").mkdir()
        (work / "trades" / "a.csv").write_text("new")

    place = write_folder(tmp_path, "run", first)
    (place / "notes.txt").write_text("mine")
    (place / "trades" / "b.csv").write_text("mine")
    (place / "gone").symlink_to("nowhere")
    assert write_folder(tmp_path, "run", second) == place
    assert contents(place) == {
        "trades.json": "new", "trades/a.csv": "new", "notes.txt": "mine", "trades/b.csv": "mine",
    }  # fmt: skip
    assert (place / "gone").is_symlink()
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_a_failure_leaves_all_as_it_was(tmp_path: Path) -> None:
    place = write_folder(tmp_path, "run", lambda work: (work / "a").write_text("old") and None)
    (place / "notes.txt").write_text("mine")

    def fails(work: Path) -> None:
        (work / "a").write_text("new")
        raise OSError("no room")

    with pytest.raises(OutputError, match="no room"):
        write_folder(tmp_path, "run", fails)
    assert contents(place) == {"a": "old", "notes.txt": "mine"}
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
