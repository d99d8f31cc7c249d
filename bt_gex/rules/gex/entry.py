"""Whether to open a trade: the checks in their order, each failure with its reason.

`decide_entry` is what the live bot calls, too. It asks its caller for two things only it can
know: the price of the spread now, and how many contracts to trade.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.indexes import Index
from bt_gex.rules.gex.params import EntryParams, SetupParams
from bt_gex.rules.gex.setup import Setup, get_gex_trade_setup
from bt_gex.rules.gex.sizing import Size
from bt_gex.trades.reasons import SkipKind

TOLERANCE = 1e-9


# The kinds as plain numbers, so that the checks can be compiled; 0 is none.
PASSED = 0
(
    NO_INDEX_PRICE, NO_VIX, NO_PEAK, VIX_TOO_HIGH, TOO_FAR, ZERO_WIDTH, MAX_OPEN, NO_QUOTE,
    AGES_APART, CONTRADICTORY, CREDIT_NOT_POSITIVE, CREDIT_NOT_BELOW_WIDTH, CREDIT_BELOW_MINIMUM,
    MARGIN, SIZE_ZERO, SESSION_OVER, POLICY, HALTED, DOWN_TIME,
) = range(1, len(SkipKind) + 1)  # fmt: skip
KINDS = tuple(SkipKind)
# Why a spread has no price: the leg without a valid quote, or what is wrong with all of them.
Unpriced = Leg | SkipKind
NO_LIMIT = 2**31  # open positions; as many are never open


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at the moment of the decision; NaN where nothing usable is known."""

    spot: float
    vix: float
    pin: float


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """The outcome of one check.

    credit    points received per unit of underlying; NaN when it did not come to a price
    quantity  contracts; 0 on a skip
    """

    action: Literal["enter", "skip"]
    seen: Seen
    kind: SkipKind | None = None
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
    price: Callable[[Spread], float | Unpriced],
    size: Callable[[Spread, float], Size],
) -> EntryDecision:
    """Run the entry checks in order; the first that fails is the reason.

    price  credit in points for selling the spread now, or why it has no price
    size   contracts for a spread at a credit
    """
    missing = missing_input(seen.spot, seen.vix, seen.pin)
    if missing:
        kind = KINDS[missing - 1]
        return EntryDecision("skip", seen, kind, kind.reason())
    setup = setup_for(seen, index, setup_params)
    spread = setup.spread
    if spread is None:
        kind = SkipKind.VIX_TOO_HIGH if seen.vix >= setup_params.vix_threshold else SkipKind.TOO_FAR
        return EntryDecision("skip", seen, kind, setup.description, setup)
    most = NO_LIMIT if entry_params.max_open is None else entry_params.max_open
    refused = refused_unpriced(spread.narrowest, open_positions, most)
    if refused:
        kind = KINDS[refused - 1]
        return EntryDecision("skip", seen, kind, kind.reason(), setup, spread)
    priced = price(spread)
    if isinstance(priced, Leg | SkipKind):
        kind, detail = why_unpriced(priced)
        return EntryDecision("skip", seen, kind, kind.reason(detail), setup, spread)
    refused = refused_credit(priced, spread.width, entry_params.min_credit or 0.0)
    if refused:
        kind = KINDS[refused - 1]
        return EntryDecision("skip", seen, kind, kind.reason(), setup, spread, priced)
    sized = size(spread, priced)
    if sized.quantity <= 0:
        reason = SkipKind.SIZE_ZERO.reason(sized.why)
        return EntryDecision("skip", seen, SkipKind.SIZE_ZERO, reason, setup, spread, priced)
    return EntryDecision("enter", seen, None, "", setup, spread, priced, sized.quantity)


def why_unpriced(found: Unpriced) -> tuple[SkipKind, str]:
    """Kind and detail of the skip of a spread without a price."""
    return (SkipKind.NO_QUOTE, found.label) if isinstance(found, Leg) else (found, "")


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


def missing_input(spot: float, vix: float, pin: float) -> int:
    """The first input that is NaN, as a kind; numbers only, as are the next two."""
    if math.isnan(spot):
        return NO_INDEX_PRICE
    if math.isnan(vix):
        return NO_VIX
    if math.isnan(pin):
        return NO_PEAK
    return PASSED


def refused_unpriced(narrowest: float, open_positions: int, max_open: int) -> int:
    """Why a spread is refused whatever its price, as a kind; its narrower width in points."""
    if narrowest <= 0:
        return ZERO_WIDTH
    if open_positions >= max_open:
        return MAX_OPEN
    return PASSED


def refused_credit(credit: float, width: float, minimum: float) -> int:
    """Why a credit is refused, as a kind; points. A minimum of 0 is none."""
    if credit <= TOLERANCE:
        return CREDIT_NOT_POSITIVE
    if credit >= width - TOLERANCE:
        return CREDIT_NOT_BELOW_WIDTH
    if credit < minimum - TOLERANCE:
        return CREDIT_BELOW_MINIMUM
    return PASSED
