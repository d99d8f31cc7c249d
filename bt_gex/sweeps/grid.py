"""Values to sweep, from the words of a command line or a plan file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from decimal import Decimal, InvalidOperation

from bt_gex.config.ids import canonical
from bt_gex.config.run_config import SECTIONS, plain_value, setting_names
from bt_gex.errors import BadValue, UnknownName
from bt_gex.rules.settings import checked, hints

MOST_VALUES = 100_000
Grid = dict[str, tuple[object, ...]]


def parse_grid(words: Iterable[str], hint_of: Callable[[str], object] | None = None) -> Grid:
    """Settings and their values from texts such as `exit.stop_loss=0.1,0.15` or `…=0:1:0.25`.

    A range names first, last and step, and includes both ends. Values of `entry.times` are lists
    themselves and are separated by semicolons. Raises BadValue and UnknownName.

    hint_of  type of a setting by its name, where they are not those of a replay
    """
    grid: Grid = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise BadValue(
                f"--grid takes NAME=VALUES such as exit.stop_loss=0.1,0.15 or "
                f"fills.exit_slippage=0:1:0.25, got {word!r}"
            )
        if name.strip() in grid:
            raise BadValue(f"{name.strip()} is swept twice; give all its values in one --grid")
        grid[name.strip()] = values_of(name.strip(), values, hint_of or _hint)
    return grid


def read_grid(content: Mapping[str, object]) -> Grid:
    """Settings and their values from a plan file: a list, one value, or a text as for `--grid`."""
    return {str(name): values_of(str(name), values) for name, values in content.items()}


def values_of(
    name: str, given: object, hint_of: Callable[[str], object] | None = None
) -> tuple[object, ...]:
    """Values of one setting, each once, in the order given, in their type.

    What the setting does not allow stays as it is: its variants will say what is wrong with it.
    """
    hint = (hint_of or _hint)(name)
    raw = _split(name, given, hint) if isinstance(given, str) else given
    values = raw if isinstance(raw, list | tuple) else [raw]
    found: dict[str, object] = {}
    for value in values:
        plain = typed(name, value, hint)
        found.setdefault(canonical([plain, type(plain) is bool]), plain)
    if not found:
        raise BadValue(f"{name} has no values to sweep; give at least one")
    return tuple(found.values())


def typed(name: str, value: object, hint: object = None) -> object:
    """A value as the setting's type has it, in plain form; itself where it is not allowed."""
    try:
        return plain_value(checked(hint or _hint(name), value, name))
    except BadValue:
        return value


def problem(name: str, value: object) -> str | None:
    """Why a value is not allowed, None when it is."""
    try:
        checked(_hint(name), value, name)
    except BadValue as error:
        return str(error)
    return None


def _hint(name: str) -> object:
    section, _, rest = name.partition(".")
    if section not in SECTIONS or rest not in hints(SECTIONS[section]):
        own = [known for known in setting_names() if known.startswith(f"{section}.")]
        raise UnknownName("setting", name, own or setting_names())
    return hints(SECTIONS[section])[rest]


def _split(name: str, text: str, hint: object) -> list[object]:
    is_list = hint == tuple[time, ...]
    found: list[object] = []
    for part in text.split(";" if is_list else ","):
        found += [part.strip()] if is_list or ":" not in part else _range(name, part.strip())
    if "" in found:
        raise BadValue(f"{name} has an empty value in {text!r}; take out the extra comma")
    return found


def _range(name: str, text: str) -> list[object]:
    """Values of first:last:step, exact to the last decimal."""
    try:
        first, last, step = (Decimal(part) for part in text.split(":"))
        if not (first.is_finite() and last.is_finite() and step.is_finite()):
            raise InvalidOperation
    except (InvalidOperation, ValueError):
        raise BadValue(
            f"{name}: {text!r} is no range; write first:last:step such as 0:1:0.25"
        ) from None
    if step <= 0 or last < first:
        raise BadValue(f"{name}: the range {text} must go upwards by a step above 0")
    number = int((last - first) / step) + 1
    if number > MOST_VALUES:
        raise BadValue(f"{name}: the range {text} has {number:,} values, over {MOST_VALUES:,}")
    values = (first + step * n for n in range(number))
    return [int(v) if v == v.to_integral_value() else float(v) for v in values]
