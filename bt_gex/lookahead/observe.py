"""One run of a target with everything written down that it decides, and when."""

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
from bt_gex.runs.replay import build, no_collection
from bt_gex.sessions.day import Day
from bt_gex.strategies.gex import GexStrategy
from bt_gex.trades.codec import to_json
from bt_gex.trades.events import CancelSent, OrderSent
from bt_gex.trades.records import Decision

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
UNSAID = ("index_symbol", "session", "timestamp")  # of a check; its instant says so


class Noted(NamedTuple):
    """A decision and its instant, nanoseconds UTC."""

    ns: int
    what: str


@dataclass(slots=True)
class Log:
    """What a run decided, in order.

    until  the last instant that counts, None: all; the run ends after it
    over   whether the run has come so far
    error  what was raised before it was over, by `at_ns`
    """

    until: int | None = None
    clock: MarketFeed | None = None
    noted: list[Noted] = field(default_factory=list)
    over: bool = False
    error: str | None = None
    at_ns: int = 0

    def now_ns(self) -> int:
        """Where the run is; 0 before its first tick."""
        tick = self.clock.tick_now() if self.clock is not None else None
        return tick.ns if tick else 0

    def note(self, what: str) -> None:
        """Write down a decision of this instant."""
        self.noted.append(Noted(self.now_ns(), what))


def observe(
    config: RunConfig, days: Sequence[Day], target: Target, until: int | None = None
) -> Log:
    """Run a target over sessions, at most to the end of a tick; what it prints goes nowhere."""
    log = Log(until)
    try:
        with redirect_stdout(io.StringIO()), no_collection():
            _wired(config, days, target, log).run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an exit of the target, too, is no verdict of ours
        if not log.over:
            log.error, log.at_ns = line_of(error, target.file), log.now_ns()
    return log


def _wired(config: RunConfig, days: Sequence[Day], target: Target, log: Log) -> bt.Cerebro:
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
    """Asks a rule on every tick; what it says, unless None, is a decision."""

    params = (("rule", None), ("log", None))

    def __init__(self) -> None:
        self.clock = clock_of(self)

    def next(self) -> None:
        said = self.p.rule(self.clock)
        if said is not None:
            self.p.log.note(f"rule says {shown(said)}")


class DecisionRecorder(bt.Analyzer):
    """Writes down orders as the broker gets them, and checks as the Funnel does."""

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
    """A check in words."""
    said = to_json(record).items()
    return "check: " + ", ".join(
        f"{k} {shown(v)}" for k, v in said if k not in UNSAID and v not in ("", [])
    )


def order_text(event: OrderSent) -> str:
    """An order in words: what, how much, on which terms."""
    text = f"{event.side} {shown(event.size)} of {instrument_text(event.instrument, event.spread)}"
    if event.price is not None:
        text += f" at {shown(event.price)}"
    return f"{text} ({event.exectype})"


def instrument_text(name: str, spread: Spread | None) -> str:
    """The name of what is traded; of a spread also its strikes."""
    return f"{name} [{spread.label}]" if spread else name


def shown(value: Any) -> str:
    """A value in words that are equal where it is: without addresses, numbers to ten digits.

    Sums over arrays may differ in the last bits by what stands elsewhere in the array.
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(shown(item) for item in value) + ")"
    if isinstance(value, np.ndarray):
        return shown(value.tolist())
    if inspect.iscoroutine(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        getattr(value, "close", lambda: None)()
        raise TypeError(f"a rule must decide, not return a {type(value).__name__}")
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(shown(item) for item in value)) + "}"
    text = _whole(value)
    if ADDRESS.search(text):
        raise TypeError(
            f"a rule's answer must show what it holds; give {type(value).__name__}, or what is in "
            "it, a __repr__"
        )
    return text


def _whole(value: Any) -> str:
    """repr, with nothing of arrays and tables left out."""
    with ExitStack() as stack:
        stack.enter_context(np.printoptions(threshold=sys.maxsize))
        pandas = sys.modules.get("pandas")
        if pandas is not None:
            names = ("max_rows", "max_columns", "max_colwidth", "max_seq_items", "width")
            terms = [term for name in names for term in (f"display.{name}", None)]
            stack.enter_context(pandas.option_context(*terms))
        return repr(value)
