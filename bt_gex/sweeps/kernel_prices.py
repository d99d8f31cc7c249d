"""The options of a trade in the compiled engine: where their quotes are, and what they come to."""

from __future__ import annotations

import numpy as np

from bt_gex.brokers.fills import filled
from bt_gex.market.contracts import LONG, SHORT
from bt_gex.market.quotes import contradictory
from bt_gex.rules.gex.entry import AGES_APART, CONTRADICTORY, NO_QUOTE, PASSED
from bt_gex.rules.gex.setup import CALL_HIGH, CALL_MEDIUM, CONDOR
from bt_gex.sweeps.arrays import NEVER, Floats, Ints, Market


def is_call(outcome: int, leg: int) -> bool:
    """Whether a leg is a call; a condor's calls come before its puts."""
    if outcome == CONDOR:
        return leg < 2
    return outcome in (CALL_HIGH, CALL_MEDIUM)


def side_of(leg: int) -> int:
    """Short legs come before long ones."""
    return SHORT if leg % 2 == 0 else LONG


def find_option(market: Market, session: int, strike: float, call: bool) -> int:
    """Where the quotes of an option of a session begin, NEVER when it was not quoted."""
    if call:
        first, after = market.option_first[session], market.puts_first[session]
    else:
        first, after = market.puts_first[session], market.option_first[session + 1]
    option = first + np.searchsorted(market.strikes[first:after], strike)
    if option < after and market.strikes[option] == strike:
        place: int = market.quote_first[option]
        return place
    return NEVER


def quotes_at(
    quoted_bid: Floats,
    quoted_ask: Floats,
    quoted_ns: Ints,
    max_age_gap_ns: int,
    trade_contradictions: bool,
    places: Ints,
    strikes: Floats,
    number: int,
    row: int,
    legs: int,
    bid: Floats,
    ask: Floats,
) -> int:
    """Fill in the quotes of a trade's legs. Returns why they give no price, or PASSED.

    Arrays, and not the tuples they come from: with these a call a bar takes eight times as long.
    """
    for leg in range(legs):
        first = places[number, leg]
        if first == NEVER:
            return NO_QUOTE
        bid[leg], ask[leg] = quoted_bid[first + row], quoted_ask[first + row]
        if np.isnan(bid[leg]):
            return NO_QUOTE
    if max_age_gap_ns != NEVER:
        newest = oldest = quoted_ns[places[number, 0] + row]
        for leg in range(1, legs):
            stamp = quoted_ns[places[number, leg] + row]
            newest, oldest = max(newest, stamp), min(oldest, stamp)
        if newest - oldest > max_age_gap_ns:
            return AGES_APART
    if trade_contradictions:
        return PASSED
    for leg in range(0, legs, 2):
        width = abs(strikes[number, leg + 1] - strikes[number, leg])
        if contradictory(bid[leg], ask[leg], bid[leg + 1], ask[leg + 1], width):
            return CONTRADICTORY
    return PASSED


def value_of(legs: int, bid: Floats, ask: Floats) -> float:
    """Cost at mid of buying the spread back, points, not clamped."""
    total: float = side_of(0) * ((bid[0] + ask[0]) / 2.0)
    for leg in range(1, legs):
        total = total + side_of(leg) * ((bid[leg] + ask[leg]) / 2.0)
    return -total


def price_of(legs: int, bid: Floats, ask: Floats, slippage: float, opening: bool) -> float:
    """Points received for opening the spread, or paid for closing it."""
    total = 0.0
    for leg in range(legs):
        bought = (side_of(leg) == LONG) == opening
        total -= side_of(leg) * filled(bid[leg], ask[leg], slippage, bought)
    return total
