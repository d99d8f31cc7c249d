"""Option types that several verbs share."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click


class SessionDate(click.ParamType):
    """YYYY-MM-DD as a date."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a date; write YYYY-MM-DD", param, ctx)


class IndexSymbol(click.ParamType):
    """An index symbol; upper case whatever was typed."""

    name = "symbol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value).strip().upper()


class Filled(click.ParamType):
    """Text, but not an empty one: an unset shell variable is no wish for the default."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("it is empty; give a value, or leave the option out", param, ctx)
        return str(value)


DATE = SessionDate()
INDEX = IndexSymbol()
FILLED = Filled()
