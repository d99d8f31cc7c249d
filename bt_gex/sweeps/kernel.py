"""A whole replay in numbers: the loop around the rule functions that a compiler makes fast.

Nothing here decides anything: every decision is a call of a function of `rules`, `market` or
`brokers`. It runs uncompiled, too, slowly and with the same result; `compiler` compiles it.
"""

from __future__ import annotations

import numpy as np

from bt_gex.brokers.spread import beyond_margin
from bt_gex.market.contracts import SHORT
from bt_gex.market.money import to_cents, units_of
from bt_gex.market.quotes import CLAMP_TOLERANCE, clamp, payoff
from bt_gex.rules.gex.entry import (
    CONTRADICTORY,
    MARGIN,
    SESSION_OVER,
    SIZE_ZERO,
    TOO_FAR,
    VIX_TOO_HIGH,
    missing_input,
    refused_credit,
    refused_unpriced,
)
from bt_gex.rules.gex.exits import END_OF_DAY, exit_outcome
from bt_gex.rules.gex.setup import (
    CALL_HIGH,
    CONDOR,
    PUT_HIGH,
    SKIP_FAR,
    SKIP_VIX,
    choose,
)
from bt_gex.rules.gex.sizing import half_kelly_contracts
from bt_gex.sweeps.arrays import NEVER, Floats, Ints, KernelSettings, Market, Trades
from bt_gex.sweeps.kernel_prices import (
    find_option,
    is_call,
    price_of,
    quotes_at,
    side_of,
    value_of,
)

SETTLED, UNRESOLVED = END_OF_DAY + 1, END_OF_DAY + 2  # ends besides those by the exit rules


def simulate(
    market: Market,
    checks_first: Ints,
    checks: Ints,
    end_of_day: Ints,
    settings: KernelSettings,
    trades: Trades,
    skips: Ints,
) -> int:
    """Run all sessions; fills trades and skips by kind, returns the number of trades.

    checks_first, checks  rows of the checks of each session, ascending
    end_of_day            row of each session from which spreads are closed
    """
    cash, closed, number = settings.balance, 0, 0
    pnls = np.empty(len(checks), dtype=np.float64)
    bid, ask = np.empty(4), np.empty(4)
    kelly_closed = 0
    for session in range(len(market.first) - 1):
        began, pending = number, 0
        last = market.first[session + 1] - market.first[session] - 1
        check, after = checks_first[session], checks_first[session + 1]
        while check < after or pending:
            is_fill = pending > 0 and (check == after or trades.entry_row[number] <= checks[check])
            row = trades.entry_row[number] if is_fill else checks[check]
            cash, closed, kelly_closed = close_until(
                trades, began, number, row, cash, closed, pnls, kelly_closed
            )
            if not is_fill:
                check += 1
                kind = enter(
                    market, session, row, settings, trades, began, number, pending, cash, pnls,
                    kelly_closed, bid, ask,
                )  # fmt: skip
                if kind == 0 and row + settings.latency >= last:
                    kind = SESSION_OVER
                if kind:
                    skips[kind] += 1
                else:
                    pending += 1
                continue
            kind = fill(market, session, settings, trades, began, number, cash, bid, ask)
            pending -= 1
            if kind:
                skips[kind] += 1
                drop(trades, number, pending)
                continue
            cash += trades.booked[number]
            leave(market, session, last, end_of_day[session], settings, trades, number, bid, ask)
            number += 1
        cash, closed, kelly_closed = close_until(
            trades, began, number, last, cash, closed, pnls, kelly_closed
        )
    return number


def close_until(
    trades: Trades,
    began: int,
    number: int,
    row: int,
    cash: float,
    closed: int,
    pnls: Floats,
    kelly_closed: int,
) -> tuple[float, int, int]:
    """Book what closes up to a row, in order of time and then of entry."""
    while True:
        found = NEVER
        for n in range(began, number):
            open_still = trades.closing[n] == NEVER and trades.exit_row[n] <= row
            if open_still and (found == NEVER or trades.exit_row[n] < trades.exit_row[found]):
                found = n
        if found == NEVER:
            return cash, closed, kelly_closed
        trades.closing[found] = closed
        closed += 1
        booked = trades.booked[found]
        if trades.reason[found] == UNRESOLVED:
            cash -= booked
            continue
        pnl = trades.pnl_cents[found] / 100
        cash = to_cents(cash + pnl - booked)
        pnls[kelly_closed] = pnl / trades.quantity[found]
        kelly_closed += 1


