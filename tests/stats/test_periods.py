"""Months and years, against sums by hand."""

from __future__ import annotations

from typing import Any

from record_fakes import fake_session

from bt_gex.stats.periods import Period, months, years
from bt_gex.trades.records import SessionSummary


def session(day: str, pnl: float, entries: int = 1, **other: Any) -> SessionSummary:
    return fake_session(day, trades_pnl_dollars=pnl, entries=entries, checks=12, **other)


SESSIONS = [
    session("2025-12-30", 50.10, entries=2),
    session("2025-12-31", -150.05, notes=["early close, 420 bars"]),
    session("2026-01-02", 0.0, entries=0, status="no trades"),
    session("2026-01-05", 0.0, entries=0, status="no data"),
    session("2026-02-02", 900.05, entries=3),
]


def test_months() -> None:
    december, january, february = months(SESSIONS, balance=1_000.0)
    assert december == Period(
        name="2025-12", sessions=2, with_data=2, noted=1, checks=24, entries=3,
        pnl=-99.95, return_pct=-9.995, worst=-150.05, best=50.10,
    )  # fmt: skip
    assert january == Period(
        name="2026-01", sessions=2, with_data=1, noted=0, checks=24, entries=0,
        pnl=0.0, return_pct=0.0, worst=None, best=None,
    )  # fmt: skip
    assert (february.pnl, february.return_pct) == (900.05, 100.0)  # of 900.05


def test_years() -> None:
    first, second = years(SESSIONS[::-1], balance=1_000.0)
    assert (first.name, first.pnl, first.entries) == ("2025", -99.95, 3)
    assert (second.name, second.pnl, second.sessions) == ("2026", 900.05, 3)


def test_no_return_on_an_account_that_is_used_up() -> None:
    first, second = months(
        [session("2026-01-02", -1_000.0), session("2026-02-02", 10.0)], balance=1_000.0
    )
    assert first.return_pct == -100.0
    assert second.return_pct is None


def test_without_sessions() -> None:
    assert months([], balance=1.0) == years([], balance=1.0) == []
