"""The one place that builds a Cerebro: a blackbox and a configuration in, a RunResult out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pyarrow as pa

from bt_gex.analyzers.account import rebuild_equity
from bt_gex.analyzers.funnel import Funnel
from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.analyzers.trades import Marks, TradeReport
from bt_gex.blackbox.recording import Recording
from bt_gex.brokers.booking import Bookkeeper
from bt_gex.brokers.fills import HalfSpreadFill
from bt_gex.brokers.spread import SpreadBroker
from bt_gex.config.run_config import RunConfig
from bt_gex.feeds.clock import ClockFeed
from bt_gex.feeds.growing import GrowingClockFeed
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.findings.of_run import MISSING_ENDS, findings_of_run
from bt_gex.market.calendar import Stamps, new_york
from bt_gex.results.result import RunResult, versions
from bt_gex.results.statistics import RunStatistics, account_path
from bt_gex.runs.collection import no_collection
from bt_gex.runs.recorded_config import recorded_config
from bt_gex.runs.schedule import EventSchedule
from bt_gex.sessions.day import COMPUTED_THEN_RECORDED, Day, load_day
from bt_gex.sessions.gaps import missing_ends_s
from bt_gex.sessions.identity import data_sha256
from bt_gex.sizers.gex import FixedContracts, HalfKelly
from bt_gex.stats.performance import performance
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    funnel,
    grouped,
    max_drawdown_dollars,
    summarise,
)
from bt_gex.storage.arrow_arrays import column_of, to_arrow
from bt_gex.strategies.gex import GexStrategy
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade

log = logging.getLogger(__name__)
LONG_GAP_MIN = 60  # at an end of a session; less is not counted

Progress = Callable[[int, int], None]
UTC_TIME = pa.timestamp("ns", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A session that is under way.

    clock  brings a bar when there is one
    books  who books the fills
    """

    clock: GrowingClockFeed
    books: Bookkeeper


def replay(
    database: str | Path,
    config: RunConfig,
    *,
    every_bar: bool = False,
    cache: str | Path | None = None,
    use_cache: bool = True,
    progress: Progress | None = None,
    recorder: Mapping[str, Any] | None = None,
) -> RunResult:
    """Replay the sessions of a configuration through the rules.

    database   path of a SQLite blackbox, or any SQLAlchemy URL
    every_bar  visit every bar, not only those on which something can happen; the same result
    cache      folder of the day cache; None: the user's cache folder
    use_cache  False leaves no day cache behind and uses none; the same result
    progress   called with sessions done and sessions in all
    recorder   parameters of a RecordingAnalyzer that records the run, see docs/recordings.md

    A range without sessions, or without data, gives a result without trades. Raises DataError
    when the database cannot be read or holds nothing of the index.
    """
    with Recording(database, cache, use_cache, config.naive_zone) as recording:
        recording.require_index(config.index)
        days = load_days(recording, config)
        played = [day for day in days if day.has_data]
        strategy = None
        if played:
            strategy = run(config, played, every_bar, progress, keep=False, recorder=recorder)
        return assemble(config, Path(recording.name).name, days, played, strategy)


def load_days(recording: Recording, config: RunConfig) -> list[Day]:
    """The sessions of a configuration, as a replay sees them."""
    wanted = recording.calendar(config.start, config.end)
    days = []
    for rows in recording.sessions(config.index, wanted):
        days.append(load_day(rows, config.index_spec, config.load_params))
        rows.rest()
    return days


def run(
    config: RunConfig,
    days: Sequence[Day],
    every_bar: bool = False,
    progress: Progress | None = None,
    keep: bool = True,
    earlier: tuple[float, ...] = (),
    recorder: Mapping[str, Any] | None = None,
) -> Any:
    """Run the strategy over sessions of one index; returns it with its analyzers.

    keep      False releases each session's quotes when it is over, so that memory stays flat
    earlier   P&L of trades the account closed before, dollars a contract
    recorder  parameters of the RecordingAnalyzer `recorder`
    """
    cerebro = build(config, days, every_bar, earlier=earlier)
    if recorder is not None:
        given = {**recorded_config(config), **recorder}
        cerebro.addanalyzer(RecordingAnalyzer, **given, _name="recorder")
    if progress or not keep:
        cerebro.addanalyzer(SessionEnd, report=progress, total=len(days), keep=keep, _name="end")
    with no_collection():
        return cerebro.run()[0]


