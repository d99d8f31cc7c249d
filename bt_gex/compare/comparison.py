"""Two sets of trades compared: matched, and their difference attributed to causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bt_gex.compare.attribution import Cause, Change, Tolerances, explain
from bt_gex.compare.coverage import NO_DATA, coverage
from bt_gex.compare.matching import hours_apart, match
from bt_gex.compare.records import ComparedTrade, Side
from bt_gex.market.contracts import spread_label
from bt_gex.trades.records import Decision

Differing = dict[str, tuple[object, object]]  # setting -> its value in A and in B

# The settings that can bring a cause about, by how their names begin.
ENTERING = ("entry.", "setup.", "data.", "account.", "kelly.", "fills.entry_slippage")
SETTINGS: Mapping[Cause, tuple[str, ...]] = {
    Cause.INPUT: ("data.", "entry.use_competing_peaks", "index_facts."),
    Cause.SETUP: ("setup.", "index_facts."),
    Cause.ENTRY_FILL: ("fills.entry_slippage", "data."),
    Cause.EXIT_RULE: ("exit.",),
    Cause.EXIT_FILL: ("fills.exit_slippage", "data."),
    Cause.SIZE: ("account.", "kelly.", "index_facts.multiplier"),
    Cause.COMMISSION: ("fills.commission",),
    Cause.ONLY_A: ENTERING,
    Cause.ONLY_B: ENTERING,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """The same trade on both sides; without changes it is the same in all that both know.

    changes   in the order of the chain: the first is what changed the trade
    settings  those that differ and can have brought the first change about
    parts     what each cause makes of the difference in P&L, cents
    """

    a: ComparedTrade
    b: ComparedTrade
    changes: tuple[Change, ...]
    settings: Differing
    parts: dict[Cause, int]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A trade that only one side has, and what the other one decided at that time."""

    trade: ComparedTrade
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
    only_a: list[Unmatched]
    only_b: list[Unmatched]
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
    def parts(self) -> dict[Cause, int]:
        """Cents each cause makes of the difference; they sum to it."""
        found = dict.fromkeys(Cause, 0)
        for pair in self.pairs:
            for cause, cents in pair.parts.items():
                found[cause] += cents
        found[Cause.ONLY_A] -= sum(unmatched.trade.pnl_cents for unmatched in self.only_a)
        found[Cause.ONLY_B] += sum(unmatched.trade.pnl_cents for unmatched in self.only_b)
        return found

    @property
    def trades_by_cause(self) -> dict[Cause, int]:
        """How many trades each cause changed first."""
        trades = dict.fromkeys(Cause, 0)
        for pair in self.changed:
            trades[pair.changes[0].cause] += 1
        trades[Cause.ONLY_A], trades[Cause.ONLY_B] = len(self.only_a), len(self.only_b)
        return trades

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
    tolerances = Tolerances(within_s=within_s, rounding=a.rounding + b.rounding)
    matches = match(a.trades, b.trades, within_s)
    pairs = []
    for place_a, place_b in matches.pairs:
        one, two = a.trades[place_a], b.trades[place_b]
        changes, parts = explain(one, two, tolerances, (a.multiplier, b.multiplier))
        by = about(settings, changes[0].cause) if changes else {}
        pairs.append(Pair(one, two, changes, by, parts))
    alone_a, alone_b = about(settings, Cause.ONLY_A), about(settings, Cause.ONLY_B)
    return Comparison(
        a=a,
        b=b,
        within_s=within_s,
        pairs=pairs,
        only_a=_unmatched([a.trades[place] for place in matches.only_a], b, within_s, alone_a),
        only_b=_unmatched([b.trades[place] for place in matches.only_b], a, within_s, alone_b),
        settings=settings,
        coverage=coverage(a, b),
        hours=None if a.is_run == b.is_run else _hours(a, b, within_s),
    )


def _hours(a: Side, b: Side, within_s: float) -> int | None:
    run, listed = (a, b) if a.is_run else (b, a)
    return hours_apart(run.trades, listed.trades, within_s)


# ---------------------------------------------------------------------------------- settings


def differing(a: Mapping[str, object], b: Mapping[str, object]) -> Differing:
    """Settings that are not the same in both, by name."""
    names = [*a, *(name for name in b if name not in a)]
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def about(settings: Differing, cause: Cause) -> Differing:
    """Those of the settings that can have brought a cause about."""
    begins = SETTINGS.get(cause, ())
    return {name: values for name, values in settings.items() if name.startswith(begins)}


# ---------------------------------------------------------------------------------- one side only


def _unmatched(
    trades: Sequence[ComparedTrade], other: Side, within_s: float, settings: Differing
) -> list[Unmatched]:
    checks: defaultdict[date, list[Decision]] = defaultdict(list)
    for decision in other.decisions:
        checks[decision.session].append(decision)
    return [
        Unmatched(trade, decided(trade, other, checks[trade.session], within_s), settings)
        for trade in trades
    ]


def decided(trade: ComparedTrade, other: Side, checks: Iterable[Decision], within_s: float) -> str:
    """What the other side decided when this trade was entered.

    checks  its decisions on the trade's session
    """
    if not other.is_run:
        return "not in the list"
    if trade.index_symbol != other.index:
        return f"it is a run of {other.index}"
    day = trade.session
    if other.sessions.get(day, NO_DATA) == NO_DATA:
        return f"no data of {day}" if day in other.sessions else f"does not run {day}"

    def gap_s(check: Decision) -> float:
        return abs((check.timestamp - trade.timestamp_entry).total_seconds())

    check = min(checks, key=gap_s, default=None)
    if check is None or gap_s(check) > within_s:
        return "no check at that time"
    if check.outcome == "skip":
        return f"skipped: {check.reason}"
    entered = spread_label(check.strategy, check.strikes)
    return f"entered {entered}, matched with another trade"
