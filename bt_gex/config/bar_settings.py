"""Names, types and files of the settings of backtests over bars."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from bt_gex.errors import BadValue, UnknownName
from bt_gex.rules.breakout import BreakoutParams
from bt_gex.rules.mean_reversion_signal import ALIASES, MeanReversionParams
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.resolve import setting_names as range_names
from bt_gex.rules.settings import hints

INSTRUMENTS = "instruments"
PARAMS: Mapping[str, type] = {
    "mean_reversion": MeanReversionParams,
    "breakout_52w_high": BreakoutParams,
}
Tables = dict[str, Any]


def setting_names() -> list[str]:
    """All dotted names of the built-in strategies; those of an instrument under a symbol apart."""
    own = [f"{section}.{name}" for section, kind in PARAMS.items() for name in hints(kind)]
    return [*range_names(), *own, *(f"mean_reversion.{alias}" for alias in ALIASES)]


def hint_of(name: str) -> object:
    """Type and range of a setting by its dotted name. Raises UnknownName."""
    kind: Any = OpeningRangeParams
    section, _, rest = name.partition(".")
    if section in PARAMS:
        kind, parts = PARAMS[section], [ALIASES.get(rest, rest)]
    else:
        parts = name.split(".")
    for number, part in enumerate(parts):
        known = hints(kind)
        if part not in known:
            raise UnknownName("setting", name, setting_names())
        kind = known[part]
        if number + 1 < len(parts) and not dataclasses.is_dataclass(kind):
            raise UnknownName("setting", name, setting_names())
    if dataclasses.is_dataclass(kind):
        raise UnknownName("setting", name, [n for n in setting_names() if n.startswith(name)])
    return kind


def flat(tables: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Tables in tables as values by dotted name."""
    found: dict[str, object] = {}
    for name, value in tables.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def read_bar_file(content: Mapping[Any, Any]) -> tuple[dict[str, Any], Tables, Tables]:
    """Plain keys (symbols, start, end, interval), sections and instruments of a YAML file.

    Also of what a backtest has written. Raises UnknownName and BadValue.
    """
    if "run_id" in content and isinstance(content.get("config"), Mapping):
        content = content["config"]
    plain: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    instruments: Tables = {}
    for raw, value in content.items():
        key = str(raw)
        if key in ("symbols", "start", "end", "interval"):
            plain[key] = value
        elif key == INSTRUMENTS:
            if value is not None and not isinstance(value, Mapping):
                raise BadValue(f"instruments must hold facts by symbol, got {value!r}")
            instruments = dict(value or {})
        elif key not in ("strategy", "semantics_version", "source_hash", "sweep"):
            sections[key] = value
    return plain, sections, instruments


def symbols_of(words: Iterable[str]) -> tuple[str, ...]:
    """Symbols as they are typed: one a word, or several with commas."""
    parts = [part.strip() for word in words for part in str(word).split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
