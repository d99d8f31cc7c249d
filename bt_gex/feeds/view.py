"""What a strategy may know: the market as it stands on the current bar, and nothing of later bars.

`ClockFeed` offers it from recorded sessions; any feed that offers it can drive the same strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from bt_gex.errors import EngineError
from bt_gex.market.calendar import Session
from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.indexes import Index


class View(Protocol):
    """One bar of one session of one index. Points, VIX level, strike; NaN is missing.

    row       place on the session's grid; `ns` its instant, nanoseconds UTC
    is_close  the closing tick, after the last bar: only settlements happen on it
    """

    @property
    def index_spec(self) -> Index: ...
    @property
    def session(self) -> Session: ...
    @property
    def row(self) -> int: ...
    @property
    def ns(self) -> int: ...
    @property
    def is_close(self) -> bool: ...
    @property
    def spot(self) -> float: ...
    @property
    def vix(self) -> float: ...
    @property
    def pin(self) -> float: ...

    def quote(self, leg: Leg) -> tuple[float, float]:
        """Bid and ask of an option; NaN where it has no valid quote."""
        ...

    def value(self, spread: Spread) -> float:
        """What buying a spread back costs at mid, clamped to its width; NaN without a price."""
        ...


class Line(Protocol):
    """Values of bars: `line[0]` is the current bar's, `line[-1]` that of the bar before."""

    def __getitem__(self, ago: int, /) -> float: ...


class SpreadInstrument(Protocol):
    """A spread as an instrument: sold to open, bought to close.

    name    unique among the spreads traded: it is the trade's order id
    close   line: what it costs at mid to buy the spread back, clamped to [0, width]
    """

    name: str
    spread: Spread

    @property
    def close(self) -> Line: ...

    def quotes(self) -> Sequence[tuple[Leg, float, float]]:
        """Each leg with its bid and ask now; NaN where it has no valid quote."""
        ...


@runtime_checkable
class MarketFeed(Protocol):
    """The first feed of a strategy that trades spreads."""

    def now(self) -> View:
        """The current bar. Raises EngineError before the first one."""
        ...

    def tick_now(self) -> View | None:
        """As `now`, the same object until the feed moves; None before the first bar."""
        ...

    def instrument(self, spread: Spread, name: str) -> SpreadInstrument:
        """A spread of the current session, to be traded under a name."""
        ...


def clock_of(strategy: Any) -> MarketFeed:
    """The first feed of a strategy. Raises EngineError when it offers no view of the market."""
    feed = strategy.datas[0]
    if not isinstance(feed, MarketFeed):
        raise EngineError(
            f"{type(strategy).__name__} needs a feed such as ClockFeed first, "
            f"got {type(feed).__name__}"
        )
    return feed
