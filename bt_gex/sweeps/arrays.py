"""What the compiled engine works on: a market, the settings and the trades, in numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEVER = -1


class Market(NamedTuple):
    """Sessions one after the other. A tick is a bar or the close; an option belongs to a session.

    first         first tick of each session, and last the number of ticks
    spot, vix, pin  one value a tick
    option_first  first option of each session, and last the number of options; calls by strike,
                  then, from puts_first on, puts by strike
    quote_first   where the quotes of each option begin in bid and ask; one a tick of its session
    quoted_ns     instants of these quotes; empty where nothing depends on them
    settlement    price of each session, NaN for none
    max_age_gap_ns        most that the quotes of a spread's legs may be apart, NEVER for any
    trade_contradictions  whether legs that contradict each other give a price
    """

    first: Ints
    spot: Floats
    vix: Floats
    pin: Floats
    option_first: Ints
    puts_first: Ints
    strikes: Floats
    quote_first: Ints
    bid: Floats
    ask: Floats
    quoted_ns: Ints
    settlement: Floats
    increment: float
    scale: float
    multiplier: int
    max_age_gap_ns: int
    trade_contradictions: bool


class KernelSettings(NamedTuple):
    """The settings of a run, in numbers.

    setup   near_pin_max, moderate_max, far_max, ic_buffer, moderate_pin_buffer,
            moderate_spot_buffer, far_pin_buffer, far_spot_buffer
    kelly   window, min_trades, max_contracts
    """

    setup: tuple[float, float, float, float, float, float, float, float]
    vix_threshold: float
    parity: bool
    max_open: int
    min_credit: float
    target_high: float
    target_medium: float
    emergency_stop: float
    stop_loss: float
    entry_slippage: float
    exit_slippage: float
    commission: float
    latency: int
    balance: float
    quantity: int
    by_kelly: bool
    kelly: tuple[int, int, int]
    kelly_stop_below: float


class Trades(NamedTuple):
    """Trades in order of entry; room for one a check.

    Behind the trades that were made stand, in the same order, the entries that are pending.
    rows are of the session's grid, entry_row that of the fill; closing is the place in the order
    of closing, NEVER before; places: where the quotes of each leg begin, NEVER without any
    """

    session: Ints
    check_row: Ints
    entry_row: Ints
    exit_row: Ints
    outcome: Ints
    strikes: Floats
    credit: Floats
    width: Floats
    exit_value: Floats
    quantity: Ints
    booked: Floats
    pnl_cents: Ints
    commission: Floats
    reason: Ints
    unpriced: Ints
    contradictory: Ints
    clamped: Ints
    clamped_exit: Ints
    closing: Ints
    places: Ints
