"""What is on the tape: the rows of one index, and what was known at an instant of a session."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from .clock import SECOND, Session, instant
from .rules import IndexSpec, competing_midpoint, kind, net_gex, rank_peaks, to_grid

TABLES = {
    "market_context": ("underlying_price", "vix"),
    "options_snapshots": ("underlying_price", "vix", "expiration", "chain_data"),
    "gex_peaks": ("peak_rank", "strike"),
    "competing_peaks": ("is_competing", "adjusted_pin"),
    "options_prices_live": ("strike", "option_type", "bid", "ask"),
}


class Row(NamedTuple):
    at: int
    id: int
    data: tuple[Any, ...]  # the columns of TABLES, in that order


class Quote(NamedTuple):
    bid: float  # 0 when the recorded bid is NULL
    ask: float
    at: int = 0


NEGLIGIBLE = Fraction(1, 10**9)


@dataclass(frozen=True)
class Readings:
    """The few places where two readings of the documents are both plausible (see README.md)."""

    # index price and VIX of an options_snapshots row of another expiration are used
    snapshot_price_any_expiration: bool = True
    # settlement looks at the newest price of both sources; False: market_context first
    settle_on_newest_of_both: bool = True
    # the 120 s of the settlement price follow data.quote_max_age_s; False: always 120 s
    settle_age_is_quote_age: bool = False


def written(x: object) -> Fraction:
    """The decimal number that somebody wrote."""
    return Fraction(repr(float(x)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Believed:
    """Section 2: which quotes are believed; None switches a rule off."""

    one_sided_max_ask: object = 0.50
    max_spread_pct: object = None

    def accepts(self, bid: float | None, ask: float | None, scale: float) -> bool:
        if ask is None or not ask > 0:
            return False
        low, high = written(0 if bid is None else bid), written(ask)
        if low > high:
            return False
        highest = self.one_sided_max_ask
        if low <= 0 and highest is not None:
            highest_here = written(highest) * written(scale)
            if high > highest_here + NEGLIGIBLE:
                return False
        if self.max_spread_pct is None:
            return True
        # (high - low) against so many hundredths of (high + low) / 2
        return 200 * (high - low) <= written(self.max_spread_pct) * (high + low) + NEGLIGIBLE


def newest(rows: list[Row], at: int, max_age: int | None) -> Row | None:
    """The newest row with timestamp <= at, unless it is older than max_age. `rows` are sorted by
    (timestamp, id), so among rows of one timestamp this is the one with the highest id."""
    position = bisect_right(rows, at, key=lambda row: row.at)
    if position == 0:
        return None
    row = rows[position - 1]
    if max_age is not None and at - row.at > max_age:
        return None
    return row


def number(x: object) -> float | None:
    return float(x) if isinstance(x, (int, float)) else None


def keep_column(rows: list[Row], column: int) -> list[Row]:
    """The rows that have a value in this column, as rows of that one value."""
    return [Row(r.at, r.id, (r.data[column],)) for r in rows if number(r.data[column]) is not None]


class Tape:
    """All rows of one index, every timestamp parsed to an instant, sorted by (instant, id)."""

    def __init__(self, db_path: str | Path, index: str) -> None:
        self.bad_timestamps = 0
        self.tables: dict[str, list[Row]] = {}
        db = sqlite3.connect(f"{Path(db_path).resolve().as_uri()}?mode=ro", uri=True)
        try:
            present = {
                name
                for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            for table, columns in TABLES.items():
                rows = []
                if table in present:
                    wanted = ", ".join(("id", "timestamp", *columns))
                    query = f"SELECT {wanted} FROM {table} WHERE index_symbol = ?"
                    for row_id, stamp, *data in db.execute(query, (index,)):
                        at = instant(stamp)
                        if at is None:
                            self.bad_timestamps += 1
                        else:
                            rows.append(Row(at, row_id, tuple(data)))
                rows.sort(key=lambda r: (r.at, r.id))
                self.tables[table] = rows
        finally:
            db.close()

    def of_session(self, table: str, session: Session) -> list[Row]:
        rows = self.tables[table]
        first = bisect_right(rows, session.open - 1, key=lambda r: r.at)
        last = bisect_right(rows, session.close, key=lambda r: r.at)
        return rows[first:last]


class SessionTape:
    """What the rows with open <= timestamp <= close of one session say at an instant."""

    def __init__(
        self,
        tape: Tape,
        session: Session,
        spec: IndexSpec,
        *,
        quote_max_age_s: float,
        context_max_age_s: float,
        use_competing_peaks: bool,
        readings: Readings,
        believed: Believed | None = None,
    ) -> None:
        self.session = session
        self.spec = spec
        self.quote_age = round(quote_max_age_s * SECOND)
        self.context_age = round(context_max_age_s * SECOND)
        self.use_competing_peaks = use_competing_peaks
        self.readings = readings
        self.believed = believed or Believed()
        rows = {table: tape.of_session(table, session) for table in TABLES}
        self.empty = not any(rows.values())

        context = rows["market_context"]
        snapshots = rows["options_snapshots"]
        chains = [r for r in snapshots if str(r.data[2])[:10] == session.date]
        priced = snapshots if readings.snapshot_price_any_expiration else chains
        self.spots = [keep_column(context, 0), keep_column(priced, 0)]
        self.vixes = [keep_column(context, 1), keep_column(priced, 1)]

        self.quotes: dict[tuple[float, str], list[Row]] = {}
        for row in rows["options_prices_live"]:
            side = kind(row.data[1])
            if side is not None and row.data[0] is not None:
                self.quotes.setdefault((float(row.data[0]), side), []).append(row)

        self.competing: dict[int, tuple[Any, ...]] = {r.at: r.data for r in rows["competing_peaks"]}
        self.peak_stamps = [r.at for r in rows["gex_peaks"]]
        ranked = [r for r in rows["gex_peaks"] if r.data[0] == 1 and r.data[1] is not None]
        self.pins = [Row(r.at, r.id, (float(r.data[1]),)) for r in ranked]
        self.competing_by_chain: dict[int, tuple[Any, ...]] = {}
        self.computed_pins = self.peaks_of_chains(chains)

    def peaks_of_chains(self, chains: list[Row]) -> list[Row]:
        """The rank-1 rows that the recorder would have written, and its competing rows where the
        file has none of that instant."""
        pins = []
        last_of_instant = {r.at: r for r in chains}  # highest id wins
        for at, row in sorted(last_of_instant.items()):
            spot = number(row.data[0])
            try:
                chain = json.loads(row.data[3])
            except (TypeError, ValueError):
                continue
            if spot is None or spot <= 0 or not isinstance(chain, list):
                continue
            peaks = rank_peaks(net_gex(chain, spot), spot, self.spec)
            if not peaks:
                continue
            pins.append(Row(at, row.id, (peaks[0].strike,)))
            midpoint = competing_midpoint(peaks, spot)
            self.competing_by_chain[at] = (midpoint is not None, midpoint)
        return pins

    # ----------------------------------------------------------------- values at an instant

    def _first_source(self, sources: Iterable[list[Row]], at: int) -> float | None:
        for rows in sources:
            row = newest(rows, at, self.context_age)
            if row is not None:
                return float(row.data[0])
        return None

    def spot(self, at: int) -> float | None:
        return self._first_source(self.spots, at)

    def vix(self, at: int) -> float | None:
        return self._first_source(self.vixes, at)

    def pin(self, at: int) -> float | None:
        recorded = any(stamp <= at for stamp in self.peak_stamps)
        row = newest(self.pins if recorded else self.computed_pins, at, self.context_age)
        if row is None:
            return None
        midpoints = self.competing if recorded else {**self.competing_by_chain, **self.competing}
        if self.use_competing_peaks and row.at in midpoints:
            is_competing, adjusted = midpoints[row.at]
            if is_competing and adjusted is not None:
                return to_grid(float(adjusted), self.spec.increment)
        return float(row.data[0])

    def quote(self, at: int, strike: float, side: str) -> Quote | None:
        """The leg's valid quote: its newest row decides, no older row is dug up."""
        row = newest(self.quotes.get((float(strike), side), []), at, self.quote_age)
        if row is None:
            return None
        bid, ask = row.data[2], row.data[3]
        if not self.believed.accepts(bid, ask, self.spec.scale):
            return None
        return Quote(float(bid or 0.0), float(ask), row.at)

    # ----------------------------------------------------------------- settlement

    def last_index_price(self) -> Row | None:
        """The newest index price of the session, whatever its age."""
        found = [newest(rows, self.session.close, None) for rows in self.spots]
        context, snapshot = found
        if context is None or snapshot is None:
            return context or snapshot
        if self.readings.settle_on_newest_of_both and snapshot.at > context.at:
            return snapshot
        return context

    def fresh_index_price(self) -> float | None:
        max_age = self.quote_age if self.readings.settle_age_is_quote_age else 120 * SECOND
        if self.readings.settle_on_newest_of_both:
            row = self.last_index_price()
            if row is not None and self.session.close - row.at <= max_age:
                return float(row.data[0])
            return None
        for rows in self.spots:
            row = newest(rows, self.session.close, max_age)
            if row is not None:
                return float(row.data[0])
        return None

    def parity_pairs(self, around: float) -> list[tuple[float, Quote, Quote]]:
        """(strike, call quote, put quote) at the close of every strike within 1 % of `around`."""
        pairs = []
        for strike in sorted({strike for strike, _ in self.quotes}):
            if abs(strike - around) * 100 > around:
                continue
            call = self.quote(self.session.close, strike, "C")
            put = self.quote(self.session.close, strike, "P")
            if call is not None and put is not None:
                pairs.append((strike, call, put))
        return pairs
