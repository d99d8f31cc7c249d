"""A plausible moving 0DTE market for the generator: spot, VIX, pin and option quotes by session."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from .clock import CHECK_TIMES, MINUTE, SECOND, Session
from .rules import INDEXES, IndexSpec, to_grid, trade_setup

LEVELS = {"SPX": 6000.0, "NDX": 21500.0}

# what a session does -> (volatility of spot relative to VIX, weight)
KINDS: dict[str, tuple[float, float]] = {
    "calm": (0.15, 3),  # decays: profit targets
    "sticky": (0.03, 4),  # neither moves nor decays: end of day, settlements
    "normal": (0.6, 2),
    "grind": (0.2, 2),  # drifts away from the pin: stop losses
    "shock": (0.25, 2),  # jumps: emergency stops
}


@dataclass
class Tick:
    at: int
    spot: float
    vix: float


@dataclass
class Day:
    """One session of one index, before anything nasty happens to it."""

    session: Session
    spec: IndexSpec
    kind: str
    ticks: list[Tick]
    snapshots: list[tuple[Tick, float]]  # (tick, pin) at the recorder's check times +- 1 minute
    legs: list[tuple[float, str]]  # the (strike, C|P) that are quoted all day
    around_close: list[float]  # strikes quoted in both types near the close
    wide: bool = False
    noisy: bool = False
    seed: int = 0
    _noise: random.Random = field(default_factory=random.Random)

    def tick_at(self, at: int) -> Tick:
        best = self.ticks[0]
        for tick in self.ticks:
            if tick.at > at:
                break
            best = tick
        return best

    def fair(self, tick: Tick, strike: float, side: str) -> float:
        """Bachelier, with the volatility of the VIX and the time left (a sticky day loses none)."""
        left = max(self.session.close - tick.at, 0) / (self.session.close - self.session.open)
        if self.kind == "sticky":
            left = 0.25 + 0.02 * left
        sigma = max(tick.spot * tick.vix / 100 / 16 * math.sqrt(left), 0.05)
        d = (tick.spot - strike) / sigma
        cdf = 0.5 * (1 + math.erf(d / math.sqrt(2)))
        pdf = math.exp(-d * d / 2) / math.sqrt(2 * math.pi)
        call = (tick.spot - strike) * cdf + sigma * pdf
        return call if side == "C" else call - (tick.spot - strike)

    def quote(self, tick: Tick, strike: float, side: str) -> tuple[float, float]:
        """(bid, ask) on a 0.05 grid."""
        fair = max(self.fair(tick, strike, side), 0.0)
        if self.noisy:
            fair = max(fair + self._noise.uniform(-0.4, 0.4), 0.0)
        gap = self._noise.choice((1, 1, 1, 2)) if not self.wide else self._noise.randint(4, 30)
        bid = max(math.floor(fair / 0.05 - gap / 2 + 0.5), 0)
        return round(bid * 0.05, 2), round((bid + gap) * 0.05, 2)

    def chain(self, tick: Tick, pin: float) -> list[dict[str, object]]:
        """A chain whose best positive strike is usually the pin."""
        inc = self.spec.increment
        rows: list[dict[str, object]] = []
        centre = to_grid(tick.spot, inc)
        strikes = {centre + i * inc for i in range(-6, 7)} | {pin, pin + 2 * inc, pin - 3 * inc}
        for strike in sorted(strikes):
            gamma = math.exp(-(((tick.spot - strike) / (tick.spot * 0.004)) ** 2) / 2) * 0.01 + 1e-5
            for side in ("C", "P"):
                interest = self._noise.randint(50, 3000)
                if strike == pin and side == "C":
                    interest = 5_000_000
                bid, ask = self.quote(tick, strike, side)
                rows.append(
                    {
                        "strike": strike,
                        "option_type": self._noise.choice(
                            ("call", "CALL", "C") if side == "C" else ("put", "PUT", "P")
                        ),
                        "bid": bid,
                        "ask": ask,
                        "last": None,
                        "open_interest": self._noise.choice((interest, interest, interest, 0))
                        if strike != pin
                        else interest,
                        "volume": 1,
                        "greeks": {
                            "delta": 0.5,
                            "gamma": self._noise.choice((gamma, gamma, gamma, 0.0, None))
                            if strike != pin
                            else gamma,
                            "theta": 0.0,
                            "vega": 0.0,
                        },
                    }
                )
        return rows


def _offset(rng: random.Random) -> float:
    """How far the pin lies from spot, in SPX points."""
    low, high = rng.choices(((0, 5), (8, 14), (17, 45), (52, 60)), (9, 5, 5, 1))[0]
    return rng.uniform(low, high) * rng.choice((-1, 1))


def _path(
    rng: random.Random, session: Session, kind: str, spot: float, vix: float, step: int
) -> list[Tick]:
    volatility, _ = KINDS[kind]
    length = session.close - session.open
    a_step = spot * vix / 100 / 16 * volatility * math.sqrt(step / length)
    drift = 0.0
    if kind == "grind":
        drift = rng.choice((-1, 1)) * spot * rng.uniform(0.002, 0.006) * step / length
    jumps = (
        {rng.uniform(0.05, 0.95) for _ in range(rng.randint(2, 4))} if kind == "shock" else set()
    )
    ticks = []
    at = session.open + rng.randrange(step)
    while at <= session.close:
        done = (at - session.open) / length
        spot += rng.gauss(0, a_step) + drift
        for when in sorted(jumps):
            if when <= done:
                spot += rng.choice((-1, 1)) * spot * rng.uniform(0.0015, 0.004)
                jumps.discard(when)
                break
        vix = max(vix + rng.gauss(0, 0.01), 8.0)
        ticks.append(Tick(at, round(spot, 2), round(vix, 2)))
        # whole seconds, about one step apart
        at += step + rng.choice((-1, 0, 0, 1)) * SECOND
    return ticks


def make_day(
    rng: random.Random,
    session: Session,
    index: str,
    spot: float,
    *,
    kind: str | None = None,
    cadence_s: int = 31,
    wide: bool = False,
    noisy: bool = False,
) -> Day:
    spec = INDEXES[index]
    k, inc = spec.scale, spec.increment
    kind = kind or rng.choices(list(KINDS), [weight for _, weight in KINDS.values()])[0]
    vix = rng.choices((rng.uniform(9, 15), rng.uniform(15, 20), rng.uniform(20, 30)), (6, 6, 1))[0]
    ticks = _path(rng, session, kind, spot, vix, cadence_s * SECOND)
    day = Day(session, spec, kind, ticks, [], [], [], wide, noisy)
    day._noise = random.Random(rng.random())

    offset = _offset(rng)
    pin = to_grid(spot + offset * k, inc)
    legs: set[tuple[float, str]] = set()
    for check in CHECK_TIMES:
        at = session.at(check)
        if rng.random() < 0.3:
            pin = to_grid(day.tick_at(at).spot + _offset(rng) * k, inc)
        for minute in (-1, 0, 1):
            row_at = at + minute * MINUTE + rng.choice((0, 5, 12, 25, 40)) * SECOND
            if not session.open <= row_at <= session.close:
                continue
            seen = day.tick_at(row_at)
            day.snapshots.append((Tick(row_at, seen.spot, seen.vix), pin))
            setup = trade_setup(pin, seen.spot, min(seen.vix, 19.9), 20.0, spec)
            sides = {"IC": "CCPP", "CALL": "CC", "PUT": "PP", "SKIP": ""}[setup.strategy]
            legs.update(zip(setup.strikes, sides, strict=True))
    crowd = sorted(legs)
    if len(crowd) > 26:  # a very nervous session: the legs left out are missing legs
        crowd = sorted(rng.sample(crowd, 26))
    day.legs = crowd
    centre = to_grid(ticks[-1].spot, inc)
    day.around_close = [centre - inc, centre, centre + inc]
    return day
