"""A session's rows as one file: a short head with a checksum, then arrow columns to be mapped.

All columns stand in one row of lists, so that tables of any length share one record batch and come
back as numpy views of the file, not as copies.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bt_gex.market.calendar import Session
from bt_gex.sessions.rows import QUOTE_PARTS, ROW_ID, SMALL_TABLES, Quotes, Series, SessionRows
from bt_gex.storage.arrow_arrays import to_arrow, to_numpy

MAGIC = b"BTGEXDAY"
HEAD = struct.Struct("<8sQI")  # magic, length and CRC-32 of what follows the head
HEAD_BYTES = 64  # keeps the columns aligned
CHUNK_BYTES = 1 << 20
SCHEMA_VERSION = 3  # of the columns and of what the head says of them


def write_day(path: Path, rows: SessionRows, source: dict[str, object]) -> None:
    """Write a session's rows; `source` says what they were read from. Raises OSError."""
    about = {**source, **_about(rows)}
    arrays = {name: _list_of(values) for name, values in rows.columns().items()}
    schema = pa.schema(
        [pa.field(name, array.type) for name, array in arrays.items()],
        metadata={"about": json.dumps(about)},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(list(arrays.values()), schema=schema))
    body = sink.getvalue()
    head = HEAD.pack(MAGIC, body.size, zlib.crc32(body))
    with path.open("xb") as file:
        file.write(head.ljust(HEAD_BYTES, b"\0"))
        file.write(body)


def read_about(path: Path) -> dict[str, Any] | None:
    """What a file says it holds, without checking its content; None when it can't be read."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            if HEAD.unpack(mapped[: HEAD.size])[0] != MAGIC:
                return None
            reader = pa.ipc.open_file(pa.py_buffer(mapped[HEAD_BYTES:]))
            return _about_of(reader.schema)
    except (OSError, ValueError, KeyError, struct.error, pa.ArrowException):
        return None


def read_day(path: Path, name: str, session: Session) -> tuple[SessionRows, dict[str, Any]] | None:
    """The rows in a file and what they were read from; None when the file is damaged.

    name  of the database, for messages

    Raises OSError when there is no such file or it can't be read.
    """
    with path.open("rb") as file:
        if not _is_whole(file):
            return None
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        reader = pa.ipc.open_file(pa.py_buffer(mapped).slice(HEAD_BYTES))
        about = _about_of(reader.schema)
        if about["schema_version"] != SCHEMA_VERSION:
            return None
        batch = reader.get_batch(0)
    except (ValueError, KeyError, pa.ArrowException):
        return None
    found = {field.name: batch.column(n).flatten() for n, field in enumerate(batch.schema)}

    def column(key: str) -> npt.NDArray[Any]:
        values = found[key]
        if pa.types.is_large_string(values.type):
            return np.array(values.to_pylist(), dtype=object)
        return to_numpy(values)

    tables = {
        table: Series(
            column(f"{table}.stamps"),
            {name: column(f"{table}.{name}") for name in ("id", *columns)},
        )
        for table, columns in SMALL_TABLES.items()
    }
    quotes = Quotes(
        **{part: column(f"quotes.{part}") for part in QUOTE_PARTS},
        unknown=int(column("quotes.unknown")[0]),
    )
    chains = dict(zip(column(f"chains{ROW_ID}").tolist(), column("chains.chain_data"), strict=True))
    rows = SessionRows(
        name, about["index"], session, tables, quotes, chains, mapped, about["sha256"]
    )
    return rows, about


def _is_whole(file: Any) -> bool:
    """Whether the file is as long as its head says and its checksum holds; read by pieces."""
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return False
    magic, size, expected = HEAD.unpack(head[: HEAD.size])
    if magic != MAGIC or head[HEAD.size :].strip(b"\0"):
        return False
    if os.fstat(file.fileno()).st_size != HEAD_BYTES + size:
        return False
    crc = 0
    while chunk := file.read(CHUNK_BYTES):
        crc = zlib.crc32(chunk, crc)
    return crc == int(expected)


def _about(rows: SessionRows) -> dict[str, object]:
    session = rows.session
    return {
        "schema_version": SCHEMA_VERSION,
        "sha256": rows.sha256,
        "index": rows.index_symbol,
        "day": session.day.isoformat(),
        "open_ns": session.open_ns,
        "close_ns": session.close_ns,
        "empty": rows.is_empty,
    }


def _about_of(schema: pa.Schema) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((schema.metadata or {})[b"about"])
    return about


def _list_of(values: npt.NDArray[Any]) -> pa.Array:
    """One list that holds all the values."""
    flat = pa.array(values, pa.large_string()) if values.dtype == object else to_arrow(values)
    ends = to_arrow(np.array([0, len(flat)], dtype=np.int64))
    return pa.LargeListArray.from_arrays(ends, flat)
