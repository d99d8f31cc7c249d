"""Code that depends on backtrader's internals, and what each part of it gains.

Processor time on a month of SPX (20 sessions, 15,620 bars, 235 spreads), event bars / every bar,
best of 7 to 11. One run: all together 108 / 225 ms; without the bulk preload 108 / 418, with
backtrader's own orders 123 / 239, with its tick attributes 113 / 222 (noise), with garbage
collection meanwhile (`runs.collection`) 113 / 239, median 149 / 263. An earlier run of
112 / 217: without the lean advance 110 / 262, without the lean advance_peek 112 / 235, with the
account told on every bar 113 / 267.
"""

from __future__ import annotations

import itertools
import multiprocessing
import weakref
from array import array
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt
from backtrader.order import BuyOrder, OrderData, SellOrder
from backtrader.utils.autodict import AutoOrderedDict

from bt_gex.errors import EngineError
from bt_gex.market.calendar import NS, Stamps

_DAY_NS = 86_400 * NS
_EPOCH_ORDINAL = 719_163  # 1970-01-01 as date.toordinal() counts


def bt_stamps(stamps: Stamps) -> npt.NDArray[np.float64]:
    """Instants as backtrader numbers them: days since 0001-01-01 plus a fraction, naive UTC.

    Equal to backtrader's own date2num on the 30-second grid, bit for bit: two feeds that differ
    by the last bit of a stamp would be two bars.
    """
    days, rest = np.divmod(stamps, _DAY_NS)
    result: npt.NDArray[np.float64] = (days + _EPOCH_ORDINAL) + rest / _DAY_NS
    return result


class BulkFeed(bt.feed.DataBase):
    """A feed whose bars are known beforehand, one numpy array a line.

    Preloads whole lines at once; loads bar by bar when backtrader asks for that (preload off,
    exactbars, filters, resampling). Travels to forked processes as a key, not as a copy.
    """

    _registry: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
    _keys = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self._lean_lines: list[Any] | None = None  # once they are whole and in memory
        self._key = next(BulkFeed._keys)
        BulkFeed._registry[self._key] = self

    def bulk_lines(self) -> dict[str, npt.NDArray[np.float64]]:
        """Values by line name, `datetime` among them; lines not named stay 0."""
        raise NotImplementedError

    def start(self) -> None:
        super().start()
        self._lean_lines = None
        self._bulk = self.bulk_lines()
        unset = np.zeros(len(self._bulk["datetime"]))
        self._lines_and_values = [
            (getattr(self.lines, name), self._bulk.get(name, unset))
            for name in self.getlinealiases()
        ]
        self._next_row = 0

    def preload(self) -> None:
        window = (self.p.fromdate, self.p.todate, self.p.tzinput)
        if self._filters or any(limit is not None for limit in window):
            super().preload()
            return
        for line, values in self._lines_and_values:
            if line.extension:
                raise EngineError("lookahead bars cannot be added to a recorded market")
            line.array = array("d", values.tobytes())
        lines = list(self.lines.lines)
        if all(line.mode == line.UnBounded and not line.bindings for line in lines):
            self._lean_lines = lines
        self._next_row = len(self._bulk["datetime"])
        self.home()

    def _load(self) -> bool:
        row = self._next_row
        if row >= len(self._bulk["datetime"]):
            return False
        self._next_row = row + 1
        for line, values in self._lines_and_values:
            line[0] = float(values[row])
        return True

    # Backtrader copies each bar into attributes beside the lines, for bars that grow tick by tick;
    # where it finds none it reads the lines. Recorded bars never grow.
    def _tick_nullify(self) -> None:
        pass

    def _tick_fill(self, force: bool = False) -> None:
        pass

    def advance(self, size: int = 1, datamaster: Any = None, ticks: bool = True) -> None:
        if datamaster is not None or self._lean_lines is None:
            super().advance(size, datamaster, ticks)
            return
        for line in self._lean_lines:  # as each line's advance() does, in one call instead of ten
            line._idx += size
            line.lencount += size

    def advance_peek(self) -> float:
        if self._lean_lines is None:
            return float(super().advance_peek())
        line = self.lines.datetime
        after = line._idx + 1
        return float(line.array[after]) if after < len(line.array) else float("inf")

    def __reduce__(self) -> Any:
        # backtrader pickles every feed for every variant; a forked process has it already.
        if multiprocessing.get_start_method() != "fork":
            raise EngineError(
                "feeds are shared with forked processes only; run the optimizer with maxcpus=1, "
                "or call multiprocessing.set_start_method('fork') first"
            )
        return _from_key, (self._key,)


