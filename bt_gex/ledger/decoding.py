"""Events from JSON: payloads of old versions are upcast, then checked against their class.

A stored payload is never rewritten. When a body changes, its VERSION grows, and an upcaster turns
the old payload into the next one in memory; tests/ledger/samples holds one of each version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from bt_gex.errors import LedgerError
from bt_gex.ledger.events import RUN_TYPES, Body, RunReported, SpreadFilled
from bt_gex.market.contracts import SpreadContract, make_spread
from bt_gex.trades.intent import Json

Payload = dict[str, Json]
Upcasters = Mapping[tuple[str, int], Callable[[Payload], Payload]]

# (type, version) -> a pure function to the payload of the next version.
UPCASTERS: Upcasters = {}
CLASSES: Mapping[str, type[Any]] = {
    kind.TYPE: kind for kind in get_args(Body) if kind.TYPE and kind is not SpreadFilled
}
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}  # made when first needed; each takes 0.5 ms
CONTRACT = ("root", "expiration", "strategy", "strikes", "multiplier")
DERIVED = ("symbol", "width", "fill_price")  # of a spread's fill: written to be read, not back


def body_of(kind: str, version: int, payload: Payload, upcasters: Upcasters = UPCASTERS) -> Body:
    """The body of a stored event.

    Raises LedgerError for a type or version this program does not know, and for a payload that is
    none of its type.
    """
    if kind in RUN_TYPES:
        return RunReported(step=kind, facts=payload)
    if kind not in CLASSES:
        raise LedgerError(f"events of type {kind!r} are not known to this version of bt-gex")
    wanted: type[Any] = CLASSES[kind]
    if kind == SpreadFilled.TYPE and "position_id" in payload:
        wanted = SpreadFilled
    while version < wanted.VERSION and (kind, version) in upcasters:
        payload = upcasters[kind, version](payload)
        version += 1
    if version != wanted.VERSION:
        raise LedgerError(
            f"payload version {version} of {kind} is not known to this version of bt-gex, "
            f"which writes {wanted.VERSION}"
        )
    values: dict[str, Any] = dict(payload)
    try:
        if wanted is SpreadFilled:
            values["contract"] = contract_of({name: values.pop(name) for name in CONTRACT})
            for name in DERIVED:
                del values[name]
        if kind == "intent_emitted" and "contract" in values["intent"]:
            intent = dict(values["intent"])
            values["intent"] = intent | {"contract": contract_of(intent["contract"])}
        unknown = values.keys() - set(wanted.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        body: Body = _adapter(wanted).validate_python(values)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"no payload of {kind}: {_first(error)}") from error
    return body


def contract_of(values: Mapping[str, Any]) -> SpreadContract:
    """A contract from its JSON form. Raises ValueError or KeyError."""
    strikes = [float(strike) for strike in values["strikes"]]
    spread = make_spread(values["strategy"], strikes)
    expiration = date.fromisoformat(values["expiration"])
    return SpreadContract(str(values["root"]), expiration, spread, int(values["multiplier"]))


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}"
    return f"{type(error).__name__}: {error}"
