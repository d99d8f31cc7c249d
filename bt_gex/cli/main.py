"""The `bt-gex` command: translates words into calls, errors into one line and a status."""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from bt_gex.cli.common import log_to_stderr
from bt_gex.cli.lazy import LazyGroup
from bt_gex.errors import BtGexError, UsageError

# verb -> module that defines a click command of that name; imported only when it is called.
COMMANDS = {
    "run": "bt_gex.cli.run",
    "backtest": "bt_gex.cli.backtest",
    "show": "bt_gex.cli.show",
    "trade": "bt_gex.cli.show",
    "report": "bt_gex.cli.report",
    "plot": "bt_gex.cli.report",
    "costs": "bt_gex.cli.report",
    "compare": "bt_gex.cli.compare",
    "verify": "bt_gex.cli.verify",
    "inspect": "bt_gex.cli.inspect",
    "synth": "bt_gex.cli.synth",
    "sweep": "bt_gex.cli.sweep",
    "walkforward": "bt_gex.cli.sweep",
    "cache": "bt_gex.cli.cache",
    "lookahead": "bt_gex.cli.lookahead",
    "journal": "bt_gex.cli.journal",
    "paper": "bt_gex.cli.paper",
    "plan": "bt_gex.cli.plan",
    "session": "bt_gex.cli.recordings",
    "serve": "bt_gex.cli.serve",
    "parity": "bt_gex.cli.parity",
    "record": "bt_gex.cli.record",
}
OBJECTS_BETWEEN_COLLECTIONS = 50_000

# How the help lists them; every verb stands in one section.
SECTIONS = {
    "Replay": ("run", "backtest", "show", "trade", "report", "plot"),
    "Judge": ("costs", "compare", "parity", "lookahead", "verify"),
    "Sweep": ("sweep", "walkforward"),
    "Data": ("inspect", "synth", "cache"),
    "Paper and live": ("session", "record", "paper", "plan", "journal"),
    "Browser": ("serve",),
}


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="bt-gex")
def cli() -> None:
    """Replay a recorded 0DTE option market through the live bot's own decisions.

    Example: bt-gex run --db blackbox.db --index SPX --start 2026-01-12 --end 2026-01-16
    """
    log_to_stderr(0)


def main(argv: list[str] | None = None) -> NoReturn:
    """Entry point of the console script; never shows a traceback for an error of ours."""
    # Imports make many objects and few cycles; looking for them 200 times is 5 % of a run.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name is no reason to lose a whole report
        sys.stdout.reconfigure(errors="replace")
    sys.exit(_status(argv))


def _discard_output() -> None:
    """Let what could not be written go, or writing it again at the end changes the status."""
    with suppress(OSError):  # an output that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _status(argv: list[str] | None) -> int:
    """Run a command; its exit status."""
    try:
        status = cli.main(args=argv, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        status = error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        verb = context.command_path if context else "bt-gex"
        click.echo(f"error: {error.format_message().rstrip('.')}; see {verb} --help", err=True)
        status = error.exit_code
    except click.Abort:
        click.echo(
            "interrupted; results finished before stay valid, nothing half-written is left",
            err=True,
        )
        status = 130
    except BtGexError as error:
        click.echo(f"error: {error}", err=True)
        status = 2 if isinstance(error, UsageError) else 1
    except SystemExit as error:  # of click and rich, when the reader of the output closes it
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        status = 0
    except OSError as error:  # files of ours have errors of ours; this is the terminal or the pipe
        click.echo(f"error: the output cannot be written: {error.strerror or error}", err=True)
        _discard_output()
        status = 1
    return status or 0


if __name__ == "__main__":
    main()
