"""Breakout above the 52-week high: buy above the highest high of the bars before, sell at the end
of the session.

One evaluation of one symbol at the close of a bar: its input is what is known, its result a
`BreakoutDecision`. An exit is decided before anything that could block it: missing history, a bad
price, too many open positions.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, Context, Decimal
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

QUANTITY_PLACES = 8
_EVERY_DIGIT = Context(prec=330)  # of any float, places included

Action = Literal["open_long", "close_long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakoutParams:
    """When a long position is opened and closed.

    lookback_days            bars before the current one whose highest high must be exceeded
    dollars_per_trade        spent on an entry
    max_positions            open ones of the account at which no entry is made
    allow_partial_lookback   evaluate from the second bar on; else once the look-back is full
    enabled                  false: exits only
    eod                      which bars end a session: the last of each session date, or only the
                             last bar of the data
    """

    lookback_days: Annotated[int, Ge(0), Le(100_000)] = 252
    dollars_per_trade: Annotated[float, Gt(0), Le(1e12)] = 1_000.0
    max_positions: Annotated[int, Ge(1)] = 5
    allow_partial_lookback: bool = False
    enabled: bool = True
    eod: Literal["session", "last_bar"] = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakoutDecision:
    """What an evaluation came to.

    action           None: nothing to do
    quantity         shares, rounded down to QUANTITY_PLACES
    reason           for the order
    signals          what happened on the way, in order, by name
    high             the high to be exceeded, None without history
    at_max_positions whether the account is full
    """

    action: Action | None
    quantity: float
    reason: str
    signals: tuple[str, ...]
    high: float | None
    last_price: float
    at_max_positions: bool


@dataclass(slots=True)
class HighHistory:
    """The highs of the last bars of a symbol; push a bar's high after it was evaluated."""

    lookback_days: int
    _highs: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self._highs = deque(maxlen=self.lookback_days)

    def __len__(self) -> int:
        return len(self._highs)

    def push(self, high: float) -> None:
        """The bar is over."""
        self._highs.append(high)

    @property
    def high(self) -> float | None:
        """The highest of them, None when there are none."""
        return max(self._highs, default=None)


def decide_breakout(
    *,
    last_price: float,
    history: HighHistory,
    held_quantity: float,
    open_positions: int,
    is_eod: bool,
    params: BreakoutParams,
    high_52w: float | None = None,
) -> BreakoutDecision:
    """What to do at the close of a bar.

    history         of the bars before this one
    held_quantity   shares held of the symbol, 0 when flat
    open_positions  of all symbols
    high_52w        the high to exceed where a provider gives it, instead of the history's
    """
    known = len(history)
    high = history.high if high_52w is None else high_52w
    is_full = open_positions >= params.max_positions

    def decision(
        signals: tuple[str, ...],
        action: Action | None = None,
        quantity: float = 0.0,
        reason: str = "",
    ) -> BreakoutDecision:
        return BreakoutDecision(
            action=action,
            quantity=quantity,
            reason=reason,
            signals=signals,
            high=high,
            last_price=last_price,
            at_max_positions=is_full,
        )

    if held_quantity > 0:
        if is_eod:
            return decision(("eod_exit_triggered",), "close_long", held_quantity, "EOD exit")
        return decision(())
    if not params.enabled:
        return decision(("spec_disabled",))
    if not (math.isfinite(last_price) and last_price > 0):
        return decision(("entry_skipped_invalid_price",))
    if high is None:
        return decision(("entry_skipped_no_history",))
    signals: tuple[str, ...] = ()
    if known < params.lookback_days:
        signals = (f"lookback_partial_{known}_of_{params.lookback_days}",)
    if not last_price > high:
        return decision(signals)
    quantity = round_quantity(params.dollars_per_trade / last_price)
    if quantity <= 0:
        return decision((*signals, "entry_skipped_zero_qty"))
    signals = (*signals, "breakout_entry_triggered")
    if is_full:
        return decision((*signals, "entry_blocked_max_positions"))
    reason = f"Breakout: {last_price:.2f} > 52w high {high:.2f}"
    return decision(signals, "open_long", quantity, reason)


def round_quantity(quantity: float, places: int = QUANTITY_PLACES) -> float:
    """Rounded down as written in decimals, so that 8.2 stays 8.2."""
    unit = Decimal(1).scaleb(-places)
    exact = Decimal(repr(float(quantity)))
    return float(exact.quantize(unit, rounding=ROUND_DOWN, context=_EVERY_DIGIT))


def first_evaluation(params: BreakoutParams) -> int:
    """Number of the first bar that is evaluated, from 0: the second at the earliest."""
    return 1 if params.allow_partial_lookback else max(params.lookback_days, 2)


def session_ends(days: Sequence[date], params: BreakoutParams) -> list[bool]:
    """For each bar, whether it is the last of its session, by the bars' session dates in order.

    Daily bars all are: an entry at one of them is held to the next. Which bar ends a session is
    known beforehand from the exchange calendar, so looking at the next bar's date is no look-ahead.
    """
    last = len(days) - 1
    if params.eod == "last_bar":
        return [row == last for row in range(len(days))]
    return [row == last or days[row + 1] != day for row, day in enumerate(days)]
