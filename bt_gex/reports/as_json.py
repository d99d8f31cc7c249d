"""What a verb prints with --json: what is stored, and what speaks against it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bt_gex.trades.codec import Json, to_json

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.results.result import RunResult


def run_content(result: RunResult, findings: Iterable[Finding]) -> dict[str, Json]:
    """trades.json of a run, and its warnings."""
    return {**json.loads(result.to_json()), "warnings": warnings_of(findings)}


def warnings_of(findings: Iterable[Finding]) -> list[Json]:
    """An object for each finding, in their order."""
    return [to_json(finding) for finding in findings]


def json_text(content: Mapping[str, object]) -> str:
    """The text of one object, without NaN and Infinity."""
    return json.dumps(content, indent=1, allow_nan=False)
