"""The records that all parts exchange: a trade, a check, a session.

Field names are the names of the stored keys. Prices are points per unit of underlying, money is
dollars, instants are aware and UTC; None is not known. Their JSON and Arrow forms are derived by
`trades.codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

from annotated_types import Ge, Gt, Le, MinLen

from bt_gex.market.contracts import Strategy

MOST = 1e15  # largest amount read, dollars or points
Amount = Annotated[float | int, Ge(-MOST), Le(MOST)]  # read as it was written: 5 or 5.0
Count = Annotated[int, Ge(0), Le(10**9)]


class _Aware:
    """An instant with a zone; pydantic asks for this where a record is read."""

    @staticmethod
    def __get_pydantic_core_schema__(_kind: object, _handler: object) -> object:
        from pydantic_core import core_schema

        return core_schema.datetime_schema(tz_constraint="aware", strict=True)


Instant = Annotated[datetime, _Aware]

# Read by pydantic where a record is read from JSON.
STRICT: Mapping[str, object] = {"strict": True, "allow_inf_nan": False}


class Trade(Protocol):
    """What a spread trade and a bar trade have in common.

    pnl_dollars       after commissions; None: unresolved, outside all statistics
    max_loss_dollars  what the position could lose at most when it was opened; positive
    """

    @property
    def order_id(self) -> str: ...
    @property
    def timestamp_entry(self) -> datetime: ...
    @property
    def timestamp_exit(self) -> datetime: ...
    @property
    def quantity(self) -> float: ...
    @property
    def pnl_dollars(self) -> float | None: ...
    @property
    def max_loss_dollars(self) -> float: ...
    @property
    def exit_reason(self) -> str: ...


class LegQuotes(NamedTuple):
    """Quotes of one leg on the bars of entry and exit; none at exit for a settled trade.

    age_entry_s, age_exit_s  how old they were then; None in runs that did not record it
    """

    bid_entry: Amount | None
    ask_entry: Amount | None
    bid_exit: Amount | None
    ask_exit: Amount | None
    age_entry_s: Amount | None = None
    age_exit_s: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedBars:
    """Bars on which an open trade could not be priced, by what its quotes lacked.

    no_quote        a leg without a valid quote
    leg_ages_apart  legs quoted too far apart in time
    contradictory   legs whose quotes no price of the spread agrees with
    """

    __pydantic_config__: ClassVar = STRICT

    no_quote: Count = 0
    leg_ages_apart: Count = 0
    contradictory: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadTrade:
    """A credit spread from its sale to its end.

    strikes           short before long, a condor's calls before its puts
    entry_credit      points received; exit_value: points paid to close, or of the settlement
    pnl_percent       of the credit
    distance          index price minus pin at the check, whole points
    mae_dollars, mfe_dollars  worst and best mark-to-market while it was open
    max_loss_dollars  (width - credit) * multiplier * quantity
    flags             see TradeFlag
    spot_exit         index price at the exit; of a settled trade what it settled on
    leg_quotes        in the order of the strikes
    unpriced_by_kind  what unpriced_bars is the sum of; None in runs that knew only `no_quote`
    """

    __pydantic_config__: ClassVar = STRICT

    order_id: Annotated[str, MinLen(1)]
    timestamp_entry: Instant
    timestamp_exit: Instant
    strategy: Strategy
    direction: str | None
    confidence: Literal["HIGH", "MEDIUM", "LOW"] | None
    strikes: tuple[Amount, ...]
    entry_credit: Annotated[float, Gt(0), Le(MOST)]
    exit_value: Amount | None
    quantity: Annotated[int, Ge(1), Le(10**9)]
    index_symbol: str
    expiration: date
    pnl_dollars: Amount | None
    pnl_percent: Amount | None
    exit_reason: str
    time_alive_minutes: Amount
    pin: Amount | None
    spot_entry: Amount | None
    vix_entry: Amount | None
    distance: Amount | None
    width: Amount
    commission_dollars: Amount
    mae_dollars: Amount
    mfe_dollars: Amount
    max_loss_dollars: Amount
    flags: tuple[str, ...]
    unpriced_bars: Count
    clamped_bars: Count
    spot_exit: Amount | None
    vix_exit: Amount | None
    leg_quotes: tuple[LegQuotes, ...]
    unpriced_by_kind: UnpricedBars | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A check of the entry rules and what came of it.

    time_et   HH:MM, New York
    kind      see SkipKind; empty on an entry. reason: the exact text
    credit    points; None when it did not come to a price
    order_id  of the trade; empty on a skip
    """

    __pydantic_config__: ClassVar = STRICT

    index_symbol: str
    session: date
    timestamp: Instant
    time_et: str
    outcome: Literal["entry", "skip"]
    kind: str
    reason: str
    pin: Amount | None
    spot: Amount | None
    vix: Amount | None
    strategy: str | None
    strikes: tuple[Amount, ...]
    distance: Amount | None
    width: Amount | None
    credit: Amount | None
    quantity: Count
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """What was checked and traded in a session, and how good its data was.

    trades_pnl_dollars  of the resolved trades
    bars                30-second bars of the session
    priced_pct          share of the bars with an open trade on which it could be priced, percent
    quality             irregular recorded rows, counted by name
    """

    __pydantic_config__: ClassVar = STRICT

    session: date
    status: Literal["traded", "no trades", "no data"]
    checks: Count
    entries: Count
    trades_pnl_dollars: Amount
    bars: Count
    priced_pct: Amount | None
    notes: tuple[str, ...]
    quality: Mapping[str, Count]
