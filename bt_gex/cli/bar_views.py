"""What show, trade, report, plot and verify do with the folder of a backtest over bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bt_gex.errors import UsageError

if TYPE_CHECKING:
    from bt_gex.results.bar_result import BarRecord


def is_of_bars(folder: Path) -> bool:
    """Whether it is the folder of a backtest, or of one of its symbols."""
    from bt_gex.results.bar_folder import is_backtest, is_bar_result

    return is_backtest(folder) or is_bar_result(folder)


def show_bars(folder: Path, as_json: bool) -> None:
    """Print a backtest, or one symbol, again."""
    from bt_gex.findings.bar_analysis import analyse_bars
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.bar_json import backtest_content, symbol_content
    from bt_gex.reports.console.backtest import print_backtest, print_symbol
    from bt_gex.reports.console.run import make_console
    from bt_gex.results.bar_folder import is_backtest, read_backtest, read_symbol

    if is_backtest(folder):
        run = read_backtest(folder)
        if as_json:
            click.echo(json_text(backtest_content(run)))
        else:
            print_backtest(run, make_console())
        return
    record = read_symbol(folder)
    analysis = analyse_bars(record)
    if as_json:
        click.echo(json_text(symbol_content(record, analysis)))
    else:
        print_symbol(record, analysis, make_console())


def symbol_of(folder: Path) -> BarRecord:
    """The one symbol of a folder. Raises UsageError where a run has several."""
    from bt_gex.results.bar_folder import folder_of, is_backtest, read_backtest, read_symbol

    if not is_backtest(folder):
        return read_symbol(folder)
    run = read_backtest(folder)
    if len(run.symbols) != 1:
        places = ", ".join(str(folder / folder_of(one.symbol)) for one in run.symbols)
        raise UsageError(f"{folder} has {len(run.symbols)} symbols; give one of {places}")
    return run.symbols[0]


def report_bars(folder: Path, output: Path | None) -> list[Path]:
    """Write the HTML report of a symbol, or of each symbol of a run; what was written."""
    from bt_gex.reports.html.bar_page import bar_page
    from bt_gex.results.bar_folder import folder_of, is_backtest, read_backtest, read_symbol
    from bt_gex.storage.atomic import write_text

    if not is_backtest(folder):
        target = output or folder / "report.html"
        write_text(target, bar_page(read_symbol(folder)))
        return [target]
    run = read_backtest(folder)
    if output is not None and len(run.symbols) != 1:
        raise UsageError(f"{folder} has {len(run.symbols)} symbols; leave --output out")
    written = []
    for one in run.symbols:
        target = output or folder / f"{folder_of(one.symbol)}_report.html"
        write_text(target, bar_page(one))
        written.append(target)
    return written


def explain_bar_trade(folder: Path, name: str, output: Path | None) -> None:
    """Print one trade, and draw its session."""
    from bt_gex.reports.charts.bars import bar_session_figure, find_bar_trade
    from bt_gex.reports.charts.pictures import save_png
    from bt_gex.reports.console.backtest import print_bar_trade
    from bt_gex.reports.console.run import make_console

    record = symbol_of(folder)
    if not record.trade_records:
        raise UsageError(f"{folder} has no trades; bt-gex show tells why")
    trade = find_bar_trade(record, name)
    print_bar_trade(trade, make_console())
    target = output or Path(f"{trade.order_id.replace('/', '_')}.png")
    save_png(bar_session_figure(record, str(trade.session)), target)
    click.echo(f"\npicture: {target}")


def compare_bars(a: Path, b: Path, as_json: bool) -> bool:
    """Print what differs between two backtests; whether nothing does."""
    from bt_gex.compare.bars import compare_backtests
    from bt_gex.errors import OutputError
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.bar_json import comparison_content
    from bt_gex.reports.console.bar_comparison import print_bar_comparison
    from bt_gex.reports.console.run import make_console

    try:
        found = compare_backtests(_records(a), _records(b))
    except OutputError as error:  # status 1 says that something differs
        raise UsageError(str(error)) from error
    if as_json:
        click.echo(json_text(comparison_content(found)))
    else:
        print_bar_comparison(found, make_console())
    return found.identical


def _records(folder: Path) -> tuple[BarRecord, ...]:
    from bt_gex.results.bar_folder import is_backtest, read_backtest, read_symbol

    return read_backtest(folder).symbols if is_backtest(folder) else (read_symbol(folder),)
