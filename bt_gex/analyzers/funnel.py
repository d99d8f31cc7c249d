"""From checks to trades: every decision, and why most of them were no trade."""

from __future__ import annotations

from collections import Counter
from typing import Any

import backtrader as bt

from bt_gex.trades.records import Decision


class Funnel(bt.Analyzer):
    """Every check a GexStrategy made, in order of time.

    Those of a session that has come to its end without any row are left out: it is `no data`.
    """

    def start(self) -> None:
        self.records: list[Decision] = []
        self.strategy.broker.stream.subscribe(Decision, self.records.append)

    def stop(self) -> None:
        days = getattr(self.strategy.datas[0].p, "days", ())
        empty = {day.session.day for day in days if not day.has_data}
        self.records = [record for record in self.records if record.session not in empty]
        # With a latency what came of a check may be known only after the next one.
        self.records.sort(key=lambda record: record.timestamp)

    def get_analysis(self) -> dict[str, Any]:
        """checks, entries, and skips by kind."""
        skips = Counter(r.kind for r in self.records if r.outcome == "skip")
        entries = len(self.records) - sum(skips.values())
        return {"checks": len(self.records), "entries": entries, "skips": dict(skips)}
