"""What a verb prints with --json: what is stored, and what speaks against it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bt_gex.findings.finding import Finding
from bt_gex.sweeps.judged import sweep_findings, walkforward_findings
from bt_gex.trades.codec import Json, plain, to_json

if TYPE_CHECKING:
    from bt_gex.live.parity import Parity
    from bt_gex.live.report import SessionReport
    from bt_gex.lookahead.check import CheckResult, ControlResult
    from bt_gex.results.result import RunResult
    from bt_gex.sweeps.records import InShort
    from bt_gex.sweeps.result import SweepResult
    from bt_gex.sweeps.walkforward_result import WalkForward


def run_content(result: RunResult, findings: Iterable[Finding]) -> dict[str, Json]:
    """trades.json of a run, and its warnings."""
    return {**json.loads(result.to_json()), "warnings": warnings_of(findings)}


def session_content(
    report: SessionReport,
    result: RunResult,
    findings: Iterable[Finding],
    score: Parity | None,
) -> dict[str, Json]:
    """A paper session: what a run prints, and its orders, refusals, data and parity."""
    return {
        "session_id": report.session_id,
        **run_content(result, findings),
        **{name: value for name, value in to_json(report).items() if name != "session_id"},
        "parity": to_json(score) if score else None,
    }


def sweep_content(result: SweepResult) -> dict[str, Json]:
    """A sweep; best and baseline have warnings of their own, None where there is none."""
    summary, found = result.summary, sweep_findings(result)

    def variant(short: InShort | None, findings: Iterable[Finding]) -> Json:
        return None if short is None else {**to_json(short), "warnings": warnings_of(findings)}

    return {
        "name": result.name,
        "summary": {
            **to_json(summary),
            "best": variant(summary.best, found.best),
            "baseline": variant(summary.baseline, found.baseline),
        },
        "config": plain(result.best),
        "variants": plain(result.rows),
        "warnings": warnings_of(found.sweep),
    }


def walkforward_content(result: WalkForward) -> dict[str, Json]:
    """A walk-forward; each window has the warnings of its test sessions."""
    found = walkforward_findings(result)
    return {
        "name": result.name,
        "summary": to_json(result.summary),
        "windows": [
            {**to_json(window), "warnings": warnings_of(findings)}
            for window, findings in zip(result.windows, found.windows, strict=True)
        ],
        "trades": plain(result.trades),
        "warnings": warnings_of(found.whole),
    }


def lookahead_content(result: CheckResult, said: str) -> dict[str, Json]:
    """A look-ahead check; instants are nanoseconds since 1970, UTC, 0 being before the first tick.

    said  the outcome in words
    """
    warning = Finding(
        kind=result.outcome,
        text=f"{said}.",
        next_step="Do not trade it before bt-gex lookahead calls it clean.",
    )
    warnings = [] if result.outcome == "clean" else [warning]
    return {**to_json(result), "warnings": warnings_of(warnings)}


def self_test_content(found: Iterable[ControlResult]) -> dict[str, Json]:
    """The outcome of each control."""
    return {
        "controls": [
            {
                "target": one.result.target,
                "reads": one.control.reads,
                "expected": "look-ahead" if one.control.looks_ahead else "clean",
                "found": one.result.outcome,
                "is_as_expected": one.is_as_expected,
            }
            for one in found
        ]
    }


def warnings_of(findings: Iterable[Finding]) -> list[Json]:
    """An object for each finding, in their order."""
    return [to_json(finding) for finding in findings]


def json_text(content: Mapping[str, object]) -> str:
    """The text of one object, without NaN and Infinity."""
    return json.dumps(content, indent=1, allow_nan=False)
