"""`bt-gex paper intent|state|positions|reconcile|reset`: one account at a time."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from bt_gex.cli.paper_journal import (
    AMOUNT,
    chosen_workspace,
    journal_options,
    opened_journal,
)
from bt_gex.errors import UsageError

WORKSPACE = click.argument("workspace", type=click.UUID, required=False)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.command(epilog="Example: bt-gex paper intent open.json --fill-price 101.5")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--fill-price", type=AMOUNT, help="Price to fill at, where the file has none.")
@click.option(
    "--starting-equity",
    type=AMOUNT,
    default=10_000.0,
    show_default=True,
    help="Dollars of an account that this intent opens.",
)
@click.option(
    "--fee-rate",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Dollars a unit, or a contract, leg and side.",
)
@click.option("--require-cash", is_flag=True, help="Refuse what the buying power does not cover.")
@journal_options
@JSON
@click.pass_context
def intent(
    context: click.Context,
    file: Path,
    fill_price: float | None,
    starting_equity: float,
    fee_rate: float,
    require_cash: bool,
    journal_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Trade an intent on paper.

    FILE holds JSON: an intent, or an object with intent and fill_price. Sent again it is not
    traded again. Ends with status 1 when the intent was refused; the answer says why.
    """
    from decimal import Decimal

    from bt_gex.paper.broker import PaperBroker
    from bt_gex.paper.requests import read_request
    from bt_gex.reports.console.paper import execution_line

    request = read_request(file, fill_price)
    with opened_journal(journal_url, home, writes=True, starting_equity=starting_equity) as journal:
        broker = PaperBroker(
            journal=journal, fee_rate=Decimal(repr(fee_rate)), require_cash=require_cash
        )
        result = broker.execute(request.intent.intent(), request.price, request.mode)
    click.echo(result.model_dump_json(indent=1) if as_json else execution_line(result))
    if not result.success:
        context.exit(1)


@click.command(epilog="Example: bt-gex paper state --json")
@WORKSPACE
@journal_options
@JSON
def state(workspace: UUID | None, journal_url: str | None, home: Path, as_json: bool) -> None:
    """Show an account: cash, P&L, positions, what is stopped.

    WORKSPACE is by default the one that was opened last.
    """
    from bt_gex.paper.answers import state_answer
    from bt_gex.reports.console.paper import print_state
    from bt_gex.reports.console.run import make_console

    with opened_journal(journal_url, home, writes=False) as journal:
        found = state_answer(journal.state(chosen_workspace(journal, workspace, home)))
    if as_json:
        click.echo(found.model_dump_json(indent=1))
    else:
        print_state(found, make_console())


@click.command(epilog="Example: bt-gex paper positions")
@WORKSPACE
@journal_options
@JSON
def positions(workspace: UUID | None, journal_url: str | None, home: Path, as_json: bool) -> None:
    """List what an account holds.

    WORKSPACE is by default the one that was opened last.
    """
    import json

    from bt_gex.paper.broker import PaperBroker
    from bt_gex.reports.console.paper import print_positions
    from bt_gex.reports.console.run import make_console

    with opened_journal(journal_url, home, writes=False) as journal:
        held = PaperBroker(journal=journal).positions(chosen_workspace(journal, workspace, home))
    if as_json:
        click.echo(json.dumps([one.model_dump(mode="json") for one in held], indent=1))
    else:
        print_positions(held, make_console())


@click.command(epilog="Example: bt-gex paper reconcile")
@WORKSPACE
@journal_options
@JSON
@click.pass_context
def reconcile(
    context: click.Context,
    workspace: UUID | None,
    journal_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Rebuild an account from its fills; compare with the one kept.

    After a reset the account is shown again. Nothing is repaired; ends with status 1 when
    something differs. WORKSPACE is by default the one that was opened last.
    """
    from bt_gex.paper.broker import PaperBroker
    from bt_gex.reports.console.paper import reconciliation_lines

    with opened_journal(journal_url, home, writes=True) as journal:
        found = PaperBroker(journal=journal).reconcile(chosen_workspace(journal, workspace, home))
    if as_json:
        click.echo(found.model_dump_json(indent=1))
    else:
        click.echo("\n".join(reconciliation_lines(found)))
    if not (found.success and found.verified):
        context.exit(1)


@click.command(epilog="Example: bt-gex paper reset 11111111-1111-1111-1111-111111111111")
@click.argument("workspace", type=click.UUID)
@journal_options
def reset(workspace: UUID, journal_url: str | None, home: Path) -> None:
    """Begin an account anew; its events stay.

    Reconciling shows the account as it was before.
    """
    from bt_gex.paper.broker import PaperBroker

    with opened_journal(journal_url, home, writes=True) as journal:
        if workspace not in journal.workspaces():
            raise UsageError(f"workspace {workspace} has no events; there is nothing to reset")
        PaperBroker(journal=journal).reset(workspace)
    click.echo(
        f"{workspace} is reset; its events stay: bt-gex paper reconcile {workspace} "
        "brings it back, the next execution begins a new account"
    )
