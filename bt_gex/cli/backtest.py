"""`bt-gex backtest`: a strategy over the bars of symbols."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.common import DATE, FILLED, list_files
from bt_gex.cli.recordings import record_options, recorders, tell_recorded
from bt_gex.errors import BadValue, BtGexError, EngineError, UsageError

if TYPE_CHECKING:
    from bt_gex.bars.source import BarSource
    from bt_gex.config.bar_config import BarConfig
    from bt_gex.results.bar_result import BacktestRecord

SYMBOLS = "--symbols"
LOG_FILE = "backtest_run.log"
LOG_BYTES = 10_000_000


class SymbolsCommand(click.Command):
    """A command whose --symbols takes all words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread_symbols(args))


def spread_symbols(args: list[str]) -> list[str]:
    """`--symbols SPY QQQ` as `--symbols SPY --symbols QQQ`."""
    found: list[str] = []
    rest = iter(args)
    taking = False
    for word in rest:
        if word.startswith("-"):
            taking = word == SYMBOLS
            found.append(word)
        elif taking:
            found += [word] if found[-1] == SYMBOLS else [SYMBOLS, word]
        else:
            found.append(word)
    return found


def bar_options(command: Any) -> Any:
    """The options that say which bars a strategy runs over, and with which settings."""
    for option in reversed(
        (
            click.option(SYMBOLS, "symbols", multiple=True, metavar="SYM...",
                         help="Symbols: SPY QQQ, or SPY,QQQ; may be repeated."),
            click.option("--start", type=DATE, help="First session, YYYY-MM-DD."),
            click.option("--end", type=DATE, help="Last session, inclusive."),
            click.option("--data", "folder", type=FILLED, metavar="FOLDER",
                         help="Bars in FOLDER/minute and FOLDER/daily; else Yahoo is asked."),
            click.option("--synthetic", is_flag=True, help="Seeded synthetic bars."),
            click.option("--interval", type=click.Choice(["1m", "1d"]),
                         help="Bars the strategy sees; minutes, of the breakout days."),
            click.option("--config", "config_file", type=FILLED, help="YAML file with settings."),
            click.option("--set", "changes", multiple=True, metavar="NAME=VALUE",
                         help="Change a setting, over the file's and the instruments'."),
            click.option("--cache", is_flag=True, help="Keep fetched bars, and use kept ones."),
            click.option("--cache-dir", default="cache", show_default=True, type=FILLED,
                         help="Folder of kept bars."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    cls=SymbolsCommand,
    epilog="Example: bt-gex backtest orb --symbols SPY QQQ --start 2026-01-12 --end 2026-01-16 "
    "--synthetic --report",
)
@click.argument("strategy", type=FILLED)
@bar_options
@click.option("--report", is_flag=True, help="Also write an HTML report for each symbol.")
@click.option(
    "--output-dir", default="runs", show_default=True, type=FILLED, help="Folder for the run's."
)
@click.option(
    "--validate-or", is_flag=True, help="Look for missing minutes in each opening range, and warn."
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Processes for symbols that share no state; the same result.",
)  # fmt: skip
@record_options
@click.option("--run-id", type=FILLED, help="Name of the run, instead of the one by its content.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_context
def backtest(
    ctx: click.Context,
    /,
    strategy: str,
    report: bool,
    output_dir: str,
    validate_or: bool,
    workers: int,
    run_id: str | None,
    as_json: bool,
    record: bool,
    triggers: tuple[str, ...],
    recordings_url: str | None,
    home: Path,
    **words: Any,
) -> None:
    """Run a strategy over the bars of symbols.

    STRATEGY is orb, mean-reversion, breakout-52w-high, or a bt.Strategy of your own as
    path/to/file.py:Name.

    The run's folder holds all trades, figures and a folder for each symbol, which bt-gex show,
    report, plot and compare take like any other run.
    """
    from bt_gex.results.bar_folder import save_backtest
    from bt_gex.storage.atomic import check_writable

    out = Path(output_dir)
    if run_id is not None and Path(run_id).name != run_id:
        raise BadValue(f"--run-id is the name of a folder, without a path, got {run_id!r}")
    config, own, source = bar_target(strategy, words)
    if validate_or and config.strategy != "orb":
        raise UsageError("--validate-or looks at opening ranges; it is for orb")
    check_writable(out)
    (recorder,) = recorders(record, triggers, recordings_url, home, 1)
    given = {name: value for name, value in ctx.params.items() if name not in ("workers", "json")}
    with log_file(out), progress_bars() as progress, own_errors(strategy):
        from bt_gex.runs.backtest import backtest as run

        done = run(
            source, config, strategy=own, check_window=validate_or, workers=workers,
            run_id=run_id, arguments=plain_arguments(given), progress=progress,
            recorder=recorder,
        )  # fmt: skip
    tell_recorded(recorder)
    folder = save_backtest(done, out, _extras(done, report))
    _show(done, folder, as_json)


def plain_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options in plain values, those alone that change what is run."""
    apart = ("as_json", "report", "output_dir", "cache", "cache_dir", "run_id", "record",
             "triggers", "recordings_url", "home")  # fmt: skip
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in given.items()
        if name not in apart
    }


def bar_target(strategy: str, words: Mapping[str, Any]) -> tuple[BarConfig, Any, BarSource]:
    """Configuration, the class of a user's own strategy, and where the bars come from."""
    from bt_gex.config.bar_config import STRATEGIES, BarConfig
    from bt_gex.config.bar_settings import read_bar_file, symbols_of
    from bt_gex.config.files import read_yaml

    plain: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    instruments: dict[str, Any] = {}
    if words["config_file"]:
        plain, sections, instruments = read_bar_file(read_yaml(words["config_file"]))
    own, source_hash = (None, None)
    if strategy not in STRATEGIES and ":" in strategy:
        own, source_hash = _own_strategy(strategy)
    said = plain.get("symbols") or ()
    symbols = symbols_of(words["symbols"] or ([said] if isinstance(said, str) else said))
    if not symbols:
        raise UsageError("--symbols is missing; give one or more, such as --symbols SPY QQQ")
    for name in ("start", "end"):
        plain[name] = words[name] or plain.get(name)
        if not plain[name]:
            raise UsageError(f"--{name} is missing; give the {name} session as YYYY-MM-DD")
    with known_calendar(plain["start"], plain["end"]):
        config = BarConfig(
            strategy=strategy,
            symbols=symbols,
            start=plain["start"],
            end=plain["end"],
            interval=words["interval"] or plain.get("interval"),
            settings=sections,
            instruments=instruments,
            changes=settings_of(words["changes"]),
            source_hash=source_hash,
        )
    return config, own, bar_source(config, words)


def settings_of(changes: tuple[str, ...]) -> dict[str, Any]:
    """Settings by dotted name from --set."""
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or "." not in name:
            raise BadValue(f"--set takes NAME=VALUE such as orb.base_minutes=30, got {change!r}")
        found[name.strip()] = value.strip()
    return found


@contextmanager
def known_calendar(start: Any, end: Any) -> Iterator[None]:
    """The exchange's sessions from where they were kept: computing them takes a second."""
    from bt_gex.blackbox.cache import default_folder
    from bt_gex.blackbox.calendar_file import sessions_between
    from bt_gex.config.bar_config import HISTORY_DAYS
    from bt_gex.config.run_config import as_date

    first, last = as_date(start, "start"), as_date(end, "end")
    if first <= last:
        sessions_between(first - timedelta(days=HISTORY_DAYS), last, default_folder())
    yield


def bar_source(config: BarConfig, words: Mapping[str, Any]) -> BarSource:
    """Where the bars come from."""
    source: Any
    if words["folder"] and words["synthetic"]:
        raise UsageError("--data and --synthetic are two sources of bars; give one")
    if words["folder"]:
        from bt_gex.bars.files import FolderBars

        source = FolderBars(words["folder"])
    elif words["synthetic"]:
        from bt_gex.synthetic.bars import SyntheticBars

        ticks = {symbol: config.instrument(symbol).tick_size for symbol in config.symbols}
        seed = config.account.backtest.random_seed
        source = SyntheticBars(config.symbols, seed=seed, ticks=ticks)
    else:
        from bt_gex.bars.yahoo import YahooBars

        source = YahooBars(config.symbols)
    if not words["cache"]:
        found: BarSource = source
        return found
    from bt_gex.bars.cache import CachedBars

    return CachedBars(source, words["cache_dir"])


def _own_strategy(words: str) -> tuple[Any, str | None]:
    """A bt.Strategy of the user's, and the hash of its file."""
    import backtrader as bt

    from bt_gex.lookahead.target import find_target

    target = find_target(words)
    made = target.load()
    if not (isinstance(made, type) and issubclass(made, bt.Strategy)):
        raise BadValue(f"{words} is no bt.Strategy; a backtest runs classes of that kind")
    content = Path(target.file).read_bytes() if target.file else None
    return made, hashlib.sha256(content).hexdigest()[:16] if content else None


@contextmanager
def own_errors(strategy: str) -> Iterator[None]:
    """An exception in a user's strategy as one line."""
    try:
        yield
    except BtGexError:
        raise
    except Exception as error:
        if ":" not in strategy:
            raise
        from bt_gex.lookahead.target import line_of

        place = strategy.rpartition(":")[0]
        why = line_of(error, place if place.endswith(".py") else None)
        raise EngineError(f"{strategy} fails: {why}; fix it there, and run again") from error


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Everything that is logged meanwhile, in a file of the folder."""
    from logging.handlers import RotatingFileHandler

    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / LOG_FILE, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8"
    )
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("bt_gex")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for fetching and one for running on the terminal, none when output goes elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def _extras(done: BacktestRecord, report: bool) -> dict[str, Callable[[Path], None]]:
    """The HTML reports, by file name."""
    if not report:
        return {}
    from bt_gex.reports.html.bar_page import bar_page
    from bt_gex.results.bar_folder import folder_of

    def write(one: Any, path: Path) -> None:
        path.write_text(bar_page(one), "utf-8")

    return {f"{folder_of(one.symbol)}_report.html": partial(write, one) for one in done.symbols}


def _show(done: BacktestRecord, folder: Path, as_json: bool) -> None:
    if as_json:
        from bt_gex.reports.as_json import json_text
        from bt_gex.reports.bar_json import backtest_content

        click.echo(json_text(backtest_content(done)))
        return
    from bt_gex.reports.console.backtest import print_backtest
    from bt_gex.reports.console.run import make_console

    print_backtest(done, make_console())
    list_files(folder)
