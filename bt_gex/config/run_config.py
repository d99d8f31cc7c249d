"""The configuration of a run: frozen, checked as a whole, addressed by dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, time
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from bt_gex.config.ids import SEMANTICS_VERSION, canonical, differing, name_of, short_hash
from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.indexes import BUILT_IN, Index, find_index
from bt_gex.market.zones import NaiveZone, find_zone
from bt_gex.rules.gex.params import PROFILES, EntryParams, ExitParams, SetupParams, find_profile
from bt_gex.rules.gex.sizing import KellyParams
from bt_gex.rules.settings import hints, validated
from bt_gex.sessions.day import LoadParams

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Slippage = Annotated[float, Ge(0), Le(10)]
AgeSeconds = Annotated[float, Ge(0), Le(86_400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillParams:
    """What trading costs.

    entry_slippage, exit_slippage  share of the half-spread paid: 0 is mid, 1 the natural side
    commission                     USD per contract, per leg, per side
    latency_bars                   30-second bars from the decision on an entry to its fill
    """

    entry_slippage: Slippage = 1.0
    exit_slippage: Slippage = 1.0
    commission: Annotated[float, Ge(0), Le(1_000)] = 0.0
    latency_bars: Annotated[int, Ge(0), Le(780)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataParams:
    """Which recorded rows count; context is index price, VIX and peaks.

    *_max_age_s           how old a row may be
    one_sided_max_ask     SPX points: a quote without a bid counts up to this ask; none: any
    max_spread_pct        widest quote that counts, percent of its mid; none: any
    max_leg_age_gap_s     most that the quotes of a spread's legs may be apart; none: any
    timezone              zone of stamps without an offset
    trade_contradictions  trade spreads whose legs' quotes contradict each other, as version 1 did
    """

    quote_max_age_s: AgeSeconds = 120.0
    context_max_age_s: AgeSeconds = 2100.0
    one_sided_max_ask: Annotated[float, Ge(0), Le(1_000)] | None = 0.50
    max_spread_pct: Annotated[float, Ge(0), Le(1_000)] | None = None
    max_leg_age_gap_s: AgeSeconds | None = None
    trade_contradictions: bool = False
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        find_zone(self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParams:
    """The account.

    balance   dollars at the start
    quantity  contracts a trade, with sizing `fixed`
    sizing    `fixed`, or `half-kelly` by the settings of `kelly`
    """

    balance: Annotated[float, Gt(0), Le(1e12)] = 25_000.0
    quantity: Annotated[int, Ge(1), Le(100_000)] = 1
    sizing: Literal["fixed", "half-kelly"] = "fixed"


SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "setup": SetupParams,
        "entry": EntryParams,
        "exit": ExitParams,
        "fills": FillParams,
        "data": DataParams,
        "account": AccountParams,
        "kelly": KellyParams,
    }
)
TIMEZONE = "data.timezone"
FILLS = {"natural": (1.0, 1.0), "exit-mid": (1.0, 0.0), "mid": (0.0, 0.0)}


@dataclass(frozen=True, kw_only=True, eq=False)
class RunConfig:
    """What to replay, and how.

    index       symbol: SPX, NDX, or one of `indexes`
    start, end  session dates, both inclusive; text is YYYY-MM-DD
    profile     named defaults of setup, entry and exit
    settings    changes to the defaults by dotted name: {"exit.stop_loss": 0.15}
    indexes     further underlyings by symbol: {"SPY": {"strike_increment": 1, "scale": 0.1}}

    The resolved parameter sets are attributes: setup, entry, exit, fills, data, account, kelly.
    Raises UnknownName, BadValue.
    """

    index: str = "SPX"
    start: date
    end: date
    profile: str = "standard"
    settings: Mapping[str, Any] = field(default_factory=dict)
    indexes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set("start", as_date(self.start, "start"))
        self._set("end", as_date(self.end, "end"))
        self._set("settings", dict(self.settings))
        self._set("indexes", dict(self.indexes))
        if not isinstance(self.profile, str):
            raise BadValue(f"profile must be {' or '.join(PROFILES)}, got {self.profile!r}")
        if self.end < self.start:
            raise BadValue(f"end {self.end} lies before start {self.start}; end is inclusive")
        for section, params in self._resolved_sections().items():
            self._set(section, params)
        self._set("index_spec", find_index(self.index, self._own_indexes()))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunConfig) and self.resolved() == other.resolved()

    def __hash__(self) -> int:
        return hash(canonical(self.resolved()))

    # Resolved by __post_init__.
    setup: SetupParams = field(init=False, repr=False, compare=False)
    entry: EntryParams = field(init=False, repr=False, compare=False)
    exit: ExitParams = field(init=False, repr=False, compare=False)
    fills: FillParams = field(init=False, repr=False, compare=False)
    data: DataParams = field(init=False, repr=False, compare=False)
    account: AccountParams = field(init=False, repr=False, compare=False)
    kelly: KellyParams = field(init=False, repr=False, compare=False)
    index_spec: Index = field(init=False, repr=False, compare=False)

    def _resolved_sections(self) -> dict[str, object]:
        base = find_profile(self.profile)
        changes: dict[str, dict[str, object]] = {name: {} for name in SECTIONS}
        for name, value in self.settings.items():
            section, _, rest = str(name).partition(".")
            if section not in SECTIONS or not rest:
                own = [n for n in setting_names() if n.startswith(f"{name}.")]
                raise UnknownName("setting", str(name), own or setting_names())
            changes[section][rest] = value
        return {
            name: validated(kind, changes[name], name, getattr(base, name, None))
            for name, kind in SECTIONS.items()
        }

    def _own_indexes(self) -> dict[str, Index]:
        found = {}
        for symbol, facts in self.indexes.items():
            if not isinstance(facts, Mapping):
                raise BadValue(f"indexes.{symbol} must name the facts of the index, got {facts!r}")
            named = {**facts, "symbol": symbol}
            found[symbol] = validated(Index, named, f"indexes.{symbol}", default_index(symbol))
        return found

    @property
    def load_params(self) -> LoadParams:
        """How the blackbox is read."""
        data = {name: value for name, value in asdict(self.data).items() if name != "timezone"}
        return LoadParams(**data, use_competing_peaks=self.entry.use_competing_peaks)

    @property
    def naive_zone(self) -> NaiveZone:
        """Zone of stamps without an offset; it may be doubted unless a setting names it."""
        return NaiveZone(self.data.timezone, TIMEZONE in self.settings)

    def with_settings(self, changes: Mapping[str, object]) -> RunConfig:
        """The same run with some settings changed."""
        return RunConfig(
            index=self.index,
            start=self.start,
            end=self.end,
            profile=self.profile,
            settings={**self.settings, **changes},
            indexes=self.indexes,
        )

    def head(self) -> dict[str, object]:
        """What a configuration file begins with: what is replayed, and by which version."""
        return {
            "index": self.index,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "profile": self.profile,
            "semantics_version": SEMANTICS_VERSION,
        }

    def changed(self) -> dict[str, object]:
        """The settings given, in plain values by dotted name."""
        return {name: plain_value(value) for name, value in self.settings.items()}

    def resolved(self) -> dict[str, Any]:
        """Every setting in plain values, as it is used."""
        return {
            **self.head(),
            **{name: plain(getattr(self, name)) for name in SECTIONS},
            "index_facts": plain(self.index_spec),
        }

    def identity(self) -> dict[str, Any]:
        """What decides a result, dates and data apart: the index, and what differs from its facts
        and from the defaults of the settings."""
        resolved = self.resolved()
        settings = {
            f"{section}.{name}": value
            for section in SECTIONS
            for name, value in resolved[section].items()
        }
        return {
            "index": self.index,
            "index_facts": differing(resolved["index_facts"], plain(default_index(self.index))),
            "settings": differing(settings, plain_defaults()),
            "semantics_version": SEMANTICS_VERSION,
        }

    def dated_identity(self) -> dict[str, object]:
        """The same with the dates."""
        dates = {"start": self.start.isoformat(), "end": self.end.isoformat()}
        return {**self.identity(), **dates}

    def run_id(self, data_fingerprint: str) -> str:
        """Name of the run: readable, and the same for the same configuration and data."""
        digest = short_hash({**self.dated_identity(), "data": data_fingerprint})
        return name_of(self.index, self.start, self.end, digest)


def default_index(symbol: str) -> Index:
    """What an index is before an entry of a configuration changes it."""
    return BUILT_IN.get(symbol, Index(symbol=symbol, option_root=symbol))


def setting_names() -> list[str]:
    """All dotted names."""
    return [f"{section}.{name}" for section, kind in SECTIONS.items() for name in hints(kind)]


def setting_of(config: RunConfig, name: str) -> object:
    """The value of a setting by its dotted name."""
    section, _, rest = name.partition(".")
    return getattr(getattr(config, section), rest)


def setting_text(value: object) -> str:
    """A setting as a person types it: none, true, 09:36, 10:00."""
    found = plain_value(value)
    if isinstance(found, list):
        return ", ".join(setting_text(item) for item in found)
    if found is None:
        return "none"
    return str(found).lower() if isinstance(found, bool) else str(found)


def setting_defaults() -> dict[str, object]:
    """Default by dotted name (profile standard)."""
    return {
        f"{section}.{f.name}": getattr(kind(), f.name)
        for section, kind in SECTIONS.items()
        for f in fields(kind)
    }


def plain_defaults() -> dict[str, object]:
    """The same in plain values."""
    return {name: plain_value(value) for name, value in setting_defaults().items()}


def parse_fills(text: str) -> dict[str, float]:
    """Settings of `natural`, `exit-mid`, `mid`, one slippage, or entry,exit slippages."""
    if text in FILLS:
        entry, leave = FILLS[text]
        return {"fills.entry_slippage": entry, "fills.exit_slippage": leave}
    try:
        numbers = [float(part) for part in text.split(",")]
        if len(numbers) not in (1, 2):
            raise ValueError
    except ValueError:
        raise BadValue(
            f"fills must be {', '.join(FILLS)}, a slippage such as 0.66, or entry,exit such as "
            f"1,0.5; got {text!r}"
        ) from None
    return {"fills.entry_slippage": numbers[0], "fills.exit_slippage": numbers[-1]}


def as_date(value: object, name: str) -> date:
    """A session date from a date or YYYY-MM-DD."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").date()
    except ValueError:
        raise BadValue(f"{name} must be a date YYYY-MM-DD, got {value!r}") from None


def plain(params: DataclassInstance) -> dict[str, object]:
    """A parameter set in values that JSON and YAML know; check times as HH:MM[:SS]."""
    return {f.name: plain_value(getattr(params, f.name)) for f in fields(params)}


def plain_value(value: object) -> Any:
    """A setting as JSON and YAML know it; whole floats as whole numbers."""
    if isinstance(value, tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value
