"""A seeded generator of small blackboxes with every kind of trouble a recording can have.

`make(path, seed, start=..., end=...)` writes one file; the same arguments give the same rows.
Every trouble is a probability in `Nasty`, so a test can switch kinds on and off:
`Nasty()` has all of them, `CLEAN` none, `only("gaps", "forms")` just those.
"""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

from .clock import BAR, MINUTE, SECOND, Session, sessions, utc
from .market import LEVELS, Day, Tick, make_day
from .rules import kind as side_of

DAY = 24 * 60 * MINUTE

SCHEMA = """
CREATE TABLE options_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME NOT NULL,
  index_symbol TEXT NOT NULL, underlying_price REAL, vix REAL, expiration TEXT NOT NULL,
  chain_data TEXT NOT NULL);
CREATE TABLE gex_peaks (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME NOT NULL,
  index_symbol TEXT NOT NULL, peak_rank INTEGER NOT NULL, strike REAL NOT NULL, gex REAL NOT NULL,
  distance_from_price REAL NOT NULL, distance_pct REAL NOT NULL, proximity_score REAL NOT NULL);
CREATE TABLE competing_peaks (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME NOT NULL,
  index_symbol TEXT NOT NULL, is_competing BOOLEAN NOT NULL, peak1_strike REAL, peak1_gex REAL,
  peak2_strike REAL, peak2_gex REAL, score_ratio REAL, adjusted_pin REAL);
CREATE TABLE market_context (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME NOT NULL,
  index_symbol TEXT NOT NULL, underlying_price REAL, vix REAL, spy_price REAL, qqq_price REAL);
CREATE TABLE options_prices_live (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME NOT NULL,
  index_symbol TEXT NOT NULL, strike REAL NOT NULL, option_type TEXT NOT NULL, bid REAL, ask REAL,
  mid REAL, last REAL, volume INTEGER, open_interest INTEGER);
CREATE INDEX idx_snapshots_time ON options_snapshots(timestamp);
CREATE INDEX idx_peaks_time ON gex_peaks(timestamp);
CREATE INDEX idx_competing_time ON competing_peaks(timestamp);
CREATE INDEX idx_context_time ON market_context(timestamp);
CREATE INDEX idx_prices_time ON options_prices_live(timestamp);
CREATE INDEX idx_prices_symbol ON options_prices_live(index_symbol);
"""
COLUMNS = {
    "market_context": ("underlying_price", "vix"),
    "options_snapshots": ("underlying_price", "vix", "expiration", "chain_data"),
    "gex_peaks": (
        "peak_rank",
        "strike",
        "gex",
        "distance_from_price",
        "distance_pct",
        "proximity_score",
    ),
    "competing_peaks": ("is_competing", "peak1_strike", "peak2_strike", "adjusted_pin"),
    "options_prices_live": ("strike", "option_type", "bid", "ask", "mid"),
}


