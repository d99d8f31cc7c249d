"""The execution stream: what a strategy decides and what the broker makes of it, as typed events.

Whoever wants to know of orders and fills listens here: analyzers, recorders, the look-ahead check,
the driver of a replay. Events come in the order in which they happen, each as soon as it is known.
Prices are points per unit of underlying, money is dollars, `at_ns` is the bar's instant in
nanoseconds UTC. The event of a check is its `Decision` record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from bt_gex.market.contracts import Spread
from bt_gex.trades.bar_trades import BarTrade, Direction, FactorSample, RangeDay
from bt_gex.trades.reasons import SkipKind
from bt_gex.trades.records import Decision


class Instrument(Protocol):
    """The spread that is traded; its name is the order id."""

    @property
    def name(self) -> str: ...
    @property
    def spread(self) -> Spread: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What an entry was decided on, as it stands in its trade; None: the strategy does not know.

    distance: index price minus pin, whole points
    """

    direction: str | None = None
    confidence: Literal["HIGH", "MEDIUM", "LOW"] | None = None
    distance: float | None = None
    pin: float | None = None
    spot: float | None = None
    vix: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSent:
    """An order as it reaches the broker, whatever becomes of it.

    spread    None for what is no spread; such an order is an error
    exectype  backtrader's name of the kind of order: Market
    """

    at_ns: int
    side: Literal["buy", "sell"]
    size: float
    instrument: str
    spread: Spread | None
    price: float | None
    exectype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSent:
    """A request to cancel an order."""

    at_ns: int
    instrument: str
    spread: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPending:
    """An entry that is priced on a later bar: that of row `due_row` of the session."""

    at_ns: int
    instrument: Instrument
    quantity: int
    due_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadOpened:
    """A spread was sold. commission_dollars: of this side; booked_dollars: added to the cash."""

    at_ns: int
    instrument: Instrument
    quantity: int
    credit: float
    commission_dollars: float
    booked_dollars: float
    facts: EntryFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadClosed:
    """A spread was bought back.

    commission_dollars  of both sides; it is taken off in pnl_dollars
    clamped             whether the legs' prices added up to less than 0 or more than the width
    """

    at_ns: int
    instrument: Instrument
    quantity: int
    value: float
    pnl_dollars: float
    commission_dollars: float
    reason: str
    clamped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadSettled:
    """A spread that was open at the close was settled in cash.

    value, pnl_dollars  None without a settlement price: the entry is reversed
    source              of the settlement price, see `market.settlement`
    """

    at_ns: int
    instrument: Instrument
    quantity: int
    value: float | None
    pnl_dollars: float | None
    commission_dollars: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """An order that was not filled. kind: None where no rule for entries speaks of it."""

    at_ns: int
    instrument: Instrument
    side: Literal["buy", "sell"]
    quantity: int
    kind: SkipKind | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSignal:
    """The entry rule of a bar strategy held.

    ignored     why nothing was done; None: an order followed
    strength    0 to 1 where the rule has one
    indicators  values it was decided on, by name
    stop, target  as they would be for a fill at this price
    conditions  what held
    """

    at_ns: int
    symbol: str
    direction: Direction
    price: float
    ignored: str | None
    strength: float | None
    indicators: Mapping[str, float | None]
    stop: float | None = None
    target: float | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFilled:
    """Shares or contracts bought or sold.

    opening         whether it begins the position
    reason          why it was opened, or closed
    stop, target    of a position that is opened: first stop and first target, where it has them
    """

    at_ns: int
    symbol: str
    trade_id: str
    side: Literal["buy", "sell"]
    opening: bool
    quantity: float
    price: float
    reason: str
    stop: float | None
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStopMoved:
    """The stop of an open position from the next bar on."""

    at_ns: int
    symbol: str
    trade_id: str
    stop: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTradeClosed:
    """A position is closed."""

    at_ns: int
    trade: BarTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDayEnded:
    """A session of the opening-range strategy is over."""

    at_ns: int
    symbol: str
    day: RangeDay


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorsSampled:
    """Factors of the opening-range strategy at the close of a bar."""

    at_ns: int
    symbol: str
    sample: FactorSample


Event = (
    Decision | OrderSent | CancelSent | OrderPending | SpreadOpened | SpreadClosed | SpreadSettled
    | OrderRefused | BarSignal | BarFilled | BarStopMoved | BarTradeClosed | RangeDayEnded
    | FactorsSampled
)  # fmt: skip
EVENTS: tuple[type[Event], ...] = (
    Decision, OrderSent, CancelSent, OrderPending, SpreadOpened, SpreadClosed, SpreadSettled,
    OrderRefused, BarSignal, BarFilled, BarStopMoved, BarTradeClosed, RangeDayEnded, FactorsSampled,
)  # fmt: skip
E = TypeVar("E", bound=Event)


class ExecutionStream:
    """Passes each event to those who listen to its kind, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._listeners: dict[type[object], list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[E], listener: Callable[[E], None]) -> None:
        """Call the listener with each event of this kind from now on."""
        self._listeners.setdefault(kind, []).append(listener)

    def subscribe_all(self, listener: Callable[[Event], None]) -> None:
        """Call the listener with every event from now on."""
        for kind in EVENTS:
            self.subscribe(kind, listener)

    def listened_to(self, kind: type[Event]) -> bool:
        """Whether anybody listens to this kind; an event without a listener need not be made."""
        return kind in self._listeners

    def publish(self, event: Event) -> None:
        """Call the listeners of this kind of event."""
        for listener in self._listeners.get(type(event), ()):
            listener(event)
