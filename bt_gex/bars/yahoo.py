"""Bars from Yahoo, through yfinance (`pip install 'bt-gex[yahoo]'`).

What Yahoo gives, in words: minutes of about the last 30 days only, a week of them a request, so a
longer range is asked for in parts and an older one is refused; regular hours only, unless
`extended_hours` is on, and those bars have no volume; daily bars over decades. Prices are adjusted
for splits by Yahoo itself (those kept before a split are not), and not for dividends. A bar that is
not over yet is left out, and counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bt_gex.bars.checks import checked_bars
from bt_gex.bars.factors import NO_FACTORS, Factors, day_labels
from bt_gex.bars.series import LENGTH_NS, VALUES, BarSeries, Interval, in_dates
from bt_gex.bars.source import Provider
from bt_gex.errors import BadValue, DataError, UnknownName
from bt_gex.market.calendar import NEW_YORK, Stamps, instant_ns, sessions
from bt_gex.market.quotes import Prices
from bt_gex.storage.reading import first_line

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

MINUTE_DAYS = 29  # before today that still are within the last 30 days
DAYS_A_REQUEST = 7
TRIES = 3
UNFINISHED = "unfinished"
NO_PRICE = "no price"

# Symbol, first day, day after the last one, interval, extended hours.
Fetch = Callable[[str, date, date, Interval, bool], "pd.DataFrame"]


class YahooBars(Provider):
    """Bars of these symbols.

    fetch        asks Yahoo; raises any exception when that fails
    now, sleep   the clock, and waiting
    """

    provider = "yahoo"

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        extended_hours: bool = False,
        fetch: Fetch | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._symbols = tuple(sorted(symbols))
        self._extended_hours = extended_hours
        self._fetch = fetch or ask_yahoo
        self._now = now
        self._sleep = sleep

    def symbols(self, interval: Interval = "1m") -> tuple[str, ...]:
        """Those it was made for; Yahoo has no list."""
        return self._symbols

    def minute_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """Minutes of the last 30 days. Raises DataError for a range that reaches back farther."""
        oldest = self._today() - timedelta(days=MINUTE_DAYS)
        if start < oldest:
            raise DataError(
                f"Yahoo keeps minutes for about 30 days: {symbol} from {start} is not available; "
                f"start on {oldest} or later, or read the bars from files"
            )
        return self._read(symbol, "1m", start, end)

    def daily_bars(self, symbol: str, start: date, end: date) -> BarSeries:
        """Daily bars, adjusted for splits."""
        return self._read(symbol, "1d", start, end)

    def factors(self, symbol: str) -> Factors:
        """None: Yahoo's prices are adjusted for splits already, and are not for dividends."""
        return NO_FACTORS

    def settings(self, symbol: str, interval: Interval) -> Mapping[str, str | int | float | bool]:
        """What is asked for beside symbol, interval and dates."""
        return {"extended_hours": self._extended_hours, "auto_adjust": False}

    def is_settled(self, end: date) -> bool:
        """Whether the range ends before today, New York."""
        return end < self._today()

    def _today(self) -> date:
        return self._now().astimezone(NEW_YORK).date()

    def _read(self, symbol: str, interval: Interval, start: date, end: date) -> BarSeries:
        if symbol not in self._symbols:
            raise UnknownName("symbol", symbol, self._symbols)
        if end < start:
            raise BadValue(f"end {end} lies before start {start}; give an end on or after it")
        frames = [
            self._ask(symbol, interval, first, after)
            for first, after in _requests(interval, start, end)
            if self._has_begun(first, after)
        ]
        stamps, values = _columns(frames, interval, symbol)
        priced = ~np.logical_and.reduce([np.isnan(values[name]) for name in VALUES[:4]])
        over = self._is_over(stamps, interval)
        asked = in_dates(stamps, interval, start, end)
        odd = {
            NO_PRICE: int((asked & ~priced).sum()),
            UNFINISHED: int((asked & priced & ~over).sum()),
        }
        keep = asked & priced & over
        kept = {name: column[keep] for name, column in values.items()}
        return checked_bars(symbol, interval, stamps[keep], kept, f"Yahoo, {symbol}", odd)

    def _has_begun(self, first: date, after: date) -> bool:
        """Whether a session of these days has: only then there can be an answer."""
        now_ns = instant_ns(self._now())
        return any(s.open_ns < now_ns for s in sessions(first, after - timedelta(days=1)))

    def _is_over(self, stamps: Stamps, interval: Interval) -> npt.NDArray[np.bool_]:
        """Which bars can no longer change: a minute at its end, a day when its session is over."""
        now = self._now()
        if interval == "1m":
            return np.asarray(stamps + LENGTH_NS["1m"] <= instant_ns(now), dtype=np.bool_)
        today = self._today()
        is_closed = all(session.close_ns <= instant_ns(now) for session in sessions(today, today))
        end_ns = day_labels([today])[0] + (LENGTH_NS["1d"] if is_closed else 0)
        return np.asarray(stamps < end_ns, dtype=np.bool_)

    def _ask(self, symbol: str, interval: Interval, first: date, after: date) -> pd.DataFrame:
        """One request, tried again after 1 and 2 seconds."""
        last = after - timedelta(days=1)
        for attempt in range(TRIES):
            try:
                frame = self._fetch(symbol, first, after, interval, self._extended_hours)
                if len(frame):
                    return frame
                why = "the answer is empty"
            except ImportError:
                raise DataError("Yahoo needs yfinance: pip install 'bt-gex[yahoo]'") from None
            except Exception as error:  # any error of yfinance or of the network
                why = first_line(error)
            log.warning("Yahoo, %s %s to %s: %s", symbol, first, last, why)
            if attempt < TRIES - 1:
                self._sleep(float(2**attempt))
        raise DataError(
            f"Yahoo gave no bars of {symbol} ({interval}) from {first} to {last} in {TRIES} tries: "
            f"{why}; check the symbol and try again later"
        )


