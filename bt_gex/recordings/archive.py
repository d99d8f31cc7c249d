"""Recordings as files, to be kept or shared: one .btrec a recording.

A .btrec is a zip of manifest.json, session.json, bars.jsonl, events.jsonl and, where there are any,
options.jsonl and replays.jsonl; keys are sorted, floats exact, dates fixed: one recording is always
the same bytes. Its comment seals it: the SHA-256 of all bytes before. Nothing in it is executed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bt_gex.errors import BadValue, NoRecording, RecordingError, RecordingState
from bt_gex.recordings.reader import RecordingReader
from bt_gex.recordings.records import (
    SCHEMA,
    OptionRows,
    RecordedBar,
    RecordedEvent,
    RecordedReplay,
    RecordedSession,
)
from bt_gex.recordings.store import RecordingStore
from bt_gex.recordings.unpacking import (
    bar_of,
    event_of,
    in_sequence,
    option_of,
    replay_of,
    session_of,
)
from bt_gex.recordings.values import canonical, iso, plain_json
from bt_gex.storage.atomic import write_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 1
SUFFIX = ".btrec"
MANIFEST, SESSION = "manifest.json", "session.json"
PARTS = ("bars.jsonl", "events.jsonl", "options.jsonl", "replays.jsonl")
REQUIRED = (MANIFEST, SESSION, "bars.jsonl", "events.jsonl")
MEMBERS = (MANIFEST, SESSION, *PARTS)
MOST_FILE = 2**31  # bytes of a file …
MOST_UNPACKED = 2**32  # … and of what it unpacks to
MOST_RATIO = 500  # text of a recording packs far less; a bomb does not
SMALL = 2**20
EPOCH = (1980, 1, 1, 0, 0, 0)
SEAL = b"btrec sha256 "
DIGEST = 64
HOST = ("process",)  # columns that are of the machine it was recorded on


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole recording."""

    session: RecordedSession
    bars: list[RecordedBar]
    events: list[RecordedEvent]
    options: list[OptionRows]
    replays: list[RecordedReplay]


# ------------------------------------------------------------------------------------------ export


def export_recording(
    store: RecordingReader, recording_id: str, path: str | Path, *, with_replays: bool = True
) -> Path:
    """Write a recording to a file, whole or not at all; returns its path.

    path  a file, or a folder to put ID.btrec into. Raises NoRecording, RecordingState while it is
          being recorded, OutputError
    """
    target = Path(path)
    if target.is_dir():
        target = target / f"{recording_id}{SUFFIX}"
    write_bytes(target, pack(contents_of(store, recording_id, with_replays=with_replays)))
    return target


def contents_of(
    store: RecordingReader, recording_id: str, *, with_replays: bool = True
) -> Contents:
    """Everything of a recording. Raises NoRecording, RecordingState."""
    session = store.get(recording_id)
    if session.status not in ("completed", "failed"):
        advice = "recover it first" if session.status == "interrupted" else "stop it first"
        raise RecordingState(f"recording {recording_id} is {session.status}; {advice}")
    replays = store.replays(recording_id)[::-1] if with_replays else []
    return Contents(
        session,
        store.bars(recording_id),
        store.events(recording_id),
        store.option_rows(recording_id),
        [replay for replay in replays if replay.status != "running"],
    )


def pack(contents: Contents) -> bytes:
    """The bytes of the file."""
    members = {
        SESSION: canonical(record_json(contents.session, HOST)) + "\n",
        "bars.jsonl": _lines(map(bar_json, contents.bars)),
        "events.jsonl": _lines(map(event_json, contents.events)),
    }
    if contents.options:
        members["options.jsonl"] = _lines(map(option_json, contents.options))
    if contents.replays:
        members["replays.jsonl"] = _lines(record_json(one) for one in contents.replays)
    encoded = {name: text.encode() for name, text in members.items()}
    manifest = {
        "format": FORMAT,
        "schema_version": contents.session.schema_version,
        "recording_id": contents.session.recording_id,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in encoded.items()},
        "counts": {
            "bars": len(contents.bars),
            "events": len(contents.events),
            "options": len(contents.options),
            "replays": len(contents.replays),
        },
    }
    encoded = {MANIFEST: (canonical(manifest) + "\n").encode(), **encoded}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in encoded.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
        archive.comment = SEAL + b"0" * DIGEST
    unsealed = buffer.getvalue()[:-DIGEST]
    return unsealed + hashlib.sha256(unsealed).hexdigest().encode()


def _lines(rows: Iterable[object]) -> str:
    return "".join(f"{canonical(row)}\n" for row in rows)


def record_json(record: DataclassInstance, without: tuple[str, ...] = ()) -> dict[str, object]:
    """A record by its fields."""
    return {
        f.name: plain_json(getattr(record, f.name)) for f in fields(record) if f.name not in without
    }


def bar_json(bar: RecordedBar) -> dict[str, object]:
    """A bar as a line."""
    named = {"sequence": bar.sequence, "symbol": bar.symbol, "timestamp": iso(bar.ts_ns)}
    return {**named, **bar.values._asdict(), "indicators": bar.indicators}


def event_json(event: RecordedEvent) -> dict[str, object]:
    """An event as a line."""
    return {
        "sequence": event.sequence,
        "event_type": event.event_type,
        "timestamp": iso(event.ts_ns),
        "wall_time": iso(event.wall_ns),
        "bar_sequence": event.bar_sequence,
        "symbol": event.symbol,
        "event_data": event.data,
        "decision_metadata": event.decision,
        "market_state": event.market,
    }


