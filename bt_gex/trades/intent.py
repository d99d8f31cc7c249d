"""An intent: a request to trade, before any policy, price or order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from typing_extensions import TypeAliasType

from bt_gex.market.contracts import SpreadContract

Json = TypeAliasType("Json", "str | int | float | bool | list[Json] | dict[str, Json] | None")


class IntentAction(StrEnum):
    """Actions an intent can name; a broker need not support all of them."""

    OPEN_LONG = "open_long"
    OPEN_SHORT = "open_short"
    CLOSE_LONG = "close_long"
    CLOSE_SHORT = "close_short"
    SCALE_IN = "scale_in"
    SCALE_OUT = "scale_out"
    CANCEL_ORDER = "cancel_order"
    OPEN_SPREAD = "open_spread"
    CLOSE_SPREAD = "close_spread"


OPENING = frozenset(
    {
        IntentAction.OPEN_LONG,
        IntentAction.OPEN_SHORT,
        IntentAction.SCALE_IN,
        IntentAction.OPEN_SPREAD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A request to trade, as it was received.

    quantity     units, or contracts of a spread; None on a close means all of it
    price        points or dollars a unit the sender expects; not the fill
    contract     the spread to open; None for longs
    position_id  the spread to close
    created_at   aware; the sender's clock
    """

    id: UUID
    correlation_id: str
    workspace_id: UUID
    action: IntentAction
    strategy_entity_id: UUID
    symbol: str
    timeframe: str
    created_at: datetime
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    signal_strength: Decimal | None = None
    regime_snapshot: Mapping[str, Json] | None = None
    reason: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    contract: SpreadContract | None = None
    position_id: str | None = None
