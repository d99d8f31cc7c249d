"""What changed a trade between two sets of trades, and what each change makes in dollars.

Records are trades as a run keeps them; somebody's own list leaves out the keys it does not know,
and what one side does not know is not compared. Money is whole cents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.money import units_of

Record = Mapping[str, Any]
Change = tuple[str, str]  # cause, and what is different

ONLY_A, ONLY_B = "only in A", "only in B"
INPUT, SETUP, ENTRY_FILL = "input", "setup rule", "entry fill"
EXIT_RULE, EXIT_FILL = "exit rule", "exit fill"
SIZE, COMMISSION = "size", "commission"
UNRESOLVED, UNEXPLAINED = "unresolved", "not explained"
PARTS = (
    *(ONLY_A, ONLY_B, INPUT, SETUP, ENTRY_FILL, EXIT_RULE, EXIT_FILL, SIZE, COMMISSION),
    *(UNRESOLVED, UNEXPLAINED),
)
INPUTS = {"pin": "pin", "spot_entry": "spot", "vix_entry": "VIX"}
TOLERANCE = 1e-9
ROUNDED_CENTS = 3  # most that rounding entry, exit, commission and two P&Ls to cents adds up to


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How two trades are compared.

    within_s     seconds their times may lie apart
    multipliers  dollars a contract makes a point, in A and in B
    slack        by key: how far numbers may lie apart because one was written rounded
    """

    within_s: float = 0.0
    multipliers: tuple[float, float] = (100.0, 100.0)
    slack: Mapping[str, float] = field(default_factory=dict)


def explain(a: Record, b: Record, terms: Terms) -> tuple[tuple[Change, ...], dict[str, int]]:
    """What differs between two trades that belong together, and the cents each cause makes.

    The changes are in the order of cause and effect, so that the first changed the trade; none for
    the same trade. The cents sum to the P&L of B less that of A, where one without a P&L counts
    as nothing.
    """
    changes = list(_chain(a, b, terms))
    if is_unresolved(a) != is_unresolved(b):
        changes.append((UNRESOLVED, f"no P&L in {'A' if is_unresolved(a) else 'B'}"))
    parts = _parts(a, b, [cause for cause, _ in changes], terms)
    if parts.get(UNEXPLAINED):
        changes.append((UNEXPLAINED, _dollars(a, b, "pnl_dollars", "P&L")))
    return tuple(changes), parts


def _chain(a: Record, b: Record, terms: Terms) -> Iterator[Change]:
    """Inputs, rule, fill at entry; rule or fill at exit; size; commission."""
    inputs = [_values(a, b, key, name) for key, name in INPUTS.items() if _moved(a, b, key, terms)]
    if inputs:
        yield INPUT, ", ".join(inputs)
    if not same_spread(a, b):
        yield SETUP, f"{spread_label(a)} -> {spread_label(b)}"
    elif _moved(a, b, "entry_credit", terms):
        yield ENTRY_FILL, _values(a, b, "entry_credit", "credit")
    exits = list(_exits(a, b, terms))
    if exits:
        yield EXIT_RULE, ", ".join(exits)
    elif _moved(a, b, "exit_value", terms):
        yield EXIT_FILL, _values(a, b, "exit_value", "exit value")
    if _moved(a, b, "quantity", terms):
        yield SIZE, _values(a, b, "quantity", "contracts")
    elif terms.multipliers[0] != terms.multipliers[1]:
        yield SIZE, "dollars a point {:.10g} -> {:.10g}".format(*terms.multipliers)
    if _moved(a, b, "commission_dollars", terms):
        yield COMMISSION, _dollars(a, b, "commission_dollars", "commission")


def _exits(a: Record, b: Record, terms: Terms) -> Iterator[str]:
    """How the time and the reason of an exit differ; New York times."""
    left, right = a.get("timestamp_exit"), b.get("timestamp_exit")
    if left and right:
        times = datetime.fromisoformat(left), datetime.fromisoformat(right)
        if abs((times[1] - times[0]).total_seconds()) > terms.within_s + TOLERANCE:
            clocks = [f"{time.astimezone(NEW_YORK):%H:%M:%S}" for time in times]
            yield f"exit {clocks[0]} -> {clocks[1]}"
    left, right = a.get("exit_reason"), b.get("exit_reason")
    if left and right and _letters(left) != _letters(right):
        yield f"{left} -> {right}"


