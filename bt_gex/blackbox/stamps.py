"""Timestamps of a blackbox: text or datetime in, nanoseconds UTC out. Naive means UTC unless a
zone is given.

Instants are compared as numbers, never as text: in text a space sorts before a `T`, and a text
comparison of the two would read the future.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from bt_gex.errors import DataError
from bt_gex.market.calendar import instant_ns

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def stamp_ns(raw: object, where: str, zone: tzinfo = UTC) -> int:
    """Nanoseconds UTC of a stored stamp; `where` names table and row in the error.

    zone  of a stamp without an offset
    """
    if isinstance(raw, datetime):
        return instant_ns(raw if raw.tzinfo else raw.replace(tzinfo=zone))
    match = _FORM.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match:
        day, clock, fraction, offset = match.groups()
        written = (offset or "").upper().replace("Z", "+00:00")
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}{written}")
            whole = instant_ns(moment if offset else moment.replace(tzinfo=zone))
        except (ValueError, OverflowError):  # no such date, or out of Python's years by the offset
            match = None
        else:
            return whole + int((fraction or "0").ljust(9, "0"))
    raise DataError(
        f"{where}: timestamp {'NULL' if raw is None else repr(raw)} is not readable; "
        "write YYYY-MM-DD HH:MM:SS[.ffffff], UTC unless it carries an offset"
    )


def is_naive(raw: object) -> bool:
    """Whether a readable stamp carries no offset."""
    if isinstance(raw, datetime):
        return raw.tzinfo is None
    match = _FORM.fullmatch(str(raw).strip())
    return match is not None and match[4] is None
