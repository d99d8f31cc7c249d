"""Holding a strategy against the future: nothing it decides at t may depend on what comes after t.

The untouched sessions are replayed and every decision is written down. Then, for many instants t,
they are replayed once more up to t with another future: none, one far up, one far down. What was
decided up to t must be the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Literal, NamedTuple

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, DataError, EngineError
from bt_gex.lookahead.controls import PLANTED, Planted
from bt_gex.lookahead.observe import Log, Noted, observe
from bt_gex.lookahead.perturb import DOWN, UP, dropped, poisoned
from bt_gex.lookahead.target import OWN, Target
from bt_gex.market.calendar import new_york
from bt_gex.sessions.day import Day, load_day
from bt_gex.sessions.rows import SessionRows
from bt_gex.strategies.gex import GexStrategy
from bt_gex.synthetic.market import generator

if TYPE_CHECKING:
    from numpy.random import Generator

Outcome = Literal["clean", "look-ahead", "no decision", "not deterministic"]
How = Literal["dropped", "far up", "far down"]
FUTURES: tuple[How, ...] = ("dropped", "far up", "far down")
Progress = Callable[[int, int], None]


class Instant(NamedTuple):
    """A tick of a session: its number among the sessions, and the instant."""

    session: int
    ns: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A decision that another future changes.

    ns       its instant; 0: before the first tick
    t        the rows after this instant were changed, how: see FUTURES
    seen     what was decided with the recorded future, None: nothing
    unseen   what with the other, None: nothing
    raised   whether it was no decision but an exception, that `unseen` names
    """

    ns: int
    t: int
    how: How
    seen: str | None
    unseen: str | None
    raised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it.

    decisions  of the untouched run, at or before the last instant held
    instants   at which the future was changed, and how many of them changed a decision
    finding    the earliest of these
    twice      of what isn't deterministic: what two equal runs decided differently
    """

    target: str
    outcome: Outcome
    decisions: int = 0
    instants: int = 0
    runs: int = 0
    changed: int = 0
    finding: Finding | None = None
    twice: tuple[Noted | None, Noted | None] | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """A planted example and what was found of it."""

    planted: Planted
    verdict: Verdict

    @property
    def is_right(self) -> bool:
        """Whether an offender was caught, a clean one let pass."""
        expected = "look-ahead" if self.planted.looks_ahead else "clean"
        return self.verdict.outcome == expected


class Sessions:
    """Recorded sessions with rows, and their other futures. Raises DataError without any."""

    def __init__(self, rows: Iterable[SessionRows], config: RunConfig) -> None:
        self.config = config
        self.rows = [one for one in rows if not one.is_empty]
        if not self.rows:
            raise DataError(
                f"no session from {config.start} to {config.end} has rows of {config.index}; "
                "bt-gex inspect tells which have"
            )
        self.days = [self._day(one) for one in self.rows]

    def _day(self, rows: SessionRows) -> Day:
        return load_day(rows, self.config.index_facts, self.config.load_params)

    def ticks(self) -> list[Instant]:
        """All that have something after them."""
        every = [Instant(n, int(ns)) for n, day in enumerate(self.days) for ns in day.grid]
        return every[:-1]

    def until(self, at: Instant, how: How, seed: int) -> list[Day]:
        """The sessions up to that of an instant, with another future after it.

        Without a future the sessions after it are gone; else the next one is false, too.
        """
        known, now = self.days[: at.session], self.rows[at.session]
        if how == "dropped":
            return [*known, self._day(dropped(now, at.ns))]
        way = UP if how == "far up" else DOWN
        random = generator(seed, "another future", at.ns, how)
        index = self.config.index_facts
        changed = [
            poisoned(one, at.ns, way, index, random)
            for one in self.rows[at.session : at.session + 2]
        ]
        return [*known, *(self._day(one) for one in changed)]


def hold(
    sessions: Sessions,
    target: Target,
    *,
    points: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> Verdict:
    """Hold a target against the future at some instants, half of them those of its decisions.

    Raises EngineError when the target fails on the untouched sessions.
    """
    check_points(points, seed)
    untouched, again = (observe(sessions.config, sessions.days, target) for _ in range(2))
    for log in (untouched, again):
        if log.error:
            when = f"at {new_york(log.at_ns)}" if log.at_ns else "before the first tick"
            raise EngineError(f"{target.name} fails on the recorded sessions {when}: {log.error}")
    different = _difference(untouched.noted, again.noted)
    if different:
        return Verdict(target=target.name, outcome="not deterministic", runs=2, twice=different)
    if not untouched.noted:
        return Verdict(target=target.name, outcome="no decision", runs=2)
    held = choose(sessions.ticks(), {one.ns for one in untouched.noted}, points, seed)
    return _held(sessions, target, untouched, held, seed, progress)


def check_points(points: int, seed: int) -> None:
    """Raise BadValue unless these can be used."""
    if points < 1:
        raise BadValue(f"points must be at least 1, got {points}")
    if seed < 0:
        raise BadValue(f"seed must be at least 0, got {seed}")


def _held(
    sessions: Sessions,
    target: Target,
    untouched: Log,
    held: Sequence[Instant],
    seed: int,
    progress: Progress | None,
) -> Verdict:
    found: list[Finding] = []
    changed = 0
    for done, at in enumerate(held):
        before = len(found)
        for how in FUTURES:
            log = observe(sessions.config, sessions.until(at, how, seed), target, at.ns)
            finding = compare(untouched, log, at.ns, how)
            found += [finding] if finding else []
        changed += len(found) > before
        if progress:
            progress(done + 1, len(held))
    last = held[-1].ns
    return Verdict(
        target=target.name,
        outcome="look-ahead" if found else "clean",
        decisions=bisect_right([one.ns for one in untouched.noted], last),
        instants=len(held),
        runs=2 + len(FUTURES) * len(held),
        changed=changed,
        finding=min(found, key=lambda one: (one.ns, one.t)) if found else None,
    )


def compare(untouched: Log, other: Log, t: int, how: How) -> Finding | None:
    """The first thing up to t that another future changes; None when nothing does."""
    known = [one for one in untouched.noted if one.ns <= t]
    noted = [one for one in other.noted if one.ns <= t]
    if other.error and other.at_ns <= t:
        known_then = [one for one in known if one.ns < other.at_ns]
        if noted[: len(known_then)] == known_then:
            seen = next((one.what for one in known if one.ns == other.at_ns), None)
            return Finding(other.at_ns, t, how, seen, other.error, raised=True)
    different = _difference(known, noted)
    if different is None:
        return None
    seen_then, unseen_then = different
    ns = min(one.ns for one in different if one)
    return Finding(ns, t, how, _at(seen_then, ns), _at(unseen_then, ns))


def _at(noted: Noted | None, ns: int) -> str | None:
    return noted.what if noted and noted.ns == ns else None


def _difference(
    one: Sequence[Noted], other: Sequence[Noted]
) -> tuple[Noted | None, Noted | None] | None:
    """The first two that are not the same."""
    return next(((a, b) for a, b in zip_longest(one, other) if a != b), None)


def choose(ticks: Sequence[Instant], decided: set[int], points: int, seed: int) -> list[Instant]:
    """Instants in order of time: half of them of decisions, half in between, where there are."""
    random = generator(seed, "instants")
    of_decisions = [at for at in ticks if at.ns in decided]
    others = [at for at in ticks if at.ns not in decided]
    fewest = points - min(len(others), points // 2)
    chosen = _spread(of_decisions, fewest, random)
    return sorted(chosen + _spread(others, points - len(chosen), random), key=lambda at: at.ns)


def _spread(ticks: Sequence[Instant], count: int, random: Generator) -> list[Instant]:
    """So many of them, or all there are: one by chance of each stretch of equal length."""
    count = min(count, len(ticks))
    edges = [n * len(ticks) // count for n in range(count + 1)] if count else []
    return [ticks[int(random.integers(start, end))] for start, end in pairwise(edges)]


def self_test(
    sessions: Sessions, *, points: int = 20, seed: int = 0, progress: Progress | None = None
) -> list[Tested]:
    """Hold every planted example: offenders must be caught, clean ones let pass."""
    found = []
    for done, planted in enumerate(PLANTED):
        target = planted_target(planted)
        found.append(Tested(planted, hold(sessions, target, points=points, seed=seed)))
        if progress:
            progress(done + 1, len(PLANTED))
    return found


def planted_target(planted: Planted) -> Target:
    """A planted example as a target; our own strategy runs as in `bt-gex run`."""
    if planted.made is GexStrategy:
        return OWN
    return Target(planted.made.__name__, lambda: planted.made)
