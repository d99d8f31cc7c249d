"""The compiled engine: a market as dense arrays in, trades and figures out, as of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bt_gex.analyzers.trades import closed_trade
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue
from bt_gex.feeds.clock import Tick
from bt_gex.market.calendar import NS
from bt_gex.market.contracts import Spread
from bt_gex.market.money import to_cents
from bt_gex.market.quotes import Prices
from bt_gex.rules.gex.entry import KINDS, NO_LIMIT, EntryDecision, Seen, setup_for
from bt_gex.rules.gex.exits import EXIT_REASONS, end_of_day_ns
from bt_gex.rules.gex.params import ExitParams
from bt_gex.sessions.day import Day
from bt_gex.sessions.rows import LegKey
from bt_gex.stats.metrics import variant_metrics
from bt_gex.strategies.gex import check_rows, facts_of, order_id
from bt_gex.sweeps import kernel
from bt_gex.sweeps.arrays import NEVER, Ints, KernelSettings, Market, Trades
from bt_gex.sweeps.compiler import compiled
from bt_gex.sweeps.evaluate import SESSION_PNL
from bt_gex.sweeps.same_trades import TRADES_ID, UNRESOLVED, trades_id
from bt_gex.trades.events import SpreadClosed, SpreadSettled
from bt_gex.trades.records import SpreadTrade

MOST_DOLLARS = 1e10  # of the balance: cents with eight decimals below them must fit 64 bits


class Named(NamedTuple):
    """What a trade was made in."""

    name: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class Checks:
    """Rows of the checks, session by session, and where the end of the day begins."""

    first: Ints
    rows: Ints
    end_of_day: Ints


class CompiledEngine:
    """Runs configurations over sessions of one index that have data.

    The sessions were read with the ages and the pin of the configurations. Raises EngineError
    when there is no compiler.
    """

    def __init__(self, days: Sequence[Day]) -> None:
        self.days = list(days)
        self._functions = compiled()
        self.market = dense(self.days) if self.days else None
        self.stamps = np.concatenate([np.empty(0, np.int64), *(day.grid for day in self.days)])
        self._checks: dict[tuple[tuple[time, ...], float], Checks] = {}

    def run(self, config: RunConfig) -> CompiledRun:
        """Replay one configuration. Raises BadValue for amounts beyond exact arithmetic."""
        if config.account.balance > MOST_DOLLARS:
            raise BadValue(
                f"the compiled engine counts up to ${MOST_DOLLARS:,.0f} exactly, got a balance of "
                f"${config.account.balance:,.0f}; use --engine backtrader"
            )
        checks = self._checks_of(config)
        trades = room_for(len(checks.rows))
        skips = np.zeros(len(KINDS) + 1, dtype=np.int64)
        number = 0
        if self.market is not None:
            number = self._functions["simulate"](
                self.market,
                checks.first,
                checks.rows,
                checks.end_of_day,
                kernel_settings(config),
                trades,
                skips,
            )
        return CompiledRun(self, config, trades, number, len(checks.rows), skips)

    def marked_drawdown(self, trades: Trades, number: int, balance: float) -> float:
        """Largest fall of the account marked at every tick, dollars."""
        if self.market is None:
            return 0.0
        worst = self._functions["marked_drawdown"](self.market, trades, number, balance)
        return round(float(worst), 2)

    def _checks_of(self, config: RunConfig) -> Checks:
        key = (config.entry.times, config.exit.end_of_day_minutes)
        if key not in self._checks:
            self._checks[key] = _checks(self.days, config.entry.times, config.exit)
        return self._checks[key]


@dataclass(frozen=True, slots=True)
class CompiledRun:
    """The trades of one configuration; `number` of the places in `trades` are taken."""

    engine: CompiledEngine
    config: RunConfig
    trades: Trades
    number: int
    checks: int
    skips: Ints

    def metrics(self) -> dict[str, Any]:
        """Figures as a replay's."""
        taken = slice(0, self.number)
        order = np.argsort(self.trades.closing[taken])
        resolved = self.trades.reason[taken][order] != kernel.UNRESOLVED
        balance = self.config.account.balance
        clamps = self.trades.clamped[taken].sum() + self.trades.clamped_exit[taken].sum()
        return {
            **variant_metrics(
                self.trades.pnl_cents[taken][order][resolved],
                unresolved=int(np.count_nonzero(~resolved)),
                balance=balance,
                max_drawdown_mtm=self.engine.marked_drawdown(self.trades, self.number, balance),
            ),
            "checks": self.checks,
            "entries": self.number,
            "unpriced_bars": int(self.trades.unpriced[taken].sum()),
            "contradictory_bars": int(self.trades.contradictory[taken].sum()),
            "clamped": int(clamps),
            SESSION_PNL: self._session_pnl_cents(resolved),
            TRADES_ID: self._trades_id(),
        }

    def _session_pnl_cents(self, resolved: npt.NDArray[np.bool_]) -> list[int]:
        """P&L of each session; `resolved` in order of closing."""
        taken = slice(0, self.number)
        order = np.argsort(self.trades.closing[taken])[resolved]
        cents = np.zeros(len(self.engine.days), dtype=np.int64)
        np.add.at(cents, self.trades.session[taken][order], self.trades.pnl_cents[taken][order])
        found: list[int] = cents.tolist()
        return found

    def _trades_id(self) -> str:
        t, taken, engine = self.trades, slice(0, self.number), self.engine
        first = np.zeros(1, np.int64) if engine.market is None else engine.market.first
        start = first[t.session[taken]]
        unresolved = t.reason[taken] == kernel.UNRESOLVED
        return trades_id(
            entries_ns=engine.stamps[start + t.entry_row[taken]],
            exits_ns=engine.stamps[start + t.exit_row[taken]],
            strikes=t.strikes[taken],
            quantities=t.quantity[taken],
            cents=np.where(unresolved, UNRESOLVED, t.pnl_cents[taken]),
            balance=self.config.account.balance,
        )

    def skips_by_kind(self) -> dict[str, int]:
        """Number of skips by kind, those that occurred."""
        return {
            kind.value: int(count)
            for kind, count in zip(KINDS, self.skips[1:], strict=True)
            if count
        }

    def records(self) -> list[SpreadTrade]:
        """The trades as a replay writes them."""
        return [self._record(number) for number in range(self.number)]

    def _record(self, n: int) -> SpreadTrade:
        t, config = self.trades, self.config
        day, row = self.engine.days[int(t.session[n])], int(t.check_row[n])
        seen = Seen(float(day.spot[row]), float(day.vix[row]), float(day.pin[row]))
        setup = setup_for(seen, config.index_spec, config.setup)
        spread = setup.spread
        assert spread is not None
        unresolved = t.reason[n] == kernel.UNRESOLVED
        at_close = t.reason[n] in (kernel.SETTLED, kernel.UNRESOLVED)
        instrument = Named(order_id(Tick(day, row), spread), spread)
        quantity, exit_row = int(t.quantity[n]), int(t.exit_row[n])
        at_ns, commission = int(day.grid[exit_row]), to_cents(float(t.commission[n]))
        end: SpreadClosed | SpreadSettled
        if at_close:
            end = SpreadSettled(
                at_ns=at_ns,
                instrument=instrument,
                quantity=quantity,
                value=None if unresolved else float(t.exit_value[n]),
                pnl_dollars=None if unresolved else int(t.pnl_cents[n]) / 100,
                commission_dollars=commission,
                source=day.settlement().source,
            )
        else:
            end = SpreadClosed(
                at_ns=at_ns,
                instrument=instrument,
                quantity=quantity,
                value=float(t.exit_value[n]),
                pnl_dollars=int(t.pnl_cents[n]) / 100,
                commission_dollars=commission,
                reason=EXIT_REASONS[int(t.reason[n])],
                clamped=bool(t.clamped_exit[n]),
            )
        return closed_trade(
            day=day,
            spread=spread,
            rows=(int(t.entry_row[n]), exit_row),
            path=day.path_of(spread),
            credit=float(t.credit[n]),
            facts=facts_of(EntryDecision("enter", seen, setup=setup, spread=spread)),
            end=end,
        )


