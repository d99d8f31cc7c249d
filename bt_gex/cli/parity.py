"""`bt-gex parity`: whether a paper session is what it recorded, and what its database gives."""

from __future__ import annotations

from pathlib import Path

import click

from bt_gex.cli.common import FILLED, home_option
from bt_gex.cli.paper_session import SESSION, chosen_session, opened_session


@click.command(epilog="Example: bt-gex parity SPX-2026-01-15")
@SESSION
@click.option("--db", "database", type=FILLED, help="Blackbox; the session's own by default.")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def parity(
    context: click.Context,
    session_id: str | None,
    database: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Prove that a session's recording gives its trades.

    Every other difference between them is shown with its cause.

    Without SESSION the newest one. Status 1 when the recording does not give the trades.
    """
    from bt_gex.live.parity import parity as scored
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.session import parity_lines
    from bt_gex.trades.codec import to_json

    with opened_session(home, chosen_session(home, session_id)) as (recorded, _):
        score = scored(recorded, database)
    if as_json:
        click.echo(json_text(to_json(score)))
    else:
        for line in parity_lines(score):
            click.echo(line)
    context.exit(0 if score.identical else 1)
