"""Records with sound values, of which a test changes what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from typed_records import decision, session_summary, spread_trade

from bt_gex.config.origin import FoundBy
from bt_gex.findings.finding import Finding
from bt_gex.results.statistics import RunStatistics
from bt_gex.stats.bootstrap import Bootstrap
from bt_gex.stats.performance import Drawdown, Performance
from bt_gex.stats.sharpe import SharpeFigures
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    Funnel,
    Group,
    Totals,
    funnel,
    grouped,
    summarise,
)
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade, UnpricedBars


def fake_trade(order_id: str = "SPX-1", **plain: Any) -> SpreadTrade:
    """A put spread sold at 09:36 on Monday 2026-01-12 and stopped out at a loss of $45.00."""
    values = {
        "order_id": order_id,
        "timestamp_entry": "2026-01-12T14:36:00+00:00",
        "timestamp_exit": "2026-01-12T14:38:30+00:00",
        "strategy": "PUT",
        "direction": "BULLISH",
        "confidence": "MEDIUM",
        "strikes": [6955, 6945],
        "entry_credit": 2.35,
        "exit_value": 2.80,
        "quantity": 1,
        "index_symbol": "SPX",
        "expiration": "2026-01-12",
        "pnl_dollars": -45.0,
        "pnl_percent": -19.15,
        "exit_reason": "Stop Loss",
        "time_alive_minutes": 2.5,
        "pin": 6985.0,
        "spot_entry": 6962.16,
        "vix_entry": 14.62,
        "distance": -23,
        "width": 10.0,
        "commission_dollars": 0.0,
        "mae_dollars": -40.0,
        "mfe_dollars": 5.0,
        "max_loss_dollars": 765.0,
        "flags": [],
        "unpriced_bars": 0,
        "clamped_bars": 0,
        "spot_exit": 6960.5,
        "vix_exit": 15.01,
        "leg_quotes": [[5.1, 5.3, 5.4, 5.6, 4.0, 6.0], [2.55, 2.75, 2.8, 3.0, 4.0, 6.0]],
        **plain,
    }
    return spread_trade(values)


def fake_decision(**plain: Any) -> Decision:
    """A check that saw the index too far from the pin."""
    values = {
        "index_symbol": "SPX",
        "session": "2026-01-12",
        "timestamp": "2026-01-12T14:36:00+00:00",
        "time_et": "09:36",
        "outcome": "skip",
        "kind": "too far from pin",
        "reason": "SPX 61pts from pin",
        "pin": 6985.0,
        "spot": 6924.0,
        "vix": 14.62,
        "strategy": None,
        "strikes": [],
        "distance": -61,
        "width": None,
        "credit": None,
        "quantity": 0,
        "order_id": "",
        **plain,
    }
    return decision(values)


def fake_session(session: str = "2026-01-12", **plain: Any) -> SessionSummary:
    """A session with two trades that made $170.00."""
    values = {
        "session": session,
        "status": "traded",
        "checks": 12,
        "entries": 2,
        "trades_pnl_dollars": 170.0,
        "bars": 780,
        "priced_pct": 97.1,
        "notes": [],
        "quality": {"quote rows": 1000},
        **plain,
    }
    return session_summary(values)


def fake_group(count: int, winners: int, pnl: float) -> Group:
    return Group(count=count, winners=winners, win_rate=winners / count, pnl=pnl)


TOTALS = Totals(
    total_trades=2,
    winners=1,
    losers=1,
    breakeven=0,
    unresolved=0,
    win_rate=0.5,
    total_pnl=170.0,
    avg_win=215.0,
    avg_loss=45.0,
    max_win=215.0,
    max_loss=-45.0,
    profit_factor=215 / 45,
    max_drawdown=45.0,
    final_balance=25_170.0,
    return_pct=0.68,
)
FUNNEL = Funnel(
    bars=780,
    checks=12,
    entries=2,
    skips=10,
    success_rate=2 / 12,
    skips_by_kind={"too far from pin": 7, "no quote": 3},
    skips_by_reason={
        "SPX 61pts from pin [zone] too far, skip (limit: 50pts)": 3,
        "no quote: 6955P": 3,
        "SPX 52pts from pin": 1,
        "SPX 53pts from pin": 1,
        "SPX 54pts from pin": 1,
        "SPX 55pts from pin": 1,
    },
    unpriced_bars=0,
    unpriced_by_kind=UnpricedBars(),
    clamped=0,
    unresolved=0,
)
PERFORMANCE = Performance(
    expectancy=85.0,
    avg_minutes_held=16.2,
    total_premium=660.0,
    total_commission=0.0,
    return_a_year_pct=None,
    max_drawdown_mtm_pct=0.24,
    drawdown=Drawdown(
        dollars=60.0,
        pct=0.24,
        peak=date(2026, 1, 12),
        trough=date(2026, 1, 12),
        recovered=date(2026, 1, 12),
        sessions=1,
    ),
    sortino=None,
    calmar=None,
)
STATISTICS = RunStatistics(
    totals=TOTALS,
    groups={
        "by_strategy": {"IC": fake_group(1, 1, 215.0), "PUT": fake_group(1, 0, -45.0)},
        "by_confidence": {"HIGH": fake_group(1, 1, 215.0), "MEDIUM": fake_group(1, 0, -45.0)},
        "by_exit_reason": {
            "Profit Target": fake_group(1, 1, 215.0),
            "Stop Loss": fake_group(1, 0, -45.0),
        },
        "by_entry_time": {"09:36": fake_group(1, 0, -45.0), "10:00": fake_group(1, 1, 215.0)},
        "by_weekday": {"Mon": fake_group(2, 1, 170.0)},
        "by_month": {"2026-01": fake_group(2, 1, 170.0)},
        "by_year": {"2026": fake_group(2, 1, 170.0)},
    },
    max_drawdown_mtm=60.0,
    performance=PERFORMANCE,
    funnel=FUNNEL,
    sessions=(fake_session(),),
    data_quality={"quote rows": 1000},
)


def fake_statistics(
    *, totals: dict[str, Any] | None = None, funnel: dict[str, Any] | None = None, **changes: Any
) -> RunStatistics:
    """A winner of $215.00 and a loser of $45.00 out of twelve checks in a session.

    totals, funnel  fields of these to change
    """
    return replace(
        STATISTICS,
        totals=replace(TOTALS, **(totals or {})),
        funnel=replace(FUNNEL, **(funnel or {})),
        **changes,
    )


BOOTSTRAP = Bootstrap(
    sessions=40,
    paths=10_000,
    seed=1,
    block_sessions=3,
    coverage=0.9,
    total_pnl=(10.0, 90.0),
    return_pct=(0.1, 0.9),
    win_rate=(0.4, 0.6),
    profit_factor=(1.1, 2.0),
    max_drawdown=(20.0, 80.0),
    max_drawdown_mtm=(25.0, 95.0),
    final_balance_quantiles={"0.5": 10_050.0},
    max_drawdown_quantiles={"0.5": 40.0},
    max_drawdown_mtm_quantiles={"0.5": 50.0},
    probability_of_loss=0.02,
    probability_of_losing_pct={"5": 0.0},
)
SHARPE = SharpeFigures(
    sessions=40,
    sharpe_a_session=0.4,
    sharpe_annualised=6.35,
    skewness=0.0,
    kurtosis=3.0,
    probabilistic_sharpe=0.99,
    min_track_record_sessions=120.2,
    trials=1,
    expected_best_sharpe_a_session=None,
    deflated_sharpe=None,
)
FOUND_BY = FoundBy(
    name="SPX-sweep-x",
    variants=40,
    is_baseline=False,
    swept=("exit.stop_loss",),
    session_sharpe_variance=0.04,
    overfitting_probability=0.1,
    best_total_pnl=900.0,
    average_total_pnl=-20.0,
    edges={},
)
NO_DATA = Finding(
    kind="no_data",
    text="1 of 2 sessions (50.0 %) had no data (2026-01-13): it covers less.",
    next_step="Record it.",
)


def statistics_of(
    trades: Sequence[SpreadTrade],
    *,
    balance: float = 25_000.0,
    decisions: Sequence[Decision] = (),
    sessions: Sequence[SessionSummary] = (),
    max_drawdown_mtm: float = 0.0,
    bars: int = 780,
) -> RunStatistics:
    """The statistics of trades, as a run puts them together."""
    return RunStatistics(
        totals=summarise(trades, balance=balance),
        groups=grouped(trades, SPREAD_GROUPINGS),
        max_drawdown_mtm=max_drawdown_mtm,
        performance=PERFORMANCE,
        funnel=funnel(decisions, trades, bars),
        sessions=tuple(sessions),
        data_quality={},
    )
