"""The account over time: equity, drawdown, profit factor."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import backtrader as bt
import numpy as np

from bt_gex.analyzers.trades import Marks
from bt_gex.feeds.legs import carried_forward
from bt_gex.market.calendar import Stamps
from bt_gex.market.quotes import Prices
from bt_gex.stats.summary import profit_factor
from bt_gex.trades.events import SpreadClosed, SpreadSettled


class Equity(bt.Analyzer):
    """The account at every tick: equity with open spreads marked at mid, cash, margin; dollars.

    Columns, one value a tick: stamp (backtrader's number, naive UTC), equity, cash, margin,
    open_spreads, closed_equity (balance plus realised profit).
    """

    COLUMNS = ("stamp", "equity", "cash", "margin", "open_spreads", "closed_equity")

    def start(self) -> None:
        self.columns = {name: array("d") for name in self.COLUMNS}

    def next(self) -> None:
        broker = self.strategy.broker
        values = (
            broker.getvalue(),
            broker.getcash(),
            broker.margin_used(),
            float(broker.open_spreads()),
            broker.closed_balance(),
        )
        self.columns["stamp"].append(self.strategy.datas[0].datetime[0])
        for name, value in zip(self.COLUMNS[1:], values, strict=True):
            self.columns[name].append(value)

    def get_analysis(self) -> dict[str, list[float]]:
        """The columns as lists."""
        return {name: list(values) for name, values in self.columns.items()}


def rebuild_equity(stamps: Stamps, marks: Iterable[Marks], balance: float) -> dict[str, Prices]:
    """The columns of `Equity` from the trades alone, for ticks that were not all visited.

    stamps: instants of all ticks, nanoseconds UTC, ascending. Between two ticks the account
    changes only by what trades did and by the marks of the open ones, so nothing is lost.
    """
    ticks = len(stamps)
    cash, closed, spreads = (np.zeros(ticks + 1, dtype=np.int64) for _ in range(3))  # changes
    value, margin = np.zeros(ticks), np.zeros(ticks)
    for mark in marks:
        entry, leave = (int(tick) for tick in np.searchsorted(stamps, mark.stamps[[0, -1]]))
        booked, pnl = round(mark.booked * 100), round(mark.pnl * 100)
        cash[entry] += booked
        cash[leave] += pnl - booked
        closed[leave] += pnl
        value[entry:leave] -= carried_forward(mark.values)[:-1] * mark.dollars
        margin[entry:leave] += mark.margin
        spreads[entry] += 1
        spreads[leave] -= 1
    in_cash = balance + np.cumsum(cash[:-1]) / 100.0  # cents are counted whole
    return {
        "equity": in_cash + value,
        "cash": in_cash,
        "margin": margin,
        "open_spreads": np.cumsum(spreads[:-1]),
        "closed_equity": balance + np.cumsum(closed[:-1]) / 100.0,
    }


class _Closed(bt.Analyzer):
    """Base: receives the profit of each spread as it is closed, dollars."""

    def start(self) -> None:
        stream = self.strategy.broker.stream
        stream.subscribe(SpreadClosed, self._event)
        stream.subscribe(SpreadSettled, self._event)

    def _event(self, event: SpreadClosed | SpreadSettled) -> None:
        if event.pnl_dollars is not None:
            self.closed(event.pnl_dollars)

    def closed(self, pnl_dollars: float) -> None:
        """A spread was closed."""
        raise NotImplementedError


class Drawdown(_Closed):
    """Largest fall of the account from a peak, in dollars: over closed trades, and per tick.

    `closed` counts realised profit trade by trade; `marked` the equity with open spreads at mid.
    Both start at the balance.
    """

    def start(self) -> None:
        super().start()
        balance = self.strategy.broker.getvalue()
        self._balance = self._peak = self._marked_peak = balance
        self._closed_dd = self._marked_dd = 0.0

    def closed(self, pnl_dollars: float) -> None:
        self._balance += pnl_dollars
        self._peak = max(self._peak, self._balance)
        self._closed_dd = max(self._closed_dd, self._peak - self._balance)

    def next(self) -> None:
        value = self.strategy.broker.getvalue()
        self._marked_peak = max(self._marked_peak, value)
        self._marked_dd = max(self._marked_dd, self._marked_peak - value)

    def get_analysis(self) -> dict[str, float]:
        """closed and marked, dollars, positive."""
        return {"closed": round(self._closed_dd, 2), "marked": round(self._marked_dd, 2)}


class ProfitFactor(_Closed):
    """Gross profit over gross loss of the closed spreads; None without a loss."""

    def start(self) -> None:
        super().start()
        self._pnls: list[float] = []

    def closed(self, pnl_dollars: float) -> None:
        self._pnls.append(pnl_dollars)

    def get_analysis(self) -> dict[str, float | None]:
        """profit_factor."""
        return {"profit_factor": profit_factor(self._pnls)}
