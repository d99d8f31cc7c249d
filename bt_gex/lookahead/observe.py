"""One run of a target, with every decision and its instant recorded."""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np

from bt_gex.config.run_config import RunConfig
from bt_gex.feeds.view import MarketFeed, clock_of
from bt_gex.lookahead.target import Target, line_of
from bt_gex.market.contracts import Spread
from bt_gex.runs.collection import no_collection
from bt_gex.runs.replay import build
from bt_gex.sessions.day import Day
from bt_gex.strategies.gex import GexStrategy
from bt_gex.trades.codec import to_json
from bt_gex.trades.events import CancelSent, OrderSent
from bt_gex.trades.records import Decision

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
REDUNDANT = ("index_symbol", "session", "timestamp")  # keys of a check that its instant implies


class TimedDecision(NamedTuple):
    """A decision and its instant, nanoseconds UTC."""

    ns: int
    what: str


@dataclass(slots=True)
class DecisionLog:
    """The decisions of one run, in order.

    until  the last instant that counts, None: all; the run ends after it
    over   whether the run has reached `until` or its end
    error  text of an exception raised before that, at `at_ns`
    """

    until: int | None = None
    clock: MarketFeed | None = None
    decisions: list[TimedDecision] = field(default_factory=list)
    over: bool = False
    error: str | None = None
    at_ns: int = 0

    def now_ns(self) -> int:
        """Instant of the current tick; 0 before the first one."""
        tick = self.clock.tick_now() if self.clock is not None else None
        return tick.ns if tick else 0

    def note(self, what: str) -> None:
        """Record a decision of the current tick."""
        self.decisions.append(TimedDecision(self.now_ns(), what))


def observe(
    config: RunConfig, days: Sequence[Day], target: Target, until: int | None = None
) -> DecisionLog:
    """Run a target over sessions, at most to the end of a tick; its printed output is discarded."""
    log = DecisionLog(until)
    try:
        with redirect_stdout(io.StringIO()), no_collection():
            _wired(config, days, target, log).run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the target calling sys.exit must not end the check
        if not log.over:
            log.error, log.at_ns = line_of(error, target.file), log.now_ns()
    return log


def _wired(config: RunConfig, days: Sequence[Day], target: Target, log: DecisionLog) -> bt.Cerebro:
    made = target.load()
    strategy = made if isinstance(made, type) and issubclass(made, GexStrategy) else None
    cerebro = build(config, days, every_bar=not target.events, strategy=strategy)
    log.clock = cerebro.datas[0]
    if strategy is None and isinstance(made, type):
        cerebro.addstrategy(made)
    elif strategy is None:
        cerebro.addstrategy(RuleStrategy, rule=made, log=log)
    cerebro.addanalyzer(DecisionRecorder, log=log, _name="decisions")
    return cerebro


class RuleStrategy(bt.Strategy):
    """Calls a rule on every tick; a return value other than None is a decision."""

    params = (("rule", None), ("log", None))

    def __init__(self) -> None:
        self.clock = clock_of(self)

    def next(self) -> None:
        returned = self.p.rule(self.clock)
        if returned is not None:
            self.p.log.note(f"rule returns {shown(returned)}")


class DecisionRecorder(bt.Analyzer):
    """Records orders as the broker receives them, and checks as the Funnel does."""

    params = (("log", None),)

    def start(self) -> None:
        log, stream = self.p.log, self.strategy.broker.stream
        stream.subscribe(OrderSent, lambda event: log.note(order_text(event)))
        stream.subscribe(
            CancelSent, lambda e: log.note(f"cancel {instrument_text(e.instrument, e.spread)}")
        )
        stream.subscribe(Decision, lambda record: log.note(check_text(record)))

    def next(self) -> None:
        log = self.p.log
        if log.until is not None and log.now_ns() >= log.until:
            log.over = True
            self.strategy.env.runstop()

    def stop(self) -> None:
        self.p.log.over = True


def check_text(record: Decision) -> str:
    """A check as text."""
    values = to_json(record).items()
    return "check: " + ", ".join(
        f"{k} {shown(v)}" for k, v in values if k not in REDUNDANT and v not in ("", [])
    )


def order_text(event: OrderSent) -> str:
    """An order as text: side, size, instrument, price, type."""
    text = f"{event.side} {shown(event.size)} of {instrument_text(event.instrument, event.spread)}"
    if event.price is not None:
        text += f" at {shown(event.price)}"
    return f"{text} ({event.exectype})"


def instrument_text(name: str, spread: Spread | None) -> str:
    """The instrument's name; of a spread also its strikes."""
    return f"{name} [{spread.label}]" if spread else name


def shown(value: Any) -> str:
    """A value as text that is the same for equal values: no addresses, numbers to ten digits.

    Ten, because sums over arrays may differ in their last bits with values elsewhere in the array.
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{shown(k)}: {shown(v)}' for k, v in value.items())}}}"
    if isinstance(value, np.ndarray):
        return shown(value.tolist())
    if isinstance(value, list | tuple):
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(shown, value)))}}}"
    return _shown_by_repr(value)


def _shown_by_repr(value: Any) -> str:
    if inspect.iscoroutine(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        getattr(value, "close", lambda: None)()
        raise TypeError(f"a rule must decide, not return a {type(value).__name__}")
    text = _whole(value)
    if ADDRESS.search(text):
        raise TypeError(
            f"a rule's return value must have a repr that shows its content; give "
            f"{type(value).__name__}, or what is in it, a __repr__"
        )
    return text


def _whole(value: Any) -> str:
    """repr without the abbreviation of long arrays and tables."""
    with ExitStack() as stack:
        stack.enter_context(np.printoptions(threshold=sys.maxsize))
        pandas = sys.modules.get("pandas")
        if pandas is not None:
            names = ("max_rows", "max_columns", "max_colwidth", "max_seq_items", "width")
            options = [part for name in names for part in (f"display.{name}", None)]
            stack.enter_context(pandas.option_context(*options))
        return repr(value)
