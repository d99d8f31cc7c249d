"""The money of one account: cash, positions, realised P&L, and what each fill does to them.

A book is a value: `booked(book, fill)` returns the next one. It asks for no policy, price or clock;
whoever has decided a fill books it here, a replay as well as a journaled account.

Long positions are exact in Decimal. A spread is booked in whole cents: its entry brings
to_cents(credit) − to_cents(commission), its exit to_cents(gross − all commissions) minus that.
Units of bar strategies, long or short and closed in parts, are exact in Decimal (`ledger.units`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from bt_gex.errors import LedgerError
from bt_gex.ledger.amounts import ZERO, add, amount, cents, divide, multiply, subtract
from bt_gex.ledger.events import Fill, LongFilled, SpreadFilled
from bt_gex.ledger.units import UnitPosition, UnitsFilled, units_after
from bt_gex.market.contracts import SpreadContract
from bt_gex.market.money import units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPosition:
    """Units of one symbol; once closed it stays with quantity 0 until it is opened again.

    cost  dollars paid for what is held, fees excluded; fees: dollars paid since it was opened
    """

    symbol: str
    quantity: Decimal
    cost: Decimal
    fees: Decimal
    realized_pnl: Decimal
    opened_at: datetime
    last_updated_at: datetime
    order_ids: tuple[str, ...]
    intent_ids: tuple[UUID, ...]

    @property
    def avg_price(self) -> Decimal:
        """Dollars a unit; derived, so it may be rounded where the cost is not."""
        return divide(self.cost, self.quantity) if self.quantity else ZERO

    @property
    def side(self) -> str | None:
        return "long" if self.quantity else None


@dataclass(frozen=True, slots=True)
class SpreadPosition:
    """An open spread with all its legs: the fill that opened it, and what that did to the cash."""

    entry: SpreadFilled
    booked: Decimal

    @property
    def position_id(self) -> str:
        return self.entry.position_id

    @property
    def contract(self) -> SpreadContract:
        return self.entry.contract

    @property
    def quantity(self) -> int:
        return self.entry.qty

    @property
    def credit(self) -> float:
        """Points received a unit, not rounded."""
        return self.entry.net

    @property
    def reserved(self) -> Decimal:
        """Dollars of its width."""
        return width_dollars(self.contract, self.quantity)


@dataclass(frozen=True, slots=True)
class Book:
    """Dollars; `spreads` by position id and `units` by symbol, only the open ones; `longs` by
    symbol."""

    starting_equity: Decimal
    cash: Decimal
    realized_pnl: Decimal
    peak_equity: Decimal
    longs: Mapping[str, LongPosition]
    spreads: Mapping[str, SpreadPosition]
    orders_count: int
    trades_count: int
    units: Mapping[str, UnitPosition] = field(default_factory=dict)

    @property
    def equity(self) -> Decimal:
        """Realised equity: without marks, an open position counts at what it cost."""
        return add(self.starting_equity, self.realized_pnl)

    @property
    def reserved(self) -> Decimal:
        """Margin of the open spreads: Σ width · multiplier · quantity."""
        total = ZERO
        for spread in self.spreads.values():
            total = add(total, spread.reserved)
        return total

    @property
    def buying_power(self) -> Decimal:
        return subtract(self.cash, self.reserved) if self.spreads else self.cash

    def marked(self, prices: Mapping[str, Decimal], values: Mapping[str, Decimal]) -> Decimal:
        """Equity at marks: cash, what the units are worth, less what the spreads cost to close.

        prices  dollars a unit, of every symbol held; values: points, of every open spread by
        position id. Raises LedgerError for one without a mark.
        """
        total = self.cash
        for symbol, position in self.longs.items():
            if position.quantity:
                total = add(total, multiply(position.quantity, _mark(prices, symbol)))
        for name, spread in self.spreads.items():
            units = Decimal(spread.contract.multiplier * spread.quantity)
            total = subtract(total, multiply(_mark(values, name), units))
        for symbol, held in self.units.items():
            total = add(total, held.value_at(_mark(prices, symbol)))
        return total

    def held(self, symbol: str) -> Decimal:
        """Units held of a symbol."""
        position = self.longs.get(symbol)
        return position.quantity if position else ZERO


class SpreadExit(NamedTuple):
    """What closing a spread does: pnl in dollars (None: void), cash in dollars, signed."""

    pnl: Decimal | None
    cash: Decimal


def _mark(marks: Mapping[str, Decimal], name: str) -> Decimal:
    if name not in marks:
        raise LedgerError(f"no mark for {name}; give one for every open position")
    return marks[name]


def fresh_book(starting_equity: Decimal | float | str) -> Book:
    """A new account."""
    equity = amount(starting_equity, "starting equity")
    return Book(equity, equity, ZERO, equity, {}, {}, 0, 0)


def width_dollars(contract: SpreadContract, quantity: int) -> Decimal:
    """Dollars a spread reserves: width · multiplier · quantity."""
    width = Decimal(repr(contract.spread.width))
    return multiply(width, Decimal(contract.multiplier * quantity))


def entry_cash(contract: SpreadContract, quantity: int, credit: float, commission: float) -> int:
    """Cents the entry of a spread does to the cash; credit in points, commission in dollars."""
    return units_of(credit * contract.multiplier * quantity, 2) - units_of(commission, 2)


def margin_after(book: Book, contract: SpreadContract, quantity: int, booked: Decimal) -> Decimal:
    """Buying power left after opening a spread whose entry brings `booked` dollars."""
    return subtract(add(book.buying_power, booked), width_dollars(contract, quantity))


def spread_exit(position: SpreadPosition, fill: SpreadFilled) -> SpreadExit:
    """What a closing fill of a spread does to the account."""
    if fill.kind == "void":
        return SpreadExit(None, -position.booked)
    entry = position.entry
    gross = (entry.net + fill.net) * entry.contract.multiplier * entry.qty
    pnl = cents(units_of(gross - (entry.fees + fill.fees), 2))
    return SpreadExit(pnl, pnl - position.booked)


def booked(book: Book, fill: Fill | UnitsFilled) -> Book:
    """The book after a fill. Raises LedgerError, and books nothing, when the fill cannot be."""
    if isinstance(fill, UnitsFilled):
        return _trade_units(book, fill)
    if isinstance(fill, SpreadFilled):
        _check_spread(fill)
        if fill.side == "sell":
            return _open_spread(book, fill)
        return _close_spread(book, fill)
    _check_long(fill)
    return _buy(book, fill) if fill.side == "buy" else _sell(book, fill)


def _check_long(fill: LongFilled) -> None:
    numbers = (fill.qty, fill.fill_price, fill.fees)
    if not all(n.is_finite() for n in numbers) or fill.qty <= 0 or fill.fill_price <= 0:
        raise LedgerError(
            f"Invalid payload: order {fill.order_id} fills {fill.qty} at {fill.fill_price} "
            f"with fees {fill.fees}; quantity and price must be above 0"
        )


def _check_spread(fill: SpreadFilled) -> None:
    if not (math.isfinite(fill.net) and math.isfinite(fill.fees)) or fill.qty < 1:
        raise LedgerError(
            f"Invalid payload: order {fill.order_id} fills {fill.qty} spreads at {fill.net} "
            f"points with fees {fill.fees}; quantity must be above 0, prices finite"
        )
    if fill.kind != "trade" and (fill.side == "sell" or fill.fees):
        raise LedgerError(f"Invalid payload: a {fill.kind} only closes, and pays no commission")


def _open_spread(book: Book, fill: SpreadFilled) -> Book:
    if fill.position_id in book.spreads:
        raise LedgerError(f"position {fill.position_id} is open already; a spread is not scaled")
    money = cents(entry_cash(fill.contract, fill.qty, fill.net, fill.fees))
    return Book(
        book.starting_equity, add(book.cash, money), book.realized_pnl, book.peak_equity,
        book.longs, {**book.spreads, fill.position_id: SpreadPosition(fill, money)},
        book.orders_count + 1, book.trades_count, book.units,
    )  # fmt: skip


def _close_spread(book: Book, fill: SpreadFilled) -> Book:
    position = book.spreads.get(fill.position_id)
    if position is None:
        raise LedgerError(f"order {fill.order_id}: no position {fill.position_id} to close")
    entry, contract = position.entry, fill.contract
    if entry.qty != fill.qty or (entry.contract is not contract and entry.contract != contract):
        raise LedgerError(
            f"order {fill.order_id} closes {fill.qty} of {fill.contract.label}, position "
            f"{fill.position_id} is {position.quantity} of {position.contract.label}; "
            "a spread closes whole"
        )
    left = dict(book.spreads)
    del left[fill.position_id]
    exit_ = spread_exit(position, fill)
    realized = book.realized_pnl if exit_.pnl is None else add(book.realized_pnl, exit_.pnl)
    return Book(
        book.starting_equity, add(book.cash, exit_.cash), realized,
        max(book.peak_equity, add(book.starting_equity, realized)),
        book.longs, left, book.orders_count + 1, book.trades_count + (exit_.pnl is not None),
        book.units,
    )  # fmt: skip


def _buy(book: Book, fill: LongFilled) -> Book:
    paid = multiply(fill.qty, fill.fill_price)
    held = book.longs.get(fill.symbol)
    intents = (fill.intent_id,) if fill.intent_id else ()
    if held is None or not held.quantity:
        position = LongPosition(
            symbol=fill.symbol,
            quantity=fill.qty,
            cost=paid,
            fees=fill.fees,
            realized_pnl=ZERO,
            opened_at=fill.ts,
            last_updated_at=fill.ts,
            order_ids=(fill.order_id,),
            intent_ids=intents,
        )
    else:
        position = LongPosition(
            symbol=fill.symbol,
            quantity=add(held.quantity, fill.qty),
            cost=add(held.cost, paid),
            fees=add(held.fees, fill.fees),
            realized_pnl=held.realized_pnl,
            opened_at=held.opened_at,
            last_updated_at=fill.ts,
            order_ids=(*held.order_ids, fill.order_id),
            intent_ids=(*held.intent_ids, *intents),
        )
    return Book(
        book.starting_equity, subtract(book.cash, add(paid, fill.fees)), book.realized_pnl,
        book.peak_equity, {**book.longs, fill.symbol: position}, book.spreads,
        book.orders_count + 1, book.trades_count, book.units,
    )  # fmt: skip


def _sell(book: Book, fill: LongFilled) -> Book:
    held = book.longs.get(fill.symbol)
    if held is None or not held.quantity:
        raise LedgerError(f"order {fill.order_id}: SELL of {fill.symbol}, but no position is open")
    if fill.qty != held.quantity:
        raise LedgerError(
            f"order {fill.order_id}: SELL qty {fill.qty} of {fill.symbol} differs from the "
            f"{held.quantity} held; a position closes whole"
        )
    received = multiply(fill.qty, fill.fill_price)
    fees = add(held.fees, fill.fees)
    pnl = subtract(subtract(received, held.cost), fees)
    position = LongPosition(
        symbol=fill.symbol,
        quantity=ZERO,
        cost=ZERO,
        fees=fees,
        realized_pnl=pnl,
        opened_at=held.opened_at,
        last_updated_at=fill.ts,
        order_ids=(*held.order_ids, fill.order_id),
        intent_ids=(*held.intent_ids, fill.intent_id) if fill.intent_id else held.intent_ids,
    )
    realized = add(book.realized_pnl, pnl)
    return Book(
        book.starting_equity, add(book.cash, subtract(received, fill.fees)), realized,
        max(book.peak_equity, add(book.starting_equity, realized)),
        {**book.longs, fill.symbol: position}, book.spreads,
        book.orders_count + 1, book.trades_count + 1, book.units,
    )  # fmt: skip


def _trade_units(book: Book, fill: UnitsFilled) -> Book:
    after = units_after(book.units.get(fill.symbol), fill)
    others = {symbol: held for symbol, held in book.units.items() if symbol != fill.symbol}
    realized = add(book.realized_pnl, after.realized)
    return Book(
        book.starting_equity, add(book.cash, after.cash), realized,
        max(book.peak_equity, add(book.starting_equity, realized)),
        book.longs, book.spreads, book.orders_count + 1,
        book.trades_count + (after.position is None),
        others if after.position is None else {**others, fill.symbol: after.position},
    )  # fmt: skip
