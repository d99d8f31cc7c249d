"""What a service is started with, and the token that opens it."""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from bt_gex.config.home import journal_path
from bt_gex.errors import BadValue, DataError, OutputError

TOKEN_VARIABLE = "BT_GEX_ADMIN_TOKEN"
TOKEN_FILE = "admin-token"
LEAST_TOKEN = 16  # characters; a service that others can reach needs twice as many
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """A service.

    token            what requests must carry
    journal          SQLite file or URL of the journal; None: the service has none
    recordings       the same of recorded sessions
    hosts            names it may be asked under, besides those of this machine
    profile          `production` forbids resets
    starting_equity  dollars of an account that a first intent opens

    Raises BadValue for a token that is too short.
    """

    token: str = field(repr=False)
    journal: str | None
    recordings: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    profile: str = "development"
    starting_equity: Decimal = Decimal(10_000)
    risk_budget_dollars: Decimal | None = None

    def __post_init__(self) -> None:
        least = LEAST_TOKEN if is_local(self.host) else 2 * LEAST_TOKEN
        if len(self.token) < least:
            raise BadValue(
                f"the admin token has {len(self.token)} characters; {least} are needed to listen "
                f"on {self.host}"
            )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Names without ports, lower case."""
        own = () if self.host in ("0.0.0.0", "::") else (self.host,)
        return frozenset(name.lower() for name in (*LOCAL_HOSTS, *own, *self.hosts))


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def default_journal(home: Path) -> str:
    """The home's journal; its folder is made."""
    path = journal_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(path)


def find_token(folder: Path, environ: dict[str, str] | None = None) -> tuple[str, bool]:
    """The token, and whether it was made just now: of the environment, else of a file in the
    folder that only its owner may read, else a new one that is kept there.

    Raises DataError for a file that others may read or that is empty.
    """
    given = (os.environ if environ is None else environ).get(TOKEN_VARIABLE, "").strip()
    if given:
        return given, False
    path = folder / TOKEN_FILE
    try:
        if path.exists():
            return _read_token(path), False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = secrets.token_urlsafe(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error
    return token, True


def _read_token(path: Path) -> str:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DataError(f"{path}: others may read it; chmod 600 it, or delete it for a new one")
    token = path.read_text("utf-8").strip()
    if not token:
        raise DataError(f"{path} is empty; delete it for a new one")
    return token
