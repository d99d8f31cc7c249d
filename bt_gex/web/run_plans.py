"""/testing/run-plans: plans generated and run; /admin/run-plans: what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, File, Form, Header, HTTPException, Query, Response, UploadFile
from pydantic import BaseModel, Field

from bt_gex.errors import BadValue, DataError, UnknownName
from bt_gex.paper.bars_csv import MOST_BYTES, parse_csv
from bt_gex.paper.generator import (
    DEFAULT_OBJECTIVE,
    GeneratorConstraints,
    RunPlan,
    generate_plan,
)
from bt_gex.paper.orchestrator import PlanResult
from bt_gex.paper.plan_runs import PlanRun, find_plan_run
from bt_gex.paper.requests import Strict, parsed
from bt_gex.paper.specs import ExecutionSpec
from bt_gex.paper.variant_run import VariantMetrics, VariantRun
from bt_gex.storage.reading import refuse_constant
from bt_gex.web.answers import documented
from bt_gex.web.problems import business_error
from bt_gex.web.service import TheJournal, TheService

router = APIRouter(tags=["run plans"])
LABEL = 255  # characters of a file name that are kept
Object = dict[str, Any]
T = TypeVar("T")


class GenerateRequest(Strict):
    workspace_id: UUID
    base_spec: Object
    dataset_ref: Annotated[str, Field(min_length=1, max_length=LABEL)]
    constraints: Object = Field(default_factory=dict)
    objective: str = DEFAULT_OBJECTIVE


class VariantAnswer(BaseModel):
    variant_id: str
    label: str
    tags: tuple[str, ...]


class PlanAnswer(BaseModel):
    run_plan_id: UUID
    workspace_id: UUID
    n_variants: int
    objective: str
    variants: list[VariantAnswer]


class VariantResult(BaseModel):
    variant_id: str
    status: str
    objective_score: float | None
    metrics: VariantMetrics | None
    label: str
    error: str | None
    skip_reason: str | None


class ExecutedPlan(BaseModel):
    run_plan_id: UUID
    n_variants: int
    results: list[VariantResult]
    best_variant_id: str | None
    best_score: float | None


class StartedPlan(BaseModel):
    """status_url: where the plan can be looked at while it runs."""

    run_plan_id: UUID
    n_variants: int
    status_url: str


class PlanRow(BaseModel):
    """A plan as the journal tells of it."""

    run_plan_id: UUID
    workspace_id: UUID
    status: Literal["running", "completed", "failed", "canceled"]
    objective: str | None
    dataset_ref: str | None
    n_variants: int
    n_done: int
    n_success: int
    n_skipped: int
    n_failed: int
    best_variant_id: str | None
    best_objective_score: float | None
    started_at: datetime
    ended_at: datetime | None
    error: str | None


class PlanRuns(BaseModel):
    runs: list[VariantResult]
    total: int
    limit: int
    offset: int


@router.post("/testing/run-plans/generate", responses=documented())
def generate(request: GenerateRequest) -> PlanAnswer:
    """The variants of a plan; nothing is run or kept."""
    plan = _plan(
        request.base_spec,
        request.constraints,
        request.workspace_id,
        request.objective,
        request.dataset_ref,
    )
    return PlanAnswer(
        run_plan_id=plan.run_plan_id,
        workspace_id=plan.workspace_id,
        n_variants=len(plan.variants),
        objective=plan.objective,
        variants=[
            VariantAnswer(variant_id=one.variant_id, label=one.label, tags=one.tags)
            for one in plan.variants
        ],
    )


@router.post(
    "/testing/run-plans/generate-and-execute",
    responses=documented(409, 503, 507) | {202: {"model": StartedPlan}},
)
def generate_and_execute(
    service: TheService,
    response: Response,
    file: Annotated[UploadFile, File()],
    workspace_id: Annotated[UUID, Form()],
    base_spec_json: Annotated[str, Form(min_length=1)],
    constraints_json: Annotated[str, Form(min_length=1)] = "{}",
    objective: Annotated[str, Form(min_length=1)] = DEFAULT_OBJECTIVE,
    prefer: Annotated[str | None, Header()] = None,
) -> ExecutedPlan | StartedPlan:
    """Run every variant of a plan on uploaded bars, in a process of its own.

    With `Prefer: respond-async` the answer comes at once, and says where to look.
    """
    spec = _object(base_spec_json, "base_spec_json")
    constraints = _object(constraints_json, "constraints_json")
    name = _label(file.filename)
    _checked_plan(spec, constraints, workspace_id, objective, name)
    content = _content(file)
    plan = _plan(spec, constraints, workspace_id, objective, name)
    url = service.journal_url()
    try:
        bars = parse_csv(content, name)
    except DataError as error:
        raise business_error(422, "INVALID_CSV", str(error)) from error
    job = service.start_plan(url, plan, bars)
    if prefer and "respond-async" in prefer:
        response.status_code = 202
        place = f"/admin/run-plans/{job.run_plan_id}"
        response.headers["Location"] = place
        return StartedPlan(
            run_plan_id=job.run_plan_id, n_variants=len(plan.variants), status_url=place
        )
    return executed(job.result())


@router.get("/admin/run-plans/{run_plan_id}", responses=documented(404, 503))
def plan_row(run_plan_id: UUID, journal: TheJournal) -> PlanRow:
    """A plan that was begun."""
    return row_of(_found(journal, run_plan_id))


@router.get("/admin/run-plans/{run_plan_id}/runs", responses=documented(404, 503))
def plan_variants(
    run_plan_id: UUID,
    journal: TheJournal,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> PlanRuns:
    """The variants of a plan that are done, in the plan's order."""
    plan = _found(journal, run_plan_id)
    runs = [variant_result(run) for run in plan.variants.values()]
    return PlanRuns(runs=runs[offset : offset + limit], total=len(runs), limit=limit, offset=offset)


