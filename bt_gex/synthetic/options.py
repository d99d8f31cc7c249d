"""Synthetic 0DTE options: open interest, smile and quotes, as arrays over instants and strikes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.market.black_scholes import price
from bt_gex.market.calendar import Session
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import Index
from bt_gex.synthetic.market import (
    REGULAR_S,
    Floats,
    Ints,
    daily_deviation,
    generator,
    previous_level,
    seconds,
    spot_path,
    underlying,
    variance_share,
    vix_path,
)
from bt_gex.synthetic.quotes import quoted, spoiled, width, width_noise

IS_CALL = np.array([True, False])
YEAR_S = 365 * 86_400

# The smile: total variance over its at-the-money value, by deviations from the index price.
IMPLIED_SHARE = 0.42  # of a day's deviation falls into the regular session
SMILE_SLOPE, SMILE_TILT, STEEPENING = 0.35, -0.45, 0.3

# Open interest: more on round strikes, calls above and puts below the last close.
ROUND_STRIKES = ((100, 4.0), (50, 2.5), (25, 1.7))
CALL_CENTRE, PUT_CENTRE, OPEN_INTEREST_WIDTH = 0.4, -0.5, 1.3  # daily deviations
OPEN_INTEREST_NOISE = 0.8
REACH = 5.0  # daily deviations of the index price that the listed strikes allow for
CHAIN_MARGIN = 1.1  # of the peak window, that a snapshot covers
EVERY_STRIKE_WITHIN = 0.0235  # of the last close at VIX 15; farther out every second strike
IN_MONEY_IDLE = 4.0  # how fast trading dies out in the money


@dataclass(frozen=True, slots=True)
class Market:
    """One index on one session of one synthetic market.

    vix             long-run VIX
    strikes_within  points either side of the pin that are quoted; the market is the same
    bad_quotes      a few sides missing, locked and crossed quotes, at any price
    """

    seed: int
    index: Index
    session: Session
    vix: float
    strikes_within: float
    bad_quotes: bool = False

    def generator(self, purpose: str) -> np.random.Generator:
        """A generator for one purpose, of this index and session alone."""
        return generator(self.seed, self.index.symbol, self.session.day, purpose)

    def spot(self, second: Ints) -> Floats:
        """Index price at seconds after the open."""
        return spot_path(self.seed, self.index.symbol, self.session, self.vix)[second]

    def vix_at(self, second: Ints) -> Floats:
        """VIX at seconds after the open."""
        return vix_path(self.seed, self.session, self.vix)[second]


class Listing(NamedTuple):
    """All strikes of a session, ascending, with open interest and day volume (strike × right)."""

    strikes: Floats
    open_interest: Ints
    volume: Ints


class Book(NamedTuple):
    """Quotes, one row an option and instant, ordered by instant, strike, call before put.

    instant  which of the asked seconds
    vol      implied volatility, annual by calendar time; 0 at the close
    bid      NaN where missing, as is ask
    """

    instant: Ints
    strike: Floats
    is_call: npt.NDArray[np.bool_]
    bid: Floats
    ask: Floats
    last: Floats
    volume: Ints
    open_interest: Ints
    vol: Floats


@lru_cache(maxsize=4)
def listing(market: Market) -> Listing:
    """Strikes around the last close, dense enough for every pin of the session."""
    model = underlying(market.index.symbol)
    level = previous_level(market.seed, market.index.symbol, market.session.day, market.vix)
    day = model.beta * daily_deviation(market.vix)
    strikes = _strikes(market, level, day)
    distance = (strikes / level - 1) / day
    weight = np.ones_like(strikes)
    for step, factor in reversed(ROUND_STRIKES):
        weight[strikes % step == 0] = factor
    centres = np.array([CALL_CENTRE, PUT_CENTRE])
    bell = np.exp(-0.5 * ((distance[:, None] - centres) / OPEN_INTEREST_WIDTH) ** 2)
    held, traded = _noise(market, strikes, level)
    noise = np.exp(OPEN_INTEREST_NOISE * held)
    open_interest = model.contracts * weight[:, None] * (bell + 0.02) * noise
    in_money = np.maximum(distance[:, None] * np.array([-1, 1]), 0.0)
    activity = np.exp(traded - IN_MONEY_IDLE * in_money)
    turnover = activity * (open_interest + model.contracts * bell)
    return Listing(strikes, open_interest.astype(np.int64), turnover.astype(np.int64))


def _strikes(market: Market, level: float, day: float) -> Floats:
    """Strikes for every pin that a session after a close at this level may see."""
    increment, window = market.index.strike_increment, market.index.peak_window_fraction
    reach = market.strikes_within + level * (REACH * day + CHAIN_MARGIN * window)
    steps = np.arange(-(reach // increment), reach // increment + 1)
    strikes = round_to_grid(level, increment) + increment * steps
    near = np.abs(strikes / level - 1) < EVERY_STRIKE_WITHIN * max(1.0, market.vix / 15)
    found: Floats = strikes[(strikes > 0) & (near | (strikes % (2 * increment) == 0))]
    return found


def _noise(market: Market, strikes: Floats, level: float) -> tuple[Floats, Floats]:
    """Two normal variables a strike and right, the same however many strikes are listed."""
    increment = market.index.strike_increment
    steps = np.round((strikes - round_to_grid(level, increment)) / increment).astype(np.int64)
    outward = (int(np.abs(steps).max()) + 1, 2, 2, 2)
    drawn = market.generator("listing").standard_normal(outward)[np.abs(steps), (steps < 0) * 1]
    return drawn[:, 0], drawn[:, 1]


def book(market: Market, second: Ints, centre: Floats, within: float, purpose: str) -> Book:
    """Quotes at each second for the listed strikes within so many points of its centre."""
    listed, random = listing(market), market.generator(purpose)
    inside = np.abs(listed.strikes - centre[:, None]) <= within
    instant, column = np.nonzero(inside)
    instant, column = np.repeat(instant, 2), np.repeat(column, 2)
    is_call = np.tile(IS_CALL, len(instant) // 2)
    right = 1 - is_call.astype(np.int64)
    when, strike = second[instant], listed.strikes[column]
    spot, deviation = market.spot(when), _deviation(market, when, strike)
    passed = variance_share(seconds(market.session))[when]
    fair = price(spot, strike, 1.0, deviation, is_call)
    intrinsic = np.maximum(np.where(is_call, spot - strike, strike - spot), 0.0)
    noise = width_noise(random, second, 2 * len(listed.strikes))[instant, 2 * column + right]
    bid, ask = quoted(fair, width(fair, intrinsic, passed, market.index.scale), noise)
    volume = (listed.volume[column, right] * passed).astype(np.int64)
    traded = np.where(random.random(len(fair)) < 0.5, bid, ask)
    last = np.where((volume > 0) & (traded > 0), traded, np.nan)
    years = (seconds(market.session) - when) / YEAR_S
    if market.bad_quotes:
        bid, ask = spoiled(random, bid, ask)
    return Book(
        instant,
        strike,
        is_call,
        bid,
        ask,
        last,
        volume,
        listed.open_interest[column, right],
        np.where(years > 0, deviation / np.sqrt(np.where(years > 0, years, 1.0)), 0.0),
    )


def _deviation(market: Market, when: Ints, strike: Floats) -> Floats:
    """Implied deviation of the log return from now to the close, by strike."""
    length = seconds(market.session)
    passed = variance_share(length)[when]
    day = daily_deviation(1.0) * market.vix_at(when) * underlying(market.index.symbol).beta
    at_money = day * IMPLIED_SHARE * np.sqrt((1 - passed) * length / REGULAR_S)
    alive = at_money > 0
    distance = np.log(strike / market.spot(when)) / np.where(alive, at_money, 1.0)
    wings = SMILE_TILT * distance + np.sqrt(distance**2 + 1) - 1
    found: Floats = at_money * np.sqrt(1 + SMILE_SLOPE * (1 + STEEPENING * passed) * wings)
    return found
