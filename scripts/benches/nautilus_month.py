"""The same trades on nautilus_trader, quotes read from the same database.

usage: nautilus_month.py DATABASE TRADES   (in the environment of nautilus_env; see nautilus.py)

A market order a leg, sent by timers at the instants of entry and exit; every valid quote of the
traded legs goes through the matching engine. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import adbc_driver_sqlite.dbapi as adbc
import nautilus_trader
import numpy as np
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OptionKind, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import OptionContract
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

NS = 1_000_000_000
VENUE = Venue("CBOE")
KINDS = {"C": ("call", OptionKind.CALL), "P": ("put", OptionKind.PUT)}
# One scan of the quotes; the few legs are looked up row by row.
LEGS = "(session TEXT, strike REAL, kind TEXT, leg INTEGER, PRIMARY KEY (strike, kind, session))"
QUOTES = """
SELECT leg, unixepoch(q.timestamp) AS stamp, q.bid, q.ask
FROM options_prices_live q CROSS JOIN traded t
  ON t.strike = q.strike AND t.kind = q.option_type AND t.session = substr(q.timestamp, 1, 10)
WHERE +q.index_symbol = 'SPX' ORDER BY q.id
"""


class Leg(NamedTuple):
    """One option of one session's expiry."""

    session: str
    strike: float
    right: str


class Order(NamedTuple):
    """One leg of a trade at entry or exit; `size` is negative when sold."""

    leg: Leg
    size: int
    trip: tuple[int, int]


def main(database: str, trades_file: str) -> dict[str, Any]:
    """Measure; raises AssertionError when an order has not filled or a position is left open."""
    trades = json.loads(Path(trades_file).read_text("utf-8"))
    began = time.perf_counter()
    orders = orders_by_instant(trades)
    legs = sorted({order.leg for batch in orders.values() for order in batch})
    contracts = {leg: contract(leg) for leg in legs}
    quotes = [
        tick
        for n, table in read_quotes(database, legs)
        for tick in ticks(contracts[legs[n]], table)
    ]
    loaded = time.perf_counter()
    engine = make_engine(contracts, quotes, orders)
    engine.run()
    done = time.perf_counter()
    sent = sum(len(batch) for batch in orders.values())
    filled = sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders())
    closed = engine.cache.positions_closed()
    assert filled == sent, f"{filled} of {sent} orders filled"
    assert len(closed) == sent // 2, f"{len(closed)} of {sent // 2} positions closed"
    assert not engine.cache.positions_open(), "positions are left open"
    return {
        "version": nautilus_trader.__version__,
        "load_seconds": loaded - began,
        "run_seconds": done - loaded,
        "quotes": len(quotes),
        "orders": filled,
        "positions": len(closed),
        "pnl": round(sum(float(position.realized_pnl) for position in closed), 2),
        "pnl_of_replay": round(sum(trade["pnl"] for trade in trades), 2),
    }


def orders_by_instant(trades: list[dict[str, Any]]) -> dict[int, list[Order]]:
    """What is sent when; a nanosecond late, so that a quote of the instant itself counts."""
    found: dict[int, list[Order]] = defaultdict(list)
    for n, trade in enumerate(trades):
        for m, (strike, right, side) in enumerate(trade["legs"]):
            leg = Leg(trade["session"], float(strike), right)
            for name, size in (("entry", side), ("exit", -side)):
                instant = int(datetime.fromisoformat(trade[name]).timestamp()) * NS + 1
                found[instant].append(Order(leg, size * trade["quantity"], (n, m)))
    return found