def dense(days: Sequence[Day]) -> Market:
    """All quotes of all options of the sessions as arrays on their grids."""
    lengths = [len(day.grid) for day in days]
    options = [day.options() for day in days]
    params = days[0].params
    gap_s = params.max_leg_age_gap_s
    quoted = _quotes(days, options, with_instants=gap_s is not None)
    option_first = np.concatenate([[0], np.cumsum([len(keys) for keys in options])])
    calls = [sum(1 for _, right in keys if right == "C") for keys in options]
    index = days[0].index
    return Market(
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        spot=np.concatenate([day.spot for day in days]),
        vix=np.concatenate([day.vix for day in days]),
        pin=np.concatenate([day.pin for day in days]),
        option_first=option_first.astype(np.int64),
        puts_first=(option_first[:-1] + np.array(calls)).astype(np.int64),
        strikes=np.array([strike for keys in options for strike, _ in keys], dtype=np.float64),
        quote_first=quoted.first,
        bid=quoted.bid,
        ask=quoted.ask,
        quoted_ns=quoted.ns,
        settlement=np.array([day.settlement().price for day in days], dtype=np.float64),
        increment=float(index.strike_increment),
        scale=float(index.scale),
        multiplier=index.multiplier,
        max_age_gap_ns=NEVER if gap_s is None else round(gap_s * NS),
        trade_contradictions=params.trade_contradictions,
    )


