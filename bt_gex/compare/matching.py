"""Which trades of two sets belong together: by index, session and time of entry."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from bt_gex.compare.records import ComparedTrade, Legs, same_legs
from bt_gex.market.calendar import NEW_YORK

HOURS = tuple(sorted(set(range(-14, 15)) - {0}, key=abs))  # New York to Tokyo, either way


class Matches(NamedTuple):
    """Places of trades that belong together, and of those that only A or only B has."""

    pairs: list[tuple[int, int]]
    only_a: list[int]
    only_b: list[int]


class _Entry(NamedTuple):
    """What of a trade decides what it belongs to."""

    index_symbol: str
    session: date
    time: datetime
    legs: Legs


def match(a: Sequence[ComparedTrade], b: Sequence[ComparedTrade], within_s: float) -> Matches:
    """Trades of one index and session whose entries lie at most `within_s` seconds apart.

    The nearest in time first, each used once; of equally near ones the same spread goes first.
    """
    return _match(_entries(a), _entries(b), timedelta(seconds=within_s))


def hours_apart(
    run: Sequence[ComparedTrade], listed: Sequence[ComparedTrade], within_s: float
) -> int | None:
    """Whole hours to add to a list's times so that at least half of it would match a run.

    None when half of it matches as it is, or no number of hours does it. Only trades of the run's
    indexes count.
    """
    symbols = {trade.index_symbol for trade in run}
    entries = _entries(run)
    own = [entry for entry in _entries(listed) if entry.index_symbol in symbols]
    within = timedelta(seconds=within_s)
    if len(own) > 2 * len(run) or 2 * len(_match(entries, own, within).pairs) >= len(own):
        return None
    times: defaultdict[str, list[datetime]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: one.time):
        times[entry.index_symbol].append(entry.time)
    best, hours = (0, 0), None
    for shift in HOURS:
        near = (
            _has_one(times[e.index_symbol], e.time + timedelta(hours=shift), within) for e in own
        )
        if 2 * sum(near) < len(own):
            continue
        moved = [_shifted(entry, shift) for entry in own]
        pairs = _match(entries, moved, within).pairs
        score = sum(same_legs(entries[a].legs, moved[b].legs) for a, b in pairs), len(pairs)
        if 2 * len(pairs) >= len(own) and score > best:
            best, hours = score, shift
    return hours


def _entries(trades: Iterable[ComparedTrade]) -> list[_Entry]:
    return [_Entry(t.index_symbol, t.session, t.timestamp_entry, t.legs) for t in trades]


def _has_one(times: Sequence[datetime], time: datetime, within: timedelta) -> bool:
    place = bisect_left(times, time - within)
    return place < len(times) and times[place] <= time + within


def _shifted(entry: _Entry, hours: int) -> _Entry:
    time = entry.time + timedelta(hours=hours)
    return entry._replace(time=time, session=time.astimezone(NEW_YORK).date())


class _Nearest(NamedTuple):
    """The free trade of B that a trade of A would take."""

    gap: timedelta
    other_spread: bool
    place: int
    time: datetime
    legs: Legs


class _Free:
    """Trades of B of one index and session that are not matched yet.

    times   instants with such trades, ascending
    places  their places in B by instant and legs, ascending
    """

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.places: dict[datetime, dict[Legs, deque[int]]] = {}

    def add(self, place: int, entry: _Entry) -> None:
        legs = self.places.setdefault(entry.time, {})
        legs.setdefault(entry.legs, deque()).append(place)

    def nearest(self, entry: _Entry, within: timedelta) -> _Nearest | None:
        after = bisect_left(self.times, entry.time)
        around = [(abs(t - entry.time), t) for t in self.times[max(0, after - 1) : after + 1]]
        gap = min(around, default=(timedelta.max,))[0]
        if gap > within:
            return None
        return min(
            _Nearest(gap, not same_legs(entry.legs, legs), places[0], time, legs)
            for distance, time in around
            if distance == gap
            for legs, places in self.places[time].items()
        )

    def take(self, nearest: _Nearest) -> None:
        by_legs = self.places[nearest.time]
        by_legs[nearest.legs].popleft()
        if not by_legs[nearest.legs]:
            del by_legs[nearest.legs]
        if not by_legs:
            del self.places[nearest.time]
            del self.times[bisect_left(self.times, nearest.time)]


def _match(a: Sequence[_Entry], b: Sequence[_Entry], within: timedelta) -> Matches:
    """Each trade of A waits by the trade of B that is nearest to it, and asks again when another
    has taken that one: n log n, however many lie within the seconds."""
    free: defaultdict[tuple[str, date], _Free] = defaultdict(_Free)
    for place, entry in enumerate(b):
        free[entry.index_symbol, entry.session].add(place, entry)
    for some in free.values():
        some.times = sorted(some.places)
    waiting: list[tuple[timedelta, bool, datetime, int]] = []
    for place, entry in enumerate(a):
        if nearest := free[entry.index_symbol, entry.session].nearest(entry, within):
            waiting.append((nearest.gap, nearest.other_spread, entry.time, place))
    heapify(waiting)
    pairs = []
    while waiting:
        gap, other_spread, time, place = heappop(waiting)
        there = free[a[place].index_symbol, a[place].session]
        nearest = there.nearest(a[place], within)
        if nearest and (nearest.gap, nearest.other_spread) == (gap, other_spread):
            there.take(nearest)
            pairs.append((place, nearest.place))
        elif nearest:
            heappush(waiting, (nearest.gap, nearest.other_spread, time, place))
    matched_a, matched_b = ({pair[side] for pair in pairs} for side in (0, 1))
    return Matches(
        sorted(pairs),
        [place for place in range(len(a)) if place not in matched_a],
        [place for place in range(len(b)) if place not in matched_b],
    )