def enter(
    market: Market,
    session: int,
    row: int,
    settings: KernelSettings,
    trades: Trades,
    began: int,
    number: int,
    pending: int,
    cash: float,
    pnls: Floats,
    kelly_closed: int,
    bid: Floats,
    ask: Floats,
) -> int:
    """Make one check; the entry is written behind the pending ones. The kind of the skip, or 0."""
    tick = market.first[session] + row
    spot, vix, pin = market.spot[tick], market.vix[tick], market.pin[tick]
    missing = missing_input(spot, vix, pin)
    if missing:
        return missing
    s = settings.setup
    outcome, _, _, k0, k1, k2, k3 = choose(
        pin, spot, vix, settings.vix_threshold, market.increment, market.scale,
        s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], settings.parity,
    )  # fmt: skip
    if outcome == SKIP_VIX:
        return VIX_TOO_HIGH
    if outcome == SKIP_FAR:
        return TOO_FAR
    sides = abs(k1 - k0), abs(k3 - k2) if outcome == CONDOR else abs(k1 - k0)
    width = max(sides[0], sides[1])
    open_now, held = pending, 0.0
    for n in range(began, number):
        if trades.closing[n] == NEVER:
            open_now += 1
            held += trades.booked[n]
    refused = refused_unpriced(min(sides[0], sides[1]), open_now, settings.max_open)
    if refused:
        return refused
    place = number + pending
    trades.strikes[place, 0], trades.strikes[place, 1] = k0, k1
    trades.strikes[place, 2], trades.strikes[place, 3] = k2, k3
    trades.outcome[place], trades.width[place] = outcome, width
    legs = 4 if outcome == CONDOR else 2
    for leg in range(legs):
        trades.places[place, leg] = find_option(
            market, session, trades.strikes[place, leg], is_call(outcome, leg)
        )
    unpriced = quotes_at(
        market.bid, market.ask, market.quoted_ns, market.max_age_gap_ns,
        market.trade_contradictions, trades.places, trades.strikes, place, row, legs, bid, ask,
    )  # fmt: skip
    if unpriced:
        return unpriced
    credit = price_of(legs, bid, ask, settings.entry_slippage, True)
    refused = refused_credit(credit, width, settings.min_credit)
    if refused:
        return refused
    quantity = settings.quantity
    if settings.by_kelly:
        k = settings.kelly
        quantity, _, _ = half_kelly_contracts(
            pnls, kelly_closed, to_cents(cash - held), settings.balance,
            (width - credit) * market.multiplier, k[0], k[1], settings.kelly_stop_below, k[2],
        )  # fmt: skip
        if quantity <= 0:
            return SIZE_ZERO
    trades.session[place], trades.quantity[place] = session, quantity
    trades.check_row[place], trades.entry_row[place] = row, row + settings.latency
    return 0


def fill(
    market: Market,
    session: int,
    settings: KernelSettings,
    trades: Trades,
    began: int,
    number: int,
    cash: float,
    bid: Floats,
    ask: Floats,
) -> int:
    """Fill the entry at `number` on its bar. Returns the kind of the skip, or 0."""
    legs = 4 if trades.outcome[number] == CONDOR else 2
    width, quantity = trades.width[number], trades.quantity[number]
    unpriced = quotes_at(
        market.bid, market.ask, market.quoted_ns, market.max_age_gap_ns,
        market.trade_contradictions, trades.places, trades.strikes, number,
        trades.entry_row[number], legs, bid, ask,
    )  # fmt: skip
    if unpriced:
        return unpriced
    credit = price_of(legs, bid, ask, settings.entry_slippage, True)
    refused = refused_credit(credit, width, settings.min_credit)
    if refused:
        return refused
    reserved = 0.0
    for n in range(began, number):
        if trades.closing[n] == NEVER:
            reserved += trades.width[n] * market.multiplier * trades.quantity[n]
    commission = quantity * settings.commission * legs
    booked = to_cents(credit * market.multiplier * quantity) - to_cents(commission)
    if beyond_margin(cash - reserved, booked, width * market.multiplier * quantity):
        return MARGIN
    trades.credit[number], trades.booked[number] = credit, booked
    trades.commission[number], trades.closing[number] = commission, NEVER
    return 0


def drop(trades: Trades, number: int, pending: int) -> None:
    """Take out the entry at `number`; those pending behind it move up."""
    for n in range(number, number + pending):
        trades.session[n], trades.quantity[n] = trades.session[n + 1], trades.quantity[n + 1]
        trades.check_row[n], trades.entry_row[n] = trades.check_row[n + 1], trades.entry_row[n + 1]
        trades.outcome[n], trades.width[n] = trades.outcome[n + 1], trades.width[n + 1]
        trades.strikes[n], trades.places[n] = trades.strikes[n + 1], trades.places[n + 1]


