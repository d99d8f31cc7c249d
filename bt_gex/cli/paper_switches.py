"""`bt-gex paper kill-switch|pause|resume`: what may trade."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from bt_gex.cli.common import FILLED
from bt_gex.cli.paper_journal import chosen_workspace, journal_options, opened_journal


class StrategyId(click.ParamType[UUID]):
    """The id that a strategy's intents carry; `gex` is the strategy of paper sessions."""

    name = "strategy"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        if isinstance(value, UUID):
            return value
        if value == "gex":
            from bt_gex.live.books import STRATEGY

            return STRATEGY
        try:
            return UUID(value)
        except ValueError:
            self.fail(f"{value!r} is no id; write gex, or the UUID of a strategy", param, ctx)


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
    home: Path,
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


@click.command(epilog="Example: bt-gex paper pause gex --why 'until the pin settles'")
@click.argument("strategy", type=StrategyId())
@WHY
@WORKSPACE
@journal_options
def pause(
    strategy: UUID, why: str, workspace: UUID | None, journal_url: str | None, home: Path
) -> None:
    """Pause a strategy of an account: its intents are refused.

    STRATEGY is gex, the strategy of paper sessions, or the UUID that its intents carry.
    """
    _set_paused(strategy, True, why, workspace, journal_url, home)


@click.command(epilog="Example: bt-gex paper resume gex --why 'the pin has settled'")
@click.argument("strategy", type=StrategyId())
@WHY
@WORKSPACE
@journal_options
def resume(
    strategy: UUID, why: str, workspace: UUID | None, journal_url: str | None, home: Path
) -> None:
    """Let a paused strategy trade again."""
    _set_paused(strategy, False, why, workspace, journal_url, home)


def _set_paused(
    strategy: UUID,
    paused: bool,
    why: str,
    workspace: UUID | None,
    journal_url: str | None,
    home: Path,
) -> None:
    from bt_gex.paper.broker import PaperBroker

    with opened_journal(journal_url, home, writes=True) as journal:
        chosen = chosen_workspace(journal, workspace, home)
        PaperBroker(journal=journal).pause(chosen, strategy, paused, why=why)
    click.echo(f"strategy {strategy} is {'paused' if paused else 'active'} in {chosen}")
