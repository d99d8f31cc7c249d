"""`bt-gex paper start|status|stop|report`: sessions traded on paper."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.common import DATE, FILLED, INDEX, home_option
from bt_gex.cli.settings import settings_of
from bt_gex.errors import SessionError, UnknownName, UsageError

if TYPE_CHECKING:
    from bt_gex.config.run_config import RunConfig
    from bt_gex.journal.sql import SqlJournal
    from bt_gex.live.plan import SessionPlan
    from bt_gex.live.store import SessionStore

STOP_WITHIN_S = 60.0


class Stopping:
    """Ends a session in order on SIGTERM and Ctrl-C."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.interrupted = False

    def __call__(self, number: int, frame: object) -> None:
        self.interrupted = self.interrupted or number == signal.SIGINT
        self.stop.set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """While this lasts the signals stop the session."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@click.command(
    epilog="Example: bt-gex paper start --provider recorded --db demo/blackbox.db --day 2026-01-15"
)
@click.option("--db", "database", required=True, type=FILLED, help="Blackbox: a file or a URL.")
@click.option("--index", type=INDEX, help="SPX (default) or NDX.")
@click.option("--day", type=DATE, help="Session, YYYY-MM-DD; today by default.")
@click.option(
    "--provider",
    type=click.Choice(["recorded", "tradier"]),
    help="recorded plays a day of the database; tradier records into it, too. Without: somebody "
    "else writes it.",
)
@click.option(
    "--clock",
    metavar="START@SPEED",
    help="Simulated clock: max, or 2026-04-08T13:29:00Z@600; with recorded max by default.",
)
@click.option("--profile", type=FILLED, help="Named defaults: standard (default) or parity.")
@click.option("--fills", type=FILLED, help="natural (default), exit-mid, mid, 0.66, or 1,0.5.")
@click.option("--commission", help="USD per contract, per leg, per side.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a setting.")
@click.option("--config", "config_file", type=FILLED, help="YAML file with settings.")
@click.option("--workspace", type=FILLED, help="Account, by name or id, to go on with.")
@click.option("--notify", metavar="COMMAND", type=FILLED, help="Run it with a JSON line on events.")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and nothing else.")
@click.pass_context
def start(
    context: click.Context,
    database: str,
    index: str | None,
    day: date | None,
    provider: str | None,
    clock: str | None,
    profile: str | None,
    fills: str | None,
    commission: str | None,
    changes: tuple[str, ...],
    config_file: str | None,
    workspace: str | None,
    notify: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Trade a session on paper; started again, go on with it.

    It ends by itself after the settlement. SIGTERM and bt-gex paper stop end it in order, with its
    positions kept for the next start; so does Ctrl-C, with status 130.
    """
    from bt_gex.live.clock import parse_clock
    from bt_gex.live.plan import NOBODY, RECORDED, SessionPlan

    plan_clock = parse_clock(clock) if clock else None
    if provider == "tradier" and plan_clock:
        raise UsageError("--clock simulates; quotes of now need the wall clock")
    if provider != RECORDED and plan_clock is None and day is None:
        day = _today()
    settings = settings_of(fills, commission, changes)
    plan = SessionPlan(
        config=_config_of(index, day, profile, settings, config_file),
        database=database,
        home=home,
        provider=provider or NOBODY,
        clock=plan_clock,
        workspace=workspace,
    )
    stopping = Stopping()
    with stopping.heard():
        over = _run(plan, stopping.stop, as_json, notify)
    if over:
        _report(home, plan.session_id, as_json)
    elif not as_json:
        click.echo(f"session {plan.session_id} stopped; the same command goes on with it")
    context.exit(130 if stopping.interrupted else 0)


def _run(plan: SessionPlan, stop: threading.Event, as_json: bool, notify: str | None) -> bool:
    """Trade; whether the session is over."""
    from bt_gex.cli.paper_screen import watching
    from bt_gex.live.recorder_thread import recording
    from bt_gex.live.session import run_session

    with recording(plan, stop), watching(plan, as_json, notify) as watch:
        return run_session(plan, stop, watch=watch).is_over


def _today() -> date:
    from bt_gex.market.calendar import new_york

    return new_york(time.time_ns()).date()


def _config_of(
    index: str | None,
    day: date | None,
    profile: str | None,
    settings: dict[str, Any],
    config_file: str | None,
) -> RunConfig:
    """The configuration of one day from a file and what was typed, which wins."""
    from bt_gex.config.files import ConfigFile, read_config
    from bt_gex.config.run_config import RunConfig

    file = read_config(config_file) if config_file else ConfigFile()
    typed = {"index": index, "profile": profile, "start": day, "end": day}
    given = {**file.plain, **{name: value for name, value in typed.items() if value}}
    if "start" not in given:
        raise UsageError("--day is missing; give the session to play as YYYY-MM-DD")
    given["end"] = given["start"]
    return RunConfig(settings={**file.settings, **settings}, indexes=file.indexes, **given)


