"""Option types that several verbs share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import click


class SessionDate(click.ParamType[date]):
    """YYYY-MM-DD as a date."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a date; write YYYY-MM-DD", param, ctx)


class IndexSymbol(click.ParamType[str]):
    """An index symbol; upper case whatever was typed."""

    name = "symbol"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        return str(value).strip().upper()


class Filled(click.ParamType[str]):
    """Text, but not an empty one: an unset shell variable is no wish for the default."""

    name = "text"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if not str(value).strip():
            self.fail("it is empty; give a value, or leave the option out", param, ctx)
        return str(value)


Verb = TypeVar("Verb", bound=Callable[..., object] | click.Command)
LOG_HANDLER = "bt-gex command"
DATE = SessionDate()
INDEX = IndexSymbol()
FILLED = Filled()


LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)  # by how often -v is given


def log_to_stderr(verbose: int) -> None:
    """Write the package's log to standard error: warnings, with -v what is done, -vv details."""
    log = logging.getLogger("bt_gex")
    log.setLevel(logging.DEBUG)
    for handler in [h for h in log.handlers if h.name == LOG_HANDLER]:
        log.removeHandler(handler)
    handler = logging.StreamHandler()
    handler.name = LOG_HANDLER
    handler.setLevel(LEVELS[min(verbose, len(LEVELS) - 1)])
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)


def verbose_option() -> click.Option:
    """-v, which every verb takes."""

    def heard(context: click.Context, param: click.Parameter, times: int) -> None:
        if times:
            log_to_stderr(times)

    return click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=heard,
        help="Log to standard error what is done; -vv in detail.",
    )


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on the terminal, none when the output goes elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def is_of_variants(folder: Path) -> bool:
    """Whether it is the folder of a sweep or a walk-forward."""
    return (folder / "plan.yaml").exists() and (folder / "summary.json").exists()


def list_files(folder: Path | None) -> None:
    """Say which files a verb has written."""
    if folder:
        click.echo(f"\n{folder}")
        for file in sorted(folder.iterdir()):
            click.echo(f"  {file}")


def cache_options(command: Verb) -> Verb:
    """The options of verbs that read sessions: `cache_dir` and `no_cache`."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Use no day cache, and leave none behind."),
        click.option(
            "--cache-dir",
            type=FILLED,
            help="Folder of the day cache; the user's cache folder by default.",
        ),
    ):
        command = option(command)
    return command


def home_option(command: Verb) -> Verb:
    """--home of verbs that keep or look up what lasts: the folder as `home`, see config.home."""

    def found(context: click.Context, param: click.Parameter, given: str | None) -> Path:
        from bt_gex.config.home import home_folder

        return home_folder(given)

    return click.option(
        "--home",
        type=FILLED,
        callback=found,
        help="Folder of sessions, journal and recordings; BT_GEX_HOME, or the user's data folder, "
        "by default.",
    )(command)
