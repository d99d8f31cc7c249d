"""`bt-gex run`: replay a recorded market."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bt_gex.cli.common import DATE, FILLED, INDEX, cache_options, list_files, progress_bar
from bt_gex.cli.recordings import record_options, recorders, tell_recorded
from bt_gex.cli.settings import settings_of
from bt_gex.errors import BadValue, BtGexError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bt_gex.findings.finding import Finding
    from bt_gex.results.result import RunResult

T = TypeVar("T")


@click.command(
    epilog="Example: bt-gex run --db blackbox.db --index SPX --start 2026-01-12 --end 2026-01-16 "
    "--fills 0.66 --set exit.stop_loss=0.15"
)
@click.option(
    "--db", "database", required=True, type=FILLED, help="SQLite blackbox, or a SQLAlchemy URL."
)
@click.option("--index", "indexes", multiple=True, type=INDEX, help="SPX or NDX; may be repeated.")
@click.option("--start", type=DATE, help="First session, YYYY-MM-DD.")
@click.option("--end", type=DATE, help="Last session, inclusive.")
@click.option("--profile", type=FILLED, help="Named defaults: standard (default) or parity.")
@click.option(
    "--fills",
    type=FILLED,
    help="natural (default), exit-mid, mid, 0.66, or 1,0.5 for entry,exit.",
)
@click.option("--commission", help="USD per contract, per leg, per side.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a setting.")
@click.option(
    "--config",
    "config_file",
    type=FILLED,
    help="YAML file with settings; options win over it.",
)
@click.option(
    "--out", default="runs", type=FILLED, show_default=True, help="Folder for the run's folder."
)
@click.option("--every-bar", is_flag=True, help="Visit every bar; the same result, slower.")
@cache_options
@record_options
@click.option("--report", is_flag=True, help="Also write report.html into the run's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print summary, trades and warnings as JSON.")
def run(
    database: str,
    indexes: tuple[str, ...],
    start: date | None,
    end: date | None,
    profile: str | None,
    fills: str | None,
    commission: str | None,
    changes: tuple[str, ...],
    config_file: str | None,
    out: str,
    every_bar: bool,
    cache_dir: str | None,
    no_cache: bool,
    record: bool,
    triggers: tuple[str, ...],
    recordings_url: str | None,
    home: Path,
    report: bool,
    as_json: bool,
) -> None:
    """Replay recorded sessions through the live bot's rules.

    Reports every trade, every skip with its reason, and what speaks against the result. Writes them
    into a folder of its own.
    """
    from bt_gex.config.files import ConfigFile, read_config
    from bt_gex.config.run_config import RunConfig

    file = read_config(config_file) if config_file else ConfigFile()
    options = {"start": start, "end": end, "profile": profile}
    given = {**file.plain, **{name: value for name, value in options.items() if value}}
    settings = {**file.settings, **settings_of(fills, commission, changes)}
    symbols = _symbols(indexes, given.pop("index", "SPX"), file.indexes)
    for name in ("start", "end"):
        if name not in given:
            raise UsageError(f"--{name} is missing; give the {name} session as YYYY-MM-DD")
    configs = [
        RunConfig(index=symbol, settings=settings, indexes=file.indexes, **given)
        for symbol in symbols
    ]
    found_by = {"sweep": file.sweep} if file.sweep else {}
    how = {"every_bar": every_bar, "cache": cache_dir, "use_cache": not no_cache}
    kept = recorders(record, triggers, recordings_url, home, len(configs))
    _run_all(database, configs, Path(out), how, found_by, kept, report, as_json)


def _symbols(typed: tuple[str, ...], said: object, own: dict[str, object]) -> list[str]:
    """Each index once, spelt as the configuration file spells its own.

    typed, said  symbols from the command line, in upper case; the symbol of the file
    """
    if not isinstance(said, str):
        raise BadValue(
            f"index must be one symbol such as SPX, got {said!r}; for several repeat --index"
        )
    spelling = {name.upper(): name for name in own if isinstance(name, str)}
    return [spelling.get(s.upper(), s.upper()) for s in dict.fromkeys(typed or (said,))]


def _run_all(
    database: str,
    configs: list[Any],
    out: Path,
    how: dict[str, Any],
    found_by: dict[str, Any],
    kept: list[dict[str, Any] | None],
    report: bool,
    as_json: bool,
) -> None:
    from bt_gex.blackbox.recording import Recording
    from bt_gex.findings.analysis import analyse
    from bt_gex.reports.as_json import json_text, run_content
    from bt_gex.reports.charts.pictures import combined_figure, equity_figure
    from bt_gex.reports.console.report import print_report
    from bt_gex.reports.console.run import make_console, print_combined
    from bt_gex.runs.replay import replay
    from bt_gex.storage.atomic import check_writable, write_text

    check_writable(out)
    with Recording(database, how["cache"], how["use_cache"], configs[0].naive_zone) as recording:
        for config in configs:  # none of the runs begins when one of them cannot
            recording.require_index(config.index)
    console = make_console()
    results: list[RunResult] = []
    findings: list[list[Finding]] = []
    for config, recorder in zip(configs, kept, strict=True):
        with progress_bar(f"replaying {config.index}") as progress:
            result = replay(database, config, progress=progress, recorder=recorder, **how)
        tell_recorded(recorder)
        result = result.found_by(found_by or _known_sweep(out / result.run_id))
        place = out / result.run_id
        result = result.save(out, {"equity.png": partial(_draw, equity_figure, result)})
        analysis = analyse(result)
        if report:
            from bt_gex.reports.html.page import html_report

            write_text(place / "report.html", html_report(result, analysis))
        results.append(result)
        findings.append(analysis.findings)
        if not as_json:
            print_report(result, console, analysis.findings)
            list_files(result.folder)
    contents = [run_content(one, found) for one, found in zip(results, findings, strict=True)]
    if len(results) > 1:
        from bt_gex.results.portfolio import combine, save_combined

        combined, equity = combine(results)
        extras = {"equity.png": partial(_draw, combined_figure, results)}
        folder = save_combined(results, combined, equity, out, extras)
        if as_json:
            click.echo(json_text({"runs": contents, "combined": combined.to_json()}))
        else:
            print_combined(results, combined, findings, console)
            list_files(folder)
    elif as_json:
        click.echo(json_text(contents[0]))


def _known_sweep(place: Path) -> dict[str, object]:
    """The sweep that found these settings, as far as an earlier run of the same name knew it:
    typing them by hand does not make them unpicked."""
    from bt_gex.config.files import read_config

    if not (place / "config.yaml").is_file():
        return {}
    try:
        found = read_config(place / "config.yaml").sweep
    except BtGexError as error:
        click.echo(
            f"warning: whether a sweep has found these settings is lost, as {error}", err=True
        )
        return {}
    return {"sweep": found} if found else {}


def _draw(figure_of: Callable[[T], Figure], subject: T, path: Path) -> None:
    from bt_gex.reports.charts.pictures import png_bytes

    path.write_bytes(png_bytes(figure_of(subject)))
