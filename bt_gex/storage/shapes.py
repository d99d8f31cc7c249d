"""Types of values in stored files, and checking content against them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from bt_gex.errors import BadValue

T = TypeVar("T")
MOST = 1e15  # largest amount read, dollars or points


def _aware(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("it has no offset such as +00:00")
    return text


Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Above0 = Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False)]
AtLeast0 = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Stamp = Annotated[str, AfterValidator(_aware)]
FourQuotes = Annotated[list[Number | None], Field(min_length=4, max_length=4)]


def checked_content(adapter: TypeAdapter[T], values: object, what: str) -> T:
    """The values without keys that the type does not have. Raises BadValue with the first fault."""
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        got = f"{first.get('input')!r:.60}"
        raise BadValue(f"{what} {place}: {first['msg']}, got {got}".replace(" :", ":")) from None
