"""Recordings as files: the same bytes, read whole or refused, nothing executed."""

from __future__ import annotations

import hashlib
import io
import json
import random
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recordings.runs import SIGNALLED, record_by_hand, record_cross, record_reversion, series_of
from recordings.sessions import recorder

from bt_gex.errors import NoRecording, RecordingError, RecordingState
from bt_gex.recordings.archive import DIGEST, export_recording, import_recording
from bt_gex.recordings.store import RecordingStore
from bt_gex.runs.session_replayer import SessionReplayer


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a replay, as a file."""
    folder = tmp_path_factory.mktemp("packed")
    with RecordingStore(folder / "r.db") as store:
        name = record_by_hand(store, {"X": SIGNALLED, "Y": SIGNALLED[:5]})
        made = SessionReplayer(store, name)
        made.set_parameter("bb_std", 2.0)
        made.replay(description="wider")
        trades = record_reversion(store, [series_of("X", SIGNALLED)])
        store.change(name, original_trades=store.get(trades).original_trades)
        made = SessionReplayer(store, name)
        made.set_parameter("bb_std", 4.25)
        assert made.replay()["comparison"]["trades_diff"] == -1
        store.append(name, new_options=[], now=store.get(name).recording_start_time, changes={})
        return export_recording(store, name, folder)


def everything(store: RecordingStore, name: str) -> tuple[Any, ...]:
    return (
        store.get(name).finished(process=None), store.bars(name), store.events(name),
        store.option_rows(name), store.replays(name),
    )  # fmt: skip


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(members: dict[str, bytes] | list[tuple[str, bytes]], level: int = 6) -> bytes:
    """A file with a seal that holds, whatever is in it."""
    buffer = io.BytesIO()
    items = list(members.items()) if isinstance(members, dict) else members
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in items:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a name twice is what is wanted
                archive.writestr(name, content)
        archive.comment = b"btrec sha256 " + b"0" * DIGEST
    content = buffer.getvalue()[:-DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def with_manifest(members: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The members with hashes that hold."""
    manifest = json.loads(members["manifest.json"])
    manifest["sha256"] = {
        n: hashlib.sha256(c).hexdigest() for n, c in members.items() if n != "manifest.json"
    }
    manifest.update(changes)
    return {**members, "manifest.json": json.dumps(manifest).encode()}


def test_A10_what_was_exported_comes_back(store: RecordingStore, folder: Path) -> None:
    names = [record_cross(store, peek=True), record_by_hand(store, {"X": SIGNALLED})]
    SessionReplayer(store, names[1]).replay()
    for name in names:
        before = everything(store, name)
        path = export_recording(store, name, folder)
        assert path.name == f"{name}.btrec"
        store.delete(name)
        assert import_recording(store, path) == name
        assert everything(store, name) == before
        again = export_recording(store, name, folder / "again.btrec")
        assert again.read_bytes() == path.read_bytes()
        again.unlink()


def test_between_databases(packed: Path, store: RecordingStore, folder: Path) -> None:
    """From SQLite to either, the same bytes come out."""
    name = import_recording(store, packed)
    assert export_recording(store, name, folder / "x").read_bytes() == packed.read_bytes()


def test_A12_the_same_again_and_another_of_its_id(
    packed: Path, file_store: RecordingStore, folder: Path
) -> None:
    name = import_recording(file_store, packed)
    before = everything(file_store, name)
    assert import_recording(file_store, packed) == name
    assert everything(file_store, name) == before
    file_store.change(name, description="another")
    with pytest.raises(RecordingState, match="another recording"):
        import_recording(file_store, packed)
    copy = import_recording(file_store, packed, new_id=True)
    assert copy != name
    assert file_store.get(copy).environment["imported_from"] == name
    assert len(file_store.replays(copy)) == len(file_store.replays(name)) == 2
    assert len(file_store.find()) == 2


def test_without_replays(packed: Path, file_store: RecordingStore, folder: Path) -> None:
    name = import_recording(file_store, packed)
    path = export_recording(file_store, name, folder / "x", with_replays=False)
    assert "replays.jsonl" not in members_of(path)
    assert import_recording(file_store, path) == name


def test_A11_one_changed_bit_is_noticed(
    packed: Path, file_store: RecordingStore, folder: Path
) -> None:
    content, chance = packed.read_bytes(), random.Random(5)
    places = {0, 1, len(content) - 1, len(content) - 70, len(content) - DIGEST - 1}
    places |= {chance.randrange(len(content)) for _ in range(300)}
    path = folder / "damaged.btrec"
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(RecordingError):
            import_recording(file_store, path)
    for cut in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(RecordingError):
            import_recording(file_store, path)
    assert file_store.find() == []


def bar_lines(members: dict[str, bytes], change: Callable[[list[Any]], None]) -> dict[str, bytes]:
    rows = [json.loads(line) for line in members["bars.jsonl"].splitlines()]
    change(rows)
    return {**members, "bars.jsonl": "".join(json.dumps(r) + "\n" for r in rows).encode()}


