"""A long run from generated records: real sessions of the exchange, a random walk, spreads on it.

Nothing in it is a replay; it has the size and the look of one, for pages and screens to be tried at
10 and at 600 sessions. The same arguments give the same result.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from record_fakes import fake_trade

from bt_gex.config.run_config import RunConfig
from bt_gex.market.calendar import BAR_NS, Session, sessions, utc
from bt_gex.market.contracts import Strategy
from bt_gex.results.result import RunResult
from bt_gex.results.statistics import RunStatistics, account_path
from bt_gex.stats.performance import performance
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    funnel,
    grouped,
    max_drawdown_dollars,
    summarise,
)
from bt_gex.storage.arrow_arrays import to_arrow
from bt_gex.trades.records import Decision, LegQuotes, SessionSummary, SpreadTrade

BALANCE = 25_000.0
UTC_TIME = pa.timestamp("ns", "UTC")
CHECKS = (12, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660)  # bars of the entry times
Numbers = npt.NDArray[np.float64]


def long_run(number: int = 600, *, seed: int = 1, start: date = date(2024, 1, 2)) -> RunResult:
    """So many sessions, one in 25 of them without data, about nine trades in each other."""
    days = sessions(start, start + timedelta(days=2 * number + 20))[:number]
    draw = np.random.default_rng(seed)
    made = _Made()
    spot, account = 5_000.0, BALANCE
    for position, day in enumerate(days):
        if position % 25 == 7:
            made.summaries.append(_summary(day, "no data", [], 0))
            continue
        spot, account = _play(made, day, spot, account, draw)
    return _result(days, made)


class _Made:
    """What the sessions add up to."""

    def __init__(self) -> None:
        self.trades: list[SpreadTrade] = []
        self.decisions: list[Decision] = []
        self.summaries: list[SessionSummary] = []
        self.ticks: list[dict[str, npt.NDArray[np.generic]]] = []
        self.marks: list[tuple[str, npt.NDArray[np.int64], Numbers]] = []


def _play(
    made: _Made, day: Session, spot: float, account: float, draw: np.random.Generator
) -> tuple[float, float]:
    """A session; the index and the account at its close."""
    ticks = day.bars + 1
    prices = np.round(spot + np.cumsum(draw.normal(0.0, 0.45, ticks)), 2)
    pin = np.round(prices[0] / 5) * 5 + 5.0 * np.round(np.cumsum(draw.normal(0, 0.04, ticks)))
    pin[:4] = np.nan  # no peaks yet
    closed, marked = np.full(ticks, account), np.zeros(ticks)
    held, own = np.zeros(ticks, dtype=np.int64), []
    for bar in CHECKS:
        if bar >= day.bars - 60 or draw.random() < 0.25:
            made.decisions.append(_skip(day, bar, float(prices[min(bar, ticks - 1)]), draw))
            continue
        trade, values = _trade(day, bar, prices, draw)
        own.append(trade)
        made.decisions.append(_entry(day, trade))
        last = bar + len(values) - 1
        closed[last:] += trade.pnl_dollars or 0.0
        marked[bar:last] += (trade.entry_credit - values[:-1]) * 100
        held[bar:last] += 1
        made.marks.append((trade.order_id, day.grid()[bar : last + 1], values))
    made.trades += own
    made.summaries.append(_summary(day, "traded" if own else "no trades", own, day.bars))
    made.ticks.append(
        {
            "time": day.grid(),
            "session": np.full(ticks, day.day.isoformat()),
            "spot": prices,
            "pin": pin,
            "closed_equity": np.round(closed, 2),
            "equity": np.round(closed + marked, 2),
            "open_spreads": held,
        }
    )
    return float(prices[-1]), round(float(closed[-1]), 2)


def _trade(
    day: Session, bar: int, prices: Numbers, draw: np.random.Generator
) -> tuple[SpreadTrade, Numbers]:
    """A spread sold at a bar, and its value on each bar until it is closed."""
    spot = float(prices[bar])
    strategy: Strategy = ("IC", "CALL", "PUT")[int(draw.integers(3))]  # type: ignore[assignment]
    near = round(spot / 5) * 5
    calls, puts = (near + 20.0, near + 30.0), (near - 20.0, near - 30.0)
    strikes = {"IC": (*calls, *puts), "CALL": calls, "PUT": puts}[strategy]
    credit = round(float(draw.uniform(1.0, 4.0)) / 0.05) * 0.05
    won = draw.random() < 0.462
    length = int(draw.integers(1, day.bars - 60 - bar))
    end = credit * (0.5 if won else 1.4)
    values = np.round(np.linspace(credit, end, length + 1) + draw.normal(0, 0.04, length + 1), 4)
    paid = round(float(values[-1]) + 0.05, 2)
    leave = _clock(day, bar + length)
    entry = _clock(day, bar)
    short = LegQuotes(credit + 1.0, credit + 1.1, paid + 1.0, paid + 1.1)
    trade = replace(
        fake_trade(),
        order_id=f"SPX-{day.day:%Y%m%d}-{bar:04}-{strategy}",
        timestamp_entry=entry,
        timestamp_exit=leave,
        strategy=strategy,
        direction={"IC": "NEUTRAL", "CALL": "BEARISH", "PUT": "BULLISH"}[strategy],
        confidence="HIGH" if strategy == "IC" else "MEDIUM",
        strikes=strikes,
        entry_credit=credit,
        exit_value=paid,
        expiration=day.day,
        pnl_dollars=round((credit - paid) * 100, 2),
        pnl_percent=round(100 * (credit - paid) / credit, 2),
        exit_reason="Profit Target" if won else "Stop Loss",
        time_alive_minutes=length / 2,
        pin=near + 5.0,
        spot_entry=spot,
        distance=round(spot - near - 5.0),
        mae_dollars=round(float(credit - values.max()) * 100, 2),
        mfe_dollars=round(float(credit - values.min()) * 100, 2),
        max_loss_dollars=round((10.0 - credit) * 100, 2),
        spot_exit=float(prices[bar + length]),
        leg_quotes=(short, LegQuotes(1.0, 1.1, 1.0, 1.1)) * (len(strikes) // 2),
    )
    return trade, values


def _clock(day: Session, bar: int) -> datetime:
    return utc(day.open_ns + BAR_NS * bar)


def _skip(day: Session, bar: int, spot: float, draw: np.random.Generator) -> Decision:
    points = int(draw.integers(51, 120))
    kind, reason = (
        ("too far from pin", f"SPX {points}pts from pin (limit: 50pts)"),
        ("no quote", f"no quote: {round(spot / 5) * 5 - points}P"),
        ("vix too high", f"VIX {20 + points / 10:.1f} above 20.0"),
    )[int(draw.integers(3))]
    return Decision(
        index_symbol="SPX", session=day.day, timestamp=_clock(day, bar),
        time_et=f"{9 + (60 + bar) // 120:02}:{(bar // 2 + 30) % 60:02}", outcome="skip",
        kind=kind, reason=reason, pin=None, spot=spot, vix=15.0, strategy=None, strikes=(),
        distance=None, width=None, credit=None, quantity=0, order_id="",
    )  # fmt: skip


def _entry(day: Session, trade: SpreadTrade) -> Decision:
    return Decision(
        index_symbol="SPX", session=day.day, timestamp=trade.timestamp_entry, time_et="10:00",
        outcome="entry", kind="", reason="", pin=trade.pin, spot=trade.spot_entry, vix=15.0,
        strategy=trade.strategy, strikes=trade.strikes, distance=trade.distance,
        width=trade.width, credit=trade.entry_credit, quantity=1, order_id=trade.order_id,
    )  # fmt: skip


def _summary(day: Session, status: str, trades: list[SpreadTrade], bars: int) -> SessionSummary:
    return SessionSummary(
        session=day.day,
        status=status,  # type: ignore[arg-type]
        checks=len(CHECKS) if bars else 0,
        entries=len(trades),
        trades_pnl_dollars=round(sum(trade.pnl_dollars or 0.0 for trade in trades), 2) + 0.0,
        bars=bars,
        priced_pct=99.5 if trades else None,
        notes=(f"early close, {day.bars} bars",) if 0 < bars < 780 else (),
        quality={"quote rows": 4_000} if bars else {},
    )


def _result(days: list[Session], made: _Made) -> RunResult:
    column = {name: np.concatenate([t[name] for t in made.ticks]) for name in made.ticks[0]}
    time, session = to_arrow(column["time"], UTC_TIME), pa.array(column["session"])
    equity = pa.table(
        {
            "time": time,
            "session": session,
            "equity": column["equity"],
            "cash": column["closed_equity"],
            "margin_dollars": 800.0 * column["open_spreads"].astype(np.float64),
            "closed_equity": column["closed_equity"],
            "open_spreads": column["open_spreads"],
        }
    )
    vix = np.full(len(column["spot"]), 15.0)
    market = pa.table(
        {"time": time, "session": session, "spot": column["spot"], "vix": vix, "pin": column["pin"]}
    )
    account = account_path(equity, BALANCE)
    statistics = RunStatistics(
        totals=summarise(made.trades, balance=BALANCE),
        groups=grouped(made.trades, SPREAD_GROUPINGS),
        max_drawdown_mtm=max_drawdown_dollars(np.append(BALANCE, account.equity)),
        performance=performance(made.trades, account, multiplier=100),
        funnel=funnel(made.decisions, made.trades, sum(one.bars for one in made.summaries)),
        sessions=tuple(made.summaries),
        data_quality={"quote rows": 4_000 * len(made.ticks)},
    )
    marks = pa.table(
        {
            "order_id": pa.array([name for name, rows, _ in made.marks for _ in rows]),
            "time": to_arrow(np.concatenate([rows for _, rows, _ in made.marks]), UTC_TIME),
            "value": np.concatenate([values for _, _, values in made.marks]),
        }
    )
    config = RunConfig(start=days[0].day, end=days[-1].day)
    return RunResult(
        run_id=f"SPX-{days[0].day:%Y%m%d}-{days[-1].day:%Y%m%d}-0123456789",
        config=config.resolved(),
        source={"database": "generated.db", "fingerprint": "0" * 64},
        statistics=statistics,
        trade_records=made.trades,
        decision_records=made.decisions,
        equity_table=equity,
        marks_table=marks,
        market_table=market,
    )
