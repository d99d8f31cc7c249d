"""What changed a trade between two sets of trades, and what each change makes in dollars.

What one side does not know is not compared. Money is whole cents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bt_gex.compare.records import ComparedTrade, Rounding, same_legs
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.money import units_of

FLOAT_TOLERANCE = 1e-9
ROUNDED_CENTS = 3  # most that rounding entry, exit, commission and two P&Ls to cents adds up to


class Cause(StrEnum):
    """Why two sets of trades differ, in the order in which reports list it."""

    ONLY_A = "only in A"
    ONLY_B = "only in B"
    INPUT = "input"
    SETUP = "setup rule"
    ENTRY_FILL = "entry fill"
    EXIT_RULE = "exit rule"
    EXIT_FILL = "exit fill"
    SIZE = "size"
    COMMISSION = "commission"
    UNRESOLVED = "unresolved"
    UNEXPLAINED = "not explained"


class Change(NamedTuple):
    """A cause, and what is different."""

    cause: Cause
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far two trades may lie apart and still be the same.

    within_s  seconds between their times
    rounding  of both sides together
    """

    within_s: float = 0.0
    rounding: Rounding = field(default_factory=Rounding)


def explain(
    a: ComparedTrade,
    b: ComparedTrade,
    tolerances: Tolerances,
    multipliers: tuple[float, float] = (100.0, 100.0),
) -> tuple[tuple[Change, ...], dict[Cause, int]]:
    """What differs between two trades that belong together, and the cents each cause makes.

    The changes are in the order of cause and effect, so that the first changed the trade; none for
    the same trade. The cents sum to the P&L of B less that of A, where one without a P&L counts
    as nothing.

    multipliers  USD per point, per contract, of A and of B
    """
    changes = list(_changes(a, b, tolerances, multipliers))
    if a.is_unresolved != b.is_unresolved:
        changes.append(Change(Cause.UNRESOLVED, f"no P&L in {'A' if a.is_unresolved else 'B'}"))
    # Of A's contracts; of B's where A, a list, does not tell how many it had.
    dollars_per_point = multipliers[0] * float(a.quantity or b.quantity or 1)
    parts = _parts(a, b, [change.cause for change in changes], tolerances, dollars_per_point)
    pnls = _both(a.pnl_dollars, b.pnl_dollars)
    if pnls and parts.get(Cause.UNEXPLAINED):
        changes.append(Change(Cause.UNEXPLAINED, _in_dollars("P&L", pnls)))
    return tuple(changes), parts


# ------------------------------------------------------------------------------- what differs


def _changes(
    a: ComparedTrade, b: ComparedTrade, tolerances: Tolerances, multipliers: tuple[float, float]
) -> Iterator[Change]:
    """Inputs, rule, fill at entry; rule or fill at exit; size; commission."""
    rounding = tolerances.rounding
    if inputs := list(_inputs(a, b, rounding)):
        yield Change(Cause.INPUT, ", ".join(inputs))
    if not same_legs(a.legs, b.legs):
        yield Change(Cause.SETUP, f"{a.spread} -> {b.spread}")
    elif moved := _moved(a.entry_credit, b.entry_credit, rounding.entry_credit):
        yield Change(Cause.ENTRY_FILL, _plain("credit", moved))
    if exits := list(_exits(a, b, tolerances.within_s)):
        yield Change(Cause.EXIT_RULE, ", ".join(exits))
    elif moved := _moved(a.exit_value, b.exit_value, rounding.exit_value):
        yield Change(Cause.EXIT_FILL, _plain("exit value", moved))
    if moved := _moved(a.quantity, b.quantity):
        yield Change(Cause.SIZE, _plain("contracts", moved))
    elif multipliers[0] != multipliers[1]:
        yield Change(Cause.SIZE, _plain("dollars a point", multipliers))
    if moved := _moved(a.commission_dollars, b.commission_dollars):
        yield Change(Cause.COMMISSION, _in_dollars("commission", moved))


def _inputs(a: ComparedTrade, b: ComparedTrade, rounding: Rounding) -> Iterator[str]:
    """How what the rules saw at the entry differs."""
    for name, moved in (
        ("pin", _moved(a.pin, b.pin, rounding.pin)),
        ("spot", _moved(a.spot_entry, b.spot_entry, rounding.spot_entry)),
        ("VIX", _moved(a.vix_entry, b.vix_entry, rounding.vix_entry)),
    ):
        if moved:
            yield _plain(name, moved)


