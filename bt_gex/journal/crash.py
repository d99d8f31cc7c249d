"""Named points at which tests kill the process, to see that nothing half-done is left.

c1 before the lock, c2 with the lock, c3 decided, c4 inserted, c6 committed, c8 applied. (c5 is a
commit that raises and c7 an error while applying; they are exceptions, and the process goes on.)
"""

from __future__ import annotations

import os
import signal

VARIABLE = "BT_GEX_JOURNAL_CRASH"


def crash_point(name: str) -> None:
    """Kill this process when the environment names this point."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
