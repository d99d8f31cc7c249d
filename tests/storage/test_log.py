"""A log is read whole up to where a crash has cut it off, and goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_gex.errors import OutputError
from bt_gex.storage.log import Log, records


def written(path: Path, *texts: bytes) -> None:
    log = Log(path)
    for text in texts:
        log.append(text)
    log.close()


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert list(records(path)) == []
    written(path, b"one", b"", b"three" * 1000)
    written(path, b"four")
    assert list(records(path)) == [b"one", b"", b"three" * 1000, b"four"]


def test_cut_off_anywhere_it_has_the_whole_records_before_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    written(path, b"one", b"two", b"three")
    whole = path.read_bytes()
    two_end = len(whole) - len(b"three") - 8
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = list(records(path))
        assert found == [b"one", b"two", b"three"][: len(found)]
        assert (length >= two_end) == (len(found) >= 2)
        written(path, b"next")
        assert list(records(path)) == [*found, b"next"]


def test_a_changed_record_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    written(path, b"one", b"two", b"three")
    content = bytearray(path.read_bytes())
    content[content.index(b"two")] ^= 1
    path.write_bytes(content)
    assert list(records(path)) == [b"one"]


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"somebody's notes")
    with pytest.raises(OutputError, match="no log"):
        Log(path)
    assert path.read_bytes() == b"somebody's notes"


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        Log(tmp_path / "nowhere" / "a.log")
