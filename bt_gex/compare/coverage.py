"""What two sides do not both rest on: index, sessions, data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bt_gex.compare.records import Side

NAMED = 3  # dates named where some are missing
READING = ("data.", "entry.use_competing_peaks")  # settings of how rows are read
NO_DATA = "no data"  # status of a session


def coverage(a: Side, b: Side) -> list[str]:
    """What the two do not both rest on, a sentence each."""
    if a.is_run and b.is_run:
        return [*_other_index(a, b), *_other_sessions(a, b), *_other_data(a, b)]
    name, run, listed = ("A", a, b) if a.is_run else ("B", b, a)
    traded = {trade.session for trade in listed.trades}
    outside = sorted(traded - set(run.sessions))
    if outside:
        some = f"{len(outside)} of the list's {_count(len(traded))}"
        return [f"{some} {name} does not cover: {_named(outside)}"]
    if traded and len(traded) < len(run.sessions):
        return [
            f"{name} covers {_count(len(run.sessions))}, the list has trades on {len(traded)} of "
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
            sentences.append(f"{_count(len(alone))} only in {name}: {_named(alone)}")
    both = sorted(set(a.sessions) & set(b.sessions))
    for name, one, two in (("A", a, b), ("B", b, a)):
        gone = [day for day in both if one.sessions[day] == NO_DATA != two.sessions[day]]
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


def _count(sessions: int) -> str:
    return f"{sessions:,} session{'' if sessions == 1 else 's'}"


def _named(dates: Sequence[date]) -> str:
    rest = len(dates) - NAMED
    return ", ".join(map(str, dates[:NAMED])) + (f" and {rest:,} more" if rest > 0 else "")