def contract(leg: Leg) -> OptionContract:
    """The leg as an instrument: 100 dollars a point."""
    day = datetime.fromisoformat(leg.session).replace(tzinfo=UTC)
    begin = int(day.timestamp()) * NS
    symbol = Symbol(f"SPXW{day:%y%m%d}{leg.right}{round(leg.strike * 1000):08d}")
    return OptionContract(
        instrument_id=InstrumentId(symbol, VENUE),
        raw_symbol=symbol,
        asset_class=AssetClass.INDEX,
        currency=USD,
        price_precision=2,
        price_increment=Price(0.01, 2),
        multiplier=Quantity.from_int(100),
        lot_size=Quantity.from_int(1),
        underlying="SPX",
        option_kind=KINDS[leg.right][1],
        strike_price=Price(leg.strike, 2),
        activation_ns=begin,
        expiration_ns=begin + 86_400 * NS,
        ts_event=begin,
        ts_init=begin,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
    )


def read_quotes(database: str, legs: list[Leg]) -> Iterator[tuple[int, np.ndarray]]:
    """Number and valid quotes (seconds UTC, bid, ask) of each leg, in the order recorded."""
    values = ", ".join(
        f"('{leg.session}', {leg.strike!r}, '{KINDS[leg.right][0]}', {n})"
        for n, leg in enumerate(legs)
    )
    uri = f"file:{Path(database).resolve()}?mode=ro"
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE traded {LEGS} WITHOUT ROWID")
        cursor.execute(f"INSERT INTO traded VALUES {values}")
        cursor.execute(QUOTES)
        rows = cursor.fetch_arrow_table()
    table = np.column_stack([rows[name].to_numpy().astype(float) for name in rows.column_names])
    table[:, 2] = np.nan_to_num(table[:, 2])
    table = table[(table[:, 3] > 0) & (table[:, 2] <= table[:, 3])]
    table = table[np.argsort(table[:, 0], kind="stable")]
    first = np.flatnonzero(np.diff(table[:, 0], prepend=-1))
    for part in np.split(table, first[1:]):
        yield int(part[0, 0]), part[:, 1:]


def ticks(instrument: OptionContract, table: np.ndarray) -> list[QuoteTick]:
    """Quotes as nautilus_trader takes them, by its own bulk way."""
    stamps = table[:, 0].astype(np.uint64) * np.uint64(NS)
    bid, ask = (np.ascontiguousarray(table[:, n]) for n in (1, 2))
    size = np.full(len(table), 1_000.0)
    return QuoteTick.from_raw_arrays_to_list(
        instrument.id, 2, 0, bid, ask, size, size, stamps, stamps
    )


class SameTrades(Strategy):
    """Sends the orders of each instant when a timer says so."""

    def __init__(
        self, contracts: dict[Leg, OptionContract], orders: dict[int, list[Order]]
    ) -> None:
        super().__init__()
        self._contracts, self._orders = contracts, orders
        self._opened: dict[tuple[int, int], Any] = {}

    def on_start(self) -> None:
        for instant in self._orders:
            self.clock.set_time_alert_ns(str(instant), instant, self._send)

    def _send(self, event: Any) -> None:
        for order in self._orders[event.ts_event]:
            market = self.order_factory.market(
                self._contracts[order.leg].id,
                OrderSide.BUY if order.size > 0 else OrderSide.SELL,
                Quantity.from_int(abs(order.size)),
            )
            opened = self._opened.pop(order.trip, None)
            if opened is None:
                self._opened[order.trip] = market.client_order_id
                self.submit_order(market)
            else:
                self.submit_order(market, position_id=self.cache.position_id(opened))


def make_engine(
    contracts: dict[Leg, OptionContract], quotes: list[QuoteTick], orders: dict[int, list[Order]]
) -> BacktestEngine:
    """One engine for all sessions, with no logs, risk checks or report."""
    config = BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True),
        risk_engine=RiskEngineConfig(bypass=True),
        run_analysis=False,
    )
    engine = BacktestEngine(config)
    engine.add_venue(
        VENUE, OmsType.HEDGING, AccountType.MARGIN, [Money(100_000, USD)], base_currency=USD
    )
    for instrument in contracts.values():
        engine.add_instrument(instrument)
    engine.add_data(quotes, validate=False)
    engine.add_strategy(SameTrades(contracts, orders))
    return engine


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
