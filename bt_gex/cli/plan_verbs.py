"""`bt-gex plan generate|run`."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import click

from bt_gex.cli.common import FILLED, progress_bar
from bt_gex.cli.paper_journal import AMOUNT, journal_options, opened_journal

SPEC = click.argument("spec", type=click.Path(dir_okay=False, path_type=Path))
OBJECTIVE = click.option("--objective", type=FILLED, help="What the best is best in.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.command(epilog="Example: bt-gex plan generate plan.yaml")
@SPEC
@OBJECTIVE
@JSON
def generate(spec: Path, objective: str | None, as_json: bool) -> None:
    """List the variants of a plan, the baseline first; nothing is run.

    SPEC is a YAML or JSON file with base_spec, constraints, objective and dataset_ref.
    """
    from bt_gex.paper.plan_file import read_plan_file
    from bt_gex.reports.console.paper_plan import plan_json, print_plan
    from bt_gex.reports.console.run import make_console

    found = read_plan_file(spec, objective=objective)
    if as_json:
        click.echo(json.dumps(plan_json(found), indent=1))
    else:
        print_plan(found, make_console())


@click.command(epilog="Example: bt-gex plan run plan.yaml --csv bars.csv")
@SPEC
@click.option(
    "--csv",
    "bars",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Bars: columns ts, open, high, low, close, volume.",
)
@OBJECTIVE
@click.option(
    "--starting-equity",
    type=AMOUNT,
    default=10_000.0,
    show_default=True,
    help="Dollars of each account.",
)
@click.option(
    "--eod",
    type=click.Choice(["session", "last_bar"]),
    default="session",
    show_default=True,
    help="Bars at which positions close: the last of each session, or of the file.",
)
@click.option("--resume", is_flag=True, help="Go on with a plan whose process has ended.")
@journal_options
@JSON
@click.pass_context
def run(
    context: click.Context,
    spec: Path,
    bars: Path,
    objective: str | None,
    starting_equity: float,
    eod: str,
    resume: bool,
    journal_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Run every variant of a plan on bars of a file; name the best.

    Each variant is kept in the journal as soon as it is done; a plan that was run before is
    answered from there. Ends with status 1 when no variant succeeded.
    """
    from bt_gex.paper.bars_csv import read_csv
    from bt_gex.paper.orchestrator import Orchestrator
    from bt_gex.paper.plan_file import read_plan_file
    from bt_gex.paper.variant_run import PlanSettings
    from bt_gex.reports.console.paper_plan import print_result, result_json
    from bt_gex.reports.console.run import make_console

    plan = read_plan_file(spec, objective=objective, dataset_ref=bars.name)
    data = read_csv(bars)
    settings = PlanSettings(starting_equity=Decimal(repr(starting_equity)), eod=eod)  # type: ignore[arg-type]
    with opened_journal(journal_url, home, writes=True) as journal, progress_bar("variants") as bar:
        result = Orchestrator(journal=journal, settings=settings).run(
            plan, data, resume=resume, progress=bar
        )
    if as_json:
        click.echo(json.dumps(result_json(result), indent=1))
    else:
        print_result(result, make_console())
    if result.best is None:
        context.exit(1)
