"""The look-ahead check over bars: nothing decided on a bar may depend on a later one.

A strategy is run over recorded bars and every decision is noted. Then, for many instants, it is run
again with the prices and volumes of all later bars moved far up or far down. What it decided up to
that instant must be the same. Stamps stay as they are: when a session ends is known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import backtrader as bt
import numpy as np

from bt_gex.bars.series import LENGTH_NS, BarSeries
from bt_gex.config.bar_config import BarConfig
from bt_gex.errors import EngineError
from bt_gex.lookahead.check import (
    CheckResult,
    Instant,
    Perturbation,
    Violation,
    check_points,
    choose,
    compare,
    first_difference,
)
from bt_gex.lookahead.observe import DecisionLog, TimedDecision
from bt_gex.market.calendar import NS
from bt_gex.runs.backtest import build
from bt_gex.runs.bar_data import SymbolBars
from bt_gex.runs.collection import no_collection
from bt_gex.synthetic.market import generator
from bt_gex.trades.events import BarFilled, BarSignal, BarStopMoved

Progress = Callable[[int, int], None]
Parts = Mapping[str, SymbolBars]
FAR: Mapping[Perturbation, float] = {"far up": 1.5, "far down": 0.6}
_EPOCH_ORDINAL = 719_163


class BarDecisions(bt.Analyzer):
    """Notes signals, fills and stops by the rules, or the orders of a strategy of one's own."""

    def start(self) -> None:
        self.found: list[TimedDecision] = []
        stream = getattr(self.strategy.broker, "stream", None)
        if stream is not None:
            for kind in (BarSignal, BarFilled, BarStopMoved):
                stream.subscribe(kind, self._event)

    def notify_order(self, order: Any) -> None:
        if getattr(self.strategy.broker, "stream", None) is None and order.status == order.Accepted:
            side = "buy" if order.isbuy() else "sell"
            ns = round((order.created.dt - _EPOCH_ORDINAL) * 86_400) * NS
            what = f"{side} {abs(order.created.size):g} {order.data._name} {order.getordername()}"
            price = order.p.price
            self.found.append(TimedDecision(ns, what if price is None else f"{what} {price:g}"))

    def _event(self, event: BarSignal | BarFilled | BarStopMoved) -> None:
        self.found.append(TimedDecision(event.at_ns, repr(event)))


def check_bars(
    config: BarConfig,
    parts: Parts,
    strategy: type[bt.Strategy] | None = None,
    *,
    points: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckResult:
    """Check a strategy at so many instants, half of them instants of its decisions."""
    check_points(points, seed)
    name = config.strategy
    recorded, repeated = (_observe(config, parts, strategy) for _ in range(2))
    if recorded.error:
        raise EngineError(f"{name} fails on the recorded bars: {recorded.error}")
    different = first_difference(recorded.decisions, repeated.decisions)
    if different:
        return CheckResult(
            target=name, outcome="not deterministic", runs=2, first_difference=different
        )
    if not recorded.decisions:
        return CheckResult(target=name, outcome="no decision", runs=2)
    instants = _instants(config, parts, recorded, points, seed)
    found = [
        _violations(config, parts, strategy, recorded, at, seed) for at in _told(instants, progress)
    ]
    violations = [violation for one in found for violation in one]
    last = instants[-1].ns
    return CheckResult(
        target=name,
        outcome="look-ahead" if violations else "clean",
        decisions=sum(1 for one in recorded.decisions if one.ns <= last),
        instants=len(instants),
        runs=2 + len(FAR) * len(instants),
        changed=sum(1 for one in found if one),
        violation=min(violations, key=lambda one: (one.ns, one.t)) if violations else None,
    )


def _told(instants: Sequence[Instant], progress: Progress | None) -> Iterator[Instant]:
    """The instants, each told of when the next one is asked for."""
    for done, at in enumerate(instants, start=1):
        yield at
        if progress:
            progress(done, len(instants))


def _instants(
    config: BarConfig, parts: Parts, recorded: DecisionLog, points: int, seed: int
) -> list[Instant]:
    """Those after which bars are perturbed; a day is decided on at its end."""
    end_ns = LENGTH_NS["1d"] - 1 if config.interval == "1d" else 0
    stamps = np.unique(np.concatenate([bars.traded.stamps_ns for bars in parts.values()]))
    ticks = [Instant(0, int(ns) + end_ns) for ns in stamps[:-1]]
    decided = {one.ns - one.ns % (end_ns + 1) + end_ns for one in recorded.decisions}
    return choose(ticks, decided, points, seed)


def _violations(
    config: BarConfig,
    parts: Parts,
    strategy: type[bt.Strategy] | None,
    recorded: DecisionLog,
    at: Instant,
    seed: int,
) -> list[Violation]:
    """What changes when bars after an instant do."""
    found = []
    for way in FAR:
        log = _observe(config, _perturbed(parts, at.ns, way, seed), strategy)
        violation = compare(recorded, log, at.ns, way)
        found += [violation] if violation else []
    return found


def _observe(config: BarConfig, parts: Parts, strategy: type[bt.Strategy] | None) -> DecisionLog:
    cerebro = build(config, parts, strategy, samples=False)
    cerebro.addanalyzer(BarDecisions, _name="decisions")
    log = DecisionLog()
    with no_collection():
        (done,) = cerebro.run()
    log.decisions = sorted(done.analyzers.decisions.found, key=lambda one: one.ns)
    return log


def _perturbed(parts: Parts, after_ns: int, way: Perturbation, seed: int) -> Parts:
    random = generator(seed, "later bars", after_ns, way)
    return {s: bars.with_traded(_moved(bars.traded, after_ns, FAR[way], random)) for s, bars in
            parts.items()}  # fmt: skip


def _moved(series: BarSeries, after_ns: int, factor: float, random: Any) -> BarSeries:
    """The series with later prices multiplied and jittered, sound bars still."""
    length_ns = LENGTH_NS[series.interval]
    stamp_ns = after_ns - after_ns % length_ns
    later = series.stamps_ns > stamp_ns
    count = len(series)
    noise = factor * np.exp(random.normal(0.0, 0.02, count))
    rows = {
        name: np.where(later, getattr(series, name) * noise, getattr(series, name))
        for name in ("open", "high", "low", "close")
    }
    volume = np.where(later, np.round(random.uniform(1, 1e6, count)), series.volume)
    return BarSeries(
        symbol=series.symbol, interval=series.interval, stamps_ns=series.stamps_ns.copy(),
        volume=volume, odd=series.odd, **rows,
    )  # fmt: skip
