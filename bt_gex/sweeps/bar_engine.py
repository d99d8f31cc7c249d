"""One variant of a backtest over bars in figures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.bars.source import BarSource
from bt_gex.config.bar_config import ORB, BarConfig
from bt_gex.config.ids import canonical
from bt_gex.errors import DataError, RunError
from bt_gex.market.money import units_of
from bt_gex.market.quotes import Prices
from bt_gex.results.bar_result import in_order
from bt_gex.runs.backtest import run
from bt_gex.runs.bar_data import SymbolBars, fingerprint_of, load_symbol, sessions_of, within
from bt_gex.runs.bar_records import account, session_rows
from bt_gex.stats.metrics import variant_metrics
from bt_gex.stats.summary import max_drawdown_dollars, pnl_cents
from bt_gex.sweeps.bar_plan import is_read_by
from bt_gex.sweeps.evaluate import SESSION_PNL
from bt_gex.sweeps.same_trades import DIGITS, TRADES_ID
from bt_gex.trades.bar_trades import BarTrade

Parts = Mapping[str, SymbolBars]


@dataclass
class BarEngine:
    """Runs configurations over bars that are read once for each way of reading them.

    whole     what is read: configurations of a part of its dates are run on a part of its rows
    strategy  the class of a user's own
    """

    source: BarSource
    whole: BarConfig
    strategy: type[bt.Strategy] | None = None
    _loaded: dict[str, Parts] = field(default_factory=dict)

    def parts(self, config: BarConfig) -> Parts:
        """The bars of a configuration's symbols, those that have some. Raises DataError."""
        reading = {name: value for name, value in config.changes.items() if is_read_by(name)}
        everything = replace(config, start=self.whole.start, end=self.whole.end)
        key = canonical([reading, "all"])
        if key not in self._loaded:
            self._loaded[key] = self._load(everything)
        whole = self._loaded[key]
        if (config.start, config.end) == (self.whole.start, self.whole.end):
            return whole
        key = canonical([reading, config.start.isoformat(), config.end.isoformat()])
        if key not in self._loaded:
            parts = {symbol: within(bars, config) for symbol, bars in whole.items()}
            self._loaded[key] = {s: bars for s, bars in parts.items() if bars is not None}
        return self._loaded[key]

    def _load(self, config: BarConfig) -> Parts:
        found: dict[str, SymbolBars] = {}
        faults: list[str] = []
        for symbol in config.symbols:
            try:
                found[symbol] = load_symbol(self.source, config, symbol)
            except RunError as error:
                faults.append(str(error))
        if not found:
            raise DataError("; ".join(faults))
        return found

    def fingerprint(self, config: BarConfig) -> str:
        """Identity of the data."""
        return fingerprint_of(self.parts(config))

    def sessions(self, config: BarConfig) -> list[date]:
        """Sessions in which any symbol has bars."""
        parts = self.parts(config)
        return sorted({day for bars in parts.values() for day, *_ in sessions_of(bars, config)})

    def trades(self, config: BarConfig) -> list[BarTrade]:
        """Trades of all symbols by exit, then symbol."""
        parts = self.parts(config)
        if config.strategy == ORB:
            runs = [
                run(config.of_symbol(symbol), {symbol: bars}, samples=False)
                for symbol, bars in parts.items()
            ]
            return in_order(trade for one in runs for trade in one.trades)
        return in_order(run(config, parts, self.strategy, samples=False).trades)

    def balance(self, config: BarConfig) -> float:
        """Dollars at the start: of one account, or of one a symbol."""
        accounts = len(self.parts(config)) if config.strategy == ORB else 1
        return config.balance * accounts

    def metrics(self, config: BarConfig) -> dict[str, Any]:
        """Figures of one configuration."""
        trades, balance = self.trades(config), self.balance(config)
        cents = np.array([pnl_cents(trade) for trade in trades], dtype=np.int64)
        rs = [trade.realized_r for trade in trades]
        known = [r for r in rs if r is not None]
        has_r = len(known) == len(rs)
        return {
            **variant_metrics(
                cents,
                unresolved=0,
                balance=balance,
                max_drawdown_mtm=self._marked_drawdown(config, trades, balance),
            ),
            "total_r": sum(known) if has_r else None,
            "average_r": sum(known) / len(known) if has_r and known else None,
            SESSION_PNL: self._session_cents(config, trades),
            TRADES_ID: _trades_id(trades, balance),
        }

    def _session_cents(self, config: BarConfig, trades: Sequence[BarTrade]) -> list[int]:
        found = dict.fromkeys(self.sessions(config), 0)
        for symbol, bars in self.parts(config).items():
            own = [trade for trade in trades if trade.symbol == symbol]
            for row in session_rows(bars, sessions_of(bars, config), own, ()):
                found[row.session] += units_of(float(row.trades_pnl_dollars), 2)
        return list(found.values())

    def _marked_drawdown(
        self, config: BarConfig, trades: Sequence[BarTrade], balance: float
    ) -> float:
        """Largest fall of the sum of the accounts, marked at every bar; dollars."""
        parts = self.parts(config)
        stamps = np.unique(np.concatenate([b.traded.stamps_ns for b in parts.values()]))
        total: Prices = np.full(len(stamps), balance)
        for symbol, bars in parts.items():
            own = [trade for trade in trades if trade.symbol == symbol]
            _, equity = account(bars, own, 0.0)
            rows = np.searchsorted(bars.traded.stamps_ns, stamps, side="right") - 1
            total = total + np.where(rows >= 0, equity[np.maximum(rows, 0)], 0.0)
        return max_drawdown_dollars(np.append(balance, total))


def _trades_id(trades: Sequence[BarTrade], balance: float) -> str:
    """Equal for the same trades on the same account, whatever they were closed for."""
    said = [
        [
            trade.order_id, trade.quantity, trade.entry_price,
            [[fill.timestamp.isoformat(), fill.price, fill.quantity] for fill in trade.fills],
        ]
        for trade in trades
    ]  # fmt: skip
    return hashlib.sha256(canonical([balance, said]).encode()).hexdigest()[:DIGITS]
