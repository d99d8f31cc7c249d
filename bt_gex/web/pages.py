"""The desk: pages over the same journal as the API, usable without JavaScript."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BeforeValidator, Field

from bt_gex.errors import UsageError
from bt_gex.journal.base import ALL_WORKSPACES, Journal
from bt_gex.journal.base import Query as Wanted
from bt_gex.journal.records import Record
from bt_gex.ledger.events import Scope
from bt_gex.paper.plan_runs import find_plan_run, plan_runs
from bt_gex.web.access import require_session
from bt_gex.web.run_plans import row_of as plan_row
from bt_gex.web.run_plans import variant_result
from bt_gex.web.service import TheBroker, TheJournal
from bt_gex.web.templates_env import page
from bt_gex.web.workspaces import workspace_rows

router = APIRouter(include_in_schema=False, dependencies=[Depends(require_session)])
HOURS = (1, 24, 72, 168)
STATUSES = ("running", "completed", "failed", "canceled")
PREVIEW = 100  # characters of a payload in a list
RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a cell that starts so as a formula
EVENT_COLUMNS = (
    "at", "workspace_id", "seq", "type", "symbol", "correlation_id", "intent_id", "order_id",
    "payload",
)  # fmt: skip
WHO = "desk"


# ------------------------------------------------------------------------------ overview


@router.get("/")
def overview(request: Request, journal: TheJournal, broker: TheBroker) -> Response:
    """What there is; as JSON for who asks for it."""
    if "text/html" not in request.headers.get("accept", "text/html"):
        return JSONResponse(
            {
                "name": "bt-gex",
                "version": version("bt-gex"),
                "status": "ok",
                "endpoints": sorted(request.app.openapi()["paths"]),
            }
        )
    return page(
        request,
        "overview.html.jinja",
        title="Desk",
        workspaces=workspace_rows(journal, broker),
        plans=[plan_row(plan) for plan in plan_runs(journal)[:10]],
        events=[event_cells(one) for one in journal.records(Wanted(newest=True, limit=10))],
        halted=sorted(journal.halts()),
    )


# ------------------------------------------------------------------------------ accounts


@router.get("/desk/workspaces/{workspace_id}")
def workspace(
    request: Request, workspace_id: UUID, journal: TheJournal, broker: TheBroker
) -> HTMLResponse:
    """One account: what it holds, what stops it, what happened last."""
    if workspace_id not in journal.workspaces() or workspace_id == ALL_WORKSPACES:
        raise HTTPException(404, f"There is no workspace {workspace_id}")
    state = broker.state(workspace_id)
    wanted = Wanted(workspace_id=workspace_id, newest=True, limit=30)
    return page(
        request,
        "workspace.html.jinja",
        title=f"Account {str(workspace_id)[:8]}",
        state=state,
        held=[one for one in state.positions.values() if one.quantity > 0],
        checked=journal.verify(workspace_id),
        events=[event_cells(one) for one in journal.records(wanted)],
        everywhere=sorted(journal.halts()),
    )


Typed = Annotated[str, Form(alias="workspace_id_again")]
Why = Annotated[str, Form(min_length=1, max_length=255)]


def _confirmed(workspace_id: UUID, typed: str) -> None:
    if typed.strip() != str(workspace_id):
        raise HTTPException(
            400, f"{typed!r:.60} is not the account's id; nothing was changed. Type it again"
        )


@router.post("/desk/workspaces/{workspace_id}/kill-switch")
def kill_switch(
    workspace_id: UUID,
    broker: TheBroker,
    typed: Typed,
    on: Annotated[bool, Form()],
    scope: Annotated[Scope, Form()],
    why: Why,
) -> Response:
    """Set or lift the kill switch of an account."""
    _confirmed(workspace_id, typed)
    broker.switch(workspace_id, on, scope, why=why, who=WHO)
    return RedirectResponse(f"/desk/workspaces/{workspace_id}", 303)


@router.post("/desk/workspaces/{workspace_id}/reset")
def reset(workspace_id: UUID, broker: TheBroker, typed: Typed) -> Response:
    """Begin an account anew."""
    _confirmed(workspace_id, typed)
    try:
        broker.reset(workspace_id)
    except UsageError as error:
        raise HTTPException(403, str(error)) from error
    return RedirectResponse(f"/desk/workspaces/{workspace_id}", 303)


@router.post("/desk/workspaces/{workspace_id}/reconcile")
def reconcile(workspace_id: UUID, broker: TheBroker) -> Response:
    """Rebuild an account from its fills; after a reset it is shown again."""
    broker.reconcile(workspace_id)
    return RedirectResponse(f"/desk/workspaces/{workspace_id}", 303)


# ------------------------------------------------------------------------------ journal

# A form sends an empty text where nothing was chosen.
Hours = Annotated[
    Annotated[int, Field(ge=1, le=24 * 3660)] | None,
    BeforeValidator(lambda value: value or None),
    Query(),
]


def _wanted(
    workspace_id: str, event_type: str, symbol: str, correlation_id: str, hours: int | None
) -> Wanted:
    try:
        workspace = UUID(workspace_id) if workspace_id else None
    except ValueError:
        raise HTTPException(422, f"{workspace_id!r:.60} is no id of a workspace") from None
    return Wanted(
        workspace_id=workspace,
        types=(event_type,) if event_type else (),
        symbol=symbol or None,
        correlation_id=correlation_id or None,
        since=datetime.now(UTC) - timedelta(hours=hours) if hours else None,
        newest=True,
    )


@router.get("/admin/trade/events")
def events(
    request: Request,
    journal: TheJournal,
    workspace_id: str = "",
    event_type: str = "",
    symbol: str = "",
    correlation_id: str = "",
    hours: Hours = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> HTMLResponse:
    """Events of the journal, filtered, the newest first."""
    wanted = _wanted(workspace_id, event_type, symbol, correlation_id, hours)
    counts = journal.counts(_without_type(wanted))
    total = counts.get(event_type, 0) if event_type else sum(counts.values())
    shown = journal.records(_paged(wanted, limit, offset))
    filters = {
        "workspace_id": workspace_id, "event_type": event_type, "symbol": symbol,
        "correlation_id": correlation_id, "hours": hours or "", "limit": limit,
    }  # fmt: skip
    return page(
        request,
        "events.html.jinja",
        title="Journal",
        events=[event_cells(one) for one in shown],
        counts=counts,
        filters=filters,
        hours=HOURS,
        total=total,
        offset=offset,
        limit=limit,
        link=lambda **more: "/admin/trade/events?" + urlencode(filters | more),
        csv="/admin/trade/events.csv?" + urlencode(filters),
    )


@router.get("/admin/trade/events.csv")
def events_csv(
    journal: TheJournal,
    workspace_id: str = "",
    event_type: str = "",
    symbol: str = "",
    correlation_id: str = "",
    hours: Hours = None,
) -> Response:
    """The same as CSV, all pages."""
    wanted = _wanted(workspace_id, event_type, symbol, correlation_id, hours)
    rows = ([getattr(one, name) for name in EVENT_COLUMNS] for one in journal.records(wanted))
    return as_csv("events.csv", EVENT_COLUMNS, rows)


@router.get("/admin/trade/events/{workspace_id}/{seq}")
def event(request: Request, workspace_id: UUID, seq: int, journal: TheJournal) -> HTMLResponse:
    """One event, and those of the same correlation."""
    wanted = Wanted(workspace_id=workspace_id, after=seq - 1, limit=1)
    found = journal.records(wanted) if 1 <= seq < 2**60 else []
    if not found or found[0].seq != seq:
        raise HTTPException(404, f"Workspace {workspace_id} has no event {seq}")
    record = found[0]
    linked: Sequence[Record] = []
    if record.correlation_id:
        linked = journal.records(
            Wanted(workspace_id=workspace_id, correlation_id=record.correlation_id, limit=200)
        )
    return page(
        request,
        "event.html.jinja",
        title=f"Event {seq}",
        event=record,
        payload=json.dumps(record.payload_json(), indent=2, ensure_ascii=False),
        linked=[event_cells(one) for one in linked],
    )


def _without_type(wanted: Wanted) -> Wanted:
    return Wanted(
        workspace_id=wanted.workspace_id,
        symbol=wanted.symbol,
        correlation_id=wanted.correlation_id,
        since=wanted.since,
    )


def _paged(wanted: Wanted, limit: int, offset: int) -> Wanted:
    return Wanted(
        workspace_id=wanted.workspace_id,
        types=wanted.types,
        symbol=wanted.symbol,
        correlation_id=wanted.correlation_id,
        since=wanted.since,
        newest=True,
        limit=limit,
        offset=offset,
    )


def event_cells(record: Record) -> dict[str, object]:
    """A row of a table of events."""
    text = record.payload
    return {
        "at": record.at[:19].replace("T", " "),
        "exact": record.at,
        "workspace": record.workspace_id,
        "seq": record.seq,
        "type": record.type,
        "symbol": record.symbol or "",
        "correlation": record.correlation_id or "",
        "preview": text if len(text) <= PREVIEW else text[: PREVIEW - 1] + "…",
        "url": f"/admin/trade/events/{record.workspace_id}/{record.seq}",
    }


# ------------------------------------------------------------------------------ run plans


@router.get("/admin/testing/run-plans")
def plans(
    request: Request,
    journal: TheJournal,
    status: str = "",
    hours: Hours = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> HTMLResponse:
    """Run plans, the newest first."""
    since = datetime.now(UTC) - timedelta(hours=hours) if hours else None
    if status and status not in STATUSES:
        raise HTTPException(422, f"{status!r:.60} is no status; one of {', '.join(STATUSES)}")
    found = plan_runs(journal, since=since, statuses=(status,) if status else ())  # type: ignore[arg-type]
    filters = {"status": status, "hours": hours or "", "limit": limit}
    return page(
        request,
        "plans.html.jinja",
        title="Run plans",
        plans=[plan_row(one) for one in found[offset : offset + limit]],
        total=len(found),
        offset=offset,
        limit=limit,
        filters=filters,
        statuses=STATUSES,
        hours=HOURS[1:],
        link=lambda **more: "/admin/testing/run-plans?" + urlencode(filters | more),
    )


@router.get("/admin/testing/run-plans/{run_plan_id}.csv")
def plan_csv(run_plan_id: UUID, journal: TheJournal) -> Response:
    """The variants of a plan as CSV."""
    found = find_plan_run(journal, run_plan_id)
    if found is None:
        raise HTTPException(404, "Run plan not found")
    names = ("variant_id", "label", "status", "objective_score")
    figures = ("trade_count", "win_rate", "return_pct", "max_drawdown_pct", "ending_equity")
    rows = (
        [getattr(run, name) for name in names]
        + [getattr(run.metrics, name) if run.metrics else None for name in figures]
        for run in found.variants.values()
    )
    return as_csv("variants.csv", (*names, *figures), rows)


@router.get("/admin/testing/run-plans/{run_plan_id}")
def plan(request: Request, run_plan_id: UUID, journal: TheJournal) -> HTMLResponse:
    """One run plan: its variants, scores, events."""
    found = find_plan_run(journal, run_plan_id)
    if found is None:
        raise HTTPException(404, "Run plan not found")
    return page(
        request,
        "plan.html.jinja",
        title=f"Run plan {str(run_plan_id)[:8]}",
        plan=plan_row(found),
        runs=[variant_result(run) for run in found.variants.values()],
        events=[event_cells(one) for one in plan_events(journal, run_plan_id)],
        csv=f"/admin/testing/run-plans/{run_plan_id}.csv",
    )


def plan_events(journal: Journal, run_plan_id: UUID) -> list[Record]:
    """All events of a plan, in order."""
    return journal.records(Wanted(correlation_id=str(run_plan_id)))


def as_csv(name: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """A CSV to download; no cell is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def safe_cell(value: object) -> object:
    """Text that starts like a formula, with a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value
