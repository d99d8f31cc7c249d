"""/api/workspaces: the accounts of the journal, and what stops them from trading."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from bt_gex.journal.base import ALL_WORKSPACES, Journal
from bt_gex.ledger.events import Scope
from bt_gex.paper.answers import PaperState
from bt_gex.paper.broker import PaperBroker
from bt_gex.paper.requests import Strict
from bt_gex.web.answers import documented
from bt_gex.web.service import TheBroker, TheJournal

router = APIRouter(prefix="/api/workspaces", tags=["workspaces"])
WHO = "web"
Why = Annotated[str, Field(min_length=1, max_length=255)]


class WorkspaceRow(BaseModel):
    workspace_id: UUID
    events: int
    last_event_at: datetime | None
    cash: float
    realized_pnl: float
    open_positions: int
    halts: tuple[Scope, ...]


class SwitchRequest(Strict):
    """workspace_id: that of the path again, so that no slip stops another account."""

    workspace_id: UUID
    on: bool
    scope: Scope = "all"
    why: Why


class PauseRequest(Strict):
    strategy_entity_id: UUID
    paused: bool
    why: Why


@router.get("", responses=documented(503))
def workspaces(broker: TheBroker, journal: TheJournal) -> list[WorkspaceRow]:
    """Every account, in the order of its id."""
    return [_row(broker.state(name)) for name in journal.workspaces() if name != ALL_WORKSPACES]


@router.post("/{workspace_id}/kill-switch", responses=documented(400, 503, 507))
def kill_switch(workspace_id: UUID, request: SwitchRequest, broker: TheBroker) -> PaperState:
    """Stop an account from trading, or let it trade again; the nil UUID stands for all."""
    if request.workspace_id != workspace_id:
        raise HTTPException(
            400, f"workspace_id is {request.workspace_id}, that of the path {workspace_id}"
        )
    broker.switch(workspace_id, request.on, request.scope, why=request.why, who=WHO)
    return broker.state(workspace_id)


@router.post("/{workspace_id}/pauses", responses=documented(503, 507))
def pause(workspace_id: UUID, request: PauseRequest, broker: TheBroker) -> PaperState:
    """Pause a strategy of an account, or let it go on."""
    broker.pause(workspace_id, request.strategy_entity_id, request.paused, why=request.why)
    return broker.state(workspace_id)


def workspace_rows(journal: Journal, broker: PaperBroker) -> list[WorkspaceRow]:
    """Every account, in the order of its id."""
    return [_row(broker.state(name)) for name in journal.workspaces() if name != ALL_WORKSPACES]


def _row(state: PaperState) -> WorkspaceRow:
    return WorkspaceRow(
        workspace_id=state.workspace_id,
        events=state.seq,
        last_event_at=state.last_event_at,
        cash=state.cash,
        realized_pnl=state.realized_pnl,
        open_positions=sum(one.quantity > 0 for one in state.positions.values()),
        halts=state.halts,
    )
