"""One session of one index as the replay sees it: arrays on the 30-second grid, as of each bar.

Every array has one value a bar and, last, one for the close, which is no bar. NaN is missing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.errors import DataError, EngineError
from bt_gex.market.calendar import NS, Session, Stamps
from bt_gex.market.contracts import Right, Spread
from bt_gex.market.gamma import chain_rows, competing, exposure_by_strike, find_peaks
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import Index
from bt_gex.market.quotes import (
    CLAMP_TOLERANCE,
    Prices,
    QuoteLimits,
    as_of,
    at_rows,
    clean,
    contradictory,
    newest_row,
    spread_value,
)
from bt_gex.market.settlement import PARITY_WINDOW, Settlement, settlement_price
from bt_gex.rules.gex.entry import AGES_APART, CONTRADICTORY, NO_QUOTE, PASSED
from bt_gex.sessions.gaps import Gap, gaps_between
from bt_gex.sessions.rows import LegKey, LegRows, Rows, Series, chains_needed, describe

Flags = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.int8]
NO_STAMP = -1
COMPUTED_THEN_RECORDED = "computed, then recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadParams:
    """How old a row may be to count, which quotes are not to be believed, and which pin is meant.

    one_sided_max_ask    SPX points: a quote without a bid whose ask is higher is not valid
    max_spread_pct       widest quote, percent of its mid
    max_leg_age_gap_s    most that the quotes of a spread's legs may be apart
    trade_contradictions give a spread whose legs contradict each other a price, clamped
    """

    quote_max_age_s: float = 120.0
    context_max_age_s: float = 2100.0
    one_sided_max_ask: float | None = 0.50
    max_spread_pct: float | None = None
    max_leg_age_gap_s: float | None = None
    trade_contradictions: bool = False
    use_competing_peaks: bool = False

    def limits(self, index: Index) -> QuoteLimits:
        """What a quote of an option of the index must keep to."""
        most, widest = self.one_sided_max_ask, self.max_spread_pct
        return QuoteLimits(
            one_sided_max_ask=math.inf if most is None else index.scale * most,
            max_spread_pct=math.inf if widest is None else widest,
        )


@dataclass(frozen=True, slots=True)
class LegQuotes:
    """Bid, ask and mid of one option on the grid, NaN where it has no valid quote; points.

    stamps  instant of the quote that counts, NO_STAMP where there is none young enough
    """

    bid: Prices
    ask: Prices
    mid: Prices
    stamps: Stamps


class SpreadPath(NamedTuple):
    """A spread on the grid.

    value     what it costs at mid to buy it back, clamped to its width; NaN where it has no price
    clamped   where it had to be clamped
    unpriced  why it has no price, a number of `rules.gex.entry`; PASSED where it has one
    """

    value: Prices
    clamped: Flags
    unpriced: Kinds

    def part(self, rows: slice) -> SpreadPath:
        """The same of some rows."""
        return SpreadPath(self.value[rows], self.clamped[rows], self.unpriced[rows])


@dataclass(slots=True)
class Day:
    """What was known at each bar of a session.

    spot, vix, pin   as of the bar; index points, VIX level, strike
    last_price(_ns)  newest index price up to the close, for the settlement
    peaks            where the pins come from: recorded, computed from chains, first the one and
                     then the other, or none
    gaps             stretches without any quote
    counts           what was odd about the rows used so far, by name
    rows             everything recorded of the session; None once it has been released
    sha256           of these rows, see `SessionRows.sha256`
    """

    rows: Rows | None
    sha256: str
    index: Index
    session: Session
    params: LoadParams
    grid: Stamps
    spot: Prices
    vix: Prices
    pin: Prices
    last_price: float
    last_price_ns: int
    peaks: str
    has_data: bool
    gaps: tuple[Gap, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    _legs: dict[LegKey, LegQuotes] = field(default_factory=dict)
    _paths: dict[Spread, SpreadPath] = field(default_factory=dict)
    _settlement: Settlement | None = None

    def options(self) -> list[LegKey]:
        """All options with a recorded quote: calls by strike, then puts."""
        return self._recorded().options()

    def leg(self, strike: float, right: Right) -> LegQuotes:
        """Quotes of one option on the grid; all NaN when the database has none."""
        key = (float(strike), right)
        if key not in self._legs:
            rows = self._recorded().leg(key)
            if rows is None:
                nothing = np.full(len(self.grid), np.nan)
                no_stamps = np.full(len(self.grid), NO_STAMP, dtype=np.int64)
                self._legs[key] = LegQuotes(nothing, nothing, nothing, no_stamps)
            else:
                describe(rows, self.counts, self.limits)
                self._legs[key] = self._on_grid(rows, self.grid)
        return self._legs[key]

    def quotes_of(self, key: LegKey) -> LegQuotes:
        """Quotes of a recorded option on the grid, without taking note that they were read."""
        rows = self._recorded().leg(key)
        assert rows is not None
        return self._on_grid(rows, self.grid)

    def path_of(self, spread: Spread) -> SpreadPath:
        """A spread on the grid."""
        if spread not in self._paths:
            legs = [self.leg(leg.strike, leg.right) for leg in spread.legs]
            raw = spread_value([leg.mid for leg in legs], [leg.side for leg in spread.legs])
            with np.errstate(invalid="ignore"):
                unpriced = why_unpriced(spread, legs, raw, self.params)
                raw[unpriced != PASSED] = np.nan
                value: Prices = np.clip(raw, 0.0, spread.width)
                clamped = np.abs(value - raw) > CLAMP_TOLERANCE
            self._paths[spread] = SpreadPath(value, clamped, unpriced)
        return self._paths[spread]

    @property
    def limits(self) -> QuoteLimits:
        """What a quote must keep to."""
        return self.params.limits(self.index)

    def _on_grid(self, rows: LegRows, grid: Stamps) -> LegQuotes:
        return on_grid(rows, grid, self.params.quote_max_age_s, self.limits)

    def settlement(self) -> Settlement:
        """The price all legs settle on at the close."""
        if self._settlement is None:
            self._settlement = settlement_price(
                last_price=self.last_price,
                last_price_ns=self.last_price_ns,
                close_ns=self.session.close_ns,
                parity=self._parity_at_close,
            )
        return self._settlement

    def _parity_at_close(self, price: float) -> Iterator[float]:
        rows = self._recorded()
        at_close = np.array([self.session.close_ns], dtype=np.int64)
        mids: dict[LegKey, float] = {}
        for key in rows.options():
            leg = rows.leg(key) if abs(key[0] - price) <= PARITY_WINDOW * price else None
            if leg is not None:
                mids[key] = float(self._on_grid(leg, at_close).mid[0])
        for strike in sorted({strike for strike, _ in mids}):
            implied = strike + mids.get((strike, "C"), math.nan) - mids.get((strike, "P"), math.nan)
            if not math.isnan(implied):
                yield implied

    def _recorded(self) -> Rows:
        if self.rows is None:
            raise EngineError(f"session {self.session.day} has been released; load it again")
        return self.rows

    def release(self) -> None:
        """Free the quotes of a session that is over; the hash of its rows stays."""
        self.rows = None
        self._legs.clear()
        self._paths.clear()


def on_grid(rows: LegRows, grid: Stamps, max_age_s: float, limits: QuoteLimits) -> LegQuotes:
    """An option's quotes as of each instant; the newest row decides, valid or not."""
    bid, ask = clean(rows.bid, rows.ask, limits)
    newest = newest_row(rows.stamps, grid, max_age_s)
    bid_then, ask_then = at_rows(bid, newest), at_rows(ask, newest)
    stamps = np.where(newest >= 0, rows.stamps[newest], NO_STAMP) if len(rows.stamps) else newest
    return LegQuotes(bid_then, ask_then, (bid_then + ask_then) / 2.0, stamps)


