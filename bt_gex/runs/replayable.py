"""Strategies that recordings can be replayed with, and their parameters, checked by name and value.

A recording names its strategy; which class that is says the registry, never the file.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import backtrader as bt

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, UnknownName
from bt_gex.recordings.records import RecordedSession
from bt_gex.recordings.values import plain_json
from bt_gex.rules.mean_reversion_signal import (
    ALIASES,
    MeanReversionParams,
    mean_reversion_params,
)
from bt_gex.rules.settings import hints
from bt_gex.runs.recorded_config import STRATEGY, config_of, settings_of
from bt_gex.strategies.bar_strategy import BarStrategy
from bt_gex.strategies.detected import (
    HELD_BY,
    Detector,
    DetectorStrategy,
    MeanReversionDetector,
)
from bt_gex.strategies.gex import GexStrategy
from bt_gex.strategies.mean_reversion import MeanReversionStrategy
from bt_gex.trades.codec import Json

Parameters = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A strategy ready to run.

    arguments   what its class is made with
    parameters  the same, as a person reads and stores it
    config      of a run on the option market
    """

    strategy: type[bt.Strategy]
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Json]
    config: RunConfig | None = None

    @property
    def fills_by_rules(self) -> bool:
        """Whether it trades on a BarBroker, not on backtrader's own."""
        return issubclass(self.strategy, BarStrategy)


class Replayable(Protocol):
    """A strategy that takes parameters by name."""

    @property
    def name(self) -> str: ...

    def resolve(self, original: Parameters, modified: Parameters) -> Resolved:
        """The strategy with original parameters but for the modified ones.

        Raises UnknownName for a modified one that it does not have, BadValue.
        """
        ...


@dataclass(frozen=True, slots=True)
class MeanReversionReplay:
    """Mean reversion. own: parameters that are set before the modified ones."""

    name: str = "Mean Reversion"
    own: tuple[tuple[str, Json], ...] = ()

    def resolve(self, original: Parameters, modified: Parameters) -> Resolved:
        known = hints(MeanReversionParams)
        kept = {n: v for n, v in original.items() if ALIASES.get(n, n) in known}
        base = mean_reversion_params({**kept, **dict(self.own)})
        params = mean_reversion_params(modified, base)
        return Resolved(MeanReversionStrategy, {"rules": params}, _plain(params))


@dataclass(frozen=True, slots=True)
class DetectorReplay:
    """A user's detector: it finds entries, the parameters of positions hold them."""

    detector: Detector

    @property
    def name(self) -> str:
        """The detector's class."""
        return type(self.detector).__name__

    def resolve(self, original: Parameters, modified: Parameters) -> Resolved:
        own = {n: v for n, v in vars(self.detector).items() if not n.startswith("_")}
        held = {ALIASES.get(n, n): v for n, v in original.items()}
        held = {n: v for n, v in held.items() if n in HELD_BY}
        detector = copy.copy(self.detector)
        for name, value in modified.items():
            if ALIASES.get(name, name) in HELD_BY:
                held.pop(name, None)
                held = {
                    n: v for n, v in held.items() if ALIASES.get(n, n) != ALIASES.get(name, name)
                }
                held[name] = value
            elif name in own:
                setattr(detector, name, _checked(name, value, own[name]))
            else:
                raise UnknownName("parameter", name, [*HELD_BY, *own])
        params = mean_reversion_params(held)
        shown = {n: v for n, v in _plain(params).items() if n in HELD_BY}
        shown.update({name: plain_json(getattr(detector, name)) for name in own})
        return Resolved(DetectorStrategy, {"rules": params, "detector": detector}, shown)


