"""/execute: intents at a price, and the accounts they are traded on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel

from bt_gex.errors import BadValue, UsageError
from bt_gex.paper.answers import (
    ExecutionResult,
    PaperPosition,
    PaperState,
    ReconciliationResult,
)
from bt_gex.paper.requests import ExecutionRequest
from bt_gex.web.answers import RESPONSES, documented
from bt_gex.web.problems import business_error
from bt_gex.web.service import TheBroker

router = APIRouter(prefix="/execute", tags=["execution"])
PASSED_ON = {"POLICY_REJECTED", "STRATEGY_PAUSED"}  # an answer, not an error


class ResetAnswer(BaseModel):
    status: str
    workspace_id: str


def own_workspace(
    workspace_id: UUID, header: Annotated[str | None, Header(alias="X-Workspace-Id")] = None
) -> UUID:
    """The workspace of the path; the header, when given, has to name the same one."""
    if header is None:
        return workspace_id
    try:
        named = UUID(header)
    except ValueError:
        raise HTTPException(400, f"Invalid workspace ID {header!r:.60}") from None
    if named != workspace_id:
        raise HTTPException(400, f"X-Workspace-Id {named} is not the path's {workspace_id}")
    return workspace_id


Workspace = Annotated[UUID, Depends(own_workspace)]


@router.post("/intents", responses=documented(400, 409, 503, 507))
def execute(
    request: ExecutionRequest,
    broker: TheBroker,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> ExecutionResult:
    """Trade an intent at a price, once.

    An intent that policy or a pause refuses is answered with 200 and success false. One that was
    executed before is 409 with the first order, or with Idempotency-Key 200 with the first answer.
    """
    if request.mode != "paper":
        raise business_error(400, "UNSUPPORTED_MODE", "Only paper mode supported")
    try:
        result = broker.execute(request.intent.intent(), request.price, request.mode)
    except BadValue as error:
        raise business_error(400, "BAD_INTENT", str(error)) from error
    if result.success or result.error_code in PASSED_ON:
        return result
    if result.error_code == "ALREADY_EXECUTED":
        if idempotency_key is not None and result.request_matches is not False:
            return broker.first_result(request.intent.workspace_id, request.intent.id)
        raise _executed_before(broker, request, result)
    raise business_error(400, result.error_code or "", result.error or "")


def _executed_before(
    broker: TheBroker, request: ExecutionRequest, result: ExecutionResult
) -> HTTPException:
    first = broker.first_result(request.intent.workspace_id, request.intent.id)
    more: dict[str, object] = {
        "prior_correlation_id": result.correlation_id,
        "order_id": result.order_id,
        "request_matches": result.request_matches,
        "first_result": first.model_dump(mode="json"),
    }
    return business_error(409, "ALREADY_EXECUTED", result.error or "", **more)


@router.get("/paper/state/{workspace_id}", responses=RESPONSES)
def state(workspace_id: Workspace, broker: TheBroker) -> PaperState:
    """An account; a fresh one where nothing has happened yet."""
    return broker.state(workspace_id)


@router.get("/paper/positions/{workspace_id}", responses=RESPONSES)
def positions(workspace_id: Workspace, broker: TheBroker) -> list[PaperPosition]:
    """What an account holds now."""
    return broker.positions(workspace_id)


@router.post("/paper/reconcile/{workspace_id}", responses=RESPONSES)
def reconcile(workspace_id: Workspace, broker: TheBroker) -> ReconciliationResult:
    """Rebuild an account from its fills and compare; after a reset it is shown again."""
    return broker.reconcile(workspace_id)


@router.post("/paper/reset/{workspace_id}", responses=RESPONSES)
def reset(workspace_id: Workspace, broker: TheBroker) -> ResetAnswer:
    """Show a fresh account; its events stay. Forbidden in production."""
    try:
        broker.reset(workspace_id)
    except UsageError as error:
        raise HTTPException(403, str(error)) from error
    return ResetAnswer(status="reset", workspace_id=str(workspace_id))