@dataclass(frozen=True)
class Nasty:
    # every row
    forms: float = 0.5  # the timestamp in another text form than `YYYY-MM-DD HH:MM:SS`
    shuffle: float = 0.5  # (a file) rows inserted in no order of time
    # quotes, each a row (in a share `quiet` of the sessions the first four are 40 times rarer:
    # one odd quote in an hour is enough to trip a 10 % stop, and nothing would reach the close)
    quiet: float = 0.6
    duplicates: float = 0.01  # a twin at the same instant, other values, lower or higher id
    null_bid: float = 0.01
    zero_bid: float = 0.01
    locked: float = 0.01
    null_ask: float = 0.003
    zero_ask: float = 0.003
    crossed: float = 0.003
    types: float = 0.5  # CALL, Call, C, c instead of call
    other_type: float = 0.05  # the other type of the strike is quoted, too
    drop: float = 0.05  # the row is missing
    torn: float = 0.004  # a leg is quoted far above or below where its neighbours stand
    lone_ask: float = 0.01  # no bid beside an ask of 0.40 to 0.65, the limit among them
    # quotes, each a batch (all rows of one recording moment)
    on_bar: float = 0.15  # moved to the nearest bar time, or 1 microsecond before or after it
    # each a session
    gaps: float = 0.5  # one to three gaps of 1-40 minutes without quotes
    missing_leg: float = 0.2  # one leg has no quotes all day
    leg_gap: float = 0.4  # one leg has none for 5-60 minutes
    wide: float = 0.1  # very wide spreads
    noisy: float = 0.1  # legs disagree: values below 0 and above the width
    no_last_hour: float = 0.4  # quotes stop 31-70 minutes before the close: settlement
    poison: float = 0.7  # poisoned rows before the open, after the close, overnight, on weekends
    no_data: float = 0.07  # no row in the session (poison around it stays)
    chains_only: float = 0.2  # no row in gex_peaks
    no_pins: float = 0.03  # neither peaks nor chains
    no_context: float = 0.1  # no row in market_context: options_snapshots has the prices
    age_limit: float = (
        0.15  # context only 2,100 s (or a microsecond more or less) before full hours
    )
    close_price: float = 0.5  # an index price 0-130 s before the close
    # context, snapshots, peaks: each a row
    null_vix: float = 0.1
    null_price: float = 0.05
    context_drop: float = 0.15
    context_duplicates: float = 0.1
    context_on_bar: float = 0.2
    peak_drop: float = 0.1
    no_rank_1: float = 0.05
    competing: float = 0.3
    empty_chain: float = 0.05  # a chain without any option, so without a peak
    other_expiration: float = 0.15  # a chain of another expiration with another pin


CLEAN = Nasty(**{f.name: 0.0 for f in fields(Nasty)})


def only(*names: str) -> Nasty:
    """No trouble but the named kinds, at their default probabilities."""
    return replace(CLEAN, **{name: getattr(Nasty(), name) for name in names})


def without(*names: str) -> Nasty:
    """Everything but the named kinds."""
    return replace(Nasty(), **dict.fromkeys(names, 0.0))


class Row:
    __slots__ = ("at", "data", "index", "order", "table")

    def __init__(
        self, table: str, at: int, index: str, data: tuple[object, ...], order: float = 0
    ) -> None:
        self.table, self.at, self.index, self.data, self.order = table, at, index, data, order


def stamp(rng: random.Random, at: int, forms: float) -> str:
    """The text of an instant; with probability `forms` in one of the unusual forms."""
    moment = utc(at)
    if rng.random() >= forms:
        text = moment.strftime("%Y-%m-%d %H:%M:%S")
        return text if at % SECOND == 0 else f"{text}.{at % SECOND:06d}"
    zone = rng.choice(("", "", "Z", "+00:00", "-05:00", "-04:00", "+05:30"))
    if ":" in zone:
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        shift = timedelta(hours=hours, minutes=minutes)
        moment = moment + shift if zone[0] == "+" else moment - shift
    fraction = f"{at % SECOND:06d}"
    if at % SECOND == 0:
        fraction = rng.choice(("", "", ".000000", ".000", ".0"))
    else:
        fraction = "." + rng.choice((fraction, fraction.rstrip("0")))
    return moment.strftime(f"%Y-%m-%d{rng.choice(' T')}%H:%M:%S") + fraction + zone


