"""Records of bar strategies: trades, sessions, signals, factors."""

from __future__ import annotations

from collections import defaultdict

import backtrader as bt

from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay
from bt_gex.trades.events import BarSignal, BarTradeClosed, FactorsSampled, RangeDayEnded


class BarTradeReport(bt.Analyzer):
    """Trades of a strategy on a BarBroker in order of exit; of one instant as they happened.

    `days` and `samples` are those of the opening-range strategy, `signals` every time an entry rule
    held; all by symbol.

    samples  whether factors are wanted, too
    """

    params = (("samples", False),)

    def start(self) -> None:
        self.records: list[BarTrade] = []
        self.signals: defaultdict[str, list[BarSignal]] = defaultdict(list)
        self.days: defaultdict[str, list[RangeDay]] = defaultdict(list)
        self.samples: defaultdict[str, list[FactorSample]] = defaultdict(list)
        stream = self.strategy.broker.stream
        stream.subscribe(BarTradeClosed, lambda event: self.records.append(event.trade))
        stream.subscribe(BarSignal, lambda event: self.signals[event.symbol].append(event))
        stream.subscribe(RangeDayEnded, lambda event: self.days[event.symbol].append(event.day))
        if self.p.samples:
            stream.subscribe(
                FactorsSampled, lambda event: self.samples[event.symbol].append(event.sample)
            )

    def stop(self) -> None:
        self.records.sort(key=lambda trade: trade.timestamp_exit)

    def get_analysis(self) -> list[BarTrade]:
        """The records."""
        return self.records
