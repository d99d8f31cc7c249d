"""The clocks of a live session: the wall's, or one that is simulated. Tests bring their own."""

from __future__ import annotations

import math
import re
import threading
import time
from datetime import datetime
from typing import NamedTuple, Protocol

from bt_gex.errors import BadValue
from bt_gex.market.calendar import NS, instant_ns

LOOK_S = 1.0  # how long the wall clock sleeps before it looks again: it may have been set


class Clock(Protocol):
    """What time it is; instants are nanoseconds UTC."""

    @property
    def is_simulated(self) -> bool:
        """Whether it waits for whoever uses it: then no bar is ever missed."""
        ...

    def now(self) -> int: ...

    def wait_until(self, ns: int) -> bool:
        """Wait for an instant. False: somebody asked to stop, before or meanwhile."""
        ...


class WallClock:
    """The computer's clock; it may step, and stand still while the computer sleeps.

    stop  set by whoever wants the session to end
    """

    is_simulated = False

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> int:
        return time.time_ns()

    def wait_until(self, ns: int) -> bool:
        while not self._stop.is_set():
            left_s = (ns - self.now()) / NS
            if left_s <= 0:
                return True
            self._stop.wait(min(left_s, LOOK_S))
        return False


class SimulatedClock:
    """A clock that starts at an instant and goes at most so many times as fast as time does.

    It goes on only while somebody waits for it, and so waits for every bar to be decided.
    speed  infinite: it does not wait at all
    """

    is_simulated = True

    def __init__(self, start_ns: int, speed: float, stop: threading.Event) -> None:
        self._now, self._speed, self._stop = start_ns, speed, stop
        self._real_s = time.monotonic()

    def now(self) -> int:
        return self._now

    def wait_until(self, ns: int) -> bool:
        if self._stop.is_set():
            return False
        if ns > self._now:
            due_s = self._real_s + (ns - self._now) / NS / self._speed
            left_s = due_s - time.monotonic()
            if left_s > 0 and self._stop.wait(left_s):
                return False
            self._now = ns
            self._real_s = max(due_s, time.monotonic())
        return True


class ClockPlan(NamedTuple):
    """A simulated clock as it is asked for: start_ns None is the open."""

    start_ns: int | None
    speed: float


MAX = ClockPlan(None, math.inf)
_FORM = re.compile(r"(?P<start>[^@]*)@(?P<speed>[0-9.]+)")


def parse_clock(text: str) -> ClockPlan:
    """`max`, or START@SPEED such as 2026-04-08T13:29:00Z@600. Raises BadValue."""
    if text.strip().lower() == "max":
        return MAX
    match = _FORM.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        speed = float(match["speed"])
        if not 0 < speed < math.inf:
            raise ValueError
        start = datetime.fromisoformat(match["start"]) if match["start"] else None
        if start is not None and start.tzinfo is None:
            raise BadValue(f"clock {text!r}: the start has no zone; write Z for UTC at its end")
    except ValueError:
        raise BadValue(
            f"clock must be max or START@SPEED such as 2026-04-08T13:29:00Z@600, got {text!r}"
        ) from None
    return ClockPlan(None if start is None else instant_ns(start), speed)
