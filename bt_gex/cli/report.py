"""`bt-gex report`, `bt-gex plot` and `bt-gex costs`: a saved run as page, pictures, what-ifs."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from bt_gex.cli.bar_variants import is_bar_variants
from bt_gex.cli.bar_views import is_of_bars, report_bars, symbol_of
from bt_gex.cli.common import FILLED, cache_options, is_of_variants, progress_bar
from bt_gex.errors import BadValue, UsageError

FOLDER = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog="Example: bt-gex report runs/SPX-20260112-20260116-0123456789 --open")
@click.argument("folder", type=FOLDER)
@click.option("-o", "--output", type=FILE, help="HTML file; report.html in that folder.")
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
def report(folder: Path, output: Path | None, show: bool) -> None:
    """Write a saved run, sweep or walk-forward as one HTML page.

    It opens offline.

    It says first what to make of the result and what speaks against it. Of a run it
    shows every trade with its path, and costs, once counted; of a sweep heat maps and
    the best beside the others; of a walk-forward the account out of sample.
    """
    if is_of_bars(folder):
        _say(report_bars(folder, output), show)
        return
    from bt_gex.storage.atomic import write_text

    target = output or folder / "report.html"
    write_text(target, _page(folder))
    _say([target], show)


def _say(written: list[Path], show: bool) -> None:
    """Which files were written; show: open the first in the browser."""
    for target in written:
        click.echo(f"report: {target}")
    if show and not webbrowser.open(written[0].resolve().as_uri()):
        click.echo("no browser could be started; open the file by hand", err=True)


def _page(folder: Path) -> str:
    """The page of whatever is saved there. Raises OutputError."""
    if (folder / "session_comparison.json").exists():
        from bt_gex.reports.html.session_comparison import comparison_page
        from bt_gex.runs.session_comparison import SessionComparison

        return comparison_page(SessionComparison.load(folder))
    if is_of_variants(folder) and is_bar_variants(folder):
        raise UsageError(
            f"{folder} is of variants over bars: bt-gex show prints it, and bt-gex backtest "
            "--config best.yaml --report makes pages of its best"
        )
    if not is_of_variants(folder):
        from bt_gex.findings.analysis import analyse
        from bt_gex.reports.html.page import html_report
        from bt_gex.results.result import RunResult

        result = RunResult.load(folder)
        return html_report(result, analyse(result))
    if (folder / "variants.parquet").exists():
        from bt_gex.reports.html.sweep import sweep_report
        from bt_gex.sweeps.result import SweepResult

        return sweep_report(SweepResult.load(folder))
    from bt_gex.reports.html.walkforward import walkforward_report
    from bt_gex.sweeps.walkforward_result import WalkForward

    return walkforward_report(WalkForward.load(folder))


@click.command(epilog="Example: bt-gex plot runs/RUN_ID session:2026-01-12 -o evening.png")
@click.argument("run_folder", type=FOLDER)
@click.argument("what")
@click.option("-o", "--output", type=FILE, help="PNG or SVG file; WHAT.png, here, by default.")
def plot(run_folder: Path, what: str, output: Path | None) -> None:
    """Draw one picture of a saved run.

    WHAT is equity, drawdown, calendar, entry-times, mae-mfe, distribution, margin, session:DATE
    or trade:ORDER_ID; of a backtest over bars equity, r-curve, r-distribution, score, range-width,
    session:DATE or trade:ID.
    """
    from bt_gex.reports.charts.pictures import figure_by_name, picture_bytes
    from bt_gex.storage.atomic import write_bytes

    target = output or Path(f"{what.replace(':', '-').replace('/', '_')}.png")
    if target.suffix.lower() not in (".png", ".svg"):
        raise BadValue(f"pictures are .png or .svg files, got {target.name}; give another name")
    if is_of_bars(run_folder):
        from bt_gex.reports.charts.bars import bar_figure_by_name

        figure = bar_figure_by_name(symbol_of(run_folder), what)
    else:
        from bt_gex.results.result import RunResult

        figure = figure_by_name(RunResult.load(run_folder), what)
    write_bytes(target, picture_bytes(figure, target.suffix.lower()))
    click.echo(f"picture: {target}")


@click.command(epilog="Example: bt-gex costs runs/RUN_ID --db blackbox.db")
@click.argument("run_folder", type=FOLDER)
@click.option(
    "--db", "database", required=True, type=FILLED, help="The database the run was made from."
)
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print table and warnings as JSON.")
def costs(
    run_folder: Path, database: str, cache_dir: str | None, no_cache: bool, as_json: bool
) -> None:
    """Run a saved run again at other fills, and with late entries.

    Slippage goes from 0 (mid) to 1.5 of the half-spread, at entry and exit alike. The table is
    kept in the run's folder as costs.json and costs.png, and shown by its next report.
    """
    from bt_gex.findings.analysis import analyse
    from bt_gex.reports.as_json import json_text, warnings_of
    from bt_gex.reports.charts.pictures import save_png
    from bt_gex.reports.charts.run import costs_figure
    from bt_gex.reports.console.costs import print_costs
    from bt_gex.reports.console.run import make_console
    from bt_gex.results.result import RunResult
    from bt_gex.sweeps.costs import count_costs

    result = RunResult.load(run_folder)
    with progress_bar("running at other fills") as progress:
        found = count_costs(
            database, result, cache=cache_dir, use_cache=not no_cache, progress=progress
        )
    findings = analyse(result, found).findings
    written = found.save(run_folder)
    save_png(costs_figure(result, found), run_folder / "costs.png")
    if as_json:
        click.echo(json_text({**found.as_dict(), "warnings": warnings_of(findings)}))
        return
    print_costs(result, found, findings, make_console())
    click.echo(f"\n{written}\n{run_folder / 'costs.png'}")
