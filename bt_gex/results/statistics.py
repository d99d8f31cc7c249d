"""What a run comes to: statistics, the funnel, its sessions, and its stored form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import pyarrow as pa

from bt_gex.stats.performance import AccountPath, Performance, performance
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    Funnel,
    Group,
    Totals,
    grouped,
    max_drawdown_dollars,
    summarise,
)
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.trades.codec import Json, from_json, plain, to_json
from bt_gex.trades.records import STRICT, SessionSummary, SpreadTrade

T = TypeVar("T")
GROUPING = "by_"  # how the stored key of a grouping begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What trades come to over one account.

    groups            by grouping, such as by_exit_reason, and then by name
    max_drawdown_mtm  dollars, over the account marked at every bar
    performance       figures of that account, and further ones of the trades
    """

    __pydantic_config__ = STRICT

    totals: Totals
    groups: Mapping[str, Mapping[str, Group]]
    max_drawdown_mtm: float
    performance: Performance

    def to_json(self) -> dict[str, Json]:
        """The stored form: totals, groupings and performance side by side."""
        return {
            **to_json(self.totals),
            **{name: plain(groups) for name, groups in self.groups.items()},
            "max_drawdown_mtm": self.max_drawdown_mtm,
            **to_json(self.performance),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics(Combined):
    """What a run comes to.

    data_quality  irregular recorded rows, counted by name over all sessions
    """

    funnel: Funnel
    sessions: tuple[SessionSummary, ...]
    data_quality: Mapping[str, int]

    def to_json(self) -> dict[str, Json]:
        """The stored form."""
        return {
            **Combined.to_json(self),
            "funnel": to_json(self.funnel),
            "sessions": plain(self.sessions),
            "data_quality": plain(self.data_quality),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Json], what: str) -> RunStatistics:
        """Read the stored form. Raises BadValue."""

        def part(kind: type[T], name: str) -> T:
            return from_json(kind, json.dumps(stored.get(name)), f"{what} {name}")

        return cls(
            totals=from_json(Totals, json.dumps(stored), what),
            groups={n: part(dict[str, Group], n) for n in stored if n.startswith(GROUPING)},
            max_drawdown_mtm=part(float, "max_drawdown_mtm"),
            performance=from_json(Performance, json.dumps(stored), what),
            funnel=part(Funnel, "funnel"),
            sessions=tuple(part(list[SessionSummary], "sessions")),
            data_quality=part(dict[str, int], "data_quality"),
        )


def totals_json(trades: Sequence[SpreadTrade], *, balance: float) -> dict[str, Json]:
    """Totals and groupings of trades in their stored form.

    balance  dollars before the first trade
    """
    groups = grouped(trades, SPREAD_GROUPINGS)
    return {
        **to_json(summarise(trades, balance=balance)),
        **{n: plain(g) for n, g in groups.items()},
    }


def account_json(
    trades: Sequence[SpreadTrade], equity: pa.Table, *, balance: float, multiplier: float
) -> dict[str, Json]:
    """The figures of an account marked at every bar, in their stored form.

    equity      equity.parquet of a run
    multiplier  dollars a point
    """
    account = account_path(equity, balance)
    marked = np.append(balance, account.equity)
    return {
        "max_drawdown_mtm": max_drawdown_dollars(marked),
        **to_json(performance(trades, account, multiplier=multiplier)),
    }


def account_path(equity: pa.Table, balance: float) -> AccountPath:
    """The account of a run's equity table; balance: dollars before the first session."""
    rows = rows_by_name(equity["session"])
    return AccountPath(
        balance=balance,
        equity=to_numpy(equity["equity"]).astype(np.float64),
        sessions=[date.fromisoformat(name) for name in rows],
        starts=np.array([own[0] for own in rows.values()], dtype=np.int64),
    )
