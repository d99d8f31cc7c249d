"""What readers of stored files share: content that is damaged is a BadValue that names its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from bt_gex.errors import BadValue

UNREADABLE = (  # what reading a damaged file raises
    OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, KeyError,
    yaml.YAMLError, pa.ArrowException,
)  # fmt: skip


def first_line(error: Exception) -> str:
    """What an exception says, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def refuse_constant(word: str) -> None:
    """Called by json for NaN and Infinity."""
    raise ValueError(f"{word} is not a number")


def read_mapping(path: Path) -> dict[str, Any]:
    """The object in a JSON file, or the mapping in a YAML file. Raises BadValue."""
    try:
        text = path.read_text("utf-8")
        found = from_yaml(text) if path.suffix == ".yaml" else from_json(text)
    except UNREADABLE as error:
        raise BadValue(f"{path.name}: {first_line(error):.200}") from error
    if not isinstance(found, dict):
        raise BadValue(f"{path.name}: must hold values by name, got {found!r:.60}")
    return found


def read_lines(path: Path) -> list[Any]:
    """The value in each line of a file. Raises BadValue."""
    try:
        return [from_json(line) for line in path.read_text("utf-8").splitlines()]
    except UNREADABLE as error:
        raise BadValue(f"{path.name}: {first_line(error):.200}") from error


def read_table(path: Path) -> pa.Table:
    """The table in a parquet file. Raises BadValue."""
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except UNREADABLE as error:
        raise BadValue(f"{path.name}: {first_line(error):.200}") from error


def from_json(text: str) -> Any:
    return json.loads(text, parse_constant=refuse_constant)


def from_yaml(text: str) -> object:
    return yaml.safe_load(text)


def part(content: dict[str, Any], name: str, kind: type, file: str) -> Any:
    """A part of what a file holds. Raises BadValue where it is missing or of another kind."""
    if name not in content:
        raise BadValue(f"{file}: {name} is missing in it")
    if not isinstance(content[name], kind):
        raise BadValue(f"{file}: {name} is {content[name]!r:.60}, not a {kind.__name__}")
    return content[name]
