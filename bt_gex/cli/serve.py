"""`bt-gex serve`: the web service."""

from __future__ import annotations

import socket
from decimal import Decimal
from pathlib import Path

import click

from bt_gex.cli.common import FILLED, home_option
from bt_gex.cli.paper_journal import AMOUNT
from bt_gex.errors import RunError, UsageError


@click.command(epilog="Example: bt-gex serve --port 8000")
@click.option(
    "--host", type=FILLED, default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port."
)
@home_option
@click.option(
    "--journal",
    "journal_url",
    type=FILLED,
    metavar="URL",
    help="SQLite file or database URL of the journal; the home's by default.",
)
@click.option(
    "--recordings",
    type=FILLED,
    metavar="URL",
    help="SQLite file or database URL of recorded sessions.",
)
@click.option(
    "--allow-host", "hosts", multiple=True, type=FILLED, help="Further name to be asked under."
)
@click.option(
    "--profile",
    type=click.Choice(["development", "production"]),
    default="development",
    show_default=True,
    help="production: accounts cannot be reset.",
)
@click.option(
    "--starting-equity",
    type=AMOUNT,
    default=10_000.0,
    show_default=True,
    help="Dollars of an account that a first intent opens.",
)
def serve(
    host: str,
    port: int,
    home: Path,
    journal_url: str | None,
    recordings: str | None,
    hosts: tuple[str, ...],
    profile: str,
    starting_equity: float,
) -> None:
    """Serve paper accounts, run plans and the journal in the browser.

    The link that is printed logs a browser in, once. Requests to the API carry the admin token
    in X-Admin-Token. It is that of BT_GEX_ADMIN_TOKEN, else of a file that is made at the first
    start and that only you can read.
    """
    try:
        import uvicorn

        from bt_gex.web.app import create_app
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed; pip install 'bt-gex[web]' to serve"
        ) from error
    from platformdirs import user_config_path

    from bt_gex.web.settings import TOKEN_FILE, WebSettings, default_journal, find_token

    folder = user_config_path("bt-gex", appauthor=False)
    token, made = find_token(folder)
    settings = WebSettings(
        token=token,
        journal=journal_url or default_journal(home),
        recordings=recordings,
        host=host,
        port=port,
        hosts=hosts,
        profile=profile,
        starting_equity=Decimal(repr(starting_equity)),
    )
    listening = _socket(host, port)
    if made:
        click.echo(f"admin token, kept in {folder / TOKEN_FILE}: {token}")
    shown = f"[{host}]" if ":" in host else host
    app = create_app(settings)
    click.echo(f"listening on http://{shown}:{port}; Ctrl-C ends it")
    click.echo(f"log in, once: http://{shown}:{port}/login?code={app.state.access.new_code()}")
    config = uvicorn.Config(app, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listening])


def _socket(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises RunError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise RunError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; another --port, "
            "or end what listens there"
        ) from error