@dataclass(frozen=True, slots=True)
class ClassReplay:
    """Any strategy of backtrader."""

    strategy: type[bt.Strategy]

    @property
    def name(self) -> str:
        """The class's name."""
        return self.strategy.__name__

    def resolve(self, original: Parameters, modified: Parameters) -> Resolved:
        params = self.strategy.params
        defaults = {name: getattr(params, name) for name in params._getkeys()}
        for name in modified:
            if name not in defaults:
                raise UnknownName("parameter", name, defaults)
        given = {
            name: value
            for name, value in original.items()
            if name in defaults and not is_told_only(value)
        }
        for name, value in modified.items():
            given[name] = _checked(name, value, given.get(name, defaults[name]))
        whole = {**defaults, **given}
        return Resolved(self.strategy, given, {n: plain_json(v) for n, v in whole.items()})


@dataclass(frozen=True, slots=True)
class GexReplay:
    """The GEX strategy on a recorded option market; parameters are settings by dotted name."""

    session: RecordedSession

    @property
    def name(self) -> str:
        """As recordings of it are called."""
        return STRATEGY

    def resolve(self, original: Parameters, modified: Parameters) -> Resolved:
        config = config_of(self.session, modified)
        plain = {name: plain_json(value) for name, value in settings_of(config).items()}
        return Resolved(GexStrategy, {}, plain, config)


def is_told_only(value: Json) -> bool:
    """Whether a recorded value says only of which type it was: `<module.Class>`."""
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")


def _plain(params: MeanReversionParams) -> dict[str, Json]:
    return {name: plain_json(value) for name, value in asdict(params).items()}


def _checked(name: str, value: Any, like: Any) -> Any:
    """A value of the kind of another one. Raises BadValue."""
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue(f"{name} must be a finite number, got {value!r}")
    if like is None or value is None:
        return value
    if isinstance(like, bool) or isinstance(value, bool):
        fits, wanted = isinstance(like, bool) and isinstance(value, bool), "true or false"
        wanted = wanted if isinstance(like, bool) else "a number"
    elif isinstance(like, int | float):
        fits, wanted = isinstance(value, int | float), "a number"
    elif isinstance(like, str):
        fits, wanted = isinstance(value, str), "text"
    else:
        fits, wanted = isinstance(value, type(like)), f"a {type(like).__name__}"
    if not fits:
        raise BadValue(f"{name} must be {wanted}, such as {like!r:.40}; got {value!r:.40}")
    if isinstance(like, int) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


BUILT_IN: Mapping[str, Replayable] = {"meanreversion": MeanReversionReplay()}


def _key(name: str) -> str:
    """A strategy's name without what spellings of it differ by."""
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return letters.removesuffix("strategy") or letters


class Registry:
    """Strategies by name: those of the package, and classes of one's own."""

    def __init__(self, own: Mapping[str, type[bt.Strategy]] | None = None) -> None:
        self._known = dict(BUILT_IN)
        self._names = {key: one.name for key, one in BUILT_IN.items()}
        for name, strategy in (own or {}).items():
            self._known[_key(name)] = as_replayable(strategy)
            self._names[_key(name)] = name

    def find(self, name: str) -> Replayable:
        """The strategy of this name. Raises UnknownName."""
        found = self._known.get(_key(name))
        if found is None:
            raise UnknownName(
                "strategy", name, self._names.values(), "give its class, or --strategy my.py:Name"
            )
        return found


def as_replayable(given: Any) -> Replayable:
    """A strategy's class, a detector, or what is one already. Raises BadValue."""
    if isinstance(given, MeanReversionDetector):
        own = tuple((name, plain_json(value)) for name, value in given.parameters.items())
        return MeanReversionReplay(own=own)
    if isinstance(given, type) and issubclass(given, MeanReversionStrategy):
        return MeanReversionReplay()
    if isinstance(given, type) and issubclass(given, bt.Strategy):
        return ClassReplay(given)
    if hasattr(given, "resolve") and hasattr(given, "name"):
        found: Replayable = given
        return found
    if isinstance(given, Detector) and not isinstance(given, type):
        return DetectorReplay(given)
    raise BadValue(
        "a replay takes a strategy's name or class, or a detector with detect_setups(df), got "
        f"{given!r:.60}"
    )
