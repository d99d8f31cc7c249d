"""What stands before every request: host names, cross-site requests, headers, body sizes.

A page of another site can make a browser send requests here. Those that change something are
refused unless the browser says they come from here; a name that is not ours is refused, so that no
other site can be given this machine's address under its own name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OUR_SITES = frozenset({"same-origin", "none"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware; hosts: allowed names, lower case, without ports."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self.app, self.hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    found.setdefault(name, value)
            await send(message)

        if refusal is None:
            await self.app(scope, receive, with_headers)
            return
        status, detail = refusal
        await with_headers(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/problem+json")],
            }
        )
        body = {"title": "Refused", "status": status, "detail": detail}
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if host_name(host) not in self.hosts:
            return 400, "this service is not known under that host name; add it with --allow-host"
        if method in SAFE_METHODS:
            return None
        site = headers.get("sec-fetch-site")
        if site is not None:
            ours = site in OUR_SITES
        else:
            origin = headers.get("origin")
            ours = origin is None or origin.partition("://")[2] == host
        return None if ours else (403, "a page of another site sent this request")


def host_name(host: str) -> str:
    """A Host header without its port, lower case: `[::1]:8000` → `[::1]`."""
    lower = host.lower()
    if lower.startswith("["):
        return lower.partition("]")[0] + "]"
    return lower.partition(":")[0]
