"""The identity of recorded data: hashes that are the same wherever the same rows come from.

Only what a replay can read counts, in one form for every reader and database. Row ids are left
out: they say which of two rows of one instant is the newer, and the order of the rows keeps that.
How old a row may be, or in which zone it is shown, is configuration and no part of the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

FORM = 1  # of what is hashed


def columns_sha256(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash of columns with their names, in their order; hexadecimal.

    Each column is its name, kind and length as a line of text, and its values: whole numbers and
    floats as 64 bits, little-endian, with one NaN and no -0.0; texts as the lengths of their UTF-8
    forms (-1 for None), then those forms.
    """
    digest = hashlib.sha256(f"session rows {FORM}\n".encode())
    for name, values in columns.items():
        kind, parts = _canonical(values)
        digest.update(f"{name} {kind} {len(values)}\n".encode())
        for part in parts:
            digest.update(part)
    return digest.hexdigest()


def data_sha256(sessions: Iterable[tuple[str, date, str]]) -> str:
    """Identity of the data of several sessions, in their order; hexadecimal.

    sessions  index symbol, session date and `SessionRows.sha256` of each, also of those without
              rows
    """
    lines = (f"{symbol} {day.isoformat()} {rows}\n" for symbol, day, rows in sessions)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _canonical(values: npt.NDArray[Any]) -> tuple[str, list[Any]]:
    if values.dtype == object:
        texts = [None if value is None else str(value).encode() for value in values]
        lengths = np.array([-1 if text is None else len(text) for text in texts], dtype="<i8")
        return "text", [lengths.data, *(text for text in texts if text)]
    if values.dtype.kind == "f":
        numbers = np.where(np.isnan(values), np.nan, values + 0.0)  # -0.0 + 0.0 is 0.0
        return "float", [np.ascontiguousarray(numbers, dtype="<f8").data]
    return "int", [np.ascontiguousarray(values, dtype="<i8").data]
