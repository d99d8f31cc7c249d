"""The target of a look-ahead check: a strategy or a rule of the user's, found by its name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import backtrader as bt

from bt_gex.errors import BadValue, BtGexError, UnknownName, UsageError
from bt_gex.strategies.gex import GexStrategy

FORMS = "module:Name or path/to/file.py:Name"
KINDS = "a bt.Strategy, or a function that is called with the clock on every tick"


@dataclass(frozen=True, slots=True)
class Target:
    """A strategy class, or a rule: anything that is called with the clock and decides.

    load    executes its module again, so that no state in the module passes from run to run
    file    its source file
    events  whether it requests the bars it needs, as GexStrategy does in `bt-gex run`
    """

    name: str
    load: Callable[[], Any]
    file: str | None = None
    events: bool = False


OWN = Target("GexStrategy", lambda: GexStrategy, events=True)


def find_target(words: str) -> Target:
    """The target a user names. Raises UsageError where it cannot be loaded."""
    place, colon, name = words.rpartition(":")
    if not (colon and place.strip() and name.strip()):
        raise BadValue(f"TARGET is {FORMS}, got {words!r}")
    path = Path(place) if place.endswith(".py") else None
    if path is not None and not path.is_file():
        raise UsageError(f"{path}: no such file; give TARGET as {FORMS}")
    module = _guarded(place, lambda: _from_file(path) if path else _by_name(place))
    kind = _named(module, name, words)
    made = _guarded(place, lambda: _instance(kind))

    def load() -> Any:
        return _instance(getattr(_anew(module, path), name))

    if not (_is_strategy(made) or callable(made)):
        raise BadValue(f"{words} is {_a(type(kind).__name__)}; TARGET must be {KINDS}")
    return Target(name, load, getattr(module, "__file__", None))


def line_of(error: BaseException, file: str | None) -> str:
    """An exception with its line in the target's file, or else the line that raised it."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if file and os.path.realpath(f.filename) == os.path.realpath(file)]
    for frame in (own or frames)[-1:]:
        return f"{text} ({Path(frame.filename).name}, line {frame.lineno})"
    return text


def _named(module: ModuleType, name: str, words: str) -> Any:
    if not hasattr(module, name):
        known = [
            other
            for other, value in vars(module).items()
            if not other.startswith("_") and callable(value)
        ]
        raise UnknownName(f"name in {words.rpartition(':')[0]}", name, known)
    return getattr(module, name)


def _is_strategy(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, bt.Strategy)


def _instance(made: Any) -> Any:
    """An object of a class whose objects are rules; anything else as it is."""
    if isinstance(made, type) and not issubclass(made, bt.Strategy):
        return made() if _has_call(made) else None
    return made


def _has_call(kind: type) -> bool:
    return any("__call__" in vars(base) for base in kind.__mro__)


def _guarded(place: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except (KeyboardInterrupt, BtGexError):
        raise
    except BaseException as error:
        why = line_of(error, place if place.endswith(".py") else None)
        raise UsageError(
            f"{place} cannot be used: {why}; give TARGET as {FORMS}, and fix the reported error"
        ) from error


def _by_name(name: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:  # as `python -m` does
        sys.path.insert(0, here)
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # for modules it imports from its own folder
        sys.path.insert(0, folder)
    name = f"bt_gex_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # backtrader looks there for the module of a class
    spec.loader.exec_module(module)
    return module


def _anew(module: ModuleType, path: Path | None) -> ModuleType:
    """The module executed again, in a new namespace; bt_gex's own modules keep no state."""
    if path is not None:
        return _from_file(path)
    spec = module.__spec__
    if spec is None or spec.loader is None or module.__name__.split(".")[0] == "bt_gex":
        return module
    again = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = again
    try:
        spec.loader.exec_module(again)
    finally:
        sys.modules[module.__name__] = module
    return again


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
