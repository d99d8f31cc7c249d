"""Stretches of a session without any quote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bt_gex.market.calendar import BAR_S, NS, Session, Stamps

GAP_S = 120


@dataclass(frozen=True, slots=True)
class Gap:
    """More than GAP_S without a quote of any option; the session's ends count as quotes."""

    start_ns: int
    length_s: float


def missing_ends_s(gaps: Sequence[Gap], session: Session) -> tuple[float, float]:
    """Seconds without a quote from the open on, and up to the close; 0 where there is no gap."""
    from_open = next((gap.length_s for gap in gaps if gap.start_ns == session.open_ns), 0.0)
    ends = (gap for gap in gaps if gap.start_ns + round(gap.length_s * NS) == session.close_ns)
    return from_open, next((gap.length_s for gap in ends), 0.0)


def find_gaps(stamps: Stamps, session: Session) -> tuple[Gap, ...]:
    """Stretches of the session over GAP_S without a quote; none when there is no quote at all.

    stamps  distinct, ascending, from open to close
    """
    if not len(stamps):
        return ()
    edges = np.concatenate([[session.open_ns], stamps, [session.close_ns]])
    steps = np.diff(edges)
    return tuple(
        Gap(int(edges[n]), float(steps[n]) / NS) for n in np.flatnonzero(steps > GAP_S * NS)
    )


def gaps_between(stamps: Stamps, session: Session) -> tuple[Gap, ...]:
    """The same of stamps in any order, without sorting them: of each bar's length the first and
    the last are enough, as no gap fits between them."""
    number = (stamps - session.open_ns) // (BAR_S * NS)
    bars = int(number.max()) + 1 if len(stamps) else 0
    first = np.full(bars, np.iinfo(np.int64).max)
    last = np.full(bars, np.iinfo(np.int64).min)
    np.minimum.at(first, number, stamps)
    np.maximum.at(last, number, stamps)
    quoted = first <= last
    return find_gaps(np.unique(np.concatenate([first[quoted], last[quoted]])), session)
