"""`bt-gex show` and `bt-gex trade`: look at a saved run again."""

from __future__ import annotations

from pathlib import Path

import click

from bt_gex.cli.bar_variants import is_bar_variants, show_bar_variants
from bt_gex.cli.bar_views import explain_bar_trade, is_of_bars, show_bars
from bt_gex.cli.common import is_of_variants, list_files
from bt_gex.errors import UsageError

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("run_folder", type=FOLDER)
@click.option(
    "--json", "as_json", is_flag=True, help="Print as JSON instead, as the verb itself does."
)
def show(run_folder: Path, as_json: bool) -> None:
    """Print the report of a saved run, sweep or walk-forward again.

    Example: bt-gex show runs/SPX-20260112-20260116-0123456789
    """
    if is_of_bars(run_folder):
        show_bars(run_folder, as_json)
        return
    if is_of_variants(run_folder) and is_bar_variants(run_folder):
        show_bar_variants(run_folder, as_json)
        return
    if is_of_variants(run_folder):
        _show_variants(run_folder, as_json)
        return
    from bt_gex.findings.analysis import analyse
    from bt_gex.reports.as_json import json_text, run_content
    from bt_gex.reports.console.report import print_report
    from bt_gex.reports.console.run import make_console
    from bt_gex.results.result import RunResult

    result = RunResult.load(run_folder)
    findings = analyse(result).findings
    if as_json:
        click.echo(json_text(run_content(result, findings)))
    else:
        print_report(result, make_console(), findings)


def _show_variants(folder: Path, as_json: bool) -> None:
    """Of a sweep or a walk-forward."""
    from bt_gex.reports.as_json import json_text, sweep_content, walkforward_content
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.sweep import print_sweep
    from bt_gex.reports.console.walkforward import print_walkforward
    from bt_gex.sweeps.result import SweepResult
    from bt_gex.sweeps.walkforward_result import WalkForward

    if (folder / "variants.parquet").exists():
        sweep = SweepResult.load(folder)
        if as_json:
            click.echo(json_text(sweep_content(sweep)))
        else:
            print_sweep(sweep, make_console())
    else:
        walkforward = WalkForward.load(folder)
        if as_json:
            click.echo(json_text(walkforward_content(walkforward)))
        else:
            print_walkforward(walkforward, make_console())
    if not as_json:
        list_files(folder)


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

    ORDER_ID may also be the New York time of entry (09:36), the date, or both in quotes. Where
    several trades match, they are listed.

    Example: bt-gex trade runs/SPX-20260112-20260116-0123456789
    SPX-20260112-093600-PUT-6955-6945 -o loss.png
    """
    if is_of_bars(run_folder):
        explain_bar_trade(run_folder, order_id, output)
        return
    from bt_gex.reports.charts.pictures import save_png, trade_figure
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.trade import print_matching, print_trade
    from bt_gex.reports.words import find_trade, matching_trades
    from bt_gex.results.result import RunResult

    result = RunResult.load(run_folder)
    if not result.trade_records:
        raise UsageError(f"{run_folder} has no trades; bt-gex show tells why")
    found = matching_trades(result, order_id)
    if len(found) > 1 and output is None:
        print_matching(found, order_id, make_console())
        return
    order_id = find_trade(result, order_id).order_id
    print_trade(result, order_id, make_console())
    target = output or Path(f"{order_id.replace('/', '_')}.png")
    save_png(trade_figure(result, order_id), target)
    click.echo(f"\npicture: {target}")
