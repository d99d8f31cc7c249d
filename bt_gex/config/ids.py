"""Ids of runs, variants and sweeps: hashes of what their results depend on.

Only what differs from the defaults is hashed. A setting or an index fact that is added later
therefore changes no id of a configuration that does not use it. A change of what the defaults mean
is a new SEMANTICS_VERSION, which changes every id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date

SEMANTICS_VERSION = 2
RUN_DIGITS, VARIANT_DIGITS = 10, 16


def canonical(values: object) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(values: object, digits: int = RUN_DIGITS) -> str:
    """The first hexadecimal digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()[:digits]


def differing(values: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Those values that are not the default of their name."""
    return {
        name: value
        for name, value in values.items()
        if name not in defaults or not same_value(value, defaults[name])
    }


def same_value(one: object, other: object) -> bool:
    """Whether two plain values are equal; true and 1 are not."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def variant_id(identity: Mapping[str, object]) -> str:
    """Id of a configuration, whatever the dates and the data."""
    return short_hash(identity, VARIANT_DIGITS)


def name_of(symbol: str, start: date, end: date, digest: str) -> str:
    """Name of a folder: index, dates, hash."""
    root = symbol.replace("/", "_")  # as in BRK/B
    return f"{root}-{start:%Y%m%d}-{end:%Y%m%d}-{digest}"
