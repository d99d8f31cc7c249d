"""The breakout above the 52-week high on backtrader: bars → the rule → its fills as orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bt_gex.bars.windows import last_stamps
from bt_gex.errors import EngineError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import new_york, utc
from bt_gex.rules.breakout import (
    BreakoutDecision,
    BreakoutParams,
    HighHistory,
    decide_breakout,
    first_evaluation,
)
from bt_gex.rules.opening_range.params import InstrumentParams
from bt_gex.rules.opening_range.session import SessionClock
from bt_gex.rules.settings import validated
from bt_gex.strategies.bar_strategy import BarStrategy, Opened, SymbolFeed
from bt_gex.trades.bar_trades import BarFill, BarTrade
from bt_gex.trades.events import BarSignal, BarTradeClosed

END_OF_DATA = "end_of_data"


class BreakoutSymbol:
    """What is known of one symbol.

    ends  stamps of the bars that end a session; None: every bar does
    """

    def __init__(
        self, feed: SymbolFeed, params: BreakoutParams, instrument: InstrumentParams
    ) -> None:
        self.feed = feed
        self.history = HighHistory(params.lookback_days)
        self.rows = 0
        self.opened: Opened | None = None
        self.last: Bar | None = None
        self.ends = _session_ends(feed, params, instrument)


def _session_ends(
    feed: SymbolFeed, params: BreakoutParams, instrument: InstrumentParams
) -> frozenset[int] | None:
    if params.eod == "session" and feed.is_daily:
        return None
    if feed.series is None:
        raise EngineError(
            f"which bar of {feed.symbol} ends a session is not known beforehand; give its bars as "
            "a BarFeed, or daily bars"
        )
    if params.eod == "last_bar":
        return frozenset()  # the end of the data closes what is open, at the same price
    return last_stamps(feed.series.stamps_ns, SessionClock(instrument))


class BreakoutStrategy(BarStrategy):
    """Buys above the highest high of the bars before, sells at the end of a session, at closes.

    rules        BreakoutParams; None: the defaults
    settings     changes to them by name: {"lookback_days": 20}, which win
    instruments  InstrumentParams by symbol, for the sessions of minutes
    trade_from   nanoseconds; bars before are history

    Each daily bar ends a session, so that a position is held from one close to the next. Symbols
    share max_positions.
    """

    params = (("rules", None), ("settings", None), ("instruments", None), ("trade_from", 0))

    def __init__(self, **unknown: Any) -> None:
        super().__init__(**unknown)
        base: BreakoutParams | None = self.p.rules
        self.rule_params = validated(
            BreakoutParams, self.p.settings or {}, "breakout_52w_high", base
        )
        instruments = self.p.instruments or {}
        self.symbols = {
            feed.symbol: BreakoutSymbol(
                feed, self.rule_params, instruments.get(feed.symbol, InstrumentParams())
            )
            for feed in self.feeds
        }

    def on_bars(self, moved: Sequence[tuple[SymbolFeed, Bar]]) -> None:
        for feed, bar in moved:
            symbol = self.symbols[feed.symbol]
            evaluated = symbol.rows >= first_evaluation(self.rule_params)
            symbol.rows, symbol.last = symbol.rows + 1, bar
            if evaluated and bar.ts_ns >= self.p.trade_from:
                self._evaluate(symbol, bar)
            symbol.history.push(bar.high)

    def on_end(self) -> None:
        for symbol in self.symbols.values():
            if symbol.opened is not None and symbol.last is not None:
                self._close(symbol, symbol.last, END_OF_DATA)

    def _evaluate(self, symbol: BreakoutSymbol, bar: Bar) -> None:
        decision = decide_breakout(
            last_price=bar.close,
            history=symbol.history,
            held_quantity=symbol.opened.quantity if symbol.opened else 0.0,
            open_positions=sum(one.opened is not None for one in self.symbols.values()),
            is_eod=symbol.ends is None or bar.ts_ns in symbol.ends,
            params=self.rule_params,
        )
        if decision.action == "close_long":
            self._close(symbol, bar, decision.reason)
        elif "breakout_entry_triggered" in decision.signals:
            self._enter(symbol, bar, decision)

    def _enter(self, symbol: BreakoutSymbol, bar: Bar, decision: BreakoutDecision) -> None:
        ignored = "max_positions" if decision.at_max_positions else None
        self.broker.stream.publish(
            BarSignal(
                at_ns=bar.ts_ns,
                symbol=symbol.feed.symbol,
                direction="long",
                price=bar.close,
                ignored=ignored,
                strength=None,
                indicators={"high_52w": decision.high},
            )
        )
        if decision.action == "open_long":
            symbol.opened = self.open_position(
                symbol.feed, "long", decision.quantity, bar.ts_ns, bar.close, decision.reason
            )

    def _close(self, symbol: BreakoutSymbol, bar: Bar, reason: str) -> None:
        opened, feed = symbol.opened, symbol.feed
        assert opened is not None
        symbol.opened = None
        self.close_part(
            feed, opened, opened.quantity, bar.ts_ns, bar.close, reason, all_that_is_left=True
        )
        local = utc if feed.is_daily else new_york
        exit_at = utc(bar.ts_ns)
        fill = BarFill(
            timestamp=exit_at, price=bar.close, quantity=opened.quantity, reason=reason
        )  # fmt: skip
        record = BarTrade(
            symbol=feed.symbol,
            trade_id=opened.trade_id,
            direction="long",
            quantity=opened.quantity,
            point_value=1.0,
            session=local(opened.at_ns).date(),
            timestamp_entry=utc(opened.at_ns),
            timestamp_exit=exit_at,
            entry_price=opened.price,
            fills=(fill,),
            exit_reason=reason,
            pnl_dollars=(bar.close - opened.price) * opened.quantity,
            max_loss_dollars=opened.price * opened.quantity,
        )
        self.broker.stream.publish(BarTradeClosed(at_ns=bar.ts_ns, trade=record))