def _requests(interval: Interval, start: date, end: date) -> Iterator[tuple[date, date]]:
    """Parts of a range: first day and the day after the last one."""
    after = end + timedelta(days=1)
    step = timedelta(days=DAYS_A_REQUEST) if interval == "1m" else after - start
    while start < after:
        yield start, min(start + step, after)
        start += step


def _columns(
    frames: Sequence[pd.DataFrame], interval: Interval, symbol: str
) -> tuple[Stamps, dict[str, Prices]]:
    stamps: list[Stamps] = [np.empty(0, np.int64)]
    columns: dict[str, list[Prices]] = {name: [np.empty(0)] for name in VALUES}
    for frame in frames:
        index: Any = frame.index
        if getattr(index, "tz", None) is None:
            raise DataError(f"Yahoo, {symbol}: times without a zone; they can't be placed")
        if interval == "1d":
            stamps.append(day_labels(list(index.date)))
        else:
            stamps.append(index.tz_convert("UTC").as_unit("ns").asi8)
        for name in VALUES:
            columns[name].append(frame[name.capitalize()].to_numpy(dtype=np.float64))
    return np.concatenate(stamps), {name: np.concatenate(parts) for name, parts in columns.items()}


def ask_yahoo(
    symbol: str, first: date, after: date, interval: Interval, extended_hours: bool
) -> pd.DataFrame:
    """What yfinance answers; its exceptions are raised, not logged."""
    import yfinance

    settings = yfinance.config.debug
    before = settings.hide_exceptions
    settings.hide_exceptions = False
    try:
        answer: pd.DataFrame = yfinance.Ticker(symbol).history(
            start=first.isoformat(),
            end=after.isoformat(),
            interval=interval,
            auto_adjust=False,
            actions=False,
            prepost=extended_hours,
        )
        return answer
    finally:
        settings.hide_exceptions = before
