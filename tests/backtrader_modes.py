"""Every way that backtrader can be asked to run a cerebro."""

from __future__ import annotations

from typing import Any

MODES: list[dict[str, Any]] = [
    {"runonce": False},
    {"preload": False},
    {"runonce": False, "preload": False},
    {"stdstats": False},
    {"exactbars": 1},
    {"exactbars": -1},
    {"exactbars": -2},
    {"oldsync": True},
    {"quicknotify": True},
    {"tradehistory": True},
]
