"""Two sets of trades held against each other: matched, told apart, their difference attributed.

A side is a run, or somebody's own list of trades, which leaves out what it does not know.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bt_gex.compare.attribution import (
    COMMISSION,
    ENTRY_FILL,
    EXIT_FILL,
    EXIT_RULE,
    INPUT,
    ONLY_A,
    ONLY_B,
    PARTS,
    SETUP,
    SIZE,
    TOLERANCE,
    Change,
    Record,
    Terms,
    explain,
    is_unresolved,
    pnl_cents,
    same_spread,
    spread_label,
)
from bt_gex.market.calendar import NEW_YORK

Differing = dict[str, tuple[Any, Any]]  # setting -> its value in A and in B

# The settings that can bring a cause about, by how their names begin.
ENTERING = ("entry.", "setup.", "data.", "account.", "kelly.", "fills.entry_slippage")
SETTINGS = {
    INPUT: ("data.", "entry.use_competing_peaks", "index_facts."),
    SETUP: ("setup.", "index_facts."),
    ENTRY_FILL: ("fills.entry_slippage", "data."),
    EXIT_RULE: ("exit.",),
    EXIT_FILL: ("fills.exit_slippage", "data."),
    SIZE: ("account.", "kelly.", "index_facts.multiplier"),
    COMMISSION: ("fills.commission",),
    ONLY_A: ENTERING,
    ONLY_B: ENTERING,
}
HOURS = tuple(sorted(set(range(-14, 15)) - {0}, key=abs))  # New York to Tokyo, either way
NAMED = 3  # dates named where some are missing
READING = ("data.", "entry.use_competing_peaks")  # settings of how rows are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two.

    multiplier  dollars a contract makes a point
    settings    every setting by dotted name; None for a list of trades, which has none
    sessions    date -> status of the sessions a run covers
    rounding    by key: how far a list's number may lie from the true one, as it is written
    """

    name: str
    trades: Sequence[Record]
    multiplier: float
    index: str = ""
    settings: Mapping[str, Any] | None = None
    decisions: Sequence[Record] = ()
    sessions: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    market: Mapping[str, str] = field(default_factory=dict)
    rounding: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_run(self) -> bool:
        """Whether it is no list."""
        return self.settings is not None

    @property
    def total_cents(self) -> int:
        """P&L of the trades that have one."""
        return sum(pnl_cents(trade) for trade in self.trades)

    @property
    def unresolved(self) -> list[Record]:
        """Trades whose P&L is not known; outside all totals."""
        return [trade for trade in self.trades if is_unresolved(trade)]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same trade on both sides; without changes it is the same in all that both know.

    changes  in the order of the chain: the first is what changed the trade
    parts    what each cause makes of the difference in P&L, cents
    """

    a: Record
    b: Record
    changes: tuple[Change, ...]
    settings: Differing
    parts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lone:
    """A trade that only one side has, and what the other one decided at that time."""

    trade: Record
    decided: str
    settings: Differing


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that was found.

    coverage     sentences on what the two do not both rest on: index, sessions, data
    hours        to add to the times of a list so that it would match; None where it does
    """

    a: Side
    b: Side
    within_s: float
    pairs: list[Pair]
    only_a: list[Lone]
    only_b: list[Lone]
    settings: Differing
    coverage: list[str]
    hours: int | None

    @property
    def same(self) -> list[Pair]:
        """Pairs that differ in nothing both know."""
        return [pair for pair in self.pairs if not pair.changes]

    @property
    def changed(self) -> list[Pair]:
        """Pairs that differ."""
        return [pair for pair in self.pairs if pair.changes]

    @property
    def difference_cents(self) -> int:
        """Total P&L of B less that of A."""
        return self.b.total_cents - self.a.total_cents

    @property
    def parts(self) -> dict[str, int]:
        """Cents each cause makes of the difference; they sum to it."""
        found = dict.fromkeys(PARTS, 0)
        for pair in self.pairs:
            for cause, cents in pair.parts.items():
                found[cause] += cents
        found[ONLY_A] -= sum(pnl_cents(lone.trade) for lone in self.only_a)
        found[ONLY_B] += sum(pnl_cents(lone.trade) for lone in self.only_b)
        return found

    @property
    def identical(self) -> bool:
        """Nothing differs: no trade, and of two runs no setting, session or data either."""
        both_runs = self.a.is_run and self.b.is_run
        other = bool(self.settings or self.coverage) if both_runs else False
        return not (self.changed or self.only_a or self.only_b or other)


