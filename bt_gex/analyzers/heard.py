"""Events a recorder receives, and the order in which they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

ORDER, TRADE, OTHER = 0, 1, 2  # what backtrader tells first, when it tells of both


class Heard(NamedTuple):
    """Something that happened on a bar, before it is written."""

    phase: int
    event_type: str
    symbol: str | None
    data: dict[str, Any]
    ts_ns: int
    decision: dict[str, Any] | None = None


Tell = Callable[[Heard], None]


def in_order(heard: list[Heard]) -> list[Heard]:
    """As backtrader tells it without quicknotify: of what it tells together, orders before trades.

    So a recording is the same whether or not it was asked to notify quickly.
    """
    found: list[Heard] = []
    run: list[Heard] = []
    for one in heard:
        if one.phase == OTHER:
            found += sorted(run, key=lambda h: h.phase)
            found.append(one)
            run = []
        else:
            run.append(one)
    return found + sorted(run, key=lambda h: h.phase)