def option_json(one: OptionRows) -> dict[str, object]:
    """Option rows of a bar as a line, as they are stored."""
    return {"sequence": one.sequence, "blob": base64.b64encode(one.blob).decode()}


# ------------------------------------------------------------------------------------------ import


def import_recording(store: RecordingStore, path: str | Path, *, new_id: bool = False) -> str:
    """Add the recording of a file; returns its id.

    A recording that is there already with the same content stays as it is. new_id  adds a copy
    under an id of its own. Raises RecordingError for a file that is damaged, too large or none,
    RecordingState for another recording of the same id; the database is unchanged then.
    """
    contents = unpack(read_file(Path(path)), str(path))
    name = contents.session.recording_id
    if new_id:
        contents = _copied(contents)
    else:
        try:
            there = contents_of(store, name, with_replays=bool(contents.replays))
        except NoRecording:
            there = None
        if there is not None:
            if pack(there) == pack(contents):
                return name
            raise RecordingState(
                f"{store.name} holds another recording with the id {name}; import it with a new id"
            )
    store.insert_whole(
        contents.session, contents.bars, contents.events, contents.options, contents.replays
    )
    return contents.session.recording_id


def _copied(contents: Contents) -> Contents:
    """The same under an id of its own, with one of its own for each replay."""
    session, name = contents.session, str(uuid4())
    facts = {**session.environment, "imported_from": session.recording_id}
    replays = [replace(one, recording_id=name, replay_id=str(uuid4())) for one in contents.replays]
    copied = replace(session, recording_id=name, environment=facts)
    return replace(contents, session=copied, replays=replays)


def read_file(path: Path) -> bytes:
    """The bytes of a file of a reasonable size. Raises RecordingError."""
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MOST_FILE:
            raise RecordingError(
                f"{path}: is no file of at most {MOST_FILE:,} bytes, so it is not read"
            )
        return path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error


def unpack(content: bytes, name: str) -> Contents:
    """The recording in the bytes of a file. Raises RecordingError for whatever is not whole."""
    sealed = content[-DIGEST - len(SEAL) : -DIGEST] == SEAL
    digest = hashlib.sha256(content[:-DIGEST]).hexdigest().encode()
    if not sealed or digest != content[-DIGEST:]:
        raise RecordingError(
            f"{name}: is damaged, or no {SUFFIX} file: its seal does not hold; get it again"
        )
    try:
        members = _members(content)
        return _contents(members)
    except (RecordingError, BadValue) as error:
        raise RecordingError(f"{name}: {error}") from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, RecursionError, OverflowError,
            NotImplementedError, EOFError, OSError) as error:  # fmt: skip
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordingError(f"{name}: is no recording: {said:.200}") from error


def _members(content: bytes) -> dict[str, bytes]:
    """The members, each at most once, and no others than a recording has."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        foreign = [name for name in names if name not in MEMBERS]
        if foreign or len(set(names)) != len(names):
            odd = foreign[0] if foreign else "a name twice"
            raise RecordingError(f"holds {odd!r:.60}, which is no part of a recording")
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise RecordingError(f"{missing[0]} is missing in it")
        if sum(info.file_size for info in infos) > MOST_UNPACKED:
            raise RecordingError(f"unpacks to more than {MOST_UNPACKED:,} bytes")
        for info in infos:
            if info.file_size > max(SMALL, MOST_RATIO * info.compress_size):
                raise RecordingError(
                    f"{info.filename} unpacks to {info.file_size:,} bytes from "
                    f"{info.compress_size:,}: no recording does"
                )
        return {info.filename: _unpacked(archive, info) for info in infos}


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise RecordingError(f"{info.filename} is not of the size it says")
    return content


def _contents(members: Mapping[str, bytes]) -> Contents:
    manifest = json.loads(members[MANIFEST])
    version = manifest["schema_version"]
    if manifest["format"] != FORMAT or not isinstance(version, int) or version > SCHEMA:
        raise RecordingError(
            f"is of format {manifest['format']!r:.20}, schema {version!r:.20}; this program reads "
            f"format {FORMAT}, schema up to {SCHEMA}: upgrade it"
        )
    others = {name: content for name, content in members.items() if name != MANIFEST}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in others.items()}
    if hashes != manifest["sha256"]:
        raise RecordingError("a part of it is not what its manifest says")
    session = session_of(json.loads(members[SESSION]))
    found = Contents(
        session,
        [bar_of(row) for row in _rows(members, "bars.jsonl")],
        [event_of(row) for row in _rows(members, "events.jsonl")],
        [option_of(row) for row in _rows(members, "options.jsonl")],
        [replay_of(row, session.recording_id) for row in _rows(members, "replays.jsonl")],
    )
    counts = {n: len(getattr(found, n)) for n in ("bars", "events", "options", "replays")}
    if counts != manifest["counts"] or session.recording_id != manifest["recording_id"]:
        raise RecordingError("its parts do not belong together")
    in_sequence(found.bars, found.events, found.options)
    return found


def _rows(members: Mapping[str, bytes], name: str) -> Iterable[Any]:
    for line in members.get(name, b"").decode().splitlines():
        yield json.loads(line)
