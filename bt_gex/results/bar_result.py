"""The result of a backtest over bars for one symbol, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from bt_gex.config.bar_config import BarConfig, stored_bar_config
from bt_gex.stats.bar_stats import BAR_GROUPINGS, metrics_of
from bt_gex.stats.summary import Group, Totals, grouped, summarise
from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay
from bt_gex.trades.codec import Json, plain, to_json
from bt_gex.trades.records import STRICT, Amount, Count

Metrics = Mapping[str, float | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSession:
    """One session of a symbol.

    bars, missing  rows there are, and minutes there are not
    trades         closed in it, with their dollars and their R
    reason         why the opening range was not traded
    """

    __pydantic_config__: ClassVar = STRICT

    session: date
    bars: Count
    missing: Count
    trades: Count
    trades_pnl_dollars: Amount
    trades_r: Amount
    reason: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """traded, or no trades."""
        return "traded" if self.trades else "no trades"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStatistics:
    """What the trades of a symbol come to, in dollars and in R.

    groups            by grouping, such as by_exit_reason, and then by name
    max_drawdown_mtm  dollars, over the account marked at every bar
    metrics           figures in R, see `stats.r_metrics`
    skips             times an entry rule held and nothing was done, by reason
    """

    totals: Totals
    groups: Mapping[str, Mapping[str, Group]]
    max_drawdown_mtm: float
    metrics: Metrics
    sessions: tuple[BarSession, ...]
    skips: Mapping[str, int]

    def to_json(self) -> dict[str, Json]:
        """The stored form."""
        return {
            **to_json(self.totals),
            **{name: plain(groups) for name, groups in self.groups.items()},
            "max_drawdown_mtm": self.max_drawdown_mtm,
            "metrics": plain(self.metrics),
            "sessions": plain(self.sessions),
            "skips": plain(self.skips),
        }


@dataclass(frozen=True, kw_only=True)
class BarRecord:
    """One symbol of a backtest.

    config     resolved, for this symbol
    source     where its bars come from; versions of the software
    trades     in order of exit
    days, samples  sessions and factors of the opening range; else empty
    bars       time, session, open, high, low, close, volume of what was traded on
    equity     time, session, equity (marked at closes), closed_equity: dollars, a row a bar
    """

    run_id: str
    symbol: str
    config: dict[str, Any]
    source: dict[str, Any]
    statistics: BarStatistics
    trade_records: list[BarTrade]
    days: list[RangeDay]
    samples: list[FactorSample]
    bars_table: pa.Table
    equity_table: pa.Table
    folder: Path | None = None

    @cached_property
    def run_config(self) -> BarConfig:
        """The configuration it was run with. Raises UnknownName and BadValue."""
        return stored_bar_config(self.config)

    @property
    def balance(self) -> float:
        """Dollars before the first trade."""
        return self.run_config.balance

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return str(self.config["strategy"])

    @property
    def has_r(self) -> bool:
        """Whether its trades are measured in R."""
        return all(trade.realized_r is not None for trade in self.trade_records)

    @property
    def daily_pnl(self) -> dict[str, float]:
        """P&L in dollars by session, in order of time."""
        return {
            row.session.isoformat(): float(row.trades_pnl_dollars)
            for row in self.statistics.sessions
        }

    @property
    def why_no_trades(self) -> str:
        """The reason in a few words; empty with trades."""
        if self.trade_records:
            return ""
        if not self.statistics.sessions:
            return "no session in the dates has bars"
        reasons = [row.reason for row in self.statistics.sessions if row.reason]
        skips = self.statistics.skips
        if reasons and len(reasons) == len(self.statistics.sessions):
            most = max(set(reasons), key=reasons.count)
            return f"no session was traded, {reasons.count(most)} of {len(reasons)}: {most}"
        if skips:
            return "entries skipped: " + ", ".join(f"{name} ({n})" for name, n in skips.items())
        return "the entry rule never held"


@dataclass(frozen=True, kw_only=True)
class BacktestRecord:
    """A backtest over symbols.

    symbols    results in the order of the configuration; those that failed are left out
    failed     why a symbol has no result, by symbol
    arguments  as the command was given, None: from Python
    """

    run_id: str
    config: dict[str, Any]
    arguments: Mapping[str, object] | None
    symbols: tuple[BarRecord, ...]
    failed: Mapping[str, str]
    folder: Path | None = None

    @cached_property
    def run_config(self) -> BarConfig:
        """The configuration it was run with. Raises UnknownName and BadValue."""
        return stored_bar_config(self.config)

    @property
    def trades(self) -> list[BarTrade]:
        """Trades of all symbols by exit, then symbol, then name."""
        return in_order(trade for one in self.symbols for trade in one.trade_records)

    @property
    def total_r(self) -> float | None:
        """R of all trades; None where they have none."""
        rs = [trade.realized_r for trade in self.trades]
        return sum(r for r in rs if r is not None) if None not in rs else None


def in_order(trades: Any) -> list[BarTrade]:
    """Trades of several symbols by exit, then symbol, then name."""
    return sorted(trades, key=lambda one: (one.timestamp_exit, one.symbol, one.trade_id))


def statistics_of(
    trades: Sequence[BarTrade],
    sessions: Sequence[BarSession],
    skips: Mapping[str, int],
    balance: float,
    max_drawdown_mtm: float,
) -> BarStatistics:
    """All figures of a symbol; trades in order of exit."""
    return BarStatistics(
        totals=summarise(trades, balance=balance),
        groups=grouped(trades, BAR_GROUPINGS),
        max_drawdown_mtm=max_drawdown_mtm,
        metrics=metrics_of(trades, [float(row.trades_r) for row in sessions], balance),
        sessions=tuple(sessions),
        skips=skips,
    )
