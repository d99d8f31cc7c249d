"""A seeded synthetic market, written as the recorder would have recorded it.

Snapshots, peaks and context come at the recorder's twelve check times, one row in each minute
around them; quotes about every 31 seconds for the strikes around the latest pin, before the first
check of a day around yesterday's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from bt_gex.blackbox import schema
from bt_gex.blackbox.writer import Database, SchemaTable, insert, writing
from bt_gex.errors import BadValue
from bt_gex.market.black_scholes import values
from bt_gex.market.calendar import BAR_S, NS, Session, sessions, utc
from bt_gex.market.gamma import (
    Competing,
    Peak,
    chain_rows,
    competing,
    exposure_by_strike,
    find_peaks,
)
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import find_index
from bt_gex.rules.gex.params import CHECK_TIMES
from bt_gex.synthetic.market import Floats, Ints, previous_level, seconds, underlying
from bt_gex.synthetic.options import CHAIN_MARGIN, YEAR_S, Book, Market, book

MISSED_MINUTE = 0.05
QUOTE_STEP_S = (30, 34)
GAPS, GAP_S = (1, 5), (60, 360)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthConfig:
    """What market to make.

    start, end      session dates, both inclusive
    vix             around which VIX moves
    strikes_within  strikes quoted either side of the pin, index points, for every index the same
    bad_quotes      a few quotes that no market makes: a side missing, locked, crossed, at any price
    """

    start: date
    end: date
    seed: int = 0
    indexes: tuple[str, ...] = ("SPX",)
    vix: float = 15.0
    strikes_within: float = 250.0
    bad_quotes: bool = False

    def __post_init__(self) -> None:
        if not 5 <= self.vix <= 100:
            raise BadValue(f"vix {self.vix:g} is out of range; give 5 to 100")
        if not 0 < self.strikes_within <= 2000:
            raise BadValue(
                f"strikes_within {self.strikes_within:g} is out of range; "
                "give more than 0 and at most 2000 points"
            )
        if not self.indexes or len(set(self.indexes)) < len(self.indexes):
            raise BadValue(f"indexes {', '.join(self.indexes)!r}: name each index once")
        for symbol in self.indexes:
            find_index(symbol)
            underlying(symbol)

    def markets(self, session: Session) -> Iterator[Market]:
        """The session of each index."""
        for symbol in self.indexes:
            yield Market(
                self.seed,
                find_index(symbol),
                session,
                self.vix,
                self.strikes_within,
                self.bad_quotes,
            )


class Snapshot(NamedTuple):
    """What the recorder makes of the chain at one instant."""

    second: int
    spot: float
    vix: float
    chain: list[dict[str, Any]]
    peaks: tuple[Peak, ...]


def write(config: SynthConfig, engine: Database) -> dict[str, int]:
    """Write every session of the range; returns the rows written, by table.

    The tables must exist and hold nothing at these instants. Each index and session is one
    transaction.
    """
    written = dict.fromkeys(schema.metadata.tables, 0)
    for session in sessions(config.start, config.end):
        for market in config.markets(session):
            with writing(engine) as connection:
                for table, rows in day_rows(market).items():
                    written[table.name] += insert(connection, table, rows)
    return written


def day_rows(market: Market) -> dict[SchemaTable, list[Row]]:
    """Rows of one index and session, by table, in order of time."""
    symbol, expiration = market.index.symbol, market.session.day.isoformat()
    etf_ratio = underlying(symbol).etf_ratio
    rows: dict[SchemaTable, list[Row]] = {table: [] for table in schema.metadata.sorted_tables}
    for at in _snapshots(market):
        key = (_stamp(market, at.second), symbol)
        chain = json.dumps(at.chain, separators=(",", ":"))
        rows[schema.snapshots].append((*key, at.spot, at.vix, expiration, chain))
        for peak in at.peaks:
            rows[schema.peaks].append((*key, *astuple(peak)))
        rows[schema.competing].append((*key, *_competing(at)))
        etf = round(at.spot / etf_ratio, 2)
        etfs = (etf, None) if symbol == "SPX" else (None, etf)
        rows[schema.context].append((*key, at.spot, at.vix, *etfs))
    rows[schema.quotes] = _quote_rows(market)
    return rows


@lru_cache(maxsize=4)
def _snapshots(market: Market) -> tuple[Snapshot, ...]:
    """What the recorder sees around the check times; it keeps nothing of a chain without peaks."""
    second = _check_seconds(market)
    spot, vix = market.spot(second), market.vix_at(second)
    increment = market.index.strike_increment
    centre = np.array([round_to_grid(level, increment) for level in spot.tolist()])
    window = CHAIN_MARGIN * market.index.peak_window_fraction * float(spot.max())
    within = max(market.strikes_within, window)
    options = book(market, second, centre, within, "chain")
    chains = _chains(options, _greeks(market, options, second), len(second))
    found = []
    for n, level in enumerate(spot.tolist()):
        exposure = exposure_by_strike(chain_rows(chains[n]), level, market.index.multiplier)
        peaks = find_peaks(exposure, level, market.index)
        if peaks:
            found.append(Snapshot(int(second[n]), level, float(vix[n]), chains[n], peaks))
    return tuple(found)


def _check_seconds(market: Market) -> Ints:
    """Seconds after the open of the snapshots: one in each minute around a check time.

    The first of them always comes, at the check time at the latest; the others mostly.
    """
    random = market.generator("checks")
    found: list[int] = []
    for bar in filter(None, map(market.session.bar_at, CHECK_TIMES)):
        first = bar * BAR_S - 60 + int(random.integers(0, 54))
        drift, missed = random.integers(0, 4, size=2), random.random(2) < MISSED_MINUTE
        later = first + 60 * np.array([1, 2]) + np.cumsum(drift)
        found += [first, *later[~missed].tolist()]
    return np.array(found)


def _greeks(market: Market, options: Book, second: Ints) -> dict[str, list[float]]:
    """Delta, gamma, theta and vega of every option, rounded as a data vendor does."""
    when = second[options.instant]
    years = (seconds(market.session) - when) / YEAR_S
    found = values(market.spot(when), options.strike, years, options.vol, options.is_call)
    digits = {"delta": 6, "gamma": 8, "theta": 4, "vega": 6}
    return {name: np.round(getattr(found, name), n).tolist() for name, n in digits.items()}


def _chains(
    options: Book, greeks: dict[str, list[float]], instants: int
) -> list[list[dict[str, object]]]:
    """The options of each instant in the form the recorder keeps them."""
    columns = _columns(options)
    fields = ("strike", "option_type", "bid", "ask", "last", "open_interest", "volume")
    chains: list[list[dict[str, object]]] = [[] for _ in range(instants)]
    quoted = zip(*(columns[name] for name in fields), strict=True)
    sensitivities = zip(*greeks.values(), strict=True)
    for n, option, greek in zip(options.instant.tolist(), quoted, sensitivities, strict=True):
        chains[n].append(
            {
                **dict(zip(fields, option, strict=True)),
                "greeks": dict(zip(greeks, greek, strict=True)),
            }
        )
    return chains


def _competing(at: Snapshot) -> Row:
    """The recorder leaves everything empty unless the two best peaks compete."""
    found = competing(at.peaks, at.spot)
    return astuple(found if found.is_competing else Competing(False))


def _quote_rows(market: Market) -> list[Row]:
    """Quotes through the day for the strikes around the latest pin."""
    second = _quote_seconds(market)
    snapshots = _snapshots(market)
    pins = np.array([_opening_pin(market), *(at.peaks[0].strike for at in snapshots)])
    centre = pins[np.searchsorted([at.second for at in snapshots], second, side="right")]
    options = book(market, second, centre, market.strikes_within, "quotes")
    stamps = [_stamp(market, s) for s in second.tolist()]
    columns = _columns(options)
    return list(
        zip(
            [stamps[n] for n in options.instant.tolist()],
            repeat(market.index.symbol),
            *(columns[column.name] for column in schema.quotes.columns if column.name in columns),
        )
    )


def _quote_seconds(market: Market) -> Ints:
    """Seconds after the open at which quotes come, with a few gaps."""
    random, length = market.generator("cadence"), seconds(market.session)
    steps = random.integers(*QUOTE_STEP_S, size=length // QUOTE_STEP_S[0])
    second = np.cumsum(np.concatenate([random.integers(3, 9, size=1), steps]))
    second = second[second <= length]
    for _ in range(random.integers(*GAPS)):
        start = random.integers(0, length)
        second = second[(second < start) | (second >= start + random.integers(*GAP_S))]
    return second


def _opening_pin(market: Market) -> float:
    """The last pin of the session before."""
    day = market.session.day
    before = sessions(day - timedelta(days=10), day)[-2]
    snapshots = _snapshots(replace(market, session=before))
    if snapshots:
        return snapshots[-1].peaks[0].strike
    level = previous_level(market.seed, market.index.symbol, day, market.vix)
    return round_to_grid(level, market.index.strike_increment)


def _columns(options: Book) -> dict[str, list[object]]:
    """The options' columns by their names in the recorder's tables; None for what is missing."""
    bid, ask = options.bid, options.ask
    middle = np.where(bid > 0, np.round((bid + ask) / 2, 3), np.nan)
    return {
        "strike": options.strike.tolist(),
        "option_type": np.where(options.is_call, "call", "put").tolist(),
        "bid": _nullable(bid),
        "ask": _nullable(ask),
        "mid": _nullable(middle),
        "last": _nullable(options.last),
        "volume": options.volume.tolist(),
        "open_interest": options.open_interest.tolist(),
    }


def _nullable(numbers: Floats) -> list[float | None]:
    return [None if number != number else number for number in numbers.tolist()]


def _stamp(market: Market, second: int) -> str:
    return f"{utc(market.session.open_ns + second * NS):%Y-%m-%d %H:%M:%S}"