def compare(a: Side, b: Side, *, within_s: float = 0.0) -> Comparison:
    """Match the trades of both sides by index, session and entry time, and explain each.

    within_s  seconds that entry and exit times may lie apart; 0 between two runs
    """
    settings = differing(a.settings or {}, b.settings or {}) if a.is_run and b.is_run else {}
    terms = Terms(
        within_s=within_s,
        multipliers=(a.multiplier, b.multiplier),
        slack={
            key: a.rounding.get(key, 0.0) + b.rounding.get(key, 0.0)
            for key in {*a.rounding, *b.rounding}
        },
    )
    found, lone_a, lone_b = match(a.trades, b.trades, within_s)
    pairs = []
    for at, to in found:
        changes, parts = explain(a.trades[at], b.trades[to], terms)
        by = about(settings, changes[0][0]) if changes else {}
        pairs.append(Pair(a.trades[at], b.trades[to], changes, by, parts))
    return Comparison(
        a=a,
        b=b,
        within_s=within_s,
        pairs=pairs,
        only_a=_lones((a.trades[n] for n in lone_a), b, within_s, about(settings, ONLY_A)),
        only_b=_lones((b.trades[n] for n in lone_b), a, within_s, about(settings, ONLY_B)),
        settings=settings,
        coverage=coverage(a, b),
        hours=None if a.is_run == b.is_run else _hours(a, b, within_s),
    )


# ---------------------------------------------------------------------------------- matching