SESSION = click.argument("session_id", metavar="[SESSION]", required=False)


@click.command(epilog="Example: bt-gex paper report SPX-2026-01-15")
@SESSION
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def report(session_id: str | None, home: Path, as_json: bool) -> None:
    """Report a session, and how it agrees with a replay.

    Its run, its orders, its data.

    Without SESSION the newest one.
    """
    _report(home, chosen_session(home, session_id), as_json)


def _report(home: Path, session_id: str, as_json: bool) -> None:
    from bt_gex.findings.analysis import analyse
    from bt_gex.live.parity import parity, replayed
    from bt_gex.live.plan import is_running
    from bt_gex.live.report import session_report
    from bt_gex.reports.as_json import json_text, session_content
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.session import print_session

    with opened_session(home, session_id) as (recorded, values):
        mine = replayed(recorded)
        made = session_report(recorded, values, is_running(home, session_id))
    score = parity(recorded, of=mine) if recorded.is_closed else None
    findings = analyse(mine.result).findings
    if as_json:
        click.echo(json_text(session_content(made, mine.result, findings, score)))
    else:
        print_session(made, mine.result, findings, score, make_console())


@contextmanager
def opened_session(home: Path, session_id: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What is kept of a session, and its changing facts."""
    from bt_gex.live.parity import read_recorded
    from bt_gex.live.store import SessionStore, session_folder

    with SessionStore(session_folder(home, session_id)) as store, _journal(home) as journal:
        yield read_recorded(store, journal), store.values()


@contextmanager
def _journal(home: Path) -> Iterator[SqlJournal]:
    from bt_gex.config.home import journal_path
    from bt_gex.journal.sql import SqlJournal

    journal = SqlJournal(journal_path(home), read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def chosen_session(home: Path, given: str | None) -> str:
    """The session that was named, else the newest. Raises UnknownName, SessionError."""
    from bt_gex.live.store import session_ids

    known = session_ids(home)
    if given is None:
        if not known:
            raise SessionError(f"{home}: no session yet; bt-gex paper start begins one")
        return known[-1]
    if given not in known:
        raise UnknownName("session", given, known)
    return given


@click.command(epilog="Example: bt-gex paper status")
@SESSION
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(session_id: str | None, home: Path, as_json: bool) -> None:
    """Say how a session stands, or every session of the home."""
    from bt_gex.live.store import session_ids
    from bt_gex.reports.console.session import status_lines

    wanted = session_ids(home) if session_id is None else [chosen_session(home, session_id)]
    rows = [_status_of(home, name) for name in wanted]
    if as_json:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    else:
        for line in status_lines(rows) if rows else [f"{home}: no session yet"]:
            click.echo(line)


def _status_of(home: Path, session_id: str) -> dict[str, object]:
    from bt_gex.live.plan import is_running
    from bt_gex.live.store import SessionStore, session_folder
    from bt_gex.market.calendar import sessions, utc

    with SessionStore(session_folder(home, session_id)) as store, _journal(home) as journal:
        facts, values, bars = store.facts(), store.values(), store.bars()
        book = journal.state(facts.workspace).book
        trades = book.orders_count
    running = is_running(home, session_id)
    (session,) = sessions(facts.day, facts.day)
    return {
        "session_id": session_id,
        "status": "running" if running else values.get("status", "stopped"),
        "pid": values.get("pid") if running else None,
        "workspace": str(facts.workspace),
        "bars": session.bars,
        "read": sum(1 for bar in bars if not bar.missed and bar.row < session.bars),
        "last_reading": utc(bars[-1].read_ns).isoformat() if bars else None,
        "open_spreads": len(book.spreads),
        "equity": float(book.equity) if trades else facts.opening_balance,
        "cash": float(book.cash) if trades else facts.opening_balance,
        "halted": values.get("halted"),
    }


@click.command(epilog="Example: bt-gex paper stop")
@SESSION
@home_option
def stop(session_id: str | None, home: Path) -> None:
    """End a running session in order.

    Its positions are kept for the next start.
    """
    from bt_gex.live.plan import is_running
    from bt_gex.live.store import SessionStore, session_folder

    name = chosen_session(home, session_id)
    if not is_running(home, name):
        click.echo(f"session {name} is not running")
        return
    _terminate(SessionStore(session_folder(home, name)), lambda: is_running(home, name))
    click.echo(f"session {name} stopped")


def _terminate(store: SessionStore, running: Callable[[], bool]) -> None:
    """Ask the process of a session to end, and wait for it. Raises SessionError."""
    pid = store.values().get("pid")
    if not isinstance(pid, int):
        raise SessionError(f"{store.folder}: its process is not known; end it by hand")
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        raise SessionError(f"process {pid} cannot be stopped: {error.strerror}") from error
    deadline = time.monotonic() + STOP_WITHIN_S
    while running():
        if time.monotonic() > deadline:
            raise SessionError(f"process {pid} is still running after {STOP_WITHIN_S:.0f} s")
        time.sleep(0.05)
