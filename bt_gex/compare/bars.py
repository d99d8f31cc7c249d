"""Two backtests over bars compared: their settings, their data, and trade by trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bt_gex.config.bar_settings import flat
from bt_gex.results.bar_result import BarRecord
from bt_gex.stats.summary import pnl_cents
from bt_gex.trades.bar_trades import BarTrade

# Fields in the order in which one brings the next about.
CHAIN = (
    "quantity", "entry_price", "initial_stop", "targets", "fills", "exit_reason",
    "timestamp_exit", "pnl_dollars", "realized_r",
)  # fmt: skip
Differing = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class BarPair:
    """The same entry on both sides; changes: fields that differ, the first cause first."""

    a: BarTrade
    b: BarTrade
    changes: Differing


@dataclass(frozen=True, slots=True, kw_only=True)
class BarComparison:
    """What differs between A and B.

    settings  by dotted name, value in A and in B; None: not there
    data      symbols whose rows are not the same, or that one side has not
    """

    name_a: str
    name_b: str
    pairs: list[BarPair]
    only_a: list[BarTrade]
    only_b: list[BarTrade]
    settings: Differing
    data: list[str]

    @property
    def changed(self) -> list[BarPair]:
        """Pairs that differ."""
        return [pair for pair in self.pairs if pair.changes]

    @property
    def identical(self) -> bool:
        """Nothing differs."""
        return not (self.changed or self.only_a or self.only_b or self.settings or self.data)

    @property
    def difference_cents(self) -> int:
        """P&L of B less that of A."""
        a = sum(pnl_cents(trade) for trade in [*(p.a for p in self.pairs), *self.only_a])
        b = sum(pnl_cents(trade) for trade in [*(p.b for p in self.pairs), *self.only_b])
        return b - a


def compare_backtests(a: Sequence[BarRecord], b: Sequence[BarRecord]) -> BarComparison:
    """Match trades by symbol, side and instant of entry."""
    ones, others = _by_entry(a), _by_entry(b)
    pairs = [
        BarPair(ones[key], others[key], _changes(ones[key], others[key]))
        for key in ones
        if key in others
    ]
    return BarComparison(
        name_a=_name(a),
        name_b=_name(b),
        pairs=pairs,
        only_a=[trade for key, trade in ones.items() if key not in others],
        only_b=[trade for key, trade in others.items() if key not in ones],
        settings=_settings(a, b),
        data=_data(a, b),
    )


def _name(side: Sequence[BarRecord]) -> str:
    return " + ".join(one.run_id for one in side)


def _by_entry(side: Sequence[BarRecord]) -> dict[tuple[object, ...], BarTrade]:
    return {
        (trade.symbol, trade.trade_id): trade for one in side for trade in one.trade_records
    }  # fmt: skip


def _changes(a: BarTrade, b: BarTrade) -> Differing:
    return {
        name: (getattr(a, name), getattr(b, name))
        for name in CHAIN
        if getattr(a, name) != getattr(b, name)
    }


def _settings(a: Sequence[BarRecord], b: Sequence[BarRecord]) -> Differing:
    found: dict[str, tuple[Any, Any]] = {}
    ones, others = ({one.symbol: flat(one.config) for one in side} for side in (a, b))
    for symbol in [name for name in ones if name in others]:
        one, other = ones[symbol], others[symbol]
        for name in dict.fromkeys((*one, *other)):
            if one.get(name) != other.get(name):
                found[name] = (one.get(name), other.get(name))
    return found


def _data(a: Sequence[BarRecord], b: Sequence[BarRecord]) -> list[str]:
    ones, others = ({one.symbol: one.source["data"]["sha256"] for one in side} for side in (a, b))
    lines = [f"{symbol}: only A has it" for symbol in ones if symbol not in others]
    lines += [f"{symbol}: only B has it" for symbol in others if symbol not in ones]
    same = [symbol for symbol in ones if symbol in others]
    return lines + [f"{s}: not the same rows" for s in same if ones[s] != others[s]]
