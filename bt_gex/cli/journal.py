"""`bt-gex journal`: the events of paper accounts: whether they hold, what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from bt_gex.cli.common import FILLED, home_option
from bt_gex.cli.paper_journal import existing_journal
from bt_gex.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from bt_gex.journal.base import Query
    from bt_gex.journal.sql import SqlJournal


@click.command(epilog="Example: bt-gex journal verify journal.db")
@click.argument("action", type=click.Choice(["verify", "show", "export"]))
@click.argument("journal_url", metavar="[URL]", required=False)
@home_option
@click.option("--workspace", type=click.UUID, help="Only this workspace.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=FILLED,
    help="show: only events of this type, repeatable.",
)
@click.option("--symbol", type=FILLED, help="show: only events of this symbol.")
@click.option("--correlation", type=FILLED, help="show: only events of this correlation id.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="show: as many of the newest events.",
)
@click.option("--json", "as_json", is_flag=True, help="verify, show: print JSON instead.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="export: file to write; without it the terminal.",
)
@click.pass_context
def journal(
    context: click.Context,
    action: str,
    journal_url: str | None,
    home: Path,
    workspace: UUID | None,
    types: tuple[str, ...],
    symbol: str | None,
    correlation: str | None,
    limit: int,
    as_json: bool,
    output: Path | None,
) -> None:
    """Check, list or write out the events of paper accounts.

    URL is the path of a SQLite journal, or a database URL. It is only read. show lists events.
    verify checks every one and rebuilds every account from its fills; it ends with status 1 when
    something does not hold. export writes one event a line as JSON, hashes included.
    """
    from bt_gex.journal.base import Query
    from bt_gex.journal.sql import SqlJournal

    if output and action != "export":
        raise UsageError(f"--output belongs to export; {action} prints")
    opened = SqlJournal(journal_url or existing_journal(home), read_only=True)
    try:
        chosen = _workspaces(opened, workspace)
        if action == "export":
            _export(opened, chosen, output)
        elif action == "show":
            query = Query(
                workspace_id=workspace,
                types=types,
                symbol=symbol,
                correlation_id=correlation,
                limit=limit,
                newest=True,
            )
            _show(opened, query, as_json)
        elif not _verify(opened, chosen, as_json):
            context.exit(1)
    finally:
        opened.close()


def _workspaces(opened: SqlJournal, wanted: UUID | None) -> list[UUID]:
    known = opened.workspaces()
    if wanted is None:
        return known
    if wanted not in known:
        raise UnknownName("workspace", str(wanted), map(str, known))
    return [wanted]


def _verify(opened: SqlJournal, chosen: list[UUID], as_json: bool) -> bool:
    from bt_gex.ledger.encoding import plain
    from bt_gex.reports.console.journal import verification_lines

    found = [opened.verify(workspace) for workspace in chosen]
    if as_json:
        rows = [
            {
                "workspace_id": str(one.workspace_id),
                "ok": one.ok,
                "last_seq": one.last_seq,
                "fault": one.fault,
                "clock_steps": one.clock_steps,
                "account": plain(one.outcome),
            }
            for one in found
        ]
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    elif not found:
        click.echo(f"{opened.name}: no events")
    else:
        for one in found:
            click.echo("\n".join(verification_lines(one)))
    return all(one.ok for one in found)


def _show(opened: SqlJournal, query: Query, as_json: bool) -> None:
    from bt_gex.ledger.encoding import canonical
    from bt_gex.reports.console.journal import print_records
    from bt_gex.reports.console.run import make_console

    records = opened.records(query)[::-1]
    if as_json:
        for record in records:
            click.echo(canonical(record.envelope()))
    else:
        print_records(records, make_console())


def _export(opened: SqlJournal, chosen: list[UUID], output: Path | None) -> None:
    from bt_gex.journal.base import Query
    from bt_gex.ledger.encoding import canonical
    from bt_gex.storage.atomic import write_text

    lines = (
        canonical(record.envelope())
        for workspace in chosen
        for record in opened.records(Query(workspace_id=workspace))
    )
    if output is None:
        for line in lines:
            click.echo(line)
    else:
        write_text(output, "".join(f"{line}\n" for line in lines))
        click.echo(f"journal: {output}")
