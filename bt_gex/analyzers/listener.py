"""Passes on what happens in a run to somebody outside of it."""

from __future__ import annotations

import backtrader as bt


class Listener(bt.Analyzer):
    """told: called with every event of the execution stream, in their order."""

    params = (("told", None),)

    def start(self) -> None:
        self.strategy.broker.stream.subscribe_all(self.p.told)
