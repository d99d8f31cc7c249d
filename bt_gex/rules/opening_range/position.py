"""An open trade and what one bar does to it."""

from __future__ import annotations

from dataclasses import dataclass

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.plan import Plan
from bt_gex.rules.opening_range.prices import (
    SIGN,
    TOLERANCE,
    Side,
    at_least,
    best_of,
    beyond,
    opposite,
    reaches,
    snap_stop,
    worst_of,
)
from bt_gex.rules.opening_range.records import (
    Event,
    ExitFill,
    ExitFilled,
    ExitReason,
    RangeTrade,
    StopMoved,
    StopReason,
    TradeClosed,
)
from bt_gex.rules.opening_range.session import MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of an entry besides its plan, for the trade's record.

    intrabar  filled at the trigger inside the bar, not at its open
    """

    ts_ns: int
    intrabar: bool
    score: float
    required: int
    factors: tuple[str, ...]
    or_high: float
    or_low: float
    or_minutes: int
    atr: float | None


class Position:
    """One open trade."""

    def __init__(self, plan: Plan, entry: Entry, params: OpeningRangeParams) -> None:
        self.plan, self.entry = plan, entry
        self._params = params
        self.stop = plan.stop
        self.stop_reason: StopReason = "stop"
        self.remaining = 1.0
        self._open_targets = list(enumerate(plan.targets, start=1))
        self._fills: list[ExitFill] = []
        self._best = plan.fill
        self._mfe_r = self._mae_r = 0.0

    @property
    def side(self) -> Side:
        """Long or short."""
        return self.plan.side

    @property
    def is_closed(self) -> bool:
        """Nothing is left open."""
        return self.remaining <= TOLERANCE

    def manage(self, bar: Bar, atr: float | None) -> list[Event]:
        """Stop, targets, age and the next bar's stop, in this order; the entry bar's, too."""
        is_entry_bar = bar.ts_ns == self.entry.ts_ns
        if not is_entry_bar and self._reaches_stop(bar.open):
            return self.close(bar.ts_ns, bar.open, self.stop_reason)
        intrabar = is_entry_bar and self.entry.intrabar
        conservative = self._params.backtest.conservative_fills
        worst = worst_of(self.side, bar)
        hit = self._reaches_stop(bar.close if intrabar and not conservative else worst)
        if hit and conservative:
            return self.close(bar.ts_ns, self.stop, self.stop_reason)
        events = self._take_targets(bar, intrabar)
        if hit and not self.is_closed:
            return events + self.close(bar.ts_ns, self.stop, self.stop_reason)
        self._note(self._worse(self.plan.fill, bar.close) if intrabar else worst)
        if self.is_closed:
            return [*events, self._closed(bar.ts_ns, "targets")]
        self._note(best_of(self.side, bar))
        if self._is_old(bar):
            return events + self.close(bar.ts_ns, bar.close, "time_stop")
        return events + self._move_stop(bar, atr)

    def close(self, ts_ns: int, price: float, reason: ExitReason) -> list[Event]:
        """All that is left at this price, less slippage."""
        slippage = self._params.trade.slippage_ticks * self._params.instrument.tick_size
        filled = self._fill(ts_ns, price - SIGN[self.side] * slippage, self.remaining, reason)
        return [filled, self._closed(ts_ns, reason)]

    def _reaches_stop(self, price: float) -> bool:
        return reaches(opposite(self.side), price, self.stop)

    def _take_targets(self, bar: Bar, intrabar: bool) -> list[Event]:
        best = best_of(self.side, bar)
        reached = [item for item in self._open_targets if reaches(self.side, best, item[1].price)]
        self._open_targets = [item for item in self._open_targets if item not in reached]
        events: list[Event] = []
        for number, target in reached:
            price = target.price if intrabar else self._better(target.price, bar.open)
            events.append(self._fill(bar.ts_ns, price, target.fraction, f"target_{number}"))
        return events

    def _move_stop(self, bar: Bar, atr: float | None) -> list[Event]:
        trade, sign = self._params.trade, SIGN[self.side]
        self._best = self._better(self._best, best_of(self.side, bar))
        best_r = self._r(self._best)
        before = self.stop
        if at_least(best_r, trade.move_be_at_r):
            self._tighten(self.plan.fill + sign * trade.be_buffer, "breakeven_stop")
        multiple = trade.trail_atr_mult
        if multiple is not None and atr is not None and at_least(best_r, trade.trail_start_r):
            self._tighten(self._best - sign * multiple * atr, "trail_stop")
        if self.stop == before:
            return []
        return [StopMoved(ts_ns=bar.ts_ns, stop=self.stop, reason=self.stop_reason)]

    def _tighten(self, price: float, reason: StopReason) -> None:
        stop = snap_stop(self.side, price, self._params.instrument.tick_size)
        if beyond(self.side, stop, self.stop):
            self.stop, self.stop_reason = stop, reason

    def _is_old(self, bar: Bar) -> bool:
        limit = self._params.trade.max_minutes
        return limit is not None and bar.ts_ns - self.entry.ts_ns >= limit * MINUTE_NS

    def _fill(self, ts_ns: int, price: float, fraction: float, reason: str) -> ExitFilled:
        fill = ExitFill(ts_ns, price, fraction, reason)
        self._fills.append(fill)
        self.remaining -= fraction
        self._note(price)
        return ExitFilled(fill=fill)

    def _note(self, price: float) -> None:
        r = self._r(price)
        self._mfe_r, self._mae_r = max(self._mfe_r, r), min(self._mae_r, r)

    def _r(self, price: float) -> float:
        return SIGN[self.side] * (price - self.plan.fill) / self.plan.risk

    def _better(self, a: float, b: float) -> float:
        return max(a, b) if self.side == "long" else min(a, b)

    def _worse(self, a: float, b: float) -> float:
        return min(a, b) if self.side == "long" else max(a, b)

    def _closed(self, ts_ns: int, reason: ExitReason) -> TradeClosed:
        plan, entry, fills = self.plan, self.entry, tuple(self._fills)
        points = sum(f.fraction * SIGN[self.side] * (f.price - plan.fill) for f in fills)
        return TradeClosed(
            trade=RangeTrade(
                side=plan.side,
                entry_ns=entry.ts_ns,
                exit_ns=ts_ns,
                entry_price=plan.fill,
                gap_entry=not entry.intrabar,
                stop=plan.stop,
                risk=plan.risk,
                targets=plan.targets,
                fills=fills,
                exit_reason=reason,
                contracts=plan.contracts,
                realized_r=points / plan.risk,
                pnl_dollars=plan.contracts * points * self._params.instrument.point_value,
                mfe_r=self._mfe_r,
                mae_r=self._mae_r,
                score=entry.score,
                required=entry.required,
                factors=entry.factors,
                or_high=entry.or_high,
                or_low=entry.or_low,
                or_minutes=entry.or_minutes,
                atr=entry.atr,
            )
        )
