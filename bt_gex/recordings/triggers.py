"""When something happens that is worth keeping: conditions on a session that is being recorded."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import new_york
from bt_gex.recordings.records import ORDER_REJECTED, POSITION_CLOSED
from bt_gex.trades.codec import Json

KINDS = ("drawdown_pct", "daily_loss", "consecutive_losses", "price_move_pct", "atr_ratio",
         "order_rejected", "exception")  # fmt: skip
WITHOUT = ("order_rejected", "exception")  # of which one is enough
ACTIONS = ("keep", "start", "stop")
Action = Literal["keep", "start", "stop"]
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A condition, looked at on every bar, and what is done when it comes to hold.

    kind           drawdown_pct: the account is more than so many percent below its peak;
                   daily_loss: it has lost more than so many dollars since the day began (New York);
                   consecutive_losses: so many positions in a row, or more, closed at a loss;
                   price_move_pct: a close moved by more than so many percent in `bars` bars;
                   atr_ratio: the mean true range of `bars` bars is more than so many times that of
                   the `bars` before; order_rejected; exception: the run ends with one
    action         keep: the whole recording is kept only if it fired; start: recording begins then,
                   with `pre_roll` bars before; stop: it ends then
    cooldown_bars  bars until it may fire again, which it does only after it did not hold
    """

    kind: str
    threshold: float | None = None
    action: Action = "keep"
    bars: int = 20
    pre_roll: int = 0
    cooldown_bars: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownName("trigger", self.kind, KINDS)
        if self.action not in ACTIONS:
            raise UnknownName("action of a trigger", str(self.action), ACTIONS)
        if self.kind not in WITHOUT and not _is_positive(self.threshold):
            raise BadValue(
                f"trigger {self.kind} needs a threshold above 0, got {self.threshold!r}; write "
                f"{self.kind}=2"
            )
        for name, least in (("bars", 1), ("pre_roll", 0), ("cooldown_bars", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadValue(f"{name} of a trigger is a whole number from {least}, got {value!r}")

    def to_json(self) -> dict[str, Json]:
        """Its fields."""
        return asdict(self)


def _is_positive(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0  # type: ignore[arg-type, operator]


def parse_trigger(text: str) -> Trigger:
    """`drawdown_pct=2`, or `kind=drawdown_pct,threshold=2,action=start,pre_roll=30`.

    Raises UnknownName, BadValue.
    """
    given: dict[str, Any] = {}
    names = ("kind", "threshold", "action", "bars", "pre_roll", "cooldown_bars")
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name in KINDS and not given:
            given["kind"] = name
            if equals:
                given["threshold"] = _number(name, value)
        elif name not in names:
            raise UnknownName("part of a trigger", name, (*KINDS, *names))
        elif name in given or not equals:
            raise BadValue(f"a trigger is NAME=VALUE,…, each once; got {text!r}")
        else:
            given[name] = value if name in ("kind", "action") else _number(name, value)
    if "kind" not in given:
        raise BadValue(f"a trigger has a kind, such as drawdown_pct=2; got {text!r}")
    return Trigger(**given)


def _number(name: str, text: str) -> float | int:
    try:
        return int(text) if name not in (*KINDS, "threshold") else float(text)
    except ValueError:
        raise BadValue(f"{name} of a trigger must be a number, got {text!r}") from None


class Account(NamedTuple):
    """What a bar looks like to triggers. value: dollars; busy: a position is open."""

    value: float
    now_ns: int
    busy: bool
    closes: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]


class Firing(NamedTuple):
    """A trigger that fired, and what is told of it."""

    trigger: Trigger
    data: dict[str, Json]


@dataclass(slots=True)
class _State:
    inside: bool = True  # since it did not hold, or never did
    cool: int = 0
    fired: bool = False


@dataclass(slots=True)
class Watch:
    """The triggers of a recording, bar by bar.

    warm_up  bars the strategy needs before it decides: the least pre-roll
    busy     whether a position was open on the newest bar
    """

    triggers: tuple[Trigger, ...]
    warm_up: int = 0
    busy: bool = False
    _states: list[_State] = field(init=False)
    _peak: float | None = None
    _day: object = None
    _day_value: float = 0.0
    _losses: int = 0
    _rejected: int = 0
    _closes: dict[str, deque[float]] = field(default_factory=dict)
    _ranges: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._states = [_State() for _ in self.triggers]

    @property
    def keeps(self) -> bool:
        """Whether the recording is kept: some trigger decides that and has fired, or none does."""
        deciding = [
            state.fired
            for trigger, state in zip(self.triggers, self._states, strict=True)
            if trigger.action != "stop"
        ]
        return any(deciding) or not deciding

    @property
    def waits(self) -> bool:
        """Whether recording has yet to begin."""
        starting = [
            state.fired
            for trigger, state in zip(self.triggers, self._states, strict=True)
            if trigger.action == "start"
        ]
        return bool(starting) and not any(starting)

    @property
    def pre_roll(self) -> int:
        """Bars of each symbol before the start that are wanted."""
        wanted = [t.pre_roll for t in self.triggers if t.action == "start"]
        return max(*wanted, self.warm_up) if wanted else 0

    def heard(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Something happened on this bar."""
        if event_type == ORDER_REJECTED:
            self._rejected += 1
        elif event_type == POSITION_CLOSED:
            self._losses = self._losses + 1 if (data.get("pnl") or 0) < 0 else 0

    def look(self, account: Account) -> list[Firing]:
        """The triggers that fire on this bar."""
        self.busy = account.busy
        self._follow(account)
        found = []
        for trigger, state in zip(self.triggers, self._states, strict=True):
            value = self._value(trigger, account)
            limit = trigger.threshold or 0.0
            reached = trigger.kind == "consecutive_losses" and value >= limit
            holds = value > limit + TOLERANCE or reached
            if holds and state.inside and not state.cool:
                state.inside, state.fired, state.cool = False, True, trigger.cooldown_bars
                found.append(_firing(trigger, value))
                continue
            state.cool = max(state.cool - 1, 0)
            state.inside = state.inside or not holds
        self._rejected = 0
        return found

    def failed(self, error: BaseException) -> list[Firing]:
        """The triggers that fire when the run ends with an exception."""
        found = []
        for trigger, state in zip(self.triggers, self._states, strict=True):
            if trigger.kind == "exception":
                state.fired = True
                found.append(_firing(trigger, type(error).__name__))
        return found

    def _follow(self, account: Account) -> None:
        day = new_york(account.now_ns).date()
        if self._peak is None:
            self._peak = account.value
        if day != self._day:
            self._day, self._day_value = day, account.value
        self._peak = max(self._peak, account.value)
        longest = max(trigger.bars for trigger in self.triggers)
        for symbol, close in account.closes.items():
            closes = self._closes.setdefault(symbol, deque(maxlen=longest + 1))
            ranges = self._ranges.setdefault(symbol, deque(maxlen=2 * longest))
            high, low = account.ranges.get(symbol, (close, close))
            before = closes[-1] if closes else close
            ranges.append(max(high, before) - min(low, before))
            closes.append(close)

    def _value(self, trigger: Trigger, account: Account) -> float:
        match trigger.kind:
            case "drawdown_pct":
                assert self._peak is not None
                return 100.0 * (1 - account.value / self._peak) if self._peak > 0 else 0.0
            case "daily_loss":
                return self._day_value - account.value
            case "consecutive_losses":
                return float(self._losses)
            case "price_move_pct":
                return max((_move(c, trigger.bars) for c in self._closes.values()), default=0.0)
            case "atr_ratio":
                return max((_ratio(r, trigger.bars) for r in self._ranges.values()), default=0.0)
            case "order_rejected":
                return float(self._rejected)
        return 0.0  # exception: it is not on a bar that a run ends


def _move(closes: Sequence[float], bars: int) -> float:
    """Percent by which the last close lies away from that of `bars` before."""
    if len(closes) <= bars:
        return 0.0
    before = closes[len(closes) - 1 - bars]
    move = 100.0 * abs(closes[-1] / before - 1) if before else 0.0
    return move if math.isfinite(move) else 0.0


def _ratio(ranges: Sequence[float], bars: int) -> float:
    """Mean range of the last `bars` over that of those before."""
    if len(ranges) < 2 * bars:
        return 0.0
    recent = list(ranges)[-2 * bars :]
    before = sum(recent[:bars])
    ratio = sum(recent[bars:]) / before if before else 0.0
    return ratio if math.isfinite(ratio) else 0.0


def _firing(trigger: Trigger, value: float | str) -> Firing:
    return Firing(trigger, {"kind": trigger.kind, "threshold": trigger.threshold, "value": value})
