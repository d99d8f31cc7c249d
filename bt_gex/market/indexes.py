"""What is particular to each index: strike grid, scale, option root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt

from bt_gex.errors import BadValue, UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An underlying and its listed options.

    strike_increment      distance of neighbouring strikes, index points
    scale                 k: the rules' distances are SPX points and are multiplied by it
    multiplier            dollars a contract makes per point
    option_root           root of the OCC symbol
    peak_window_fraction  gamma peaks are sought strictly within this fraction of the index price
    """

    symbol: str
    strike_increment: Annotated[float, Gt(0)] = 5.0
    scale: Annotated[float, Gt(0)] = 1.0
    multiplier: Annotated[int, Ge(1)] = 100
    option_root: str = ""
    peak_window_fraction: Annotated[float, Gt(0)] = 0.015


# Roots, increments and peak windows are those the index bot trades with since 2026-01-12.
SPX = Index(symbol="SPX", option_root="SPXW")
NDX = Index(
    symbol="NDX", strike_increment=10.0, scale=5.0, option_root="NDXP", peak_window_fraction=0.020
)
BUILT_IN: Mapping[str, Index] = {"SPX": SPX, "NDX": NDX}


def find_index(symbol: str, extra: Mapping[str, Index] | None = None) -> Index:
    """The index of that symbol, a user's entry before a built-in one.

    Raises UnknownName: an index without a strike grid cannot be traded.
    BadValue: something else in the place of a symbol.
    """
    if not isinstance(symbol, str):
        raise BadValue(f"index symbol must be text such as 'SPX', got {symbol!r}")
    known = {**BUILT_IN, **(extra or {})}
    if symbol not in known:
        raise UnknownName(
            "index", symbol, known, "describe others under indexes: in a configuration file"
        )
    return known[symbol]