def why_unpriced(
    spread: Spread, legs: Sequence[LegQuotes], raw: Prices, params: LoadParams
) -> Kinds:
    """At each instant why a spread has no price, PASSED where it has one.

    legs  quotes in the order of the spread's legs; raw: its value at mid, NaN without a quote
    """
    kinds = np.where(np.isnan(raw), NO_QUOTE, PASSED).astype(np.int8)
    if params.max_leg_age_gap_s is not None:
        stamps = np.array([leg.stamps for leg in legs])
        apart = np.ptp(stamps, axis=0) > round(params.max_leg_age_gap_s * NS)
        kinds[apart & (kinds == PASSED)] = AGES_APART
    if not params.trade_contradictions:
        for short, long, width in zip(legs[::2], legs[1::2], spread.side_widths(), strict=True):
            bad = contradictory(short.bid, short.ask, long.bid, long.ask, width)
            kinds[bad & (kinds == PASSED)] = CONTRADICTORY
    return kinds


def load_day(rows: Rows, index: Index, params: LoadParams, grid: Stamps | None = None) -> Day:
    """Index price, VIX and pin of a session on its grid; quotes follow when first asked for.

    grid  the instants of interest; None: every bar of the session, and the close

    The index price and the VIX come from market_context and, where that has nothing usable, from
    the option snapshots. Raises DataError on anything unreadable.
    """
    counts: Counter[str] = Counter()
    session = rows.session
    context, snapshots, peaks = (
        rows.tables[name] for name in ("market_context", "options_snapshots", "gex_peaks")
    )
    grid = session.grid() if grid is None else grid
    age = params.context_max_age_s
    newest = [_newest(context), _newest(snapshots)]
    fresh_first = sorted(newest, key=lambda pair: -pair[1])
    pin, source = _pins(rows, index, params, grid, counts)
    for name, series in (("market_context", context), ("gex_peaks", peaks)):
        counts[f"rows of {name}"] += len(series)
    counts["NULL index price"] += int(np.isnan(context["underlying_price"]).sum())
    counts["NULL vix"] += int(np.isnan(context["vix"]).sum())
    counts["no such option"] += rows.quotes.unknown
    counts["duplicate context"] += int(np.count_nonzero(np.diff(context.stamps) == 0))
    return Day(
        rows=rows,
        sha256=rows.sha256,
        index=index,
        session=session,
        params=params,
        grid=grid,
        spot=_context(context, snapshots, "underlying_price", grid, age),
        vix=_context(context, snapshots, "vix", grid, age),
        pin=pin,
        last_price=fresh_first[0][0],
        last_price_ns=fresh_first[0][1],
        peaks=source,
        has_data=not rows.is_empty,
        gaps=gaps_between(rows.quotes.stamps, session),
        counts=counts,
    )


