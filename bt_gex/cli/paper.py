"""`bt-gex paper`: paper accounts."""

from __future__ import annotations

import click

from bt_gex.cli.lazy import LazyGroup

# verb -> module that defines a click command of that name, hyphens written as underscores.
VERBS = {
    "start": "bt_gex.cli.paper_session",
    "status": "bt_gex.cli.paper_session",
    "stop": "bt_gex.cli.paper_session",
    "report": "bt_gex.cli.paper_session",
    "intent": "bt_gex.cli.paper_account",
    "state": "bt_gex.cli.paper_account",
    "positions": "bt_gex.cli.paper_account",
    "reconcile": "bt_gex.cli.paper_account",
    "reset": "bt_gex.cli.paper_account",
    "kill-switch": "bt_gex.cli.paper_switches",
    "pause": "bt_gex.cli.paper_switches",
    "resume": "bt_gex.cli.paper_switches",
}


@click.group(cls=LazyGroup, modules=VERBS, epilog="Example: bt-gex paper state")
def paper() -> None:
    """Paper accounts: trade on them, look at them, stop them.

    An account is a workspace of a journal: what it holds follows from its events.
    """
