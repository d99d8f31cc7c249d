"""What comes from outside: intents as JSON writes them, and the price they are to fill at.

Keys that do not exist are refused, as are numbers that are none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bt_gex.errors import BadValue, DataError
from bt_gex.ledger.orders import SPREADS
from bt_gex.market.contracts import SpreadContract, Strategy, make_spread
from bt_gex.storage.reading import refuse_constant
from bt_gex.trades.intent import Intent, IntentAction, Json

Number = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=45, decimal_places=30)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IntentLeg(Strict):
    """One leg of a spread. symbol: option root, SPXW; side: as it is opened."""

    symbol: Text
    right: Literal["C", "P"]
    strike: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    expiration: date
    side: Literal["sell", "buy"]
    ratio: Literal[1] = 1


class TradeIntent(Strict):
    """An intent; see trades.intent.Intent for what its fields mean.

    legs        of the spread to open: one sold and one bought a side, two or four
    multiplier  dollars a point of the spread
    created_at  without a zone: UTC
    """

    id: UUID = Field(default_factory=uuid4)
    correlation_id: Text
    workspace_id: UUID
    action: IntentAction
    strategy_entity_id: UUID
    symbol: Text
    timeframe: Text
    quantity: NotNegative | None = None
    price: Number | None = None
    stop_loss: Number | None = None
    take_profit: Number | None = None
    signal_strength: Share | None = None
    regime_snapshot: dict[str, Json] | None = None
    reason: str | None = None
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    metadata: dict[str, Json] = Field(default_factory=dict)
    legs: tuple[IntentLeg, ...] = ()
    multiplier: Annotated[int, Field(ge=1)] = 100
    position_id: Text | None = None

    @model_validator(mode="after")
    def _one_spread(self) -> TradeIntent:
        if self.legs:
            contract_of(self.legs, self.multiplier)
        return self

    def intent(self) -> Intent:
        """The intent as the ledger knows it; a spread's symbol is its canonical name."""
        contract = contract_of(self.legs, self.multiplier) if self.legs else None
        same = self.created_at if self.created_at.tzinfo else self.created_at.replace(tzinfo=UTC)
        known = set(Intent.__dataclass_fields__) & set(TradeIntent.model_fields)
        values = {name: getattr(self, name) for name in known}
        if contract:
            values["symbol"] = contract.label
        return Intent(**(values | {"created_at": same, "contract": contract}))


class LegQuote(Strict):
    """Points bid and asked for a leg, named as in 6070C; null: no quote."""

    leg: Text
    bid: Points | None = None
    ask: Points | None = None


class QuotedFill(Strict):
    """Fill a spread at quotes of its legs; slippage: share of the half-spread that is paid."""

    entry_slippage: Points = 1.0
    exit_slippage: Points = 1.0
    quotes: tuple[LegQuote, ...]


class ExecutionRequest(Strict):
    """An intent and the price it fills at: dollars a unit, or points of a spread.

    fill_price  above 0; a spread may be closed at 0
    fill        instead of fill_price, of spreads only
    """

    intent: TradeIntent
    fill_price: NotNegative | None = None
    fill: QuotedFill | None = None
    mode: Literal["paper", "live"] = "paper"

    @model_validator(mode="after")
    def _one_price(self) -> ExecutionRequest:
        spread = self.intent.action in SPREADS
        if (self.fill_price is None) == (self.fill is None) or (self.fill and not spread):
            raise ValueError("give fill_price, or for a spread fill with quotes")
        if self.fill_price == 0 and self.intent.action is not IntentAction.CLOSE_SPREAD:
            raise ValueError("fill_price must be greater than 0")
        return self

    @property
    def price(self) -> Decimal | QuotedFill:
        """What the broker is given."""
        given = self.fill_price if self.fill_price is not None else self.fill
        assert given is not None
        return given


def contract_of(legs: Iterable[IntentLeg], multiplier: int) -> SpreadContract:
    """The credit spread of these legs, in whatever order they come.

    Raises ValueError when they are none: one sold and one bought call, or put, or both.
    """
    found = list(legs)
    if len({(leg.symbol, leg.expiration) for leg in found}) != 1:
        raise ValueError("the legs of a spread share root and expiration")
    strikes: list[float] = []
    rights = [right for right in ("C", "P") if any(leg.right == right for leg in found)]
    for right in rights:
        pair = {leg.side: leg.strike for leg in found if leg.right == right}
        if len(pair) != 2 or len(found) != 2 * len(rights):
            raise ValueError("legs: one sold and one bought call, or put, or both of each")
        short, long = pair["sell"], pair["buy"]
        if long == short or (long > short) != (right == "C"):
            raise ValueError("a credit spread buys the call above, or the put below, the sold one")
        strikes += [short, long]
    names: dict[str, Strategy] = {"C": "CALL", "P": "PUT", "CP": "IC"}
    spread = make_spread(names["".join(rights)], strikes)
    return SpreadContract(found[0].symbol, found[0].expiration, spread, multiplier)


def read_request(path: Path, fill_price: float | None = None) -> ExecutionRequest:
    """An execution request from a JSON file: a whole one, or an intent that is given its price.

    Raises DataError when it cannot be read, BadValue for what it says.
    """
    content = read_json(path)
    if "intent" not in content:
        content = {"intent": content}
    if fill_price is not None:
        if "fill_price" in content:
            raise BadValue(f"{path} has a fill_price; leave --fill-price out")
        content["fill_price"] = fill_price
    return parsed(lambda: ExecutionRequest.model_validate_json(json.dumps(content)), str(path))


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file. Raises DataError."""
    try:
        content = json.loads(path.read_bytes(), parse_constant=refuse_constant)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold an object, got a {type(content).__name__}")
    return content


def parsed(parse: Callable[[], Model], what: str) -> Model:
    """A model from outside. Raises BadValue with the first fault, its place named."""
    try:
        return parse()
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise BadValue(f"{what}: {f'{place}: ' if place else ''}{fault['msg']}{more}") from None
