"""A resolved strategy on a recorded market, whichever kind of market it is."""

from __future__ import annotations

from collections.abc import Mapping

from bt_gex.runs.recorded_gex import events_of_gex
from bt_gex.runs.recorded_run import Outcome, RecordedMarket, run_recorded
from bt_gex.runs.replayable import Resolved


def outcome_of(
    market: RecordedMarket,
    resolved: Resolved,
    *,
    with_bars: bool = False,
    mode: Mapping[str, object] | None = None,
) -> Outcome:
    """What the strategy does; see `recorded_run.run_recorded`."""
    if resolved.config is not None:
        return Outcome(events_of_gex(market, resolved.config, mode))
    return run_recorded(market, resolved, with_bars=with_bars, mode=mode)
