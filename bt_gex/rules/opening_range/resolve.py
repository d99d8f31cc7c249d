"""Parameters of the opening-range rules from nested plain values (a YAML file), and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any, TypeVar

from bt_gex.errors import BadValue, UnknownName
from bt_gex.rules.opening_range.params import EarlyCloses, OpeningRangeParams
from bt_gex.rules.settings import checked, hints, validated

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def params_from(
    values: Mapping[str, object], base: OpeningRangeParams | None = None
) -> OpeningRangeParams:
    """The base (the defaults) with these settings laid over it, section by section.

    Raises UnknownName with the nearest setting, BadValue with what is allowed.
    """
    return _laid_over(base or OpeningRangeParams(), values, "")


def nested(params: DataclassInstance) -> dict[str, object]:
    """The settings as plain values, as `params_from` takes them: times and dates are text."""
    return {
        field.name: _plain(field.name, getattr(params, field.name))
        for field in dataclasses.fields(params)
    }


def setting_names(kind: type = OpeningRangeParams, prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings."""
    for name, hint in hints(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from setting_names(hint, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield prefix + name


def _laid_over(base: T, values: Mapping[str, object], section: str) -> T:
    kind = type(base)
    dotted = f"{section}." if section else ""
    tables = {name for name, hint in hints(kind).items() if dataclasses.is_dataclass(hint)}
    parts: dict[str, object] = {}
    plain: dict[str, object] = {}
    for name, value in values.items():
        if name in tables:
            table = _table(value, dotted + name)
            parts[name] = _laid_over(getattr(base, name), table, dotted + name)
        elif name not in hints(kind):
            raise UnknownName("setting", f"{dotted}{name}", setting_names())
        elif name == "early_closes":
            plain[name] = _early_closes(value, dotted + name)
        else:
            plain[name] = value
    return dataclasses.replace(validated(kind, plain, section, base), **parts)  # type: ignore[type-var]


def _table(value: object, name: str) -> Mapping[str, object]:
    if value is None:  # an empty section of a YAML file
        return {}
    if not isinstance(value, Mapping):
        raise BadValue(f"{name} must be a table of settings, got {value!r}")
    return value


def _early_closes(value: object, name: str) -> EarlyCloses:
    """From a mapping of date to time; the zone is the instrument's."""
    if not isinstance(value, Mapping):
        raise BadValue(f"{name} must map dates YYYY-MM-DD to times HH:MM, got {value!r}")
    found = {_day(day, name): checked(time, end, f"{name}.{day}") for day, end in value.items()}
    return tuple(sorted(found.items()))


def _day(value: Any, name: str) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadValue(f"{name} must map dates YYYY-MM-DD to times HH:MM, got {value!r}") from None


def _plain(name: str, value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return nested(value)
    if isinstance(value, time):
        return _clock(value)
    if name == "early_closes":
        return {day.isoformat(): _clock(end) for day, end in value}
    return value


def _clock(when: time) -> str:
    return when.isoformat("seconds" if when.second else "minutes")
