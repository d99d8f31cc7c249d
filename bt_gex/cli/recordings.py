"""`bt-gex session`: recorded sessions; and the options of verbs that record or read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.common import FILLED, Verb, home_option
from bt_gex.cli.lazy import LazyGroup
from bt_gex.errors import UsageError

if TYPE_CHECKING:
    from bt_gex.recordings.store import RecordingStore

LISTS, RUNS = "bt_gex.cli.recording_lists", "bt_gex.cli.recording_replays"
VERBS = {
    "list": f"{LISTS}:list_recordings",
    "show": f"{LISTS}:show",
    "events": f"{LISTS}:events",
    "bars": f"{LISTS}:bars",
    "replay": f"{RUNS}:replay",
    "sweep": f"{RUNS}:sweep",
    "compare": f"{RUNS}:compare",
    "export": f"{LISTS}:export",
    "import": f"{LISTS}:import_file",
    "recover": f"{LISTS}:recover",
    "delete": f"{LISTS}:delete",
    "demo": f"{RUNS}:demo",
}


@click.group(cls=LazyGroup, modules=VERBS, epilog="Example: bt-gex session demo")
def session() -> None:
    """Show recorded sessions, and replay them with other parameters."""


def recordings_options(command: Verb) -> Verb:
    """--recordings and --home: where recordings are kept, as `recordings_url` and `home`."""
    return click.option(
        "--recordings",
        "recordings_url",
        type=FILLED,
        metavar="URL",
        help="Database of recordings: a SQLite file or a URL; HOME/recordings.db by default.",
    )(home_option(command))


def record_options(command: Verb) -> Verb:
    """The options of verbs that can record what they run."""
    for option in (
        click.option(
            "--trigger",
            "triggers",
            multiple=True,
            metavar="KIND=THRESHOLD,…",
            help="With --record: keep the recording only if this happened, such as drawdown_pct=2; "
            "may be repeated.",
        ),
        click.option("--record", is_flag=True, help="Record the run, to be replayed."),
    ):
        command = option(command)
    return recordings_options(command)


def recordings_target(recordings_url: str | None, home: Path) -> str | Path:
    """Where recordings are kept."""
    from bt_gex.config.home import recordings_path

    return recordings_url or recordings_path(home)


@contextmanager
def opened_store(
    recordings_url: str | None, home: Path, *, read_only: bool = False
) -> Iterator[RecordingStore]:
    """The store of recordings, closed in the end."""
    from bt_gex.recordings.store import RecordingStore

    target = recordings_target(recordings_url, home)
    with RecordingStore(target, read_only=read_only) as store:
        yield store


def recorders(
    record: bool, triggers: Sequence[str], recordings_url: str | None, home: Path, number: int
) -> list[dict[str, object] | None]:
    """Parameters of a RecordingAnalyzer for each of so many runs; None where none is wanted."""
    if not record:
        if triggers:
            raise UsageError("--trigger decides on a recording; give --record, too")
        return [None] * number
    from uuid import uuid4

    from bt_gex.recordings.store import RecordingStore
    from bt_gex.recordings.triggers import parse_trigger

    target = recordings_target(recordings_url, home)
    parsed = tuple(parse_trigger(text) for text in triggers)
    RecordingStore(target).close()  # what cannot be written is told before the run
    return [
        {"database": target, "session_id": str(uuid4()), "triggers": parsed} for _ in range(number)
    ]


def tell_recorded(recorder: dict[str, Any] | None) -> None:
    """Say under which id a run was recorded, on standard error."""
    if recorder is None:
        return
    from bt_gex.recordings.rows import Query
    from bt_gex.recordings.store import RecordingStore

    with RecordingStore(recorder["database"]) as store:
        found = store.find(Query(session_id=recorder["session_id"]))
    if not found:
        click.echo("not recorded: no trigger fired, or there was nothing to run on", err=True)
    for one in reversed(found):
        click.echo(
            f"recorded: {one.recording_id}, {one.total_bars_recorded} bars, "
            f"{one.total_events_recorded} events; bt-gex session show {one.recording_id}",
            err=True,
        )


def parsed_changes(changes: Sequence[str]) -> dict[str, object]:
    """NAME=VALUE texts: numbers, true, false and none as such."""
    found: dict[str, object] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise UsageError(f"--set takes NAME=VALUE, each name once; got {text!r}")
        found[name.strip()] = parsed_value(value)
    return found


def parsed_value(text: str) -> float | str | None:
    """A value as it is typed."""
    words = {"true": True, "false": False, "none": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def own_strategy(words: str | None) -> object:
    """A strategy by its name, or the user's own class as my.py:Name."""
    if words is None or ":" not in words:
        return words
    from bt_gex.lookahead.target import find_target

    return find_target(words).load()
