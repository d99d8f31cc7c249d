"""From checks to trades: every decision, and why most of them were no trade."""

from __future__ import annotations

from collections import Counter
from typing import Any

import backtrader as bt

from bt_gex.trades.records import Decision


class Funnel(bt.Analyzer):
    """Every check a GexStrategy made, in order of time."""

    def start(self) -> None:
        self.records: list[Decision] = []
        self.strategy.broker.stream.subscribe(Decision, self.records.append)

    def stop(self) -> None:
        # With a latency what came of a check may be known only after the next one.
        self.records.sort(key=lambda record: record.timestamp)

    def get_analysis(self) -> dict[str, Any]:
        """checks, entries, and skips by kind."""
        skips = Counter(r.kind for r in self.records if r.outcome == "skip")
        entries = len(self.records) - sum(skips.values())
        return {"checks": len(self.records), "entries": entries, "skips": dict(skips)}
