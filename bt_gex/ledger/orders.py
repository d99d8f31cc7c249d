"""From an approved intent to an order that fills: its price, quantity, position and funds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bt_gex.ledger.amounts import add, cents, multiply
from bt_gex.ledger.book import Book, SpreadPosition, entry_cash, margin_after
from bt_gex.ledger.commands import Execute, NoPrice, Price
from bt_gex.ledger.events import Fill, LegFill, LongFilled, OrderRejected, Side, SpreadFilled
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import SpreadContract
from bt_gex.trades.intent import Intent, IntentAction

SUPPORTED = frozenset(
    {
        IntentAction.OPEN_LONG,
        IntentAction.CLOSE_LONG,
        IntentAction.OPEN_SPREAD,
        IntentAction.CLOSE_SPREAD,
    }
)
SPREADS = frozenset({IntentAction.OPEN_SPREAD, IntentAction.CLOSE_SPREAD})
ROUNDING = Decimal("-0.005")  # dollars that rounding to cents may take from a spread's margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that fills whole. contract: None for longs; position_id: the spread to close."""

    side: Side
    symbol: str
    quantity: Decimal
    price: Decimal
    fees: Decimal
    legs: tuple[LegFill, ...] = ()
    contract: SpreadContract | None = None
    position_id: str | None = None

    @property
    def leg_names(self) -> tuple[str, ...]:
        return tuple(leg.label for leg in self.contract.spread.legs) if self.contract else ()

    def fill(self, order_id: str, intent_id: UUID, now: datetime, mode: str) -> Fill:
        """The fill of the whole order; an opened spread's position is named after its order."""
        if self.contract is None:
            return LongFilled(
                order_id=order_id,
                intent_id=intent_id,
                symbol=self.symbol,
                side=self.side,
                qty=self.quantity,
                fill_price=self.price,
                fees=self.fees,
                ts=now,
                mode=mode,
            )
        price = float(self.price)
        return SpreadFilled(
            order_id=order_id,
            intent_id=intent_id,
            position_id=self.position_id or order_id,
            contract=self.contract,
            side=self.side,
            qty=int(self.quantity),
            net=price if self.side == "sell" else 0.0 - price,
            fees=float(self.fees),
            ts=now,
            mode=mode,
            legs=self.legs,
        )


def order_of(
    book: Book, command: Execute, modified_quantity: Decimal | None, now: datetime
) -> Order | OrderRejected:
    """The order of an approved intent, or why there is none."""
    price = command.price
    if isinstance(price, NoPrice):
        return _rejected(price.code, price.why)
    intent = command.intent
    quantity = intent.quantity if modified_quantity is None else modified_quantity
    if intent.action in SPREADS:
        return _spread_order(book, command, price, quantity, now)
    if price.price <= 0:
        return _rejected("INVALID_FILL_PRICE", f"Invalid fill price {price.price}")
    if intent.action is IntentAction.CLOSE_LONG:
        wanted = _closing(quantity, book.held(intent.symbol), intent.symbol)
    else:
        wanted = quantity if quantity else _invalid_quantity(quantity)
    if isinstance(wanted, OrderRejected):
        return wanted
    if wanted < 0:
        return _invalid_quantity(wanted)
    fees = multiply(command.fee_rate, wanted)
    side: Side = "sell" if intent.action is IntentAction.CLOSE_LONG else "buy"
    if command.require_cash and side == "buy":
        cost = add(multiply(wanted, price.price), fees)
        if cost > book.buying_power:
            return _no_funds(cost, book)
    return Order(side=side, symbol=intent.symbol, quantity=wanted, price=price.price, fees=fees)


def _spread_order(
    book: Book, command: Execute, price: Price, quantity: Decimal | None, now: datetime
) -> Order | OrderRejected:
    intent = command.intent
    closing = intent.action is IntentAction.CLOSE_SPREAD
    position = book.spreads.get(intent.position_id or "") if closing else None
    contract = position.contract if position else intent.contract
    if closing and position is None:
        return _rejected("NO_POSITION", f"No position to close: spread {intent.position_id}")
    if contract is None:
        return _rejected("INVALID_SPREAD", "The intent names no spread to open")
    fault = _price_fault(contract, price.price, closing)
    if fault:
        return _rejected("INVALID_FILL_PRICE", fault)
    wanted = _contracts(intent, quantity, position)
    if isinstance(wanted, OrderRejected):
        return wanted
    today = now.astimezone(NEW_YORK).date()
    if contract.expiration < today:
        return _rejected("EXPIRED", f"{contract.label} expired before {today}; settle it")
    fees = multiply(command.fee_rate, wanted * len(contract.spread.legs))
    if command.require_cash and not closing:
        count = int(wanted)
        entry = cents(entry_cash(contract, count, float(price.price), float(fees)))
        left = margin_after(book, contract, count, entry)
        if left < ROUNDING:
            return _no_funds(book.buying_power - left, book)
    return Order(
        side="buy" if closing else "sell",
        symbol=contract.label,
        quantity=wanted,
        price=price.price,
        fees=fees,
        legs=price.legs,
        contract=contract,
        position_id=intent.position_id if closing else None,
    )


def _price_fault(contract: SpreadContract, price: Decimal, closing: bool) -> str | None:
    width = Decimal(repr(contract.spread.width))
    if closing:
        return None if 0 <= price <= width else f"Invalid fill price {price}; allowed: 0 to {width}"
    if 0 < price < width:
        return None
    return f"Invalid fill price {price}; a credit is above 0 and below the width {width}"


def _contracts(
    intent: Intent, quantity: Decimal | None, position: SpreadPosition | None
) -> Decimal | OrderRejected:
    if position is not None:
        return _closing(quantity, Decimal(position.quantity), position.contract.label)
    if quantity is None or quantity < 1 or quantity != int(quantity):
        return _invalid_quantity(quantity)
    return quantity


def _closing(quantity: Decimal | None, held: Decimal, name: str) -> Decimal | OrderRejected:
    """All that is held; asking for another quantity is refused."""
    if quantity is not None and quantity <= 0:
        return _invalid_quantity(quantity)
    if not held:
        return _rejected("NO_POSITION", f"No position to close: {name}")
    if quantity is not None and quantity != held:
        error = f"Partial close not supported: {quantity} asked, {held} held of {name}"
        return _rejected("PARTIAL_CLOSE_NOT_SUPPORTED", error)
    return held


def _invalid_quantity(quantity: Decimal | None) -> OrderRejected:
    return _rejected("INVALID_QUANTITY", f"Invalid quantity {quantity}")


def _no_funds(needed: Decimal, book: Book) -> OrderRejected:
    return _rejected("no_funds", f"{needed:.2f} dollars needed, {book.buying_power:.2f} free")


def _rejected(code: str, error: str) -> OrderRejected:
    return OrderRejected(error_code=code, error=error)