class Recorder:
    """Turns days into rows, with trouble."""

    def __init__(self, rng: random.Random, index: str, nasty: Nasty) -> None:
        self.rng, self.index, self.nasty = rng, index, nasty
        self.rows: list[Row] = []
        self.rate = 1.0  # of the troubles that move a spread's value

    def hit(self, probability: float) -> bool:
        return self.rng.random() < probability

    def add(self, table: str, at: int, *data: object) -> None:
        self.rows.append(Row(table, at, self.index, data))

    def near_bar(self, at: int, session: Session) -> int:
        """The nearest bar time, exactly, or one microsecond before or after it."""
        bar = session.open + round((at - session.open) / BAR) * BAR
        return bar + self.rng.choice((0, 0, -1, 1))

    # ----------------------------------------------------------------- rows of one moment

    def context(self, at: int, spot: float, vix: float) -> None:
        price = None if self.hit(self.nasty.null_price) else spot
        self.add("market_context", at, price, None if self.hit(self.nasty.null_vix) else vix)
        if self.hit(self.nasty.context_duplicates):
            self.add("market_context", at, round(spot + 3, 2), round(vix + 0.5, 2))

    def snapshot(self, at: int, day: Day, tick: Tick, pin: float) -> None:
        vix = None if self.hit(self.nasty.null_vix) else tick.vix
        chain = "[]" if self.hit(self.nasty.empty_chain) else json.dumps(day.chain(tick, pin))
        self.add("options_snapshots", at, tick.spot, vix, day.session.date, chain)
        inc = day.spec.increment
        if self.hit(self.nasty.context_duplicates):
            other = json.dumps(day.chain(tick, pin + inc))
            self.add("options_snapshots", at, tick.spot, vix, day.session.date, other)
        if self.hit(self.nasty.other_expiration):
            chain = json.dumps(day.chain(tick, pin - 2 * inc))
            tomorrow = utc(day.session.close + DAY).date().isoformat()
            self.add("options_snapshots", at, tick.spot, vix, tomorrow, chain)

    def peaks(self, at: int, day: Day, tick: Tick, pin: float) -> None:
        if self.hit(self.nasty.peak_drop):
            return
        inc = day.spec.increment
        strikes = [pin, pin + 4 * inc, pin - 6 * inc]
        if self.hit(self.nasty.context_duplicates):
            strikes.append(pin + inc)  # a second rank 1 of the same instant
        for i, strike in enumerate(strikes):
            rank = 1 if i == 3 else i + 1
            if rank == 1 and self.hit(self.nasty.no_rank_1):
                continue
            d = abs(strike - tick.spot)
            share = d / tick.spot
            score = 1e9 / (share**5 + 1e-12)
            self.add("gex_peaks", at, rank, strike, 1e9, d, 100 * share, score)
        if self.hit(self.nasty.competing):
            middle = pin + self.rng.choice((-1.5, -0.5, 0.5, 1, 1.5)) * inc
            competing = self.rng.choice((1, 1, 0))
            self.add("competing_peaks", at, competing, pin, 2 * middle - pin, middle)
        else:
            self.add("competing_peaks", at, 0, None, None, None)

    def quote(
        self, at: int, strike: float, side: str, bid: float | None, ask: float | None
    ) -> None:
        n = self.nasty
        if self.hit(n.null_bid * self.rate):
            bid = None
        if self.hit(n.zero_bid * self.rate):
            bid = 0.0
        if self.hit(n.crossed) and ask is not None:
            bid = round(ask + 0.05 * self.rng.randint(1, 4), 2)
        if self.hit(n.locked * self.rate) and ask is not None:
            bid = ask
        if self.hit(n.zero_ask):
            ask = 0.0
        if self.hit(n.null_ask):
            ask = None
        name = "call" if side == "C" else "put"
        if self.hit(n.types):
            name = self.rng.choice((name.upper(), name.title(), side, side.lower()))
        assert side_of(name) == side
        mid = round((bid + ask) / 2, 4) if bid and ask else None
        self.add("options_prices_live", at, strike, name, bid, ask, mid)

    # ----------------------------------------------------------------- one session

    def record(self, day: Day) -> None:
        n, session = self.nasty, day.session
        self.rate = 0.025 if self.hit(n.quiet) else 1.0
        no_context, no_pins = self.hit(n.no_context), self.hit(n.no_pins)
        chains_only, age_limit = self.hit(n.chains_only), self.hit(n.age_limit)
        for tick, pin in day.snapshots:
            at = tick.at
            if self.hit(n.context_on_bar):
                at = self.near_bar(at, session)
            if age_limit:
                if utc(tick.at).minute != 0:
                    continue
                at = tick.at // MINUTE * MINUTE - 35 * MINUTE + self.rng.choice((-1, 0, 0, 1))
                at = max(at, session.open)
            if not no_context and not self.hit(n.context_drop):
                self.context(at, tick.spot, tick.vix)
            if no_pins or self.hit(n.context_drop):
                if no_context:  # the price must come from somewhere
                    self.add("options_snapshots", at, tick.spot, tick.vix, session.date, "[]")
                continue
            self.snapshot(at, day, tick, pin)
            if not chains_only:
                self.peaks(at, day, tick, pin)
        self.record_quotes(day)
        if self.hit(n.close_price):
            last = day.ticks[-1]
            ages = (0, 45 * SECOND, 120 * SECOND, 120 * SECOND + 1, 125 * SECOND, 130 * SECOND)
            at = session.close - self.rng.choice(ages)
            if self.hit(0.5):
                self.add("market_context", at, last.spot, last.vix)
            else:
                self.add("options_snapshots", at, last.spot, last.vix, session.date, "[]")

    def record_quotes(self, day: Day) -> None:
        n, session, rng = self.nasty, day.session, self.rng
        doubts = random.Random(f"{self.index}/{session.date}/{day.seed}")
        length = session.close - session.open
        gaps: list[tuple[int, int]] = []
        moments = [(tick, tick.at) for tick in day.ticks]
        if self.hit(n.gaps):
            for _ in range(rng.randint(1, 3)):
                # the last quotes before a gap lie on a bar, so some bar sees them at the age limit
                start = self.near_bar(session.open + rng.randrange(length), session)
                gaps.append((start + 1, start + rng.randint(1, 40) * MINUTE))
                moments.append((day.tick_at(start), start))
        last_quote = session.close
        if self.hit(n.no_last_hour):
            last_quote -= rng.randint(31, 70) * MINUTE
        legs = list(day.legs)
        if legs and self.hit(n.missing_leg):
            legs.remove(rng.choice(legs))
        leg_gaps: dict[tuple[float, str], tuple[int, int]] = {}
        if legs and self.hit(n.leg_gap):
            start = session.open + rng.randrange(length)
            leg_gaps[rng.choice(legs)] = (start, start + rng.randint(5, 60) * MINUTE)
        parity = self.hit(0.5) or last_quote == session.close

        for tick, moment in moments:
            at = self.near_bar(moment, session) if self.hit(n.on_bar) else moment
            if any(a <= at < b for a, b in gaps):
                continue
            if parity and at > session.close - 6 * MINUTE:
                self.record_parity(day, at, tick)
            if at > last_quote:
                continue
            for strike, side in legs:
                a, b = leg_gaps.get((strike, side), (0, 0))
                if a <= at < b or self.hit(n.drop):
                    continue
                bid, ask = day.quote(tick, strike, side)
                if doubts.random() < n.torn * self.rate:
                    away = doubts.choice((-1, 1)) * doubts.choice((0.5, 2, 7, 20))
                    bid, ask = (max(round(price + away, 2), 0.0) for price in (bid, ask + 0.05))
                elif doubts.random() < n.lone_ask * self.rate:
                    lone = doubts.choice((0.4, 0.45, 0.5, 0.5, 0.51, 0.55, 0.65))
                    bid, ask = 0.0, round(lone * day.spec.scale, 2)
                self.quote(at, strike, side, bid, ask)
                if self.hit(n.duplicates * self.rate):
                    self.quote(at, strike, side, round(bid + 0.5, 2), round(ask + 0.55, 2))
                if self.hit(n.other_type):
                    other = "P" if side == "C" else "C"
                    if (strike, other) not in day.legs:
                        self.quote(at, strike, other, *day.quote(tick, strike, other))

    def record_parity(self, day: Day, at: int, tick: Tick) -> None:
        """Both types near the money, and a strike beyond 1 % whose quotes are nonsense."""
        for strike in day.around_close:
            for side in ("C", "P"):
                if (strike, side) not in day.legs and not self.hit(self.nasty.drop):
                    self.quote(at, strike, side, *day.quote(tick, strike, side))
        far = day.around_close[1] + 7 * day.spec.scale * 10 * (1 if day.seed % 2 else -1)
        if abs(far - tick.spot) > 0.01 * tick.spot + 5 and far not in {s for s, _ in day.legs}:
            self.quote(at, far, "C", 40.0, 41.0)
            self.quote(at, far, "P", 1.0, 1.1)

    def record_poison(self, day: Day) -> None:
        """Rows outside the session with values that no replay may use."""
        session, rng = day.session, self.rng
        moments = [session.open - 1, session.open - 30 * SECOND, session.open - 7 * MINUTE]
        moments += [session.close + 1, session.close + 30 * SECOND, session.close + 90 * MINUTE]
        moments += [session.close + 9 * 60 * MINUTE]
        if utc(session.open).weekday() == 4:
            moments += [session.open + DAY, session.open + 2 * DAY + 3 * 60 * MINUTE]
        inc = day.spec.increment
        for at in moments:
            if not self.hit(0.8):
                continue
            spot, pin = round(day.ticks[0].spot * 1.01, 2), day.snapshots[0][1] + 7 * inc
            vix = rng.choice((9.0, 17.0, 35.0))
            poisoned = Tick(at, spot, vix)
            self.add("market_context", at, spot, vix)
            chain = json.dumps(day.chain(poisoned, pin))
            self.add("options_snapshots", at, spot, vix, session.date, chain)
            self.add("gex_peaks", at, 1, pin, 9e9, 1.0, 0.1, 9e20)
            self.add("competing_peaks", at, 1, pin, pin + 5 * inc, pin + 2.5 * inc)
            for strike, side in day.legs:
                bid = rng.choice((0.0, 5.0, 90.0))
                self.quote(at, strike, side, bid, bid + 0.1)


