"""From checks to trades: every decision, and why most of them were no trade."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import backtrader as bt

from bt_gex.feeds.clock import Tick
from bt_gex.market.calendar import new_york, utc
from bt_gex.rules.gex.entry import EntryDecision
from bt_gex.trades.records import Decision
from bt_gex.trades.values import known


class Funnel(bt.Analyzer):
    """Every check a GexStrategy made, in order of time."""

    def start(self) -> None:
        self.records: list[Decision] = []

    def notify_check(self, tick: Tick, decision: EntryDecision, order_id: str) -> None:
        """Called by the strategy after each check; the order id is empty on a skip."""
        self.records.append(decision_record(tick, decision, order_id))

    def get_analysis(self) -> dict[str, Any]:
        """checks, entries, and skips by kind."""
        skips = Counter(r.kind for r in self.records if r.outcome == "skip")
        entries = len(self.records) - sum(skips.values())
        return {"checks": len(self.records), "entries": entries, "skips": dict(skips)}


def decision_record(tick: Tick, decision: EntryDecision, order_id: str) -> Decision:
    """The record of a check. Prices in points."""
    setup = decision.setup
    entered = decision.action == "enter"
    return Decision(
        index_symbol=tick.day.index.symbol,
        session=tick.day.session.day,
        timestamp=utc(tick.ns),
        time_et=f"{new_york(tick.ns):%H:%M}",
        outcome="entry" if entered else "skip",
        kind=decision.kind.value if decision.kind else "",
        reason=decision.reason,
        pin=known(decision.seen.pin),
        spot=known(decision.seen.spot),
        vix=known(decision.seen.vix),
        strategy=setup.strategy if setup else None,
        strikes=setup.strikes if setup else (),
        distance=setup.distance if setup else None,
        width=decision.spread.width if decision.spread else None,
        credit=None if math.isnan(decision.credit) else round(decision.credit, 10),
        quantity=decision.quantity,
        order_id=order_id,
    )
