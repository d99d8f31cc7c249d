"""Why there are gaps: what a recorder said it could not record meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bt_gex.blackbox.appender import failures_of
from bt_gex.blackbox.coverage_records import IndexCoverage
from bt_gex.market.calendar import NS

QUOTES_LACK = ("chain", "database")  # what has failed where quotes are missing
NOT_SAID = "no failure is recorded: the recorder was not there"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCause:
    """A gap in an index's quotes and its cause.

    failures  recorded within it; cause: the most frequent one
    """

    index: str
    session: date
    start_ns: int
    length_s: float
    failures: int
    cause: str


def gap_causes(database: str | Path, found: Iterable[IndexCoverage]) -> list[GapCause]:
    """The cause of each gap; none at all where no recorder has kept failures."""
    causes: list[GapCause] = []
    for index in found:
        failed = failures_of(database, index.symbol)
        if not failed:
            continue
        for session in index.sessions:
            for gap in session.gaps:
                end_ns = gap.start_ns + round(gap.length_s * NS)
                said = Counter(
                    f"{one.what}: {one.cause}"
                    for one in failed
                    if one.what in QUOTES_LACK and gap.start_ns < one.ns <= end_ns
                )
                causes.append(
                    GapCause(
                        index=index.symbol, session=session.session.day, start_ns=gap.start_ns,
                        length_s=gap.length_s, failures=said.total(),
                        cause=said.most_common(1)[0][0] if said else NOT_SAID,
                    )
                )  # fmt: skip
    return causes