class Quoted(NamedTuple):
    """Quotes of all options one after the other, and where each begins; ns: their instants."""

    first: Ints
    bid: Prices
    ask: Prices
    ns: Ints


def _quotes(
    days: Sequence[Day], options: Sequence[Sequence[LegKey]], with_instants: bool
) -> Quoted:
    lengths = [len(day.grid) for day, keys in zip(days, options, strict=True) for _ in keys]
    ends = np.cumsum(lengths, dtype=np.int64)
    first = np.concatenate([[0], ends[:-1]]).astype(np.int64) if lengths else ends
    quoted = int(ends[-1]) if lengths else 0
    bid, ask = np.empty(quoted), np.empty(quoted)
    ns = np.empty(quoted if with_instants else 0, dtype=np.int64)
    every = ((day, key) for day, keys in zip(days, options, strict=True) for key in keys)
    for (day, key), place, length in zip(every, first.tolist(), lengths, strict=True):
        quotes = day.quotes_of(key)
        bid[place : place + length], ask[place : place + length] = quotes.bid, quotes.ask
        if with_instants:
            ns[place : place + length] = quotes.stamps
    return Quoted(first, bid, ask, ns)


def kernel_settings(config: RunConfig) -> KernelSettings:
    """The settings in numbers, each of one type whatever it was written as."""
    s, e, x, f, a, k = (
        config.setup, config.entry, config.exit, config.fills, config.account, config.kelly,
    )  # fmt: skip
    return KernelSettings(
        setup=(
            float(s.near_pin_max), float(s.moderate_max), float(s.far_max), float(s.ic_buffer),
            float(s.moderate_pin_buffer), float(s.moderate_spot_buffer),
            float(s.far_pin_buffer), float(s.far_spot_buffer),
        ),
        vix_threshold=float(s.vix_threshold),
        parity=s.parity,
        max_open=NO_LIMIT if e.max_open is None else min(e.max_open, NO_LIMIT),
        min_credit=float(e.min_credit or 0.0),
        target_high=float(x.profit_target_high),
        target_medium=float(x.profit_target_medium),
        emergency_stop=float(x.emergency_stop),
        stop_loss=float(x.stop_loss),
        entry_slippage=float(f.entry_slippage),
        exit_slippage=float(f.exit_slippage),
        commission=float(f.commission),
        latency=f.latency_bars,
        balance=float(a.balance),
        quantity=a.quantity,
        by_kelly=a.sizing == "half-kelly",
        kelly=tuple(min(n, NO_LIMIT) for n in (k.window, k.min_trades, k.max_contracts)),  # type: ignore[arg-type]
        kelly_stop_below=float(k.stop_below),
    )  # fmt: skip


def room_for(number: int) -> Trades:
    """Empty places for trades."""
    ints = {name: np.zeros(number, dtype=np.int64) for name in Trades._fields}
    floats = ("credit", "width", "exit_value", "booked", "commission")
    wide = {"strikes": np.zeros((number, 4)), "places": np.full((number, 4), NEVER)}
    return Trades(**{**ints, **{name: np.zeros(number) for name in floats}, **wide})


def _checks(days: Sequence[Day], times: tuple[time, ...], params: ExitParams) -> Checks:
    rows = [check_rows(day.session, times, params) for day in days]
    end = [int(np.searchsorted(day.grid, end_of_day_ns(day.session, params))) for day in days]
    return Checks(
        first=np.concatenate([[0], np.cumsum([len(one) for one in rows])]).astype(np.int64),
        rows=np.array([row for one in rows for row in one], dtype=np.int64),
        end_of_day=np.array(end, dtype=np.int64),
    )
