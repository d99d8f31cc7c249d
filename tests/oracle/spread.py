"""Spreads and trades in exact arithmetic: legs, marks, values, fills, the record of section 7."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from .clock import MINUTE, SECOND, eastern, iso
from .figures import cents
from .rules import Setup
from .tape import NEGLIGIBLE, Quote, SessionTape

STRATEGY_LEGS = {
    "IC": (
        ("call short", 1, "C"),
        ("call long", -1, "C"),
        ("put short", 1, "P"),
        ("put long", -1, "P"),
    ),
    "CALL": (("call short", 1, "C"), ("call long", -1, "C")),
    "PUT": (("put short", 1, "P"), ("put long", -1, "P")),
}


def exact(x: object) -> Fraction:
    """The decimal number that was written, not its binary neighbour: 0.1 is one tenth."""
    return x if isinstance(x, Fraction) else Fraction(repr(x) if isinstance(x, float) else str(x))


@dataclass(frozen=True)
class Leg:
    name: str
    sign: int  # +1 short, -1 long
    side: str  # C or P
    strike: float


@dataclass(frozen=True)
class Marks:
    """All legs of a spread at one instant."""

    net_mid: Fraction  # sum of short mids - sum of long mids
    half_spreads: Fraction  # sum of (ask - bid) / 2 over all legs

    def value(self, width: Fraction) -> Fraction:
        return clamp(self.net_mid, width)

    def entry_credit(self, slippage: Fraction) -> Fraction:
        return self.net_mid - slippage * self.half_spreads

    def exit_cost(self, slippage: Fraction) -> Fraction:
        return self.net_mid + slippage * self.half_spreads


def clamp(x: Fraction, width: Fraction) -> Fraction:
    return min(max(x, Fraction(0)), width)


def legs_of(setup: Setup) -> list[Leg]:
    shape = STRATEGY_LEGS[setup.strategy]
    return [
        Leg(name, sign, side, strike)
        for (name, sign, side), strike in zip(shape, setup.strikes, strict=True)
    ]


def widths_of(setup: Setup) -> list[Fraction]:
    s = [exact(x) for x in setup.strikes]
    return [abs(s[i] - s[i + 1]) for i in range(0, len(s), 2)]


@dataclass(frozen=True)
class Unpriced:
    """Why a spread has no price at an instant."""

    kind: str  # no_quote, leg_ages_apart, contradictory
    reason: str


@dataclass(frozen=True)
class Doubts:
    """Section 2 on the legs of a spread together; None and False switch a rule off."""

    max_leg_age_gap_s: object = None
    contradictions: bool = True


def marks_of(
    tape: SessionTape, at: int, legs: list[Leg], doubts: Doubts | None = None
) -> Marks | Unpriced:
    """The marks of all legs, or why there are none."""
    doubts = doubts or Doubts()
    quotes = []
    for leg in legs:
        quote = tape.quote(at, leg.strike, leg.side)
        if quote is None:
            return Unpriced("no_quote", f"no quote: {leg.name}")
        quotes.append(quote)
    stamps = sorted(quote.at for quote in quotes)
    limit = doubts.max_leg_age_gap_s
    if limit is not None and stamps[-1] - stamps[0] > exact(limit) * SECOND:
        return Unpriced("leg_ages_apart", "leg ages apart")
    if doubts.contradictions:
        for first in range(0, len(legs), 2):
            if impossible(legs[first : first + 2], quotes[first : first + 2]):
                return Unpriced("contradictory", "contradictory quotes")
    net, halves = Fraction(0), Fraction(0)
    for leg, quote in zip(legs, quotes, strict=True):
        bid, ask = exact(quote.bid), exact(quote.ask)
        net += leg.sign * (bid + ask) / 2
        halves += (ask - bid) / 2
    return Marks(net, halves)


def impossible(pair: list[Leg], quotes: list[Quote]) -> bool:
    """Whether the least that a vertical's quotes allow is above its width, or the most below 0."""
    (sold, bought), (s, b) = pair, quotes
    assert (sold.sign, bought.sign) == (1, -1)
    width = abs(exact(sold.strike) - exact(bought.strike))
    least, most = exact(s.bid) - exact(b.ask), exact(s.ask) - exact(b.bid)
    return most + NEGLIGIBLE < 0 or least - NEGLIGIBLE > width


