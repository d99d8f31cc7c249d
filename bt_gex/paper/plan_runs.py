"""Run plans as the journal tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from bt_gex.journal.base import Journal, Query
from bt_gex.journal.records import Record
from bt_gex.ledger.events import RUN_TYPES
from bt_gex.paper.variant_run import Status, VariantMetrics, VariantRun
from bt_gex.trades.intent import Json

PlanStatus = Literal["running", "completed", "failed", "canceled"]
ENDS: Mapping[str, PlanStatus] = {
    "run_completed": "completed", "run_failed": "failed", "run_canceled": "canceled",
}  # fmt: skip
DONE: Mapping[str, Status] = {
    "variant_completed": "success", "variant_failed": "failed", "variant_skipped": "skipped",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRun:
    """A run plan that was begun.

    started       what its first event says: objective, dataset, settings, specification, variants
    variants      done ones by id
    last_event_at of any of its events; a plan that runs and has none for long was interrupted
    """

    run_plan_id: UUID
    workspace_id: UUID
    status: PlanStatus
    started_at: datetime
    last_event_at: datetime
    ended_at: datetime | None = None
    started: Mapping[str, Json] = field(default_factory=dict)
    ended: Mapping[str, Json] = field(default_factory=dict)
    variants: Mapping[str, VariantRun] = field(default_factory=dict)

    @property
    def n_variants(self) -> int:
        found = self.started.get("n_variants")
        return found if isinstance(found, int) else 0


def find_plan_run(journal: Journal, run_plan_id: UUID) -> PlanRun | None:
    """The plan of that id, as far as it has come; None when it was never begun."""
    records = journal.records(Query(types=RUN_TYPES, correlation_id=str(run_plan_id)))
    return folded(records)


def folded(records: list[Record]) -> PlanRun | None:
    """A plan from its events in order."""
    plan: PlanRun | None = None
    for record in records:
        facts, at = record.payload_json(), datetime.fromisoformat(record.at)
        if record.type == "run_started":
            variants = plan.variants if plan else {}
            plan = PlanRun(
                run_plan_id=UUID(record.correlation_id),
                workspace_id=UUID(record.workspace_id),
                status="running",
                started_at=plan.started_at if plan else at,
                last_event_at=at,
                started=facts,
                variants=variants,
            )
        elif plan is None:
            continue
        elif record.type in ENDS:
            plan = replace(
                plan, status=ENDS[record.type], ended_at=at, last_event_at=at, ended=facts
            )
        else:
            done = dict(plan.variants)
            if record.type in DONE:
                run = variant_of(DONE[record.type], facts)
                done[run.variant_id] = run
            plan = replace(plan, last_event_at=at, variants=done)
    return plan


def variant_of(status: Status, facts: Mapping[str, Any]) -> VariantRun:
    """A variant from what was journaled about it."""
    metrics = facts.get("metrics")
    known = {column.name for column in fields(VariantMetrics)}
    return VariantRun(
        variant_id=str(facts["variant_id"]),
        label=str(facts.get("label", "")),
        status=status,
        metrics=VariantMetrics(**{k: v for k, v in metrics.items() if k in known})
        if isinstance(metrics, Mapping)
        else None,
        objective_score=facts.get("score"),
        error=facts.get("error"),
        skip_reason=facts.get("skip_reason"),
        events_recorded=int(facts.get("events_recorded", 0)),
    )


def plan_runs(
    journal: Journal,
    *,
    workspace_id: UUID | None = None,
    since: datetime | None = None,
    statuses: tuple[PlanStatus, ...] = (),
) -> list[PlanRun]:
    """Plans that were begun, the newest first. since: aware; begun at or after it."""
    query = Query(workspace_id=workspace_id, types=("run_started",), since=since, newest=True)
    names = dict.fromkeys(record.correlation_id for record in journal.records(query))
    found = (find_plan_run(journal, UUID(name)) for name in names if name)
    return [plan for plan in found if plan and (not statuses or plan.status in statuses)]


def interrupted(plan: PlanRun, now: datetime, lease_s: float) -> bool:
    """Whether a plan that was not ended has had no event for longer than its lease."""
    return plan.status == "running" and now - plan.last_event_at > timedelta(seconds=lease_s)
