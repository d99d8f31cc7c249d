"""What a runner evaluates: a strategy's specification, and the market as it is at one bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field

from bt_gex.errors import BadValue
from bt_gex.paper.requests import Strict, Text
from bt_gex.trades.intent import Intent

Dollars = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OHLCVBar:
    """One bar; ts is aware. Raises BadValue for a naive one."""

    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            raise BadValue(f"ts of a bar must be timezone-aware, got {self.ts}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSnapshot:
    """A symbol at the close of its newest bar.

    bars        at least 2, oldest first, none after ts
    last_price  dollars; None: the newest close
    high_52w    where a provider gives it, instead of the highest high of the bars before
    is_eod      whether the newest bar ends its session

    Raises BadValue.
    """

    symbol: str
    ts: datetime
    timeframe: str
    bars: Sequence[OHLCVBar]
    last_price: float | None = None
    high_52w: float | None = None
    low_52w: float | None = None
    is_eod: bool = False

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            raise BadValue(f"ts of a snapshot must be timezone-aware, got {self.ts}")
        if len(self.bars) < 2:
            raise BadValue(f"a snapshot needs at least 2 bars, got {len(self.bars)}")
        if self.bars[-1].ts > self.ts:
            raise BadValue(
                f"the newest bar, {self.bars[-1].ts}, cannot exceed snapshot ts {self.ts}"
            )


class EntrySpec(Strict):
    """type: which strategy; lookback_days: bars before the current one that count."""

    type: Text
    lookback_days: Annotated[int, Field(ge=0, le=100_000)] = 252


class ExitSpec(Strict):
    type: Text = "eod"


class RiskSpec(Strict):
    """dollars_per_trade: spent on an entry; max_positions: open ones of the account."""

    dollars_per_trade: Dollars
    max_positions: Annotated[int, Field(ge=1)] = 5


class ExecutionSpec(Strict):
    """A strategy as it is to be run on paper: what it trades, when it enters, what it risks."""

    strategy_id: Text
    instance_id: UUID = Field(default_factory=uuid4)
    name: Text
    workspace_id: UUID
    symbols: Annotated[tuple[Text, ...], Field(min_length=1)]
    timeframe: Text
    entry: EntrySpec
    exit: ExitSpec = Field(default_factory=ExitSpec)
    risk: RiskSpec
    enabled: bool = True
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFacts:
    """high_52w: the high to be exceeded; at_max_positions: whether the account is full."""

    high_52w: float | None = None
    last_price: float | None = None
    at_max_positions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEvaluation:
    """What a strategy wants at a snapshot: intents, and by name what happened on the way."""

    spec_id: UUID
    symbol: str
    ts: datetime
    evaluation_id: UUID
    intents: tuple[Intent, ...] = ()
    signals: tuple[str, ...] = ()
    metadata: EvaluationFacts = field(default_factory=EvaluationFacts)


def price_of(snapshot: MarketSnapshot) -> float:
    """Dollars: the last price, else the newest close; NaN is no price."""
    last = snapshot.last_price
    price = snapshot.bars[-1].close if last is None else last
    return price if math.isfinite(price) else math.nan
