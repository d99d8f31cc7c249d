"""Notifications: a command of the user's is run with one JSON line on what matters."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
from typing import TYPE_CHECKING

from bt_gex.market.calendar import NS, utc
from bt_gex.trades.events import Event, SpreadClosed, SpreadOpened, SpreadSettled

if TYPE_CHECKING:
    from bt_gex.live.session import Watched

log = logging.getLogger(__name__)

WITHIN_S = 10.0
STALE_S = 120.0  # as old as a quote may be and still count


class Notifier:
    """Runs a command on entry, exit, halt and stale data; the line is its standard input.

    A command that fails or takes too long is told in the log and changes nothing.
    """

    def __init__(self, command: str, session_id: str) -> None:
        self._words, self._session_id = shlex.split(command), session_id
        self._halted = self._stale = False

    def event(self, event: Event) -> None:
        """Tell of entries and exits."""
        match event:
            case SpreadOpened():
                self._tell("entry", event.at_ns, order_id=event.instrument.name,
                           quantity=event.quantity, credit=event.credit)  # fmt: skip
            case SpreadClosed():
                self._tell("exit", event.at_ns, order_id=event.instrument.name,
                           value=event.value, pnl_dollars=event.pnl_dollars,
                           reason=event.reason)  # fmt: skip
            case SpreadSettled():
                self._tell("exit", event.at_ns, order_id=event.instrument.name,
                           value=event.value, pnl_dollars=event.pnl_dollars,
                           reason="settlement")  # fmt: skip
            case _:
                pass

    def bar(self, seen: Watched) -> None:
        """Tell once of a halt, and each time the quotes become too old."""
        at_ns = int(seen.day.grid[seen.row])
        if seen.books.halted and not self._halted:
            self._halted = True
            self._tell("halt", at_ns, reason=seen.books.halted)
        newest = seen.day.seen.newest_quote_ns
        stale = at_ns - max(newest, seen.day.session.open_ns) > STALE_S * NS
        if stale and not self._stale:
            age = None if newest < 0 else (at_ns - newest) / NS
            self._tell("stale data", at_ns, quotes_age_s=age, fault=seen.bars.fault)
        self._stale = stale

    def _tell(self, kind: str, at_ns: int, **facts: object) -> None:
        line = json.dumps(
            {"event": kind, "session_id": self._session_id, "at": utc(at_ns).isoformat(), **facts}
        )
        try:
            subprocess.run(
                self._words, input=f"{line}\n", text=True, timeout=WITHIN_S, check=True,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("the command of --notify failed: %s", error)