def executed(result: PlanResult) -> ExecutedPlan:
    """The documented answer."""
    best = result.best
    return ExecutedPlan(
        run_plan_id=result.run_plan_id,
        n_variants=len(result.runs),
        results=[variant_result(run) for run in result.runs],
        best_variant_id=best.variant_id if best else None,
        best_score=best.objective_score if best else None,
    )


def variant_result(run: VariantRun) -> VariantResult:
    """A variant that is done."""
    names = ("variant_id", "status", "objective_score", "metrics", "label", "error", "skip_reason")
    return VariantResult(**{name: getattr(run, name) for name in names})


def row_of(plan: PlanRun) -> PlanRow:
    """A plan as a row of a list."""
    statuses = [run.status for run in plan.variants.values()]
    started, ended = plan.started, plan.ended
    return PlanRow.model_validate(
        {
            "run_plan_id": plan.run_plan_id,
            "workspace_id": plan.workspace_id,
            "status": plan.status,
            "objective": started.get("objective"),
            "dataset_ref": started.get("dataset_ref"),
            "n_variants": plan.n_variants,
            "n_done": len(statuses),
            "n_success": statuses.count("success"),
            "n_skipped": statuses.count("skipped"),
            "n_failed": statuses.count("failed"),
            "best_variant_id": ended.get("best_variant_id"),
            "best_objective_score": ended.get("best_objective_score"),
            "started_at": plan.started_at,
            "ended_at": plan.ended_at,
            "error": ended.get("error"),
        }
    )


def _found(journal: TheJournal, run_plan_id: UUID) -> PlanRun:
    plan = find_plan_run(journal, run_plan_id)
    if plan is None:
        raise HTTPException(404, "Run plan not found")
    return plan


def _plan(
    base: Object, constraints: Object, workspace_id: UUID, objective: str, dataset_ref: str
) -> RunPlan:
    spec, limits = _checked_plan(base, constraints, workspace_id, objective, dataset_ref)
    return generate_plan(spec, limits, dataset_ref=dataset_ref, objective=objective)


def _checked_plan(
    base: Object, constraints: Object, workspace_id: UUID, objective: str, dataset_ref: str
) -> tuple[ExecutionSpec, GeneratorConstraints]:
    """Specification and constraints, in the documented order of errors."""
    spec = _valid("INVALID_BASE_SPEC", lambda: ExecutionSpec.model_validate(base))
    if spec.workspace_id != workspace_id:
        error = f"workspace_id is {workspace_id}, that of the specification {spec.workspace_id}"
        raise business_error(422, "INVALID_BASE_SPEC", error)
    limits = _valid("INVALID_CONSTRAINTS", lambda: GeneratorConstraints.model_validate(constraints))
    try:
        generate_plan(spec, limits, objective=objective)
    except UnknownName as error:
        raise business_error(422, "INVALID_CONSTRAINTS", str(error)) from error
    return spec, limits


def _valid(code: str, make: Callable[[], Any]) -> Any:
    try:
        return parsed(make, code.lower().removeprefix("invalid_"))
    except BadValue as error:
        raise business_error(422, code, str(error)) from error


def _object(text: str, name: str) -> Object:
    try:
        found = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise business_error(422, "INVALID_JSON", f"{name}: {error}") from error
    if not isinstance(found, dict):
        raise business_error(422, "INVALID_JSON", f"{name} must be an object")
    return found


def _label(name: str | None) -> str:
    """A file name as a label; it is never used as a path."""
    shown = "".join(letter for letter in name or "" if letter.isprintable())
    return shown[:LABEL] or "uploaded.csv"


def _content(file: UploadFile) -> bytes:
    try:
        content = file.file.read(MOST_BYTES + 1)
    except OSError as error:
        raise business_error(422, "FILE_READ_ERROR", str(error)) from error
    if len(content) > MOST_BYTES:
        raise HTTPException(413, f"the file has more than {MOST_BYTES:,} bytes")
    return content
