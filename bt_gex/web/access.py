"""Who may ask: the admin token for the API, a session cookie for pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

SESSION_S = 12 * 3600.0
REMEMBERED_S = 30 * 24 * 3600.0
CODE_S = 600.0
FAILURES, WINDOW_S = 20, 60.0  # so many wrong tokens from one address, then it has to wait

header_scheme = APIKeyHeader(name="X-Admin-Token", auto_error=False)
bearer_scheme = HTTPBearer(auto_error=False)


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass
class Access:
    """The token, and who has logged in; clock: monotonic seconds."""

    token: str = field(repr=False)
    cookie: str
    clock: Callable[[], float] = time.monotonic
    _sessions: dict[str, float] = field(default_factory=dict, repr=False)
    _codes: dict[str, float] = field(default_factory=dict, repr=False)
    _failures: dict[str, deque[float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def is_token(self, given: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def new_session(self, length_s: float = SESSION_S) -> str:
        """A random id that opens pages until it expires; only its hash is kept."""
        return self._made(self._sessions, length_s)

    def new_code(self) -> str:
        """A code that logs in once."""
        return self._made(self._codes, CODE_S)

    def is_session(self, given: str | None) -> bool:
        with self._lock:
            return given is not None and self._sessions.get(digest(given), 0.0) > self.clock()

    def end_session(self, given: str | None) -> None:
        with self._lock:
            self._sessions.pop(digest(given or ""), None)

    def take_code(self, given: str) -> bool:
        """Whether a code is good; it is not good again."""
        with self._lock:
            return self._codes.pop(digest(given), 0.0) > self.clock()

    def _made(self, where: dict[str, float], length_s: float) -> str:
        made = secrets.token_urlsafe(32)
        with self._lock:
            now = self.clock()
            for name in [name for name, ends in where.items() if ends <= now]:
                del where[name]
            where[digest(made)] = now + length_s
        return made

    def must_wait(self, address: str) -> bool:
        """Whether an address has given too many wrong tokens of late."""
        with self._lock:
            return len(self._recent(address)) >= FAILURES

    def failed(self, address: str) -> None:
        with self._lock:
            self._recent(address).append(self.clock())

    def _recent(self, address: str) -> deque[float]:
        found = self._failures.setdefault(address, deque(maxlen=FAILURES))
        while found and found[0] <= self.clock() - WINDOW_S:
            found.popleft()
        return found


def require_admin(
    request: Request,
    key: Annotated[str | None, Depends(header_scheme)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> None:
    """The admin token in X-Admin-Token or as Bearer; missing 401, wrong 403."""
    access: Access = request.app.state.access
    given = key if key is not None else bearer.credentials if bearer else None
    if given is None:
        raise HTTPException(
            401, "Missing authorization header", headers={"WWW-Authenticate": "Bearer"}
        )
    address = request.client.host if request.client else ""
    if access.must_wait(address):
        wait = {"Retry-After": f"{WINDOW_S:.0f}"}
        raise HTTPException(429, "Too many wrong tokens; wait a minute", headers=wait)
    if not access.is_token(given):
        access.failed(address)
        raise HTTPException(403, "Invalid admin token")


def require_any(
    request: Request,
    key: Annotated[str | None, Depends(header_scheme)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> None:
    """The session cookie of a page, or the admin token."""
    access: Access = request.app.state.access
    if not access.is_session(request.cookies.get(access.cookie)):
        require_admin(request, key, bearer)


class NotLoggedIn(Exception):
    """A page was asked for without a session; path: where to go on after logging in."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def require_session(request: Request) -> None:
    """The session cookie of a page; without it NotLoggedIn. JSON may be asked for by token."""
    access: Access = request.app.state.access
    if access.is_session(request.cookies.get(access.cookie)):
        return
    key = request.headers.get("X-Admin-Token")
    if key is not None and "text/html" not in request.headers.get("accept", ""):
        require_admin(request, key, None)
        return
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    raise NotLoggedIn(path if request.method == "GET" else "/")