def _parts(a: Record, b: Record, causes: list[str], terms: Terms) -> dict[str, int]:
    """Cents by cause. Another spread is one cause's whole; the same spread is split by credit,
    exit value and commission, and the rest is size."""
    gap = pnl_cents(b) - pnl_cents(a)
    if is_unresolved(a) or is_unresolved(b):
        return {UNRESOLVED: gap} if gap else {}
    if not same_spread(a, b):
        return {causes[0]: gap}
    parts = _priced(a, b, causes, terms)
    rest = gap - sum(parts.values())
    if SIZE in causes:
        parts[SIZE] = rest
    elif EXIT_RULE in causes and not _both(a, b, "exit_value"):
        parts[EXIT_RULE] = rest
    elif rest and parts and abs(rest) <= _rounded_cents(a, b, terms):
        biggest = max(parts, key=lambda cause: abs(parts[cause]))
        parts[biggest] += rest
    elif rest:
        parts[UNEXPLAINED] = rest
    return parts


def _priced(a: Record, b: Record, causes: list[str], terms: Terms) -> dict[str, int]:
    """What other prices make of A's contracts."""
    dollars = _dollars_a_point(a, b, terms)
    parts = {}
    if _moved(a, b, "entry_credit", terms):
        parts[ENTRY_FILL] = units_of((b["entry_credit"] - a["entry_credit"]) * dollars, 2)
    if _moved(a, b, "exit_value", terms):
        cause = EXIT_RULE if EXIT_RULE in causes else EXIT_FILL
        parts[cause] = -units_of((b["exit_value"] - a["exit_value"]) * dollars, 2)
    if COMMISSION in causes:
        parts[COMMISSION] = units_of(a["commission_dollars"], 2) - units_of(
            b["commission_dollars"], 2
        )
    return parts


def _dollars_a_point(a: Record, b: Record, terms: Terms) -> float:
    """Of A's contracts; of B's where A, a list, does not tell how many it had."""
    return terms.multipliers[0] * float(a.get("quantity") or b.get("quantity") or 1)


def _rounded_cents(a: Record, b: Record, terms: Terms) -> int:
    """Cents that rounding alone can make, of P&Ls and of prices written rounded."""
    points = terms.slack.get("entry_credit", 0.0) + terms.slack.get("exit_value", 0.0)
    return ROUNDED_CENTS + math.ceil(100 * points * _dollars_a_point(a, b, terms))


def _moved(a: Record, b: Record, key: str, terms: Terms) -> bool:
    """Whether both know a number, and it differs."""
    if not _both(a, b, key):
        return False
    return abs(float(b[key]) - float(a[key])) > terms.slack.get(key, 0.0) + TOLERANCE


def _both(a: Record, b: Record, key: str) -> bool:
    return a.get(key) is not None and b.get(key) is not None


def _values(a: Record, b: Record, key: str, name: str) -> str:
    return f"{name} {a[key]:.10g} -> {b[key]:.10g}"


def _dollars(a: Record, b: Record, key: str, name: str) -> str:
    return f"{name} {a[key]:.2f} -> {b[key]:.2f} dollars"


def _letters(text: str) -> str:
    """PROFIT_TARGET and Profit Target are the same reason."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def same_spread(a: Record, b: Record) -> bool:
    """Whether both trade the same legs, as far as both tell."""
    strategies, strikes = ((a.get(key), b.get(key)) for key in ("strategy", "strikes"))
    if all(strategies) and strategies[0] != strategies[1]:
        return False
    return not all(strikes) or sorted(strikes[0] or ()) == sorted(strikes[1] or ())


def spread_label(trade: Record) -> str:
    """PUT 6950/6940, or what of it is known."""
    strikes = "/".join(f"{strike:.10g}" for strike in trade.get("strikes") or ())
    return " ".join(word for word in (trade.get("strategy"), strikes) if word)


def is_unresolved(trade: Record) -> bool:
    """Whether its P&L is not known."""
    return trade.get("pnl_dollars") is None


def pnl_cents(trade: Record) -> int:
    """P&L in cents; 0 where it is not known."""
    return 0 if is_unresolved(trade) else units_of(trade["pnl_dollars"], 2)
