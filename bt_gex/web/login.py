"""Logging in and out of pages."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from bt_gex.paper.requests import Strict
from bt_gex.web.access import REMEMBERED_S, SESSION_S, WINDOW_S, Access
from bt_gex.web.templates_env import page

router = APIRouter(include_in_schema=False)


class LoginRequest(Strict):
    """remember: for a month instead of half a day."""

    token: str
    remember: bool = False


@router.get("/login")
def login_page(request: Request, next: str = "/", code: str = "") -> Response:  # noqa: A002
    """The form; a code that was printed at the start logs in at once, and once."""
    access: Access = request.app.state.access
    if code:
        if access.take_code(code):
            return _with_session(RedirectResponse(local(next), 303), access, request, SESSION_S)
        return page(request, "login.html.jinja", 403, title="Log in", next=local(next),
                    fault="This login link was used before, or is too old")  # fmt: skip
    return page(request, "login.html.jinja", title="Log in", next=local(next), fault="")


@router.post("/login")
def login_form(
    request: Request,
    token: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """The form's answer."""
    access: Access = request.app.state.access
    if fault := _refused(access, request, token):
        return page(request, "login.html.jinja", 403, title="Log in", next=local(next),
                    fault=fault)  # fmt: skip
    return _with_session(RedirectResponse(local(next), 303), access, request, SESSION_S)


@router.post("/auth/login")
def login_json(request: Request, wish: LoginRequest) -> Response:
    """The same as JSON."""
    access: Access = request.app.state.access
    if fault := _refused(access, request, wish.token):
        raise HTTPException(403, fault)
    length_s = REMEMBERED_S if wish.remember else SESSION_S
    return _with_session(JSONResponse({"status": "ok"}), access, request, length_s)


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session."""
    access: Access = request.app.state.access
    access.end_session(request.cookies.get(access.cookie))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(access.cookie)
    return answer


def local(path: str) -> str:
    """A path of this service; anything else becomes the overview."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not parts.scheme and not parts.netloc
    return path if ours and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


def _refused(access: Access, request: Request, token: str) -> str:
    address = request.client.host if request.client else ""
    if access.must_wait(address):
        return f"Too many wrong tokens; wait {WINDOW_S:.0f} s"
    if access.is_token(token):
        return ""
    access.failed(address)
    return "Invalid admin token"


def _with_session(answer: Response, access: Access, request: Request, length_s: float) -> Response:
    answer.set_cookie(
        access.cookie,
        access.new_session(length_s),
        max_age=int(length_s),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer
