"""What a comparison reads: trades, and the two sides that hold them.

A side is a run, or a user's list of trades, which leaves out what it does not know. What one
side does not know is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from bt_gex.findings.finding import Finding
from bt_gex.market.contracts import Strategy, spread_label
from bt_gex.market.money import units_of
from bt_gex.trades.records import Decision, SpreadTrade

Legs = tuple[Strategy | None, tuple[float, ...]]  # strategy, and strikes in ascending order


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTrade:
    """A trade of either side; None, or no strikes: not known.

    order_id    of a list `line 2`, where it stands in the file
    session     date in New York
    strikes     short before long, a condor's calls before its puts
    entry_credit, exit_value  points per unit of underlying
    """

    order_id: str
    index_symbol: str
    session: date
    timestamp_entry: datetime
    timestamp_exit: datetime | None = None
    strategy: Strategy | None = None
    strikes: tuple[float, ...] = ()
    entry_credit: float | None = None
    exit_value: float | None = None
    quantity: int | None = None
    pnl_dollars: float | None = None
    commission_dollars: float | None = None
    exit_reason: str | None = None
    pin: float | None = None
    spot_entry: float | None = None
    vix_entry: float | None = None

    @property
    def is_unresolved(self) -> bool:
        """Whether its P&L is not known; outside all totals."""
        return self.pnl_dollars is None

    @property
    def pnl_cents(self) -> int:
        """P&L in cents; 0 where it is not known."""
        return 0 if self.pnl_dollars is None else units_of(self.pnl_dollars, 2)

    @property
    def legs(self) -> Legs:
        """What it trades, whatever the order of its strikes."""
        return self.strategy, tuple(sorted(self.strikes))

    @property
    def spread(self) -> str:
        """PUT 6950/6940, or what of it is known."""
        return spread_label(self.strategy, self.strikes)


def compared(trade: SpreadTrade) -> ComparedTrade:
    """What a comparison reads of a run's trade."""
    return ComparedTrade(
        order_id=trade.order_id,
        index_symbol=trade.index_symbol,
        session=trade.expiration,
        timestamp_entry=trade.timestamp_entry,
        timestamp_exit=trade.timestamp_exit,
        strategy=trade.strategy,
        strikes=trade.strikes,
        entry_credit=trade.entry_credit,
        exit_value=trade.exit_value,
        quantity=trade.quantity,
        pnl_dollars=trade.pnl_dollars,
        commission_dollars=trade.commission_dollars,
        exit_reason=trade.exit_reason,
        pin=trade.pin,
        spot_entry=trade.spot_entry,
        vix_entry=trade.vix_entry,
    )


def same_legs(a: Legs, b: Legs) -> bool:
    """Whether both trade the same legs, as far as both tell."""
    (strategy_a, strikes_a), (strategy_b, strikes_b) = a, b
    if strategy_a and strategy_b and strategy_a != strategy_b:
        return False
    return not (strikes_a and strikes_b) or strikes_a == strikes_b


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How far numbers may lie from the exact ones because they were written rounded; points."""

    entry_credit: float = 0.0
    exit_value: float = 0.0
    pin: float = 0.0
    spot_entry: float = 0.0
    vix_entry: float = 0.0

    def __add__(self, other: Rounding) -> Rounding:
        return Rounding(
            entry_credit=self.entry_credit + other.entry_credit,
            exit_value=self.exit_value + other.exit_value,
            pin=self.pin + other.pin,
            spot_entry=self.spot_entry + other.spot_entry,
            vix_entry=self.vix_entry + other.vix_entry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two sides.

    multiplier  USD per point, per contract
    settings    every setting by dotted name; None for a list of trades, which has none
    sessions    status of the sessions a run covers
    fingerprint of the recorded rows of a run's sessions
    market      hash of index price, VIX and pin by session
    findings    what speaks against a run; doubt: what its profit rests on, see `resting_on`
    """

    name: str
    trades: Sequence[ComparedTrade]
    multiplier: float
    index: str = ""
    settings: Mapping[str, object] | None = None
    decisions: Sequence[Decision] = ()
    sessions: Mapping[date, str] = field(default_factory=dict)
    fingerprint: str | None = None
    market: Mapping[date, str] = field(default_factory=dict)
    rounding: Rounding = field(default_factory=Rounding)
    findings: Sequence[Finding] = ()
    doubt: str = ""

    @property
    def is_run(self) -> bool:
        """Whether it is no list."""
        return self.settings is not None

    @property
    def total_cents(self) -> int:
        """P&L of the trades that have one."""
        return sum(trade.pnl_cents for trade in self.trades)

    @property
    def unresolved(self) -> list[ComparedTrade]:
        """Trades whose P&L is not known; outside all totals."""
        return [trade for trade in self.trades if trade.is_unresolved]
