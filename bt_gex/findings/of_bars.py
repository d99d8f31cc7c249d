"""What speaks against the result of a strategy over bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bt_gex.findings.finding import Finding, about, heaviest_first, of, signed
from bt_gex.results.bar_result import BarRecord
from bt_gex.stats.bar_stats import RIntervals
from bt_gex.trades.bar_trades import BarTrade

FEW_TRADES = 20
FEW_SESSIONS = 20
AT_ONCE_SHARE = 0.25
MISSING_SHARE = 0.02
MOST_SHARE = 0.5  # of the profit that one trade or one session may be
STOPS = ("stop", "stop_loss_hit")


def findings_of_backtest(record: BarRecord, intervals: RIntervals | None = None) -> list[Finding]:
    """Of one symbol; the heaviest first."""
    trades = record.trade_records
    return heaviest_first(
        [
            *_made_up(record),
            *_too_few(record),
            *_too_good(trades),
            *_rests_on_one(record),
            *_at_once(trades),
            *_no_costs(record),
            *_not_executable(record),
            *_missing(record),
            *_not_traded(record),
            *_uncertain(intervals),
        ]
    )


def is_synthetic(record: BarRecord) -> bool:
    """Whether the bars were made from a seed."""
    return (record.source.get("data") or {}).get("source") == "synthetic"


def _made_up(record: BarRecord) -> Iterator[Finding]:
    if is_synthetic(record):
        yield Finding(
            kind="synthetic",
            text="The bars are synthetic: made from a seed, whatever the symbol is called.",
            next_step="Judge a strategy on real bars, with --data or from Yahoo.",
        )


def _too_few(record: BarRecord) -> Iterator[Finding]:
    trades, sessions = record.trade_records, len(record.statistics.sessions)
    if 0 < len(trades) < FEW_TRADES:
        yield about(
            "few_trades",
            f"{record.symbol} has {len(trades)} trades: too few to tell skill from chance.",
            "Run more sessions, or more symbols, before relying on its figures.",
            trades,
            trades,
        )
    if trades and sessions < FEW_SESSIONS:
        yield Finding(
            kind="few_sessions",
            text=f"{sessions} sessions are one kind of market at most.",
            next_step="Give more dates; the intervals below are wide for that reason.",
        )


def _too_good(trades: Sequence[BarTrade]) -> Iterator[Finding]:
    if len(trades) >= FEW_TRADES and all(trade.pnl_dollars > 0 for trade in trades):
        yield about(
            "all_winners",
            f"All {len(trades)} trades won: on real bars that is a sign of look-ahead.",
            "Check the strategy with bt-gex lookahead.",
            trades,
            trades,
        )


def _rests_on_one(record: BarRecord) -> Iterator[Finding]:
    trades = record.trade_records
    total = sum(trade.pnl_dollars for trade in trades)
    if total <= 0 or len(trades) < 2:
        return
    best = max(trades, key=lambda trade: trade.pnl_dollars)
    if best.pnl_dollars > MOST_SHARE * total:
        yield about(
            "one_trade",
            f"One trade, {best.order_id}, made {signed(best.pnl_dollars)} of {signed(total)}.",
            "Look at it with bt-gex trade; without it the result is another one.",
            [best],
            trades,
        )
    sessions = [row for row in record.statistics.sessions if row.trades]
    top = max(sessions, key=lambda row: row.trades_pnl_dollars)
    if len(sessions) > 1 and top.trades > 1 and top.trades_pnl_dollars > MOST_SHARE * total:
        yield Finding(
            kind="one_session",
            text=f"One session, {top.session}, made {signed(float(top.trades_pnl_dollars))} of "
            f"{signed(total)}.",
            next_step="Look at it with bt-gex plot session:DATE.",
        )


def _at_once(trades: Sequence[BarTrade]) -> Iterator[Finding]:
    stopped = [
        trade
        for trade in trades
        if trade.exit_reason in STOPS and trade.timestamp_exit == trade.timestamp_entry
    ]
    if len(stopped) > AT_ONCE_SHARE * len(trades):
        yield about(
            "stopped_at_once",
            f"{of(len(stopped), len(trades), 'trade')} stopped out on the bar of entry: the stop "
            "lies within a minute's noise, and what happened inside that bar is not known.",
            "Widen the stop, or look at ticks.",
            stopped,
            trades,
        )


def _no_costs(record: BarRecord) -> Iterator[Finding]:
    trades = record.trade_records
    trade = record.config.get("trade", {})
    if trades and not (isinstance(trade, dict) and trade.get("slippage_ticks")):
        yield about(
            "no_commission",
            "Trades cost nothing here: no commission, and fills without slippage.",
            "Set trade.slippage_ticks, or take costs off by hand."
            if record.strategy == "orb"
            else "Take what trading costs off by hand.",
            trades,
            trades,
        )


def _not_executable(record: BarRecord) -> Iterator[Finding]:
    own = record.config.get("mean_reversion", {})
    trades = record.trade_records
    if trades and isinstance(own, dict) and own.get("fill") == "close":
        yield about(
            "mid_fills",
            "Entries fill at the close of the bar that gave the signal: nothing could have been "
            "traded there.",
            "Set mean_reversion.fill to next_open.",
            trades,
            trades,
        )


def _missing(record: BarRecord) -> Iterator[Finding]:
    sessions = record.statistics.sessions
    missing = sum(row.missing for row in sessions)
    whole = missing + sum(row.bars for row in sessions)
    if missing > MISSING_SHARE * whole:
        touched = {row.session for row in sessions if row.missing > MISSING_SHARE * row.bars}
        own = [trade for trade in record.trade_records if trade.session in touched]
        yield about(
            "missing_data",
            f"{of(missing, whole, 'minute')} of the sessions have no bar: ranges, stops and "
            "targets are not seen there.",
            "See with bt-gex inspect which are missing, and whether the feed was whole.",
            own,
            record.trade_records,
        )


def _not_traded(record: BarRecord) -> Iterator[Finding]:
    sessions = record.statistics.sessions
    without = [row for row in sessions if row.reason]
    if sessions and len(without) > MOST_SHARE * len(sessions):
        reasons = [row.reason or "" for row in without]
        most = max(set(reasons), key=reasons.count)
        yield Finding(
            kind="refused",
            text=f"{of(len(without), len(sessions), 'session')} were not traded, most often for "
            f"'{most}' ({reasons.count(most)}).",
            next_step="Give daily bars for the ATR."
            if most == "no ATR"
            else "See whether the filter fits this symbol.",
        )


def _uncertain(intervals: RIntervals | None) -> Iterator[Finding]:
    if intervals is None:
        return
    low, high = intervals.total_r
    if low is not None and high is not None and low <= 0 <= high:
        odds = 100 * intervals.probability_below_zero
        yield Finding(
            kind="uncertain_total",
            text=f"Resampled sessions make from {low:+.2f}R to {high:+.2f}R (90 %), and lose in "
            f"{odds:.0f} % of the samples: the sign of the result is not certain.",
            next_step="More sessions narrow the interval.",
        )