def match(
    a: Sequence[Record], b: Sequence[Record], within_s: float
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Places of trades that belong together, and of those left alone in A and in B.

    The nearest in time first, each used once; of equally near ones the same spread goes first.
    """
    there: dict[tuple[Any, Any], list[tuple[float, int]]] = defaultdict(list)
    for place, trade in enumerate(b):
        there[_key(trade)].append((entry_s(trade), place))
    for times in there.values():
        times.sort()
    possible = []
    for place, trade in enumerate(a):
        times, now = there.get(_key(trade), []), entry_s(trade)
        for other, to in times[bisect_left(times, (now - within_s - TOLERANCE, -1)) :]:
            if other > now + within_s + TOLERANCE:
                break
            possible.append((abs(other - now), not same_spread(trade, b[to]), now, place, to))
    free_a, free_b = set(range(len(a))), set(range(len(b)))
    found = []
    for _, _, _, place, to in sorted(possible):
        if place in free_a and to in free_b:
            free_a.remove(place)
            free_b.remove(to)
            found.append((place, to))
    return sorted(found), sorted(free_a), sorted(free_b)


def _key(trade: Record) -> tuple[Any, Any]:
    return trade["index_symbol"], trade["expiration"]


def entry_s(trade: Record) -> float:
    """Instant of the entry, seconds since 1970."""
    return _seconds(trade["timestamp_entry"])


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def hours_apart(run: Sequence[Record], listed: Sequence[Record], within_s: float) -> int | None:
    """Whole hours to add to a list's times so that at least half of it would match a run.

    None when half of it matches as it is, or no number of hours does it. Only trades of the run's
    indexes count.
    """
    symbols = {trade["index_symbol"] for trade in run}
    own = [trade for trade in listed if trade["index_symbol"] in symbols]
    if not own or 2 * len(match(run, own, within_s)[0]) >= len(own):
        return None
    best, hours = (0, 0), None
    for shift in HOURS:
        moved = [_shifted(trade, shift) for trade in own]
        found = match(run, moved, within_s)[0]
        score = sum(same_spread(run[at], moved[to]) for at, to in found), len(found)
        if 2 * len(found) >= len(own) and score > best:
            best, hours = score, shift
    return hours


def _shifted(trade: Record, hours: int) -> dict[str, Any]:
    moved = datetime.fromisoformat(trade["timestamp_entry"]) + timedelta(hours=hours)
    day = moved.astimezone(NEW_YORK).date().isoformat()
    return {**trade, "timestamp_entry": moved.isoformat(), "expiration": day}


def _hours(a: Side, b: Side, within_s: float) -> int | None:
    run, listed = (a, b) if a.is_run else (b, a)
    return hours_apart(run.trades, listed.trades, within_s)


# ---------------------------------------------------------------------------------- settings


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Differing:
    """Settings that are not the same in both, by name."""
    names = [*a, *(name for name in b if name not in a)]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def about(settings: Differing, cause: str) -> Differing:
    """Those of the settings that can have brought a cause about."""
    begins = SETTINGS.get(cause, ())
    return {name: values for name, values in settings.items() if name.startswith(begins)}


# ---------------------------------------------------------------------------------- one side only


def _lones(
    trades: Iterable[Record], other: Side, within_s: float, settings: Differing
) -> list[Lone]:
    checks: dict[str, list[Record]] = defaultdict(list)
    for decision in other.decisions:
        checks[decision["session"]].append(decision)
    return [
        Lone(trade, decided(trade, other, checks[trade["expiration"]], within_s), settings)
        for trade in trades
    ]


def decided(trade: Record, other: Side, checks: Iterable[Record], within_s: float) -> str:
    """What the other side decided when this trade was entered.

    checks  its decisions on the trade's session
    """
    if not other.is_run:
        return "not in the list"
    if trade["index_symbol"] != other.index:
        return f"it is a run of {other.index}"
    session = trade["expiration"]
    if other.sessions.get(session, "no data") == "no data":
        return f"no data of {session}" if session in other.sessions else f"does not run {session}"
    now = entry_s(trade)
    near = [(abs(_seconds(check["timestamp"]) - now), n, check) for n, check in enumerate(checks)]
    gap, _, check = min(near, default=(float("inf"), 0, {}))
    if gap > within_s + TOLERANCE:
        return "no check at that time"
    if check["outcome"] == "skip":
        return f"skipped: {check['reason']}"
    return f"entered {spread_label(check)}, matched with another trade"


# ---------------------------------------------------------------------------------- coverage


def coverage(a: Side, b: Side) -> list[str]:
    """What the two do not both rest on, a sentence each."""
    if a.is_run and b.is_run:
        return [*_other_index(a, b), *_other_sessions(a, b), *_other_data(a, b)]
    name, run, listed = ("A", a, b) if a.is_run else ("B", b, a)
    traded = {trade["expiration"] for trade in listed.trades}
    outside = sorted(traded - set(run.sessions))
    if outside:
        some = f"{len(outside)} of the list's {_dates(len(traded))}"
        return [f"{some} {name} does not cover: {_named(outside)}"]
    if traded and len(traded) < len(run.sessions):
        return [
            f"{name} covers {_dates(len(run.sessions))}, the list has trades on {len(traded)} of "
            f"them: {_named(sorted(traded))}"
        ]
    return []


def _other_index(a: Side, b: Side) -> list[str]:
    return [] if a.index == b.index else [f"other index: {a.index} in A, {b.index} in B"]


def _other_sessions(a: Side, b: Side) -> list[str]:
    sentences = []
    for name, one, two in (("A", a, b), ("B", b, a)):
        alone = sorted(set(one.sessions) - set(two.sessions))
        if alone:
            sentences.append(f"{_dates(len(alone))} only in {name}: {_named(alone)}")
    both = sorted(set(a.sessions) & set(b.sessions))
    for name, one, two in (("A", a, b), ("B", b, a)):
        gone = [d for d in both if one.sessions[d] == "no data" != two.sessions[d]]
        if gone:
            sentences.append(f"no data for {_named(gone)} in {name}")
    return sentences


def _other_data(a: Side, b: Side) -> list[str]:
    """The fingerprint is of all rows of a run's sessions, whatever its settings; of other sessions
    only what both have seen of the common ones tells."""
    if a.settings is None or b.settings is None:
        return []
    if a.sessions.keys() == b.sessions.keys():
        if a.fingerprint == b.fingerprint or None in (a.fingerprint, b.fingerprint):
            return []
        return [f"other data: fingerprint {a.fingerprint!s:.10} in A, {b.fingerprint!s:.10} in B"]
    reading = [name for name in {**a.settings, **b.settings} if name.startswith(READING)]
    if any(a.settings.get(name) != b.settings.get(name) for name in reading):
        return []
    other = sorted(day for day in {*a.market} & {*b.market} if a.market[day] != b.market[day])
    if not other:
        return []
    return [f"other data: index price, VIX or pin of {_named(other)} are not the same"]


def _dates(number: int) -> str:
    return f"{number:,} session{'' if number == 1 else 's'}"


def _named(dates: Sequence[str]) -> str:
    rest = len(dates) - NAMED
    return ", ".join(dates[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
