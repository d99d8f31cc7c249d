"""A strategy driven by a detector: `detect_setups(df)` over the bars so far decides the entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from bt_gex.errors import EngineError
from bt_gex.market.bars import Bar
from bt_gex.recordings.values import ns_of
from bt_gex.rules.detected import DetectedPositions
from bt_gex.rules.mean_reversion import SignalDetected, run_mean_reversion
from bt_gex.rules.mean_reversion_signal import (
    MeanReversionParams,
    mean_reversion_params,
)
from bt_gex.strategies.mean_reversion import MeanReversionStrategy

COLUMNS = ("open", "high", "low", "close", "volume")
# Parameters of mean reversion that say how a position is held, however the entry was found.
HELD_BY = ("position_size", "stop_loss_pct", "take_profit_pct", "max_positions", "fill",
           "max_holding_minutes", "stop_first")  # fmt: skip


@runtime_checkable
class Detector(Protocol):
    """Finds setups in bars; each is a mapping with direction, timestamp and, perhaps, entry_price,
    target, stop_loss."""

    def detect_setups(self, df: pd.DataFrame) -> Sequence[Mapping[str, object]]:
        """Setups in the bars of one symbol up to now: timestamp, open, high, low, close, volume."""
        ...


class _Bars:
    """The bars of a symbol so far, as a frame that shares their memory."""

    def __init__(self) -> None:
        self._stamps = np.empty(1024, dtype="datetime64[ns]")
        self._values = np.empty((len(COLUMNS), 1024))
        self._count = 0

    def add(self, bar: Bar) -> pd.DataFrame:
        """All bars, this one included."""
        if self._count == len(self._stamps):
            self._stamps = np.concatenate([self._stamps, np.empty_like(self._stamps)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
        self._stamps[self._count] = np.datetime64(bar.ts_ns, "ns")
        self._values[:, self._count] = bar[1:]
        self._count += 1
        stamps = pd.DatetimeIndex(self._stamps[: self._count]).tz_localize("UTC")
        columns = {name: self._values[n, : self._count] for n, name in enumerate(COLUMNS)}
        return pd.DataFrame({"timestamp": stamps, **columns}, copy=True)


class DetectorStrategy(MeanReversionStrategy):
    """Enters on a detector's newest setup when its timestamp is this bar's; the position is held by
    the parameters of mean reversion that concern positions.

    detector  see Detector
    """

    params = (("detector", None),)  # type: ignore[assignment]

    def __init__(self, **unknown: object) -> None:
        super().__init__(**unknown)
        if not isinstance(self.p.detector, Detector):
            raise EngineError(
                f"a detector has a method detect_setups(df), got {type(self.p.detector).__name__}"
            )
        self._bars: dict[str, _Bars] = {}
        self.machine = DetectedPositions(self.rule_params, detect=self._detect)

    def _detect(self, symbol: str, bar: Bar) -> Mapping[str, object] | None:
        frame = self._bars.setdefault(symbol, _Bars()).add(bar)
        setups = list(self.p.detector.detect_setups(frame))
        if not setups:
            return None
        newest = max(setups, key=lambda setup: ns_of(setup["timestamp"]))
        return newest if ns_of(newest["timestamp"]) == bar.ts_ns else None

    def bar_indicators(self, symbol: str) -> Mapping[str, float]:
        """A detector keeps its own."""
        return {}


class MeanReversionDetector:
    """The entries of mean reversion as a detector; a replay with it is one of that strategy.

    parameters  those of MeanReversionParams that differ from the recorded ones
    """

    def __init__(self, **parameters: object) -> None:
        mean_reversion_params(parameters)
        self.parameters = parameters

    def detect_setups(self, df: pd.DataFrame) -> list[dict[str, object]]:
        """Every bar of one symbol on which the entry rule holds, whatever is open."""
        params = mean_reversion_params({**self.parameters, "max_positions": None})
        stamps = [ns_of(stamp) for stamp in df["timestamp"]]
        rows = df[list(COLUMNS)].itertuples(index=False, name=None)
        bars = [Bar(ns, *row) for ns, row in zip(stamps, rows, strict=True)]
        return [_setup(event) for event in _signals(bars, params)]


def _signals(bars: Sequence[Bar], params: MeanReversionParams) -> list[SignalDetected]:
    events, _ = run_mean_reversion({"": bars}, params)
    return [event for event in events if isinstance(event, SignalDetected)]


def _setup(signal: SignalDetected) -> dict[str, object]:
    return {
        "direction": signal.direction,
        "timestamp": pd.Timestamp(signal.ts_ns, tz="UTC"),
        "entry_price": signal.close,
        "stop_loss": signal.stop_loss,
        "target": signal.take_profit,
        "strength": signal.strength,
        "reason": ", ".join(signal.conditions),
    }
