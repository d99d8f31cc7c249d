"""The result of a look-ahead check on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.lookahead.check import CheckResult, ControlResult, Perturbation, Violation
from bt_gex.market.calendar import new_york
from bt_gex.reports.console.run import make_table
from bt_gex.reports.words import count

CHANGES: dict[Perturbation, str] = {
    "dropped": "dropped",
    "far up": "replaced by perturbed rows far up",
    "far down": "replaced by perturbed rows far down",
}
NOTHING = "nothing"
COLOURS = {"clean": "bold green", "look-ahead": "bold red"}


def print_result(result: CheckResult, console: Console) -> None:
    """The outcome; of a violation also the decision, its instant and what it means."""
    console.print(Text(headline(result), style=COLOURS.get(result.outcome, "bold yellow")))
    if result.violation:
        _print_violation(result, result.violation, console)
    runs = ("first run ", "second run")
    for decision, run in zip(result.first_difference or (), runs, strict=False):
        text = f"{moment(decision.ns)}  {decision.what}" if decision else NOTHING
        console.print(Text(f"  {run}  {text}"))
    if result.first_difference:
        console.print(
            Text("Seed its random numbers and read no system clock; then check it again.")
        )


def print_self_test(found: Sequence[ControlResult], console: Console) -> None:
    """One row per control, and a summary."""
    table = make_table("Control", "Reads", ">Decisions", ">Changed", "Expected", "Found", "")
    for one in found:
        control, result = one.control, one.result
        table.add_row(
            result.target,
            control.reads,
            f"{result.decisions:,}",
            f"{result.changed}/{result.instants}",
            "look-ahead" if control.looks_ahead else "clean",
            result.outcome,
            Text("ok", style="green") if one.is_as_expected else Text("WRONG", style="bold red"),
        )
    console.print(table)
    console.print(Text(self_test_summary(found)))


def self_test_summary(found: Sequence[ControlResult]) -> str:
    """7 of 7 positive controls detected, 0 of 6 negative controls flagged."""
    positive = [one for one in found if one.control.looks_ahead]
    negative = [one for one in found if not one.control.looks_ahead]
    detected = sum(one.is_as_expected for one in positive)
    flagged = sum(one.result.outcome == "look-ahead" for one in negative)
    idle = [one.result.target for one in found if one.result.outcome == "no decision"]
    text = (
        f"{detected} of {count(len(positive), 'positive control')} detected, "
        f"{flagged} of {count(len(negative), 'negative control')} flagged"
    )
    return f"{text}; no decision by {', '.join(idle)}: give more sessions" if idle else text


def moment(ns: int) -> str:
    """2026-01-12 10:00:00, New York; 0 is before the first tick."""
    return f"{new_york(ns):%Y-%m-%d %H:%M:%S}" if ns else "before the first tick"


def headline(result: CheckResult) -> str:
    name = result.target
    extent = f"{count(result.instants, 'instant')}, {count(result.runs, 'run')}"
    if result.outcome == "clean":
        decided = count(result.decisions, "decision")
        return f"clean: {decided} of {name} checked for look-ahead at {extent}; none changed"
    if result.outcome == "look-ahead":
        return f"look-ahead: {name} uses rows recorded after its decision ({extent})"
    if result.outcome == "no decision":
        return (
            f"{name} made no decision, so nothing was tested; give sessions on which it sends an "
            "order, makes a check or, as a rule, returns something but None"
        )
    return f"{name} is not deterministic: two runs over the same sessions differ"


def _print_violation(result: CheckResult, violation: Violation, console: Console) -> None:
    grid = Table.grid(padding=(0, 2, 0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    perturbed = violation.perturbed or NOTHING
    for name, value in (
        ("decided", f"{moment(violation.ns)} New York"),
        ("on recorded rows", violation.recorded or NOTHING),
        ("on perturbed rows", f"raises {perturbed}" if violation.raised else perturbed),
        ("perturbation", f"rows after {moment(violation.t)} {CHANGES[violation.perturbation]}"),
        ("changed", f"at {result.changed} of {count(result.instants, 'instant')}"),
    ):
        grid.add_row(Text(name), Text(value))
    console.print(grid)
    console.print(Text(meaning(violation)))


def meaning(violation: Violation) -> str:
    """What a violation says about the strategy."""
    when, t = moment(violation.ns), moment(violation.t)
    if violation.raised:
        return (
            f"It reads rows recorded after {t} and fails without them ({when}). Live they do not "
            "exist yet: it would fail there, too, and its P&L in a replay is not valid."
        )
    return (
        f"What it decides ({when}) depends on rows recorded after {t}. Live they do not exist yet: "
        "it could not make this decision, and its P&L in a replay is not valid."
    )
