"""`bt-gex show` and `bt-gex trade`: look at a saved run again."""

from __future__ import annotations

from pathlib import Path

import click

from bt_gex.errors import UsageError

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("run_folder", type=FOLDER)
@click.option(
    "--json", "as_json", is_flag=True, help="Print summary, trades and warnings as JSON instead."
)
def show(run_folder: Path, as_json: bool) -> None:
    """Print the report of a saved run.

    Example: bt-gex show runs/SPX-20260112-20260116-0123456789
    """
    from bt_gex.findings.analysis import analyse
    from bt_gex.reports.as_json import json_text, run_content
    from bt_gex.reports.console.run import make_console, print_report
    from bt_gex.results.result import RunResult

    result = RunResult.load(run_folder)
    findings = analyse(result).findings
    if as_json:
        click.echo(json_text(run_content(result, findings)))
    else:
        print_report(result, make_console(), findings)


@click.command()
@click.argument("run_folder", type=FOLDER)
@click.argument("order_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="PNG file to draw; without it ORDER_ID.png in the current folder.",
)
def trade(run_folder: Path, order_id: str, output: Path | None) -> None:
    """Explain one trade of a saved run, and draw it.

    Example: bt-gex trade runs/SPX-20260112-20260116-0123456789
    SPX-20260112-093600-PUT-6955-6945 -o loss.png
    """
    from bt_gex.reports.charts.figures import save_png, trade_figure
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.trade import print_trade
    from bt_gex.results.result import RunResult

    result = RunResult.load(run_folder)
    if not result.trade_records:
        raise UsageError(f"{run_folder} has no trades; bt-gex show tells why")
    print_trade(result, order_id, make_console())
    target = output or Path(f"{order_id.replace('/', '_')}.png")
    save_png(trade_figure(result, order_id), target)
    click.echo(f"\npicture: {target}")
