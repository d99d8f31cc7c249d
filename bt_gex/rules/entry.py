"""Whether to open a trade: the checks in their order, each failure with its reason.

`decide_entry` is what the live bot calls, too. It asks its caller for two things only it can
know: the price of the spread now, and how many contracts to trade.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.indexes import Index
from bt_gex.rules.params import EntryParams, SetupParams
from bt_gex.rules.setup import Setup, get_gex_trade_setup
from bt_gex.rules.sizing import Size

TOLERANCE = 1e-9


class Skip(StrEnum):
    """Kinds of skips, to count by; the reason of a decision is the exact text."""

    NO_INDEX_PRICE = "no index price"
    NO_VIX = "no vix"
    NO_PEAK = "no gex peak"
    VIX_TOO_HIGH = "vix too high"
    TOO_FAR = "too far from pin"
    ZERO_WIDTH = "zero-width spread"
    MAX_OPEN = "max open positions"
    NO_QUOTE = "no quote"
    CREDIT_NOT_POSITIVE = "credit not positive"
    CREDIT_NOT_BELOW_WIDTH = "credit not below width"
    CREDIT_BELOW_MINIMUM = "credit below minimum"
    MARGIN = "margin"
    SIZE_ZERO = "size zero"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at the moment of the decision; NaN where nothing usable is known."""

    spot: float
    vix: float
    pin: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one check.

    credit    points received per unit of underlying; NaN when it did not come to a price
    quantity  contracts; 0 on a skip
    """

    action: Literal["enter", "skip"]
    seen: Seen
    kind: Skip | None = None
    reason: str = ""
    setup: Setup | None = None
    spread: Spread | None = None
    credit: float = math.nan
    quantity: int = 0


def decide_entry(
    seen: Seen,
    *,
    index: Index,
    setup_params: SetupParams,
    entry_params: EntryParams,
    open_positions: int,
    price: Callable[[Spread], float | Leg],
    size: Callable[[Spread, float], Size],
) -> Decision:
    """Run the entry checks in order; the first that fails is the reason.

    price  credit in points for selling the spread now, or the leg that has no valid quote
    size   contracts for a spread at a credit
    """
    missing = _missing(seen)
    if missing:
        return Decision("skip", seen, missing, missing.value)
    setup = setup_for(seen, index, setup_params)
    spread = setup.spread
    if spread is None:
        kind = Skip.VIX_TOO_HIGH if seen.vix >= setup_params.vix_threshold else Skip.TOO_FAR
        return Decision("skip", seen, kind, setup.description, setup)
    if spread.narrowest <= 0:
        return Decision("skip", seen, Skip.ZERO_WIDTH, Skip.ZERO_WIDTH.value, setup, spread)
    if entry_params.max_open is not None and open_positions >= entry_params.max_open:
        return Decision("skip", seen, Skip.MAX_OPEN, Skip.MAX_OPEN.value, setup, spread)
    priced = price(spread)
    if isinstance(priced, Leg):
        reason = f"{Skip.NO_QUOTE.value}: {priced.label}"
        return Decision("skip", seen, Skip.NO_QUOTE, reason, setup, spread)
    wrong = _wrong_credit(priced, spread.width, entry_params.min_credit)
    if wrong:
        return Decision("skip", seen, wrong, wrong.value, setup, spread, priced)
    sized = size(spread, priced)
    if sized.quantity <= 0:
        reason = f"{Skip.SIZE_ZERO.value}: {sized.why}"
        return Decision("skip", seen, Skip.SIZE_ZERO, reason, setup, spread, priced)
    return Decision("enter", seen, None, "", setup, spread, priced, sized.quantity)


def setup_for(seen: Seen, index: Index, params: SetupParams) -> Setup:
    """The trade setup of what is seen, by a whole parameter set; nothing may be missing."""
    return get_gex_trade_setup(
        seen.pin,
        seen.spot,
        seen.vix,
        params.vix_threshold,
        index.symbol,
        parity=params.parity,
        params=params,
        index=index,
    )


def _missing(seen: Seen) -> Skip | None:
    if math.isnan(seen.spot):
        return Skip.NO_INDEX_PRICE
    if math.isnan(seen.vix):
        return Skip.NO_VIX
    if math.isnan(seen.pin):
        return Skip.NO_PEAK
    return None


def _wrong_credit(credit: float, width: float, minimum: float | None) -> Skip | None:
    if credit <= TOLERANCE:
        return Skip.CREDIT_NOT_POSITIVE
    if credit >= width - TOLERANCE:
        return Skip.CREDIT_NOT_BELOW_WIDTH
    if minimum is not None and credit < minimum - TOLERANCE:
        return Skip.CREDIT_BELOW_MINIMUM
    return None
