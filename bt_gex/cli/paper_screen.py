"""What a person sees of a session while it runs: a screen on a terminal, else a line an event."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bt_gex.live.plan import SessionPlan
    from bt_gex.live.session import Watched, Watcher
    from bt_gex.trades.events import Event


class Lines:
    """A line for each event."""

    def event(self, event: Event) -> None:
        """Print it, where it has a line."""
        from bt_gex.reports.console.session import event_line

        line = event_line(event)
        if line:
            click.echo(line)

    def bar(self, seen: Watched) -> None:
        """Bars print nothing."""


class Several:
    """Tells several."""

    def __init__(self, watchers: list[Watcher]) -> None:
        self._watchers = watchers

    def event(self, event: Event) -> None:
        for watcher in self._watchers:
            watcher.event(event)

    def bar(self, seen: Watched) -> None:
        for watcher in self._watchers:
            watcher.bar(seen)


@contextmanager
def watching(plan: SessionPlan, as_json: bool, notify: str | None) -> Iterator[Watcher | None]:
    """The listeners of the session."""
    from bt_gex.live.notify import Notifier

    watchers: list[Watcher] = []
    if notify:
        watchers.append(Notifier(notify, plan.session_id))
    if as_json:
        yield Several(watchers) if watchers else None
    elif sys.stdout.isatty():
        from bt_gex.reports.console.live_screen import Screen

        with Screen(plan.session_id) as screen:
            yield Several([*watchers, screen])
    else:
        yield Several([*watchers, Lines()])
