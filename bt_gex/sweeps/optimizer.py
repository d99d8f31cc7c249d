"""Variants through backtrader's own optstrategy."""

from __future__ import annotations

import multiprocessing.util
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import backtrader as bt

from bt_gex.config.run_config import RunConfig
from bt_gex.runs.collection import no_collection
from bt_gex.runs.replay import account_of, build, sizer_of
from bt_gex.sessions.day import Day, LoadParams
from bt_gex.strategies.gex import GexStrategy
from bt_gex.sweeps.engines import BacktraderEngine
from bt_gex.sweeps.evaluate import measure
from bt_gex.sweeps.plan import Variant, variant_config
from bt_gex.sweeps.pool import Engine, guarded, run_one
from bt_gex.sweeps.store import Outcome


class VariantStrategy(GexStrategy):
    """The GEX strategy under a whole configuration: broker and sizer, too, are set by it.

    `optstrategy` varies strategy parameters only, so the configuration is the parameter.
    """

    params = (("variant", None),)  # its id and RunConfig

    def __init__(self, **unknown: Any) -> None:
        self.variant_id: str = self.p.variant[0]
        self.config: RunConfig = self.p.variant[1]
        config = self.config
        self.p.setup, self.p.entry, self.p.exit = config.setup, config.entry, config.exit
        super().__init__(**unknown)
        self.failure: Exception | None = None

    def start(self) -> None:
        config = self.config
        self.broker.open_account(**account_of(config))
        kind, params = sizer_of(config)
        self._addsizer(kind, **params)
        super().start()

    def next(self) -> None:
        # One that fails must not take the others with it: optstrategy would lose all results.
        if self.failure is not None:
            return
        try:
            super().next()
        except Exception as error:
            self.failure = error
            self.env.runstop()


class VariantOutcome(bt.Analyzer):
    """The outcome of a VariantStrategy; what the other analyzers hold stays behind."""

    outcome: Outcome

    def stop(self) -> None:
        strategy = self.strategy

        def metrics() -> dict[str, Any]:
            if strategy.failure is not None:
                raise strategy.failure
            return measure(strategy.config, strategy.clock.p.days, strategy)

        self.outcome = guarded(strategy.variant_id, metrics)
        for analyzer in (strategy.analyzers.trades, strategy.analyzers.funnel):
            analyzer.records = analyzer.marks = []
        strategy.analyzers.trades._entries = {}  # what a variant that failed has left open


def run_optstrategy(
    engine: Engine,
    base: RunConfig,
    variants: Sequence[Variant],
    workers: int,
    report: Callable[[Outcome], None],
) -> None:
    """Report each outcome as it comes; one `optstrategy` for each way of reading the rows."""
    assert isinstance(engine, BacktraderEngine)
    groups: dict[LoadParams, list[tuple[str, RunConfig]]] = {}
    for variant in variants:
        if variant.invalid:
            report(run_one(engine, base, variant))
            continue
        config = variant_config(base, variant)
        groups.setdefault(config.load_params, []).append((variant.variant_id, config))
    for params, group in groups.items():
        days = [day for day in engine.sessions.days(params) if day.has_data]
        if days:
            _optimise(days, group, workers, report)
            continue
        for variant_id, config in group:
            report(guarded(variant_id, partial(engine.metrics, config)))


def _optimise(
    days: Sequence[Day],
    group: Sequence[tuple[str, RunConfig]],
    workers: int,
    report: Callable[[Outcome], None],
) -> None:
    """Through a Cerebro of the first configuration; each strategy then sets its own."""
    cerebro = build(group[0][1], days, strategy=None)
    cerebro.addanalyzer(VariantOutcome, _name="outcome")
    cerebro.optstrategy(VariantStrategy, variant=list(group))
    cerebro.optcallback(Callback(report))
    # Its workers are forked by backtrader: this is the only place to tell them whose Ctrl-C is.
    multiprocessing.util.register_after_fork(cerebro, _ignore_interrupt)
    with no_collection():
        cerebro.run(maxcpus=min(workers, len(group)))


class Callback:
    """Reports the outcome of a strategy; to a worker, sent the whole Cerebro, it is nothing."""

    def __init__(self, report: Callable[[Outcome], None] | None = None) -> None:
        self._report = report

    def __call__(self, strategies: Sequence[Any]) -> None:
        assert self._report
        self._report(strategies[0].analyzers.outcome.outcome)

    def __reduce__(self) -> Any:
        return Callback, ()


def _ignore_interrupt(_: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
