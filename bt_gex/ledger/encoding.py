"""Events as JSON: decimal strings for numbers of money, sorted keys, ASCII, no NaN, no nulls.

The same event gives the same bytes everywhere, so that bytes can be hashed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from bt_gex.errors import BadValue
from bt_gex.ledger.amounts import text
from bt_gex.ledger.events import Body, RunReported, SpreadFilled
from bt_gex.market.contracts import SpreadContract
from bt_gex.trades.intent import Intent, Json

# json.dumps with arguments makes an encoder on each call.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(value: Json) -> str:
    """One spelling of a JSON value. Raises BadValue for NaN and infinities."""
    try:
        return _encode(value)
    except ValueError as error:
        raise BadValue(f"{value!r:.80} cannot be written: {error}") from None


def request_hash(intent: Intent) -> str:
    """Names the content of an intent: the same request has the same hash."""
    return hashlib.sha256(canonical(plain(intent)).encode()).hexdigest()


def stamp(moment: datetime) -> str:
    """An aware instant as 2026-01-12T14:36:00.000000Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def payload_of(body: Body) -> dict[str, Json]:
    """The payload of an event's body."""
    if isinstance(body, RunReported):
        return dict(body.facts)
    fields = _fields(body)
    if isinstance(body, SpreadFilled):
        contract = fields.pop("contract")
        assert isinstance(contract, dict)
        fields |= contract
        fields |= {
            "symbol": body.contract.label,
            "qty": str(body.qty),
            "width": text(body.contract.spread.width),
            "fill_price": text(abs(body.net)),
        }
    return fields


def plain(value: object) -> Json:
    """A value of an event in JSON's types."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, float):
        return text(value)
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, (UUID, date)):
        return str(value)
    if isinstance(value, SpreadContract):
        return {
            "root": value.root,
            "expiration": str(value.expiration),
            "strategy": value.spread.strategy,
            "strikes": [text(strike) for strike in value.spread.strikes],
            "multiplier": value.multiplier,
        }
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    raise TypeError(f"{type(value).__name__} has no JSON form in the journal")


def _fields(record: Any) -> dict[str, Json]:
    """The fields that have a value; mappings are free-form JSON and stay as they came."""
    found: dict[str, Json] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value is not None:
            free = isinstance(value, Mapping)
            found[field.name] = dict(value) if free else plain(value)
    return found
