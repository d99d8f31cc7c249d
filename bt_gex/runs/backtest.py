"""A backtest over the bars of symbols: a source of bars and a configuration in, records out."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import backtrader as bt

from bt_gex.analyzers.bar_trades import BarTradeReport
from bt_gex.analyzers.order_trades import OrderTradeReport
from bt_gex.analyzers.recorder import RecordingAnalyzer
from bt_gex.bars.series import LENGTH_NS
from bt_gex.bars.source import BarSource
from bt_gex.brokers.bars import BarBroker
from bt_gex.config.bar_config import BREAKOUT, MEAN_REVERSION, ORB, STRATEGIES, BarConfig
from bt_gex.errors import BadValue, DataError, RunError, UnknownName
from bt_gex.feeds.bars import BarFeed
from bt_gex.results.bar_folder import folder_of
from bt_gex.results.bar_result import BacktestRecord, BarRecord
from bt_gex.results.result import versions
from bt_gex.runs.bar_data import SymbolBars, fingerprint_of, load_symbol
from bt_gex.runs.bar_records import record_of
from bt_gex.runs.collection import no_collection
from bt_gex.stats.summary import most_frequent_first
from bt_gex.strategies.breakout import BreakoutStrategy
from bt_gex.strategies.mean_reversion import MeanReversionStrategy
from bt_gex.strategies.opening_range import OpeningRangeStrategy
from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run collected, by symbol where it is of one."""

    trades: list[BarTrade]
    days: Mapping[str, list[RangeDay]] = field(default_factory=dict)
    samples: Mapping[str, list[FactorSample]] = field(default_factory=dict)
    skips: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def backtest(
    source: BarSource,
    config: BarConfig,
    *,
    strategy: type[bt.Strategy] | None = None,
    check_window: bool = False,
    workers: int = 1,
    run_id: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    recorder: Mapping[str, Any] | None = None,
) -> BacktestRecord:
    """Run a strategy over symbols.

    strategy      the class, where the configuration names one of the user's own
    check_window  look for missing minutes in each opening range
    workers       processes for symbols that share no state; the result is the same
    run_id        another name than the one that follows from configuration and data
    progress      called with what is done (fetching, running), how many, and of how many
    recorder      parameters of a RecordingAnalyzer that records each run

    A symbol without bars, or whose bars are bad, has no result; its reason is in `failed`. Raises
    DataError when no symbol has one.
    """
    check_strategy(config, strategy)
    log.info("%s over %s, %s to %s", config.strategy, " ".join(config.symbols), config.start,
             config.end)  # fmt: skip
    failed: dict[str, str] = {}
    if config.strategy == ORB:
        records, parts = _each(source, config, check_window, workers, failed, progress, recorder)
    else:
        records, parts = _together(source, config, strategy, failed, progress, recorder)
    if not records:
        raise DataError("; ".join(failed.values()))
    for one in records:
        for day in one.days:
            for problem in day.window_problems:
                log.warning("%s %s: opening range: %s", one.symbol, day.session, problem)
        log.debug("%s: %d trades on %d bars", one.symbol, len(one.trade_records),
                  one.bars_table.num_rows)  # fmt: skip
    done = replace(config, symbols=tuple(parts))
    return BacktestRecord(
        run_id=run_id or done.run_id(fingerprint_of(parts)),
        config=config.resolved(),
        arguments=arguments,
        symbols=tuple(records),
        failed=failed,
    )


def check_strategy(config: BarConfig, strategy: type[bt.Strategy] | None) -> None:
    """Raise BadValue and UnknownName where class and settings do not fit."""
    if (config.strategy in STRATEGIES) != (strategy is None):
        raise BadValue(f"strategy {config.strategy} needs its class, a built-in one has its own")
    if strategy is not None:
        known = list(strategy.params._getkeys())
        for name in config.own_settings:
            if name not in known:
                raise UnknownName(f"setting of {config.own_section}", name, known)


def _each(
    source: BarSource,
    config: BarConfig,
    check_window: bool,
    workers: int,
    failed: dict[str, str],
    progress: Progress | None,
    recorder: Mapping[str, Any] | None,
) -> tuple[list[BarRecord], dict[str, SymbolBars]]:
    """Symbols that share no state, one run each."""
    jobs = [
        _Job(source, config.of_symbol(symbol), check_window, recorder) for symbol in config.symbols
    ]
    records: list[BarRecord] = []
    parts: dict[str, SymbolBars] = {}
    for number, done in enumerate(_done(jobs, workers, progress)):
        symbol = config.symbols[number]
        if isinstance(done, str):
            _fail(symbol, done, failed)
        else:
            records.append(done[0])
            parts[symbol] = done[1]
        if progress:
            progress("running", number + 1, len(jobs))
    return records, parts


@dataclass(frozen=True, slots=True)
class _Job:
    """One symbol."""

    source: BarSource
    config: BarConfig
    check_window: bool
    recorder: Mapping[str, Any] | None = None

    def run(self, loaded: Callable[[], None] = lambda: None) -> tuple[BarRecord, SymbolBars] | str:
        """The record and its bars, or why there is none. loaded: called when the bars are there."""
        (symbol,) = self.config.symbols
        try:
            bars = load_symbol(self.source, self.config, symbol)
            loaded()
            found = run(
                self.config, {symbol: bars}, check_window=self.check_window, recorder=self.recorder
            )
        except RunError as error:
            return str(error)
        return record(self.config, bars, found), bars