def intrinsic(legs: list[Leg], price: Fraction, width: Fraction) -> Fraction:
    total = Fraction(0)
    for leg in legs:
        money = price - exact(leg.strike) if leg.side == "C" else exact(leg.strike) - price
        total += leg.sign * max(money, Fraction(0))
    return clamp(total, width)


@dataclass
class Trade:
    session: str
    setup: Setup
    legs: list[Leg]
    width: Fraction
    pin: float
    spot: float
    vix: float
    entry: int
    credit: Fraction
    quantity: int
    multiplier: int
    entry_commission: Fraction
    values: list[Fraction]  # marks from the entry bar on
    exit: int | None = None
    exit_value: Fraction | None = None
    exit_reason: str = ""
    pnl: Fraction | None = None
    commission: Fraction = Fraction(0)
    settled_on: str | None = None
    settlement_price: Fraction | None = None
    flags: list[str] = field(default_factory=list)
    unpriced: dict[str, int] = field(default_factory=dict)

    def dollars(self, points: Fraction) -> Fraction:
        return points * self.multiplier * self.quantity

    def reserve(self) -> Fraction:
        return self.dollars(self.width - self.credit) + self.entry_commission

    def marked(self) -> Fraction:
        """Open profit at the last known value, the entry commission already paid."""
        return self.dollars(self.credit - self.values[-1]) - self.entry_commission

    def close(self, at: int, exit_value: Fraction, reason: str, commission: Fraction) -> None:
        self.exit, self.exit_value, self.exit_reason = at, exit_value, reason
        self.commission = self.entry_commission + commission
        self.pnl = self.dollars(self.credit - exit_value) - self.commission

    def record(self, index: str) -> dict[str, object]:
        profits = [self.dollars(self.credit - v) for v in self.values]
        strikes = [float(s) for s in self.setup.strikes]
        local = eastern(self.entry)
        alive = (
            None if self.exit is None else round(float(Fraction(self.exit - self.entry, MINUTE)), 1)
        )
        value, pnl = self.exit_value, self.pnl
        return {
            "order_id": "-".join(
                [index, self.session, local.strftime("%H%M%S"), *(f"{s:g}" for s in strikes)]
            ),
            "session": self.session,
            "entry_time": local.strftime("%H:%M"),
            "timestamp_entry": iso(self.entry),
            "timestamp_exit": None if self.exit is None else iso(self.exit),
            "strategy": self.setup.strategy,
            "direction": self.setup.direction,
            "confidence": self.setup.confidence,
            "strikes": strikes,
            "entry_credit": float(self.credit),
            "exit_value": None if value is None else float(value),
            "quantity": self.quantity,
            "index_symbol": index,
            "expiration": self.session,
            "pnl_dollars": None if pnl is None else cents(pnl),
            "pnl_exact": None if pnl is None else float(pnl),
            "pnl_percent": (
                None
                if value is None
                else float(round(100 * (self.credit - value) / self.credit, 2))
            ),
            "exit_reason": self.exit_reason,
            "time_alive_minutes": alive,
            "pin": self.pin,
            "spot_entry": self.spot,
            "vix_entry": self.vix,
            "distance": self.setup.distance,
            "width": float(self.width),
            "commission_dollars": cents(self.commission),
            "mae_dollars": cents(min(profits)),
            "mfe_dollars": cents(max(profits)),
            "max_loss_dollars": cents(self.dollars(self.width - self.credit)),
            "flags": list(self.flags),
            "unpriced_bars": sum(self.unpriced.values()),
            "unpriced_by_kind": {
                kind: self.unpriced.get(kind, 0)
                for kind in ("no_quote", "leg_ages_apart", "contradictory")
            },
            "settled_on": self.settled_on,
            "settlement_price": (
                None if self.settlement_price is None else float(self.settlement_price)
            ),
        }
