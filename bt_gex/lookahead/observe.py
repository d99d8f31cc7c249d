"""One run of a target with everything written down that it decides, and when."""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np

from bt_gex.analyzers.funnel import decision_record
from bt_gex.config.run_config import RunConfig
from bt_gex.feeds.clock import ClockFeed, clock_of
from bt_gex.feeds.legs import SpreadFeed
from bt_gex.lookahead.target import Target, line_of
from bt_gex.runs.replay import build, no_collection
from bt_gex.sessions.day import Day
from bt_gex.strategies.gex import GexStrategy
from bt_gex.trades.codec import to_json

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
    clock: ClockFeed | None = None
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
    cerebro.addanalyzer(Witness, log=log, _name="witness")
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


class Witness(bt.Analyzer):
    """Writes down orders as the broker gets them, and checks as the Funnel does."""

    params = (("log", None),)

    def start(self) -> None:
        broker = self.strategy.broker
        for kind in ("buy", "sell"):
            setattr(broker, kind, self._heard(kind, getattr(broker, kind)))
        cancel = broker.cancel

        def heard_cancel(order: Any) -> Any:
            self.p.log.note(f"cancel {instrument(getattr(order, 'data', None))}")
            return cancel(order)

        broker.cancel = heard_cancel

    def _heard(self, kind: str, send: Callable[..., Any]) -> Callable[..., Any]:
        def heard(owner: Any, data: Any, size: float, *args: Any, **kwargs: Any) -> Any:
            self.p.log.note(order_text(kind, data, size, kwargs))
            return send(owner, data, size, *args, **kwargs)

        return heard

    def notify_check(self, tick: Any, decision: Any, order_id: str) -> None:
        """Called by a GexStrategy after each check."""
        record = to_json(decision_record(tick, decision, order_id))
        said = [
            f"{k} {shown(v)}" for k, v in record.items() if k not in UNSAID and v not in ("", [])
        ]
        self.p.log.note(f"check: {', '.join(said)}")

    def next(self) -> None:
        log = self.p.log
        if log.until is not None and log.now_ns() >= log.until:
            log.over = True
            self.strategy.env.runstop()

    def stop(self) -> None:
        self.p.log.over = True


def order_text(kind: str, data: Any, size: float, terms: Mapping[str, Any]) -> str:
    """An order in words: what, how much, on which terms."""
    text = f"{kind} {shown(size)} of {instrument(data)}"
    if terms.get("price") is not None:
        text += f" at {shown(terms['price'])}"
    exectype = terms.get("exectype")
    name = "Market" if exectype is None else bt.Order.ExecTypes[exectype]
    return f"{text} ({name})"


def instrument(data: Any) -> str:
    """The name of what is traded; of a spread also its strikes."""
    name = str(getattr(data, "_name", data))
    return f"{name} [{data.spread.label}]" if isinstance(data, SpreadFeed) else name


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
