"""What is known of a session when its first bar opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.history import (
    History,
    day_of,
    intraday_atr,
    norm_vol,
    range_minutes,
    reference_atr,
)
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.session import MINUTE_NS, SessionClock, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSession:
    """The newest finished session and its bars."""

    window: Window
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """Fixed for the session.

    or_end_ns   first instant after the opening range
    cutoff_ns   first instant at which nothing is filled
    atr         reference ATR, price units
    norm_vol    yesterday's intraday ATR as a multiple of atr; only asked for by an adaptive range
    prior       last daily bar before the session, of an unbroken history
    """

    window: Window
    or_minutes: int
    or_end_ns: int
    cutoff_ns: int | None
    atr: float | None
    norm_vol: float | None
    prior: Bar | None


def session_context(
    window: Window,
    first_open: float,
    history: History,
    past: PastSession | None,
    clock: SessionClock,
    params: OpeningRangeParams,
) -> SessionContext:
    """first_open: of the session's first bar, which tells a split from a move."""
    orb, cutoff = params.orb, params.governance.time_cutoff
    rows = history.before(window.day, first_open, orb.atr_period + 1)
    prior = rows[-1] if rows else None
    atr = reference_atr(rows, orb.atr_period)
    intraday = None
    yesterday = past is not None and prior is not None and day_of(prior) == past.window.day
    if orb.adaptive and past is not None and yesterday:
        intraday = intraday_atr(
            past.bars, past.window.start_ns, orb.intraday_minutes, orb.atr_period
        )
    volatility = norm_vol(intraday, atr, clock.regular_minutes, orb)
    minutes = range_minutes(volatility, orb)
    return SessionContext(
        window=window,
        or_minutes=minutes,
        or_end_ns=window.start_ns + minutes * MINUTE_NS,
        cutoff_ns=None if cutoff is None else clock.instant(window.day, cutoff),
        atr=atr,
        norm_vol=volatility,
        prior=prior,
    )
