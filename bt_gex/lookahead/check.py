"""The look-ahead check: nothing a strategy decides at t may depend on rows recorded after t.

The recorded sessions are replayed and every decision is recorded. Then, for many instants t, they
are replayed up to t with the rows after t perturbed: dropped, moved far up, moved far down. The
decisions up to t must be the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Literal, NamedTuple

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, DataError, EngineError
from bt_gex.lookahead.controls import CONTROLS, Control
from bt_gex.lookahead.observe import DecisionLog, TimedDecision, observe
from bt_gex.lookahead.perturb import DOWN, UP, dropped, perturbed
from bt_gex.lookahead.target import OWN, Target
from bt_gex.market.calendar import new_york
from bt_gex.sessions.day import Day, load_day
from bt_gex.sessions.rows import SessionRows
from bt_gex.strategies.gex import GexStrategy
from bt_gex.synthetic.market import generator

if TYPE_CHECKING:
    from numpy.random import Generator

Outcome = Literal["clean", "look-ahead", "no decision", "not deterministic"]
Perturbation = Literal["dropped", "far up", "far down"]
PERTURBATIONS: tuple[Perturbation, ...] = ("dropped", "far up", "far down")
Progress = Callable[[int, int], None]


class Instant(NamedTuple):
    """A tick of a session: its number among the sessions, and the instant."""

    session: int
    ns: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A decision that differs when rows recorded after it are perturbed.

    ns            instant of the decision; 0: before the first tick
    t             the rows after this instant were perturbed
    recorded      the decision on the recorded rows; None: none was made
    perturbed     the decision on the perturbed rows; None: none was made
    raised        the perturbed run raised an exception; `perturbed` is its text
    """

    ns: int
    t: int
    perturbation: Perturbation
    recorded: str | None
    perturbed: str | None
    raised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Result of the look-ahead check of one target.

    decisions         made on the recorded rows, at or before the last instant checked
    instants          after which rows were perturbed
    changed           those of the instants at which a decision changed
    violation         the earliest changed decision
    first_difference  of a target that is not deterministic: the first two decisions that differ
                      between two runs over the recorded rows
    """

    target: str
    outcome: Outcome
    decisions: int = 0
    instants: int = 0
    runs: int = 0
    changed: int = 0
    violation: Violation | None = None
    first_difference: tuple[TimedDecision | None, TimedDecision | None] | None = None


@dataclass(frozen=True, slots=True)
class ControlResult:
    """A control and the result of its check."""

    control: Control
    result: CheckResult

    @property
    def is_as_expected(self) -> bool:
        """A positive control must be reported as look-ahead, a negative one as clean."""
        expected = "look-ahead" if self.control.looks_ahead else "clean"
        return self.result.outcome == expected


class RecordedSessions:
    """Recorded sessions that have rows, and perturbed versions of them.

    Raises DataError when no session has rows.
    """

    def __init__(self, rows: Iterable[SessionRows], config: RunConfig) -> None:
        self.config = config
        self.rows = [one for one in rows if not one.is_empty]
        if not self.rows:
            raise DataError(
                f"no session from {config.start} to {config.end} has rows of {config.index}; "
                "bt-gex inspect shows which have"
            )
        self.days = [self._day(one) for one in self.rows]

    def _day(self, rows: SessionRows) -> Day:
        return load_day(rows, self.config.index_spec, self.config.load_params)

    def ticks(self) -> list[Instant]:
        """All ticks but the last, which has no rows after it to perturb."""
        every = [Instant(n, int(ns)) for n, day in enumerate(self.days) for ns in day.grid]
        return every[:-1]

    def until(self, at: Instant, perturbation: Perturbation, seed: int) -> list[Day]:
        """The sessions up to that of an instant, the rows after the instant perturbed.

        "dropped" also drops the later sessions; the others perturb the next session, too.
        """
        known, now = self.days[: at.session], self.rows[at.session]
        if perturbation == "dropped":
            return [*known, self._day(dropped(now, at.ns))]
        way = UP if perturbation == "far up" else DOWN
        random = generator(
            seed, "another future", at.ns, perturbation
        )  # the seed of every perturbed row
        index = self.config.index_spec
        changed = [
            perturbed(one, at.ns, way, index, random)
            for one in self.rows[at.session : at.session + 2]
        ]
        return [*known, *(self._day(one) for one in changed)]


def check_target(
    sessions: RecordedSessions,
    target: Target,
    *,
    points: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckResult:
    """Check a target at so many instants, half of them instants of its decisions.

    Raises EngineError when the target raises on the recorded sessions.
    """
    check_points(points, seed)
    recorded, repeated = (observe(sessions.config, sessions.days, target) for _ in range(2))
    for log in (recorded, repeated):
        if log.error:
            when = f"at {new_york(log.at_ns)}" if log.at_ns else "before the first tick"
            raise EngineError(f"{target.name} fails on the recorded sessions {when}: {log.error}")
    different = first_difference(recorded.decisions, repeated.decisions)
    if different:
        return CheckResult(
            target=target.name, outcome="not deterministic", runs=2, first_difference=different
        )
    if not recorded.decisions:
        return CheckResult(target=target.name, outcome="no decision", runs=2)
    instants = choose(sessions.ticks(), {one.ns for one in recorded.decisions}, points, seed)
    return _check_instants(sessions, target, recorded, instants, seed, progress)


def check_points(points: int, seed: int) -> None:
    """Raise BadValue unless points is at least 1 and seed at least 0."""
    if points < 1:
        raise BadValue(f"points must be at least 1, got {points}")
    if seed < 0:
        raise BadValue(f"seed must be at least 0, got {seed}")


def _check_instants(
    sessions: RecordedSessions,
    target: Target,
    recorded: DecisionLog,
    instants: Sequence[Instant],
    seed: int,
    progress: Progress | None,
) -> CheckResult:
    violations: list[Violation] = []
    changed = 0
    for done, at in enumerate(instants):
        before = len(violations)
        for perturbation in PERTURBATIONS:
            log = observe(sessions.config, sessions.until(at, perturbation, seed), target, at.ns)
            violation = compare(recorded, log, at.ns, perturbation)
            violations += [violation] if violation else []
        changed += len(violations) > before
        if progress:
            progress(done + 1, len(instants))
    last = instants[-1].ns
    return CheckResult(
        target=target.name,
        outcome="look-ahead" if violations else "clean",
        decisions=bisect_right([one.ns for one in recorded.decisions], last),
        instants=len(instants),
        runs=2 + len(PERTURBATIONS) * len(instants),
        changed=changed,
        violation=min(violations, key=lambda one: (one.ns, one.t)) if violations else None,
    )


def compare(
    recorded: DecisionLog, perturbed: DecisionLog, t: int, perturbation: Perturbation
) -> Violation | None:
    """The first decision up to t that differs between the two runs; None when none does."""
    expected = [one for one in recorded.decisions if one.ns <= t]
    found = [one for one in perturbed.decisions if one.ns <= t]
    if perturbed.error and perturbed.at_ns <= t:
        before_error = [one for one in expected if one.ns < perturbed.at_ns]
        if found[: len(before_error)] == before_error:
            then = next((one.what for one in expected if one.ns == perturbed.at_ns), None)
            return Violation(perturbed.at_ns, t, perturbation, then, perturbed.error, raised=True)
    different = first_difference(expected, found)
    if different is None:
        return None
    ns = min(one.ns for one in different if one)
    return Violation(ns, t, perturbation, _at(different[0], ns), _at(different[1], ns))


def _at(decision: TimedDecision | None, ns: int) -> str | None:
    return decision.what if decision and decision.ns == ns else None


def first_difference(
    one: Sequence[TimedDecision], other: Sequence[TimedDecision]
) -> tuple[TimedDecision | None, TimedDecision | None] | None:
    """The first pair that differs."""
    return next(((a, b) for a, b in zip_longest(one, other) if a != b), None)


def choose(ticks: Sequence[Instant], decided: set[int], points: int, seed: int) -> list[Instant]:
    """Instants in order of time: half with decisions, half without, as far as there are so many."""
    random = generator(seed, "instants")
    of_decisions = [at for at in ticks if at.ns in decided]
    others = [at for at in ticks if at.ns not in decided]
    fewest = points - min(len(others), points // 2)
    chosen = _spread(of_decisions, fewest, random)
    return sorted(chosen + _spread(others, points - len(chosen), random), key=lambda at: at.ns)


def _spread(ticks: Sequence[Instant], count: int, random: Generator) -> list[Instant]:
    """So many of them, or all there are: one drawn at random from each stretch of equal length."""
    count = min(count, len(ticks))
    edges = [n * len(ticks) // count for n in range(count + 1)] if count else []
    return [ticks[int(random.integers(start, end))] for start, end in pairwise(edges)]


def self_test(
    sessions: RecordedSessions,
    *,
    points: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[ControlResult]:
    """Check every control: positive ones must be reported as look-ahead, negative ones as clean."""
    found = []
    for done, control in enumerate(CONTROLS):
        result = check_target(sessions, control_target(control), points=points, seed=seed)
        found.append(ControlResult(control, result))
        if progress:
            progress(done + 1, len(CONTROLS))
    return found


def control_target(control: Control) -> Target:
    """A control as a target; GexStrategy runs as in `bt-gex run`."""
    if control.made is GexStrategy:
        return OWN
    return Target(control.made.__name__, lambda: control.made)
