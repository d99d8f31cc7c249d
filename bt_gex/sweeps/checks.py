"""Checks and sessions of a variant on disk, as its findings need them beside its trades."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bt_gex.storage.reading import read_lines, read_table
from bt_gex.trades.codec import from_json, from_table, to_json, to_table
from bt_gex.trades.records import Decision, SessionSummary


def write_checks(
    place: Path, decisions: Iterable[Decision], sessions: Iterable[SessionSummary]
) -> None:
    """Write them as `place`.parquet and `place`.jsonl."""
    import pyarrow.parquet as pq

    pq.write_table(to_table(Decision, decisions), place.with_suffix(".parquet"))
    lines = (json.dumps(to_json(session), allow_nan=False) for session in sessions)
    place.with_suffix(".jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def read_checks(place: Path) -> tuple[list[Decision], list[SessionSummary]]:
    """Both again. Raises BadValue."""
    table, lines = place.with_suffix(".parquet"), place.with_suffix(".jsonl")
    return (
        from_table(Decision, read_table(table), f"{table.name}, check"),
        from_json(list[SessionSummary], json.dumps(read_lines(lines)), f"{lines.name}, session"),
    )
