"""Checked parameter sets: errors give the nearest name, or the values allowed."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, time
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from bt_gex.errors import BadValue, UnknownName

T = TypeVar("T")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
FIRST_BAR, CLOSE = time(9, 30), time(16, 0)


if TYPE_CHECKING:
    from pydantic import TypeAdapter

_known_hints: dict[type, dict[str, object]] = {}


def hints(kind: type) -> dict[str, object]:
    """Type of each parameter, with its range."""
    if kind not in _known_hints:
        known = typing.get_type_hints(kind, include_extras=True)
        _known_hints[kind] = {field.name: known[field.name] for field in fields(kind)}
    return _known_hints[kind]


def validated(
    kind: type[T], values: Mapping[str, object], section: str, base: T | None = None
) -> T:
    """A parameter set from plain values over a base; `section` is the first part of the names.

    Text is taken where it reads as the type (as from a command line). Raises UnknownName, BadValue.
    """
    known = hints(kind)
    taken: dict[str, object] = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownName("setting", f"{section}.{name}", [f"{section}.{n}" for n in known])
        taken[name] = checked(known[name], value, f"{section}.{name}")
    start = {f.name: getattr(base, f.name) for f in fields(kind)} if base is not None else {}  # type: ignore[arg-type]
    return kind(**{**start, **taken})


def checked(hint: object, value: object, name: str) -> Any:
    """The value as the type asks for it, or BadValue with what is allowed."""
    if hint == tuple[time, ...]:
        return check_times(value, name)
    if value == "none" and type(None) in typing.get_args(hint):
        return None
    if time in (hint, *typing.get_args(hint)) and value is not None:
        return check_clock(value, name)
    from pydantic import ValidationError

    try:
        if isinstance(value, bool) and hint is not bool:
            raise ValueError("a truth value is no number")
        result = _adapter(hint).validate_python(value)
        if isinstance(result, float) and not math.isfinite(result):
            raise ValueError("not finite")
        return result
    except (ValidationError, ValueError):
        raise BadValue(f"{name} must be {allowed(hint)}, got {value!r}") from None


@cache
def _adapter(hint: Any) -> TypeAdapter[object]:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def allowed(hint: Any) -> str:
    """What a parameter takes, in words: a number from 0 to 1, or none."""
    if hint == tuple[time, ...]:
        return "New York times HH:MM[:SS] on the 30-second grid from 09:30 and before 16:00"
    origin = typing.get_origin(hint)
    if origin is Annotated:
        kind, *limits = typing.get_args(hint)
        return allowed(kind) + _range(limits)
    if origin is typing.Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    if origin is not None and type(None) in typing.get_args(hint):
        kinds = [allowed(k) for k in typing.get_args(hint) if k is not type(None)]
        return f"{', '.join(kinds)} or none"
    if hint is time:
        return "a time HH:MM[:SS]"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[hint]


def _range(limits: list[object]) -> str:
    low = next((f"{x.ge:g}" for x in limits if hasattr(x, "ge")), None)
    above = next((f"{x.gt:g}" for x in limits if hasattr(x, "gt")), None)
    high = next((f"{x.le:g}" for x in limits if hasattr(x, "le")), None)
    start = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    return start + (f" to {high}" if high is not None else "")


def check_times(value: object, name: str) -> tuple[time, ...]:
    """Check times from a list or a comma-separated text: sorted, each once, all on the grid."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        items = [items]
    found = sorted({_time(item, name) for item in items})
    if not found:
        raise BadValue(f"{name} must name at least one time, got {value!r}")
    return tuple(found)


def check_clock(value: object, name: str) -> time:
    """A time of day from text or a time without zone.

    No number is one: YAML reads an unquoted 13:30 as 810.
    """
    when = _clock(value)
    if when is None:
        quote = '; write it in quotes, as "13:30"' if isinstance(value, int) else ""
        raise BadValue(f"{name} must be {allowed(time)}, got {value!r}{quote}")
    return when


def _time(item: object, name: str) -> time:
    when = _clock(item)
    if when and when.second % 30 == 0 and FIRST_BAR <= when < CLOSE:
        return when
    raise BadValue(f"{name} must be {allowed(tuple[time, ...])}, got {item!r}")


def _clock(item: object) -> time | None:
    if isinstance(item, datetime) or not isinstance(item, (str, time)):
        return None
    match = _TIME.fullmatch(str(item).strip())
    return time(int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def as_tables(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings by dotted name as tables in tables; what is a table already is merged in."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        for part in reversed(str(name).split(".")):
            value = {part: value}
        assert isinstance(value, dict)
        found = merged(found, value)
    return found


def merged(*tables: Mapping[str, object]) -> dict[str, Any]:
    """Later tables over earlier ones, table by table."""
    result: dict[str, Any] = {}
    for table in tables:
        for name, value in table.items():
            under = result.get(name)
            both = isinstance(value, Mapping) and isinstance(under, Mapping)
            result[name] = merged(under, value) if both else value  # type: ignore[arg-type]
    return result