def _context(first: Series, second: Series, column: str, grid: Stamps, age: float) -> Prices:
    """As of each bar from the first table, where it has nothing usable from the second."""
    values = [
        as_of(known.stamps, known[column], grid, age)
        for known in (s.where(~np.isnan(s[column])) for s in (first, second))
    ]
    return np.where(np.isnan(values[0]), values[1], values[0])


def _newest(series: Series) -> tuple[float, int]:
    known = series.where(~np.isnan(series["underlying_price"]))
    if not len(known):
        return math.nan, -1
    return float(known["underlying_price"][-1]), int(known.stamps[-1])


def _pins(
    rows: Rows, index: Index, params: LoadParams, grid: Stamps, counts: Counter[str]
) -> tuple[Prices, str]:
    """The pin at each instant, and where the session's pins come from.

    Until the session's first peak row, of whatever rank, pins come from the chains: it is decided
    at each instant from what is known then. The midpoint of two competing peaks, where it is asked
    for, is the recorded one of the same instant, or else what the chain gives.
    """
    age, snapshots = params.context_max_age_s, rows.tables["options_snapshots"]
    peaks = rows.tables["gex_peaks"]
    ranked = peaks.where(peaks["peak_rank"] == 1)
    counts["duplicate peaks"] += int(np.count_nonzero(np.diff(ranked.stamps) == 0))
    recorded, midpoints = ranked["strike"].copy(), {}
    if params.use_competing_peaks:
        midpoints = _recorded_midpoints(rows.tables["competing_peaks"])
        _move_to_midpoints(recorded, ranked.stamps, midpoints, index)
    pin = as_of(ranked.stamps, recorded, grid, age)
    seen = snapshots.where(chains_needed(snapshots.stamps, peaks.stamps, grid))
    chains = _chains_of_today(seen, rows.session.day, counts)
    if not len(chains):
        return pin, "recorded" if len(peaks) else "none"
    stamps, computed, of_chains = _computed_pins(rows, index, chains)
    if params.use_competing_peaks:
        _move_to_midpoints(computed, stamps, of_chains | midpoints, index)
    no_peak_yet = grid < peaks.stamps[0] if len(peaks) else np.ones(len(grid), dtype=np.bool_)
    pin = np.where(no_peak_yet, as_of(stamps, computed, grid, age), pin)
    return pin, COMPUTED_THEN_RECORDED if len(peaks) else "computed"