def build(
    config: RunConfig,
    days: Sequence[Day],
    every_bar: bool = False,
    strategy: type[GexStrategy] | None = GexStrategy,
    live: Live | None = None,
    earlier: tuple[float, ...] = (),
) -> bt.Cerebro:
    """A Cerebro with clock, broker, sizer, strategy and analyzers of a configuration.

    strategy  None leaves it, and its sizer, to the caller
    live      what a session that is under way brings instead of recorded sessions
    earlier   P&L of trades the account closed before, dollars a contract, for the sizer
    """
    cerebro = bt.Cerebro(stdstats=False)
    account = account_of(config)
    if live:
        clock, every_bar = live.clock, True
        account["bookkeeper"] = live.books
    else:
        clock = ClockFeed(days=tuple(days), events=not every_bar)  # type: ignore[call-arg]
    cerebro.adddata(clock)
    cerebro.setbroker(SpreadBroker(**account))
    if strategy is not None:
        sizer, params = sizer_of(config, earlier)
        cerebro.addsizer(sizer, **params)
        cerebro.addstrategy(strategy, setup=config.setup, entry=config.entry, exit=config.exit)
    cerebro.addanalyzer(TradeReport, _name="trades")
    cerebro.addanalyzer(Funnel, _name="funnel")
    if not every_bar:
        cerebro.addanalyzer(EventSchedule, _name="schedule")
    return cerebro


def account_of(config: RunConfig) -> dict[str, Any]:
    """The terms of the broker of a configuration."""
    fills = config.fills
    return {
        "cash": config.account.balance,
        "fills": HalfSpreadFill(
            entry_slippage=fills.entry_slippage, exit_slippage=fills.exit_slippage
        ),
        "commission": fills.commission,
        "latency_bars": fills.latency_bars,
    }


def sizer_of(
    config: RunConfig, earlier: tuple[float, ...] = ()
) -> tuple[type[bt.Sizer], dict[str, Any]]:
    """The sizer of a configuration, and its parameters."""
    if config.account.sizing == "half-kelly":
        return HalfKelly, {"kelly": config.kelly, "earlier": earlier}
    return FixedContracts, {"quantity": config.account.quantity}


class SessionEnd(bt.Analyzer):
    """Reports each session that is over, and releases its quotes unless they are to be kept."""

    params = (("report", None), ("total", 0), ("keep", True))

    def start(self) -> None:
        self._done = 0

    def next(self) -> None:
        tick = self.strategy.clock.now()
        if tick.is_close:
            self._done += 1
            if not self.p.keep:
                # Backtrader keeps all orders and trades, and with them their feeds.
                trades = self.strategy._trades
                self.strategy._orders.clear()
                for feed in [f for f in trades if isinstance(f, SpreadFeed) and f.day is tick.day]:
                    del trades[feed]
                tick.day.release()
            if self.p.report:
                self.p.report(self._done, self.p.total)


def assemble(
    config: RunConfig, database: str, days: Sequence[Day], played: Sequence[Day], strategy: Any
) -> RunResult:
    """Put together what the analyzers collected."""
    trades: list[SpreadTrade] = []
    decisions: list[Decision] = []
    marks: list[Marks] = []
    if strategy is not None:
        found = strategy.analyzers
        trades, marks = found.trades.records, found.trades.marks
        decisions = found.funnel.records
    balance = config.account.balance
    equity = equity_table(played, marks, balance)
    bars = sum(day.session.bars for day in played)
    sessions = tuple(session_summaries(days, decisions, trades, marks))
    account = account_path(equity, balance)
    statistics = RunStatistics(
        totals=summarise(trades, balance=balance),
        groups=grouped(trades, SPREAD_GROUPINGS),
        max_drawdown_mtm=max_drawdown_dollars(np.append(balance, account.equity)),
        performance=performance(trades, account, multiplier=config.index_spec.multiplier),
        funnel=funnel(decisions, trades, bars),
        sessions=sessions,
        data_quality={
            name: sum(session.quality.get(name, 0) for session in sessions)
            for name in sorted({name for session in sessions for name in session.quality})
        },
    )
    for finding in findings_of_run(statistics, trades):
        log.info("%s %s: %s", config.index, finding.kind, finding.text)
    fingerprint = fingerprint_of(days)
    return RunResult(
        run_id=config.run_id(fingerprint),
        config=config.resolved(),
        source={"database": database, "fingerprint": fingerprint, "versions": versions()},
        statistics=statistics,
        trade_records=trades,
        decision_records=decisions,
        equity_table=equity,
        marks_table=marks_table(marks),
        market_table=market_table(played),
    )


def fingerprint_of(days: Sequence[Day]) -> str:
    """Identity of the data of these sessions, however much of it a run looks at."""
    return data_sha256((day.index.symbol, day.session.day, day.sha256) for day in days)