def leave(
    market: Market,
    session: int,
    last: int,
    end_of_day: int,
    settings: KernelSettings,
    trades: Trades,
    number: int,
    bid: Floats,
    ask: Floats,
) -> None:
    """Find where a trade ends and what it makes; exits do not depend on other trades."""
    outcome, credit, width = trades.outcome[number], trades.credit[number], trades.width[number]
    legs = 4 if outcome == CONDOR else 2
    high = outcome in (CONDOR, CALL_HIGH, PUT_HIGH)
    target = settings.target_high if high else settings.target_medium
    point = trades.quantity[number]
    commission = trades.commission[number]
    unpriced, contradictions, clamps = 0, 0, 0
    entry_row = trades.entry_row[number]
    quoted_bid, quoted_ask, quoted_ns = market.bid, market.ask, market.quoted_ns
    max_gap_ns, contradicting = market.max_age_gap_ns, market.trade_contradictions
    places, strikes = trades.places, trades.strikes
    for row in range(entry_row, last + 1):
        why = quotes_at(
            quoted_bid, quoted_ask, quoted_ns, max_gap_ns, contradicting, places, strikes, number,
            row, legs, bid, ask,
        )  # fmt: skip
        looked_at = entry_row < row < last
        if why:
            unpriced += looked_at
            contradictions += looked_at and why == CONTRADICTORY
            continue
        raw = value_of(legs, bid, ask)
        value = clamp(raw, width)
        clamps += abs(value - raw) > CLAMP_TOLERANCE
        if not looked_at:
            continue
        reason = exit_outcome(
            credit, value, row >= end_of_day, target, settings.stop_loss, settings.emergency_stop
        )
        if reason:
            price = price_of(legs, bid, ask, settings.exit_slippage, False)
            paid = clamp(price, width)
            trades.clamped_exit[number] = abs(paid - price) > CLAMP_TOLERANCE
            commission += point * settings.commission * legs
            finish(trades, number, row, reason, paid, commission, market.multiplier)
            trades.unpriced[number], trades.clamped[number] = unpriced, clamps
            trades.contradictory[number] = contradictions
            return
    trades.unpriced[number], trades.clamped[number] = unpriced, clamps
    trades.contradictory[number] = contradictions
    trades.clamped_exit[number] = 0
    price = market.settlement[session]
    if np.isnan(price):
        finish(trades, number, last, UNRESOLVED, np.nan, commission, market.multiplier)
        return
    worth = 0.0
    for leg in range(legs):
        intrinsic = payoff(trades.strikes[number, leg], is_call(outcome, leg), price)
        worth += (1.0 if side_of(leg) == SHORT else -1.0) * intrinsic
    finish(trades, number, last, SETTLED, clamp(worth, width), commission, market.multiplier)


def finish(
    trades: Trades,
    number: int,
    row: int,
    reason: int,
    value: float,
    commission: float,
    multiplier: int,
) -> None:
    """Write the end of a trade."""
    trades.exit_row[number], trades.reason[number] = row, reason
    trades.exit_value[number], trades.commission[number] = value, commission
    trades.pnl_cents[number] = 0
    if reason != UNRESOLVED:
        made = (trades.credit[number] - value) * multiplier * trades.quantity[number]
        trades.pnl_cents[number] = units_of(made - commission, 2)


def marked_drawdown(market: Market, trades: Trades, number: int, balance: float) -> float:
    """Largest fall of the account marked at every tick, dollars; not rounded."""
    ticks = market.first[len(market.first) - 1]
    cash, value = np.zeros(ticks, dtype=np.int64), np.zeros(ticks)
    bid, ask = np.empty(4), np.empty(4)
    quoted_bid, quoted_ask, quoted_ns = market.bid, market.ask, market.quoted_ns
    max_gap_ns, contradicting = market.max_age_gap_ns, market.trade_contradictions
    places, strikes = trades.places, trades.strikes
    by_closing = np.argsort(trades.closing[:number])
    for n in by_closing:
        first = market.first[trades.session[n]]
        entry, leaving = trades.entry_row[n], trades.exit_row[n]
        booked = round(trades.booked[n] * 100)
        cash[first + entry] += booked
        cash[first + leaving] += trades.pnl_cents[n] - booked
        legs = 4 if trades.outcome[n] == CONDOR else 2
        dollars = float(market.multiplier * trades.quantity[n])
        mark = np.nan
        for row in range(entry, leaving):
            why = quotes_at(
                quoted_bid, quoted_ask, quoted_ns, max_gap_ns, contradicting, places, strikes, n,
                row, legs, bid, ask,
            )  # fmt: skip
            if not why:
                mark = clamp(value_of(legs, bid, ask), trades.width[n])
            value[first + row] -= mark * dollars
    peak, worst, cents = balance, 0.0, 0
    for tick in range(ticks):
        cents += cash[tick]
        equity = np.rint((balance + cents / 100.0 + value[tick]) * 100.0) / 100.0
        peak = max(peak, equity)
        worst = max(worst, peak - equity)
    return worst
