"""The records of bar strategies: a trade of shares or contracts, and a session.

Prices are in the instrument's units, a unit of price is worth `point_value` dollars a share or
contract. R is the distance from the fill to the first stop. Instants are the starts of bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MinLen

from bt_gex.trades.records import MOST, STRICT, Amount, Count, Instant

Direction = Literal["long", "short"]
Price = Annotated[float | int, Ge(-MOST), Le(MOST)]
Positive = Annotated[float | int, Gt(0), Le(MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFill:
    """A part of a position closed. reason: an exit reason, or target_1, target_2, …"""

    __pydantic_config__: ClassVar = STRICT

    timestamp: Instant
    price: Price
    quantity: Positive
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStep:
    """Where the stop lay from a bar on; the first is that of the entry."""

    __pydantic_config__: ClassVar = STRICT

    timestamp: Instant
    stop: Price
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeEntry:
    """What an entry of the opening-range breakout was decided on.

    score, required  of the side, and what it had to reach
    factors          names of those that spoke for the side
    """

    __pydantic_config__: ClassVar = STRICT

    gap_entry: bool
    score: Amount
    required: Count
    factors: tuple[str, ...]
    or_high: Price
    or_low: Price
    or_minutes: Count
    atr: Amount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTrade:
    """A position of one symbol from its entry to its last exit.

    trade_id          LONG_20131010_140400, by the UTC minute of entry
    session           local date of the entry
    entry_price       as filled; fills: exits in order, their quantities add up to `quantity`
    initial_stop, risk, realized_r, mfe_r, mae_r  None where the strategy has no stop
    max_loss_dollars  at the first stop; without one what was paid
    pnl_dollars       of all fills, not rounded
    """

    __pydantic_config__: ClassVar = STRICT

    symbol: Annotated[str, MinLen(1)]
    trade_id: Annotated[str, MinLen(1)]
    direction: Direction
    quantity: Positive
    point_value: Positive
    session: date
    timestamp_entry: Instant
    timestamp_exit: Instant
    entry_price: Price
    fills: tuple[BarFill, ...]
    exit_reason: str
    pnl_dollars: Amount
    max_loss_dollars: Amount
    initial_stop: Price | None = None
    risk: Positive | None = None
    targets: tuple[Price, ...] = ()
    stops: tuple[StopStep, ...] = ()
    realized_r: Amount | None = None
    mfe_r: Amount | None = None
    mae_r: Amount | None = None
    range_entry: RangeEntry | None = None

    @property
    def order_id(self) -> str:
        """Unique over symbols."""
        return f"{self.symbol}-{self.trade_id}"

    @property
    def sign(self) -> int:
        """1 long, −1 short."""
        return 1 if self.direction == "long" else -1

    @property
    def exit_price(self) -> float:
        """Of the last fill."""
        return float(self.fills[-1].price)

    @property
    def average_exit_price(self) -> float:
        """Of all fills, by quantity."""
        whole = sum(fill.quantity for fill in self.fills)
        return float(sum(fill.price * fill.quantity for fill in self.fills) / whole)

    @property
    def minutes(self) -> float:
        """From entry to exit."""
        return (self.timestamp_exit - self.timestamp_entry).total_seconds() / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDay:
    """A session as the opening-range rules saw it.

    reason   why it was not traded; None when it was
    breaks_* of each trigger, traded or not
    """

    __pydantic_config__: ClassVar = STRICT

    session: date
    or_minutes: Count
    norm_vol: Amount | None
    atr: Amount | None
    or_high: Price | None
    or_low: Price | None
    long_trigger: Price | None
    short_trigger: Price | None
    reason: str | None
    breaks_long: Count
    breaks_short: Count
    signals: Count
    day_r: Amount
    lockout: str | None
    window_problems: tuple[str, ...] = ()

    @property
    def width_atr(self) -> float | None:
        """Width of the opening range in ATRs; None without one of them."""
        if self.or_high is None or self.or_low is None or not self.atr:
            return None
        return (self.or_high - self.or_low) / self.atr


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSample:
    """Factors and scores at the close of one bar after the opening range."""

    __pydantic_config__: ClassVar = STRICT

    timestamp: Instant
    bar_number: Count
    rel_vol: Amount | None
    vwap: Amount | None
    adx: Amount | None
    price_action_long: bool
    price_action_short: bool
    profile_long: bool
    profile_short: bool
    score_long: Amount
    score_short: Amount
    required: Count


def trade_id_of(direction: Direction, entry: datetime) -> str:
    """Name of a trade within its symbol; entry in UTC."""
    return f"{direction.upper()}_{entry:%Y%m%d_%H%M%S}"
