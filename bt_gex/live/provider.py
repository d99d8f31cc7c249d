"""Where quotes of now come from: one small protocol, and a recorded day that answers as if live.

A provider knows no strategy and decides nothing. Instants are nanoseconds UTC. `at_ns` is the
provider's own time of what it says, `received_ns` when the answer came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

from bt_gex.blackbox.tail import COLUMNS, Tail
from bt_gex.errors import ProviderError
from bt_gex.market.calendar import NS, Session
from bt_gex.market.contracts import Right
from bt_gex.market.indexes import Index
from bt_gex.sessions.day import LoadParams, load_day
from bt_gex.sessions.growing import GrowingRows, SeenAt
from bt_gex.sessions.rows import CODES

VIX = "VIX"
State = Literal["premarket", "open", "postmarket", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """An index price or the VIX; None: the provider knows none."""

    symbol: str
    price: float | None
    at_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One option. at_ns: of the newer of bid and ask, 0 when unknown; greeks by their names."""

    root: str
    strike: float
    right: Right
    bid: float | None
    ask: float | None
    last: float | None
    volume: int | None
    open_interest: int | None
    greeks: dict[str, float | None]
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The options of one root and expiration: by strike, calls before puts."""

    expiration: date
    quotes: tuple[Quote, ...]
    received_ns: int

    @property
    def at_ns(self) -> int:
        """Instant of the newest quote; 0 without any."""
        return max((quote.at_ns for quote in self.quotes), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """What the exchange does now."""

    state: State
    at_ns: int
    received_ns: int


class Provider(Protocol):
    """A source of quotes. Its methods raise ProviderError when there is no answer."""

    @property
    def name(self) -> str: ...

    def levels(self, symbols: Sequence[str]) -> dict[str, Level]:
        """Index prices and VIX by symbol, in one question; unknown symbols are left out."""
        ...

    def chain(self, index: Index, expiration: date) -> Chain:
        """The options of the index's own root that expire that day."""
        ...

    def market_state(self) -> MarketState: ...

    def close(self) -> None: ...


def ordered(quotes: Sequence[Quote]) -> tuple[Quote, ...]:
    """By strike, calls before puts."""
    return tuple(sorted(quotes, key=lambda quote: (quote.strike, quote.right)))


class RecordedProvider:
    """A day of a blackbox, answered as of the clock: what was recorded by now, and nothing later.

    now  the clock, nanoseconds UTC
    """

    def __init__(
        self,
        database: str | Path,
        index: Index,
        session: Session,
        now: Callable[[], int],
        params: LoadParams | None = None,
    ) -> None:
        self._index, self._session, self._now = index, session, now
        self._params = params or LoadParams()
        self._seen = GrowingRows(str(database), index.symbol, session, COLUMNS, keep_chains=True)
        with Tail(database, index.symbol, session) as tail:
            self.name = f"recorded {tail.name}"
            self._seen.add(tail.read())

    def as_of(self) -> SeenAt:
        """What counts at this instant."""
        return self._seen.as_of(self._now(), self._params)

    def levels(self, symbols: Sequence[str]) -> dict[str, Level]:
        now_ns, rows = self._now(), self.as_of()
        found: dict[str, Level] = {}
        for symbol in symbols:
            column = "vix" if symbol == VIX else "underlying_price"
            if symbol not in (VIX, self._index.symbol):
                continue
            newest = (0, None)
            for table in ("options_snapshots", "market_context"):
                series = rows.tables[table]
                known = series.where(series[column] == series[column])
                if len(known) and int(known.stamps[-1]) >= newest[0]:
                    newest = int(known.stamps[-1]), float(known[column][-1])  # type: ignore[assignment]
            found[symbol] = Level(
                symbol=symbol, price=newest[1], at_ns=newest[0], received_ns=now_ns
            )
        return found

    def chain(self, index: Index, expiration: date) -> Chain:
        if index.symbol != self._index.symbol or expiration != self._session.day:
            raise ProviderError(
                f"{self.name}: has {self._index.symbol} options of {self._session.day} only"
            )
        now_ns, rows = self._now(), self.as_of()
        known = _newest_chain(rows)
        quotes = []
        for strike, right in rows.options():
            leg = rows.leg((strike, right))
            if leg is None or not len(leg.stamps):
                continue
            bid, ask = (_known(float(values[-1])) for values in (leg.bid, leg.ask))
            more = known.get((strike, right), {})
            quotes.append(
                Quote(
                    root=index.option_root, strike=strike, right=right, bid=bid, ask=ask,
                    last=more.get("last"), volume=more.get("volume"),
                    open_interest=more.get("open_interest"), greeks=more.get("greeks") or {},
                    at_ns=int(leg.stamps[-1]),
                )
            )  # fmt: skip
        return Chain(expiration=expiration, quotes=ordered(quotes), received_ns=now_ns)

    def market_state(self) -> MarketState:
        now_ns, session = self._now(), self._session
        state: State = "open" if session.open_ns <= now_ns < session.close_ns else "closed"
        return MarketState(state=state, at_ns=now_ns, received_ns=now_ns)

    def pin(self) -> float | None:
        """The pin as of now, as a replay sees it."""
        import numpy as np

        at = np.array([self._now()], dtype=np.int64)
        return _known(float(load_day(self.as_of(), self._index, self._params, at).pin[0]))

    def close(self) -> None:
        pass


def _known(number: float) -> float | None:
    return number if number == number else None


def _newest_chain(rows: SeenAt) -> dict[tuple[float, Right], dict[str, Any]]:
    """What the newest snapshot says of each option besides its quote."""
    snapshots = rows.tables["options_snapshots"]
    for number in reversed(snapshots["id"].tolist()):
        text = rows.chain_text(number)
        if text:
            return {
                (float(option["strike"]), _right(option)): option for option in rows.chain(number)
            }
    return {}


def _right(option: dict[str, object]) -> Right:
    return CODES[0] if str(option.get("option_type"))[:1].upper() == "C" else CODES[1]


def age_s(at_ns: int, now_ns: int) -> float:
    """How old something is, seconds."""
    return (now_ns - at_ns) / NS
