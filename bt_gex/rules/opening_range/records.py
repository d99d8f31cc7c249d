"""What the opening-range rules hand out: events as they happen, trades and sessions when done.

Instants are nanoseconds UTC and are starts of minutes; prices are in the instrument's units.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from bt_gex.rules.opening_range.prices import Side
from bt_gex.rules.opening_range.range import NoTrade

StopReason = Literal["stop", "breakeven_stop", "trail_stop"]
ExitReason = Literal[
    "stop", "breakeven_stop", "trail_stop", "targets", "time_stop", "end_of_day", "end_of_data"
]
SkipReason = Literal[
    "position open",
    "later break",
    "score",
    "other side",
    "session over",
    "locked",
    "signal limit",
    "cutoff",
    "risk below a tick",
    "size zero",
]


class Target(NamedTuple):
    """Where a fraction of the position is closed."""

    price: float
    fraction: float


class ExitFill(NamedTuple):
    """A fraction of the position closed; `reason` is an exit reason or target_1, target_2, …"""

    ts_ns: int
    price: float
    fraction: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTrade:
    """A closed trade.

    stop         the first one
    risk         distance from entry to the first stop, above 0
    targets      first price first; fractions add up to 1
    contracts    what `fraction` is a fraction of
    pnl_dollars  of all contracts, without costs
    mfe_r, mae_r best and worst of the trade, 0 or above and 0 or below
    gap_entry    filled at the open of the entry bar
    factors      what spoke for the side when the entry was decided
    """

    side: Side
    entry_ns: int
    exit_ns: int
    entry_price: float
    gap_entry: bool
    stop: float
    risk: float
    targets: tuple[Target, ...]
    fills: tuple[ExitFill, ...]
    exit_reason: ExitReason
    contracts: int
    realized_r: float
    pnl_dollars: float
    mfe_r: float
    mae_r: float
    score: float
    required: int
    factors: tuple[str, ...]
    or_high: float
    or_low: float
    or_minutes: int
    atr: float | None

    @property
    def exit_price(self) -> float:
        """Of the last fill."""
        return self.fills[-1].price

    @property
    def average_exit_price(self) -> float:
        """Of all fills, by fraction."""
        whole = sum(fill.fraction for fill in self.fills)
        return sum(fill.price * fill.fraction for fill in self.fills) / whole


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session of a symbol.

    reason          why it was not traded, None when it was
    breaks          of each trigger, traded or not; only counted on traded days
    day_r           of the trades closed in it
    lockout         why trading stopped
    window_problems of the opening range's bars, where they were checked
    """

    day: date
    or_minutes: int
    norm_vol: float | None
    atr: float | None
    or_high: float | None
    or_low: float | None
    triggers: dict[Side, float] | None
    reason: NoTrade | None
    breaks: dict[Side, int]
    signals: int
    day_r: float
    lockout: str | None
    window_problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSet:
    """The opening range is final; `session` as it stands."""

    ts_ns: int
    session: SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySkipped:
    """A break that was not traded, with the first reason that applies."""

    ts_ns: int
    side: Side
    reason: SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOrdered:
    """Entry mode next_open: a market order for the open of the next bar of the session."""

    ts_ns: int
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilled:
    """A position is open."""

    ts_ns: int
    side: Side
    price: float
    gap_entry: bool
    stop: float
    risk: float
    targets: tuple[Target, ...]
    contracts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved:
    """The stop from the next bar on."""

    ts_ns: int
    stop: float
    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitFilled:
    """A part of the position, or all that was left of it, is closed."""

    fill: ExitFill


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeClosed:
    """Nothing is left of the position."""

    trade: RangeTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """No more entries in this session."""

    ts_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """The session has no more bars."""

    session: SessionRecord


Event = (
    RangeSet
    | EntrySkipped
    | EntryOrdered
    | EntryFilled
    | StopMoved
    | ExitFilled
    | TradeClosed
    | Locked
    | SessionEnded
)