def equity_table(days: Sequence[Day], marks: Sequence[Marks], balance: float) -> pa.Table:
    """The account tick by tick; times UTC, money in dollars rounded to cents."""
    stamps, names = _ticks(days)
    columns = rebuild_equity(stamps, marks, balance)
    money = {
        "equity": columns["equity"],
        "cash": columns["cash"],
        "margin_dollars": columns["margin"],
        "closed_equity": columns["closed_equity"],
    }
    return pa.table(
        {
            "time": to_arrow(stamps, UTC_TIME),
            "session": column_of(names, pa.string()),
            **{name: to_arrow(np.round(values, 2) + 0.0) for name, values in money.items()},
            "open_spreads": to_arrow(columns["open_spreads"].astype(np.int64)),
        }
    )


def market_table(days: Sequence[Day]) -> pa.Table:
    """Index price, VIX and pin as known on each tick; times UTC, NaN: unknown."""
    stamps, names = _ticks(days)
    columns = {
        name: np.concatenate([np.empty(0), *(getattr(day, name) for day in days)])
        for name in ("spot", "vix", "pin")
    }
    return pa.table(
        {
            "time": to_arrow(stamps, UTC_TIME),
            "session": column_of(names, pa.string()),
            **{name: to_arrow(values) for name, values in columns.items()},
        }
    )


def _ticks(days: Sequence[Day]) -> tuple[Stamps, list[str]]:
    """Instants of all ticks of sessions, and the session of each."""
    stamps = np.concatenate([np.empty(0, np.int64), *(day.grid for day in days)])
    return stamps, [day.session.day.isoformat() for day in days for _ in day.grid]


def marks_table(marks: Sequence[Marks]) -> pa.Table:
    """Value of every trade on the ticks it was open; points, NaN where it could not be priced."""
    ordered = sorted(marks, key=lambda mark: (int(mark.stamps[0]), mark.order_id))
    stamps = [mark.stamps for mark in ordered] or [np.empty(0, np.int64)]
    values = [mark.values for mark in ordered] or [np.empty(0)]
    names = [mark.order_id for mark in ordered for _ in mark.stamps]
    return pa.table(
        {
            "order_id": column_of(names, pa.string()),
            "time": to_arrow(np.concatenate(stamps), UTC_TIME),
            "value": to_arrow(np.concatenate(values)),
        }
    )


def session_summaries(
    days: Sequence[Day],
    decisions: Sequence[Decision],
    trades: Sequence[SpreadTrade],
    marks: Sequence[Marks],
) -> Iterator[SessionSummary]:
    """What was checked and traded in each session, and how good its data was."""
    lengths = {mark.order_id: len(mark.stamps) - 1 for mark in marks}
    for day in days:
        name = day.session.day
        own = [trade for trade in trades if trade.expiration == name]
        looked = sum(lengths[trade.order_id] for trade in own)
        yield SessionSummary(
            session=name,
            status="traded" if own else "no trades" if day.has_data else "no data",
            checks=sum(1 for decision in decisions if decision.session == name),
            entries=len(own),
            trades_pnl_dollars=round(sum(trade.pnl_dollars or 0.0 for trade in own), 2) + 0.0,
            bars=day.session.bars,
            priced_pct=_priced_pct(own, looked),
            notes=tuple(_notes(day)),
            quality={key: count for key, count in sorted(_quality(day).items()) if count},
        )


def _priced_pct(trades: Sequence[SpreadTrade], bars: int) -> float | None:
    """Share of the bars with an open trade on which it could be priced, percent."""
    unpriced = sum(trade.unpriced_bars for trade in trades)
    return round(100.0 * (1 - unpriced / bars), 2) if bars else None


def _quality(day: Day) -> dict[str, int]:
    """Oddities of the recorded rows, and minutes without a quote at either end of the session."""
    ends = missing_ends_s(day.gaps, day.session) if day.has_data else (0.0, 0.0)
    minutes = (int(seconds // 60) for seconds in ends)
    missing = {name: n for name, n in zip(MISSING_ENDS, minutes, strict=True) if n >= LONG_GAP_MIN}
    return {**day.counts, **missing}


def _notes(day: Day) -> Iterator[str]:
    if day.session.bars < 780:
        yield f"early close, {day.session.bars} bars"
    if day.has_data and day.peaks == "computed":
        yield "peaks computed from chains"
    if day.has_data and day.peaks == COMPUTED_THEN_RECORDED:
        yield "peaks computed from chains until the first recorded one"
    if day.has_data and day.peaks == "none":
        yield "no peaks and no chains"
    if day.gaps:
        longest = max(day.gaps, key=lambda gap: gap.length_s)
        number = f"{len(day.gaps)} gap{'' if len(day.gaps) == 1 else 's'}"
        start = f"{new_york(longest.start_ns):%H:%M:%S}"
        yield f"{number} in the quotes, longest {longest.length_s:.0f} s from {start}"
