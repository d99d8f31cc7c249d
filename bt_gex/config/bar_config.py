"""The configuration of a backtest over bars: strategy, symbols, dates, settings, instruments.

A setting is looked up in this order, the last one wins: the default, the sections of the file,
`instruments.SYMBOL`, what was changed by name (`--set`). No symbol is built in: one without an
entry has the template of `instrument`, with the early closes of the New York Stock Exchange where
its sessions are those of that exchange.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any, Literal

from bt_gex.config.bar_settings import INSTRUMENTS, PARAMS, Tables, flat, setting_names
from bt_gex.config.files import scalar
from bt_gex.config.ids import SEMANTICS_VERSION, canonical, differing, name_of, short_hash
from bt_gex.config.run_config import as_date
from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import new_york
from bt_gex.rules.breakout import BreakoutParams
from bt_gex.rules.mean_reversion_signal import MeanReversionParams, mean_reversion_params
from bt_gex.rules.opening_range.params import InstrumentParams, OpeningRangeParams
from bt_gex.rules.opening_range.resolve import nested, params_from
from bt_gex.rules.opening_range.session import SessionClock, exchange_early_closes
from bt_gex.rules.settings import as_tables, hints, merged, validated

ORB, MEAN_REVERSION, BREAKOUT = "orb", "mean-reversion", "breakout-52w-high"
SECTION_OF = {MEAN_REVERSION: "mean_reversion", BREAKOUT: "breakout_52w_high"}
STRATEGIES = (ORB, *SECTION_OF)
RANGE_SECTIONS = tuple(field.name for field in dataclasses.fields(OpeningRangeParams))
OWN_SECTIONS = ("buffers", "trade")  # of an instrument, besides the facts of InstrumentParams
COMMON = ("backtest",)  # sections every strategy reads
Interval = Literal["1m", "1d"]


@dataclass(frozen=True, kw_only=True, eq=False)
class BarConfig:
    """What to run over bars, and how.

    strategy     orb, mean-reversion, breakout-52w-high, or path/to/file.py:Name
    symbols      each once; bars of one instant are dealt with in this order
    start, end   session dates, both included
    interval     bars the strategy sees; None: minutes, of the breakout days
    settings     sections, in tables or by dotted name
    instruments  by symbol: facts of the instrument, and its own buffers and trade settings
    changes      by dotted name; over everything else
    source_hash  sha256 of the file of a strategy of the user's own

    Raises UnknownName and BadValue.
    """

    strategy: str
    symbols: tuple[str, ...]
    start: date
    end: date
    interval: Interval | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    instruments: Mapping[str, object] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    source_hash: str | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES and ":" not in self.strategy:
            advice = "a strategy of your own is path/to/file.py:Name"
            raise UnknownName("strategy", self.strategy, STRATEGIES, advice)
        self._set("start", as_date(self.start, "start"))
        self._set("end", as_date(self.end, "end"))
        if self.end < self.start:
            raise BadValue(f"end {self.end} lies before start {self.start}; end is inclusive")
        self._set("symbols", tuple(dict.fromkeys(self.symbols)))
        if not self.symbols or not all(self.symbols):
            raise BadValue("at least one symbol is needed, and none may be empty")
        self._set_interval()
        self._set("settings", as_tables(self.settings))
        self._set("changes", dict(self.changes))
        self._check_names()
        for symbol in {*self.symbols, *self._instrument_tables}:
            _ = self._range_params(symbol)
        _ = self.mean_reversion, self.breakout

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _set_interval(self) -> None:
        default: Interval = "1d" if self.strategy == BREAKOUT else "1m"
        self._set("interval", self.interval or default)
        if self.interval not in ("1m", "1d"):
            raise BadValue(f"interval must be 1m or 1d, got {self.interval!r}")
        if self.strategy == ORB and self.interval != "1m":
            raise BadValue("the opening range is of minutes; leave --interval out, or give 1m")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BarConfig) and self.resolved() == other.resolved()

    def __hash__(self) -> int:
        return hash(canonical(self.resolved()))

    # ------------------------------------------------------------------------------ settings

    @cached_property
    def _changed(self) -> Tables:
        """Changes outside instruments."""
        prefix = f"{INSTRUMENTS}."
        return as_tables({n: v for n, v in self.changes.items() if not n.startswith(prefix)})

    @cached_property
    def _instrument_tables(self) -> dict[str, Tables]:
        """What is said of each symbol, the file's first."""
        found: dict[str, Tables] = {}
        for symbol, facts in self.instruments.items():
            if facts is None:  # all its lines are commented out
                continue
            if not isinstance(facts, Mapping):
                raise BadValue(f"instruments.{symbol} must name facts, got {facts!r}")
            found[str(symbol)] = as_tables(facts)
        for symbol, facts in self._instrument_changes.items():
            found[symbol] = merged(found.get(symbol, {}), facts)
        return found

    @cached_property
    def _instrument_changes(self) -> dict[str, Tables]:
        """Of `instruments.SYMBOL.name`; a symbol may have dots itself."""
        found: dict[str, Tables] = {}
        names = (*hints(InstrumentParams), *OWN_SECTIONS)
        for name, value in self.changes.items():
            if not name.startswith(f"{INSTRUMENTS}."):
                continue
            parts = name.split(".")[1:]
            at = next((n for n in range(1, len(parts)) if parts[n] in names), None)
            if at is None:
                raise UnknownName("setting", name, [f"{INSTRUMENTS}.SYMBOL.{n}" for n in names])
            symbol, rest = ".".join(parts[:at]), ".".join(parts[at:])
            found[symbol] = merged(found.get(symbol, {}), as_tables({rest: value}))
        return found

    @cached_property
    def own_section(self) -> str:
        """The section of the strategy's own settings: of a user's strategy its class name."""
        if self.strategy == ORB:
            return ORB
        return SECTION_OF.get(self.strategy, self.strategy.rpartition(":")[2])

    def _check_names(self) -> None:
        known = {*RANGE_SECTIONS, *PARAMS, self.own_section}
        for table in (self.settings, self._changed):
            for name, value in table.items():
                if name not in known:
                    raise UnknownName("setting", name, [*known, INSTRUMENTS, *setting_names()])
                if not isinstance(value, Mapping) and value is not None:
                    raise BadValue(f"{name} must be a table of settings, got {value!r}")
        for symbol, facts in self._instrument_tables.items():
            own = (*hints(InstrumentParams), *OWN_SECTIONS)
            for name in facts:
                if name not in own:
                    raise UnknownName(f"setting of instruments.{symbol}", name, own)

    def _section(self, name: str) -> Tables:
        """A section of the file with the changes over it."""
        return merged(self.settings.get(name) or {}, self._changed.get(name) or {})

    def _range_tables(self, table: Mapping[str, object]) -> Tables:
        return {name: table[name] for name in RANGE_SECTIONS if table.get(name) is not None}

    def _instrument_layer(self, symbol: str, tables: Mapping[str, Tables]) -> Tables:
        facts = tables.get(symbol, {})
        own = {name: facts[name] for name in OWN_SECTIONS if name in facts}
        rest = {name: value for name, value in facts.items() if name not in OWN_SECTIONS}
        return {**own, "instrument": rest}

    def _range_params(self, symbol: str) -> OpeningRangeParams:
        """Without the exchange's early closes."""
        return params_from(
            merged(
                self._range_tables(self.settings),
                self._instrument_layer(symbol, self._instrument_tables),
                self._range_tables(self._changed),
                self._instrument_layer(symbol, self._instrument_changes),
            )
        )

    def range_params(self, symbol: str) -> OpeningRangeParams:
        """All settings of the opening range for a symbol."""
        params = self._range_params(symbol)
        return dataclasses.replace(params, instrument=self.instrument(symbol))

    def instrument(self, symbol: str) -> InstrumentParams:
        """The facts of a symbol; early closes that are not given are the exchange's, where its
        sessions are those of the exchange."""
        if symbol not in self._known_instruments:
            self._known_instruments[symbol] = self._instrument(symbol)
        return self._known_instruments[symbol]

    @cached_property
    def _known_instruments(self) -> dict[str, InstrumentParams]:
        return {}

    def _instrument(self, symbol: str) -> InstrumentParams:
        facts = self._range_params(symbol).instrument
        said = (
            self._instrument_tables.get(symbol, {}),
            self.settings.get("instrument") or {},
            self._changed.get("instrument") or {},
        )
        if any("early_closes" in table for table in said) or not _is_new_yorks(facts, self.start):
            return facts
        first = self.start - timedelta(days=HISTORY_DAYS)
        closes = exchange_early_closes(first, self.end, facts.timezone)
        return dataclasses.replace(facts, early_closes=closes)

    @cached_property
    def mean_reversion(self) -> MeanReversionParams:
        """Parameters of mean reversion."""
        return mean_reversion_params(self._section("mean_reversion"))

    @cached_property
    def breakout(self) -> BreakoutParams:
        """Parameters of the breakout."""
        return validated(BreakoutParams, self._section("breakout_52w_high"), "breakout_52w_high")

    @property
    def own_settings(self) -> Tables:
        """Settings of a strategy of the user's own; texts of a command line as they read."""
        found = self._section(self.own_section)
        return {n: scalar(v) if isinstance(v, str) else v for n, v in found.items()}

    @cached_property
    def account(self) -> OpeningRangeParams:
        """The sections all strategies read: backtest and data."""
        return params_from(
            merged(
                self._range_tables({n: self.settings.get(n) for n in COMMON}),
                self._range_tables({n: self._changed.get(n) for n in COMMON}),
            )
        )

    @property
    def balance(self) -> float:
        """Dollars at the start."""
        return self.account.backtest.initial_capital

    def with_settings(self, changes: Mapping[str, object]) -> BarConfig:
        """The same with some settings changed, over everything else."""
        return dataclasses.replace(self, changes={**self.changes, **changes})

    def of_symbol(self, symbol: str) -> BarConfig:
        """The same for one symbol."""
        return dataclasses.replace(self, symbols=(symbol,))

    # ------------------------------------------------------------------------------ as stored

    def resolved(self) -> dict[str, object]:
        """Every setting in plain values, as it is used."""
        if self.strategy == ORB:
            sections = nested(
                params_from(
                    merged(self._range_tables(self.settings), self._range_tables(self._changed))
                )
            )
            del sections["instrument"]
        else:
            whole = nested(self.account)
            sections = {name: whole[name] for name in COMMON}
            sections[self.own_section] = self._resolved_own()
        return {
            "strategy": self.strategy,
            "symbols": list(self.symbols),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "interval": self.interval,
            "semantics_version": SEMANTICS_VERSION,
            **sections,
            INSTRUMENTS: {symbol: self._resolved_instrument(symbol) for symbol in self.symbols},
            **({"source_hash": self.source_hash} if self.source_hash else {}),
        }

    def _resolved_own(self) -> Tables:
        if self.strategy in SECTION_OF:
            params = self.mean_reversion if self.strategy == MEAN_REVERSION else self.breakout
            return nested(params)
        return dict(self.own_settings)

    def _resolved_instrument(self, symbol: str) -> Tables:
        facts = nested(self.instrument(symbol))
        if self.strategy != ORB:
            return facts
        params = nested(self._range_params(symbol))
        return {**facts, **{name: params[name] for name in OWN_SECTIONS}}

    @property
    def config_hash(self) -> str:
        """First 16 hex digits of the sha256 of the resolved configuration."""
        return short_hash(self.resolved(), 16)

    def identity(self) -> dict[str, object]:
        """What decides a result, dates and data apart: what differs from the defaults."""
        mine, plain = flat(self.resolved()), flat(self._plain().resolved())
        apart = ("start", "end", "semantics_version")
        values = {name: value for name, value in mine.items() if name not in apart}
        return {
            "strategy": self.strategy,
            "symbols": list(self.symbols),
            "settings": differing(values, plain),
            "semantics_version": SEMANTICS_VERSION,
        }

    def _plain(self) -> BarConfig:
        return BarConfig(
            strategy=self.strategy, symbols=self.symbols, start=self.start, end=self.end
        )  # fmt: skip

    def dated_identity(self) -> dict[str, object]:
        """The same with the dates."""
        dates = {"start": self.start.isoformat(), "end": self.end.isoformat()}
        return {**self.identity(), **dates}

    def run_id(self, data_fingerprint: str) -> str:
        """Name of the run: readable, and the same for the same configuration and data."""
        digest = short_hash({**self.dated_identity(), "data": data_fingerprint})
        return name_of(self.own_section, self.start, self.end, digest)


HISTORY_DAYS = 260  # the longest ATR, over days that lie as far apart as a history allows


def _is_new_yorks(facts: InstrumentParams, day: date) -> bool:
    """Whether sessions are from 09:30 to 16:00 in New York, as on a day of the range."""
    window = SessionClock(dataclasses.replace(facts, early_closes=())).window(day)
    opens, closes = (new_york(ns).time() for ns in (window.start_ns, window.end_ns))
    return (opens, closes) == (time(9, 30), time(16))


def stored_bar_config(content: Mapping[str, Any]) -> BarConfig:
    """The configuration a backtest has written. Raises UnknownName and BadValue."""
    plain = ("strategy", "symbols", "start", "end", "interval", "source_hash")
    rest = (*plain, "semantics_version", INSTRUMENTS)
    return BarConfig(
        settings={name: value for name, value in content.items() if name not in rest},
        instruments=content.get(INSTRUMENTS) or {},
        **{name: content[name] for name in plain if name in content},
    )
