"""The application: routers of each system behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from bt_gex.web import (
    execute,
    intents,
    journal,
    login,
    pages,
    problems,
    recordings,
    run_plans,
    workspaces,
)
from bt_gex.web.access import Access, require_admin, require_any
from bt_gex.web.guard import Guard
from bt_gex.web.service import Service
from bt_gex.web.settings import WebSettings

MOST_BODY_BYTES = 10_500_000  # an upload of 10 MB and what is around it

ROUTERS = (
    execute.router, intents.router, run_plans.router, workspaces.router, journal.router,
    recordings.router, recordings.replay_router,
)  # fmt: skip


def create_app(settings: WebSettings) -> FastAPI:
    """A service; nothing is opened before the first request that needs it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.service.close()

    app = FastAPI(
        title="bt-gex",
        version=version("bt-gex"),
        summary="Paper execution, run plans, recordings and runs of bt-gex.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        max_body_size=MOST_BODY_BYTES,
    )
    app.state.service = Service(settings)
    app.state.access = Access(settings.token, f"bt_gex_{settings.port}")
    problems.install(app)
    app.include_router(_health())
    app.include_router(_description(app), dependencies=[Depends(require_any)])
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(require_admin)])
    app.include_router(journal.streams, dependencies=[Depends(require_any)])
    for router in (login.router, pages.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(packages=[("bt_gex.web", "static")]), name="static")
    app.add_middleware(Guard, hosts=settings.allowed_hosts)
    return app


def _health() -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    def health() -> dict[str, str]:
        """Whether the service answers; needs no token."""
        return {"status": "ok"}

    return router


def _description(app: FastAPI) -> APIRouter:
    router = APIRouter()

    @router.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, object]:
        return app.openapi()

    return router
