"""Pages from templates; every value is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from bt_gex.reports.words import dollars, gain, percent
from bt_gex.web.access import Access


@cache
def environment() -> Environment:
    """Templates of the package."""
    found = Environment(
        loader=PackageLoader("bt_gex.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"dollars": dollars, "gain": gain, "percent": percent}
    return found


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page."""
    access: Access = request.app.state.access
    logged_in = access.is_session(request.cookies.get(access.cookie))
    text = (
        environment()
        .get_template(template)
        .render(values | {"path": request.url.path, "logged_in": logged_in})
    )
    return HTMLResponse(text, status)