def _move_to_midpoints(
    pins: Prices, stamps: Stamps, midpoints: Mapping[int, float], index: Index
) -> None:
    """Put the midpoint of two competing peaks of its instant, if any, in the place of a pin."""
    for row, ns in enumerate(stamps):
        midpoint = midpoints.get(int(ns), math.nan)
        if not math.isnan(midpoint):
            pins[row] = round_to_grid(midpoint, index.strike_increment)


def _recorded_midpoints(rows: Series) -> dict[int, float]:
    """Adjusted pin by instant, not rounded; NaN where the recorder saw no competing peaks."""
    columns = ("is_competing", "adjusted_pin")
    return {
        int(ns): float(pin) if flag == 1 else math.nan
        for ns, flag, pin in zip(rows.stamps, *(rows[name] for name in columns), strict=True)
    }


def _chains_of_today(snapshots: Series, day: date, counts: Counter[str]) -> Series:
    """Snapshots whose chain expires this day, of equal instants the one with the highest id."""
    own = np.array([_expires_on(text, day) for text in snapshots["expiration"]], dtype=np.bool_)
    counts["chains of another expiry"] += int(np.count_nonzero(~own))
    chains = snapshots.where(own)
    return chains.where(np.diff(chains.stamps, append=np.int64(-1)) != 0)


def _computed_pins(
    rows: Rows, index: Index, chains: Series
) -> tuple[Stamps, Prices, dict[int, float]]:
    """Pins of chains by the recorder's own rule, and midpoints where two peaks compete.

    Where the recorder finds no peak it writes no row, so such a chain gives no pin.
    """
    found: list[tuple[int, float]] = []
    midpoints: dict[int, float] = {}
    for ns, row_id, spot in zip(
        chains.stamps, chains["id"], chains["underlying_price"], strict=True
    ):
        number = int(row_id)
        if number not in rows.chain_peaks:
            rows.chain_peaks[number] = _pin_of_chain(rows, number, spot, index)
        if pin := rows.chain_peaks[number]:
            found.append((int(ns), pin[0]))
            midpoints[int(ns)] = pin[1]
    stamps = np.array([ns for ns, _ in found], dtype=np.int64)
    return stamps, np.array([pin for _, pin in found], dtype=np.float64), midpoints


def _pin_of_chain(rows: Rows, row_id: int, spot: float, index: Index) -> tuple[float, float] | None:
    """Pin of a chain, and the midpoint of two competing peaks, NaN where they don't compete."""
    chain = [] if math.isnan(spot) else chain_rows(rows.chain(row_id))
    peaks = find_peaks(exposure_by_strike(chain, spot), spot, index) if chain else ()
    if not peaks:
        return None
    midpoint = competing(peaks, spot).adjusted_pin
    return peaks[0].strike, math.nan if midpoint is None else midpoint


def _expires_on(text: object, day: date) -> bool:
    """Whether a stored expiration is this day."""
    try:
        return date.fromisoformat(str(text)[:10]) == day
    except ValueError as error:
        raise DataError(
            f"table options_snapshots: expiration {text!r} is not readable; write YYYY-MM-DD"
        ) from error
