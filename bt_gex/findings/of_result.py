"""The one list of findings, of a result of any kind."""

from __future__ import annotations

from bt_gex.findings.evidence import Evidence
from bt_gex.findings.finding import Finding, heaviest_first
from bt_gex.findings.of_claim import findings_of_claim
from bt_gex.findings.of_run import findings_of_run
from bt_gex.findings.of_terms import findings_of_terms


def findings_of(evidence: Evidence) -> list[Finding]:
    """Everything that speaks against a result, the heaviest first."""
    found = [*findings_of_run(evidence, evidence.trades), *findings_of_terms(evidence)]
    claim = evidence.claim
    if claim is not None:
        found += findings_of_claim(
            evidence.trades,
            sessions=evidence.sessions,
            bootstrap=claim.bootstrap,
            sharpe=claim.sharpe,
            costs=claim.costs,
            sweep=claim.sweep,
            changed=claim.changed,
        )
    return heaviest_first(found)
