"""The GEX strategy with slow hands: what it decides is sent some bars later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bt_gex.feeds.clock import Tick
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.market.contracts import Leg
from bt_gex.rules.gex.entry import EntryDecision, refused_credit
from bt_gex.strategies.gex import GexStrategy


class DelayedGexStrategy(GexStrategy):
    """Decides as the GEX strategy does, and sells the spread `delay_bars` bars later at the quotes
    of that bar. An order is dropped when the spread has no quote then, its credit is refused by the
    rules, or the session is over. Exits are not delayed.
    """

    params = (("delay_bars", 1),)  # type: ignore[assignment]  # backtrader adds up the params

    def __init__(self, **unknown: Any) -> None:
        super().__init__(**unknown)
        self._sent: list[tuple[int, SpreadFeed, EntryDecision]] = []  # row to fill on

    def _new_session(self, tick: Tick) -> None:
        self._sent.clear()
        super()._new_session(tick)

    def _taken(self) -> int:
        return super()._taken() + len(self._sent)

    def _enter(self, feed: SpreadFeed, decision: EntryDecision) -> EntryDecision:
        tick = self.clock.now()
        row = tick.row + self.p.delay_bars
        if row < len(tick.day.grid) - 1:
            self._sent.append((row, feed, decision))
            self.clock.wake(row)
        return decision

    def _fill_orders(self, tick: Tick) -> None:
        due = [order for order in self._sent if order[0] <= tick.row]
        self._sent = [order for order in self._sent if order[0] > tick.row]
        for _, feed, decision in due:
            credit = self.broker.credit_of(feed)
            least = self.entry_params.min_credit or 0.0
            if isinstance(credit, Leg) or refused_credit(credit, feed.spread.width, least):
                continue
            super()._enter(feed, replace(decision, credit=credit))
