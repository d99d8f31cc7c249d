"""What a live bot imports: `from bt_gex.rules import get_gex_trade_setup`. Loads no engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bt_gex.rules.gex.entry import decide_entry
    from bt_gex.rules.gex.exits import decide_exit
    from bt_gex.rules.gex.setup import get_gex_trade_setup

_HOME = {
    "decide_entry": "bt_gex.rules.gex.entry",
    "decide_exit": "bt_gex.rules.gex.exits",
    "get_gex_trade_setup": "bt_gex.rules.gex.setup",
}

__all__ = ["decide_entry", "decide_exit", "get_gex_trade_setup"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