def make(
    path: str | Path,
    seed: int,
    *,
    indexes: tuple[str, ...] = ("SPX",),
    start: str,
    end: str,
    nasty: Nasty | None = None,
    cadence_s: int = 31,
    kinds: tuple[str, ...] = (),
) -> dict[str, object]:
    """Write a blackbox of the sessions from start to end; returns what was written.

    `kinds` (market.KINDS) are taken in turn for the sessions; without them they are drawn.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(path)
    nasty = nasty or Nasty()
    rows: list[Row] = []
    story: dict[str, dict[str, str]] = {}
    for index in indexes:
        rng = random.Random(f"{seed}/{index}")
        spot = LEVELS[index] * rng.uniform(0.97, 1.03)
        story[index] = {}
        for i, session in enumerate(sessions(start, end)):
            day = make_day(
                rng,
                session,
                index,
                spot,
                kind=kinds[i % len(kinds)] if kinds else None,
                cadence_s=cadence_s if index == "SPX" else 2 * cadence_s,
                wide=rng.random() < nasty.wide,
                noisy=rng.random() < nasty.noisy,
            )
            day.seed = seed + i
            spot = day.ticks[-1].spot * rng.uniform(0.995, 1.005)
            recorder = Recorder(rng, index, nasty)
            story[index][session.date] = day.kind
            if recorder.hit(nasty.no_data):
                story[index][session.date] = "no data"
            else:
                recorder.record(day)
            if recorder.hit(nasty.poison):
                recorder.record_poison(day)
            rows += recorder.rows

    rng = random.Random(f"{seed}/file")
    if rng.random() < nasty.shuffle:
        rng.shuffle(rows)
    else:  # in order of time, twins in either order
        for row in rows:
            row.order = rng.random()
        rows.sort(key=lambda r: (r.at, r.table, r.order))
    counts = write(path, rows, rng, nasty.forms)
    return {"rows": counts, "sessions": story}


def write(path: Path, rows: list[Row], rng: random.Random, forms: float) -> dict[str, int]:
    db = sqlite3.connect(path)
    try:
        db.executescript(SCHEMA)
        counts = {}
        for table, columns in COLUMNS.items():
            names = ", ".join(("timestamp", "index_symbol", *columns))
            marks = ", ".join("?" * (2 + len(columns)))
            mine = [r for r in rows if r.table == table]
            values = [(stamp(rng, r.at, forms), r.index, *r.data) for r in mine]
            db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
            counts[table] = len(mine)
        db.commit()
    finally:
        db.close()
    return counts
