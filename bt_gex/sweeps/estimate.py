"""What a sweep would take, before it is run."""

from __future__ import annotations

from bt_gex.market.calendar import sessions
from bt_gex.sweeps.plan import Plan
from bt_gex.sweeps.sweep import SweepOptions

# Seconds of one process for one session with the twelve checks, as measured by scripts/bench on
# two cores of a server; a laptop is not far from it. Reading is a session's first time.
SECONDS_A_SESSION = {"backtrader": 0.012, "compiled": 0.00008}
STARTING_S = {"backtrader": 1.0, "compiled": 12.0}  # the compiler's share is most of the latter
READING_S = 0.1
BYTES_A_VARIANT = 700
BYTES_BESIDES = 1_000_000  # pictures and trades of the best


def estimate(plan: Plan, how: SweepOptions) -> list[str]:
    """Roughly how long it takes and how much disk, a line each."""
    days = len(sessions(plan.base.start, plan.base.end))
    valid = sum(1 for variant in plan.variants if not variant.invalid)
    each = SECONDS_A_SESSION[how.engine] * days
    seconds = STARTING_S[how.engine] + READING_S * days + valid * each / how.processes
    disk = len(plan.variants) * BYTES_A_VARIANT + BYTES_BESIDES
    workers = f"{how.processes} worker{'' if how.processes == 1 else 's'}"
    over = f"{days} session{'' if days == 1 else 's'}"
    return [
        f"about {_duration(seconds)} with engine {how.engine} and {workers} over {over}",
        f"about {disk / 1e6:,.1f} MB on disk",
    ]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"
