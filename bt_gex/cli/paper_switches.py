"""`bt-gex paper kill-switch|pause|resume`: what may trade."""

from __future__ import annotations

import getpass
from uuid import UUID

import click

from bt_gex.cli.common import FILLED
from bt_gex.cli.paper_journal import chosen_workspace, journal_options, opened_journal

WHY = click.option("--why", type=FILLED, required=True, help="Reason; it is kept in the journal.")
WORKSPACE = click.option(
    "--workspace", type=click.UUID, help="Account; by default the one that was opened last."
)


@click.command(epilog="Example: bt-gex paper kill-switch on --why 'quotes look wrong'")
@click.argument("position", type=click.Choice(["on", "off"]))
@click.option(
    "--scope",
    type=click.Choice(["all", "entries"]),
    default="all",
    show_default=True,
    help="all: nothing trades; entries: nothing opens. Settlements go on.",
)
@WHY
@WORKSPACE
@click.option("--everywhere", is_flag=True, help="In all accounts of the journal.")
@journal_options
def kill_switch(
    position: str,
    scope: str,
    why: str,
    workspace: UUID | None,
    everywhere: bool,
    journal_url: str | None,
    home: str | None,
) -> None:
    """Stop an account from trading, or let it trade again.

    A running session obeys at its next order.
    """
    from bt_gex.journal.base import ALL_WORKSPACES
    from bt_gex.paper.broker import PaperBroker

    on = position == "on"
    with opened_journal(journal_url, home, writes=True) as journal:
        chosen = ALL_WORKSPACES if everywhere else chosen_workspace(journal, workspace, home)
        who = getpass.getuser()
        limits: dict[str, str] = {"all": "all", "entries": "entries"}
        PaperBroker(journal=journal).switch(chosen, on, limits[scope], why=why, who=who)  # type: ignore[arg-type]
    name = "all accounts" if everywhere else str(chosen)
    click.echo(f"kill switch for {scope} is {position}: {name}")


@click.command(epilog="Example: bt-gex paper pause STRATEGY --why 'until the pin settles'")
@click.argument("strategy", type=click.UUID)
@WHY
@WORKSPACE
@journal_options
def pause(
    strategy: UUID, why: str, workspace: UUID | None, journal_url: str | None, home: str | None
) -> None:
    """Pause a strategy of an account: its intents are refused."""
    _set_paused(strategy, True, why, workspace, journal_url, home)


@click.command(epilog="Example: bt-gex paper resume STRATEGY --why 'the pin has settled'")
@click.argument("strategy", type=click.UUID)
@WHY
@WORKSPACE
@journal_options
def resume(
    strategy: UUID, why: str, workspace: UUID | None, journal_url: str | None, home: str | None
) -> None:
    """Let a paused strategy trade again."""
    _set_paused(strategy, False, why, workspace, journal_url, home)


def _set_paused(
    strategy: UUID,
    paused: bool,
    why: str,
    workspace: UUID | None,
    journal_url: str | None,
    home: str | None,
) -> None:
    from bt_gex.paper.broker import PaperBroker

    with opened_journal(journal_url, home, writes=True) as journal:
        chosen = chosen_workspace(journal, workspace, home)
        PaperBroker(journal=journal).pause(chosen, strategy, paused, why=why)
    click.echo(f"strategy {strategy} is {'paused' if paused else 'active'} in {chosen}")
