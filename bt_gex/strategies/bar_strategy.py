"""What the bar strategies share: the bars that are new, fills by the rules, the end of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import backtrader as bt
from backtrader.resamplerfilter import Replayer

from bt_gex.bars.series import BarSeries
from bt_gex.brokers.bars import BarBroker, RuleFill
from bt_gex.errors import EngineError, UnknownName
from bt_gex.feeds.backtrader_internals import QuietStrategy
from bt_gex.feeds.bars import BarFeed
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NS, utc
from bt_gex.trades.bar_trades import Direction, trade_id_of

MINUTE_NS = 60 * NS
_EPOCH_ORDINAL = 719_163  # 1970-01-01 as backtrader counts days


class SymbolFeed:
    """A feed of one symbol, and how much of it the strategy has seen.

    is_daily  whether its bars are days, not minutes
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.symbol = str(data._name)
        self.series: BarSeries | None = data.p.series if isinstance(data, BarFeed) else None
        self.is_daily = bool(data._timeframe == bt.TimeFrame.Days)
        self.seen = 0
        lines = data.lines
        self._stamp = lines.datetime
        self._exact_ns: Callable[[], int] | None = getattr(data, "exact_ns", None)
        self._values = (lines.open, lines.high, lines.low, lines.close, lines.volume)
        # Minutes that come as they stand in the series are made from its columns: reading six lines
        # bar by bar takes as long as the rules do.
        window = (data.p.fromdate, data.p.todate, data.p.tzinput)
        is_whole = not data._filters and all(limit is None for limit in window)
        self._rows: Iterator[Bar] | None = None
        if self.series is not None and is_whole and not self.is_daily and not self._exact_ns:
            self._rows = self.series.rows()

    def has_moved(self) -> bool:
        """Whether there is a bar that was not seen."""
        return bool(self._stamp.lencount != self.seen)

    @property
    def is_done(self) -> bool:
        """Whether all its bars were seen; False where it does not know how many there are."""
        return self.series is not None and self.seen >= len(self.series)

    def bar(self) -> Bar:
        """The current one, now seen. Stamps are whole minutes, whatever a float makes of them,
        unless the feed knows them better."""
        count, before = self._stamp.lencount, self.seen
        self.seen = count
        if self._rows is not None and count == before + 1:
            return next(self._rows)
        self._rows = None
        if self._exact_ns is not None:
            ns = self._exact_ns()
        else:
            ns = round((self._stamp[0] - _EPOCH_ORDINAL) * 1440) * MINUTE_NS
        o, high, low, close, volume = self._values
        return Bar(ns, o[0], high[0], low[0], close[0], volume[0])


class Opened(NamedTuple):
    """An open position: its name, side, quantity, and where it was entered."""

    trade_id: str
    direction: Direction
    quantity: float
    at_ns: int
    price: float


class BarStrategy(QuietStrategy):
    """Base of the strategies over bars; each feed is one symbol, by its name.

    The broker is a BarBroker. A stamp that several feeds share is dealt with at once, in the order
    in which the feeds were added.
    """

    def __init__(self, **unknown: Any) -> None:
        for name in unknown:
            known = [known for known, _ in self.params._getitems()]
            raise UnknownName("strategy parameter", name, known)
        self.feeds = [SymbolFeed(data) for data in self.datas]
        names = [feed.symbol for feed in self.feeds]
        for name in names:
            if not name or names.count(name) > 1:
                raise EngineError(
                    f"{type(self).__name__} tells feeds by their names, got {names}; give each its "
                    "symbol: adddata(feed, name='SPY')"
                )

    def start(self) -> None:
        if not isinstance(self.broker, BarBroker):
            raise EngineError(
                f"{type(self).__name__} trades through a BarBroker; call "
                "cerebro.setbroker(BarBroker())"
            )
        for feed in self.feeds:
            filters = [kind for kind, *_ in feed.data._filters]
            if Replayer in filters:
                raise EngineError("replayed bars change while they are seen; use adddata instead")

    def prenext(self) -> None:
        # Backtrader holds next() back until every feed has a bar; no symbol waits for another.
        self.next()

    def next(self) -> None:
        moved: list[tuple[SymbolFeed, Bar]] = []
        for feed in self.feeds:
            if feed.has_moved():
                moved.append((feed, feed.bar()))
        if moved:
            self.on_bars(moved)
            if moved[0][0].is_done and all(feed.is_done for feed in self.feeds):
                self.on_end()

    def stop(self) -> None:
        self.on_end()

    def on_bars(self, moved: Sequence[tuple[SymbolFeed, Bar]]) -> None:
        """The bars of one stamp are over."""
        raise NotImplementedError

    def on_end(self) -> None:
        """The data is at its end; may be called twice."""
        raise NotImplementedError

    def require_minutes(self) -> None:
        """Raise EngineError where a feed does not hold bars of one minute."""
        for feed in self.feeds:
            data = feed.data
            if (data._timeframe, data._compression) != (bt.TimeFrame.Minutes, 1):
                raise EngineError(
                    f"{type(self).__name__} needs bars of one minute; feed {feed.symbol} must have "
                    "timeframe=bt.TimeFrame.Minutes, compression=1"
                )

    def open_position(
        self,
        feed: SymbolFeed,
        direction: Direction,
        quantity: float,
        at_ns: int,
        price: float,
        reason: str,
        *,
        point_value: float = 1.0,
        stop: float | None = None,
        target: float | None = None,
    ) -> Opened:
        """Send the order of an entry the rules have filled."""
        opened = Opened(
            trade_id_of(direction, utc(at_ns)), direction, quantity, at_ns, price
        )  # fmt: skip
        fill = RuleFill(
            symbol=feed.symbol, trade_id=opened.trade_id, at_ns=at_ns, opening=True, price=price,
            reason=reason, point_value=point_value, stop=stop, target=target,
        )  # fmt: skip
        send = self.buy if direction == "long" else self.sell
        send(data=feed.data, size=quantity, rule_fill=fill)
        return opened

    def close_part(
        self,
        feed: SymbolFeed,
        opened: Opened,
        quantity: float,
        at_ns: int,
        price: float,
        reason: str,
        *,
        all_that_is_left: bool,
        point_value: float = 1.0,
    ) -> None:
        """Send the order of an exit the rules have filled."""
        fill = RuleFill(
            symbol=feed.symbol, trade_id=opened.trade_id, at_ns=at_ns, opening=False, price=price,
            reason=reason, point_value=point_value, all_that_is_left=all_that_is_left,
        )  # fmt: skip
        send = self.sell if opened.direction == "long" else self.buy
        send(data=feed.data, size=quantity, rule_fill=fill)
