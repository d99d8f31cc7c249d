"""Recording beside a session, in the same process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bt_gex.blackbox.appender import Appender
from bt_gex.live.clock import WallClock
from bt_gex.live.plan import TRADIER, SessionPlan
from bt_gex.live.recorder import Recorder

log = logging.getLogger(__name__)


@contextmanager
def recording(plan: SessionPlan, stop: threading.Event) -> Iterator[None]:
    """While this lasts quotes are recorded, where the plan has a provider that is asked.

    Raises BadValue without a token, OutputError when the database cannot be written.
    """
    if plan.provider != TRADIER:
        yield
        return
    from bt_gex.live.tradier import TradierProvider, read_token

    provider = TradierProvider(read_token())
    over = threading.Event()
    with Appender(plan.database) as sink:
        clock = EitherClock(stop, over)
        recorder = Recorder(provider, sink, [plan.config.index_spec], plan.session, clock)
        thread = threading.Thread(target=_run, args=(recorder,), name="recorder")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            provider.close()


def _run(recorder: Recorder) -> None:
    try:
        recorder.run()
    except Exception:  # the session goes on, and tells that its data gets old
        log.exception("recording has ended")


class EitherClock(WallClock):
    """The wall clock, until either event is set."""

    def __init__(self, stop: threading.Event, over: threading.Event) -> None:
        super().__init__(stop)
        self._over = over

    def wait_until(self, ns: int) -> bool:
        while not self._over.is_set():
            if ns <= self.now():
                return super().wait_until(ns)
            if not super().wait_until(min(ns, self.now() + 1_000_000_000)):
                return False
        return False