def _exits(a: ComparedTrade, b: ComparedTrade, within_s: float) -> Iterator[str]:
    """How the time and the reason of an exit differ; New York times."""
    if a.timestamp_exit and b.timestamp_exit:
        gap_s = abs((b.timestamp_exit - a.timestamp_exit).total_seconds())
        if gap_s > within_s + FLOAT_TOLERANCE:
            times = (time.astimezone(NEW_YORK) for time in (a.timestamp_exit, b.timestamp_exit))
            yield "exit " + " -> ".join(f"{time:%H:%M:%S}" for time in times)
    if a.exit_reason and b.exit_reason and _letters(a.exit_reason) != _letters(b.exit_reason):
        yield f"{a.exit_reason} -> {b.exit_reason}"


# ------------------------------------------------------------------------------- what it makes


def _parts(
    a: ComparedTrade,
    b: ComparedTrade,
    causes: Sequence[Cause],
    tolerances: Tolerances,
    dollars_per_point: float,
) -> dict[Cause, int]:
    """Cents by cause. Another spread is one cause's whole; the same spread is split by credit,
    exit value and commission, and the rest is size."""
    gap = b.pnl_cents - a.pnl_cents
    if a.is_unresolved or b.is_unresolved:
        return {Cause.UNRESOLVED: gap} if gap else {}
    if not same_legs(a.legs, b.legs):
        return {causes[0]: gap}
    rounding = tolerances.rounding
    parts = _priced(a, b, causes, rounding, dollars_per_point)
    rest = gap - sum(parts.values())
    points = rounding.entry_credit + rounding.exit_value
    rounded = ROUNDED_CENTS + math.ceil(100 * points * dollars_per_point)
    if Cause.SIZE in causes:
        cause = Cause.SIZE
    elif Cause.EXIT_RULE in causes and not _both(a.exit_value, b.exit_value):
        cause = Cause.EXIT_RULE
    elif parts and abs(rest) <= rounded:
        cause = max(parts, key=lambda one: abs(parts[one]))
    elif rest:
        cause = Cause.UNEXPLAINED
    else:
        return parts
    parts[cause] = parts.get(cause, 0) + rest
    return parts


def _priced(
    a: ComparedTrade,
    b: ComparedTrade,
    causes: Sequence[Cause],
    rounding: Rounding,
    dollars_per_point: float,
) -> dict[Cause, int]:
    """What other prices make of A's contracts."""
    parts = {}
    if moved := _moved(a.entry_credit, b.entry_credit, rounding.entry_credit):
        parts[Cause.ENTRY_FILL] = units_of((moved[1] - moved[0]) * dollars_per_point, 2)
    if moved := _moved(a.exit_value, b.exit_value, rounding.exit_value):
        cause = Cause.EXIT_RULE if Cause.EXIT_RULE in causes else Cause.EXIT_FILL
        parts[cause] = -units_of((moved[1] - moved[0]) * dollars_per_point, 2)
    if moved := _moved(a.commission_dollars, b.commission_dollars):
        parts[Cause.COMMISSION] = units_of(moved[0], 2) - units_of(moved[1], 2)
    return parts


# ------------------------------------------------------------------------------- two numbers


def _both(a: float | None, b: float | None) -> tuple[float, float] | None:
    """Both numbers; None where one is not known."""
    return None if a is None or b is None else (a, b)


def _moved(a: float | None, b: float | None, rounding: float = 0.0) -> tuple[float, float] | None:
    """Both numbers; None where one is not known, or they are the same."""
    both = _both(a, b)
    if both and abs(both[1] - both[0]) > rounding + FLOAT_TOLERANCE:
        return both
    return None


def _plain(name: str, values: tuple[float, float]) -> str:
    return f"{name} {values[0]:.10g} -> {values[1]:.10g}"


def _in_dollars(name: str, values: tuple[float, float]) -> str:
    return f"{name} {values[0]:.2f} -> {values[1]:.2f} dollars"


def _letters(text: str) -> str:
    """PROFIT_TARGET and Profit Target are the same reason."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
