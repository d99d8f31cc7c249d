"""`bt-gex session list|show|events|bars|export|import|recover|delete`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from bt_gex.cli.common import FILLED, Verb
from bt_gex.cli.recordings import opened_store, recordings_options
from bt_gex.errors import BadValue, UsageError

ID = click.argument("recording_id", metavar="ID", type=FILLED)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
FILE = click.Path(path_type=Path)
AGE = re.compile(r"(\d{1,5})([dh])", re.ASCII)


def paging(most: int) -> Callable[[Verb], Verb]:
    """--limit and --offset."""

    def decorated(command: Verb) -> Verb:
        offset = click.option("--offset", type=click.IntRange(0), default=0, help="Skip so many.")
        limit = click.option(
            "--limit", type=click.IntRange(1, most), default=100, show_default=True, help="At most."
        )
        return limit(offset(command))

    return decorated


@click.command("list", epilog="Example: bt-gex session list --status completed")
@click.option("--status", type=FILLED, help="recording, completed, failed or interrupted.")
@click.option("--tag", type=FILLED, help="Only those with this tag.")
@click.option("--strategy", type=FILLED, help="Only those of this strategy.")
@click.option("--instance", type=int, help="Only those of this instance.")
@paging(1_000)
@recordings_options
@JSON
def list_recordings(
    status: str | None,
    tag: str | None,
    strategy: str | None,
    instance: int | None,
    limit: int,
    offset: int,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """List recorded sessions, newest first."""
    from bt_gex.recordings.rows import Query
    from bt_gex.recordings.views import recordings_page
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_recordings
    from bt_gex.reports.console.run import make_console

    query = Query(
        instance_id=instance, status=status, tag=tag, strategy=strategy, limit=limit, offset=offset
    )
    with opened_store(recordings_url, home, read_only=True) as store:
        page = recordings_page(store, query)
        if as_json:
            click.echo(json_text(page))
        else:
            print_recordings(page["recordings"], store.name, make_console())


@click.command(epilog="Example: bt-gex session show ID")
@ID
@recordings_options
@JSON
def show(recording_id: str, recordings_url: str | None, home: Path, as_json: bool) -> None:
    """Show one recording.

    Its parameters, environment, counts of events, and its replays.
    """
    from bt_gex.recordings.views import recording_detail
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_recording
    from bt_gex.reports.console.run import make_console

    with opened_store(recordings_url, home, read_only=True) as store:
        found = recording_detail(store, recording_id)
    if as_json:
        click.echo(json_text(found))
    else:
        print_recording(found["recording"], make_console())


@click.command(epilog="Example: bt-gex session events ID --type SIGNAL_DETECTED")
@ID
@click.option("--type", "event_type", type=FILLED, help="Only events of this type.")
@paging(1_000)
@recordings_options
@JSON
def events(
    recording_id: str,
    event_type: str | None,
    limit: int,
    offset: int,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """List what happened in a recorded session.

    Each event with what it was decided on.
    """
    from bt_gex.recordings.views import events_page
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_events
    from bt_gex.reports.console.run import make_console

    with opened_store(recordings_url, home, read_only=True) as store:
        page = events_page(store, recording_id, event_type=event_type, limit=limit, offset=offset)
    if as_json:
        click.echo(json_text(page))
    else:
        print_events(page, make_console())


@click.command(epilog="Example: bt-gex session bars ID --symbol SPY")
@ID
@click.option("--symbol", type=FILLED, help="Only bars of this symbol.")
@paging(10_000)
@recordings_options
@JSON
def bars(
    recording_id: str,
    symbol: str | None,
    limit: int,
    offset: int,
    recordings_url: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """List the bars of a recorded session, with their indicators."""
    from bt_gex.recordings.views import bars_page
    from bt_gex.reports.as_json import json_text
    from bt_gex.reports.console.recordings import print_bars
    from bt_gex.reports.console.run import make_console

    with opened_store(recordings_url, home, read_only=True) as store:
        page = bars_page(store, recording_id, symbol=symbol, limit=limit, offset=offset)
    if as_json:
        click.echo(json_text(page))
    else:
        print_bars(page, make_console())


@click.command(epilog="Example: bt-gex session export ID -o morning.btrec")
@ID
@click.option("-o", "--output", type=FILE, help="File or folder; ID.btrec here by default.")
@click.option("--without-replays", is_flag=True, help="Leave its replays out.")
@recordings_options
def export(
    recording_id: str,
    output: Path | None,
    without_replays: bool,
    recordings_url: str | None,
    home: Path,
) -> None:
    """Write a recording to a .btrec file.

    The same recording is always the same bytes.
    """
    from bt_gex.recordings.archive import export_recording

    with opened_store(recordings_url, home, read_only=True) as store:
        path = export_recording(
            store, recording_id, output or Path(), with_replays=not without_replays
        )
    click.echo(f"recording: {path}")


@click.command("import", epilog="Example: bt-gex session import morning.btrec")
@click.argument("file", type=FILE)
@click.option("--new-id", is_flag=True, help="Add a copy under an id of its own.")
@recordings_options
def import_file(file: Path, new_id: bool, recordings_url: str | None, home: Path) -> None:
    """Add the recording of a .btrec file.

    One that is not whole is refused.
    """
    from bt_gex.recordings.archive import import_recording

    with opened_store(recordings_url, home) as store:
        click.echo(f"recorded: {import_recording(store, file, new_id=new_id)}")


@click.command(epilog="Example: bt-gex session recover ID")
@ID
@recordings_options
def recover(recording_id: str, recordings_url: str | None, home: Path) -> None:
    """Close a recording whose process has ended.

    What was written stays, as a failed recording.
    """
    with opened_store(recordings_url, home) as store:
        found = store.recover(recording_id)
    click.echo(f"{recording_id}: {found.description}, {found.total_bars_recorded} bars")


@click.command(epilog="Example: bt-gex session delete --older-than 30d")
@click.argument("recording_ids", metavar="[ID]...", nargs=-1, type=FILLED)
@click.option(
    "--older-than", "older_than", metavar="AGE", help="Those that ended before: 30d, 12h."
)
@recordings_options
def delete(
    recording_ids: tuple[str, ...], older_than: str | None, recordings_url: str | None, home: Path
) -> None:
    """Delete recordings with their bars, events and replays.

    None that is being recorded.
    """
    if bool(recording_ids) == bool(older_than):
        raise UsageError("give ids of recordings, or --older-than such as 30d")
    before = _before(older_than) if older_than else None
    with opened_store(recordings_url, home) as store:
        if before is not None:
            recording_ids = tuple(store.delete_older(before))
        else:
            for name in recording_ids:
                store.get(name)  # none is deleted when one is not there
            for name in recording_ids:
                store.delete(name)
    for name in recording_ids:
        click.echo(f"deleted: {name}")
    if not recording_ids:
        click.echo("nothing to delete")


def _before(age: str) -> datetime:
    found = AGE.fullmatch(age.strip())
    if not found:
        raise BadValue(f"--older-than takes days or hours such as 30d or 12h, got {age!r}")
    unit = timedelta(days=1) if found[2] == "d" else timedelta(hours=1)
    return datetime.now(UTC) - int(found[1]) * unit
