"""Sessions by month and by year: what was checked and traded in each, and what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bt_gex.stats.summary import sum_dollars
from bt_gex.trades.records import SessionSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The sessions of a month or a year.

    name        2026-01, or 2026
    with_data   sessions with data; noted: those with a note on their data
    entries     trades opened
    pnl         dollars, of the resolved trades
    return_pct  percent of the account at its start; None where that was used up
    worst       the lowest P&L of a session with a trade, dollars; best: the highest
    """

    name: str
    sessions: int
    with_data: int
    noted: int
    checks: int
    entries: int
    pnl: float
    return_pct: float | None
    worst: float | None
    best: float | None


def months(sessions: Sequence[SessionSummary], *, balance: float) -> list[Period]:
    """One for each month with a session; balance: dollars before the first."""
    return _periods(sessions, balance, lambda one: f"{one.session:%Y-%m}")


def years(sessions: Sequence[SessionSummary], *, balance: float) -> list[Period]:
    """One for each year with a session; balance: dollars before the first."""
    return _periods(sessions, balance, lambda one: f"{one.session:%Y}")


def _periods(
    sessions: Sequence[SessionSummary], balance: float, name_of: Callable[[SessionSummary], str]
) -> list[Period]:
    members: dict[str, list[SessionSummary]] = {}
    for one in sorted(sessions, key=lambda one: one.session):
        members.setdefault(name_of(one), []).append(one)
    found = []
    for name, own in members.items():
        period = _period(name, own, balance)
        found.append(period)
        balance = sum_dollars([balance, period.pnl])
    return found


def _period(name: str, own: Sequence[SessionSummary], balance: float) -> Period:
    pnl = sum_dollars(one.trades_pnl_dollars for one in own)
    traded = [one.trades_pnl_dollars for one in own if one.entries]
    return Period(
        name=name,
        sessions=len(own),
        with_data=sum(1 for one in own if one.status != "no data"),
        noted=sum(1 for one in own if one.notes),
        checks=sum(one.checks for one in own),
        entries=sum(one.entries for one in own),
        pnl=pnl,
        return_pct=100 * pnl / balance if balance > 0 else None,
        worst=min(traded, default=None),
        best=max(traded, default=None),
    )
