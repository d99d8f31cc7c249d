"""Errors as answers: documented routes in their documented shape, others as problem+json."""

from __future__ import annotations

import logging
import math
from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from bt_gex.errors import (
    BtGexError,
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalFull,
    OutcomeUnknown,
    RecordingBusy,
    RecordingFull,
    UsageError,
)
from bt_gex.web.access import NotLoggedIn
from bt_gex.web.templates_env import page

log = logging.getLogger(__name__)
PROBLEM = "application/problem+json"
RETRY_S = "5"


def business_error(status: int, code: str, error: str, **more: object) -> HTTPException:
    """{"detail": {"error", "error_code", …}}."""
    return HTTPException(status, {"error": error, "error_code": code, **more})


def problem(status: int, title: str, detail: str, code: str, **headers: str) -> JSONResponse:
    """An answer of RFC 9457."""
    body = {"title": title, "status": status, "detail": detail, "error_code": code}
    return JSONResponse(body, status, headers=headers, media_type=PROBLEM)


def of_error(error: BtGexError) -> JSONResponse:
    """An error of ours; the journal's say whether to send the request again."""
    text = str(error)
    match error:
        case JournalFull() | RecordingFull():
            return problem(507, "Storage full", text, "STORAGE_FULL")
        case JournalBusy() | RecordingBusy():
            return problem(503, "Busy", text, "BUSY", **{"Retry-After": RETRY_S})
        case OutcomeUnknown():
            return problem(503, "Unknown outcome", text, "OUTCOME_UNKNOWN",
                           **{"Retry-After": RETRY_S})  # fmt: skip
        case JournalDamaged():
            return problem(503, "Damaged journal", text, "JOURNAL_DAMAGED")
        case JournalError():
            return problem(503, "No journal", text, "JOURNAL_ERROR")
        case UsageError():
            return problem(422, "Cannot be met", text, "BAD_REQUEST")
        case _:
            return problem(500, "Failed", text, "FAILED")


def finite(value: object) -> object:
    """A value without numbers that JSON does not have: they are written as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def wants_page(request: Request) -> bool:
    """Whether a browser asks, to show the answer."""
    return "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Answer errors as described."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if wants_page(request):
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"][1:])
            return page(request, "error.html.jinja", 422, title="Error 422",
                        detail=f"{place}: {first['msg']}")  # fmt: skip
        detail = finite(jsonable_encoder(error.errors(), custom_encoder={bytes: repr}))
        return JSONResponse({"detail": detail}, 422)

    @app.exception_handler(NotLoggedIn)
    async def not_logged_in(request: Request, error: NotLoggedIn) -> RedirectResponse:
        return RedirectResponse(f"/login?{urlencode({'next': error.path})}", 303)

    @app.exception_handler(StarletteHTTPException)
    async def http(request: Request, error: StarletteHTTPException) -> Response:
        if not wants_page(request):
            return await http_exception_handler(request, error)
        return page(
            request, "error.html.jinja", error.status_code,
            title=f"Error {error.status_code}", detail=str(error.detail),
        )  # fmt: skip

    @app.exception_handler(BtGexError)
    async def ours(request: Request, error: BtGexError) -> JSONResponse:
        answer = of_error(error)
        if answer.status_code >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
        return answer
