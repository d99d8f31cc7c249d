"""Recording beside a session, in the same process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bt_gex.live.plan import SessionPlan


@contextmanager
def recording(plan: SessionPlan, stop: threading.Event) -> Iterator[None]:
    """While this lasts quotes are recorded, where the plan has a provider that is asked."""
    yield
