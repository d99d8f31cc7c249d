"""Values and instants as a recording keeps them: plain JSON without NaN, aware UTC."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import SupportsFloat

from bt_gex.errors import BadValue
from bt_gex.market.calendar import instant_ns, utc
from bt_gex.trades.codec import Json

log = logging.getLogger(__name__)


def plain_json(value: object) -> Json:
    """A value as JSON has it: numpy scalars and Decimal as numbers, instants as ISO 8601 UTC.

    NaN and infinities become null, what JSON has no form for its text.
    """
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return plain_json(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, datetime):
        return aware(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    return _other(value)


def _other(value: object) -> Json:
    as_python = getattr(value, "tolist", None)  # of numpy's scalars and arrays
    if callable(as_python):
        return plain_json(as_python())
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [plain_json(item) for item in items]
    return str(value)


def mapping_of(values: Mapping[str, object] | None) -> dict[str, Json] | None:
    """A mapping of plain values; None stays None."""
    if values is None:
        return None
    return {
        str(key): item if type(item) is float and item - item == 0.0 else plain_json(item)
        for key, item in values.items()
    }


def number(value: object) -> float | None:
    """A price or volume as a Python float; None for what is missing, NaN or infinite."""
    if value is None:
        return None
    if type(value) is float:  # nearly always, and looking for more takes longer than all the rest
        return value if math.isfinite(value) else None
    if isinstance(value, str) or not isinstance(value, SupportsFloat):
        raise BadValue(f"a price or volume must be a number, got {value!r:.40}")
    found = float(value)
    return found if math.isfinite(found) else None


def aware(moment: datetime) -> datetime:
    """The instant in UTC; without a zone it counts as UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def ns_of(moment: object) -> int:
    """Nanoseconds UTC of an instant, cut to microseconds: a datetime, or ISO 8601 text."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise BadValue(f"{moment!r:.40} is no time; write 2025-11-10T15:00:00Z") from None
    as_python = getattr(moment, "to_pydatetime", None)  # of pandas, nanoseconds are dropped
    found = as_python(warn=False) if callable(as_python) else moment
    if not isinstance(found, datetime):
        raise BadValue(f"a time must be a datetime, got {moment!r:.40}")
    return instant_ns(aware(found))


def stamp_text(ns: int) -> str:
    """An instant as SQLite keeps it: text that sorts by time."""
    return utc(ns).isoformat(" ", "microseconds")


def iso(ns: int) -> str:
    """An instant in ISO 8601, UTC."""
    return utc(ns).isoformat()


def dumps(value: object) -> str | None:
    """JSON text of a plain value; None for none."""
    if value is None:
        return None
    text = _numbers_text(value) if type(value) is dict else None
    return json.dumps(value, allow_nan=False) if text is None else text


_known_names: dict[str, str] = {}


def _numbers_text(values: dict[str, object]) -> str | None:
    """JSON of finite floats by name, as indicators are, in a fifth of the time; None for others."""
    parts = []
    for name, value in values.items():
        if type(value) is float:
            text = repr(value)
        elif value is None:
            text = "null"
        else:
            return None
        known = _known_names.get(name)
        if known is None:
            known = _known_names[name] = json.dumps(name)
        parts.append(f"{known}: {text}")
    return "{" + ", ".join(parts) + "}"


def canonical(value: object) -> str:
    """The one text of a plain value: keys sorted, floats by repr."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