class QuietStrategy(bt.Strategy):
    """A strategy that is told cash and value of the account only where somebody listens.

    Backtrader values the account on every bar to tell it to everybody, listened to or not.
    """

    _listened_to: bool | None = None

    def _notify(self, qorders: Any = (), qtrades: Any = ()) -> None:
        if qorders or qtrades or self._account_is_told():
            super()._notify(qorders, qtrades)

    def _account_is_told(self) -> bool:
        """Whether anybody listens to what the account holds: an analyzer, or a class over this."""
        if self._listened_to is None:
            plain = (bt.Strategy, bt.Analyzer)
            hooks = ("notify_cashvalue", "notify_fund")
            own = {getattr(kind, hook) for kind in plain for hook in hooks}
            everybody = (self, *self.analyzers, *self._slave_analyzers)
            self._listened_to = any(
                getattr(type(one), hook) not in own for one in everybody for hook in hooks
            )
        return self._listened_to


class _Lean:
    """An order at the market, without what backtrader computes for limits, trails and validity.

    The end of its session, `dteos`, is computed when somebody asks for it.
    """

    @classmethod
    def made(cls, owner: Any, data: Any, size: float, exectype: int, tradeid: int) -> Any:
        """As calling the class, without setting each parameter that has its default."""
        order = object.__new__(cls)
        order.params = order.p = params = cls.params()
        params.owner, params.data, params.size = owner, data, size
        params.exectype, params.tradeid = exectype, tradeid
        order.__init__()  # type: ignore[misc]
        return order

    def __init__(self) -> None:
        params = self.p
        size = params.size if self.isbuy() else -params.size
        self.ref = next(self.refbasis)
        self.broker = self.comminfo = None
        self.info = AutoOrderedDict()
        self.triggered, self._active, self._limitoffset = False, True, 0.0
        self.status, self.exectype, self.position = self.Created, params.exectype, 0
        self.size, self.plimit = size, None
        price = params.data.close[0]
        self.created = OrderData(dt=params.data.datetime[0], size=size, price=price, pclose=price)
        self.executed = OrderData(remsize=size)

    @property
    def dteos(self) -> float:
        """End of the session as backtrader counts it: of its day, or of the next one."""
        now = self.data.num2date(self.created.dt)
        end = datetime.combine(now.date(), self.data.p.sessionend)
        return float(self.data.date2num(end if end >= now else end + timedelta(days=1)))


class LeanBuyOrder(_Lean, BuyOrder):
    """A market order to buy."""


class LeanSellOrder(_Lean, SellOrder):
    """A market order to sell."""


def _from_key(key: int) -> Any:
    feed = BulkFeed._registry[key]
    feed.home()
    return feed


LOOPS = ("_runonce", "_runnext", "_runonce_old", "_runnext_old")


def on_error(cerebro: Any, tell: Callable[[BaseException], None]) -> None:
    """Call when the run that has begun ends with an exception, which goes on after that.

    Backtrader stops neither strategies nor analyzers then.
    """

    def wrapped(run: Any) -> Any:
        def loop(strategies: Any) -> None:
            for name in LOOPS:  # another run of this cerebro is told of by who watches that one
                vars(cerebro).pop(name, None)
            try:
                run(strategies)
            except BaseException as error:
                tell(error)
                raise

        return loop

    for name in LOOPS:
        setattr(cerebro, name, wrapped(getattr(cerebro, name)))
