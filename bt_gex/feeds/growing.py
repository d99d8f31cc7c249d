"""The clock of a session that is under way: the next bar exists when its instant has come."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from bt_gex.errors import EngineError
from bt_gex.feeds.backtrader_internals import bt_stamps
from bt_gex.feeds.clock import ClockFeed


class Bars(Protocol):
    """Where the bars of a session come from, one after the other."""

    def next_row(self) -> int | None:
        """Wait until there is a next bar and the session's day knows it; its row of the grid.

        None: there is no further one. Rows ascend; some may be left out.
        """
        ...


class GrowingClockFeed(ClockFeed):
    """Drives a session that is under way, bar by bar; the last row is the close.

    It never answers that there is nothing now: on such idle turns backtrader would fill orders
    on bars it has already seen.

    days  the one session, a sessions.growing.GrowingDay; bars: a Bars, which makes it grow
    """

    params = (("bars", None),)  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        if len(self.p.days) != 1 or self.p.bars is None:
            raise EngineError("a growing clock takes one session and where its bars come from")

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        day = self.p.days[0]
        return {  # the arrays themselves: they are filled as the session grows
            "datetime": bt_stamps(day.grid),
            **dict.fromkeys(("open", "high", "low", "close"), day.spot),
            "vix": day.vix,
            "pin": day.pin,
            "tick": np.arange(len(day.grid), dtype=np.float64),
        }

    def islive(self) -> bool:
        return True

    def preload(self) -> None:
        raise EngineError("a session that is under way cannot be loaded ahead; leave preload off")

    def _load(self) -> bool:
        row = self.p.bars.next_row()
        if row is None:
            return False
        if row < self._next_row:
            raise EngineError(f"bar {row} was to come after bar {self._next_row - 1}")
        self._next_row = row
        return super()._load()
