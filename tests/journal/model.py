"""An account of dicts and fractions, written from the rules and not from the code."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

WIDTH, MULTIPLIER, LEGS = 10, 100, 4


def cents(dollars: Fraction) -> Fraction:
    """Rounded half to even, as Python rounds a fraction."""
    return Fraction(round(dollars * 100), 100)


@dataclass
class Book:
    start: Fraction = Fraction(10_000)
    cash: Fraction = Fraction(10_000)
    realized: Fraction = Fraction(0)
    longs: dict[str, list[Fraction]] = field(default_factory=dict)  # quantity, cost, fees
    spreads: dict[str, tuple[Fraction, int, Fraction, Fraction]] = field(default_factory=dict)
    orders: int = 0

    def buy(self, symbol: str, qty: Fraction, price: Fraction, rate: Fraction) -> None:
        held = self.longs.setdefault(symbol, [Fraction(0)] * 3)
        self.longs[symbol] = [held[0] + qty, held[1] + qty * price, held[2] + rate * qty]
        self.cash -= qty * price + rate * qty
        self.orders += 1

    def sell(self, symbol: str, price: Fraction, rate: Fraction) -> None:
        qty, cost, fees = self.longs.pop(symbol)
        self.cash += qty * price - rate * qty
        self.realized += qty * price - cost - fees - rate * qty
        self.orders += 1

    def open(self, name: str, credit: Fraction, qty: int, rate: Fraction) -> None:
        fee = rate * qty * LEGS
        booked = cents(credit * MULTIPLIER * qty) - cents(fee)
        self.spreads[name] = (credit, qty, booked, fee)
        self.cash += booked
        self.orders += 1

    def close(self, name: str, value: Fraction, rate: Fraction) -> Fraction:
        credit, qty, booked, fee = self.spreads.pop(name)
        pnl = cents((credit - value) * MULTIPLIER * qty - fee - rate * qty * LEGS)
        self.cash += pnl - booked
        self.realized += pnl
        self.orders += 1
        return pnl

    def void(self, name: str) -> None:
        self.cash -= self.spreads.pop(name)[2]
        self.orders += 1


@dataclass
class Model:
    """What a workspace should be, and what it should answer."""

    book: Book = field(default_factory=Book)
    hidden: Book | None = None
    halts: set[str] = field(default_factory=set)
    everywhere: set[str] = field(default_factory=set)
    paused: bool = False
    done: set[str] = field(default_factory=set)
    opened: bool = False

    def refusal(self, name: str, opening: bool) -> str:
        """The code an intent is refused with before its order is looked at; empty: none."""
        if name in self.done:
            return "ALREADY_EXECUTED"
        if self.paused:
            return "STRATEGY_PAUSED"
        halts = self.halts | self.everywhere
        if "all" in halts or (opening and "entries" in halts):
            return "POLICY_REJECTED"
        return ""

    def filled(self, name: str) -> Book:
        """The book a fill goes to; the first one after a reset begins a new one."""
        self.hidden = None
        self.done.add(name)
        return self.book

    def reset(self) -> None:
        if self.opened:
            self.hidden = self.hidden or self.book
            self.book = Book()

    def reconcile(self) -> None:
        self.book, self.hidden = self.hidden or self.book, None
