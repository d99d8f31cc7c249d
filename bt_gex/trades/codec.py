"""The JSON and Arrow forms of records, derived from their fields."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar

import pyarrow as pa

from bt_gex.errors import BadValue
from bt_gex.storage.arrow_arrays import column_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")


def to_json(record: DataclassInstance) -> dict[str, Json]:
    """A record in the values JSON knows, keys in the order of its fields."""
    return {f.name: plain(getattr(record, f.name)) for f in fields(record)}


def plain(value: object) -> Json:
    """A value as JSON knows it; instants and dates as ISO 8601."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(kind: type[T], text: str | bytes, what: str) -> T:
    """A record, or a list of them, from JSON; keys that a record does not have are ignored.

    what  names the source in the message. Raises BadValue with the first fault.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        got = f"{first.get('input')!r:.60}"
        raise BadValue(f"{what} {place}: {first['msg']}, got {got}".replace(" :", ":")) from None


_adapters: dict[object, TypeAdapter[typing.Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    from pydantic import TypeAdapter

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_table(kind: type[DataclassInstance], records: Iterable[DataclassInstance]) -> pa.Table:
    """Records as columns, one a field; instants and dates as ISO 8601 text."""
    rows = list(records)
    return pa.table(
        {
            name: column_of([plain(getattr(row, name)) for row in rows], kind_of_column)
            for name, kind_of_column in columns_of(kind).items()
        }
    )


def from_table(kind: type[T], table: pa.Table, what: str) -> list[T]:
    """The records in a table's rows. Raises BadValue."""
    return from_json(list[kind], json.dumps(table.to_pylist()), what)  # type: ignore[valid-type]


@cache
def columns_of(kind: type[DataclassInstance]) -> Mapping[str, pa.DataType]:
    """Arrow type by field name."""
    hints = typing.get_type_hints(kind)
    return {f.name: _arrow_type(hints[f.name]) for f in fields(kind)}


_SCALARS: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    datetime: pa.string(),
    date: pa.string(),
}


def _arrow_type(hint: object) -> pa.DataType:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _SCALARS[type(arguments[0])]
    if origin in (typing.Union, types.UnionType):
        return _arrow_type(next(a for a in arguments if a is not type(None)))
    if origin in (tuple, list):
        return pa.list_(_arrow_type(arguments[0]))
    if is_dataclass(hint) and isinstance(hint, type):
        return pa.struct(list(columns_of(hint).items()))
    if isinstance(hint, type):
        if issubclass(hint, tuple):  # a NamedTuple of one type of values
            return pa.list_(_arrow_type(next(iter(typing.get_type_hints(hint).values()))))
        for known in (hint, *hint.__mro__):
            if known in _SCALARS:
                return _SCALARS[known]
    raise TypeError(f"{hint} has no Arrow form")
