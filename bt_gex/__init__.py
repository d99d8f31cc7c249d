"""Replay a recorded 0DTE option market through the live bot's own decisions.

    from bt_gex import RunConfig, replay

The names below are loaded when first used, so that `import bt_gex.rules` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bt_gex.config.run_config import RunConfig
    from bt_gex.errors import BtGexError, DataError, OutputError, UsageError
    from bt_gex.results.result import RunResult
    from bt_gex.rules.gex.setup import get_gex_trade_setup
    from bt_gex.runs.replay import replay

__version__ = "0.1.0"

_HOME = {
    "BtGexError": "bt_gex.errors",
    "DataError": "bt_gex.errors",
    "OutputError": "bt_gex.errors",
    "UsageError": "bt_gex.errors",
    "RunConfig": "bt_gex.config.run_config",
    "RunResult": "bt_gex.results.result",
    "get_gex_trade_setup": "bt_gex.rules.gex.setup",
    "replay": "bt_gex.runs.replay",
}

__all__ = [
    "BtGexError",
    "DataError",
    "OutputError",
    "RunConfig",
    "RunResult",
    "UsageError",
    "get_gex_trade_setup",
    "replay",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
