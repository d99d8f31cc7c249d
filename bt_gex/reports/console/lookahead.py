"""What holding a strategy against the future has shown, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bt_gex.lookahead.check import Finding, How, Tested, Verdict
from bt_gex.market.calendar import new_york
from bt_gex.reports.console.run import make_table
from bt_gex.reports.words import count

CHANGES: dict[How, str] = {
    "dropped": "dropped",
    "far up": "replaced by nonsense far up",
    "far down": "replaced by nonsense far down",
}
NOTHING = "nothing"
COLOURS = {"clean": "bold green", "look-ahead": "bold red"}


def print_verdict(verdict: Verdict, console: Console) -> None:
    """The verdict, and of a look-ahead what, when, and what it means."""
    console.print(Text(_headline(verdict), style=COLOURS.get(verdict.outcome, "bold yellow")))
    if verdict.finding:
        _print_finding(verdict, verdict.finding, console)
    for noted, run in zip(verdict.twice or (), ("first run ", "second run"), strict=False):
        said = f"{moment(noted.ns)}  {noted.what}" if noted else NOTHING
        console.print(Text(f"  {run}  {said}"))
    if verdict.twice:
        console.print(
            Text("Seed its random numbers and read no clock of the machine; then hold it again.")
        )


def print_self_test(found: Sequence[Tested], console: Console) -> None:
    """One row an example, and the sum."""
    table = make_table("Example", "Reads", ">Decisions", ">Changed", "Expected", "Found", "")
    for one in found:
        planted, verdict = one.planted, one.verdict
        table.add_row(
            verdict.target,
            planted.what,
            f"{verdict.decisions:,}",
            f"{verdict.changed}/{verdict.instants}",
            "look-ahead" if planted.looks_ahead else "clean",
            verdict.outcome,
            Text("ok", style="green") if one.is_right else Text("WRONG", style="bold red"),
        )
    console.print(table)
    console.print(Text(self_test_sum(found)))


def self_test_sum(found: Sequence[Tested]) -> str:
    """7 of 7 offenders caught, 0 of 6 clean examples accused."""
    offenders = [one for one in found if one.planted.looks_ahead]
    clean = [one for one in found if not one.planted.looks_ahead]
    caught = sum(one.is_right for one in offenders)
    accused = sum(one.verdict.outcome == "look-ahead" for one in clean)
    idle = [one.verdict.target for one in found if one.verdict.outcome == "no decision"]
    text = (
        f"{caught} of {count(len(offenders), 'offender')} caught, "
        f"{accused} of {count(len(clean), 'clean example')} accused"
    )
    return f"{text}; no decision by {', '.join(idle)}: give more sessions" if idle else text


def moment(ns: int) -> str:
    """2026-01-12 10:00:00, New York; 0 is before the first tick."""
    return f"{new_york(ns):%Y-%m-%d %H:%M:%S}" if ns else "before the first tick"


def _headline(verdict: Verdict) -> str:
    name = verdict.target
    held = f"{count(verdict.instants, 'instant')}, {count(verdict.runs, 'run')}"
    if verdict.outcome == "clean":
        decided = count(verdict.decisions, "decision")
        return f"clean: {decided} of {name} held against the future at {held}; none changed"
    if verdict.outcome == "look-ahead":
        return f"look-ahead: {name} decides by what comes later ({held})"
    if verdict.outcome == "no decision":
        return (
            f"{name} made no decision, so nothing was tested; give sessions on which it sends an "
            "order, makes a check or, as a rule, returns something but None"
        )
    return f"{name} is not deterministic: two runs over the same sessions differ"


def _print_finding(verdict: Verdict, finding: Finding, console: Console) -> None:
    grid = Table.grid(padding=(0, 2, 0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    unseen = finding.unseen or NOTHING
    for name, said in (
        ("decided", f"{moment(finding.ns)} New York"),
        ("with the future in view", finding.seen or NOTHING),
        ("without it", f"raises {unseen}" if finding.raised else unseen),
        ("shown by", f"rows after {moment(finding.t)} {CHANGES[finding.how]}"),
        ("changed", f"at {verdict.changed} of {count(verdict.instants, 'instant')}"),
    ):
        grid.add_row(Text(name), Text(said))
    console.print(grid)
    console.print(Text(meaning(finding)))


def meaning(finding: Finding) -> str:
    """What a finding says about the strategy."""
    when, t = moment(finding.ns), moment(finding.t)
    if finding.raised:
        return (
            f"It reads rows recorded after {t} and fails without them ({when}). Live they do not "
            "exist yet: it would fail there, too, and what it earns in a replay means nothing."
        )
    return (
        f"What it decides ({when}) depends on rows recorded after {t}. Live they do not exist yet: "
        "it could not decide so, and what it earns in a replay means nothing."
    )
