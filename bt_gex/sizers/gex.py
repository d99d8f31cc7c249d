"""The rules' sizes as backtrader sizers; each also says why."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from bt_gex.brokers.spread import SpreadBroker
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.rules.gex.sizing import KellyParams, Size, fixed_size, half_kelly_size
from bt_gex.trades.events import SpreadClosed, SpreadSettled


class FixedContracts(bt.Sizer):
    """The same number of contracts for every trade."""

    params = (("quantity", 1),)

    def size(self, feed: SpreadFeed, credit: float) -> Size:
        """Contracts for selling the spread at a credit (points)."""
        return fixed_size(int(self.p.quantity))

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> int:
        return int(self.p.quantity)


class HalfKelly(bt.Sizer):
    """Half of Kelly's fraction of the account, from the trades closed so far in this run.

    kelly: KellyParams. The risk of a contract is what the spread can really lose.
    earlier: P&L of trades closed before this run, dollars a contract.
    """

    params = (("kelly", KellyParams()), ("earlier", ()))

    def __init__(self) -> None:
        self._pnls: list[float] = list(self.p.earlier)  # of closed trades, dollars a contract

    def set(self, strategy: bt.Strategy, broker: bt.BrokerBase) -> None:
        super().set(strategy, broker)
        if isinstance(broker, SpreadBroker):
            broker.stream.subscribe(SpreadClosed, self._closed)
            broker.stream.subscribe(SpreadSettled, self._closed)

    def _closed(self, event: SpreadClosed | SpreadSettled) -> None:
        if event.pnl_dollars is not None:
            self._pnls.append(event.pnl_dollars / event.quantity)

    def size(self, feed: SpreadFeed, credit: float) -> Size:
        """Contracts for selling the spread at a credit (points)."""
        return half_kelly_size(
            pnls_per_contract=self._pnls,
            balance=self.broker.closed_balance(),
            start_balance=self.broker.startingcash,
            max_risk=(feed.spread.width - credit) * feed.day.index.multiplier,
            params=self.p.kelly,
        )

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> int:
        if not isinstance(data, SpreadFeed):
            return 0
        credit = self.broker.credit_of(data)
        return self.size(data, credit).quantity if isinstance(credit, float) else 0