def session_of(members: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    content = {**json.loads(members["session.json"]), **changes}
    return {**members, "session.json": json.dumps(content).encode()}


FORGED: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "foreign member": lambda m: {**m, "evil.py": b"boom"},
    "path upwards": lambda m: {**m, "../session.json": m["session.json"]},
    "absolute path": lambda m: {**m, "/tmp/evil": b""},
    "a name twice": lambda m: [*m.items(), ("bars.jsonl", b"")],
    "no session": lambda m: {n: c for n, c in m.items() if n != "session.json"},
    "hash of a part": lambda m: {**m, "bars.jsonl": m["bars.jsonl"] + b"\n"},
    "another price": lambda m: bar_lines(m, lambda rows: rows[0].update(close=1.0)),
    "newer schema": lambda m: with_manifest(m, schema_version=99),
    "newer format": lambda m: with_manifest(m, format=2),
    "counts": lambda m: with_manifest(m, counts={"bars": 1}),
    "another id": lambda m: with_manifest(m, recording_id="x"),
    "a hole": lambda m: with_manifest(bar_lines(m, lambda rows: rows[3].update(sequence=77))),
    "time backwards": lambda m: with_manifest(
        bar_lines(m, lambda rows: rows[4].update(timestamp="2020-01-01T00:00:00+00:00"))
    ),
    "no zone": lambda m: with_manifest(
        bar_lines(m, lambda rows: rows[0].update(timestamp="2025-11-10T15:00:00"))
    ),
    "price": lambda m: with_manifest(bar_lines(m, lambda rows: rows[0].update(close="1"))),
    "NaN": lambda m: with_manifest(bar_lines(m, lambda rows: rows[0].update(close=float("nan")))),
    "symbol": lambda m: with_manifest(bar_lines(m, lambda rows: rows[0].update(symbol="x" * 65))),
    "missing column": lambda m: with_manifest(bar_lines(m, lambda rows: rows[0].pop("volume"))),
    "id that is none": lambda m: with_manifest(session_of(m, recording_id="../x")),
    "status": lambda m: with_manifest(session_of(m, status="recording")),
    "a column more": lambda m: with_manifest(session_of(m, evil=1)),
    "wrong type": lambda m: with_manifest(session_of(m, instance_id="1; DROP TABLE")),
    "not JSON": lambda m: with_manifest({**m, "events.jsonl": b"{\n"}),
    "deep JSON": lambda m: with_manifest({**m, "events.jsonl": b"[" * 100_000 + b"\n"}),
    "other replays": lambda m: with_manifest(
        {**m, "replays.jsonl": m["replays.jsonl"].replace(b'g_id":"', b'g_id":"x')}
    ),
    "option rows": lambda m: with_manifest(
        {**m, "options.jsonl": b'{"blob": "AAAA", "sequence": 0}\n'},
        counts={**json.loads(m["manifest.json"])["counts"], "options": 1},
    ),
    "bomb": lambda m: with_manifest({**m, "events.jsonl": b"\n" * 50_000_000}),
    "empty": lambda m: {},
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_what_a_seal_does_not_excuse(
    packed: Path, file_store: RecordingStore, folder: Path, case: str
) -> None:
    path = folder / "forged.btrec"
    path.write_bytes(sealed(FORGED[case](members_of(packed)), 9))
    before = sorted(folder.iterdir())
    with pytest.raises(RecordingError) as caught:
        import_recording(file_store, path)
    assert len(str(caught.value).splitlines()) == 1
    assert file_store.find() == []
    assert sorted(folder.iterdir()) == before


def test_a_forged_file_that_is_right_is_taken(
    packed: Path, file_store: RecordingStore, folder: Path
) -> None:
    """So what is refused above is refused for what was changed."""
    path = folder / "right.btrec"
    path.write_bytes(sealed(with_manifest(session_of(members_of(packed), description="mine"))))
    assert file_store.get(import_recording(file_store, path)).description == "mine"


def test_only_what_is_over_is_exported(file_store: RecordingStore, folder: Path) -> None:
    with pytest.raises(RecordingState, match="stop it"):
        export_recording(file_store, recorder(file_store).recording_id, folder)
    with pytest.raises(NoRecording):
        export_recording(file_store, "nope", folder)
    with pytest.raises(RecordingError, match="no file"):
        import_recording(file_store, folder)
    with pytest.raises(RecordingError, match="cannot be read"):
        import_recording(file_store, folder / "nope")


def test_an_import_that_fails_leaves_nothing(
    packed: Path, file_store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows in one transaction."""
    from bt_gex.recordings import rows

    def broken(*args: Any) -> Any:
        raise RuntimeError("power")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "event_values", broken)
        with pytest.raises(RuntimeError):
            import_recording(file_store, packed)
    assert file_store.find() == []
    import_recording(file_store, packed)