def _done(
    jobs: Sequence[_Job], workers: int, progress: Progress | None
) -> Iterator[tuple[BarRecord, SymbolBars] | str]:
    if workers <= 1 or len(jobs) <= 1:
        for number, job in enumerate(jobs, start=1):
            told = partial(progress, "fetching", number, len(jobs)) if progress else None
            yield job.run(told) if told else job.run()
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(workers, len(jobs)), context) as pool:
        yield from pool.map(_Job.run, jobs)


def _together(
    source: BarSource,
    config: BarConfig,
    strategy: type[bt.Strategy] | None,
    failed: dict[str, str],
    progress: Progress | None,
    recorder: Mapping[str, Any] | None,
) -> tuple[list[BarRecord], dict[str, SymbolBars]]:
    """One run over all symbols, which share an account."""
    parts: dict[str, SymbolBars] = {}
    for number, symbol in enumerate(config.symbols):
        try:
            parts[symbol] = load_symbol(source, config, symbol)
        except RunError as error:
            _fail(symbol, str(error), failed)
        if progress:
            progress("fetching", number + 1, len(config.symbols))
    if not parts:
        return [], {}
    found = run(config, parts, strategy, recorder=recorder)
    records = [record(config.of_symbol(symbol), bars, found) for symbol, bars in parts.items()]
    if progress:
        progress("running", len(records), len(records))
    return records, parts


def _fail(symbol: str, reason: str, failed: dict[str, str]) -> None:
    log.warning("%s", reason if symbol in reason else f"{symbol}: {reason}")
    failed[symbol] = reason


def run(
    config: BarConfig,
    parts: Mapping[str, SymbolBars],
    strategy: type[bt.Strategy] | None = None,
    *,
    check_window: bool = False,
    samples: bool = True,
    recorder: Mapping[str, Any] | None = None,
) -> Found:
    """Run a strategy over loaded bars, in one Cerebro.

    samples   whether factors of the opening range are collected, too
    recorder  parameters of the RecordingAnalyzer `recorder`
    """
    parts = {symbol: bars for symbol, bars in parts.items() if len(bars.traded)}
    if not parts:
        return Found(trades=[])
    cerebro = build(config, parts, strategy, check_window=check_window, samples=samples)
    if recorder is not None:
        cerebro.addanalyzer(RecordingAnalyzer, **recorder, _name="recorder")
    with no_collection():
        (done,) = cerebro.run()
    report = done.analyzers.report
    if strategy is not None:
        return Found(trades=report.records)
    return Found(
        trades=report.records,
        days=dict(report.days),
        samples=dict(report.samples),
        skips={
            symbol: most_frequent_first(Counter(s.ignored for s in signals if s.ignored))
            for symbol, signals in report.signals.items()
        },
    )


def build(
    config: BarConfig,
    parts: Mapping[str, SymbolBars],
    strategy: type[bt.Strategy] | None = None,
    *,
    check_window: bool = False,
    samples: bool = True,
) -> bt.Cerebro:
    """A Cerebro with feeds, broker, strategy and the analyzer `report` of a configuration."""
    cerebro = bt.Cerebro(stdstats=False)
    for bars in parts.values():
        series = bars.whole() if config.strategy == BREAKOUT else bars.traded
        cerebro.adddata(BarFeed(series=series), name=bars.symbol)  # type: ignore[call-arg]
    if strategy is not None:
        cerebro.broker.setcash(config.balance)
        cerebro.addstrategy(strategy, **config.own_settings)
        cerebro.addanalyzer(OrderTradeReport, _name="report")
        return cerebro
    cerebro.setbroker(BarBroker(cash=config.balance))
    kind, params = _built_in(config, parts, check_window)
    cerebro.addstrategy(kind, **params)
    cerebro.addanalyzer(BarTradeReport, samples=samples, _name="report")
    return cerebro


def _built_in(
    config: BarConfig, parts: Mapping[str, SymbolBars], check_window: bool
) -> tuple[type[bt.Strategy], dict[str, Any]]:
    if config.strategy == MEAN_REVERSION:
        return MeanReversionStrategy, {"rules": config.mean_reversion}
    if config.strategy == BREAKOUT:
        first = min(int(bars.traded.stamps_ns[0]) for bars in parts.values())
        day_ns = LENGTH_NS["1d"]
        return BreakoutStrategy, {
            "rules": config.breakout,
            "instruments": {symbol: config.instrument(symbol) for symbol in parts},
            "trade_from": first - first % day_ns,
        }
    return OpeningRangeStrategy, {
        "rules": {symbol: config.range_params(symbol) for symbol in parts},
        "daily": {s: bars.daily for s, bars in parts.items() if bars.daily is not None},
        "before": {s: bars.before for s, bars in parts.items() if bars.before is not None},
        "check_window": check_window,
    }


def record(config: BarConfig, bars: SymbolBars, found: Found) -> BarRecord:
    """The record of one symbol; config: of this symbol."""
    symbol = bars.symbol
    digest = config.run_id(fingerprint_of({symbol: bars}))
    return record_of(
        run_id=f"{folder_of(symbol)}-{digest}",
        config=config,
        bars=bars,
        trades=[trade for trade in found.trades if trade.symbol == symbol],
        days=found.days.get(symbol, []),
        samples=found.samples.get(symbol, []),
        skips=found.skips.get(symbol, {}),
        source={"data": bars.provenance(), "versions": versions()},
    )
