"""From the trades of a symbol to its record: the account bar by bar, sessions, statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from bt_gex.bars.series import VALUES
from bt_gex.config.bar_config import BarConfig
from bt_gex.market.calendar import instant_ns
from bt_gex.market.quotes import Prices
from bt_gex.results.bar_result import BarRecord, BarSession, statistics_of
from bt_gex.results.bar_tables import UTC_TIME
from bt_gex.runs.bar_data import SymbolBars, sessions_of
from bt_gex.stats.summary import max_drawdown_dollars, sum_dollars
from bt_gex.storage.arrow_arrays import column_of, to_arrow
from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay


def record_of(
    *,
    run_id: str,
    config: BarConfig,
    bars: SymbolBars,
    trades: list[BarTrade],
    days: list[RangeDay],
    samples: list[FactorSample],
    skips: Mapping[str, int],
    source: dict[str, object],
) -> BarRecord:
    """The record of a symbol; trades in order of exit."""
    sessions = sessions_of(bars, config)
    closed, equity = account(bars, trades, config.balance)
    rows = session_rows(bars, sessions, trades, days)
    names = column_of([str(day) for day, a, b, _ in sessions for _ in range(a, b)], pa.string())
    time = to_arrow(bars.traded.stamps_ns, UTC_TIME)
    return BarRecord(
        run_id=run_id,
        symbol=bars.symbol,
        config=config.resolved(),
        source=source,
        statistics=statistics_of(
            trades,
            rows,
            skips,
            config.balance,
            max_drawdown_dollars(np.append(config.balance, equity)),
        ),
        trade_records=trades,
        days=days,
        samples=samples,
        bars_table=pa.table(
            {
                "time": time,
                "session": names,
                **{name: to_arrow(getattr(bars.traded, name)) for name in VALUES},
            }
        ),
        equity_table=pa.table(
            {
                "time": time,
                "session": names,
                "equity": to_arrow(equity),
                "closed_equity": to_arrow(closed),
            }
        ),
    )


def account(bars: SymbolBars, trades: Sequence[BarTrade], balance: float) -> tuple[Prices, Prices]:
    """The account of one symbol after each bar, dollars: realised alone, and with what is open
    marked at the bar's close."""
    stamps, close = bars.traded.stamps_ns, bars.traded.close
    realized = np.zeros(len(stamps) + 1)
    marked = np.zeros(len(stamps))
    for trade in trades:
        entry = row_of(bars, instant_ns(trade.timestamp_entry))
        held, since = float(trade.quantity), entry
        worth = trade.sign * float(trade.point_value)
        for fill in trade.fills:
            row = row_of(bars, instant_ns(fill.timestamp))
            marked[since:row] += worth * held * (close[since:row] - trade.entry_price)
            realized[row] += worth * float(fill.quantity) * (fill.price - trade.entry_price)
            held, since = held - float(fill.quantity), row
        # What is made is the trade's own figure, whatever rounding the parts have.
        last = row_of(bars, instant_ns(trade.timestamp_exit))
        parts = sum(
            worth * float(f.quantity) * (f.price - trade.entry_price) for f in trade.fills
        )  # fmt: skip
        realized[last] += trade.pnl_dollars - parts
    closed = balance + np.cumsum(realized[:-1])
    return np.round(closed, 2) + 0.0, np.round(closed + marked, 2) + 0.0


def row_of(bars: SymbolBars, ns: int) -> int:
    """The row an instant falls on; a daily bar is that of its whole day."""
    row = int(np.searchsorted(bars.traded.stamps_ns, ns, side="right")) - 1
    return max(row, 0)


def session_rows(
    bars: SymbolBars,
    sessions: Sequence[tuple[date, int, int, int]],
    trades: Sequence[BarTrade],
    days: Sequence[RangeDay],
) -> list[BarSession]:
    """One row a session: its bars, and the trades closed in it."""
    seen = {day.session: day for day in days}
    exits = np.array(
        [row_of(bars, instant_ns(trade.timestamp_exit)) for trade in trades], dtype=np.int64
    )
    found = []
    for day, first, after, minutes in sessions:
        own = [trades[n] for n in np.flatnonzero((exits >= first) & (exits < after)).tolist()]
        known = seen.get(day)
        found.append(
            BarSession(
                session=day,
                bars=after - first,
                missing=max(minutes - (after - first), 0),
                trades=len(own),
                trades_pnl_dollars=sum_dollars(trade.pnl_dollars for trade in own),
                trades_r=sum((trade.realized_r or 0.0) for trade in own) + 0.0,
                reason=known.reason if known else None,
                notes=_notes(known),
            )
        )
    return found


def _notes(day: RangeDay | None) -> tuple[str, ...]:
    if day is None:
        return ()
    locked = (f"locked: {day.lockout}",) if day.lockout else ()
    return (*locked, *(f"opening range: {problem}" for problem in day.window_problems))
