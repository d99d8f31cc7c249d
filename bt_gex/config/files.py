"""Configuration files: YAML with the dotted setting names, flat or nested."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from bt_gex.config.ids import SEMANTICS_VERSION
from bt_gex.config.run_config import (
    SECTIONS,
    TIMEZONE,
    RunConfig,
    parse_fills,
    setting_names,
    setting_text,
)
from bt_gex.errors import BadValue, DataError, UnknownName
from bt_gex.market.indexes import Index
from bt_gex.rules.settings import hints
from bt_gex.storage.schema import note_unknown
from bt_gex.trades.codec import to_json

log = logging.getLogger(__name__)

PLAIN_KEYS = ("index", "start", "end", "profile")
WRITTEN_KEYS = ("index_facts", "sweep")  # only runs and sweeps write them
# Settings with which the current rules decide as an earlier version's did. What was written without
# a version is of version 1.
AS_IN_VERSION: Mapping[int, Mapping[str, object]] = MappingProxyType(
    {1: {"data.one_sided_max_ask": None, "data.trade_contradictions": True}}
)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """What a file says: index, start, end and profile where given; settings by dotted name.

    sweep  what found these settings, as a sweep writes it into its best.yaml
    """

    plain: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    indexes: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, Any] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars only: 10:00 is a text, not the number 600, and a date stays a text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        groups: set[str] = set()
        for key, value in node.value:
            if isinstance(value, yaml.MappingNode):  # the parser would drop the first one whole
                if str(key.value) in groups:
                    twice = f"{key.value} is there twice; put its settings together"
                    raise yaml.MarkedYAMLError(problem=twice, problem_mark=key.start_mark)
                groups.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), _first)


def read_config(path: str | Path) -> ConfigFile:
    """Read a configuration file, or the config.yaml of a run.

    Raises DataError when it cannot be read, UnknownName and BadValue for what it says.
    """
    content = read_yaml(path)
    if "run_id" in content and isinstance(content.get("config"), Mapping):
        content = {**content["config"], "sweep": content.get("sweep")}
    return sort_out(content, told=logging.WARNING)


def stored_run_config(content: Mapping[str, Any]) -> RunConfig:
    """The configuration that a run has written. Raises UnknownName and BadValue."""
    found = sort_out(content)
    return RunConfig(settings=found.settings, indexes=found.indexes, **found.plain)


def stored_config(content: Mapping[str, object], file: str) -> RunConfig:
    """The configuration a run has written, by shape: a setting it lacks has its default, a name
    that is not known is passed over, with a note in the log. Raises BadValue and UnknownName.
    """
    kinds = {**SECTIONS, "index_facts": Index}
    known: dict[str, object] = {}
    for name, value in content.items():
        if name in kinds and isinstance(value, Mapping):
            note_unknown(
                (f"{name}.{n}" for n in value), (f"{name}.{n}" for n in hints(kinds[name])), file
            )
            known[name] = {n: v for n, v in value.items() if n in hints(kinds[name])}
        elif name in (*kinds, *PLAIN_KEYS, "semantics_version"):
            known[name] = value
    note_unknown(content, known, file)
    return stored_run_config(known)


def read_yaml(path: str | Path) -> Mapping[Any, Any]:
    """Content of a file that holds values by name; nothing in an empty one.

    Raises DataError when it cannot be read, BadValue when it holds something else.
    """
    try:
        content = yaml.load(Path(path).read_text("utf-8"), _Loader)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not YAML: {_reason(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise BadValue(
            f"{path}: must hold settings by name, got a {type(content).__name__}; "
            "write for instance exit.stop_loss: 0.15"
        )
    return content


def scalar(text: str) -> object:
    """What a text says as a single value of a YAML file: 5, 0.2, true, or itself."""
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    return text if isinstance(value, Mapping | list) else value


def _reason(error: Exception) -> str:
    """What is wrong with a YAML text, and in which line."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return where + (getattr(error, "problem", None) or str(error).splitlines()[0])


def sort_out(
    content: Mapping[Any, Any], also: Iterable[str] = (), told: int = logging.INFO
) -> ConfigFile:
    """What the content of a configuration file means.

    also  further keys a user may mean
    told  at which level the log says that the file is of an earlier version of the rules

    Raises UnknownName and BadValue.
    """
    found = ConfigFile()
    found.settings.update(_as_in_version(content, told))
    for raw, value in content.items():
        key = str(raw)
        if key == "semantics_version":
            continue
        if key in PLAIN_KEYS:
            found.plain[key] = value
        elif key == "fills" and not isinstance(value, Mapping):
            numbers = value if isinstance(value, list) else [value]
            found.settings.update(parse_fills(",".join(map(str, numbers))))
        elif key in SECTIONS:
            named = _named(key, value)
            found.settings.update({f"{key}.{name}": setting for name, setting in named.items()})
        elif key == "sweep":
            if facts := _named(key, value):
                from bt_gex.config.origin import FoundBy

                found.sweep.update(to_json(FoundBy.from_json(facts)))
        elif key == "indexes":
            found.indexes.update(_named(key, value))
        elif key == "index_facts":  # as a run writes it
            facts = dict(_named(key, value))
            found.indexes[str(facts.pop("symbol", content.get("index", "")))] = facts
        elif "." in key:
            found.settings[key] = value
        else:
            known = [*PLAIN_KEYS, "indexes", *also, *SECTIONS, *setting_names()]
            raise UnknownName("setting", key, known)
    _forget_unnamed_zone(content, found.settings)
    return found


def _forget_unnamed_zone(content: Mapping[object, object], settings: dict[str, object]) -> None:
    """A run writes every setting; that of a zone left at UTC is not one somebody has named."""
    if _is_written(content) and settings.get(TIMEZONE) == "UTC":
        del settings[TIMEZONE]


def _is_written(content: Mapping[object, object]) -> bool:
    """Whether a run or a sweep has written the content of a file."""
    return any(key in content for key in WRITTEN_KEYS)


def _as_in_version(content: Mapping[object, object], told: int) -> Mapping[str, object]:
    """Settings that a file of an earlier version did not know; what it names itself comes after.

    A file that no run and no sweep has written is of the current version unless it names another.
    Raises BadValue for a version that is not known.
    """
    version = content.get("semantics_version", 1 if _is_written(content) else SEMANTICS_VERSION)
    known = [*AS_IN_VERSION, SEMANTICS_VERSION]
    if isinstance(version, bool) or version not in known:
        raise BadValue(
            f"semantics_version must be {' or '.join(map(str, known))}, got {version!r}; "
            "a higher one was written by a newer bt_gex: upgrade this one"
        )
    if version == SEMANTICS_VERSION:
        return {}
    settings = AS_IN_VERSION[version]
    log.log(
        told,
        "a configuration of semantics_version %s is read as that version meant it: %s where it "
        "says nothing else",
        version,
        ", ".join(f"{name} {setting_text(value)}" for name, value in settings.items()),
    )
    return settings


def _named(key: str, value: object) -> Mapping[Any, Any]:
    if value is None:  # all its lines are commented out
        return {}
    if not isinstance(value, Mapping):
        raise BadValue(f"{key} must hold settings by name, got {value!r}")
    return value
