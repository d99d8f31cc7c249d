"""Positions on setups that somebody else detects: fills, stops and targets of mean reversion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bt_gex.errors import BadValue
from bt_gex.market.bars import Bar
from bt_gex.rules.mean_reversion import Found, MeanReversion, _Symbol
from bt_gex.rules.mean_reversion_signal import Direction, Indicators

SIDES: Mapping[str, Direction] = {"LONG": "LONG", "BUY": "LONG", "SHORT": "SHORT", "SELL": "SHORT"}
UNKNOWN = Indicators(math.nan, math.nan, math.nan, math.nan, math.nan)
Detect = Callable[[str, Bar], Mapping[str, object] | None]


@dataclass(slots=True)
class DetectedPositions(MeanReversion):
    """`detect` is asked at every close, with the symbol and its bar, for a setup: `direction`, and,
    where they are its own, `stop_loss` and `target`. Parameters of bands and RSI have no effect."""

    detect: Detect = lambda symbol, bar: None

    def _find(self, symbol: str, state: _Symbol, bar: Bar) -> Found | None:
        setup = self.detect(symbol, bar)
        if setup is None:
            return None
        side = SIDES.get(str(setup.get("direction")).upper())
        if side is None:
            raise BadValue(
                f"a setup has a direction LONG or SHORT, got {setup.get('direction')!r:.40}"
            )
        stop = _price(setup, "stop_loss", "stop")
        target = _price(setup, "target", "take_profit")
        reason = str(setup.get("reason") or setup.get("type") or "setup")
        strength = _price(setup, "strength", "confidence")
        return Found(
            side, (reason,), UNKNOWN, 1.0 if strength is None else strength, (stop, target)
        )


def _price(setup: Mapping[str, Any], *names: str) -> float | None:
    """The first of these that is there, as a number."""
    value = next((setup[name] for name in names if setup.get(name) is not None), None)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BadValue(f"{names[0]} of a setup must be a number, got {value!r:.40}")
    return number
