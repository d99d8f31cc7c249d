"""Quotes that end hours before the close, as those of a wrong time zone would."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from defects.handmade_market import Market, put_spread

from bt_gex.findings.analysis import analyse
from bt_gex.market.calendar import NS, sessions
from bt_gex.sessions.gaps import Gap, find_gaps, missing_ends_s

DAY = "2026-01-12"


def test_both_ends_by_hand() -> None:
    """Quotes at 10:00 and 10:01 only: 30 minutes from the open, 5 h 59 min to the close."""
    (session,) = sessions(date.fromisoformat(DAY), date.fromisoformat(DAY))
    at = session.open_ns + 30 * 60 * NS
    gaps = find_gaps(np.array([at, at + 60 * NS]), session)
    assert missing_ends_s(gaps, session) == (1_800.0, 359 * 60.0)
    assert missing_ends_s([Gap(at, 600.0)], session) == (0.0, 0.0)


@pytest.mark.parametrize(("until", "fires"), [("10:59", True), ("12:30", False)])
def test_a_run_says_so(until: str, fires: bool, tmp_path: Path) -> None:
    market = Market(tmp_path, DAY)
    market.known_all_day()
    market.quotes("09:31", until, put_spread(2.5, 0.05))
    result = market.run()
    minutes = {"10:59": 301, "12:30": 210}[until]
    quality = result.statistics.sessions[0].quality
    assert quality["minutes without a quote to the close"] == minutes
    assert result.statistics.data_quality["minutes without a quote to the close"] == minutes
    assert "minutes without a quote from the open" not in quality  # one minute
    kinds = [finding.kind for finding in analyse(result).findings]
    assert ("time_zone" in kinds) is fires
