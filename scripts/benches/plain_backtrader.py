"""The same trades on backtrader as it comes: a Cerebro a session, a PandasData a leg.

usage: plain_backtrader.py DATABASE START END [SETTINGS]   (settings: changes, as JSON)

Prints one line of JSON. `seconds` is building the feeds and running: what the DataFrames are made
of is read before the clock starts, and only sessions with trades are run.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
from planned import Trade, planned_trades

from bt_gex import RunConfig
from bt_gex.blackbox.recording import Recording
from bt_gex.runs.replay import load_days
from bt_gex.sessions.day import Day

BALANCE = 100_000.0
MULTIPLIER = 100


@dataclass
class Session:
    """One session's legs as DataFrames, the orders by bar, and what they earn at mid.

    An order is the leg's name, units (negative sells), and the number of its round trip.
    """

    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    orders: dict[int, list[tuple[str, int, int]]] = field(default_factory=dict)
    trips: int = 0
    expected_pnl: float = 0.0


def main(database: str, start: str, end: str, settings: str = "{}") -> dict[str, Any]:
    """Measure all sessions; raises AssertionError when the trades are not those of the replay."""
    trades = planned_trades(database, start, end, settings)
    with Recording(database) as recording:
        days = load_days(recording, RunConfig(start=start, end=end))
        by_session: dict[str, list[Trade]] = defaultdict(list)
        for trade in trades:
            by_session[trade["session"]].append(trade)
        made = [
            make_session(day, by_session[day.session.day.isoformat()])
            for day in days
            if day.session.day.isoformat() in by_session
        ]
    began = time.perf_counter()
    runs = [run(session) for session in made]
    seconds = time.perf_counter() - began
    for session, ran in zip(made, runs, strict=True):
        check(session, ran)
    return {
        "seconds": seconds,
        "sessions": len(made),
        "trades": len(trades),
        "legs": sum(len(session.frames) for session in made),
        "orders": sum(2 * session.trips for session in made),
        "pnl_at_mid": round(sum(session.expected_pnl for session in made), 2),
    }


def make_session(day: Day, trades: list[Trade]) -> Session:
    """What is known before the clock starts."""
    session = Session()
    index = pd.to_datetime(day.grid)
    # A fill at the close of its bar is made on the bar after it: the last is no bar to trade on.
    last = len(index) - 2
    for trade in trades:
        entry, leave = (
            int(index.get_loc(pd.Timestamp(trade[name]).tz_localize(None)))
            for name in ("entry", "exit")
        )
        for strike, right, side in trade["legs"]:
            name = f"{strike:.10g}{right}"
            if name not in session.frames:
                session.frames[name] = bars(index, day.leg(strike, right).mid)
            units = side * trade["quantity"] * MULTIPLIER
            session.trips += 1
            for row, size in ((entry, units), (min(leave, last), -units)):
                session.orders.setdefault(row, []).append((name, size, session.trips))
                session.expected_pnl -= size * float(session.frames[name]["close"].iloc[row])
    return session


def bars(index: pd.DatetimeIndex, mid: np.ndarray) -> pd.DataFrame:
    """Bars of one leg: NaN filled forward; before the first quote, where nothing trades, back."""
    close = pd.Series(mid, index=index).ffill().bfill()
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame({**prices, "volume": 0.0, "openinterest": 0.0})


class SameTrades(bt.Strategy):
    """Sends the orders of each bar, one a leg."""

    params = (("orders", None),)

    def __init__(self) -> None:
        self.completed = 0

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            self.completed += 1

    def next(self) -> None:
        for name, size, trip in self.p.orders.get(len(self) - 1, ()):
            leg = self.getdatabyname(name)
            if size > 0:
                self.buy(leg, size=size, tradeid=trip)
            else:
                self.sell(leg, size=-size, tradeid=trip)


def run(session: Session) -> Any:
    """One session; returns the strategy."""
    cerebro = bt.Cerebro(stdstats=False)
    for name, frame in session.frames.items():
        feed = bt.feeds.PandasData(
            dataname=frame, name=name, timeframe=bt.TimeFrame.Seconds, compression=30
        )
        cerebro.adddata(feed)
    cerebro.broker.setcash(BALANCE)
    cerebro.broker.set_coc(True)
    cerebro.addstrategy(SameTrades, orders=session.orders)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    return cerebro.run()[0]


def check(session: Session, ran: Any) -> None:
    """Raise AssertionError unless every leg was opened and closed, at the mid of its bar."""
    found = ran.analyzers.trades.get_analysis()
    earned = ran.broker.getvalue() - BALANCE
    assert ran.completed == 2 * session.trips, (ran.completed, session.trips)
    assert found.total.closed == session.trips, (found.total.closed, session.trips)
    assert found.total.open == 0, found.total.open
    for pnl in (found.pnl.net.total, earned):
        assert math.isclose(pnl, session.expected_pnl, abs_tol=0.01), (pnl, session.expected_pnl)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
